//! X.509 certificates, parsed once into owned values (RFC 5280).
//!
//! A [`Certificate`] keeps its DER and what was read out of it; whoever holds one knows that it is a
//! single well-formed certificate of at most [`Certificate::MAX_LEN`] bytes whose known extensions
//! were understood. Texts that come from it are fit to print: control and direction-changing
//! characters are escaped. Whether it is *valid* is another question, asked in [`crate::verify`].

mod chain;
mod der;
mod digits;
mod distinguished_name;
mod parse;
mod pem;
mod public_key;
mod signature;
mod usage;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

pub use self::chain::{Chain, InvalidChain};
pub use self::digits::{CertificateSelector, Fingerprint, InvalidDigits, SerialNumber, Thumbprint};
pub use self::distinguished_name::DistinguishedName;
pub use self::parse::InvalidCertificate;
pub use self::pem::InvalidPem;
pub use self::public_key::{Curve, PublicKey, PublicKeyAlgorithm};
pub use self::signature::{SignatureAlgorithm, SignatureCheck, SignatureDigest, SignatureScheme};
pub use self::usage::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints};

pub(crate) use self::parse::printable;

use crate::name::DnsName;
use crate::time::{Timestamp, Validity};

/// One X.509 certificate. Cloning is cheap.
///
/// ```
/// use rolecall::certificate::{Certificate, InvalidCertificate};
///
/// assert_eq!(Certificate::from_der(b""), Err(InvalidCertificate::Empty));
/// ```
#[derive(Clone)]
pub struct Certificate(Arc<Contents>);

struct Contents {
    der: Box<[u8]>,
    fingerprint: Fingerprint,
    thumbprint: Thumbprint,
    version: u32,
    serial_number: SerialNumber,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    validity: Validity,
    public_key: PublicKey,
    signature_algorithm: SignatureAlgorithm,
    extensions: Extensions,
    signed: Signed,
    self_signed: OnceLock<bool>,
}

/// Where in the DER the parts lie that a signature is checked over.
#[derive(Clone)]
struct Signed {
    message: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
}

/// What the extensions said; an absent extension leaves its field empty.
#[derive(Default)]
struct Extensions {
    dns_names: Vec<DnsName>,
    other_names: Vec<Box<str>>,
    extended_key_usage: Option<ExtendedKeyUsage>,
    key_usage: Option<KeyUsage>,
    basic_constraints: Option<BasicConstraints>,
    name_constraints: Option<NameConstraints>,
    subject_key_id: Option<Box<[u8]>>,
    authority_key_id: Option<Box<[u8]>>,
    crl_distribution_points: Vec<Box<str>>,
    ca_issuers: Vec<Box<str>>,
    must_staple: bool,
}

impl Certificate {
    /// The size, in bytes of DER, above which a certificate is refused.
    pub const MAX_LEN: usize = 64 * 1024;

    /// Parses exactly one certificate.
    ///
    /// # Errors
    /// Says where the bytes stop making sense and what was expected there; bytes after the
    /// certificate are refused too.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidCertificate> {
        parse::certificate(der).map(|contents| Self(Arc::new(contents)))
    }

    /// Parses the first `CERTIFICATE` block of a PEM text.
    ///
    /// # Errors
    /// There is no such block, or it is damaged; the line is named.
    pub fn from_pem(text: impl AsRef<[u8]>) -> Result<Self, InvalidPem> {
        pem::first(text.as_ref())
    }

    /// Parses every `CERTIFICATE` block of a PEM text, in the order they stand in.
    ///
    /// Other blocks and text between the blocks are passed over.
    ///
    /// # Errors
    /// There is no such block, or one is damaged; the line is named.
    pub fn many_from_pem(text: impl AsRef<[u8]>) -> Result<Vec<Self>, InvalidPem> {
        pem::all(text.as_ref())
    }

    /// Returns the certificate as one PEM block (RFC 7468).
    pub fn to_pem(&self) -> String {
        pem::write(self.der())
    }

    /// Returns the certificate as it was parsed.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns the SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// Returns the SHA-1 of the DER: what administrators know a certificate by.
    pub fn thumbprint(&self) -> Thumbprint {
        self.0.thumbprint
    }

    /// Returns the X.509 version: 1, 2 or 3.
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// Returns the serial number.
    pub fn serial_number(&self) -> &SerialNumber {
        &self.0.serial_number
    }

    /// Returns whom the certificate is about.
    pub fn subject(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// Returns who signed it.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// Returns the period in which it is valid.
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// Returns the first moment of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.0.validity.not_before
    }

    /// Returns the last moment of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.0.validity.not_after
    }

    /// Returns the DNS names among the subject alternative names, as they stand.
    pub fn dns_names(&self) -> &[DnsName] {
        &self.0.extensions.dns_names
    }

    /// Returns the other subject alternative names as printable text, such as `IP:192.0.2.1`, and
    /// those DNS names that are none, such as `DNS:fe_01.contoso.com`.
    pub fn other_names(&self) -> &[Box<str>] {
        &self.0.extensions.other_names
    }

    /// Returns the key that the certificate certifies.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// Returns the algorithm that its issuer signed it with.
    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.0.signature_algorithm
    }

    /// Returns what the key may be used for in applications; absent means anything.
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.extensions.extended_key_usage.as_ref()
    }

    /// Returns which operations the key may do; absent means any.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// Returns the basic constraints.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.extensions.basic_constraints
    }

    /// Returns whether this is a certification authority's certificate.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.is_ca)
    }

    /// Returns how many authorities may stand between this one and a leaf, if that is limited.
    pub fn path_len(&self) -> Option<u32> {
        self.basic_constraints().and_then(|constraints| constraints.path_len)
    }

    /// Returns the names that certificates below this authority may and may not carry.
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.0.extensions.name_constraints.as_ref()
    }

    /// Returns the identifier of its own key.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// Returns the identifier of the key that signed it.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Returns where its issuer's revocation list is, as printable URIs: HTTP, LDAP or anything.
    pub fn crl_distribution_points(&self) -> &[Box<str>] {
        &self.0.extensions.crl_distribution_points
    }

    /// Returns where its issuer's certificate is, as printable URIs (authority information access).
    pub fn ca_issuers(&self) -> &[Box<str>] {
        &self.0.extensions.ca_issuers
    }

    /// Returns whether it demands a stapled OCSP response (RFC 7633).
    pub fn must_staple(&self) -> bool {
        self.0.extensions.must_staple
    }

    /// Returns whether subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// Returns whether it is signed by its own key.
    ///
    /// Where the signature cannot be checked (SHA-1, MD5, a small key), equal names and key
    /// identifiers decide: such a certificate is judged by its position, not by its signature.
    pub fn is_self_signed(&self) -> bool {
        *self.0.self_signed.get_or_init(|| {
            self.is_self_issued()
                && match self.check_signature(self.public_key()) {
                    SignatureCheck::Valid => true,
                    SignatureCheck::Invalid => false,
                    SignatureCheck::Unsupported => match self.authority_key_id() {
                        None => true,
                        authority => authority == self.subject_key_id(),
                    },
                }
        })
    }

    /// Checks the certificate's signature with its supposed issuer's key.
    pub fn check_signature(&self, issuer_key: &PublicKey) -> SignatureCheck {
        let signed = &self.0.signed;
        signature::check(
            issuer_key,
            self.part(&signed.algorithm),
            self.part(&signed.message),
            self.part(&signed.signature),
        )
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.0.der.get(range.clone()).expect("the ranges were found in these bytes")
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", self.subject())
            .field("issuer", self.issuer())
            .field("not_after", &self.not_after())
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
