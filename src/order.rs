//! Orders: one attempt to fulfil an enrollment, as a state machine without I/O.
//!
//! ```text
//!  planned, key durable
//!        │
//!        ▼             handle_submitting          handle_pending
//!    KeyReady ───────────────────────▶ Submitting ───────────────▶ Submitted ◀─┐ still pending
//!        │                              │    ▲ │                     │  └──────┘
//!        │ handle_handed_over           │    │ │ handle_unavailable  │
//!        ▼                              │    │ ▼                     │
//!    AwaitingResponse                   │   Failed(retry at | held)  │
//!        │            handle_issued     ▼                            ▼
//!        └────────────────────────────▶ Issued ◀─────────────────────┘
//!                                        │ handle_installed(waiting for …)
//!                                        ▼
//!                                    Installed ──handle_goal_reached──▶ Done
//!
//!    before Issued, from anywhere: Refused(findings) · Denied(by whom) · Cancelled(by whom)
//! ```
//!
//! - `handle_*` report events and answer the next state, or [`Misplaced`] if the event cannot
//!   happen now: a late answer to an order that was cancelled changes nothing;
//! - [`State::next_step`] says what to do, at once or later. It is asked after every start: whatever
//!   the process was doing when it died is in the state.
//!
//! A submission cannot be repeated blindly, so `Submitting` is recorded before it and its outcome
//! after it. The request's octets never change: an issuer that sees them twice sees the same ones.

mod state;

pub use self::state::{Misplaced, State, Step};

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use crate::actor::{Actor, RequestId};
use crate::enrollment::{Enrollment, EnrollmentName};
use crate::key::{DigestAlgorithm, KeyAlgorithm, KeyId};
use crate::name::{DnsName, Fqdn};
use crate::request::{FriendlyName, Goal, IssuerName, SubjectAttributes, TemplateName};
use crate::role::Role;
use crate::time::Timestamp;

/// The number of an order on its agent; they count up.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OrderId(NonZeroU64);

impl OrderId {
    /// The first order of an agent.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Returns the order of this number; there is no order 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One attempt to fulfil an enrollment: a key, a request, an issuer, a goal, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// The attempt it answers.
    pub request_id: RequestId,
    /// The wish it fulfils.
    pub enrollment: EnrollmentName,
    /// That wish, which becomes an enrollment when the certificate is installed and not before: an
    /// order that ends without one changes no enrollment. Absent once it has settled.
    pub wish: Option<Enrollment>,
    /// The server it is for.
    pub server: Fqdn,
    /// The roles that will share the certificate.
    pub roles: Vec<Role>,
    /// What it is to reach.
    pub goal: Goal,
    /// Who is to issue.
    pub issuer: IssuerName,
    /// The issuer's template; absent where the issuer chooses.
    pub template: Option<TemplateName>,
    /// The key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// The digest that is asked for.
    pub digest: DigestAlgorithm,
    /// Whether the key may leave the store.
    pub exportable: bool,
    /// What the certificate will be called.
    pub friendly_name: FriendlyName,
    /// The subject's common name; absent when it is too long for one.
    pub common_name: Option<DnsName>,
    /// The rest of the subject.
    pub subject: SubjectAttributes,
    /// The subject alternative names.
    pub names: Vec<DnsName>,
    /// Whether clientAuth is asked for beside serverAuth.
    pub client_eku: bool,
    /// The lifetime that is asked for.
    pub lifetime: Duration,
    /// Whether somebody other than the requester has to approve it at the CA.
    pub approval_required: bool,
    /// The key, durable before the request existed.
    pub key_id: KeyId,
    /// The request, PKCS#10 in DER; every submission carries these identical octets. Empty once the
    /// order has settled: the journal keeps it.
    pub csr: Vec<u8>,
    /// Where it stands.
    pub state: State,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Who placed it.
    pub placed_by: Actor,
}

#[cfg(test)]
mod tests;
