//! The key in a certificate: any algorithm may be met, few are good.

use std::fmt;
use std::ops::Range;

use x509_parser::x509::SubjectPublicKeyInfo;

use super::{der, digits};

/// The key that a certificate certifies.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PublicKey {
    algorithm: PublicKeyAlgorithm,
    spki: Box<[u8]>,
    spki_sha256: [u8; 32],
    algorithm_id: Range<usize>,
    bits: Box<[u8]>,
}

impl PublicKey {
    pub(super) fn new(spki: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let raw = spki.raw;
        let outer = der::element(raw, 0..raw.len()).ok()?;
        let algorithm_id = der::element(raw, outer.contents).ok()?.contents;
        Some(Self {
            algorithm: algorithm(spki),
            spki: raw.into(),
            spki_sha256: digits::sha256(raw),
            algorithm_id,
            bits: spki.subject_public_key.data.as_ref().into(),
        })
    }

    /// Returns the algorithm and size.
    pub fn algorithm(&self) -> &PublicKeyAlgorithm {
        &self.algorithm
    }

    /// Returns the `SubjectPublicKeyInfo` in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the SHA-256 of the `SubjectPublicKeyInfo`: what keys are found by.
    pub fn spki_sha256(&self) -> &[u8; 32] {
        &self.spki_sha256
    }

    /// Returns the contents of the `AlgorithmIdentifier`.
    pub(super) fn algorithm_id(&self) -> &[u8] {
        self.spki.get(self.algorithm_id.clone()).expect("the range was found in these bytes")
    }

    /// Returns the key itself, as the bit string holds it.
    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm, crate::hex::lower(&self.spki_sha256))
    }
}

/// The algorithm and size of a key that was met.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum PublicKeyAlgorithm {
    /// RSA.
    Rsa {
        /// The length of the modulus in bits.
        bits: usize,
    },
    /// ECDSA.
    Ecdsa {
        /// The curve.
        curve: Curve,
    },
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Anything else, by its object identifier.
    Other(Box<str>),
}

impl fmt::Display for PublicKeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
            Self::Ecdsa { curve } => curve.fmt(f),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Other(oid) => write!(f, "key algorithm {oid}"),
        }
    }
}

/// An elliptic curve that was met.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Anything else, by its object identifier.
    Other(Box<str>),
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("p-256"),
            Self::P384 => f.write_str("p-384"),
            Self::P521 => f.write_str("p-521"),
            Self::Other(oid) => write!(f, "curve {oid}"),
        }
    }
}

fn algorithm(spki: &SubjectPublicKeyInfo<'_>) -> PublicKeyAlgorithm {
    let oid = spki.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        RSA => match rsa_bits(&spki.subject_public_key.data) {
            Some(bits) => PublicKeyAlgorithm::Rsa { bits },
            None => PublicKeyAlgorithm::Other(oid.into()),
        },
        EC => PublicKeyAlgorithm::Ecdsa { curve: curve(spki) },
        ED25519 => PublicKeyAlgorithm::Ed25519,
        _ => PublicKeyAlgorithm::Other(oid.into()),
    }
}

fn curve(spki: &SubjectPublicKeyInfo<'_>) -> Curve {
    let named = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    match named.map(|oid| oid.to_id_string()) {
        Some(oid) => match oid.as_str() {
            "1.2.840.10045.3.1.7" => Curve::P256,
            "1.3.132.0.34" => Curve::P384,
            "1.3.132.0.35" => Curve::P521,
            _ => Curve::Other(oid.into()),
        },
        None => Curve::Other("with explicit parameters".into()),
    }
}

/// Counts the bits of the modulus: the first INTEGER of `RSAPublicKey` (RFC 8017 A.1.1).
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let outer = der::element(key, 0..key.len()).ok()?;
    let modulus = der::element(key, outer.contents).ok()?;
    let octets = key.get(modulus.contents)?;
    let start = octets.iter().position(|octet| *octet != 0)?;
    let significant = octets.get(start..)?;
    let leading = usize::try_from(significant.first()?.leading_zeros()).ok()?;
    Some(significant.len() * 8 - leading)
}

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
