//! Stable codes for everything that can be answered instead of success.
//!
//! A [`Reason`] is the contract between agent, wire, `rolecallctl` and the manual: its text stands
//! in the gRPC error details, in parentheses on stderr, and as a heading in
//! [`manual::failures`](crate::manual::failures). The list only grows.

use std::fmt;

macro_rules! reasons {
    ($($variant:ident $text:literal $kind:ident $exit:literal $meaning:literal,)*) => {
        /// Why a request was not fulfilled.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)*
        }

        impl Reason {
            /// Every reason, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the text on the wire and on stderr.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns what kind of failure it is, which decides the gRPC code.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                }
            }

            /// Returns the exit status of `rolecallctl`, from `sysexits.h`.
            pub const fn exit_status(self) -> u8 {
                match self {
                    $(Self::$variant => $exit,)*
                }
            }

            /// Returns what it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

/// The families of reasons; each is one gRPC status code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// What it names does not exist.
    NotFound,
    /// It is right, but not now or not with what is there.
    Precondition,
    /// The caller may not.
    Forbidden,
    /// Nobody can at this moment; trying again may help.
    Unavailable,
    /// Something is used up.
    Exhausted,
    /// Data is damaged.
    DataLoss,
    /// A defect of ours.
    Internal,
}

reasons! {
    AgentUnreachable "AGENT_UNREACHABLE" Unavailable 69
        "No agent answers on the socket or address.",
    AssignmentRefused "ASSIGNMENT_REFUSED" Precondition 65
        "The certificate has findings that forbid the assignment.",
    CallerBusy "CALLER_BUSY" Exhausted 75
        "The caller has too much under way already.",
    CaMissing "CA_MISSING" Precondition 78
        "The embedded certification authority has not been established yet.",
    CaQueueFull "CA_QUEUE_FULL" Exhausted 75
        "Too many requests wait at the embedded CA.",
    CaRequestDecided "CA_REQUEST_DECIDED" Precondition 65
        "The request at the embedded CA has been decided already.",
    CaRequestUnknown "CA_REQUEST_UNKNOWN" NotFound 66
        "The embedded CA has no request of this number.",
    CertificateAmbiguous "CERTIFICATE_AMBIGUOUS" Invalid 64
        "More than one certificate begins with these digits.",
    CertificateInUse "CERTIFICATE_IN_USE" Precondition 65
        "A role uses the certificate.",
    CertificateUnknown "CERTIFICATE_UNKNOWN" NotFound 66
        "No certificate in the store has this thumbprint.",
    ConfigurationInvalid "CONFIGURATION_INVALID" Precondition 78
        "The agent's configuration or topology has problems.",
    CsrRefused "CSR_REFUSED" Precondition 65
        "The certificate request asks for something the CA never gives.",
    EnrollmentUnknown "ENROLLMENT_UNKNOWN" NotFound 66
        "No enrollment has this name.",
    FindingUnknown "FINDING_UNKNOWN" NotFound 66
        "No finding has this code.",
    Internal "INTERNAL" Internal 70
        "A defect in Rolecall; the agent's log says more.",
    IssuerUnavailable "ISSUER_UNAVAILABLE" Unavailable 75
        "The issuer cannot be reached now.",
    IssuerUnknown "ISSUER_UNKNOWN" NotFound 66
        "No issuer has this name.",
    IssuerUnsupported "ISSUER_UNSUPPORTED" Precondition 69
        "This version cannot use an issuer of this kind.",
    KeyQueueFull "KEY_QUEUE_FULL" Exhausted 75
        "Too many keys are being generated for this caller.",
    NotRevocable "NOT_REVOCABLE" Precondition 65
        "The embedded CA did not issue the certificate, so it cannot revoke it.",
    OrderOpen "ORDER_OPEN" Precondition 65
        "An order for one of these roles has not settled.",
    OrderSettled "ORDER_SETTLED" Precondition 65
        "The order has ended and cannot be changed.",
    OrderUnknown "ORDER_UNKNOWN" NotFound 66
        "No order has this number.",
    OwnRequest "OWN_REQUEST" Forbidden 77
        "Nobody decides their own request.",
    PeerForbidden "PEER_FORBIDDEN" Forbidden 77
        "The caller's grant does not allow this.",
    PlanRefused "PLAN_REFUSED" Precondition 65
        "The order contradicts the topology or a policy.",
    RequestIdReused "REQUEST_ID_REUSED" Precondition 65
        "The request id belongs to an earlier request with other contents.",
    RequestInvalid "REQUEST_INVALID" Invalid 64
        "A field of the request is missing or malformed.",
    RoleNotNeeded "ROLE_NOT_NEEDED" Precondition 65
        "The computer does not need a certificate for this role.",
    RoleUnknown "ROLE_UNKNOWN" NotFound 66
        "No role has this name.",
    ServerUnknown "SERVER_UNKNOWN" NotFound 66
        "The topology has no server of this name.",
    ShuttingDown "SHUTTING_DOWN" Unavailable 75
        "The agent is stopping.",
    StoreCorrupt "STORE_CORRUPT" DataLoss 70
        "The journal or the index is damaged.",
    StoreFull "STORE_FULL" Exhausted 75
        "The disk is full: nothing was recorded.",
    StoreInUse "STORE_IN_USE" Precondition 75
        "Another process has the state directory.",
    StoreReadOnly "STORE_READ_ONLY" Precondition 70
        "The store was opened read-only because of damage; the agent says how to repair it.",
    TemplateUnknown "TEMPLATE_UNKNOWN" NotFound 66
        "The issuer has no template of this name.",
}

impl Reason {
    /// Returns the reason that `text` names on the wire.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// Returns whether the fault is ours and belongs into the agent's log as an error.
    pub const fn is_our_fault(self) -> bool {
        matches!(self.kind(), Kind::DataLoss | Kind::Internal)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_unique_sorted_and_found_by_their_text() {
        assert!(Reason::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
        for reason in Reason::ALL {
            assert_eq!(Reason::find(reason.as_str()), Some(*reason));
            assert!((64..=78).contains(&reason.exit_status()), "{reason}");
        }
    }

    #[test]
    fn every_reason_has_a_section_in_the_manual() {
        let manual = include_str!("manual/failures.md");
        for reason in Reason::ALL {
            assert!(manual.contains(&format!("## {reason}\n")), "failures.md lacks {reason}");
        }
    }
}
