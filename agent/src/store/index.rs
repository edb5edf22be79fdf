//! The index: sled, for ordered look-ups over the rows.
//!
//! sled 0.34 may lose acknowledged rows, silently, in a power cut, and may panic while it opens
//! what a power cut left. So it is a projection that can be removed at any time: [`trust`] says
//! whether the folder may be opened at all, every group goes in as one batch together with the
//! sequence number it brings the index to, and anything sled refuses at run time leaves a marker
//! that makes the next start rebuild it. Nothing outside this module names sled.

use std::fs;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::codec::Reader;
use crate::store::disk::Disk;
use crate::store::error::{Error, io_at};
use crate::store::rows::{Page, Pending, RESERVED_TABLE, Rows};

pub mod applied;
pub(crate) mod indexed;
pub mod trust;

/// The row that says how far the index is.
const APPLIED: [u8; 2] = [RESERVED_TABLE, b'a'];
/// Where the projection's rows begin.
const FIRST_TABLE: [u8; 1] = [RESERVED_TABLE + 1];
/// What sled keeps in memory, roughly: it holds on to several times this, and look-ups that miss it
/// hit the page cache below.
const CACHE: u64 = 1 << 20;

/// The index, open.
pub(crate) struct Index {
    db: sled::Db,
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the folder at `path`; the marker that sled is being opened must be there already.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .print_profile_on_drop(false);
        let db = guarded(&*disk, "open", || config.open())?;
        Ok(Self { db, path: path.into(), disk })
    }

    /// Returns the sequence number of the last entry whose rows are in here.
    pub(crate) fn applied(&self) -> Result<u64, Error> {
        let row = guarded(&*self.disk, "read", || self.db.get(APPLIED))?;
        Ok(row.and_then(|row| Reader::new(&row).u64()).unwrap_or(0))
    }

    /// Writes rows, and that they bring the index to `sequence`, in one batch.
    pub(crate) fn apply(&self, writes: &Pending, sequence: u64) -> Result<(), Error> {
        let mut batch = batch(writes.iter());
        batch.insert(&APPLIED, &sequence.to_le_bytes());
        guarded(&*self.disk, "apply a group", || self.db.apply_batch(batch))
    }

    /// Writes rows of an index that is not complete yet.
    pub(crate) fn fill<'a>(
        &self,
        writes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), Error> {
        let batch = batch(writes);
        guarded(&*self.disk, "fill", || self.db.apply_batch(batch))
    }

    /// Makes everything durable, which sled's own flush does not.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        guarded(&*self.disk, "flush", || self.db.flush().map(drop))?;
        sync_tree(&self.path).map_err(io_at("sync", "index"))
    }
}

impl Rows for Index {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let row = guarded(&*self.disk, "read", || self.db.get(key))?;
        Ok(row.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        let from = from.max(&FIRST_TABLE);
        if to.is_some_and(|to| to <= from) {
            return Ok(Page::default());
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        guarded(&*self.disk, "read", || {
            let mut page = Page::default();
            for row in self.db.range::<&[u8], _>((Bound::Included(from), end)) {
                let (key, value) = row?;
                if page.rows.len() >= limit {
                    page.next = Some(key.to_vec());
                    break;
                }
                page.rows.push((key.to_vec(), value.to_vec()));
            }
            Ok(page)
        })
    }
}

fn batch<'a>(writes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    batch
}

/// Calls sled; an error or a panic leaves the marker that makes the next start rebuild.
fn guarded<T>(
    disk: &dyn Disk,
    operation: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, Error> {
    let failed = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error,
        Err(_panic) => sled::Error::ReportableBug(format!("sled panicked in: {operation}")),
    };
    // The error is reported either way; without the marker the next start finds out for itself.
    drop(trust::suspect(disk));
    Err(Error::index(operation)(failed))
}

fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    fs::File::open(path)?.sync_all()?;
    path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests;
