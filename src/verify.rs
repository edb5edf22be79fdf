//! Whether a certificate is good for its roles, and if not, why.
//!
//! Two judges sit here. rustls-webpki gives the verdict on the chain: it is what the wire trusts.
//! Where it refuses, our own walk from the leaf upwards names the cause, for "unknown issuer" and
//! "bad signature" say nothing about what to do. What no verifier knows (names, keys, purposes,
//! revocation lists, what was asked for) is checked besides. The result is a list of
//! [findings](crate::finding); nothing is ever refused without one.

mod chain;
mod leaf;
mod names;
mod proven;
mod revocation;
mod trust;
mod verdict;
mod walk;

use std::collections::BTreeMap;

pub use self::proven::ProvenAuthority;
pub use self::revocation::CrlState;
pub use self::trust::TrustStore;

use crate::certificate::{Certificate, Chain, Fingerprint};
use crate::enrollment::Enrollment;
use crate::finding::{self, Finding, FindingCode, Severity};
use crate::key::DigestAlgorithm;
use crate::name::DnsName;
use crate::role::{BuiltInRole, KeyPolicy, Role, RoleFacts};
use crate::time::Timestamp;

/// What a role demands of its certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleRequirement {
    /// The role.
    pub role: Role,
    /// Whether anybody looks at the names.
    pub names_matter: bool,
    /// Whether it dials out over mutual TLS, so that it wants the clientAuth purpose.
    pub client_auth: bool,
    /// Whether a wildcard may stand for a name.
    pub wildcards: bool,
    /// The algorithms its key may have.
    pub keys: KeyPolicy,
    /// Whether a missing CRL distribution point is worth a warning.
    pub wants_crl: bool,
    /// Whether unmanaged clients meet it.
    pub public_facing: bool,
}

impl From<&RoleFacts> for RoleRequirement {
    fn from(facts: &RoleFacts) -> Self {
        Self {
            role: facts.role.into(),
            names_matter: facts.names_matter,
            client_auth: facts.dials_out,
            wildcards: facts.wildcards,
            keys: facts.keys,
            wants_crl: facts.wants_crl,
            public_facing: facts.public_facing,
        }
    }
}

impl From<BuiltInRole> for RoleRequirement {
    fn from(role: BuiltInRole) -> Self {
        role.facts().into()
    }
}

/// Where the private key of a certificate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// Held, and it is the one that the certificate certifies.
    Held,
    /// Not held.
    Missing,
    /// A key is held for the certificate, but it is another one.
    Foreign,
}

/// What is verified, and against which wishes.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The certificate and what came with it.
    pub chain: &'a Chain,
    /// The roles it is for; none if it is only looked at.
    pub roles: &'a [RoleRequirement],
    /// The names that the roles are reached by, together.
    pub expected_names: &'a [DnsName],
    /// Names that are there for other roles, which share the certificate.
    pub shared_names: &'a [DnsName],
    /// Where its private key is.
    pub key: KeyState,
    /// The enrollments of the roles: what asks for another certificate names all roles of them, so
    /// that it splits none.
    pub enrollments: &'a [&'a Enrollment],
    /// The digest that was asked for.
    pub asked_digest: Option<DigestAlgorithm>,
    /// The certificate that it replaces.
    pub previous: Option<&'a Certificate>,
    /// What is known from revocation lists, by certificate; absent means not checked.
    pub crl: &'a BTreeMap<Fingerprint, CrlState>,
}

impl Subject<'_> {
    /// Returns the roles as a command line has them.
    fn role_list(&self) -> String {
        let enrolled = self.enrollments.iter().flat_map(|enrollment| enrollment.roles.iter());
        let mut roles: Vec<&Role> = self.roles.iter().map(|wish| &wish.role).collect();
        if roles.is_empty() {
            return "ROLE".to_owned();
        }
        roles.extend(enrolled);
        roles.sort();
        roles.dedup();
        roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Returns the command that asks for another certificate.
    fn request(&self) -> String {
        format!("rolecallctl request --role {}", self.role_list())
    }

    /// Returns the command that renews what is enrolled as its enrollment says, or asks anew.
    fn renew(&self) -> String {
        if self.enrollments.is_empty() { self.request() } else { "rolecallctl apply".to_owned() }
    }

    /// Returns the command that verifies again.
    fn verify_again(&self) -> String {
        format!("rolecallctl certificate verify {}", self.chain.leaf().thumbprint())
    }
}

/// What all findings together mean for an assignment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// It may be assigned.
    Good,
    /// It may be assigned with `--force`.
    Forcible,
    /// It may not be assigned.
    Refused,
}

impl Verdict {
    /// Returns what findings mean of which the heaviest is `worst`.
    pub const fn of(worst: Option<Severity>) -> Self {
        match worst {
            Some(Severity::Error) => Self::Refused,
            Some(Severity::Warning) => Self::Forcible,
            Some(Severity::Notice) | None => Self::Good,
        }
    }

    /// Returns the word for it, as JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Forcible => "forcible",
            Self::Refused => "refused",
        }
    }
}

/// The result of [`verify`].
#[derive(Clone, Debug)]
pub struct Verification {
    /// Everything that was found, the heaviest first.
    pub findings: Vec<Finding>,
    /// The way from the leaf upwards: to the trust anchor, or as far as it leads.
    pub path: Vec<Certificate>,
    /// Whether the path ends at a trust anchor.
    pub is_anchored: bool,
    /// What it means for an assignment.
    pub verdict: Verdict,
}

impl Verification {
    /// Returns whether the certificate may be assigned, warnings being overridden if `force`.
    pub fn is_assignable(&self, force: bool) -> bool {
        match self.verdict {
            Verdict::Good => true,
            Verdict::Forcible => force,
            Verdict::Refused => false,
        }
    }

    /// Returns whether a finding of `code` is among the findings.
    pub fn has(&self, code: FindingCode) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// Returns the certificates that a service sends along: between the leaf and the anchor.
    pub fn intermediates(&self) -> &[Certificate] {
        let end = self.path.len().saturating_sub(usize::from(self.is_anchored)).max(1);
        self.path.get(1..end).unwrap_or_default()
    }
}

/// Verifies a certificate against its roles' wishes and a trust store.
pub fn verify(subject: &Subject<'_>, trust: &TrustStore, now: Timestamp) -> Verification {
    let now = now.whole_second();
    let (path, refusal, mut findings) = match verdict::path(subject.chain, trust, now) {
        Ok(path) => (walk::Path::anchored(path), None, Vec::new()),
        Err(refusal) => {
            let path = walk::walk(subject.chain, trust, now);
            let findings = path.findings(subject);
            (path, Some(refusal), findings)
        }
    };
    findings.extend(chain::findings(subject, &path, trust, now));
    findings.extend(leaf::findings(subject, now));
    if let Some(refusal) = refusal
        && !findings.iter().any(verdict::explains_refusal)
    {
        findings.push(refusal.finding(subject));
    }
    findings.extend(names::findings(subject));
    findings.extend(revocation::findings(subject, &path.certificates));

    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
    let verdict = Verdict::of(finding::worst(&findings));
    Verification { findings, is_anchored: path.is_anchored(), path: path.certificates, verdict }
}

#[cfg(test)]
mod tests;
