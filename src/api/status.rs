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

    /// Cuts everything to what fits the headers of an answer, each text with a mark.
    fn cut(mut self) -> Self {
        self.message = cut(self.message, LONGEST_MESSAGE);
        self.remedy = cut(self.remedy, LONGEST_MESSAGE);
        self.violations.truncate(MOST_VIOLATIONS);
        let mut left = LONGEST_VIOLATIONS;
        self.violations = self
            .violations
            .into_iter()
            .map(|violation| Violation {
                field: cut(violation.field, LONGEST_VIOLATION),
                what: cut(violation.what, LONGEST_VIOLATION),
            })
            .take_while(|violation| {
                let length = violation.field.len().saturating_add(violation.what.len());
                let rest = left.checked_sub(length);
                left = rest.unwrap_or_default();
                rest.is_some()
            })
            .collect();
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
    /// Cuts what is too long: a status travels in headers, and a client takes 16 KiB of them.
    fn from(failure: Failure) -> Self {
        let failure = failure.cut();
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

/// Returns `text` with at most `longest` octets, the last of them `…` if it was longer.
fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest.saturating_sub(CUT.len())));
        text.push_str(CUT);
    }
    text
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

const CUT: &str = "…";
/// Octets, of a message or a remedy. A message is sent twice: as it is, each octet beyond ASCII as
/// three, and once more in the details.
const LONGEST_MESSAGE: usize = 1024;
const MOST_VIOLATIONS: usize = 50;
/// Octets, of a field's path or of what is wrong with it.
const LONGEST_VIOLATION: usize = 256;
/// Octets, of all violations together: with both texts, in base64, they stay below 16 KiB.
const LONGEST_VIOLATIONS: usize = 5 * 1024;
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

    #[test]
    fn the_longest_failure_fits_the_headers_that_a_client_takes() {
        for text in ["ж", "x", "\u{1}"] {
            for violations in [1, 60, 5_000] {
                let what = text.repeat(100_000 / violations);
                let wrong = vec![Violation::new("spec.added_names[12345]", &what); violations];
                let failure = Failure::invalid(wrong).with_remedy(text.repeat(5_000));
                let answer = Status::from(failure).into_http::<()>();
                let size: usize = answer
                    .headers()
                    .iter()
                    .map(|(name, value)| name.as_str().len() + value.len() + 32)
                    .sum();
                assert!(size < 16 * 1024, "{size} octets with {violations} of {text:?}");
            }
        }
    }

    #[test]
    fn what_is_cut_ends_with_a_mark_and_the_first_fifty_violations_stay() {
        let wrong: Vec<Violation> =
            (0..60).map(|number| Violation::new(format!("names[{number}]"), "is empty")).collect();
        let failure = Failure::from(Status::from(Failure::invalid(wrong.clone())));
        assert_eq!(failure.violations, wrong[..50]);
        assert!(failure.message.len() <= 1024 && failure.message.ends_with('…'), "{failure}");
        let exact = Failure::new(Reason::Internal, "x".repeat(1024));
        assert_eq!(Failure::from(Status::from(exact.clone())), exact);
    }
}
