//! A leaf with the certificates that lead towards its root.

use super::{Certificate, InvalidPem};

/// A leaf and its issuers, the nearest first; the root may be left out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Chain {
    leaf: Certificate,
    issuers: Vec<Certificate>,
}

impl Chain {
    /// The most certificates a chain may have above its leaf.
    pub const MAX_ISSUERS: usize = 10;

    /// Puts a chain together, in the order given.
    ///
    /// # Errors
    /// There are more than [`Self::MAX_ISSUERS`] issuers.
    pub fn new(leaf: Certificate, issuers: Vec<Certificate>) -> Result<Self, InvalidChain> {
        if issuers.len() > Self::MAX_ISSUERS {
            return Err(InvalidChain::TooLong { issuers: issuers.len() });
        }
        Ok(Self { leaf, issuers })
    }

    /// Sorts out which of `certificates` is the leaf, and orders its issuers from it upwards.
    ///
    /// The leaf is the first that is no authority, else the first that names none of the others as
    /// its child. Certificates that do not belong to its chain stand last.
    ///
    /// # Errors
    /// There is no certificate, or there are too many.
    pub fn from_certificates(certificates: Vec<Certificate>) -> Result<Self, InvalidChain> {
        if certificates.len() > Self::MAX_ISSUERS + 1 {
            return Err(InvalidChain::TooLong { issuers: certificates.len() - 1 });
        }
        let mut rest = certificates;
        let issues_another = |candidate: &Certificate| {
            rest.iter().any(|other| other != candidate && other.issuer() == candidate.subject())
        };
        let position = rest
            .iter()
            .position(|candidate| !candidate.is_ca())
            .or_else(|| rest.iter().position(|candidate| !issues_another(candidate)))
            .unwrap_or(0);
        if rest.is_empty() {
            return Err(InvalidChain::Empty);
        }
        let leaf = rest.remove(position);
        let mut issuers = Vec::with_capacity(rest.len());
        let mut wanted = leaf.issuer().clone();
        while let Some(next) = rest.iter().position(|candidate| *candidate.subject() == wanted) {
            let issuer = rest.remove(next);
            wanted = issuer.issuer().clone();
            issuers.push(issuer);
        }
        issuers.append(&mut rest);
        Self::new(leaf, issuers)
    }

    /// Parses a PEM text that holds a leaf and its issuers, in any order.
    ///
    /// # Errors
    /// A block is damaged or missing (the line is named), or there are too many.
    pub fn from_pem(text: impl AsRef<[u8]>) -> Result<Self, InvalidChain> {
        Self::from_certificates(Certificate::many_from_pem(text)?)
    }

    /// Returns the certificate of the role.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Returns the certificates above the leaf, the nearest first.
    pub fn issuers(&self) -> &[Certificate] {
        &self.issuers
    }

    /// Returns the leaf, then its issuers.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.issuers)
    }

    /// Returns the leaf and its issuers as PEM: what a service reads as its full chain.
    pub fn to_pem(&self) -> String {
        self.certificates().map(Certificate::to_pem).collect()
    }

    /// Takes the chain apart.
    pub fn into_parts(self) -> (Certificate, Vec<Certificate>) {
        (self.leaf, self.issuers)
    }
}

/// Why certificates are no [`Chain`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChain {
    /// There is no certificate.
    #[error("no certificate is given")]
    Empty,
    /// The PEM text is damaged.
    #[error("the chain cannot be read")]
    Pem(#[from] InvalidPem),
    /// There are too many certificates.
    #[error(
        "the chain has {issuers} certificates above its leaf; at most {} are accepted",
        Chain::MAX_ISSUERS
    )]
    TooLong {
        /// How many there are.
        issuers: usize,
    },
}
