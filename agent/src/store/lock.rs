//! One process per state directory.
//!
//! The kernel's lock on `lock` decides and goes with the process; the process id inside the file
//! only tells the second one whom to blame.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;

/// A lock that lasts until it is dropped.
pub trait Held: Debug + Send + Sync {}

/// Why a directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("the state directory is in use by process {pid}")]
    InUse {
        /// Its process id; 0 when it has written none yet.
        pid: u32,
    },
    /// The lock file cannot be used.
    #[error("cannot lock the state directory")]
    Io(#[from] io::Error),
}

/// A lock file of a real file system.
#[derive(Debug)]
pub struct FileLock {
    file: fs::File,
}

impl FileLock {
    /// Locks the file at `path` and writes this process's id into it.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, else what the system says.
    pub fn acquire(path: &Path) -> Result<Self, Error> {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                return Err(Error::InUse { pid: text.trim().parse().unwrap_or(0) });
            }
            Err(error) => return Err(Error::Io(error.into())),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { file })
    }
}

impl Held for FileLock {}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A child that was just forked has the file open until it becomes another program, and the
        // kernel's lock goes with the last one who has: so it is given back, not merely closed.
        if let Err(error) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            tracing::warn!(%error, "the state directory could not be unlocked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_opener_is_told_who_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = FileLock::acquire(&path).unwrap();

        match FileLock::acquire(&path) {
            Err(Error::InUse { pid }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        // As a forked child has it for a moment.
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        drop(FileLock::acquire(&path).unwrap());
        drop(inherited);
    }
}
