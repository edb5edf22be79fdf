//! Private keys while they are in memory.
//!
//! A [`PrivateKey`] is PKCS#8 DER that is cleared when it is dropped, together with what may be said
//! about it aloud: its algorithm and its public half. The invariant: no `Debug`, `Display` or error
//! of this module contains a byte of the private half. Sealing at rest is the store's work.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair,
};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm};
use rolecall::key::{DigestAlgorithm, KeyAlgorithm};
use rustls_pki_types::PrivatePkcs8KeyDer;
use zeroize::{Zeroize, Zeroizing};

/// A private key with its algorithm and its public half.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    algorithm: KeyAlgorithm,
    spki_der: Vec<u8>,
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// Blocks for as long as that takes: some 30 µs for P-256, a tenth of a second for RSA-2048, a
    /// second or more for RSA-4096. Call it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::NotGenerated`] when the cryptographic library fails, as it does without entropy.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let generated = match algorithm {
            KeyAlgorithm::Rsa2048 => generate_rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => generate_rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => generate_rsa(KeySize::Rsa4096),
            KeyAlgorithm::EcdsaP256 => generate_ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP384 => generate_ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP521 => generate_ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        };
        let (pkcs8, spki_der) = generated.ok_or(Error::NotGenerated { algorithm })?;

        Ok(Self { pkcs8, algorithm, spki_der })
    }

    /// Takes a key from its PKCS#8 form (RFC 5958).
    ///
    /// # Errors
    /// The bytes may be no PKCS#8, or a key of a kind that no new key may have.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::try_from(der).ok().ok_or(Error::Malformed)?;
        let (algorithm, spki_der) = match info.algorithm.oid {
            RSA_ENCRYPTION => rsa_public_half(der)?,
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().ok().ok_or(Error::Malformed)?;
                ecdsa_public_half(curve, der)?
            }
            oid => return Err(Error::UnknownAlgorithm { oid: oid.to_string().into() }),
        };

        Ok(Self { pkcs8: Zeroizing::new(der.to_vec()), algorithm, spki_der })
    }

    /// Returns the PKCS#8 form. It is secret: seal it or clear it.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Returns the algorithm and size.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns the public half as a `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1.2.7).
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Returns the SHA-256 of [`spki_der`](Self::spki_der): the key's public name.
    pub fn spki_sha256(&self) -> [u8; 32] {
        sha256(&self.spki_der)
    }

    /// Returns the key ready to sign, with the digest nearest to `asked`.
    ///
    /// See [`digest_for`](Self::digest_for) for which digest that is.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the cryptographic library does not take the key.
    pub fn signing_key(&self, asked: DigestAlgorithm) -> Result<SigningKey, Error> {
        KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(self.pkcs8()),
            signature_algorithm(self.algorithm, asked),
        )
        .map(SigningKey)
        .map_err(|source| Error::Rejected { algorithm: self.algorithm, source })
    }

    /// Returns the digest that signatures of this key use when `asked` is wanted.
    ///
    /// RSA and P-521 sign with any; P-256 signs with SHA-256 and P-384 with SHA-384, whatever was
    /// asked, as RFC 5656 §6.2.1 and the curve's own strength suggest.
    pub const fn digest_for(&self, asked: DigestAlgorithm) -> DigestAlgorithm {
        digest_for(self.algorithm, asked)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A key ready to sign for rcgen, whose copy of the secret is cleared when it is dropped.
pub struct SigningKey(KeyPair);

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").finish()
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no PKCS#8 private key.
    #[error("this is no private key in PKCS#8")]
    Malformed,
    /// The cryptographic library made no key.
    #[error("a {algorithm} key could not be made")]
    NotGenerated {
        /// What was asked for.
        algorithm: KeyAlgorithm,
    },
    /// The cryptographic library does not take the key.
    #[error("the {algorithm} key was rejected")]
    Rejected {
        /// What the key says it is.
        algorithm: KeyAlgorithm,
        /// What the library said.
        source: rcgen::Error,
    },
    /// The key is of a kind that no key of ours has.
    #[error("keys of algorithm {oid} are not supported")]
    UnknownAlgorithm {
        /// The algorithm's or the curve's object identifier.
        oid: Box<str>,
    },
    /// The modulus has a size that no key of ours has.
    #[error("an RSA key of {bits} bits is not supported: 2048, 3072 or 4096 are")]
    UnknownRsaSize {
        /// The size of the modulus.
        bits: usize,
    },
}

type Halves = (Zeroizing<Vec<u8>>, Vec<u8>);

fn generate_rsa(size: KeySize) -> Option<Halves> {
    let pair = RsaKeyPair::generate(size).ok()?;
    let pkcs8 = pair.as_der().ok()?;
    let spki = pair.public_key().as_der().ok()?;
    Some((Zeroizing::new(pkcs8.as_ref().to_vec()), spki.as_ref().to_vec()))
}

fn generate_ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Option<Halves> {
    let pair = EcdsaKeyPair::generate(algorithm).ok()?;
    let pkcs8 = pair.to_pkcs8v1().ok()?;
    let spki = pair.public_key().as_der().ok()?;
    Some((Zeroizing::new(pkcs8.as_ref().to_vec()), spki.as_ref().to_vec()))
}

fn rsa_public_half(pkcs8: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), Error> {
    let pair = RsaKeyPair::from_pkcs8(pkcs8).ok().ok_or(Error::Malformed)?;
    let algorithm = match pair.public_modulus_len().saturating_mul(8) {
        2_048 => KeyAlgorithm::Rsa2048,
        3_072 => KeyAlgorithm::Rsa3072,
        4_096 => KeyAlgorithm::Rsa4096,
        bits => return Err(Error::UnknownRsaSize { bits }),
    };
    let spki = pair.public_key().as_der().ok().ok_or(Error::Malformed)?;
    Ok((algorithm, spki.as_ref().to_vec()))
}

fn ecdsa_public_half(
    curve: ObjectIdentifier,
    pkcs8: &[u8],
) -> Result<(KeyAlgorithm, Vec<u8>), Error> {
    let (algorithm, signing) = match curve {
        SECP256R1 => (KeyAlgorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        SECP384R1 => (KeyAlgorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        SECP521R1 => (KeyAlgorithm::EcdsaP521, &ECDSA_P521_SHA512_ASN1_SIGNING),
        oid => return Err(Error::UnknownAlgorithm { oid: oid.to_string().into() }),
    };
    let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8).ok().ok_or(Error::Malformed)?;
    let spki = pair.public_key().as_der().ok().ok_or(Error::Malformed)?;
    Ok((algorithm, spki.as_ref().to_vec()))
}

pub(super) const fn digest_for(algorithm: KeyAlgorithm, asked: DigestAlgorithm) -> DigestAlgorithm {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => DigestAlgorithm::Sha256,
        KeyAlgorithm::EcdsaP384 => DigestAlgorithm::Sha384,
        KeyAlgorithm::EcdsaP521
        | KeyAlgorithm::Rsa2048
        | KeyAlgorithm::Rsa3072
        | KeyAlgorithm::Rsa4096 => asked,
    }
}

fn signature_algorithm(
    algorithm: KeyAlgorithm,
    asked: DigestAlgorithm,
) -> &'static SignatureAlgorithm {
    match (algorithm, asked) {
        (KeyAlgorithm::EcdsaP256, _) => &rcgen::PKCS_ECDSA_P256_SHA256,
        (KeyAlgorithm::EcdsaP384, _) => &rcgen::PKCS_ECDSA_P384_SHA384,
        (KeyAlgorithm::EcdsaP521, DigestAlgorithm::Sha256) => &rcgen::PKCS_ECDSA_P521_SHA256,
        (KeyAlgorithm::EcdsaP521, DigestAlgorithm::Sha384) => &rcgen::PKCS_ECDSA_P521_SHA384,
        (KeyAlgorithm::EcdsaP521, DigestAlgorithm::Sha512) => &rcgen::PKCS_ECDSA_P521_SHA512,
        (
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096,
            DigestAlgorithm::Sha256,
        ) => &rcgen::PKCS_RSA_SHA256,
        (
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096,
            DigestAlgorithm::Sha384,
        ) => &rcgen::PKCS_RSA_SHA384,
        (
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096,
            DigestAlgorithm::Sha512,
        ) => &rcgen::PKCS_RSA_SHA512,
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_own_pkcs8() {
        for algorithm in KeyAlgorithm::ALL.into_iter().filter(|it| *it != KeyAlgorithm::Rsa4096) {
            let key = PrivateKey::generate(algorithm).unwrap();
            let again = PrivateKey::from_pkcs8(key.pkcs8()).unwrap();
            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.spki_der(), key.spki_der(), "{algorithm}");
            let signing = key.signing_key(DigestAlgorithm::Sha256).unwrap();
            assert_eq!(signing.subject_public_key_info(), key.spki_der(), "{algorithm}");
        }
    }

    #[test]
    fn what_is_no_key_of_ours_is_refused() {
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let refusal = PrivateKey::from_pkcs8(ed25519.serialized_der()).unwrap_err();
        assert_eq!(refusal.to_string(), "keys of algorithm 1.3.101.112 are not supported");

        let mut trailing = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap().pkcs8().to_vec();
        trailing.push(0);
        assert!(matches!(PrivateKey::from_pkcs8(&trailing), Err(Error::Malformed)));
        assert!(matches!(PrivateKey::from_pkcs8(b""), Err(Error::Malformed)));
    }

    #[test]
    fn debug_output_shows_the_algorithm_and_nothing_of_the_key() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { algorithm: EcdsaP256, .. }");
        let signing = key.signing_key(DigestAlgorithm::Sha256).unwrap();
        assert_eq!(format!("{signing:?}"), "SigningKey");
    }
}
