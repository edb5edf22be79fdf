//! The writer: takes what is queued, decides it, and makes it durable as one group.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use rolecall::error_chain::Chain;
use tokio::sync::{mpsc, oneshot};

use crate::store::codec::offset;
use crate::store::engine::builder::{Built, Task};
use crate::store::engine::transaction::Recorded;
use crate::store::engine::{Answer, CheckpointPolicy, Job, Message, Shared, Transaction};
use crate::store::error::Error;
use crate::store::index::trust;
use crate::store::journal::{AppendError, Journal, Reserve, STEP};
use crate::store::keys::Stop;
use crate::store::lock;
use crate::store::rows::CheckpointRecord;
use crate::store::verify;

/// Changes in one group: four times what is in flight when an agent issues in bulk.
const GROUP: usize = 64;
/// Bytes after which a group takes no more.
const GROUP_BYTES: usize = 1 << 20;

/// The one thread that decides and writes.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) journal: Journal,
    pub(super) reserve: Reserve,
    pub(super) checkpoints: Checkpoints,
    /// The index failed, and is rebuilt once there is room.
    pub(super) index_lost: bool,
    /// Goes, and with it the lock, when everything else is done.
    pub(super) lock: Box<dyn lock::Held>,
}

/// When the next checkpoint is due, and who writes it.
pub(super) struct Checkpoints {
    pub(super) policy: CheckpointPolicy,
    /// The bytes journalled since the last checkpoint.
    pub(super) tail: u64,
    /// The length of the last checkpoint.
    pub(super) last_length: u64,
    /// The tail that the checkpoint being written covers.
    pub(super) under_way: Option<u64>,
    /// Not before the tail has grown to this: set when one could not be written.
    pub(super) not_before: u64,
    pub(super) builder: Sender<Task>,
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl Checkpoints {
    fn is_due(&self) -> bool {
        let due = self.policy.least.max(self.last_length / 2).max(self.not_before);
        self.under_way.is_none() && self.tail >= due
    }
}

/// The changes that are made durable together.
#[derive(Default)]
struct Group {
    recorded: Recorded,
    answers: Vec<Answer>,
}

impl Writer {
    /// Works until the engine is closed or dropped.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let Some(message) = self.messages.blocking_recv() else { break };
            closing = self.handle(message);
        }
        let outcome = self.close();
        // Whoever sent after the stop was asked for is told so by the channel that goes now.
        drop(self.messages);
        drop(self.lock);
        if let Some(answer) = closing {
            drop(answer.send(outcome));
        }
    }

    fn handle(&mut self, message: Message) -> Option<oneshot::Sender<Result<(), Error>>> {
        let mut group = Group::default();
        let mut message = Some(message);
        let mut closing = None;
        while let Some(taken) = message.take() {
            match taken {
                Message::Change(job) => self.decide(job, &mut group),
                Message::Checkpoint(built) => self.record_checkpoint(built, &mut group),
                Message::Close(answer) => {
                    closing = Some(answer);
                    break;
                }
            }
            if group.answers.len() < GROUP && group.recorded.bytes < GROUP_BYTES {
                message = self.messages.try_recv().ok();
            }
        }
        self.commit(group);
        self.shared.keys.spare(!self.reserve.is_held());
        self.restore_index();
        self.begin_checkpoint();
        closing
    }

    fn decide(&mut self, job: Job, group: &mut Group) {
        if self.shared.check().is_err() {
            // Its caller learns from the channel that goes with it, and asks what happened.
            drop(job);
            return;
        }
        let count = offset(group.recorded.entries.len());
        let next = self.journal.head().next().saturating_add(count);
        let mut transaction = Transaction::new(&self.shared, &group.recorded, next);
        let decided = job(&mut transaction);
        let recorded = transaction.into_recorded();
        if !decided.keep || recorded.is_empty() {
            // Whoever asks for nothing finds out whether there is room again, for the journal too.
            if decided.keep && !self.reserve.is_held() {
                self.reserve.restore_beside(STEP);
                self.shared.keys.spare(!self.reserve.is_held());
            }
            if group.recorded.is_empty() {
                (decided.answer)(Ok(()));
            } else {
                group.answers.push(decided.answer);
            }
        } else if recorded.essential || self.reserve.is_held() || self.reserve.restore() {
            group.recorded.extend(recorded);
            group.answers.push(decided.answer);
        } else {
            (decided.answer)(Err(Error::Full));
        }
    }

    /// Makes a group durable, lets it be read, and answers it.
    fn commit(&mut self, group: Group) {
        let Group { recorded, answers } = group;
        let outcome = if recorded.is_empty() { self.shared.check() } else { self.write(recorded) };
        for answer in answers {
            answer(outcome.clone());
        }
    }

    fn write(&mut self, recorded: Recorded) -> Result<(), Error> {
        if let Err(error) = self.shared.keys.write(&recorded.keys) {
            let error = Error::from(error);
            return Err(self.made_room(error));
        }
        if !recorded.entries.is_empty() {
            self.append(&recorded)?;
        }
        let sequence = self.journal.head().sequence;
        if let Err(error) = self.shared.applied.apply(recorded.rows, sequence) {
            self.do_without_index(&error, sequence)?;
        }
        self.shared.acknowledged.send_replace(sequence);
        Ok(())
    }

    /// Has everything read from the journal, which holds what the index could not take.
    ///
    /// The disk may be full: the reserve goes, so that nothing but clean-up is recorded until there
    /// is room again, and then the index is rebuilt.
    fn do_without_index(&mut self, failed: &Error, sequence: u64) -> Result<(), Error> {
        tracing::error!(error = %Chain(failed), "the index failed; reads do without it");
        let shared = &self.shared;
        match verify::current(&*shared.disk, &*shared.projection) {
            Ok(merged) if merged.sequence() == sequence => shared.applied.replace(merged),
            other => {
                let error = other.err().unwrap_or_else(|| failed.clone());
                tracing::error!(error = %Chain(&error), "a durable group cannot be read");
                shared.poison();
                return Err(error);
            }
        }
        self.index_lost = true;
        if let Err(error) = self.release_reserve() {
            tracing::warn!(error = %Chain(&error), "the journal's reserve could not be freed");
        }
        Ok(())
    }

    /// Frees the reserve for what is essential, and has nothing else take the room.
    fn release_reserve(&mut self) -> Result<(), Error> {
        self.shared.keys.spare(true);
        self.reserve.release()
    }

    /// Has the index rebuilt once the reserve shows that there is room.
    fn restore_index(&mut self) {
        if self.index_lost && self.reserve.is_held() {
            self.index_lost = false;
            drop(self.checkpoints.builder.send(Task::Rebuild));
        }
    }

    fn append(&mut self, recorded: &Recorded) -> Result<(), Error> {
        let mut appended = self.journal.append(&recorded.entries);
        if let Err(AppendError::Refused(error)) = &appended
            && error.is_full()
            && self.reserve.is_held()
        {
            self.release_reserve()?;
            if recorded.essential {
                appended = self.journal.append(&recorded.entries);
            }
        }
        match appended {
            Ok(length) => {
                self.checkpoints.tail = self.checkpoints.tail.saturating_add(length);
                Ok(())
            }
            Err(AppendError::Refused(error)) => {
                self.shared.keys.take_back(&recorded.keys);
                Err(self.made_room(error))
            }
            Err(AppendError::Fatal(error)) => {
                tracing::error!(%error, "the journal could not be made durable");
                self.shared.poison();
                Err(Error::Poisoned)
            }
        }
    }

    /// Frees the reserve when the disk is full, so that what is essential still fits.
    fn made_room(&mut self, error: Error) -> Error {
        if !error.is_full() {
            return error;
        }
        if let Err(error) = self.release_reserve() {
            tracing::warn!(%error, "the journal's reserve could not be freed");
        }
        Error::Full
    }

    fn begin_checkpoint(&mut self) {
        if self.checkpoints.is_due() {
            self.send_checkpoint();
        }
    }

    /// Ends the segment and has everything in it and before it written as a checkpoint.
    fn send_checkpoint(&mut self) {
        if let Err(error) = self.journal.roll() {
            tracing::warn!(%error, "the journal's segment could not be ended for a checkpoint");
            self.checkpoints.put_off();
            return;
        }
        let task = Task::Checkpoint { at: self.journal.head() };
        if self.checkpoints.builder.send(task).is_ok() {
            self.checkpoints.under_way = Some(self.checkpoints.tail);
        }
    }

    fn record_checkpoint(&mut self, built: Result<Built, Error>, group: &mut Group) {
        let covered = self.checkpoints.under_way.take().unwrap_or(0);
        let built = match built {
            Ok(built) => built,
            Err(error) => {
                tracing::warn!(%error, "a checkpoint could not be written");
                self.checkpoints.put_off();
                return;
            }
        };
        self.checkpoints.tail = self.checkpoints.tail.saturating_sub(covered);
        self.checkpoints.last_length = built.length;
        self.checkpoints.not_before = 0;
        let payload = self.shared.projection.checkpoint_entry(&built.record);
        self.decide(recording(payload, built.record), group);
    }

    /// Writes a checkpoint if one is worth it, ends the threads, and marks the index clean.
    fn close(&mut self) -> Result<(), Error> {
        let killed = self.shared.killed.load(Ordering::Acquire);
        let healthy = !killed && self.shared.check().is_ok();
        let worth = self.checkpoints.tail >= self.checkpoints.policy.at_close;
        if healthy
            && worth
            && self.checkpoints.under_way.is_none()
            && self.shared.applied.is_indexed()
        {
            self.send_checkpoint();
        }
        if healthy && self.shared.applied.is_indexed() {
            self.await_checkpoint();
        }
        self.shared.stopping.store(true, Ordering::Release);
        // A thread that waits for room in the queue must not be waited for.
        self.messages.close();
        self.shared.keys.stop(if healthy { Stop::Finish } else { Stop::Abandon });
        drop(self.checkpoints.builder.send(Task::Stop));
        for thread in self.checkpoints.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
        if healthy && self.shared.applied.sync()? {
            trust::clean(&*self.shared.disk, self.journal.head().sequence)?;
        }
        Ok(())
    }

    /// Waits for the checkpoint under way, refusing changes meanwhile.
    fn await_checkpoint(&mut self) {
        while self.checkpoints.under_way.is_some() {
            match self.messages.blocking_recv() {
                Some(Message::Checkpoint(built)) => {
                    let mut group = Group::default();
                    self.record_checkpoint(built, &mut group);
                    self.commit(group);
                }
                Some(Message::Change(job)) => drop(job),
                Some(Message::Close(answer)) => drop(answer.send(Err(Error::Closed))),
                None => return,
            }
        }
    }
}

impl Checkpoints {
    /// Tries again when the journal has grown by another quarter of the least.
    const fn put_off(&mut self) {
        self.not_before = self.tail.saturating_add(self.policy.least / 4);
    }
}

/// Returns the change that records a checkpoint.
fn recording(payload: Vec<u8>, record: CheckpointRecord) -> Job {
    Box::new(move |transaction| {
        let recorded = transaction.record(payload);
        super::Decided {
            keep: recorded.is_ok(),
            answer: Box::new(move |settled| {
                if let Err(error) = recorded.map(drop).and(settled) {
                    let sequence = record.sequence;
                    tracing::warn!(%error, sequence, "a checkpoint could not be recorded");
                }
            }),
        }
    })
}
