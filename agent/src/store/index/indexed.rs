//! The index, with what is not written to it yet and what is read all the time in memory.
//!
//! sled is disposable, so a group need not be in it to be acknowledged: the journal has it. Rows
//! gather here, where the last write to a key replaces the ones before it, and go to sled many at a
//! time, in one batch together with the sequence number they bring it to. A thread of its own does
//! that, so that no group waits for sled. A process that is killed leaves an index that is a little
//! behind, and the next start applies the journal's tail to it.
//!
//! The rows of *hot* tables, which the [projection](crate::store::rows::Projection) names, stay in
//! memory for good: they are few, and every decision looks at them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use crate::store::error::{Error, io_at};
use crate::store::index::Index;
use crate::store::rows::{NoRows, Overlay, Page, Pending, RowWrite, Rows, successor};

/// Rows that gather before sled gets them: enough that a row that changes all the time is written
/// once for a hundred changes, few enough to be a megabyte or two.
const GATHER: usize = 1_024;
/// Rows that may gather while sled is busy with others; then the writer waits for it.
const MOST: usize = 4 * GATHER;

/// The index and its rows in memory; only the store's writer applies and syncs.
#[derive(Debug)]
pub(crate) struct Indexed {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    index: Index,
    hot_tables: &'static [u8],
    memory: RwLock<Memory>,
    turn: Mutex<Turn>,
    turned: Condvar,
}

/// Each layer lies over the one before it.
#[derive(Debug, Default)]
struct Memory {
    /// Every row of the hot tables, as the index has it.
    hot: Pending,
    /// What the index is being given.
    leaving: Arc<Pending>,
    /// What the index will be given next.
    behind: Pending,
    /// The sequence number that `behind` brings the index to.
    sequence: u64,
}

/// What the thread that writes to sled is to do, and how it went.
#[derive(Debug, Default)]
struct Turn {
    /// The rows to write and what they bring the index to.
    batch: Option<(Arc<Pending>, u64)>,
    is_writing: bool,
    failed: Option<Error>,
    closing: bool,
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
                hot.write(RowWrite::put(key, value));
            }
        }
        let shared = Arc::new(Shared {
            index,
            hot_tables,
            memory: RwLock::new(Memory { hot, sequence, ..Memory::default() }),
            turn: Mutex::default(),
            turned: Condvar::new(),
        });
        let thread = thread::Builder::new()
            .name("store-index".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write_batches()
            })
            .map_err(io_at("start a thread for", "index"))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Applies one group. An error may come from rows of groups before it.
    pub(crate) fn apply(&self, writes: Pending, sequence: u64) -> Result<(), Error> {
        let gathered = {
            let mut memory = self.shared.change();
            memory.behind.extend(writes);
            memory.sequence = sequence;
            memory.behind.len()
        };
        let turn = self.shared.turn();
        if gathered < GATHER || (turn.is_writing && gathered < MOST) {
            return turn.outcome();
        }
        let turn = self.shared.wait(turn)?;
        self.shared.begin(turn);
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let turn = self.shared.wait(self.shared.turn())?;
        self.shared.begin(turn);
        drop(self.shared.wait(self.shared.turn())?);
        self.shared.index.sync()
    }
}

impl Drop for Indexed {
    fn drop(&mut self) {
        self.shared.turn().closing = true;
        self.shared.turned.notify_all();
        if let Some(thread) = self.thread.take() {
            // sled's panics are caught below; there is nothing else to learn from it.
            drop(thread.join());
        }
    }
}

impl Turn {
    fn outcome(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no batch is being written.
    fn wait<'a>(&'a self, turn: MutexGuard<'a, Turn>) -> Result<MutexGuard<'a, Turn>, Error> {
        let turn = self
            .turned
            .wait_while(turn, |turn| turn.is_writing)
            .unwrap_or_else(PoisonError::into_inner);
        turn.outcome().map(|()| turn)
    }

    /// Has everything that gathered written.
    fn begin(&self, mut turn: MutexGuard<'_, Turn>) {
        let mut memory = self.change();
        memory.leaving = Arc::new(std::mem::take(&mut memory.behind));
        turn.batch = Some((Arc::clone(&memory.leaving), memory.sequence));
        turn.is_writing = true;
        self.turned.notify_all();
    }

    fn write_batches(&self) {
        let mut turn = self.turn();
        loop {
            let idle = |turn: &mut Turn| turn.batch.is_none() && !turn.closing;
            turn = self.turned.wait_while(turn, idle).unwrap_or_else(PoisonError::into_inner);
            let Some((batch, sequence)) = turn.batch.take() else { return };
            drop(turn);
            let outcome = self.index.apply(&batch, sequence);
            if outcome.is_ok() {
                let mut memory = self.change();
                memory.leaving = Arc::default();
                memory.hot.keep(&batch, |key| is_hot(self.hot_tables, key));
            }
            turn = self.turn();
            turn.is_writing = false;
            turn.failed = outcome.err();
            self.turned.notify_all();
        }
    }

    /// Hot rows are all in memory; the others lie in the index.
    fn base(&self, key: &[u8]) -> &dyn Rows {
        if is_hot(self.hot_tables, key) { &NoRows } else { &self.index }
    }

    /// Calls `read` with the rows that go to the index next, and everything below them.
    fn read<T>(&self, base: &dyn Rows, read: impl FnOnce(&Pending, &dyn Rows) -> T) -> T {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let hot = Overlay { base, pending: &memory.hot };
        read(&memory.behind, &Overlay { base: &hot, pending: &memory.leaving })
    }
}

impl Rows for Indexed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let base = self.shared.base(key);
        self.shared.read(base, |behind, below| behind.get_over(below, key))
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        let within = from.first().and_then(|table| successor(&[*table]));
        let base: &dyn Rows = match (to, within) {
            (Some(to), Some(end)) if to <= end.as_slice() => self.shared.base(from),
            (Some(_) | None, Some(_) | None) => &self.shared.index,
        };
        self.shared.read(base, |behind, below| behind.page_over(below, from, to, limit))
    }
}

fn is_hot(hot_tables: &[u8], key: &[u8]) -> bool {
    key.first().is_some_and(|table| hot_tables.contains(table))
}
