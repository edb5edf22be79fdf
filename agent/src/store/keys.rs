//! Private keys: one sealed key per file, durable before anything refers to it.
//!
//! A key file is written once and never changed; its name is its id. A group's keys are made durable
//! by one sync of a spool and get their files right after, beside the writer: until then, and after
//! a crash, they are found in the spool, and no reader notices.
//! Unsealing needs the master key, which is elsewhere; everything else, finding, checking and
//! listing, needs only the header. What a key is for is in the journal, not here.

use std::io;
use std::sync::Arc;

use rolecall::key::KeyId;

mod files;
mod master;
mod seal;
mod spool;

pub use files::{KeyFiles, list};
pub(crate) use files::{Stop, read};
pub use master::{MasterError, MasterKey};
pub use seal::{SealedKey, Sealer};

/// The directory of the key files.
pub(crate) const DIRECTORY: &str = "keys";

/// Why a key could not be written, found or unsealed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no key of that id.
    #[error("there is no key {id}")]
    NotFound {
        /// The id asked for.
        id: KeyId,
    },
    /// An id is used once.
    #[error("key {id} exists already")]
    Exists {
        /// The id given.
        id: KeyId,
    },
    /// The key was sealed under another master key.
    #[error("key {id} is sealed under another master key ({sealed_under}, not {held})")]
    WrongMaster {
        /// The key.
        id: KeyId,
        /// The id of the master key it is sealed under.
        sealed_under: MasterId,
        /// The id of the master key that was tried.
        held: MasterId,
    },
    /// The file is not what was written.
    #[error("key file `{path}` is damaged: {what}")]
    Damaged {
        /// The path under the state directory.
        path: Box<str>,
        /// What is wrong.
        what: &'static str,
    },
    /// Sealing or unsealing failed: the sealed bytes or their header were changed.
    #[error("key {id} does not unseal: it was changed after it was sealed")]
    Tampered {
        /// The key.
        id: KeyId,
    },
    /// A file operation failed.
    #[error("cannot {operation} `{path}` in the state directory")]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// The path under the state directory.
        path: Box<str>,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

fn io_at(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { operation, path, source: Arc::new(source) }
}

/// Names a master key without revealing anything about it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct MasterId([u8; 8]);

impl MasterId {
    /// Returns the eight bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl std::fmt::Display for MasterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        rolecall::hex::write_lower(f, &self.0)
    }
}

impl std::fmt::Debug for MasterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterId({self})")
    }
}

/// Returns the path of a key file.
pub(crate) fn path(id: &KeyId) -> String {
    format!("{DIRECTORY}/{id}.key")
}

#[cfg(test)]
mod tests;
