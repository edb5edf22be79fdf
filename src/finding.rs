//! Findings: diagnosed problems, each with a stable code, evidence and a remedy to type.
//!
//! "Not valid" helps nobody. Whatever Rolecall finds wrong is a [`Finding`]: its
//! [code](FindingCode) never changes its meaning, its evidence says what was seen, and its remedy is
//! a command. Errors refuse an assignment, warnings want `--force`, notices only inform
//! (`design.md` §5). An operator who knows better accepts one [for a while](Acceptance), so that
//! `status` stays honest and green.

mod code;

use std::fmt;
use std::str::FromStr;

pub use self::code::{FindingCode, InvalidFindingCode};

use crate::certificate::Thumbprint;
use crate::role::Role;
use crate::time::Timestamp;

/// How much a finding weighs; the heaviest is the greatest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Stops an assignment unless it is forced.
    Warning,
    /// Stops an assignment.
    Error,
}

impl Severity {
    /// Every severity, the lightest first.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Warning, Self::Error];

    /// Returns the word for it, as JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = InvalidSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| InvalidSeverity { text: text.into() })
    }
}

/// A text that is no [`Severity`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a severity (notice, warning, error)")]
pub struct InvalidSeverity {
    text: Box<str>,
}

/// One diagnosed problem.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Finding {
    /// What kind of problem.
    pub code: FindingCode,
    /// How much it weighs here.
    pub severity: Severity,
    /// What was seen, with names, dates and numbers.
    pub evidence: String,
    /// What to type, or empty if there is nothing to do; what stands after `#` explains it.
    pub remedy: String,
}

impl Finding {
    /// Records a problem with the severity that its code usually has.
    pub fn new(code: FindingCode, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        let severity = code.severity();
        Self { code, severity, evidence: evidence.into(), remedy: remedy.into() }
    }

    /// Changes how much it weighs.
    #[must_use]
    pub fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.evidence, self.code)
    }
}

/// Returns the heaviest severity among `findings`.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}

/// What a finding is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FindingSubject {
    /// The agent itself: its store, its clock, its topology.
    Agent,
    /// A role, whatever certificate it has.
    Role(Role),
    /// One certificate, in whatever role.
    Certificate(Thumbprint),
}

impl fmt::Display for FindingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("the agent"),
            Self::Role(role) => role.fmt(f),
            Self::Certificate(thumbprint) => thumbprint.fmt(f),
        }
    }
}

/// An operator's word that a finding is known and may stand until a certain time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acceptance {
    /// Which kind of finding.
    pub code: FindingCode,
    /// What it is accepted for; absent means everything on this server.
    pub subject: Option<FindingSubject>,
    /// The moment from which it counts again.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

impl Acceptance {
    /// Returns whether a finding of `code` about any of `subjects` is accepted at `now`.
    pub fn covers(&self, code: FindingCode, subjects: &[FindingSubject], now: Timestamp) -> bool {
        self.code == code
            && now < self.until
            && self.subject.as_ref().is_none_or(|subject| subjects.contains(subject))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_acceptance_covers_its_code_and_subject_until_its_time() {
        let now = Timestamp::from_seconds(1_000_000);
        let role: Role = "Default".parse().unwrap();
        let other: Role = "Internal".parse().unwrap();
        let acceptance = Acceptance {
            code: FindingCode::CrlUnreachable,
            subject: Some(FindingSubject::Role(role.clone())),
            until: now + Duration::from_secs(60),
            reason: "the firewall opens on Monday".into(),
            by: "alice".into(),
        };
        let about = |role: &Role| [FindingSubject::Role(role.clone())];
        assert!(acceptance.covers(FindingCode::CrlUnreachable, &about(&role), now));
        assert!(!acceptance.covers(FindingCode::CrlUnreachable, &about(&other), now));
        assert!(!acceptance.covers(FindingCode::CrlStale, &about(&role), now));
        let later = now + Duration::from_secs(60);
        assert!(!acceptance.covers(FindingCode::CrlUnreachable, &about(&role), later));
        let everywhere = Acceptance { subject: None, ..acceptance };
        assert!(everywhere.covers(FindingCode::CrlUnreachable, &about(&other), now));
    }

    #[test]
    fn the_worst_of_findings_is_the_heaviest() {
        let finding = |code| Finding::new(code, "", "");
        let found = [finding(FindingCode::NamesExtra), finding(FindingCode::CrlStale)];
        assert_eq!(worst(&found), Some(Severity::Warning));
        assert_eq!(worst(&[]), None);
    }
}
