//! Which authorities are trusted, and which are merely known.
//!
//! Roots and intermediates are kept apart by what they are, not by where somebody put them: an
//! intermediate among the roots breaks TLS on some systems and loosens it on others (`domain.md`
//! §6.3, §6.17).

use std::collections::BTreeSet;

use super::ProvenAuthority;
use crate::certificate::{Certificate, DistinguishedName, Fingerprint};
use crate::finding::{Finding, FindingCode, Severity};
use crate::time::Timestamp;

/// The authorities that an agent knows.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    /// The roots that are trusted.
    pub anchors: Vec<Certificate>,
    /// The intermediates that are known; trusted only as far as a root vouches for them.
    pub intermediates: Vec<Certificate>,
    /// Those anchors that every client trusts; the others are private.
    pub public: BTreeSet<Fingerprint>,
    /// Authorities whose way to a root was verified before.
    pub proven: Vec<ProvenAuthority>,
}

impl TrustStore {
    /// Returns whether `certificate` is one of the roots.
    pub fn is_anchor(&self, certificate: &Certificate) -> bool {
        self.anchors.contains(certificate)
    }

    /// Returns the known authorities of a name, trusted ones first.
    pub fn named<'a>(
        &'a self,
        name: &'a DistinguishedName,
    ) -> impl Iterator<Item = &'a Certificate> {
        self.anchors
            .iter()
            .chain(&self.intermediates)
            .filter(move |authority| authority.subject() == name)
    }

    /// Returns what is wrong with the store itself at `now`.
    pub fn check(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        for anchor in self.anchors.iter().filter(|anchor| !anchor.is_self_signed()) {
            findings.push(Finding::new(
                FindingCode::RootNotSelfSigned,
                format!(
                    "{} ({}) stands among the trusted roots but is signed by {}",
                    anchor.subject(),
                    anchor.thumbprint(),
                    anchor.issuer()
                ),
                format!(
                    "systemctl reload rolecall-agent  # after taking {} out of [trust_anchors]",
                    anchor.thumbprint()
                ),
            ));
        }
        findings.extend(self.authorities().filter_map(|authority| out_of_date(authority, now)));
        findings.extend(self.duplicates());
        findings
    }

    fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.anchors.iter().chain(&self.intermediates)
    }

    /// Two authorities of one name with different keys: the second of each pair is reported.
    fn duplicates(&self) -> impl Iterator<Item = Finding> {
        let mut first: Vec<&Certificate> = Vec::new();
        self.authorities().filter_map(move |authority| {
            let same = first.iter().find(|known| known.subject() == authority.subject()).copied();
            let Some(same) = same else {
                first.push(authority);
                return None;
            };
            (same.public_key() != authority.public_key()).then(|| {
                Finding::new(
                    FindingCode::IssuerNameDuplicate,
                    format!(
                        "{} is the name of two authorities with different keys: {} and {}",
                        authority.subject(),
                        same.thumbprint(),
                        authority.thumbprint()
                    ),
                    "systemctl reload rolecall-agent  # after taking one of them out of [trust_anchors]",
                )
            })
        })
    }
}

fn out_of_date(authority: &Certificate, now: Timestamp) -> Option<Finding> {
    let name = authority.subject();
    let (code, evidence) = if authority.not_after() < now {
        (FindingCode::IssuerExpired, format!("{name} expired on {}", authority.not_after()))
    } else if now < authority.not_before() {
        (FindingCode::NotYetValid, format!("{name} is valid from {}", authority.not_before()))
    } else {
        return None;
    };
    let remedy = format!(
        "systemctl reload rolecall-agent  # after taking {} out of [trust_anchors]",
        authority.thumbprint()
    );
    Some(Finding::new(code, evidence, remedy).with_severity(Severity::Warning))
}
