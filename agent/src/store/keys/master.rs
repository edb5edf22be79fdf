//! The master key, under which all key files of a server are sealed.
//!
//! It comes from the service manager's credential directory or from a file of its own, outside the
//! state directory: a copy of the state directory alone opens nothing.

use std::fmt;
use std::fs;
use std::io;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use aws_lc_rs::hkdf;
use rolecall::key::KeyId;
use zeroize::Zeroizing;

use crate::store::keys::MasterId;

const LENGTH: usize = 32;

/// 32 random bytes that all keys of a server are sealed under.
pub struct MasterKey {
    bytes: Zeroizing<[u8; LENGTH]>,
    id: MasterId,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// Takes 32 bytes that were drawn at random.
    pub fn from_bytes(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"rolecall-master-id");
        context.update(&*bytes);
        let digest = context.finish();
        let id = digest.as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes");
        Self { bytes, id: MasterId(id) }
    }

    /// Reads the file at `path`, which nobody but its owner may read.
    ///
    /// # Errors
    /// Says what is wrong with the file, and what to do.
    pub fn load(path: &Path, state_directory: &Path) -> Result<Self, MasterError> {
        outside(path, state_directory)?;
        let failed = |source| MasterError::Io { path: path.into(), source };
        let mut file = fs::File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterError::Readable { path: path.into(), mode });
        }
        let mut bytes = Zeroizing::new([0; LENGTH]);
        let length = metadata.len();
        if length != 32 {
            return Err(MasterError::Length { path: path.into(), length });
        }
        file.read_exact(&mut *bytes).map_err(failed)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Draws a master key and writes it to a new file at `path`, durable when this returns.
    ///
    /// # Errors
    /// Refuses a file that exists and a path inside the state directory.
    pub fn create(path: &Path, state_directory: &Path) -> Result<Self, MasterError> {
        outside(path, state_directory)?;
        let failed = |source| MasterError::Io { path: path.into(), source };
        let mut bytes = Zeroizing::new([0; LENGTH]);
        aws_lc_rs::rand::fill(&mut *bytes).map_err(|_unspecified| MasterError::Randomness)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        file.write_all(&*bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
        }
        Ok(Self::from_bytes(bytes))
    }

    /// Returns the name of this master key.
    pub const fn id(&self) -> MasterId {
        self.id
    }

    /// Derives the key that one file is sealed with.
    pub(crate) fn file_key(&self, id: &KeyId) -> Zeroizing<[u8; 32]> {
        struct Length32;
        impl hkdf::KeyType for Length32 {
            fn len(&self) -> usize {
                32
            }
        }
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&*self.bytes);
        let mut key = Zeroizing::new([0; 32]);
        extracted
            .expand(&[b"rolecall-key-1", id.as_bytes()], Length32)
            .and_then(|expanded| expanded.fill(&mut *key))
            .expect("32 bytes are within what HKDF-SHA-256 gives");
        key
    }
}

/// Refuses a path in the state directory, whichever way it is spelled.
fn outside(path: &Path, state_directory: &Path) -> Result<(), MasterError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let parent = parent.canonicalize().unwrap_or_else(|_| parent.into());
    let state = state_directory.canonicalize().unwrap_or_else(|_| state_directory.into());
    if parent.starts_with(&state) {
        return Err(MasterError::InStateDirectory { path: path.into() });
    }
    Ok(())
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// The file cannot be read or written.
    #[error("cannot use the master key file `{}`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read it.
    #[error(
        "the master key file `{}` has mode {mode:04o}: others can read it; run `chmod 600 {}`, and \
         if anybody could have, request new keys for all roles and revoke the certificates",
        .path.display(), .path.display()
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold 32 bytes.
    #[error(
        "the master key file `{}` has {length} bytes, not the 32 that were written; restore it \
         from where you keep it",
        .path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// A copy of the state directory would open its own keys.
    #[error(
        "the master key file `{}` is inside the state directory; move it out, so that a copy of \
         the state directory opens no key",
        .path.display()
    )]
    InStateDirectory {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a master key")]
    Randomness,
}
