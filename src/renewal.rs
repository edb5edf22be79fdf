//! When a certificate is replaced, how long to wait after a failure, and when to raise the alarm.
//!
//! Arithmetic only: nothing here reads a clock or draws a random number. The spread comes from the
//! certificate's fingerprint, so certificates issued in the same second part ways, and a restart
//! gives the same answer (`design.md` §8).
//!
//! ```text
//!   not_before                                  due        overdue                  end
//!   ├──────────────────────────────────┬╌╌╌╌╌╌╌╌╌┼───────────┼───────────────────────┤
//!                                      └ spread ┘└──────────── lead ─────────────────┘
//! ```
//!
//! `end` is the earliest expiry in the whole chain: a leaf is of no use after its issuer.

use std::time::Duration;

use crate::certificate::Fingerprint;
use crate::finding::{Finding, FindingCode};
use crate::time::{Timestamp, Validity};

/// How a certificate is renewed, which decides how early that begins.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Courier {
    /// By the agents alone, over the network.
    #[default]
    Online,
    /// By an administrator who carries files.
    ByHand,
}

/// When certificates of one enrollment are renewed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RenewalPolicy {
    /// Who carries the order.
    pub courier: Courier,
    /// How long before the end to renew, instead of the usual fraction of the lifetime.
    pub renew_before: Option<Duration>,
}

/// The period in which the authority suggests to renew (RFC 9773).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SuggestedWindow {
    /// Its first moment.
    pub start: Timestamp,
    /// Its last moment.
    pub end: Timestamp,
}

impl SuggestedWindow {
    /// Returns the moment within the window that falls to a certificate.
    fn pick(&self, spread: Spread) -> Timestamp {
        self.start + spread.of(self.end.since(self.start))
    }
}

impl RenewalPolicy {
    /// Returns how long before the end a certificate with this lifetime is to be renewed.
    pub fn lead(&self, lifetime: Duration) -> Duration {
        if let Some(wanted) = self.renew_before {
            return wanted;
        }
        match self.courier {
            Courier::ByHand => (lifetime / 4).min(30 * DAY),
            Courier::Online if lifetime < 10 * DAY => lifetime / 2,
            Courier::Online => lifetime / 3,
        }
    }

    /// Returns when to renew a leaf whose issuers are valid for `issuers`.
    pub fn schedule(
        &self,
        leaf: Validity,
        issuers: impl IntoIterator<Item = Validity>,
        suggested: Option<SuggestedWindow>,
        spread: Spread,
    ) -> Schedule {
        let end = issuers.into_iter().map(|issuer| issuer.not_after).fold(leaf.not_after, Ord::min);
        let usable = end.since(leaf.not_before);
        let lead = self.lead(leaf.lifetime());
        let latest = end - lead;
        // A certificate must be in use for a while before its successor is asked for: what is due
        // earlier is due when new, and renewing it at once would go on for ever.
        let earliest = leaf.not_before + usable / 4;
        let mut is_due_when_new = latest < earliest;
        let mut due = if is_due_when_new {
            leaf.not_before + usable / 2
        } else {
            (latest - spread.of(lead / SPREAD_PART)).max(earliest)
        };
        if let Some(window) = suggested {
            let pick = window.pick(spread);
            is_due_when_new |= pick <= leaf.not_before;
            due = due.min(pick.max(leaf.not_before + usable / 20));
        }
        let due = due.min(end);
        let patience = match self.courier {
            Courier::Online => end.since(due) / 4,
            Courier::ByHand => end.since(due) / 2,
        };
        Schedule { due, overdue: due + patience, end, is_due_when_new }
    }
}

/// When one certificate is renewed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Schedule {
    /// From when on it is to be renewed.
    pub due: Timestamp,
    /// From when on something must be wrong if it has not been.
    pub overdue: Timestamp,
    /// When it, or the first of its issuers, expires.
    pub end: Timestamp,
    /// Whether it was to be renewed as soon as it was issued; `due` is then put off.
    pub is_due_when_new: bool,
}

impl Schedule {
    /// Returns whether it is to be renewed at `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due <= now
    }

    /// Returns whether the renewal is overdue at `now`.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.overdue <= now
    }

    /// Returns what is worth saying about the renewal at `now`; `renew` is the command that renews.
    pub fn findings(&self, renew: &str, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.is_overdue(now) {
            let evidence = format!("renewal was due on {}; the end is {}", self.due, self.end);
            findings.push(Finding::new(FindingCode::RenewalOverdue, evidence, renew));
        } else if self.is_due(now) {
            let evidence = format!("due since {}", self.due);
            findings.push(Finding::new(FindingCode::RenewalDue, evidence, renew));
        }
        if self.is_due_when_new {
            findings.push(Finding::new(
                FindingCode::DueWhenNew,
                format!(
                    "it was to be renewed as soon as it was issued (the chain ends on {}); put off \
                     to {}",
                    self.end, self.due
                ),
                "rolecallctl enrollment list",
            ));
        }
        findings
    }
}

/// A fraction in `0..1` that belongs to one certificate, drawn once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Spread(u32);

impl Spread {
    /// No spread at all, for previews of certificates that do not exist yet.
    pub const NONE: Self = Self(0);

    /// Draws the fraction from a fingerprint, whose bytes are as good as random.
    pub fn from_fingerprint(fingerprint: &Fingerprint) -> Self {
        let [a, b, c, d, ..] = *fingerprint.as_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// Returns this fraction of `window`, to the millisecond.
    pub fn of(self, window: Duration) -> Duration {
        let millis = (window.as_millis() * u128::from(self.0)) >> 32;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// Returns how long to wait after the failed attempt number `attempt`, counted from 0.
///
/// `remaining` is the time until the [end](Schedule::end). The wait doubles from a minute up to six
/// hours, but is never more than a fifth of what remains: several attempts are left before expiry
/// whenever the authority comes back. Once expired, an hour is the most. The spread keeps members
/// that failed together from coming back together.
pub fn backoff(attempt: u32, remaining: Duration, spread: Spread) -> Duration {
    let ceiling = if remaining.is_zero() { CEILING_EXPIRED } else { CEILING.min(remaining / 5) };
    let wait = BASE.saturating_mul(2_u32.saturating_pow(attempt)).min(ceiling);
    (wait - spread.of(wait / 10)).max(FLOOR)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The spread takes up to this part of the lead: a twelfth of an ordinary lifetime.
const SPREAD_PART: u32 = 4;
const BASE: Duration = Duration::from_secs(60);
const FLOOR: Duration = Duration::from_secs(10);
const CEILING: Duration = Duration::from_secs(6 * 60 * 60);
const CEILING_EXPIRED: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests;
