//! Certificates as a store holds them: the octets, and what is known beyond them.

use crate::certificate::{Certificate, Fingerprint};
use crate::enrollment::EnrollmentName;
use crate::key::{DigestAlgorithm, KeyId};
use crate::order::OrderId;
use crate::request::{FriendlyName, IssuerName};
use crate::time::Timestamp;

/// A certificate in the store.
#[derive(Clone, Debug)]
pub struct StoredCertificate {
    /// The certificate itself.
    pub certificate: Certificate,
    /// Its issuers, the nearest first.
    pub chain: Vec<Fingerprint>,
    /// What administrators call it; unique in the store.
    pub friendly_name: FriendlyName,
    /// The wish it fulfils; absent: it is unenrolled.
    pub enrollment: Option<EnrollmentName>,
    /// The order it came from; absent: it was imported.
    pub order: Option<OrderId>,
    /// The issuer it came from; absent: unknown.
    pub issuer: Option<IssuerName>,
    /// Its key; absent: the key is not here.
    pub key_id: Option<KeyId>,
    /// Whether the key may leave the store.
    pub exportable: bool,
    /// When it came into the store.
    pub installed_at: Timestamp,
    /// When and why it was revoked, as far as this store knows.
    pub revoked: Option<Revocation>,
    /// The digest that the order asked for.
    pub asked_digest: Option<DigestAlgorithm>,
}

/// When and why a certificate was revoked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// The reason's name (RFC 5280 §5.3.1), such as `keyCompromise`.
    pub reason: Box<str>,
}
