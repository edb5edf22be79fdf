//! Checkpoints: all rows at one sequence number, sorted, in one file with a digest.
//!
//! A checkpoint only shortens the way from the journal to the rows; with the whole journal none is
//! needed. It appears under its name complete and durable or not at all. It is read in place: a
//! sparse table of keys, made while it is checked, finds a row with one read, so that a start can
//! serve from it before the index is rebuilt. Layout, little-endian:
//!
//! ```text
//!  0  "RCCP"            48  rows in ascending order of keys:
//!  4  version, u16          key length, u32, not 0; value length, u32; key; value
//!  6  zero, u16         ..  zero, u32: the end of the rows
//!  8  sequence, u64         row count, u64
//! 16  SHA-256 of the        SHA-256 over all before it
//!     frame with it
//! ```

use std::sync::Arc;

use aws_lc_rs::digest;

use crate::store::codec::{Digest, Reader, finish, length32, offset};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{Error, io_at};
use crate::store::journal::Anchor;
use crate::store::rows::Row;

mod reader;

pub use reader::Checkpoint;

const MAGIC: [u8; 4] = *b"RCCP";
const VERSION: u16 = 1;
const HEADER: usize = 48;
const TRAILER: usize = 44;
const PREFIX: &str = "checkpoint-";
const PARTIAL: &str = ".partial";
const BUFFER: usize = 256 << 10;

/// Returns the path of the checkpoint at `sequence`.
pub(crate) fn path(sequence: u64) -> String {
    format!("{PREFIX}{sequence:020}")
}

/// Returns the sequence numbers of the checkpoints that there are, newest first.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<u64>, Error> {
    let names = disk.list("").map_err(io_at("read", ""))?;
    let digits = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let numbers =
        digits.filter(|digits| digits.len() == 20).filter_map(|digits| digits.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    Ok(numbers)
}

/// Reads only where in the journal the checkpoint at `sequence` stands.
pub(crate) fn anchor(disk: &dyn Disk, sequence: u64) -> Result<Anchor, Error> {
    let path = path(sequence);
    let file = disk.open(&path).map_err(io_at("open", &path))?;
    let mut header = [0; HEADER];
    file.read_at(&mut header, 0).map_err(io_at("read", &path))?;
    parse_header(&header).filter(|anchor| anchor.sequence == sequence).ok_or(Error::Checkpoint {
        path: path.into(),
        offset: 0,
        what: "the header is not valid",
    })
}

/// Writes `rows`, which are in ascending order of keys, as the checkpoint at `anchor`.
///
/// # Errors
/// When a row cannot be read or the file not written; the file then does not appear.
pub(crate) fn write(
    disk: &dyn Disk,
    anchor: &Anchor,
    rows: &mut dyn Iterator<Item = Result<Row, Error>>,
) -> Result<Digest, Error> {
    let path = path(anchor.sequence);
    let partial = format!("{path}{PARTIAL}");
    if disk.exists(&partial).map_err(io_at("read", &partial))? {
        disk.remove(&partial).map_err(io_at("remove", &partial))?;
    }
    let file = disk.create(&partial).map_err(io_at("create", &partial))?;
    let written = write_rows(file, &partial, anchor, rows).and_then(|digest| {
        disk.rename(&partial, &path).map_err(io_at("rename", &partial))?;
        disk.sync_dir("").map_err(io_at("sync", &path))?;
        Ok(digest)
    });
    if written.is_err() {
        drop(disk.remove(&partial));
    }
    written
}

fn write_rows(
    file: Box<dyn DiskFile>,
    path: &str,
    anchor: &Anchor,
    rows: &mut dyn Iterator<Item = Result<Row, Error>>,
) -> Result<Digest, Error> {
    let mut writer = Writer::new(file, path);
    writer.put(&MAGIC)?;
    writer.put(&VERSION.to_le_bytes())?;
    writer.put(&[0; 2])?;
    writer.put(&anchor.sequence.to_le_bytes())?;
    writer.put(&anchor.hash)?;
    let mut count = 0_u64;
    for row in rows {
        let (key, value) = row?;
        writer.put(&length32(key.len()).to_le_bytes())?;
        writer.put(&length32(value.len()).to_le_bytes())?;
        writer.put(&key)?;
        writer.put(&value)?;
        count = count.saturating_add(1);
    }
    writer.put(&[0; 4])?;
    writer.put(&count.to_le_bytes())?;
    writer.finish()
}

/// Removes what an interrupted write left, and all but the two newest checkpoints.
///
/// Two, because one may prove damaged when it is needed.
pub(crate) fn prune(disk: &dyn Disk) -> Result<(), Error> {
    let names = disk.list("").map_err(io_at("read", ""))?;
    let partial =
        names.into_iter().filter(|name| name.starts_with(PREFIX) && name.ends_with(PARTIAL));
    let old = list(disk)?.into_iter().skip(2).map(path);
    for path in partial.chain(old) {
        disk.remove(&path).map_err(io_at("remove", &path))?;
    }
    Ok(())
}

/// Takes a checkpoint that is not valid out of the way.
pub(crate) fn set_aside(disk: &dyn Disk, sequence: u64) -> Result<String, Error> {
    let path = path(sequence);
    let aside = format!("{path}.damaged");
    disk.rename(&path, &aside).map_err(io_at("rename", &path))?;
    disk.sync_dir("").map_err(io_at("sync", &aside))?;
    Ok(aside)
}

fn parse_header(bytes: &[u8]) -> Option<Anchor> {
    let mut reader = Reader::new(bytes);
    let known = reader.array()? == MAGIC && reader.u16()? == VERSION && reader.u16()? == 0;
    let anchor = Anchor { sequence: reader.u64()?, hash: reader.array()? };
    known.then_some(anchor)
}

/// A file being written in large pieces, and the digest over it.
struct Writer<'a> {
    file: Arc<dyn DiskFile>,
    path: &'a str,
    buffer: Vec<u8>,
    offset: u64,
    digest: digest::Context,
}

impl<'a> Writer<'a> {
    fn new(file: Box<dyn DiskFile>, path: &'a str) -> Self {
        Self {
            file: file.into(),
            path,
            buffer: Vec::with_capacity(BUFFER),
            offset: 0,
            digest: digest::Context::new(&digest::SHA256),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.digest.update(&self.buffer);
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Error> {
        self.file.write_at(&self.buffer, self.offset).map_err(io_at("write", self.path))?;
        self.offset = self.offset.saturating_add(offset(self.buffer.len()));
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Digest, Error> {
        self.digest.update(&self.buffer);
        self.drain()?;
        let digest = finish(self.digest.clone().finish());
        self.buffer.extend_from_slice(&digest);
        self.drain()?;
        self.file.sync_data().map_err(io_at("sync", self.path))?;
        Ok(digest)
    }
}

#[cfg(test)]
mod tests;
