//! The index, with what is not written to it yet and what is read all the time in memory.
//!
//! sled is disposable, so a group need not be in it to be acknowledged: the journal has it. Rows
//! gather here, where the last write to a key replaces the ones before it, and go to sled many at a
//! time, in one batch together with the sequence number they bring it to. A process that is killed
//! leaves an index that is a little behind, and the next start applies the journal's tail to it.
//!
//! The rows of *hot* tables, which the [projection](crate::store::rows::Projection) names, stay in
//! memory for good: they are few, and every decision looks at them.

use std::sync::{PoisonError, RwLock};

use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::rows::{NoRows, Overlay, Page, Pending, Rows, successor};

/// Rows that gather before sled gets them: enough that a row that changes all the time is written
/// once for a hundred changes, few enough that a batch takes milliseconds.
const GATHER: usize = 1_024;

/// The index and its rows in memory.
#[derive(Debug)]
pub(crate) struct Indexed {
    index: Index,
    hot_tables: &'static [u8],
    memory: RwLock<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Every row of the hot tables, as the index has it.
    hot: Pending,
    /// What the index does not have yet.
    behind: Pending,
    /// The sequence number that `behind` brings the index to.
    sequence: u64,
}

impl Indexed {
    /// Reads the hot rows of `index`, whose last entry is `sequence`.
    pub(crate) fn new(
        index: Index,
        hot_tables: &'static [u8],
        sequence: u64,
    ) -> Result<Self, Error> {
        let mut hot = Pending::default();
        for table in hot_tables {
            for row in (&index as &dyn Rows).scan(&[*table]) {
                let (key, value) = row?;
                hot.write(crate::store::rows::RowWrite::put(key, value));
            }
        }
        let memory = Memory { hot, behind: Pending::default(), sequence };
        Ok(Self { index, hot_tables, memory: RwLock::new(memory) })
    }

    /// Applies one group; only the writer's thread calls this.
    pub(crate) fn apply(&self, writes: Pending, sequence: u64) -> Result<(), Error> {
        let gathered = {
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.behind.extend(writes);
            memory.sequence = sequence;
            memory.behind.len()
        };
        if gathered < GATHER { Ok(()) } else { self.write_out() }
    }

    /// Writes everything to the index; only the writer's thread calls this.
    fn write_out(&self) -> Result<(), Error> {
        let (behind, sequence) = {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            (memory.behind.clone(), memory.sequence)
        };
        // Readers go on meanwhile: the rows are in both places for a moment.
        self.index.apply(&behind, sequence)?;
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        let written = std::mem::take(&mut memory.behind);
        memory.hot.keep(written, |key| is_hot(self.hot_tables, key));
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.write_out()?;
        self.index.sync()
    }

    /// Hot rows are all in memory; the others lie in the index.
    fn base(&self, key: &[u8]) -> &dyn Rows {
        if is_hot(self.hot_tables, key) { &NoRows } else { &self.index }
    }
}

impl Rows for Indexed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        memory.behind.get_over(&Overlay { base: self.base(key), pending: &memory.hot }, key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let within = from.first().and_then(|table| successor(&[*table]));
        let base: &dyn Rows = match (to, within) {
            (Some(to), Some(end)) if to <= end.as_slice() => self.base(from),
            (Some(_) | None, Some(_) | None) => &self.index,
        };
        memory.behind.page_over(&Overlay { base, pending: &memory.hot }, from, to, limit)
    }
}

fn is_hot(hot_tables: &[u8], key: &[u8]) -> bool {
    key.first().is_some_and(|table| hot_tables.contains(table))
}
