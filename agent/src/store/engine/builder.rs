//! What is done beside the writer: filling the index, writing checkpoints, looking over the keys.
//!
//! A checkpoint is made from the one before and the segments ended since, without asking the
//! writer or the index for anything; so it also proves that the one before can be read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use rolecall::key::KeyId;
use tokio::sync::mpsc::WeakSender;

use crate::store::checkpoint;
use crate::store::checkpoint::Checkpoint;
use crate::store::disk::Disk;
use crate::store::engine::open::KeyAudit;
use crate::store::engine::transaction::project;
use crate::store::engine::{Message, Shared};
use crate::store::error::{Error, io_at};
use crate::store::index::applied::Merged;
use crate::store::index::{Index, trust};
use crate::store::journal::{Anchor, EntryRef, walk};
use crate::store::rows::{CheckpointRecord, KeyFate, Pending, Projection, Scan};

/// Something to do in the background.
#[derive(Debug)]
pub(super) enum Task {
    /// Fill a new index from what is applied.
    Rebuild,
    /// Set aside keys that nothing refers to, among those that were there at start.
    AuditKeys { found: BTreeSet<KeyId> },
    /// Write a checkpoint at the end of an ended segment.
    Checkpoint { at: Anchor },
    /// End.
    Stop,
}

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Built {
    pub(crate) record: CheckpointRecord,
    pub(crate) length: u64,
}

/// Does one task after the other until told to stop.
pub(super) fn run(shared: &Shared, tasks: &Receiver<Task>, writer: &WeakSender<Message>) {
    let disk = &shared.disk;
    while let Ok(task) = tasks.recv() {
        match task {
            Task::Rebuild => {
                if let Err(error) = rebuild(shared, Arc::clone(disk)) {
                    tracing::error!(%error, "the index could not be rebuilt; reads do without it");
                }
            }
            Task::AuditKeys { found } => match audit_keys(shared, &found) {
                Ok(audit) => drop(shared.key_audit.set(audit)),
                Err(error) => tracing::error!(%error, "the keys could not be looked over"),
            },
            Task::Checkpoint { at } => {
                let built = build(&**disk, &*shared.projection, at);
                let Some(writer) = writer.upgrade() else { return };
                if writer.blocking_send(Message::Checkpoint(built)).is_err() {
                    return;
                }
            }
            Task::Stop => return,
        }
    }
}

fn rebuild(shared: &Shared, disk: Arc<dyn Disk>) -> Result<(), Error> {
    trust::opening(&*disk, &shared.boot_id, 1)?;
    trust::discard(&*disk, &shared.index_path)?;
    let index = Index::open(Arc::clone(&disk), &shared.index_path)?;
    let go_on = || !shared.stopping.load(Ordering::Acquire);
    if shared.applied.fill(index, &go_on)? {
        trust::opened(&*disk)?;
        tracing::info!("the index is rebuilt");
    }
    Ok(())
}

fn audit_keys(shared: &Shared, found: &BTreeSet<KeyId>) -> Result<KeyAudit, Error> {
    let mut unreferenced = found.clone();
    let mut missing = BTreeSet::new();
    let mut destroyed = BTreeSet::new();
    let sequence = *shared.acknowledged.borrow();
    shared
        .projection
        .key_ids(&shared.applied, &mut |id, fate| match fate {
            KeyFate::Held if !unreferenced.remove(&id) && !found.contains(&id) => {
                missing.insert(id);
            }
            KeyFate::Destroyed if unreferenced.remove(&id) => {
                destroyed.insert(id);
            }
            KeyFate::Held | KeyFate::Destroyed => {}
        })
        .map_err(|source| Error::Projection { sequence, source })?;
    // The process ended between the record and the deed.
    for id in &destroyed {
        shared.keys.destroy(id)?;
    }
    // One that came after the start is not among those found then, and not missing.
    missing.retain(|id| shared.keys.contains(id).is_ok_and(|there| !there));
    if !unreferenced.is_empty() {
        shared.keys.set_aside(&unreferenced)?;
    }
    Ok(KeyAudit { unreferenced, missing })
}

/// Writes the checkpoint at `at` from the newest valid one and the journal since.
fn build(disk: &dyn Disk, projection: &dyn Projection, at: Anchor) -> Result<Built, Error> {
    let base = newest_valid(disk, at.sequence)?;
    let from = base.as_ref().map_or(Anchor::START, Checkpoint::anchor);
    let mut merged = Merged::new(base.map(Arc::new));
    let tail =
        walk(disk, from, Some(at.sequence), &mut |entry| replay(projection, &mut merged, entry))?;
    if let Some(damage) = tail.damage {
        return Err(damage.into());
    }
    if tail.head != at {
        return Err(Error::Unanchored { first: tail.head.next() });
    }
    let digest = checkpoint::write(disk, &at, &mut Scan::new(&merged, Vec::new(), None))?;
    checkpoint::prune(disk)?;
    let length = disk
        .open(&checkpoint::path(at.sequence))
        .and_then(|file| file.length())
        .map_err(io_at("read", &checkpoint::path(at.sequence)))?;
    Ok(Built { record: CheckpointRecord { sequence: at.sequence, digest }, length })
}

/// Applies one entry of the journal to a state kept in memory.
pub(crate) fn replay(
    projection: &dyn Projection,
    merged: &mut Merged,
    entry: EntryRef<'_>,
) -> Result<(), Error> {
    let mut pending = Pending::default();
    for write in project(projection, entry.sequence, entry.payload, &*merged)? {
        pending.write(write);
    }
    merged.apply(pending, entry.sequence);
    Ok(())
}

/// Returns the newest checkpoint before `limit` that is whole; one that is not is set aside.
fn newest_valid(disk: &dyn Disk, limit: u64) -> Result<Option<Checkpoint>, Error> {
    for sequence in checkpoint::list(disk)?.into_iter().filter(|sequence| *sequence < limit) {
        match Checkpoint::load(disk, sequence) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error @ Error::Checkpoint { .. }) => {
                tracing::error!(%error, "a checkpoint is damaged; the one before is used");
                checkpoint::set_aside(disk, sequence)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
