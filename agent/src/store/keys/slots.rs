//! Files made ahead of need, so that a key costs one write and one sync.
//!
//! A slot is a file of zeros, durable with its name. A key is written into it, synced, and the
//! slot renamed; the rename need not be durable, because the header in the slot says which key it
//! is, and the next start finishes what a crash undid. Numbers are never used twice in one run and
//! a run begins above all that are there, so no two files ever claim one slot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::store::disk::{Disk, DiskFile};
use crate::store::keys::{DIRECTORY, Error, io_at};

/// The size of a slot: an RSA-4096 key sealed takes 2.5 KiB.
pub(crate) const SIZE: usize = 4 << 10;
/// Two full groups of an agent that issues in bulk.
const POOL: usize = 128;
const PREFIX: &str = "slot-";

/// A file of zeros.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) path: String,
    pub(crate) file: Box<dyn DiskFile>,
}

/// Returns the number of a slot from its file name.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// The slots that are ready.
#[derive(Debug)]
pub(crate) struct Slots {
    disk: Arc<dyn Disk>,
    next: AtomicU64,
    pool: Mutex<Pool>,
    low: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    ready: Vec<Slot>,
    stopped: bool,
}

impl Slots {
    /// Begins with the slots found, numbering new ones from `next`.
    pub(crate) fn new(disk: Arc<dyn Disk>, ready: Vec<Slot>, next: u64) -> Self {
        Self {
            disk,
            next: AtomicU64::new(next),
            pool: Mutex::new(Pool { ready, stopped: false }),
            low: Condvar::new(),
        }
    }

    /// Takes `count` slots, making those that are missing.
    pub(crate) fn take(&self, count: usize) -> Result<Vec<Slot>, Error> {
        let mut taken = {
            let mut pool = self.lock();
            let keep = pool.ready.len().saturating_sub(count);
            let taken = pool.ready.split_off(keep);
            if pool.ready.len() < POOL / 2 {
                self.low.notify_one();
            }
            taken
        };
        let missing = count.saturating_sub(taken.len());
        if missing > 0 {
            taken.extend(self.make(missing)?);
        }
        Ok(taken)
    }

    /// Keeps the pool full until [`Self::stop`]: the body of a thread.
    pub(crate) fn refill(&self) {
        loop {
            let mut pool = self.lock();
            while pool.ready.len() >= POOL / 2 && !pool.stopped {
                pool = self.low.wait(pool).unwrap_or_else(PoisonError::into_inner);
            }
            if pool.stopped {
                return;
            }
            let missing = POOL.saturating_sub(pool.ready.len());
            drop(pool);
            let made = self.make(missing);
            let mut pool = self.lock();
            match made {
                Ok(made) => pool.ready.extend(made),
                // A full disk: whoever needs a slot next learns about it, and wakes this again.
                Err(_full) if !pool.stopped => {
                    drop(self.low.wait(pool).unwrap_or_else(PoisonError::into_inner));
                }
                Err(_full) => return,
            }
        }
    }

    /// Ends [`Self::refill`].
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.low.notify_all();
    }

    fn make(&self, count: usize) -> Result<Vec<Slot>, Error> {
        let mut made = Vec::with_capacity(count);
        let outcome = self.make_each(count, &mut made);
        if let Err(error) = outcome {
            for slot in made {
                drop(self.disk.remove(&slot.path));
            }
            return Err(error);
        }
        Ok(made)
    }

    fn make_each(&self, count: usize, made: &mut Vec<Slot>) -> Result<(), Error> {
        for _ in 0..count {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = format!("{DIRECTORY}/{PREFIX}{number:06}");
            let file = self.disk.create(&path).map_err(io_at("create", &path))?;
            made.push(Slot { path, file });
        }
        for slot in &*made {
            let zeroed = slot.file.write_at(&[0; SIZE], 0);
            zeroed.and_then(|()| slot.file.sync_data()).map_err(io_at("write", &slot.path))?;
        }
        self.disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
