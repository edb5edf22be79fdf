//! Why the agent's process ended without doing what it was asked.

use std::path::PathBuf;

use rolecall::api::status::Failure;
use rolecall::certificate::InvalidPem;
use rolecall::reason::Reason;

use crate::issuer::embedded::WeakPassphrase;
use crate::issuer::embedded::publication::InvalidPublicationUrl;
use crate::store;

/// Why the agent's process did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    /// The topology cannot be read.
    #[error("cannot read the topology {}", .path.display())]
    TopologyUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The topology has problems.
    #[error("the topology {} has problems:\n{problems}", .path.display())]
    TopologyInvalid {
        /// The file.
        path: PathBuf,
        /// All of them.
        problems: String,
    },
    /// The topology does not have this server.
    #[error("the topology has no server {server}; it has {servers}")]
    NotInTopology {
        /// The server.
        server: String,
        /// The servers it has.
        servers: String,
    },
    /// The master key cannot be loaded or made.
    #[error(transparent)]
    Master(#[from] store::keys::MasterError),
    /// The state directory does not exist.
    #[error("there is no state directory {}", .path.display())]
    NoState {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The state directory cannot be made or opened.
    #[error("cannot use the state directory {}", .path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The state directory is another user's.
    #[error(
        "the state directory {} belongs to {owner}: what another user writes there, the agent \
         could not open",
        .path.display()
    )]
    NotOwner {
        /// The folder.
        path: PathBuf,
        /// The user whose it is.
        owner: Box<str>,
        /// The command to type instead.
        remedy: String,
    },
    /// Others can enter the state directory.
    #[error("others can enter the state directory {}: its mode is {mode:04o}", .path.display())]
    StateOpen {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The state directory is another user's.
    #[error(
        "the state directory {} belongs to user {owner}, and the agent runs as user {user}",
        .path.display()
    )]
    StateForeign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who the agent is.
        user: u32,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::error::Error),
    /// The CA's address is none.
    #[error("the CA's address `{url}` cannot be used")]
    CaUrl {
        /// The address.
        url: String,
        /// Why.
        source: InvalidPublicationUrl,
    },
    /// An operation was refused.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// A file exists that would be overwritten.
    #[error("{} exists already; nothing was changed", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold certificates.
    #[error("{} holds no certificates in PEM", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidPem,
    },
    /// A passphrase is too weak.
    #[error(transparent)]
    Passphrase(#[from] WeakPassphrase),
    /// A passphrase was typed in two ways.
    #[error("the two passphrases differ; nothing was changed")]
    PassphrasesDiffer,
    /// The listener for the revocation list cannot be made.
    #[error("cannot listen on {address} for the revocation list")]
    CaListen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The socket cannot be served.
    #[error(transparent)]
    Server(#[from] crate::server::Error),
    /// A task ended badly.
    #[error(transparent)]
    Supervisor(#[from] crate::supervisor::Error),
    /// The runtime cannot be started, or signals cannot be heard.
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
    /// The root key was not exported.
    #[error("the root key was not exported, and stays where it is")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The enterprise CA's answer cannot be installed.
    #[error("the certificates cannot be installed")]
    Subordinate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Repairing was not confirmed.
    #[error("repairing gives up what is damaged; say --yes to do it")]
    NotConfirmed,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] std::io::Error),
    /// The input cannot be read.
    #[error("cannot read the input")]
    Input(#[source] std::io::Error),
}

// Not a source: its text is this error's own.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl Error {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        self.code_and_exit_status().0
    }

    /// Returns the exit status, from `sysexits.h`.
    pub fn exit_status(&self) -> u8 {
        self.code_and_exit_status().1
    }

    /// Returns whether the reader of the output has gone, which is no failure.
    pub fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    fn code_and_exit_status(&self) -> (&'static str, u8) {
        let reason = match self {
            Self::Config(_)
            | Self::TopologyUnreadable { .. }
            | Self::TopologyInvalid { .. }
            | Self::NotInTopology { .. }
            | Self::Master(_)
            | Self::NoState { .. }
            | Self::StateOpen { .. }
            | Self::StateForeign { .. }
            | Self::CaUrl { .. }
            | Self::CaListen { .. } => Reason::ConfigurationInvalid,
            Self::Refused(failure) => failure.reason,
            Self::Store(error) => store_reason(error),
            Self::Subordinate(_) => Reason::RequestInvalid,
            Self::State { .. }
            | Self::Server(_)
            | Self::Supervisor(_)
            | Self::Runtime(_)
            | Self::Export(_) => Reason::Internal,
            // The codes that are documented in the manual's page on the command line.
            Self::NotOwner { .. } => return ("NOT_THE_OWNER", 77),
            Self::Exists { .. } => return ("FILE_EXISTS", 65),
            Self::Unreadable { .. } => return ("FILE_UNREADABLE", 66),
            Self::Malformed { .. } => return ("FILE_MALFORMED", 65),
            Self::Unwritable { .. } => return ("FILE_UNWRITABLE", 77),
            Self::Passphrase(_) | Self::PassphrasesDiffer => return ("PASSPHRASE_REFUSED", 64),
            Self::NotConfirmed => return ("CONFIRMATION_NEEDED", 64),
            Self::Output(_) => return ("OUTPUT_UNWRITABLE", 74),
            Self::Input(_) => return ("INPUT_UNREADABLE", 74),
        };
        (reason.as_str(), reason.exit_status())
    }

    /// Returns what to do, where that is not in the message.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NoState { .. } => {
                Some("rolecall-agent init makes one; check state_directory otherwise".to_owned())
            }
            Self::StateOpen { path, .. } => Some(format!(
                "see whether files in it have changed hands, then: chmod 700 {}",
                path.display()
            )),
            Self::StateForeign { .. } => Some(
                "start it as that user (systemctl start rolecall-agent), or chown -R".to_owned(),
            ),
            Self::Store(store::error::Error::InUse { pid }) => {
                Some(format!("stop the agent first: systemctl stop rolecall-agent (process {pid})"))
            }
            Self::NotOwner { remedy, .. } => Some(remedy.clone()),
            Self::Refused(failure) if !failure.remedy.is_empty() => Some(failure.remedy.clone()),
            Self::NotInTopology { .. } => {
                Some("correct `server` in the configuration, or the topology".to_owned())
            }
            Self::CaListen { .. } => {
                Some("correct `listen` under [ca] in the configuration".to_owned())
            }
            Self::Unreadable { .. } => {
                Some("check the path, and that the user who runs this may read it".to_owned())
            }
            Self::Unwritable { .. } => {
                Some("check the folder, and that the user who runs this may write there".to_owned())
            }
            Self::Exists { .. } => Some("give another name, or move that file away".to_owned()),
            Self::Output(_) => Some("check what standard output goes to".to_owned()),
            Self::Passphrase(_) | Self::PassphrasesDiffer => {
                Some("give one line of 12 characters or more".to_owned())
            }
            Self::Config(_)
            | Self::TopologyUnreadable { .. }
            | Self::TopologyInvalid { .. }
            | Self::Master(_)
            | Self::State { .. }
            | Self::Store(_)
            | Self::CaUrl { .. }
            | Self::Refused(_)
            | Self::Malformed { .. }
            | Self::Server(_)
            | Self::Supervisor(_)
            | Self::Runtime(_)
            | Self::Export(_)
            | Self::Subordinate(_)
            | Self::NotConfirmed
            | Self::Input(_) => None,
        }
    }
}

/// Returns the stable code for a failure of the store.
pub(crate) fn store_reason(error: &store::error::Error) -> Reason {
    use store::error::Error as Store;
    match error {
        error if error.is_full() => Reason::StoreFull,
        Store::InUse { .. } => Reason::StoreInUse,
        Store::ReadOnly(_) => Reason::StoreReadOnly,
        Store::Poisoned | Store::Closed => Reason::ShuttingDown,
        Store::Damage(_) | Store::Checkpoint { .. } | Store::Unanchored { .. } => {
            Reason::StoreCorrupt
        }
        Store::Io { .. }
        | Store::Full
        | Store::Index { .. }
        | Store::Projection { .. }
        | Store::ReservedTable { .. }
        | Store::TooLarge { .. }
        | Store::Key(_) => Reason::Internal,
    }
}
