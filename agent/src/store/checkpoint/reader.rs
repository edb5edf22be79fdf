//! Checking a checkpoint from end to end, and reading rows out of it in place.

use std::fmt;

use aws_lc_rs::digest;

use crate::store::checkpoint::{HEADER, TRAILER, parse_header, path};
use crate::store::codec::{Digest, Reader, finish, offset};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{Error, io_at};
use crate::store::journal::Anchor;
use crate::store::rows::{Page, Row, Rows};

/// How much is read at a time while checking.
const WINDOW: usize = 256 << 10;
/// One key is remembered per so many bytes: a look-up reads no more than this and one row.
const BLOCK: u64 = 16 << 10;

/// A checkpoint that was found whole.
pub struct Checkpoint {
    path: String,
    file: Box<dyn DiskFile>,
    anchor: Anchor,
    digest: Digest,
    count: u64,
    /// The first key of each block and where it is, then the end of the rows.
    blocks: Vec<(Box<[u8]>, u64)>,
    end: u64,
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("path", &self.path)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Reads the checkpoint at `sequence` once and keeps what finds its rows again.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with the offset at which it is not what was written.
    pub fn load(disk: &dyn Disk, sequence: u64) -> Result<Self, Error> {
        let path = path(sequence);
        let file = disk.open(&path).map_err(io_at("open", &path))?;
        let length = file.length().map_err(io_at("read", &path))?;
        let mut check = Check::new(&path, &*file, length);
        let anchor = parse_header(check.take(HEADER)?)
            .filter(|anchor| anchor.sequence == sequence)
            .ok_or_else(|| check.damaged("the header is not valid"))?;
        check.rows()?;
        let (end, count) = (check.offset, check.count);
        let digest = check.trailer()?;
        let blocks = check.blocks;
        Ok(Self { path, file, anchor, digest, count, blocks, end })
    }

    /// Returns where in the journal it stands.
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// Returns the SHA-256 over it.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the number of rows.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the length of the file.
    pub fn length(&self) -> u64 {
        self.end.saturating_add(offset(TRAILER))
    }

    /// Reads block number `block`, or nothing after the last.
    fn block(&self, block: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some((_, start)) = self.blocks.get(block) else {
            return Ok(None);
        };
        let next = self.blocks.get(block.saturating_add(1));
        let end = next.map_or(self.end, |(_, end)| *end);
        let length = usize::try_from(end.saturating_sub(*start)).unwrap_or(0);
        let mut bytes = vec![0; length];
        let read = self.file.read_at(&mut bytes, *start).map_err(io_at("read", &self.path))?;
        if read < length {
            return Err(self.damaged(*start, "the file was cut while it was in use"));
        }
        Ok(Some(bytes))
    }

    /// Returns the block that would hold `key`.
    fn block_of(&self, key: &[u8]) -> usize {
        self.blocks.partition_point(|(first, _)| **first <= *key).saturating_sub(1)
    }

    fn damaged(&self, offset: u64, what: &'static str) -> Error {
        Error::Checkpoint { path: self.path.as_str().into(), offset, what }
    }
}

impl Rows for Checkpoint {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some(block) = self.block(self.block_of(key))? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&block);
        while let Some((found, value)) = read_row(&mut reader) {
            if found >= key {
                return Ok((found == key).then(|| value.to_vec()));
            }
        }
        Ok(None)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        let mut rows: Vec<Row> = Vec::new();
        let mut block = self.block_of(from);
        while let Some(bytes) = self.block(block)? {
            let mut reader = Reader::new(&bytes);
            while let Some((key, value)) = read_row(&mut reader) {
                if to.is_some_and(|to| key >= to) {
                    return Ok(Page { rows, next: None });
                }
                if key >= from && rows.len() >= limit {
                    return Ok(Page { rows, next: Some(key.to_vec()) });
                }
                if key >= from {
                    rows.push((key.to_vec(), value.to_vec()));
                }
            }
            block = block.saturating_add(1);
        }
        Ok(Page { rows, next: None })
    }
}

fn read_row<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let (key, value) = (reader.length()?, reader.length()?);
    Some((reader.bytes(key)?, reader.bytes(value)?))
}

/// One pass over a file.
struct Check<'a> {
    path: &'a str,
    file: &'a dyn DiskFile,
    length: u64,
    offset: u64,
    window: Vec<u8>,
    window_at: u64,
    digest: digest::Context,
    blocks: Vec<(Box<[u8]>, u64)>,
    count: u64,
}

impl<'a> Check<'a> {
    fn new(path: &'a str, file: &'a dyn DiskFile, length: u64) -> Self {
        Self {
            path,
            file,
            length,
            offset: 0,
            window: Vec::new(),
            window_at: 0,
            digest: digest::Context::new(&digest::SHA256),
            blocks: Vec::new(),
            count: 0,
        }
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Checkpoint { path: self.path.into(), offset: self.offset, what }
    }

    /// Takes `length` bytes; what leaves the window goes into the digest.
    fn take(&mut self, length: usize) -> Result<&[u8], Error> {
        let end = self.offset.saturating_add(offset(length));
        if end > self.length {
            return Err(self.damaged("the file ends too early"));
        }
        let held = self.window_at.saturating_add(offset(self.window.len()));
        if end > held {
            let used = usize::try_from(self.offset.saturating_sub(self.window_at)).unwrap_or(0);
            let (taken, _) = self.window.split_at_checked(used).unwrap_or_default();
            self.digest.update(taken);
            let left = usize::try_from(self.length.saturating_sub(self.offset)).unwrap_or(0);
            self.window.resize(length.max(WINDOW).min(left), 0);
            self.window_at = self.offset;
            let read = self.file.read_at(&mut self.window, self.offset);
            let read = read.map_err(io_at("read", self.path))?;
            self.window.truncate(read);
        }
        let start = usize::try_from(self.offset.saturating_sub(self.window_at)).unwrap_or(0);
        let range = start..start.saturating_add(length);
        self.offset = end;
        self.window.get(range).ok_or(Error::Checkpoint {
            path: self.path.into(),
            offset: self.window_at,
            what: "the file ends too early",
        })
    }

    fn length_field(&mut self) -> Result<usize, Error> {
        let field = self.take(4)?;
        Ok(Reader::new(field).length().unwrap_or_default())
    }

    /// Reads the rows and the zero that ends them; the offset is then that of the zero.
    fn rows(&mut self) -> Result<(), Error> {
        let mut previous = Vec::new();
        let mut block_at = 0_u64;
        loop {
            let start = self.offset;
            let key_length = self.length_field()?;
            if key_length == 0 {
                self.offset = start;
                return Ok(());
            }
            let value_length = self.length_field()?;
            let key = self.take(key_length)?;
            let ascends = *key > *previous;
            previous.clear();
            previous.extend_from_slice(key);
            if !ascends {
                return Err(self.damaged("the keys do not ascend"));
            }
            self.take(value_length)?;
            self.count = self.count.saturating_add(1);
            if self.blocks.is_empty() || self.offset.saturating_sub(block_at) > BLOCK {
                self.blocks.push((previous.as_slice().into(), start));
                block_at = start;
            }
        }
    }

    fn trailer(&mut self) -> Result<Digest, Error> {
        self.take(4)?;
        let field = self.take(8)?;
        let count = Reader::new(field).u64();
        if count != Some(self.count) {
            return Err(self.damaged("the number of rows does not agree"));
        }
        let covered = usize::try_from(self.offset.saturating_sub(self.window_at)).unwrap_or(0);
        let (taken, _) = self.window.split_at_checked(covered).unwrap_or_default();
        self.digest.update(taken);
        // What comes next is not part of what it covers.
        let digest = finish(self.digest.clone().finish());
        self.window.clear();
        self.window_at = self.offset;
        let recorded = self.take(32)?;
        if recorded != digest {
            return Err(self.damaged("the digest does not agree"));
        }
        if self.offset != self.length {
            return Err(self.damaged("something follows the digest"));
        }
        Ok(digest)
    }
}
