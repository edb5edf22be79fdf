//! Where the journal ends, and whether everything up to there is whole.
//!
//! A frame is written only when the one before is durable, so a power cut can tear the last frame
//! and no other. Hence: what is not a frame and is followed by none, in the last segment, is a
//! *tear*; anything else that is not a frame is *damage*, and nobody but a human may cut it off.

use std::sync::Arc;

use crate::store::codec::offset;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{Damage, Error};
use crate::store::journal::frame::{Anchor, Frame};
use crate::store::journal::segment::{self, Segment, Stop};

/// What a walk over the journal found.
#[derive(Debug)]
pub struct Tail {
    /// The last whole frame.
    pub head: Anchor,
    /// The number of entries after the anchor.
    pub entries: u64,
    /// The bytes of frames after the anchor.
    pub bytes: u64,
    /// The bytes that begin a frame that was never finished.
    pub torn: Option<Torn>,
    /// Damage that is no tear; the walk ended there.
    pub damage: Option<Damage>,
    /// The segment to go on in, unless there is none.
    pub(crate) end: Option<End>,
}

/// The remains of a frame that a crash interrupted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Torn {
    /// The segment's path.
    pub segment: Box<str>,
    /// Where the last whole frame ends.
    pub offset: u64,
    /// What stands there instead of a frame, up to the last byte that is not zero.
    pub bytes: Vec<u8>,
}

/// Where writing goes on.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) path: String,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) last_frame: Option<(u64, usize)>,
}

/// An entry on its way to whoever reads the journal.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// Its sequence number.
    pub sequence: u64,
    /// What the change recorded.
    pub payload: &'a [u8],
}

/// Reads everything after `anchor` and gives each entry to `each`.
///
/// With a `limit`, only segments that begin at or before it are read, all of which must be whole:
/// those that the writer has ended.
///
/// # Errors
/// When a file cannot be read, when there is a gap between `anchor` and the first segment, or what
/// `each` says. A tear or damage is no error but part of what was found.
pub fn walk(
    disk: &dyn Disk,
    anchor: Anchor,
    limit: Option<u64>,
    each: &mut dyn FnMut(EntryRef<'_>) -> Result<(), Error>,
) -> Result<Tail, Error> {
    let mut segments = segment::list(disk)?;
    segments.retain(|first| limit.is_none_or(|limit| *first <= limit));
    let mut tail = Tail { head: anchor, entries: 0, bytes: 0, torn: None, damage: None, end: None };
    let Some(begin) = segments.iter().rposition(|first| *first <= anchor.next()) else {
        return match segments.first() {
            Some(first) => Err(Error::Unanchored { first: *first }),
            None => Ok(tail),
        };
    };
    let mut walk = Walk { anchor, at: None, tail: &mut tail };
    let mut rest = segments.iter().skip(begin).peekable();
    while let Some(first) = rest.next() {
        let mut segment = Segment::open(disk, *first)?;
        let stop = walk.segment(&mut segment, *first, each)?;
        let last = rest.peek().is_none() && limit.is_none();
        if !walk.settle(segment, stop, last)? {
            break;
        }
    }
    walk.finish();
    Ok(tail)
}

/// Reads everything that is there, from the first segment on, whatever came before it.
///
/// # Errors
/// When a file cannot be read, or what `each` says.
pub fn walk_from_first(
    disk: &dyn Disk,
    each: &mut dyn FnMut(EntryRef<'_>) -> Result<(), Error>,
) -> Result<Tail, Error> {
    let segments = segment::list(disk)?;
    let Some(first) = segments.first() else {
        return walk(disk, Anchor::START, None, each);
    };
    // The first frame left carries the hash of the one before, which is not there to be compared.
    let previous = Segment::open(disk, *first)?.next(None)?;
    let hash = previous.map_or(Anchor::START.hash, |frame| frame.header.previous);
    walk(disk, Anchor { sequence: first.saturating_sub(1), hash }, None, each)
}

struct Walk<'a> {
    anchor: Anchor,
    /// The last frame read; none before the first.
    at: Option<Anchor>,
    tail: &'a mut Tail,
}

impl Walk<'_> {
    /// Reads one segment to where it stops.
    fn segment(
        &mut self,
        segment: &mut Segment,
        first: u64,
        each: &mut dyn FnMut(EntryRef<'_>) -> Result<(), Error>,
    ) -> Result<Stop, Error> {
        if self.at.is_none() && first == self.anchor.next() {
            self.at = Some(self.anchor);
        }
        if self.at.is_some_and(|at| at.next() != first) {
            return Ok(Stop::Bad("its name does not continue the segment before"));
        }
        loop {
            let frame = match segment.next(self.at.as_ref())? {
                Ok(frame) => frame,
                Err(stop) => return Ok(stop),
            };
            if self.at.is_none() && frame.header.first != first {
                return Ok(Stop::Bad("its first entry is not the one in its name"));
            }
            let at = frame.anchor();
            if at.sequence == self.anchor.sequence && at.hash != self.anchor.hash {
                return Ok(Stop::Bad("the frame is not the one that the checkpoint names"));
            }
            self.at = Some(at);
            self.deliver(&frame, each)?;
        }
    }

    fn deliver(
        &mut self,
        frame: &Frame,
        each: &mut dyn FnMut(EntryRef<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let numbered = (frame.header.first..).zip(&frame.entries);
        for (sequence, payload) in numbered.filter(|(number, _)| *number > self.anchor.sequence) {
            self.tail.entries = self.tail.entries.saturating_add(1);
            each(EntryRef { sequence, payload })?;
        }
        if frame.header.first > self.anchor.sequence {
            self.tail.bytes = self.tail.bytes.saturating_add(frame.length);
        }
        Ok(())
    }

    /// Decides what a stop means; returns whether the walk goes on in the next segment.
    fn settle(&mut self, mut segment: Segment, stop: Stop, last: bool) -> Result<bool, Error> {
        match stop {
            Stop::End if !last => return Ok(true),
            Stop::End => {}
            Stop::Bad(_) if last && !segment.any_frame_follows()? => {
                self.tail.torn = Some(Torn {
                    segment: segment.path().into(),
                    offset: segment.offset(),
                    bytes: segment.rest()?,
                });
            }
            Stop::Bad(what) => {
                self.tail.damage =
                    Some(Damage { segment: segment.path().into(), offset: segment.offset(), what });
                return Ok(false);
            }
        }
        self.tail.end = Some(End {
            path: segment.path().into(),
            file: segment.file(),
            offset: segment.offset(),
            length: segment.length(),
            last_frame: segment.last_frame(),
        });
        Ok(true)
    }

    fn finish(self) {
        // A journal that does not even reach the anchor is shorter than it was: the head shows it.
        self.tail.head = self.at.unwrap_or(Anchor { sequence: 0, ..self.anchor });
        if self.tail.head.sequence == 0 && self.anchor.sequence == 0 {
            self.tail.head = Anchor::START;
        }
    }
}

impl Torn {
    /// Returns how many bytes were cut off.
    pub fn length(&self) -> u64 {
        offset(self.bytes.len())
    }
}
