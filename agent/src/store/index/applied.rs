//! The applied state that everything reads: the index, or what stands in for it meanwhile.
//!
//! While the index is rebuilt, rows are read from the checkpoint, in place, with the journal's tail
//! and all new groups pending on top; so due work does not wait for sled. Each group is seen at
//! once and never in part, because a page is read under the lock that a group is applied under.

use std::sync::{Arc, PoisonError, RwLock};

use crate::store::checkpoint::Checkpoint;
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::index::indexed::Indexed;
use crate::store::rows::{NoRows, Page, Pending, Row, Rows};

/// Rows per batch while filling: large enough to be fast, small enough for sled's memory.
const BATCH: usize = 1_000;

/// The rows of all groups that were made durable.
#[derive(Debug)]
pub(crate) struct Applied {
    source: RwLock<Source>,
    hot_tables: &'static [u8],
}

#[derive(Debug)]
enum Source {
    Indexed(Indexed),
    Merged(Merged),
}

/// A checkpoint with pending rows on top.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    base: Option<Arc<Checkpoint>>,
    pending: Pending,
    sequence: u64,
    /// What came after the pending rows were copied for filling the index.
    late: Option<Pending>,
}

impl Merged {
    /// Begins with a checkpoint, or with nothing.
    pub(crate) fn new(base: Option<Arc<Checkpoint>>) -> Self {
        let sequence = base.as_ref().map_or(0, |base| base.anchor().sequence);
        Self { base, sequence, ..Self::default() }
    }

    /// Adds the rows that bring the state to `sequence`.
    pub(crate) fn apply(&mut self, writes: Pending, sequence: u64) {
        if let Some(late) = &mut self.late {
            late.extend(writes.clone());
        }
        self.pending.extend(writes);
        self.sequence = sequence;
    }

    /// Returns the sequence number that the state is of.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    fn base(&self) -> &dyn Rows {
        self.base.as_deref().map_or(&NoRows, |base| base as &dyn Rows)
    }
}

impl Rows for Merged {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.pending.get_over(self.base(), key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.pending.page_over(self.base(), from, to, limit)
    }
}

impl Applied {
    /// Reads from the index, whose last entry is `sequence`.
    pub(crate) fn indexed(
        index: Index,
        hot_tables: &'static [u8],
        sequence: u64,
    ) -> Result<Self, Error> {
        let indexed = Indexed::new(index, hot_tables, sequence)?;
        Ok(Self { source: RwLock::new(Source::Indexed(indexed)), hot_tables })
    }

    /// Reads from a checkpoint and what came after it, until [`Self::fill`] is done.
    pub(crate) const fn merged(merged: Merged, hot_tables: &'static [u8]) -> Self {
        Self { source: RwLock::new(Source::Merged(merged)), hot_tables }
    }

    /// Returns whether the index answers.
    pub(crate) fn is_indexed(&self) -> bool {
        self.read(|source| matches!(source, Source::Indexed(_)))
    }

    /// Applies one group.
    pub(crate) fn apply(&self, writes: Pending, sequence: u64) -> Result<(), Error> {
        // Readers go on while the index takes a batch; pending rows change under the lock.
        let mut writes = Some(writes);
        let indexed = self.read(|source| match source {
            Source::Indexed(index) => writes.take().map(|writes| index.apply(writes, sequence)),
            Source::Merged(_) => None,
        });
        if let Some(outcome) = indexed {
            return outcome;
        }
        let writes = writes.unwrap_or_default();
        match &mut *self.source.write().unwrap_or_else(PoisonError::into_inner) {
            Source::Indexed(index) => index.apply(writes, sequence),
            Source::Merged(merged) => {
                merged.apply(writes, sequence);
                Ok(())
            }
        }
    }

    /// Reads from `merged` instead of an index that failed.
    pub(crate) fn replace(&self, merged: Merged) {
        let mut source = self.source.write().unwrap_or_else(PoisonError::into_inner);
        let failed = std::mem::replace(&mut *source, Source::Merged(merged));
        drop(source);
        // Not under the lock: sled tries to write once more when it goes.
        drop(failed);
    }

    /// Makes the index durable, if it is in use; returns whether it is.
    pub(crate) fn sync(&self) -> Result<bool, Error> {
        self.read(|source| match source {
            Source::Indexed(index) => index.sync().map(|()| true),
            Source::Merged(_) => Ok(false),
        })
    }

    /// Fills an empty index with everything and reads from it from then on.
    ///
    /// Returns whether that was done: `go_on` is asked between batches.
    pub(crate) fn fill(&self, index: Index, go_on: &dyn Fn() -> bool) -> Result<bool, Error> {
        let filled = self.fill_all(index, go_on);
        if let (Err(_), Source::Merged(merged)) =
            (&filled, &mut *self.source.write().unwrap_or_else(PoisonError::into_inner))
        {
            // The next index begins with everything again.
            merged.late = None;
        }
        filled
    }

    fn fill_all(&self, index: Index, go_on: &dyn Fn() -> bool) -> Result<bool, Error> {
        let base = self.read(|source| match source {
            Source::Indexed(_) => None,
            Source::Merged(merged) => merged.base.clone(),
        });
        if let Some(base) = base {
            let mut from = Vec::new();
            loop {
                let page = base.page(&from, None, BATCH)?;
                index.fill(page.rows.iter().map(as_write))?;
                let Some(next) = page.next else { break };
                from = next;
                if !go_on() {
                    return Ok(false);
                }
            }
        }
        loop {
            let writes = self.take_late();
            if writes.len() <= BATCH {
                return self.finish(index, writes);
            }
            let mut writes = writes.iter().peekable();
            while writes.peek().is_some() {
                index.fill(writes.by_ref().take(BATCH))?;
                if !go_on() {
                    return Ok(false);
                }
            }
        }
    }

    /// Takes what is pending and not in the index being filled.
    fn take_late(&self) -> Pending {
        match &mut *self.source.write().unwrap_or_else(PoisonError::into_inner) {
            Source::Indexed(_) => Pending::default(),
            Source::Merged(merged) => match merged.late.replace(Pending::default()) {
                Some(late) => late,
                None => merged.pending.clone(),
            },
        }
    }

    /// Writes the last rows while nobody can add more, and switches over.
    fn finish(&self, index: Index, mut writes: Pending) -> Result<bool, Error> {
        let mut source = self.source.write().unwrap_or_else(PoisonError::into_inner);
        let Source::Merged(merged) = &mut *source else {
            return Ok(true);
        };
        writes.extend(merged.late.take().unwrap_or_default());
        index.apply(&writes, merged.sequence)?;
        *source = Source::Indexed(Indexed::new(index, self.hot_tables, merged.sequence)?);
        Ok(true)
    }

    fn read<T>(&self, read: impl FnOnce(&Source) -> T) -> T {
        read(&self.source.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn as_write(row: &Row) -> (&[u8], Option<&[u8]>) {
    (&row.0, Some(&row.1))
}

impl Rows for Applied {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.read(|source| match source {
            Source::Indexed(index) => index.get(key),
            Source::Merged(merged) => merged.get(key),
        })
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.read(|source| match source {
            Source::Indexed(index) => index.page(from, to, limit),
            Source::Merged(merged) => merged.page(from, to, limit),
        })
    }
}
