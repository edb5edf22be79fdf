//! Assignments: which certificate a role uses, now, next and before, as a state machine without I/O.
//!
//! ```text
//!   schedule                effective             replaced                own expiry | unassign
//!  ─────────▶ next ─────────────────────▶ current ─────────▶ previous (many) ─────────▶ gone
//!               │ cancel, or superseded
//!               ▼ until it takes effect
//!              gone
//! ```
//!
//! - `handle_*` report events and answer a [`Change`]: the new state, and what moved to or left the
//!   list of previous certificates. That list can be long, so it is kept beside the assignment, a
//!   row per generation, and never copied;
//! - [`Assignment::poll_timeout`] says when [`Assignment::handle_timeout`] has something to do.
//!
//! Generations only rise: going back to an older certificate is a new generation that points at it.
//! A switch once taken is never undone by a clock that goes backwards.

use std::fmt;
use std::num::NonZeroU64;

use crate::certificate::{Fingerprint, Thumbprint};
use crate::role::{Role, Scope};
use crate::time::Timestamp;

/// The n-th certificate of one role in its scope.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(u64);

impl Generation {
    /// Before the first certificate.
    pub const NONE: Self = Self(0);

    /// Returns the generation of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the number, unless there is no certificate yet.
    pub const fn non_zero(self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A certificate that a role uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot {
    /// Its number in this role and scope.
    pub generation: Generation,
    /// The certificate.
    pub fingerprint: Fingerprint,
    /// The same, as administrators know it.
    pub thumbprint: Thumbprint,
    /// From when it is used.
    pub effective: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
}

/// The certificates of one role in one scope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assignment {
    /// The role.
    pub role: Role,
    /// How far it reaches.
    pub scope: Scope,
    /// The server or pool; empty for a global role.
    pub scope_name: Box<str>,
    /// What is used now.
    pub current: Option<Slot>,
    /// What will be used, and from when.
    pub next: Option<Slot>,
    /// The highest generation ever given.
    pub highest: Generation,
}

/// A certificate that is to be assigned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// The certificate.
    pub fingerprint: Fingerprint,
    /// The same, as administrators know it.
    pub thumbprint: Thumbprint,
    /// When it expires.
    pub not_after: Timestamp,
}

/// What an event did to an assignment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// What happened.
    pub cause: Cause,
    /// The state after it.
    pub assignment: Assignment,
    /// What was current and is previous now.
    pub retired: Option<Slot>,
}

/// What happened to an assignment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A certificate became current at once.
    Assigned,
    /// A certificate will become current.
    Scheduled,
    /// The next certificate took effect.
    Switched,
    /// The role lost its current certificate.
    Unassigned,
    /// The next certificate will not take effect.
    NextCancelled,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] =
        [Self::Assigned, Self::Scheduled, Self::Switched, Self::Unassigned, Self::NextCancelled];

    /// Returns the word for it in the journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Scheduled => "scheduled",
            Self::Switched => "switched",
            Self::Unassigned => "unassigned",
            Self::NextCancelled => "next-cancelled",
        }
    }
}

impl Assignment {
    /// Returns the assignment of a role that never had a certificate.
    pub const fn vacant(role: Role, scope: Scope, scope_name: Box<str>) -> Self {
        Self { role, scope, scope_name, current: None, next: None, highest: Generation::NONE }
    }

    /// Returns whether `fingerprint` is current and nothing else is about to be.
    pub fn is_settled_on(&self, fingerprint: Fingerprint) -> bool {
        self.next.is_none() && self.current.is_some_and(|slot| slot.fingerprint == fingerprint)
    }

    /// A certificate is to be used from `effective` on; at once if that is not after `now`.
    ///
    /// Answers nothing if that is so already.
    pub fn handle_assign(
        &self,
        candidate: Candidate,
        effective: Timestamp,
        now: Timestamp,
    ) -> Option<Change> {
        let later = effective > now;
        if !later && self.is_settled_on(candidate.fingerprint) {
            return None;
        }
        let generation = self.highest.next();
        let slot = Slot {
            generation,
            fingerprint: candidate.fingerprint,
            thumbprint: candidate.thumbprint,
            effective: if later { effective } else { now },
            not_after: candidate.not_after,
        };
        let mut assignment = Self { highest: generation, ..self.clone() };
        if later {
            assignment.next = Some(slot);
            return Some(Change { cause: Cause::Scheduled, assignment, retired: None });
        }
        // What was about to take effect is superseded by what takes effect now.
        assignment.next = None;
        assignment.current = Some(slot);
        Some(Change { cause: Cause::Assigned, assignment, retired: self.current })
    }

    /// Time has passed.
    pub fn handle_timeout(&self, now: Timestamp) -> Option<Change> {
        let next = self.next.filter(|slot| slot.effective <= now)?;
        let assignment = Self { current: Some(next), next: None, ..self.clone() };
        Some(Change { cause: Cause::Switched, assignment, retired: self.current })
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), if time alone matters.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next.map(|slot| slot.effective)
    }

    /// The role is to lose its current and its next certificate; answers nothing if it has none.
    pub fn handle_unassign(&self) -> Option<Change> {
        if self.current.is_none() && self.next.is_none() {
            return None;
        }
        let assignment = Self { current: None, next: None, ..self.clone() };
        Some(Change { cause: Cause::Unassigned, assignment, retired: None })
    }

    /// The next certificate is not to take effect; answers nothing if there is none.
    pub fn handle_cancel_next(&self) -> Option<Change> {
        self.next?;
        let assignment = Self { next: None, ..self.clone() };
        Some(Change { cause: Cause::NextCancelled, assignment, retired: None })
    }
}

#[cfg(test)]
mod tests;
