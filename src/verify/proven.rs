//! Authorities that rustls-webpki went over before, so that each leaf need not pay for it again.
//!
//! A signer verifies every certificate it issues, and what lies above the leaf is the same each
//! time. What can change is looked at each time all the same: the dates of the whole path, and
//! whether its root is still trusted. Under these conditions, and where nothing above the leaf's
//! issuer depends on the leaf, the verdict on the leaf below its issuer is the verdict on the path.

use super::{TrustStore, Verification};
use crate::certificate::Certificate;
use crate::finding::Severity;
use crate::time::Timestamp;

/// An authority on whose path to a trust anchor rustls-webpki gave a good verdict.
#[derive(Clone, Debug)]
pub struct ProvenAuthority {
    /// The authority first, its anchor last; never empty.
    path: Vec<Certificate>,
}

impl ProvenAuthority {
    /// Takes the leaf's issuer and those above it from a verification without an error.
    ///
    /// Answers nothing where something above that issuer constrains the leaf, by its names or by
    /// what it is for: each leaf needs the whole verdict then (RFC 5280 §4.2.1.10 and §4.2.1.12).
    pub fn of(verification: &Verification) -> Option<Self> {
        let is_good = verification.is_anchored
            && verification.findings.iter().all(|finding| finding.severity != Severity::Error);
        let path = verification.path.get(1..)?;
        let (authority, above) = path.split_first()?;
        let is_free = authority.extended_key_usage().is_none()
            && above.iter().all(|higher| {
                higher.name_constraints().is_none() && higher.extended_key_usage().is_none()
            });
        (is_good && is_free).then(|| Self { path: path.to_vec() })
    }

    /// Returns the authority.
    pub(super) fn authority(&self) -> &Certificate {
        self.path.first().expect("a path is never empty")
    }

    /// Returns the authority and those above it.
    pub(super) fn path(&self) -> &[Certificate] {
        &self.path
    }

    /// Returns whether what may change still holds.
    pub(super) fn stands(&self, trust: &TrustStore, now: Timestamp) -> bool {
        self.path.last().is_some_and(|root| trust.is_anchor(root))
            && self.path.iter().all(|authority| authority.validity().contains(now))
    }
}
