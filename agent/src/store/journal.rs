//! The journal: an append-only chain of frames, the truth of the store.
//!
//! One frame holds one group and is written into zeros that were made durable before, so that
//! `fdatasync` has no metadata to write; it is written only when the frame before is durable. The
//! invariant: up to the journal's head everything is durable, and nothing else is ever acknowledged.
//! What an entry means is none of its business.

use std::sync::Arc;

use crate::store::codec::{offset, sha256};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{Error, io_at};

mod entries;
mod frame;
mod recovery;
mod reserve;
mod segment;

pub use entries::{Entries, Entry};
pub use frame::Anchor;
pub use recovery::{EntryRef, Tail, Torn, walk, walk_from_first};

pub(crate) use frame::PAYLOAD_LIMIT;
pub(crate) use reserve::Reserve;
pub(crate) use segment::{DIRECTORY, list as segments, path as segment_path};

/// How far ahead zeros are written: at 4 KiB a group one sync in 256 pays for it.
pub(crate) const STEP: u64 = 1 << 20;
/// What is asked for when a whole step does not fit any more.
const BLOCK: u64 = 4 << 10;

/// What a full disk must have again for everything to go on: the reserve, and the next step.
pub(crate) const ROOM: u64 = reserve::SIZE + STEP;

/// Why a frame was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The journal is as it was before: only this group failed.
    Refused(Error),
    /// What is on disk is in doubt: the process must end.
    Fatal(Error),
}

/// The end of the journal, where frames are appended.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    path: String,
    file: Arc<dyn DiskFile>,
    /// Where the next frame goes.
    end: u64,
    /// How far durable zeros reach.
    allocated: u64,
    head: Anchor,
}

impl Journal {
    /// Goes on where `tail` ended, after setting a tear aside.
    ///
    /// The last frame is written and synced once more: the process before may have ended because
    /// its sync failed, and then the frame may be in the page cache only.
    pub(crate) fn open(disk: Arc<dyn Disk>, tail: &Tail) -> Result<Self, Error> {
        if let Some(torn) = &tail.torn {
            set_aside(&*disk, torn, tail.head.sequence)?;
        }
        let Some(end) = &tail.end else {
            return Self::create(disk, tail.head);
        };
        let journal = Self {
            disk,
            path: end.path.clone(),
            file: Arc::clone(&end.file),
            end: end.offset,
            allocated: if tail.torn.is_some() { end.offset } else { end.length },
            head: tail.head,
        };
        let at = |operation| io_at(operation, &journal.path);
        if tail.torn.is_some() {
            journal.file.set_length(journal.end).map_err(at("cut"))?;
        }
        if let Some((start, length)) = end.last_frame {
            let mut frame = vec![0; length];
            journal.file.read_at(&mut frame, start).map_err(at("read"))?;
            journal.file.write_at(&frame, start).map_err(at("write"))?;
        }
        journal.file.sync_data().map_err(at("sync"))?;
        journal.disk.sync_dir(DIRECTORY).map_err(at("sync"))?;
        Ok(journal)
    }

    /// Begins a new segment after `head`.
    fn create(disk: Arc<dyn Disk>, head: Anchor) -> Result<Self, Error> {
        let path = segment::path(head.next());
        let file: Arc<dyn DiskFile> = match disk.create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => disk.open(&path),
            created => created,
        }
        .map_err(io_at("create", &path))?
        .into();
        disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY))?;
        Ok(Self { disk, path, file, end: 0, allocated: 0, head })
    }

    /// Returns the last durable frame.
    pub(crate) const fn head(&self) -> Anchor {
        self.head
    }

    /// Appends one frame and makes it durable; returns its length.
    pub(crate) fn append(&mut self, entries: &[Vec<u8>]) -> Result<u64, AppendError> {
        let frame = frame::encode(&self.head, entries);
        let end = self.end.saturating_add(offset(frame.len()));
        if end > self.allocated {
            self.extend(end)?;
        }
        if let Err(error) = self.file.write_at(&frame, self.end) {
            return Err(self.take_back(io_at("append to", &self.path)(error), self.end));
        }
        self.sync()?;
        let count = offset(entries.len());
        self.head =
            Anchor { sequence: self.head.sequence.saturating_add(count), hash: sha256(&frame) };
        self.end = end;
        Ok(offset(frame.len()))
    }

    /// Ends this segment and begins the next one; everything up to [`Self::head`] is then in
    /// segments that nobody writes to any more.
    pub(crate) fn roll(&mut self) -> Result<(), Error> {
        if self.end == 0 {
            return Ok(());
        }
        let next = Self::create(Arc::clone(&self.disk), self.head)?;
        *self = next;
        Ok(())
    }

    /// Writes zeros up to `end` and beyond.
    fn extend(&mut self, end: u64) -> Result<(), AppendError> {
        let needed = end.saturating_sub(self.allocated);
        let generous = needed.div_ceil(STEP).saturating_mul(STEP);
        let frugal = needed.div_ceil(BLOCK).saturating_mul(BLOCK);
        let before = self.allocated;
        match self.write_zeros(generous) {
            Ok(()) => {}
            Err(error) if error.is_full() && frugal < generous => {
                self.undo(before)?;
                if let Err(error) = self.write_zeros(frugal) {
                    return Err(self.take_back(error, before));
                }
            }
            Err(error) => return Err(self.take_back(error, before)),
        }
        self.sync()
    }

    fn write_zeros(&mut self, length: u64) -> Result<(), Error> {
        let zeros = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let start = self.allocated;
        let written = self.file.allocate(start, length);
        written
            .and_then(|()| self.file.write_at(&zeros, start))
            .map_err(io_at("extend", &self.path))?;
        self.allocated = start.saturating_add(length);
        Ok(())
    }

    fn sync(&self) -> Result<(), AppendError> {
        self.file.sync_data().map_err(io_at("sync", &self.path)).map_err(AppendError::Fatal)
    }

    /// Cuts the segment at `length`, so that a failed write leaves nothing behind.
    fn take_back(&mut self, error: Error, length: u64) -> AppendError {
        match self.undo(length) {
            Ok(()) => AppendError::Refused(error),
            Err(fatal) => fatal,
        }
    }

    fn undo(&mut self, length: u64) -> Result<(), AppendError> {
        // Nothing was written, not even zeros: a read-only file system refuses the cut as well.
        if self.file.length().is_ok_and(|now| now == length) {
            return Ok(());
        }
        self.file
            .set_length(length)
            .map_err(io_at("cut", &self.path))
            .map_err(AppendError::Fatal)?;
        self.allocated = length;
        Ok(())
    }
}

/// Copies what a tear left to a file of its own, durable before the segment is cut.
fn set_aside(disk: &dyn Disk, torn: &Torn, sequence: u64) -> Result<(), Error> {
    let mut attempt = 0_u32;
    let (path, file) = loop {
        let path = format!("{DIRECTORY}/torn-{sequence:020}-{attempt}");
        match disk.create(&path) {
            Ok(file) => break (path, file),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                attempt = attempt.saturating_add(1);
            }
            Err(error) => return Err(io_at("create", &path)(error)),
        }
    };
    let kept = file.write_at(&torn.bytes, 0).and_then(|()| file.sync_data());
    kept.and_then(|()| disk.sync_dir(DIRECTORY)).map_err(io_at("write", &path))
}

#[cfg(test)]
mod tests;
