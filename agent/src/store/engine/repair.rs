//! Giving up what cannot be read, because a human decided to.
//!
//! Nothing is deleted: what is cut off stays beside the journal under another name.

use std::fmt;
use std::path::Path;

use crate::store::checkpoint;
use crate::store::disk::Disk;
use crate::store::error::{Damage, Error, io_at};
use crate::store::index::trust;
use crate::store::journal::{Anchor, DIRECTORY, segment_path, segments, walk};
use crate::store::lock;

/// What was given up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repaired {
    /// The last entry that is left.
    pub sequence: u64,
    /// The files under the state directory that hold what was cut off.
    pub set_aside: Vec<String>,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal now ends with entry {}; ", self.sequence)?;
        match self.set_aside.as_slice() {
            [] => f.write_str("nothing had to be cut off")?,
            kept => write!(f, "what was cut off is kept in {}", kept.join(", "))?,
        }
        f.write_str("; the index is made again at the next start")
    }
}

/// What would be given up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// The last entry that would be left.
    pub sequence: u64,
    /// Where the journal is damaged.
    pub damage: Option<Damage>,
    /// How many octets lie behind the damage.
    pub octets: u64,
    /// The newest entry that a checkpoint has seen, if that is one that would be gone.
    pub seen: Option<u64>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "would be left: entries up to {}", self.sequence)?;
        if let Some(damage) = &self.damage {
            writeln!(
                f,
                "would be given up: {} octets of the journal, because {damage}",
                self.octets
            )?;
        }
        if let Some(seen) = self.seen {
            writeln!(f, "would be given up: entries up to {seen}, which a checkpoint has seen")?;
        }
        if self.damage.is_none() && self.seen.is_none() {
            writeln!(f, "would be given up: only what the index has seen and the journal lacks")?;
        }
        write!(f, "files that are cut off would be kept beside the journal")
    }
}

/// Returns what [`repair`] would give up, and changes nothing.
///
/// # Errors
/// What the system says.
pub fn preview(disk: &dyn Disk) -> Result<Loss, Error> {
    let (sequence, damage) = reachable(disk)?;
    let mut octets = 0_u64;
    if let Some(damage) = &damage {
        for first in segments(disk)? {
            let path = segment_path(first);
            if path.as_str() >= &*damage.segment {
                let length = disk.open(&path).and_then(|file| file.length());
                octets = octets.saturating_add(length.map_err(io_at("read", &path))?);
            }
        }
        octets = octets.saturating_sub(damage.offset);
    }
    let seen = checkpoint::list(disk)?.into_iter().max().filter(|seen| *seen > sequence);
    Ok(Loss { sequence, damage, octets, seen })
}

/// Cuts the journal at its first damage and has everything else follow it.
///
/// Afterwards the store opens for writing, without what was recorded behind the damage or, when the
/// journal was shortened, without what is missing from it.
///
/// # Errors
/// [`Error::InUse`] while an agent runs; what the system says.
pub fn repair(disk: &dyn Disk, index_path: &Path) -> Result<Repaired, Error> {
    let lock = disk.lock("lock").map_err(|error| match error {
        lock::Error::InUse { pid } => Error::InUse { pid },
        lock::Error::Io(error) => io_at("lock", "lock")(error),
    })?;
    let mut set_aside = Vec::new();
    let (head, damage) = reachable(disk)?;
    if let Some(damage) = damage {
        cut(disk, &damage, head, &mut set_aside)?;
    }
    for sequence in checkpoint::list(disk)? {
        if sequence > head {
            set_aside.push(checkpoint::set_aside(disk, sequence)?);
        }
    }
    trust::suspect(disk)?;
    trust::discard(disk, index_path)?;
    trust::settled(disk)?;
    drop(lock);
    Ok(Repaired { sequence: head, set_aside })
}

/// Returns the last entry that can be reached, and what is in the way of more.
fn reachable(disk: &dyn Disk) -> Result<(u64, Option<Damage>), Error> {
    let checkpoints = checkpoint::list(disk)?;
    let anchors =
        checkpoints.into_iter().filter_map(|sequence| checkpoint::anchor(disk, sequence).ok());
    for anchor in anchors.chain([Anchor::START]) {
        match walk(disk, anchor, None, &mut |_| Ok(())) {
            // A checkpoint that the journal does not reach is of no use: try the one before.
            Ok(tail) if tail.head.sequence < anchor.sequence => {}
            Ok(tail) => return Ok((tail.head.sequence, tail.damage)),
            Err(error) if anchor.sequence == 0 => return Err(error),
            Err(_unanchored) => {}
        }
    }
    Ok((0, None))
}

fn cut(
    disk: &dyn Disk,
    damage: &Damage,
    head: u64,
    set_aside: &mut Vec<String>,
) -> Result<(), Error> {
    let damaged = &*damage.segment;
    for first in segments(disk)?.into_iter().rev() {
        let path = segment_path(first);
        if path.as_str() > damaged || (path == damaged && damage.offset == 0) {
            let aside = format!("{DIRECTORY}/damaged-{first:020}-from-0");
            disk.rename(&path, &aside).map_err(io_at("rename", &path))?;
            set_aside.push(aside);
        } else if path == damaged {
            let bytes = disk.read(&path).map_err(io_at("read", &path))?;
            let offset = usize::try_from(damage.offset).unwrap_or(usize::MAX);
            let (_, rest) = bytes.split_at_checked(offset).unwrap_or_default();
            let aside = format!("{DIRECTORY}/damaged-{first:020}-after-{head}");
            let kept = disk.create(&aside).map_err(io_at("create", &aside))?;
            kept.write_at(rest, 0)
                .and_then(|()| kept.sync_data())
                .map_err(io_at("write", &aside))?;
            disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY))?;
            let file = disk.open(&path).map_err(io_at("open", &path))?;
            file.set_length(damage.offset)
                .and_then(|()| file.sync_data())
                .map_err(io_at("cut", &path))?;
            set_aside.push(aside);
        }
    }
    disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY))
}
