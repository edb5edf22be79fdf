//! All that the journal, checkpoints, key files and markers do to files.
//!
//! Paths are relative to the state directory. Nothing is durable before [`DiskFile::sync_data`]
//! (contents) and [`Disk::sync_dir`] (names) returned, and callers may rely on no more than that:
//! the simulated disk of the tests takes away everything else. The index is not behind this trait;
//! it is disposable, and brings its own files.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

use crate::store::codec::offset;
use crate::store::lock;

#[cfg(any(test, feature = "testing"))]
pub mod simulated;

/// A state directory.
pub trait Disk: Debug + Send + Sync {
    /// Opens an existing file, for writing too unless the file system is read-only.
    ///
    /// # Errors
    /// What the system says; `NotFound` for a file that is not there.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a file that must not exist, readable by its owner only.
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` for a file that is there.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a directory for its owner only, unless it exists.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Renames a file, replacing the one of that name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Returns the names in a directory (`""` is the state directory), sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Returns whether a file or directory of that name exists.
    ///
    /// # Errors
    /// What the system says, except that it does not exist.
    fn exists(&self, path: &str) -> io::Result<bool>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self, directory: &str) -> io::Result<()>;

    /// Makes everything durable that was written so far, contents and names.
    ///
    /// One call instead of a sync for each of many files. It concerns the whole file system, so it
    /// is for the background. Linux reports write errors here since 5.8.
    ///
    /// # Errors
    /// What the system says.
    fn sync_all(&self) -> io::Result<()>;

    /// Locks the directory for this process by the file at `path`.
    ///
    /// # Errors
    /// The process id of the holder, or what the system says.
    fn lock(&self, path: &str) -> Result<Box<dyn lock::Held>, lock::Error>;

    /// Reads a whole file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// An open file; offsets are given with each call, so that it can be shared between threads.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `buffer` from `offset` on and returns how much there was before the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all `bytes`.
    ///
    /// # Errors
    /// What the system says; a part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns the length.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it by zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Extends the file to `offset + length` and reserves the blocks for it.
    ///
    /// # Errors
    /// What the system says; `StorageFull` when there are not enough blocks.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    ///
    /// # Errors
    /// What the system says. What was written since the last success is then in doubt for good: a
    /// second call may succeed without having written anything.
    fn sync_data(&self) -> io::Result<()>;
}

/// The state directory of a real file system.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Uses the directory `root`, creating it for its owner only when it does not exist.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        make_directory(&root)?;
        Ok(Self { root })
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let path = self.root.join(path);
        let opened = fs::OpenOptions::new().read(true).write(true).open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                fs::File::open(&path)?
            }
            opened => opened?,
        };
        Ok(Box::new(RealFile(file)))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.root.join(path))?;
        Ok(Box::new(RealFile(file)))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        make_directory(&self.root.join(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(directory))? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.root.join(path).try_exists()
    }

    fn sync_dir(&self, directory: &str) -> io::Result<()> {
        fs::File::open(self.root.join(directory))?.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        let root = fs::File::open(&self.root)?;
        rustix::fs::syncfs(&root).map_err(io::Error::from)
    }

    fn lock(&self, path: &str) -> Result<Box<dyn lock::Held>, lock::Error> {
        Ok(Box::new(lock::FileLock::acquire(&self.root.join(path))?))
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if path.is_dir() && error.kind() != io::ErrorKind::NotFound => Ok(()),
        created => created,
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset.saturating_add(self::offset(filled))) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.size())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), offset, length) {
            // The file system cannot reserve: the zeros written next take the blocks.
            Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            allocated => Ok(allocated?),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_and_directories_belong_to_their_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(directory.path().join("state")).unwrap();
        disk.create_dir("keys").unwrap();
        drop(disk.create("keys/a").unwrap());

        let mode = |path: &str| {
            let path = directory.path().join("state").join(path);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode(""), 0o700);
        assert_eq!(mode("keys"), 0o700);
        assert_eq!(mode("keys/a"), 0o600);
        let again = disk.create("keys/a").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
