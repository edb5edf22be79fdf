//! The one place that builds and reads gRPC statuses.
//!
//! A failure travels as a gRPC code, a sentence, and standard error details: `ErrorInfo` with the
//! [`Reason`] and the remedy, `BadRequest` with the fields that are wrong.

use std::collections::BTreeMap;
use std::fmt;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::reason::{Kind, Reason};

/// A request that was not fulfilled, as both ends see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The stable code.
    pub reason: Reason,
    /// What happened, in one sentence, fit for the caller.
    pub message: String,
    /// What to do: a command to type, or a sentence; may be empty.
    pub remedy: String,
    /// The fields that are wrong, each by its path in the request.
    pub violations: Vec<Violation>,
}

/// A field that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The path of the field in the request message, such as `spec.roles[1]`.
    pub field: String,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl Failure {
    /// Describes a failure without further details.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), remedy: String::new(), violations: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Describes a request with malformed fields.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let message = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.what))
            .collect::<Vec<_>>()
            .join("; ");
        Self { violations, ..Self::new(Reason::RequestInvalid, message) }
    }
}

impl Violation {
    /// Describes one wrong field.
    pub fn new(field: impl Into<String>, what: impl fmt::Display) -> Self {
        Self { field: field.into(), what: what.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.reason)
    }
}

impl std::error::Error for Failure {}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::invalid(vec![violation])
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let mut metadata = std::collections::HashMap::new();
        if !failure.remedy.is_empty() {
            metadata.insert(REMEDY.to_owned(), failure.remedy);
        }
        let mut details = ErrorDetails::with_error_info(failure.reason.as_str(), DOMAIN, metadata);
        if !failure.violations.is_empty() {
            details.set_bad_request(
                failure
                    .violations
                    .into_iter()
                    .map(|violation| FieldViolation::new(violation.field, violation.what))
                    .collect::<Vec<_>>(),
            );
        }
        Self::with_error_details(code(failure.reason), failure.message, details)
    }
}

impl From<Status> for Failure {
    /// Reads a status of ours; another server's, or the transport's, becomes the nearest reason.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info
            .and_then(|info| Reason::find(&info.reason))
            .unwrap_or_else(|| reason_without_details(&status));
        let remedy = info
            .map(|info| info.metadata.clone().into_iter().collect::<BTreeMap<_, _>>())
            .and_then(|mut metadata| metadata.remove(REMEDY))
            .unwrap_or_default();
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.clone())
            .unwrap_or_default()
            .into_iter()
            .map(|violation| Violation { field: violation.field, what: violation.description })
            .collect();
        Self { reason, message: status.message().to_owned(), remedy, violations }
    }
}

const fn code(reason: Reason) -> Code {
    match reason.kind() {
        Kind::Invalid => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::Precondition => Code::FailedPrecondition,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::Unavailable => Code::Unavailable,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::DataLoss => Code::DataLoss,
        Kind::Internal => Code::Internal,
    }
}

/// The reason for a status that carries none of ours.
fn reason_without_details(status: &Status) -> Reason {
    // A status that was sent has no source: this one was made here, because the connection broke.
    match std::error::Error::source(status) {
        Some(_broken) => Reason::AgentUnreachable,
        None => foreign_reason(status.code()),
    }
}

/// The reason for a status of another server, or of something on the way to ours.
const fn foreign_reason(code: Code) -> Reason {
    match code {
        Code::Unavailable | Code::DeadlineExceeded | Code::Unimplemented | Code::Cancelled => {
            Reason::AgentUnreachable
        }
        Code::PermissionDenied | Code::Unauthenticated => Reason::PeerForbidden,
        Code::InvalidArgument | Code::OutOfRange => Reason::RequestInvalid,
        Code::ResourceExhausted => Reason::KeyQueueFull,
        Code::DataLoss => Reason::StoreCorrupt,
        Code::Ok
        | Code::Unknown
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal => Reason::Internal,
    }
}

const DOMAIN: &str = "rolecall";
const REMEDY: &str = "remedy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_is_an_agent_that_is_not_reached() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let failure = Failure::from(Status::from_error(Box::new(broken)));
        assert_eq!(failure.reason, Reason::AgentUnreachable, "{failure:?}");
        let foreign = Failure::from(Status::unknown("something"));
        assert_eq!(foreign.reason, Reason::Internal, "{foreign:?}");
    }

    #[test]
    fn a_failure_of_every_reason_survives_the_wire() {
        for reason in Reason::ALL {
            let failure = Failure {
                reason: *reason,
                message: "what happened".into(),
                remedy: "rolecallctl status".into(),
                violations: vec![Violation::new("spec.roles[0]", "is empty")],
            };
            assert_eq!(Failure::from(Status::from(failure.clone())), failure);
        }
    }
}
