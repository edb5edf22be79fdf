//! Why the store did not do what it was asked.
//!
//! One error may answer a whole group of changes, so it is cheap to clone. Nothing here ever
//! carries a payload or a key: paths in the state directory, offsets and sequence numbers only.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::store::keys;
use crate::store::rows::ProjectionError;

/// A failure of the store.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed; the disk may be full, see [`Error::is_full`].
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
    /// The disk is full, and the change is not one that the reserve is kept for.
    #[error("the disk that holds the state directory is full: only clean-up is recorded")]
    Full,
    /// Another process has the state directory.
    #[error("the state directory is in use by process {pid}")]
    InUse {
        /// The process id that the other wrote into the lock file; 0 when it wrote none.
        pid: u32,
    },
    /// A checkpoint cannot be read.
    #[error("checkpoint `{path}` is damaged at byte {offset}: {what}")]
    Checkpoint {
        /// The file under the state directory.
        path: Box<str>,
        /// Where.
        offset: u64,
        /// What was found there.
        what: &'static str,
    },
    /// The journal is damaged where later frames follow.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The journal does not reach back to what the remaining checkpoints leave open.
    #[error(
        "the journal begins at entry {first}, and no valid checkpoint covers what is before it"
    )]
    Unanchored {
        /// The first sequence number that is left.
        first: u64,
    },
    /// Nothing can be changed.
    #[error("the store is read-only: {0}")]
    ReadOnly(ReadOnly),
    /// The index failed.
    #[error("the index failed to {operation}")]
    Index {
        /// What was attempted.
        operation: &'static str,
        /// What it said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The projection refused an entry.
    #[error("entry {sequence} cannot be projected")]
    Projection {
        /// The entry.
        sequence: u64,
        /// Why.
        #[source]
        source: ProjectionError,
    },
    /// The projection wrote into the table that belongs to the store.
    #[error("entry {sequence} writes a row outside the projection's tables")]
    ReservedTable {
        /// The entry.
        sequence: u64,
    },
    /// An entry is larger than a frame may be.
    #[error("an entry of {length} bytes is larger than the {limit} that a frame may hold")]
    TooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A key could not be written or read.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// A write could not be made durable, and the process is about to end.
    #[error("the store stopped because a write could not be made durable")]
    Poisoned,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Returns whether the cause is a full disk or an exhausted quota.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Io { source, .. } => is_full(source),
            Self::Key(keys::Error::Io { source, .. }) => is_full(source),
            Self::InUse { .. }
            | Self::Checkpoint { .. }
            | Self::Damage(_)
            | Self::Unanchored { .. }
            | Self::ReadOnly(_)
            | Self::Index { .. }
            | Self::Projection { .. }
            | Self::ReservedTable { .. }
            | Self::TooLarge { .. }
            | Self::Key(_)
            | Self::Poisoned
            | Self::Closed => false,
        }
    }

    /// Wraps what the index said.
    pub(crate) fn index(operation: &'static str) -> impl Fn(sled::Error) -> Self {
        move |source| Self::Index { operation, source: Arc::new(source) }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names the operation and the file an I/O error belongs to.
pub(crate) fn io_at(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { operation, path, source: Arc::new(source) }
}

/// Where the journal is damaged although valid frames follow.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("journal segment `{segment}` is damaged at byte {offset}: {what}")]
pub struct Damage {
    /// The segment's file name.
    pub segment: Box<str>,
    /// The offset of the first frame that is not valid.
    pub offset: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// Why a store was opened for reading only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReadOnly {
    /// The journal is damaged in the middle.
    Damaged(Damage),
    /// The index or a checkpoint has seen entries that the journal no longer holds.
    JournalShortened {
        /// The highest sequence number they have seen.
        seen: u64,
        /// The last sequence number of the journal.
        journal: u64,
    },
    /// The file system is mounted read-only.
    FileSystem,
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => write!(
                f,
                "{damage}; restore the segment from a backup, or give up what follows with \
                 `rolecall-agent store repair`"
            ),
            Self::JournalShortened { seen, journal } => write!(
                f,
                "the journal ends at entry {journal} although entry {seen} was acknowledged; \
                 restore the journal from a backup, or give up the difference with \
                 `rolecall-agent store repair`"
            ),
            Self::FileSystem => f.write_str("its file system is mounted read-only"),
        }
    }
}
