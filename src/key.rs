//! Keys and digests: what may be asked for, and how a key is named.
//!
//! A [`KeyAlgorithm`] is one that new keys may have; keys met in imported certificates can be
//! anything and are described by [`crate::certificate::PublicKey`]. No private key material ever
//! passes through this crate.

use std::fmt;
use std::str::FromStr;

use crate::suggest::nearest;

/// The algorithm and size of a new key.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of 2,048 bits: the wizard's default.
    #[default]
    Rsa2048,
    /// RSA with a modulus of 3,072 bits.
    Rsa3072,
    /// RSA with a modulus of 4,096 bits.
    Rsa4096,
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
}

impl KeyAlgorithm {
    /// Every algorithm a new key may have, in the order help texts show them.
    pub const ALL: [Self; 6] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
    ];

    /// Returns the name used on the command line, on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::EcdsaP256 => "p-256",
            Self::EcdsaP384 => "p-384",
            Self::EcdsaP521 => "p-521",
        }
    }

    /// Returns whether this is RSA.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// Returns the size in bits: of the modulus, or of the curve's field.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Rsa2048 => 2_048,
            Self::Rsa3072 => 3_072,
            Self::Rsa4096 => 4_096,
            Self::EcdsaP256 => 256,
            Self::EcdsaP384 => 384,
            Self::EcdsaP521 => 521,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = InvalidKeyAlgorithm;

    /// Parses `rsa-2048`, `p-256` and the like, and the names `Request-CsCertificate` knows
    /// (`ECDH_P256`, or a bare number of bits).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folded: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect();
        let folded = folded.trim_start_matches("ecdh").trim_start_matches("ecdsa");
        match folded {
            "rsa" | "rsa2048" | "2048" => Ok(Self::Rsa2048),
            "rsa3072" | "3072" => Ok(Self::Rsa3072),
            "rsa4096" | "4096" => Ok(Self::Rsa4096),
            "p256" | "secp256r1" | "prime256v1" => Ok(Self::EcdsaP256),
            "p384" | "secp384r1" => Ok(Self::EcdsaP384),
            "p521" | "secp521r1" => Ok(Self::EcdsaP521),
            "rsa1024" | "1024" | "rsa512" | "512" => {
                Err(InvalidKeyAlgorithm::TooSmall { text: text.into() })
            }
            _ => Err(InvalidKeyAlgorithm::Unknown {
                text: text.into(),
                nearest: nearest(text, Self::ALL.map(Self::as_str)),
            }),
        }
    }
}

/// Why a text names no [`KeyAlgorithm`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidKeyAlgorithm {
    /// RSA below 2,048 bits is refused for new keys.
    #[error("`{text}` is too small for a new key: RSA keys have 2048, 3072 or 4096 bits")]
    TooSmall {
        /// What was asked for.
        text: Box<str>,
    },
    /// The text is no algorithm.
    #[error(
        "`{text}` is not a key algorithm (rsa-2048, rsa-3072, rsa-4096, p-256, p-384, p-521){}",
        crate::suggest::did_you_mean(.nearest)
    )]
    Unknown {
        /// What was asked for.
        text: Box<str>,
        /// The nearest names.
        nearest: Vec<String>,
    },
}

/// The digest of a signature that may be asked for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DigestAlgorithm {
    /// SHA-256: the default.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// Every digest that may be asked for.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the name used on the command line, on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DigestAlgorithm {
    type Err = InvalidDigestAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().replace('-', "").as_str() {
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(InvalidDigestAlgorithm { text: text.into() }),
        }
    }
}

/// A text that names no [`DigestAlgorithm`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a digest that can be asked for (sha-256, sha-384, sha-512)")]
pub struct InvalidDigestAlgorithm {
    text: Box<str>,
}

/// The name of one private key: 16 random bytes, 32 hexadecimal digits as text.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// Names a key by bytes that the caller drew at random.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Returns the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write_lower(f, &self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::hex::decode(text).map(Self).ok_or(InvalidKeyId)
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key id has 32 hexadecimal digits")]
pub struct InvalidKeyId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_parsed_from_its_own_name() {
        for algorithm in KeyAlgorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        for digest in DigestAlgorithm::ALL {
            assert_eq!(digest.as_str().parse(), Ok(digest));
        }
    }

    #[test]
    fn the_cmdlets_names_are_accepted() {
        assert_eq!("ECDH_P256".parse(), Ok(KeyAlgorithm::EcdsaP256));
        assert_eq!("4096".parse(), Ok(KeyAlgorithm::Rsa4096));
        assert_eq!("RSA".parse(), Ok(KeyAlgorithm::Rsa2048));
    }

    #[test]
    fn a_key_of_1024_bits_is_refused_as_too_small() {
        let refusal = "1024".parse::<KeyAlgorithm>().unwrap_err();
        assert!(refusal.to_string().contains("too small"), "{refusal}");
    }
}
