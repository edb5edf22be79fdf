//! Checking a store, and reading all of it, from outside: beside a running agent or without one.
//!
//! Nothing here takes the lock, opens the index or writes. The journal's last frame may be in the
//! middle of being written while this reads; it is then not counted, and that is no damage.

use std::collections::BTreeSet;
use std::sync::Arc;

use rolecall::key::KeyId;

use crate::store::checkpoint;
use crate::store::checkpoint::Checkpoint;
use crate::store::codec::Digest;
use crate::store::disk::Disk;
use crate::store::engine::replay;
use crate::store::error::{Damage, Error};
use crate::store::index::applied::Merged;
use crate::store::journal::{Anchor, segments, walk_from_first};
use crate::store::keys;
use crate::store::rows::{KeyFate, Projection, Row, Scan};

/// What a check found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The segments of the journal that are there.
    pub segments: usize,
    /// The first entry that is there; entries before it are in archived segments.
    pub first: u64,
    /// The last entry.
    pub last: u64,
    /// Entries read.
    pub entries: u64,
    /// The SHA-256 of the last frame: what a witness remembers.
    pub head: Digest,
    /// Damage in the journal; what follows it was not read.
    pub damage: Option<Damage>,
    /// Bytes at the end that belong to an unfinished frame.
    pub unfinished: u64,
    /// The sequence numbers of whole checkpoints, newest first.
    pub checkpoints: Vec<u64>,
    /// What is wrong with the others.
    pub damaged_checkpoints: Vec<Error>,
    /// Keys that are whole.
    pub keys: usize,
    /// Keys that rows refer to and that are not there.
    pub missing_keys: BTreeSet<KeyId>,
    /// What is wrong with key files.
    pub damaged_keys: Vec<keys::Error>,
    /// Why the rows could not be read, and with them not which keys are missing.
    pub unreadable: Option<Error>,
}

impl VerifyReport {
    /// Returns whether everything is as it was written.
    pub fn is_sound(&self) -> bool {
        self.damage.is_none()
            && self.damaged_checkpoints.is_empty()
            && self.missing_keys.is_empty()
            && self.damaged_keys.is_empty()
            && self.unreadable.is_none()
    }
}

/// Checks every frame, checkpoint and key file.
///
/// # Errors
/// When a file cannot be read at all; everything else is in the report.
pub fn verify(disk: &dyn Disk, projection: &dyn Projection) -> Result<VerifyReport, Error> {
    let mut report = VerifyReport { segments: segments(disk)?.len(), ..VerifyReport::default() };
    let mut recorded = Vec::new();
    let tail = walk_from_first(disk, &mut |entry| {
        if report.first == 0 {
            report.first = entry.sequence;
        }
        recorded.extend(projection.checkpoint_record(entry.payload));
        Ok(())
    })?;
    report.last = tail.head.sequence;
    report.entries = tail.entries;
    report.head = tail.head.hash;
    report.unfinished = tail.torn.map_or(0, |torn| torn.length());
    report.damage = tail.damage;
    for sequence in checkpoint::list(disk)? {
        let checked = Checkpoint::load(disk, sequence).and_then(|checkpoint| {
            let digest = checkpoint.digest();
            let other = recorded.iter().any(|r| r.sequence == sequence && r.digest != digest);
            let what = "the journal records another digest";
            let path = checkpoint::path(sequence).into();
            if other { Err(Error::Checkpoint { path, offset: 0, what }) } else { Ok(()) }
        });
        match checked {
            Ok(()) => report.checkpoints.push(sequence),
            Err(error) => report.damaged_checkpoints.push(error),
        }
    }
    verify_keys(disk, projection, &mut report)?;
    Ok(report)
}

fn verify_keys(
    disk: &dyn Disk,
    projection: &dyn Projection,
    report: &mut VerifyReport,
) -> Result<(), Error> {
    // Before the rows: a key that comes meanwhile is then unknown, not missing.
    let referenced = referenced(disk, projection);
    let there =
        if disk.exists(keys::DIRECTORY).map_err(crate::store::error::io_at("read", "keys"))? {
            keys::list(disk)?
        } else {
            BTreeSet::new()
        };
    let mut useless = BTreeSet::new();
    match referenced {
        Ok(referenced) => {
            report.missing_keys = referenced.difference(&there).copied().collect();
            useless = there.difference(&referenced).copied().collect();
        }
        Err(error) => report.unreadable = Some(error),
    }
    for id in &there {
        match keys::read(disk, id) {
            Ok(_) => report.keys = report.keys.saturating_add(1),
            // Set aside or destroyed since it was listed.
            Err(keys::Error::NotFound { .. }) => {}
            // Nothing refers to it: a crash fell between overwriting it and removing it, say, and
            // the next start sets it aside.
            Err(keys::Error::Damaged { .. }) if useless.contains(id) => {}
            Err(error) => report.damaged_keys.push(error),
        }
    }
    Ok(())
}

fn referenced(disk: &dyn Disk, projection: &dyn Projection) -> Result<BTreeSet<KeyId>, Error> {
    let merged = current(disk, projection)?;
    let mut referenced = BTreeSet::new();
    projection
        .key_ids(&merged, &mut |id, fate| {
            if fate == KeyFate::Held {
                referenced.insert(id);
            }
        })
        .map_err(|source| Error::Projection { sequence: merged.sequence(), source })?;
    Ok(referenced)
}

/// Returns all rows, read from the newest whole checkpoint and the journal after it.
///
/// # Errors
/// When no checkpoint is whole and the journal does not go back to the first entry, or a file
/// cannot be read. The journal is read up to its first damage.
pub fn export(disk: &dyn Disk, projection: &dyn Projection) -> Result<Export, Error> {
    let merged = current(disk, projection)?;
    Ok(Export { sequence: merged.sequence(), rows: Scan::new(merged, Vec::new(), None) })
}

/// All rows at one sequence number.
#[derive(Debug)]
pub struct Export {
    sequence: u64,
    rows: Scan<Merged>,
}

impl Export {
    /// Returns the sequence number that the rows are of.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Iterator for Export {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

/// Reads all rows from the newest whole checkpoint and the journal after it.
pub(crate) fn current(disk: &dyn Disk, projection: &dyn Projection) -> Result<Merged, Error> {
    let mut base = None;
    for sequence in checkpoint::list(disk)? {
        match Checkpoint::load(disk, sequence) {
            Ok(checkpoint) => {
                base = Some(Arc::new(checkpoint));
                break;
            }
            Err(Error::Checkpoint { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let anchor = base.as_ref().map_or(Anchor::START, |base| base.anchor());
    let mut merged = Merged::new(base);
    crate::store::journal::walk(disk, anchor, None, &mut |entry| {
        replay(projection, &mut merged, entry)
    })?;
    Ok(merged)
}

#[cfg(test)]
mod tests;
