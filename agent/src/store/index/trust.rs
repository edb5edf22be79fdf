//! Whether the index on disk may be opened, decided without opening it.
//!
//! Markers in the state directory, each durable before what it warns of begins:
//!
//! | marker | says |
//! |---|---|
//! | `index-opened` | under which boot, and for the how many-th time since the last clean stop |
//! | `index-opening` | sled is being opened, or filled: found at start, it died there |
//! | `index-suspect` | sled failed at run time |
//! | `journal-shortened` | the index had seen this sequence number and the journal did not hold it |
//! | `index-clean` | stopped cleanly, all files synced, at this sequence number |

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::store::disk::Disk;
use crate::store::error::{Error, io_at};

const OPENED: &str = "index-opened";
const OPENING: &str = "index-opening";
const SUSPECT: &str = "index-suspect";
const CLEAN: &str = "index-clean";
const SHORTENED: &str = "journal-shortened";
/// A panic of sled at run time ends the process before it can leave a marker: after so many starts
/// without a clean stop between them the index is rebuilt, whatever the reason was.
const STARTS: u32 = 3;

/// Why an index is rebuilt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rebuild {
    /// There is none.
    Missing,
    /// Nothing says how it was left.
    Unmarked,
    /// The machine restarted without a clean stop.
    OtherBoot,
    /// sled died while opening or filling it.
    DiedOpening,
    /// sled failed at run time.
    Suspect,
    /// The process ended without a clean stop several times in a row.
    RepeatedCrashes,
    /// It is behind the oldest entry that can still be applied.
    TooOld,
    /// sled could not open it.
    Unreadable,
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there was no index",
            Self::Unmarked => "nothing said how the index was left",
            Self::OtherBoot => "the machine restarted without a clean stop",
            Self::DiedOpening => "the process ended while the index was being opened or filled",
            Self::Suspect => "the index failed at run time",
            Self::RepeatedCrashes => "the process ended several times without a clean stop",
            Self::TooOld => "the index was older than the checkpoint",
            Self::Unreadable => "the index could not be opened",
        })
    }
}

/// What the markers say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trust {
    /// It may be opened; after a clean stop it is known how far it is.
    Trusted {
        /// The sequence number at the clean stop.
        clean: Option<u64>,
        /// Starts under this boot since then, this one included.
        starts: u32,
    },
    /// It must be removed unopened.
    Rebuild(Rebuild),
}

/// Judges the index at `index` for a start under `boot`.
pub(crate) fn judge(disk: &dyn Disk, index: &Path, boot: &str) -> Result<Trust, Error> {
    let there = |path| disk.exists(path).map_err(io_at("read", path));
    let rebuild = |why| Ok(Trust::Rebuild(why));
    if !index.exists() {
        return rebuild(Rebuild::Missing);
    }
    if there(OPENING)? {
        return rebuild(Rebuild::DiedOpening);
    }
    if there(SUSPECT)? {
        return rebuild(Rebuild::Suspect);
    }
    if there(CLEAN)? {
        let clean = number(disk, CLEAN)?;
        return Ok(match clean {
            Some(_) => Trust::Trusted { clean, starts: 1 },
            None => Trust::Rebuild(Rebuild::Unmarked),
        });
    }
    if !there(OPENED)? {
        return rebuild(Rebuild::Unmarked);
    }
    let text = disk.read(OPENED).map_err(io_at("read", OPENED))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (opened, starts) = text.trim_end().split_once('\n').unwrap_or_default();
    let starts: u32 = starts.parse().unwrap_or(STARTS);
    if boot.is_empty() || opened != boot {
        rebuild(Rebuild::OtherBoot)
    } else if starts >= STARTS {
        rebuild(Rebuild::RepeatedCrashes)
    } else {
        Ok(Trust::Trusted { clean: None, starts: starts.saturating_add(1) })
    }
}

/// Records, before sled is called, that it is about to be.
pub(crate) fn opening(disk: &dyn Disk, boot: &str, starts: u32) -> Result<(), Error> {
    replace(disk, OPENING, b"")?;
    replace(disk, OPENED, format!("{boot}\n{starts}\n").as_bytes())?;
    remove(disk, CLEAN)?;
    disk.sync_dir("").map_err(io_at("sync", OPENING))
}

/// Removes the index unopened, and then what spoke against it.
pub(crate) fn discard(disk: &dyn Disk, index: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_at("remove", "index")(error));
        }
        _removed => {}
    }
    remove(disk, SUSPECT)?;
    disk.sync_dir("").map_err(io_at("sync", SUSPECT))
}

/// Records that sled is open and complete.
pub(crate) fn opened(disk: &dyn Disk) -> Result<(), Error> {
    remove(disk, OPENING)?;
    disk.sync_dir("").map_err(io_at("sync", OPENING))
}

/// Records that the index was synced at `sequence` and is not touched any more.
pub(crate) fn clean(disk: &dyn Disk, sequence: u64) -> Result<(), Error> {
    replace(disk, CLEAN, format!("{sequence}\n").as_bytes())?;
    disk.sync_dir("").map_err(io_at("sync", CLEAN))
}

/// Records that the journal lacks what was acknowledged up to `seen`: until a human decided.
pub(crate) fn shortened(disk: &dyn Disk, seen: u64) -> Result<(), Error> {
    replace(disk, SHORTENED, format!("{seen}\n").as_bytes())?;
    disk.sync_dir("").map_err(io_at("sync", SHORTENED))
}

/// Returns what [`shortened`] recorded.
pub(crate) fn seen(disk: &dyn Disk) -> Result<Option<u64>, Error> {
    if disk.exists(SHORTENED).map_err(io_at("read", SHORTENED))? {
        return number(disk, SHORTENED);
    }
    Ok(None)
}

/// Forgets what [`shortened`] recorded: the journal was restored, or the loss accepted.
pub(crate) fn settled(disk: &dyn Disk) -> Result<(), Error> {
    remove(disk, SHORTENED)?;
    disk.sync_dir("").map_err(io_at("sync", SHORTENED))
}

/// Records that the index must not be opened again.
pub(crate) fn suspect(disk: &dyn Disk) -> Result<(), Error> {
    replace(disk, SUSPECT, b"")?;
    disk.sync_dir("").map_err(io_at("sync", SUSPECT))
}

fn number(disk: &dyn Disk, path: &str) -> Result<Option<u64>, Error> {
    let text = disk.read(path).map_err(io_at("read", path))?;
    Ok(std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()))
}

fn replace(disk: &dyn Disk, path: &str, text: &[u8]) -> Result<(), Error> {
    let new = format!("{path}.new");
    remove(disk, &new)?;
    let file = disk.create(&new).map_err(io_at("create", &new))?;
    file.write_at(text, 0).and_then(|()| file.sync_data()).map_err(io_at("write", &new))?;
    disk.rename(&new, path).map_err(io_at("rename", &new))
}

fn remove(disk: &dyn Disk, path: &str) -> Result<(), Error> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_at("remove", path)(error)),
        _removed => Ok(()),
    }
}
