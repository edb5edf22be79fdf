//! Authorities whose way to their root was verified once, so that each leaf need not do it again.
//!
//! A signer verifies every certificate it issues, and the signatures above the leaf are the same
//! each time. What can change is looked at each time all the same: the dates of the whole path, and
//! whether its root is still trusted.

use super::TrustStore;
use crate::certificate::{Certificate, SignatureCheck};
use crate::time::Timestamp;

/// An authority and those above it, every signature verified.
#[derive(Clone, Debug)]
pub struct ProvenAuthority {
    /// The authority first, its root last; never empty.
    path: Vec<Certificate>,
}

impl ProvenAuthority {
    /// Verifies the signatures of a path that ends at a self-signed root.
    ///
    /// Answers nothing if one of them does not hold, if something in the path may not be an
    /// authority where it stands, or if names are constrained higher up than in the first
    /// certificate, where rustls-webpki would not see it.
    pub fn prove(path: &[Certificate]) -> Option<Self> {
        let root = path.last()?;
        let links = path.iter().zip(path.iter().skip(1));
        let is_signed = links.into_iter().chain([(root, root)]).all(|(below, above)| {
            below.issuer() == above.subject()
                && below.check_signature(above.public_key()) == SignatureCheck::Valid
        });
        let is_authority = path.iter().zip(0_u32..).all(|(authority, below)| {
            authority.is_ca()
                && authority.key_usage().is_none_or(|usage| usage.key_cert_sign())
                && authority.path_len().is_none_or(|most| most >= below)
        });
        let is_unconstrained =
            path.iter().skip(1).all(|authority| authority.name_constraints().is_none());
        (is_signed && is_authority && is_unconstrained).then(|| Self { path: path.to_vec() })
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
