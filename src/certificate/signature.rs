//! Which algorithm a certificate was signed with, and whether the signature is good.
//!
//! Signatures are checked with exactly the algorithms that rustls-webpki accepts, so the walk in
//! [`crate::verify`] and the verdict cannot disagree about one.

use std::fmt;

use x509_parser::signature_algorithm::SignatureAlgorithm as Parsed;
use x509_parser::x509::AlgorithmIdentifier;

use super::PublicKey;
use crate::key::DigestAlgorithm;

/// The algorithm of a signature: scheme and digest.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SignatureAlgorithm {
    scheme: SignatureScheme,
    digest: Option<SignatureDigest>,
}

impl SignatureAlgorithm {
    pub(super) fn new(identifier: &AlgorithmIdentifier<'_>) -> Self {
        let oid = identifier.algorithm.to_id_string();
        if oid == RSASSA_PSS {
            return Self { scheme: SignatureScheme::RsaPss, digest: pss_digest(identifier) };
        }
        match KNOWN.iter().find(|(known, _, _)| *known == oid) {
            Some((_, scheme, digest)) => Self { scheme: scheme.clone(), digest: *digest },
            None => Self { scheme: SignatureScheme::Other(oid.into()), digest: None },
        }
    }

    /// Returns the scheme.
    pub fn scheme(&self) -> &SignatureScheme {
        &self.scheme
    }

    /// Returns the digest, unless the scheme has none of its own or is unknown.
    pub fn digest(&self) -> Option<SignatureDigest> {
        self.digest
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            Some(digest) => write!(f, "{} with {digest}", self.scheme),
            None => self.scheme.fmt(f),
        }
    }
}

/// How a digest is signed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5.
    Rsa,
    /// RSASSA-PSS.
    RsaPss,
    /// ECDSA.
    Ecdsa,
    /// Ed25519.
    Ed25519,
    /// Anything else, by its object identifier.
    Other(Box<str>),
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.write_str("rsa"),
            Self::RsaPss => f.write_str("rsassa-pss"),
            Self::Ecdsa => f.write_str("ecdsa"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Other(oid) => write!(f, "signature algorithm {oid}"),
        }
    }
}

/// The digest of a signature that was met.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SignatureDigest {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl SignatureDigest {
    /// Returns the name used in texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Returns whether collisions can be made, so that a signature over it proves nothing.
    pub const fn is_broken(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1)
    }
}

impl fmt::Display for SignatureDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<DigestAlgorithm> for SignatureDigest {
    fn from(digest: DigestAlgorithm) -> Self {
        match digest {
            DigestAlgorithm::Sha256 => Self::Sha256,
            DigestAlgorithm::Sha384 => Self::Sha384,
            DigestAlgorithm::Sha512 => Self::Sha512,
        }
    }
}

/// What checking a signature showed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureCheck {
    /// The key made it.
    Valid,
    /// The key did not make it, or the bytes were changed since.
    Invalid,
    /// The algorithm, or the key's size, is one that Rolecall does not check.
    Unsupported,
}

/// Checks `signature` over `message`; `algorithm` is the contents of the `AlgorithmIdentifier`.
pub(super) fn check(
    key: &PublicKey,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> SignatureCheck {
    let mut result = SignatureCheck::Unsupported;
    for candidate in webpki::ALL_VERIFICATION_ALGS {
        if candidate.signature_alg_id().as_ref() != algorithm
            || candidate.public_key_alg_id().as_ref() != key.algorithm_id()
        {
            continue;
        }
        match candidate.verify_signature(key.bits(), message, signature) {
            Ok(()) => return SignatureCheck::Valid,
            Err(_) => result = SignatureCheck::Invalid,
        }
    }
    match key.algorithm() {
        super::PublicKeyAlgorithm::Rsa { bits } if *bits < MIN_RSA_BITS => {
            SignatureCheck::Unsupported
        }
        super::PublicKeyAlgorithm::Rsa { .. }
        | super::PublicKeyAlgorithm::Ecdsa { .. }
        | super::PublicKeyAlgorithm::Ed25519
        | super::PublicKeyAlgorithm::Other(_) => result,
    }
}

fn pss_digest(identifier: &AlgorithmIdentifier<'_>) -> Option<SignatureDigest> {
    let Ok(Parsed::RSASSA_PSS(parameters)) = Parsed::try_from(identifier) else {
        return None;
    };
    match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "1.3.14.3.2.26" => Some(SignatureDigest::Sha1),
        "2.16.840.1.101.3.4.2.4" => Some(SignatureDigest::Sha224),
        "2.16.840.1.101.3.4.2.1" => Some(SignatureDigest::Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(SignatureDigest::Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(SignatureDigest::Sha512),
        _ => None,
    }
}

/// What rustls-webpki checks RSA signatures from.
const MIN_RSA_BITS: usize = 2_048;
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// RFC 3279, RFC 4055, RFC 5758, RFC 8410.
const KNOWN: &[(&str, SignatureScheme, Option<SignatureDigest>)] = &[
    ("1.2.840.113549.1.1.4", SignatureScheme::Rsa, Some(SignatureDigest::Md5)),
    ("1.2.840.113549.1.1.5", SignatureScheme::Rsa, Some(SignatureDigest::Sha1)),
    ("1.2.840.113549.1.1.14", SignatureScheme::Rsa, Some(SignatureDigest::Sha224)),
    ("1.2.840.113549.1.1.11", SignatureScheme::Rsa, Some(SignatureDigest::Sha256)),
    ("1.2.840.113549.1.1.12", SignatureScheme::Rsa, Some(SignatureDigest::Sha384)),
    ("1.2.840.113549.1.1.13", SignatureScheme::Rsa, Some(SignatureDigest::Sha512)),
    ("1.2.840.10045.4.1", SignatureScheme::Ecdsa, Some(SignatureDigest::Sha1)),
    ("1.2.840.10045.4.3.1", SignatureScheme::Ecdsa, Some(SignatureDigest::Sha224)),
    ("1.2.840.10045.4.3.2", SignatureScheme::Ecdsa, Some(SignatureDigest::Sha256)),
    ("1.2.840.10045.4.3.3", SignatureScheme::Ecdsa, Some(SignatureDigest::Sha384)),
    ("1.2.840.10045.4.3.4", SignatureScheme::Ecdsa, Some(SignatureDigest::Sha512)),
    ("1.3.101.112", SignatureScheme::Ed25519, None),
];
