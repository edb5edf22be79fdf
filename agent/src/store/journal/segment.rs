//! Reading one segment, frame by frame.
//!
//! A segment is frames from its first byte on, then zeros that were written ahead. What is neither
//! is where reading stops; whether that is a tear or damage depends on what follows.

use std::sync::Arc;

use crate::store::codec::offset;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{Error, io_at};
use crate::store::journal::frame::{Anchor, Frame, HEADER, Header, MAGIC};

/// The directory of the segments.
pub(crate) const DIRECTORY: &str = "journal";
const PREFIX: &str = "segment-";
const WINDOW: usize = 256 << 10;

/// Returns the path of the segment whose first entry is `first`.
pub(crate) fn path(first: u64) -> String {
    format!("{DIRECTORY}/{PREFIX}{first:020}")
}

/// Returns the first sequence numbers of the segments that there are, in order.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<u64>, Error> {
    if !disk.exists(DIRECTORY).map_err(io_at("read", DIRECTORY))? {
        return Ok(Vec::new());
    }
    let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
    let digits = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    Ok(digits
        .filter(|digits| digits.len() == 20)
        .filter_map(|digits| digits.parse().ok())
        .collect())
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// Only zeros follow, or nothing.
    End,
    /// Something else follows.
    Bad(&'static str),
}

/// The frames of one segment.
#[derive(Debug)]
pub(crate) struct Segment {
    path: String,
    file: Arc<dyn DiskFile>,
    length: u64,
    offset: u64,
    last_frame: Option<(u64, usize)>,
    window: Vec<u8>,
    window_at: u64,
}

impl Segment {
    /// Opens the segment whose first entry is `first`.
    pub(crate) fn open(disk: &dyn Disk, first: u64) -> Result<Self, Error> {
        let path = path(first);
        let file: Arc<dyn DiskFile> = disk.open(&path).map_err(io_at("open", &path))?.into();
        let length = file.length().map_err(io_at("read", &path))?;
        let window = Vec::new();
        Ok(Self { path, file, length, offset: 0, last_frame: None, window, window_at: 0 })
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Returns the path under the state directory.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the length of the file.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Returns where the last frame read ended.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns where the last frame read began, and its length.
    pub(crate) const fn last_frame(&self) -> Option<(u64, usize)> {
        self.last_frame
    }

    /// Reads the next frame, which must continue from `before`; without `before` any valid one.
    pub(crate) fn next(&mut self, before: Option<&Anchor>) -> Result<Result<Frame, Stop>, Error> {
        let at = self.offset;
        let head = self.read(at, HEADER)?.to_vec();
        if head.iter().all(|byte| *byte == 0) {
            let stop = if self.zero_from(at)? { Stop::End } else { Stop::Bad("no frame") };
            return Ok(Err(stop));
        }
        let Some(header) = Header::parse(&head) else {
            return Ok(Err(Stop::Bad("no frame")));
        };
        let Some(frame) = Frame::parse(self.read(at, header.frame_length())?) else {
            return Ok(Err(Stop::Bad("the checksum does not agree")));
        };
        if before.is_some_and(|before| header.first != before.next()) {
            return Ok(Err(Stop::Bad("the sequence number does not follow")));
        }
        if before.is_some_and(|before| header.previous != before.hash) {
            return Ok(Err(Stop::Bad("the hash of the frame before does not agree")));
        }
        self.last_frame = Some((at, header.frame_length()));
        self.offset = at.saturating_add(frame.length);
        Ok(Ok(frame))
    }

    /// Looks at the file again: its writer may have extended it.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        self.length = self.file.length().map_err(io_at("read", &self.path))?;
        self.window.clear();
        Ok(())
    }

    /// Returns whether a valid frame begins anywhere from the current offset on.
    pub(crate) fn any_frame_follows(&mut self) -> Result<bool, Error> {
        let rest = self.rest()?;
        let mut candidates = rest.windows(MAGIC.len()).enumerate();
        Ok(candidates.any(|(at, magic)| {
            magic == MAGIC && rest.get(at..).is_some_and(|bytes| Frame::parse(bytes).is_some())
        }))
    }

    /// Returns everything from the current offset to the last byte that is not zero.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>, Error> {
        let length = usize::try_from(self.length.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let mut rest = self.read(self.offset, length)?.to_vec();
        let used =
            rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        rest.truncate(used);
        Ok(rest)
    }

    fn zero_from(&mut self, mut at: u64) -> Result<bool, Error> {
        while at < self.length {
            let bytes = self.read(at, WINDOW)?;
            if bytes.is_empty() {
                break;
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at = at.saturating_add(offset(bytes.len()));
        }
        Ok(true)
    }

    /// Returns up to `length` bytes at `at`: fewer only at the end of the file.
    fn read(&mut self, at: u64, length: usize) -> Result<&[u8], Error> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let length = length.min(left);
        let start = at.checked_sub(self.window_at).and_then(|start| usize::try_from(start).ok());
        let held = start
            .filter(|start| start.checked_add(length).is_some_and(|end| end <= self.window.len()));
        let start = if let Some(start) = held {
            start
        } else {
            self.window.resize(length.max(WINDOW).min(left), 0);
            self.window_at = at;
            let read =
                self.file.read_at(&mut self.window, at).map_err(io_at("read", &self.path))?;
            self.window.truncate(read);
            0
        };
        let end = start.saturating_add(length).min(self.window.len());
        Ok(self.window.get(start..end).unwrap_or_default())
    }
}
