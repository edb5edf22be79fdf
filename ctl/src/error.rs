//! Why a command did not do what it was asked, what to do, and the exit status.
//!
//! Most failures come from the agent with a [`Reason`] of their own. The few that only exist here
//! carry a code of their own, documented in the manual's page on the command line.

use std::io;
use std::path::PathBuf;

use rolecall::api::status::Failure;
use rolecall::reason::Reason;

use crate::moment::InvalidMoment;
use crate::output::text::clean;

/// A wrong command line, as `sysexits.h` has it.
pub(crate) const USAGE: u8 = 64;

/// A command that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The agent said no.
    #[error("{}", .0.message)]
    Agent(Failure),
    /// Nobody answers.
    #[error("{}", .failure.message)]
    Unreachable { failure: Failure, hint: String },
    /// The connection was lost while an order was under way; the order itself stands.
    #[error("lost the agent while following order {order_id}")]
    Lost { order_id: u64, failure: Failure },
    /// An order ended, or waits, without its goal.
    #[error("{}", .0.what)]
    Unfinished(Box<Unfinished>),
    /// A time that cannot be understood.
    #[error(transparent)]
    Moment(InvalidMoment),
    /// An argument that cannot be understood.
    #[error("{what}")]
    Argument { what: String, remedy: String },
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A file that does not hold what was expected.
    #[error("{}: {problem}", .path.display())]
    Malformed { path: PathBuf, problem: String },
    /// A file that is there already.
    #[error("{} exists already", .path.display())]
    Exists { path: PathBuf },
    /// A file that cannot be written.
    #[error("cannot write {}", .path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    /// Something that cannot be undone, without anybody to ask.
    #[error("{what} cannot be undone, and there is no terminal to ask on")]
    Unconfirmed { what: String },
    /// The user said no.
    #[error("{what}: nothing was changed")]
    Declined { what: String },
    /// An answer that this version cannot show.
    #[error("the agent's answer lacks {0}")]
    Incomplete(&'static str),
    #[error("cannot write the result")]
    Output(#[source] io::Error),
    #[error("cannot read the answer")]
    Input(#[source] io::Error),
    #[error("cannot encode the result: {0}")]
    Encoding(String),
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

/// An order without its goal: what is so, and what helps.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) code: &'static str,
    pub(crate) exit_status: u8,
    pub(crate) what: String,
    pub(crate) remedies: Vec<String>,
}

impl Error {
    /// Returns the stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Agent(failure) | Self::Lost { failure, .. } => failure.reason.as_str(),
            Self::Unreachable { .. } => Reason::AgentUnreachable.as_str(),
            Self::Unfinished(unfinished) => unfinished.code,
            Self::Moment(_) | Self::Argument { .. } => Reason::RequestInvalid.as_str(),
            Self::Unreadable { .. } => "FILE_UNREADABLE",
            Self::Malformed { .. } => "FILE_MALFORMED",
            Self::Exists { .. } => "FILE_EXISTS",
            Self::Unwritable { .. } => "FILE_UNWRITABLE",
            Self::Unconfirmed { .. } => "CONFIRMATION_NEEDED",
            Self::Declined { .. } => "DECLINED",
            Self::Output(_) => "OUTPUT_UNWRITABLE",
            Self::Input(_) => "INPUT_UNREADABLE",
            Self::Incomplete(_) | Self::Encoding(_) | Self::Runtime(_) => Reason::Internal.as_str(),
        }
    }

    /// Returns the exit status, from `sysexits.h`.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Agent(failure) => failure.reason.exit_status(),
            Self::Lost { .. } => 75,
            Self::Unreachable { .. } => Reason::AgentUnreachable.exit_status(),
            Self::Unfinished(unfinished) => unfinished.exit_status,
            Self::Moment(_) | Self::Argument { .. } | Self::Unconfirmed { .. } => USAGE,
            Self::Unreadable { .. } => 66,
            Self::Malformed { .. } | Self::Exists { .. } | Self::Declined { .. } => 65,
            Self::Unwritable { .. } => 77,
            Self::Output(_) | Self::Input(_) => 74,
            Self::Incomplete(_) | Self::Encoding(_) | Self::Runtime(_) => {
                Reason::Internal.exit_status()
            }
        }
    }

    /// Returns whether the reader of the output has gone, which is no failure.
    pub(crate) fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns what stands on stderr: what happened, with its code, then what to do.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut what = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            what = format!("{what}: {cause}");
            source = cause.source();
        }
        let head = format!("rolecallctl: {} ({})", clean(&what), self.code());
        std::iter::once(head)
            .chain(self.remedies().iter().map(|remedy| format!("  {}", clean(remedy))))
            .collect()
    }

    fn remedies(&self) -> Vec<String> {
        match self {
            Self::Agent(failure) if failure.remedy.is_empty() => {
                vec![format!("meaning: {}", failure.reason.meaning())]
            }
            Self::Agent(failure) => failure.remedy.lines().map(str::to_owned).collect(),
            Self::Unreachable { hint, .. } => vec![hint.clone()],
            Self::Lost { order_id, failure } => vec![
                format!("cause: {}", failure.message),
                format!("the order stands; follow it: rolecallctl order show {order_id} --wait"),
            ],
            Self::Unfinished(unfinished) => unfinished.remedies.clone(),
            Self::Moment(_) => vec![InvalidMoment::REMEDY.to_owned()],
            Self::Argument { remedy, .. } => vec![remedy.clone()],
            Self::Unreadable { .. } => vec!["check the path and its permissions".to_owned()],
            Self::Malformed { .. } => {
                vec!["a certificate request is one PKCS#10, as PEM or DER".to_owned()]
            }
            Self::Exists { .. } => {
                vec!["give another name, or --force to replace it".to_owned()]
            }
            Self::Unwritable { .. } => {
                vec!["check the folder's permissions and free space".to_owned()]
            }
            Self::Unconfirmed { .. } => vec!["give --yes to do it all the same".to_owned()],
            Self::Declined { .. } => vec!["give --yes to not be asked".to_owned()],
            Self::Incomplete(_) => {
                vec!["rolecallctl and rolecall-agent should be of one version".to_owned()]
            }
            Self::Output(_) => vec!["check what standard output goes to".to_owned()],
            Self::Input(_) | Self::Encoding(_) | Self::Runtime(_) => Vec::new(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Agent(failure)
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Agent(status.into())
    }
}

impl From<InvalidMoment> for Error {
    fn from(error: InvalidMoment) -> Self {
        Self::Moment(error)
    }
}
