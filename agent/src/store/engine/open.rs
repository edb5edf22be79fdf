//! Opening: how far the journal is, what to read from, and whether anything may be written.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, mpsc as blocking};
use std::thread::JoinHandle;
use std::time::Duration;

use rolecall::key::KeyId;
use tokio::sync::{mpsc, watch};

use crate::store::disk::Disk;
use crate::store::engine::builder::Task;
use crate::store::engine::writer::{Checkpoints, Writer};
use crate::store::engine::{Engine, Options, QUEUE, Shared, builder};
use crate::store::error::{Error, ReadOnly, io_at};
use crate::store::index::applied::Applied;
use crate::store::index::trust::Rebuild;
use crate::store::journal::{DIRECTORY, Journal, Reserve, Torn};
use crate::store::keys::KeyFiles;
use crate::store::lock;

mod state;

use state::State;

/// What a start found and did.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenReport {
    /// The last entry of the journal.
    pub sequence: u64,
    /// The unfinished frame that was cut off and kept aside.
    pub torn: Option<Torn>,
    /// What became of the index.
    pub index: IndexStart,
    /// Why nothing can be changed, if so.
    pub read_only: Option<ReadOnly>,
    /// The checkpoint that the start went on from.
    pub checkpoint: Option<u64>,
    /// Checkpoints that were not valid, and where they are now.
    pub checkpoints_set_aside: Vec<String>,
    /// Entries after the checkpoint.
    pub tail_entries: u64,
    /// Bytes of frames after the checkpoint.
    pub tail_bytes: u64,
    /// How long it took.
    pub timings: Timings,
}

/// What a start did with the index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IndexStart {
    /// It was trusted, and this many entries were applied to it.
    Trusted {
        /// Entries that it lacked.
        applied: u64,
    },
    /// It is being rebuilt, while reads are answered without it.
    Rebuilding(Rebuild),
    /// It is not used, because nothing may be written.
    Unused,
}

/// How long a start took until the store could be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Reading checkpoint and journal, and opening a trusted index.
    pub state: Duration,
    /// Everything.
    pub total: Duration,
}

/// What a start found about keys, once it has looked.
#[derive(Clone, Debug, Default)]
pub struct KeyAudit {
    /// Keys that nothing refers to; they were moved to `keys/unreferenced/`.
    pub unreferenced: BTreeSet<KeyId>,
    /// Keys that rows refer to and that are not there.
    pub missing: BTreeSet<KeyId>,
}

pub(super) fn open(options: Options) -> Result<(Engine, OpenReport), Error> {
    let began = monotonic();
    let lock = match options.disk.lock("lock") {
        Ok(lock) => Some(lock),
        Err(lock::Error::InUse { pid }) => return Err(Error::InUse { pid }),
        Err(lock::Error::Io(error)) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
            None
        }
        Err(lock::Error::Io(error)) => return Err(io_at("lock", "lock")(error)),
    };
    let writable = match prepare(&*options.disk) {
        Ok(()) => lock.is_some(),
        Err(error) if is_read_only(&error) => false,
        Err(error) => return Err(error),
    };
    let mut state = match State::read(&options, writable) {
        // The reserve is for this: what a start must write is a few bytes.
        Err(error) if error.is_full() => {
            Reserve::discard(&*options.disk)?;
            State::read(&options, writable)?
        }
        read => read?,
    };
    state.report.timings.state = began.elapsed();
    let mut opened = start(options, state, lock)?;
    opened.1.timings.total = began.elapsed();
    Ok(opened)
}

fn prepare(disk: &dyn Disk) -> Result<(), Error> {
    if !disk.exists(DIRECTORY).map_err(io_at("read", DIRECTORY))? {
        disk.create_dir(DIRECTORY).map_err(io_at("create", DIRECTORY))?;
    }
    disk.sync_dir("").map_err(io_at("sync", ""))
}

fn is_read_only(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. }
        if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

/// Starts the threads of a store that can be written, or none.
fn start(
    options: Options,
    state: State,
    lock: Option<Box<dyn lock::Held>>,
) -> Result<(Engine, OpenReport), Error> {
    let State { applied, tail, report, checkpoint_length } = state;
    let (writable, lock) = match report.read_only {
        None => (lock, None),
        Some(_) => (None, lock.map(Arc::from)),
    };
    let disk = &options.disk;
    let (keys, found) = if writable.is_some() {
        KeyFiles::open(Arc::clone(disk))?
    } else {
        (KeyFiles::read_only(Arc::clone(disk)), BTreeSet::new())
    };
    let (shared, policy) = share(options, applied, keys, &report);
    let Some(writer_lock) = writable else {
        let threads = Arc::default();
        return Ok((Engine { shared, messages: None, threads, _lock: lock }, report));
    };
    let journal = Journal::open(Arc::clone(&shared.disk), &tail)?;
    let reserve = Reserve::open(Arc::clone(&shared.disk))?;
    shared.keys.spare(!reserve.is_held());
    let (messages, received) = mpsc::channel(QUEUE);
    let (tasks, builder) = blocking::channel();
    if !shared.applied.is_indexed() {
        drop(tasks.send(Task::Rebuild));
    }
    drop(tasks.send(Task::AuditKeys { found }));
    let weak = messages.downgrade();
    let (for_builder, for_keys) = (Arc::clone(&shared), Arc::clone(&shared));
    let threads = vec![
        spawn("store-builder", move || {
            builder::run(&for_builder, &builder, &weak);
        })?,
        spawn("store-keys", move || for_keys.keys.run())?,
    ];
    let checkpoints = Checkpoints {
        policy,
        tail: report.tail_bytes,
        last_length: checkpoint_length,
        under_way: None,
        not_before: 0,
        builder: tasks,
        threads,
    };
    let writer = Writer {
        shared: Arc::clone(&shared),
        messages: received,
        journal,
        reserve,
        checkpoints,
        index_lost: false,
        lock: writer_lock,
    };
    let writer = spawn("store-writer", move || writer.run())?;
    let threads = Arc::new(Mutex::new(vec![writer]));
    Ok((Engine { shared, messages: Some(messages), threads, _lock: None }, report))
}

fn share(
    options: Options,
    applied: Applied,
    keys: KeyFiles,
    report: &OpenReport,
) -> (Arc<Shared>, super::CheckpointPolicy) {
    let shared = Shared {
        disk: options.disk,
        index_path: options.index_path,
        boot_id: options.boot_id,
        projection: options.projection,
        applied,
        acknowledged: watch::Sender::new(report.sequence),
        read_only: report.read_only.clone(),
        keys,
        key_audit: OnceLock::new(),
        poisoned: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        killed: AtomicBool::new(false),
        on_fatal: options.on_fatal,
    };
    (Arc::new(shared), options.checkpoints)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(io_at("start a thread for", ""))
}

#[expect(clippy::disallowed_methods, reason = "only says how long a start took")]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
