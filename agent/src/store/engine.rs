//! The engine: one writer, groups, and what a start has to do.
//!
//! ```text
//! change ─▶ decide ─┐ against applied state plus the group so far
//! change ─▶ decide ─┼─▶ key files ─▶ one frame, synced ─▶ one batch ─▶ all answered
//! change ─▶ decide ─┘
//! ```
//!
//! The invariant: *an answer is given only when what it says is durable and can be read*. A refusal
//! that may rest on what the group has not made durable yet waits for the group too. Entries and
//! rows are bytes here; what they mean is the [`Projection`]'s.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rolecall::key::KeyId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::store::disk::Disk;
use crate::store::error::{Error, ReadOnly};
use crate::store::index::applied::Applied;
use crate::store::journal::Entries;
use crate::store::keys::{KeyFiles, SealedKey};
use crate::store::lock;
use crate::store::rows::{Page, Projection, Rows, Scan, successor};

mod builder;
mod open;
mod repair;
mod transaction;
mod writer;

pub(crate) use builder::replay;
pub use open::{IndexStart, KeyAudit, OpenReport, Timings};
pub use repair::{Loss, Repaired, preview, repair};
pub use transaction::Transaction;

/// As many changes as may wait; beyond them callers wait, which is what bounds memory: 64 groups.
const QUEUE: usize = 1_024;

/// What an engine works with.
pub struct Options {
    /// The state directory.
    pub disk: Arc<dyn Disk>,
    /// The folder of the index, which needs a real file system.
    pub index_path: PathBuf,
    /// The kernel's boot id; empty when it is not known, and then no crash is survived by the
    /// index.
    pub boot_id: String,
    /// What entries mean.
    pub projection: Arc<dyn Projection>,
    /// Called once when a write could not be made durable: the process must end.
    pub on_fatal: Box<dyn Fn() + Send + Sync>,
    /// When a checkpoint is due.
    pub checkpoints: CheckpointPolicy,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("disk", &self.disk)
            .field("index_path", &self.index_path)
            .field("boot_id", &self.boot_id)
            .finish_non_exhaustive()
    }
}

/// When a checkpoint is written.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointPolicy {
    /// The least the journal must have grown since the last one, in bytes.
    pub least: u64,
    /// The least at a clean stop.
    pub at_close: u64,
}

impl Default for CheckpointPolicy {
    /// 32 MiB, which a start replays in a second; 4 MiB at a stop.
    fn default() -> Self {
        Self { least: 32 << 20, at_close: 4 << 20 }
    }
}

/// The store, as bytes. Clones are the same store.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    /// None when the store is read-only.
    messages: Option<mpsc::Sender<Message>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// The lock of a store that is read-only; else the writer has it.
    _lock: Option<Arc<dyn lock::Held>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// What the threads of an engine share.
pub(crate) struct Shared {
    disk: Arc<dyn Disk>,
    index_path: PathBuf,
    boot_id: String,
    projection: Arc<dyn Projection>,
    applied: Applied,
    acknowledged: watch::Sender<u64>,
    read_only: Option<ReadOnly>,
    keys: KeyFiles,
    key_audit: OnceLock<KeyAudit>,
    poisoned: AtomicBool,
    /// Work in the background should end.
    stopping: AtomicBool,
    /// Nothing is marked clean: the process is to look as if it had been killed.
    killed: AtomicBool,
    on_fatal: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("disk", &self.disk)
            .field("applied", &self.applied)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn check(&self) -> Result<(), Error> {
        if self.poisoned.load(Ordering::Acquire) { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Fails every later call and has the process ended.
    fn poison(&self) {
        if !self.poisoned.swap(true, Ordering::AcqRel) {
            (self.on_fatal)();
        }
    }
}

/// Answers a change when its group is settled.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What a decision came to.
struct Decided {
    keep: bool,
    answer: Answer,
}

type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Decided + Send>;

enum Message {
    Change(Job),
    Checkpoint(Result<builder::Built, Error>),
    Close(oneshot::Sender<Result<(), Error>>),
}

/// Why a change was not made, for callers without an error of their own.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The decision said no.
    #[error("{0}")]
    Refused(E),
    /// The store could not record it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Engine {
    /// Opens the store.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it; any failure that leaves nothing to read from.
    /// A store that can be read but must not be written is opened, and the report says why.
    pub fn open(options: Options) -> Result<(Self, OpenReport), Error> {
        open::open(options)
    }

    /// Decides a change and records it.
    ///
    /// `decide` runs on the writer's thread, against everything recorded before it; it must be
    /// quick and must not wait for anything. Its answer is returned when what it recorded, and what
    /// it may have seen, is durable and can be read.
    ///
    /// # Errors
    /// What `decide` says, which then has recorded nothing; or the store's failure.
    pub async fn change<R, E>(
        &self,
        decide: impl FnOnce(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (message, answered) = job(decide);
        self.messages()?.send(message).await.map_err(|_closed| self.closed())?;
        answered.await.map_err(|_dropped| self.closed())?
    }

    /// Does what [`Self::change`] does, for threads that may block.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn change_blocking<R, E>(
        &self,
        decide: impl FnOnce(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (message, answered) = job(decide);
        self.messages()?.blocking_send(message).map_err(|_closed| self.closed())?;
        answered.blocking_recv().map_err(|_dropped| self.closed())?
    }

    /// Returns the value of a row.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.shared.applied.get(key)
    }

    /// Iterates over the rows whose key begins with `prefix`, in order.
    pub fn scan(&self, prefix: &[u8]) -> Scan<Self> {
        Scan::new(self.clone(), prefix.to_vec(), successor(prefix))
    }

    /// Iterates over the rows with `from ≤ key < to`, in order; no `to` means to the end.
    pub fn scan_range(&self, from: &[u8], to: Option<&[u8]>) -> Scan<Self> {
        Scan::new(self.clone(), from.to_vec(), to.map(<[u8]>::to_vec))
    }

    /// Iterates over the entries from `sequence` on, as far as they are acknowledged.
    pub fn entries(&self, sequence: u64) -> Entries {
        Entries::new(Arc::clone(&self.shared.disk), sequence, self.watch_sequence())
    }

    /// Returns the sequence number of the last acknowledged entry, and every later one.
    pub fn watch_sequence(&self) -> watch::Receiver<u64> {
        self.shared.acknowledged.subscribe()
    }

    /// Reads a sealed key.
    ///
    /// # Errors
    /// When there is none of that id, or it cannot be read.
    pub fn key(&self, id: &KeyId) -> Result<SealedKey, Error> {
        Ok(self.shared.keys.read(id)?)
    }

    /// Overwrites and removes a key; the caller has recorded before that nothing refers to it.
    ///
    /// # Errors
    /// When the file cannot be overwritten or removed, or the store is read-only.
    pub fn destroy_key(&self, id: &KeyId) -> Result<(), Error> {
        self.messages()?;
        Ok(self.shared.keys.destroy(id)?)
    }

    /// Returns what the start found about keys nothing refers to and keys that are missing; nothing
    /// while it is still looking.
    pub fn key_audit(&self) -> Option<&KeyAudit> {
        self.shared.key_audit.get()
    }

    /// Checks every frame, checkpoint and key file; blocks while it reads.
    ///
    /// # Errors
    /// When a file cannot be read at all; everything else is in the report.
    pub fn verify(&self) -> Result<crate::store::verify::VerifyReport, Error> {
        crate::store::verify::verify(&*self.shared.disk, &*self.shared.projection)
    }

    /// Returns why nothing can be changed, if that is so.
    pub fn read_only(&self) -> Option<&ReadOnly> {
        self.shared.read_only.as_ref()
    }

    /// Returns whether the disk is too full for anything but clean-up: the reserve is not held.
    pub fn is_full(&self) -> bool {
        self.shared.read_only.is_none() && self.shared.keys.is_sparing()
    }

    /// Returns whether reads are answered by the index: not while it is being rebuilt.
    pub fn is_indexed(&self) -> bool {
        self.shared.applied.is_indexed()
    }

    /// Stops cleanly: what was queued is done, the index synced and marked as trustworthy.
    ///
    /// # Errors
    /// When the index could not be synced; the next start then rebuilds it.
    pub async fn close(self) -> Result<(), Error> {
        let Some(messages) = &self.messages else {
            return Ok(());
        };
        let (answer, answered) = oneshot::channel();
        messages.send(Message::Close(answer)).await.map_err(|_closed| self.closed())?;
        answered.await.map_err(|_dropped| self.closed())?
    }

    /// Does what [`Self::close`] does, for threads that may block, and waits for all threads.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub fn close_blocking(self) -> Result<(), Error> {
        let Some(messages) = &self.messages else {
            return Ok(());
        };
        let (answer, answered) = oneshot::channel();
        messages.blocking_send(Message::Close(answer)).map_err(|_closed| self.closed())?;
        let outcome = answered.blocking_recv().map_err(|_dropped| self.closed())?;
        self.join();
        outcome
    }

    /// Ends all threads without marking anything clean, as SIGKILL would.
    #[cfg(any(test, feature = "testing"))]
    pub fn kill(self) {
        self.shared.killed.store(true, Ordering::Release);
        if let Err(error) = self.clone().close_blocking() {
            tracing::debug!(%error, "killed");
            self.join();
        }
    }

    fn join(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    fn messages(&self) -> Result<&mpsc::Sender<Message>, Error> {
        self.shared.check()?;
        self.messages.as_ref().ok_or_else(|| {
            Error::ReadOnly(self.shared.read_only.clone().unwrap_or(ReadOnly::FileSystem))
        })
    }

    fn closed(&self) -> Error {
        self.shared.check().err().unwrap_or(Error::Closed)
    }
}

impl Rows for Engine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.shared.applied.get(key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.shared.applied.page(from, to, limit)
    }
}

fn job<R, E>(
    decide: impl FnOnce(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
) -> (Message, oneshot::Receiver<Result<R, E>>)
where
    R: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (reply, answered) = oneshot::channel();
    let job = Box::new(move |transaction: &mut Transaction<'_>| {
        let decision = decide(transaction);
        Decided {
            keep: decision.is_ok(),
            answer: Box::new(move |settled| {
                let answer = settled.map_err(E::from).and(decision);
                // A caller that went away loses its answer, not its change.
                drop(reply.send(answer));
            }),
        }
    });
    (Message::Change(job), answered)
}

#[cfg(test)]
mod tests;
