//! Signatures of requests and certificates, checked with the one cryptographic library.
//!
//! x509-parser's own check knows no P-521 and takes SHA-1; this table knows what a request or an
//! enterprise CA may carry today, and nothing else.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use rolecall::key::DigestAlgorithm;
use x509_parser::oid_registry::{
    OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512, OID_PKCS1_RSASSAPSS,
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512, Oid,
};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::public_key::{SubjectKey, UnacceptableKey};

/// Checks that the owner of `spki` signed `message`.
pub(super) fn verify(
    spki: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Unverified> {
    let key = SubjectKey::inspect(spki)?;
    let verification = verification_algorithm(key, algorithm).ok_or_else(|| {
        Unverified::UnknownAlgorithm { oid: algorithm.algorithm.to_id_string().into() }
    })?;

    UnparsedPublicKey::new(verification, &spki.subject_public_key.data)
        .verify(message, signature)
        .ok()
        .ok_or(Unverified::Mismatch)
}

/// Why a signature does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unverified {
    /// The key is not accepted in the first place.
    #[error("the signer's key is not acceptable")]
    Key(#[from] UnacceptableKey),
    /// The signature belongs to another key or another text.
    #[error("the signature does not match")]
    Mismatch,
    /// The algorithm is outdated, unknown, or of another kind than the key.
    #[error("signature algorithm {oid} is not accepted with this key")]
    UnknownAlgorithm {
        /// The algorithm's object identifier.
        oid: Box<str>,
    },
}

fn verification_algorithm(
    key: SubjectKey,
    algorithm: &AlgorithmIdentifier<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    if algorithm.algorithm == OID_PKCS1_RSASSAPSS {
        return key.is_rsa().then(|| pss_algorithm(algorithm)).flatten();
    }
    let (is_rsa, digest) = scheme(&algorithm.algorithm)?;
    (is_rsa == key.is_rsa()).then(|| algorithm_for(key, digest))
}

fn scheme(oid: &Oid<'_>) -> Option<(bool, DigestAlgorithm)> {
    [
        (OID_PKCS1_SHA256WITHRSA, true, DigestAlgorithm::Sha256),
        (OID_PKCS1_SHA384WITHRSA, true, DigestAlgorithm::Sha384),
        (OID_PKCS1_SHA512WITHRSA, true, DigestAlgorithm::Sha512),
        (OID_SIG_ECDSA_WITH_SHA256, false, DigestAlgorithm::Sha256),
        (OID_SIG_ECDSA_WITH_SHA384, false, DigestAlgorithm::Sha384),
        (OID_SIG_ECDSA_WITH_SHA512, false, DigestAlgorithm::Sha512),
    ]
    .into_iter()
    .find_map(|(known, is_rsa, digest)| (known == *oid).then_some((is_rsa, digest)))
}

fn algorithm_for(key: SubjectKey, digest: DigestAlgorithm) -> &'static dyn VerificationAlgorithm {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};

    match (key, digest) {
        (SubjectKey::EcdsaP256, Sha256) => &ECDSA_P256_SHA256_ASN1,
        (SubjectKey::EcdsaP256, Sha384) => &ECDSA_P256_SHA384_ASN1,
        (SubjectKey::EcdsaP256, Sha512) => &ECDSA_P256_SHA512_ASN1,
        (SubjectKey::EcdsaP384, Sha256) => &ECDSA_P384_SHA256_ASN1,
        (SubjectKey::EcdsaP384, Sha384) => &ECDSA_P384_SHA384_ASN1,
        (SubjectKey::EcdsaP384, Sha512) => &ECDSA_P384_SHA512_ASN1,
        (SubjectKey::EcdsaP521, Sha256) => &ECDSA_P521_SHA256_ASN1,
        (SubjectKey::EcdsaP521, Sha384) => &ECDSA_P521_SHA384_ASN1,
        (SubjectKey::EcdsaP521, Sha512) => &ECDSA_P521_SHA512_ASN1,
        (SubjectKey::Rsa { .. }, Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (SubjectKey::Rsa { .. }, Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (SubjectKey::Rsa { .. }, Sha512) => &RSA_PKCS1_2048_8192_SHA512,
    }
}

fn pss_algorithm(
    algorithm: &AlgorithmIdentifier<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let digest = parameters.hash_algorithm_oid();
    if *digest == OID_NIST_HASH_SHA256 {
        Some(&RSA_PSS_2048_8192_SHA256)
    } else if *digest == OID_NIST_HASH_SHA384 {
        Some(&RSA_PSS_2048_8192_SHA384)
    } else if *digest == OID_NIST_HASH_SHA512 {
        Some(&RSA_PSS_2048_8192_SHA512)
    } else {
        None
    }
}
