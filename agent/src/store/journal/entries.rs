//! Reading entries while the journal is being written: for the log, and for following it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::store::disk::Disk;
use crate::store::error::Error;
use crate::store::journal::segment::{self, Segment};

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its sequence number.
    pub sequence: u64,
    /// What the change recorded.
    pub payload: Vec<u8>,
}

/// The entries from one sequence number on, as far as they are acknowledged.
///
/// `None` means *for now*: asked again after more were recorded, it goes on.
#[derive(Debug)]
pub struct Entries {
    disk: Arc<dyn Disk>,
    next: u64,
    acknowledged: watch::Receiver<u64>,
    segment: Option<Segment>,
    frame: std::vec::IntoIter<(u64, Vec<u8>)>,
}

impl Entries {
    /// Reads from the entry `next` on, or from the first one left if it is archived.
    pub(crate) fn new(disk: Arc<dyn Disk>, next: u64, acknowledged: watch::Receiver<u64>) -> Self {
        Self { disk, next, acknowledged, segment: None, frame: Vec::new().into_iter() }
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            if self.next > *self.acknowledged.borrow() {
                return Ok(None);
            }
            let wanted = self.next;
            if let Some((sequence, payload)) = self.frame.find(|(number, _)| *number >= wanted) {
                self.next = sequence.saturating_add(1);
                return Ok(Some(Entry { sequence, payload }));
            }
            if !self.next_frame()? {
                return Ok(None);
            }
        }
    }

    /// Reads another frame; returns whether there was one.
    fn next_frame(&mut self) -> Result<bool, Error> {
        if let Some(segment) = &mut self.segment {
            let mut read = segment.next(None)?;
            if read.is_err() {
                segment.refresh()?;
                read = segment.next(None)?;
            }
            if let Ok(frame) = read {
                let numbered = (frame.header.first..).zip(frame.entries);
                self.frame = numbered.collect::<Vec<_>>().into_iter();
                return Ok(true);
            }
        }
        let current = self.segment.take();
        let segments = segment::list(&*self.disk)?;
        let begin = segments.iter().rposition(|first| *first <= self.next).unwrap_or(0);
        let Some(first) = segments.get(begin) else {
            return Ok(false);
        };
        // What is acknowledged but not there is damage, which the start or `verify` reports.
        if current.is_some_and(|current| current.path() == segment::path(*first)) {
            return Ok(false);
        }
        self.segment = Some(Segment::open(&*self.disk, *first)?);
        Ok(true)
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}
