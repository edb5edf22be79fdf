//! Public keys that strangers bring, judged before anything computes with them.
//!
//! The bounds are those of `security.md` §10 and the rulings of `domain.md`: RSA of 2,048 to 8,192
//! bits, ECDSA over P-256, P-384 or P-521 with an uncompressed point.

use std::fmt;

use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, Oid,
};
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

/// The kind and size of a subject's public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubjectKey {
    /// ECDSA over P-256.
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// RSA.
    Rsa {
        /// The size of the modulus.
        bits: usize,
    },
}

impl SubjectKey {
    /// Judges a public key.
    pub(super) fn inspect(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, UnacceptableKey> {
        let algorithm = &spki.algorithm.algorithm;
        if *algorithm == OID_PKCS1_RSAENCRYPTION {
            match spki.parsed() {
                Ok(PublicKey::RSA(key)) => inspect_rsa(&key),
                Ok(_) | Err(_) => Err(UnacceptableKey::Malformed),
            }
        } else if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            inspect_ecdsa(spki)
        } else {
            Err(UnacceptableKey::UnknownAlgorithm { oid: algorithm.to_id_string().into() })
        }
    }

    /// Returns whether this is RSA.
    pub const fn is_rsa(self) -> bool {
        match self {
            Self::Rsa { .. } => true,
            Self::EcdsaP256 | Self::EcdsaP384 | Self::EcdsaP521 => false,
        }
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("p-256"),
            Self::EcdsaP384 => f.write_str("p-384"),
            Self::EcdsaP521 => f.write_str("p-521"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
        }
    }
}

/// Why no certificate is given for a public key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnacceptableKey {
    /// The key contradicts its own algorithm.
    #[error("the public key is malformed")]
    Malformed,
    /// The modulus is larger than anything sensible, and expensive on purpose.
    #[error("an RSA key of {bits} bits is too large: at most {MAX_RSA_BITS} are accepted")]
    RsaTooLarge {
        /// The size of the modulus.
        bits: usize,
    },
    /// The modulus can be factored.
    #[error("an RSA key of {bits} bits is too small: at least {MIN_RSA_BITS} are needed")]
    RsaTooSmall {
        /// The size of the modulus.
        bits: usize,
    },
    /// The algorithm is neither RSA nor ECDSA.
    #[error("public keys of algorithm {oid} are not accepted: RSA and ECDSA are")]
    UnknownAlgorithm {
        /// The algorithm's object identifier.
        oid: Box<str>,
    },
    /// The curve is not P-256, P-384 or P-521.
    #[error("the curve {oid} is not accepted: P-256, P-384 and P-521 are")]
    UnknownCurve {
        /// The curve's object identifier, or `spelled out`.
        oid: Box<str>,
    },
}

fn inspect_rsa(key: &RSAPublicKey<'_>) -> Result<SubjectKey, UnacceptableKey> {
    let mut modulus = key.modulus.iter().skip_while(|octet| **octet == 0);
    let leading = modulus.next().map_or(0, |first| 8 - first.leading_zeros());
    let leading = usize::try_from(leading).ok().ok_or(UnacceptableKey::Malformed)?;
    let bits = modulus.count().saturating_mul(8).saturating_add(leading);

    if bits < MIN_RSA_BITS {
        Err(UnacceptableKey::RsaTooSmall { bits })
    } else if bits > MAX_RSA_BITS {
        Err(UnacceptableKey::RsaTooLarge { bits })
    } else {
        Ok(SubjectKey::Rsa { bits })
    }
}

fn inspect_ecdsa(spki: &SubjectPublicKeyInfo<'_>) -> Result<SubjectKey, UnacceptableKey> {
    let curve =
        curve(spki).ok_or_else(|| UnacceptableKey::UnknownCurve { oid: "spelled out".into() })?;
    let (key, field_octets) = if curve == OID_EC_P256 {
        (SubjectKey::EcdsaP256, 32)
    } else if curve == OID_NIST_EC_P384 {
        (SubjectKey::EcdsaP384, 48)
    } else if curve == OID_NIST_EC_P521 {
        (SubjectKey::EcdsaP521, 66)
    } else {
        return Err(UnacceptableKey::UnknownCurve { oid: curve.to_id_string().into() });
    };

    match spki.subject_public_key.data.as_ref() {
        [UNCOMPRESSED, point @ ..] if point.len() == 2 * field_octets => Ok(key),
        _ => Err(UnacceptableKey::Malformed),
    }
}

pub(super) fn curve(spki: &SubjectPublicKeyInfo<'_>) -> Option<Oid<'static>> {
    Some(spki.algorithm.parameters.as_ref()?.as_oid().ok()?.to_owned())
}

/// SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;
/// `domain.md`, rulings: 1024 is refused for new keys.
const MIN_RSA_BITS: usize = 2_048;
/// `security.md` §10.
const MAX_RSA_BITS: usize = 8_192;
