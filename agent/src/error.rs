//! Why the agent's process ended without doing what it was asked.

use std::path::PathBuf;

use rolecall::api::status::Failure;
use rolecall::reason::Reason;

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
    Refused(#[from] Failure),
    /// A file exists that would be overwritten.
    #[error("{} exists already; nothing was changed", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {operation} {}", .path.display())]
    File {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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
}

impl Error {
    /// Returns the stable code.
    pub fn reason(&self) -> Reason {
        match self {
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
            Self::Exists { .. } | Self::NotConfirmed | Self::Subordinate(_) => {
                Reason::RequestInvalid
            }
            Self::Store(error) => store_reason(error),
            Self::State { .. }
            | Self::File { .. }
            | Self::Server(_)
            | Self::Supervisor(_)
            | Self::Runtime(_)
            | Self::Export(_)
            | Self::Output(_) => Reason::Internal,
        }
    }

    /// Returns the exit status.
    pub fn exit_status(&self) -> u8 {
        self.reason().exit_status()
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
            Self::Refused(failure) if !failure.remedy.is_empty() => Some(failure.remedy.clone()),
            Self::NotInTopology { .. } => {
                Some("correct `server` in the configuration, or the topology".to_owned())
            }
            Self::CaListen { .. } => {
                Some("correct `listen` under [ca] in the configuration".to_owned())
            }
            Self::Config(_)
            | Self::TopologyUnreadable { .. }
            | Self::TopologyInvalid { .. }
            | Self::Master(_)
            | Self::State { .. }
            | Self::Store(_)
            | Self::CaUrl { .. }
            | Self::Refused(_)
            | Self::Exists { .. }
            | Self::File { .. }
            | Self::Server(_)
            | Self::Supervisor(_)
            | Self::Runtime(_)
            | Self::Export(_)
            | Self::Subordinate(_)
            | Self::NotConfirmed
            | Self::Output(_) => None,
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
