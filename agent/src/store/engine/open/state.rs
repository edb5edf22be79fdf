//! The state a start begins with: a trusted index, or a checkpoint with the journal's tail on top.

use std::sync::Arc;

use crate::store::checkpoint;
use crate::store::checkpoint::Checkpoint;
use crate::store::disk::Disk;
use crate::store::engine::Options;
use crate::store::engine::builder::replay;
use crate::store::engine::open::{IndexStart, OpenReport, Timings};
use crate::store::engine::transaction::project;
use crate::store::error::{Error, ReadOnly, io_at};
use crate::store::index::Index;
use crate::store::index::applied::{Applied, Merged};
use crate::store::index::trust::{self, Rebuild, Trust};
use crate::store::journal::{Anchor, Tail, walk};
use crate::store::rows::Pending;

/// What is read from, and where the journal goes on.
pub(super) struct State {
    pub(super) applied: Applied,
    pub(super) tail: Tail,
    pub(super) report: OpenReport,
    pub(super) checkpoint_length: u64,
}

impl State {
    /// Reads what there is; without `writable` nothing at all is written.
    pub(super) fn read(options: &Options, writable: bool) -> Result<Self, Error> {
        let disk = &*options.disk;
        if !writable {
            return Self::without_index(options, IndexStart::Unused, Some(ReadOnly::FileSystem));
        }
        let rebuild = match trust::judge(disk, &options.index_path, &options.boot_id)? {
            Trust::Trusted { clean, starts } => match Self::with_index(options, clean, starts)? {
                Ok(state) => return Ok(state),
                Err(rebuild) => rebuild,
            },
            Trust::Rebuild(rebuild) => rebuild,
        };
        Self::without_index(options, IndexStart::Rebuilding(rebuild), None)
    }

    /// Opens the index; what speaks against it only once it is open has it rebuilt.
    fn with_index(
        options: &Options,
        clean: Option<u64>,
        starts: u32,
    ) -> Result<Result<Self, Rebuild>, Error> {
        let disk = &*options.disk;
        let (anchor, length) = newest_anchor(disk)?;
        let tail = walk(disk, anchor, None, &mut |_| Ok(()))?;
        let head = tail.head.sequence;
        if clean.is_some_and(|clean| clean < anchor.sequence.min(head)) {
            return Ok(Err(Rebuild::TooOld));
        }
        trust::opening(disk, &options.boot_id, starts)?;
        let Ok(index) = Index::open(Arc::clone(&options.disk), &options.index_path) else {
            return Ok(Err(Rebuild::Unreadable));
        };
        let Ok(applied) = index.applied() else {
            return Ok(Err(Rebuild::Unreadable));
        };
        let read_only = read_only(disk, &tail, applied.max(anchor.sequence))?;
        let mut report = report(&tail, anchor, read_only);
        if report.read_only.is_none() {
            if applied < anchor.sequence {
                return Ok(Err(Rebuild::TooOld));
            }
            if applied < head {
                match catch_up(options, &index, anchor, applied) {
                    // On a full disk, say; what can be rebuilt is no reason not to start.
                    Err(Error::Index { .. }) => return Ok(Err(Rebuild::Suspect)),
                    caught_up => caught_up?,
                }
            }
        }
        trust::opened(disk)?;
        report.index = IndexStart::Trusted { applied: head.saturating_sub(applied) };
        let hot_tables = options.projection.hot_tables();
        let applied = Applied::indexed(index, hot_tables, head.max(applied))?;
        Ok(Ok(Self { applied, tail, report, checkpoint_length: length }))
    }

    /// Reads the newest whole checkpoint and what came after it.
    fn without_index(
        options: &Options,
        index: IndexStart,
        read_only_because: Option<ReadOnly>,
    ) -> Result<Self, Error> {
        let disk = &*options.disk;
        let mut aside = Vec::new();
        let mut candidates = checkpoint::list(disk)?.into_iter();
        let (base, merged, tail) = loop {
            let sequence = candidates.next();
            let found = sequence.map(|sequence| Checkpoint::load(disk, sequence)).transpose();
            let tried = found.and_then(|base| replay_all(options, base));
            match (tried, sequence) {
                (Err(Error::Checkpoint { .. }), Some(sequence)) => {
                    aside.push(match read_only_because {
                        None => checkpoint::set_aside(disk, sequence)?,
                        Some(_) => checkpoint::path(sequence),
                    });
                }
                (tried, _) => break tried?,
            }
        };
        let anchor = base.as_ref().map_or(Anchor::START, |base| base.anchor());
        let read_only = match read_only_because {
            Some(why) => Some(why),
            None => read_only(disk, &tail, anchor.sequence)?,
        };
        let mut report = report(&tail, anchor, read_only);
        report.index = if report.read_only.is_some() { IndexStart::Unused } else { index };
        report.checkpoints_set_aside = aside;
        let checkpoint_length = base.as_ref().map_or(0, |base| base.length());
        Ok(Self {
            applied: Applied::merged(merged, options.projection.hot_tables()),
            tail,
            report,
            checkpoint_length,
        })
    }
}

type Replayed = (Option<Arc<Checkpoint>>, Merged, Tail);

/// Projects everything after `base`; the journal may say that `base` is not what was written.
fn replay_all(options: &Options, base: Option<Checkpoint>) -> Result<Replayed, Error> {
    let base = base.map(Arc::new);
    let anchor = base.as_ref().map_or(Anchor::START, |base| base.anchor());
    let mut merged = Merged::new(base.clone());
    let projection = &*options.projection;
    let tail = walk(&*options.disk, anchor, None, &mut |entry| {
        let record = projection.checkpoint_record(entry.payload);
        let other = record.zip(base.as_ref()).is_some_and(|(record, base)| {
            record.sequence == anchor.sequence && record.digest != base.digest()
        });
        if other {
            return Err(Error::Checkpoint {
                path: checkpoint::path(anchor.sequence).into(),
                offset: 0,
                what: "the journal records another digest",
            });
        }
        replay(projection, &mut merged, entry)
    })?;
    Ok((base, merged, tail))
}

/// Returns where the newest checkpoint stands, and its length, without checking its rows.
fn newest_anchor(disk: &dyn Disk) -> Result<(Anchor, u64), Error> {
    for sequence in checkpoint::list(disk)? {
        if let Ok(anchor) = checkpoint::anchor(disk, sequence) {
            let path = checkpoint::path(sequence);
            let file = disk.open(&path).map_err(io_at("open", &path))?;
            return Ok((anchor, file.length().map_err(io_at("read", &path))?));
        }
    }
    Ok((Anchor::START, 0))
}

/// Applies the entries that the index lacks.
fn catch_up(options: &Options, index: &Index, anchor: Anchor, applied: u64) -> Result<(), Error> {
    let tail = walk(&*options.disk, anchor, None, &mut |entry| {
        if entry.sequence <= applied {
            return Ok(());
        }
        let mut pending = Pending::default();
        for write in project(&*options.projection, entry.sequence, entry.payload, index)? {
            pending.write(write);
        }
        index.apply(&pending, entry.sequence)
    })?;
    tail.damage.map_or(Ok(()), |damage| Err(damage.into()))
}

/// Returns why nothing may be written, given the highest sequence number known from elsewhere.
fn read_only(disk: &dyn Disk, tail: &Tail, seen: u64) -> Result<Option<ReadOnly>, Error> {
    if let Some(damage) = &tail.damage {
        return Ok(Some(ReadOnly::Damaged(damage.clone())));
    }
    let journal = tail.head.sequence;
    let marked = trust::seen(disk)?;
    let seen = marked.map_or(seen, |marked| marked.max(seen));
    if seen > journal {
        // The index may be rebuilt before anybody looks: then only this tells.
        trust::shortened(disk, seen)?;
        return Ok(Some(ReadOnly::JournalShortened { seen, journal }));
    }
    if marked.is_some() {
        trust::settled(disk)?;
    }
    Ok(None)
}

fn report(tail: &Tail, anchor: Anchor, read_only: Option<ReadOnly>) -> OpenReport {
    OpenReport {
        sequence: tail.head.sequence,
        torn: tail.torn.clone().filter(|_| read_only.is_none()),
        index: IndexStart::Unused,
        read_only,
        checkpoint: Some(anchor.sequence).filter(|sequence| *sequence > 0),
        checkpoints_set_aside: Vec::new(),
        tail_entries: tail.entries,
        tail_bytes: tail.bytes,
        timings: Timings::default(),
    }
}
