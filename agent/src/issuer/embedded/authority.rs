//! A CA of ours, ready to sign.
//!
//! [`IssuingCa`] is made once, when the agent starts or the CA is created, and holds everything that
//! parsing would give: the issuer's name, its key for each digest, its constraints, the URLs that
//! its certificates carry. Signing then costs little more than the signature. What is checked here
//! (the key belongs to the certificate, the certificate is a CA's, its subject can be reproduced
//! octet for octet) need not be checked again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CustomExtension, Issuer, KeyIdMethod,
};
use rolecall::key::{DigestAlgorithm, KeyAlgorithm};
use rolecall::time::{Timestamp, Validity};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::revocation_list::CertificateRevocationList;

use super::constraints::NameConstraints;
use super::keys::{self, PrivateKey, SigningKey, digest_for};
use super::publication::{AuthorityKeyId, PublicationUrl};

/// A certification authority with its key: the issuing CA, or a root that signs its own list.
#[derive(Debug)]
pub struct IssuingCa {
    certificate: Vec<u8>,
    algorithm: KeyAlgorithm,
    key_id: AuthorityKeyId,
    validity: Validity,
    constraints: NameConstraints,
    issuers: BTreeMap<DigestAlgorithm, Issuer<'static, SigningKey>>,
    distribution_points: Vec<CrlDistributionPoint>,
    information_access: Vec<CustomExtension>,
}

impl IssuingCa {
    /// Makes a CA from its key and its certificate in DER.
    ///
    /// Without a `publication` URL, what it signs names neither a revocation list nor the CA's
    /// certificate.
    ///
    /// # Errors
    /// [`InvalidAuthority`] says which of the two does not fit.
    pub fn new(
        key: &PrivateKey,
        certificate: Vec<u8>,
        publication: Option<&PublicationUrl>,
    ) -> Result<Self, InvalidAuthority> {
        let parsed = parse(&certificate)?;
        check_is_authority(&parsed)?;
        if parsed.public_key().raw != key.spki_der() {
            return Err(InvalidAuthority::OtherKey);
        }
        let key_id = key_id(&parsed).ok_or(InvalidAuthority::NoKeyId)?;
        let constraints =
            NameConstraints::of(&parsed).ok_or(InvalidAuthority::MalformedNameConstraints)?;
        let validity = validity(&parsed);
        let issuers = issuers(key, &certificate)?;
        for issuer in issuers.values().take(1) {
            check_subject_is_reproduced(issuer, parsed.subject().as_raw())?;
        }

        Ok(Self {
            algorithm: key.algorithm(),
            validity,
            constraints,
            issuers,
            distribution_points: publication
                .map(|url| url.distribution_point(&key_id))
                .into_iter()
                .collect(),
            information_access: publication
                .map(|url| url.information_access(&key_id))
                .into_iter()
                .collect(),
            key_id,
            certificate,
        })
    }

    /// Returns the CA's certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns the key id under which the CA's list and certificate are published.
    pub const fn key_id(&self) -> &AuthorityKeyId {
        &self.key_id
    }

    /// Returns the algorithm of the CA's key.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns when the CA may sign.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns what the CA may name.
    pub const fn constraints(&self) -> &NameConstraints {
        &self.constraints
    }

    /// Returns the digest with which the CA signs when `asked` is wanted.
    pub const fn digest_for(&self, asked: DigestAlgorithm) -> DigestAlgorithm {
        digest_for(self.algorithm, asked)
    }

    pub(super) fn issuer(&self, asked: DigestAlgorithm) -> &Issuer<'static, SigningKey> {
        self.issuers
            .get(&self.digest_for(asked))
            .expect("`new` makes an issuer for each digest that digest_for returns")
    }

    pub(super) fn distribution_points(&self) -> Vec<CrlDistributionPoint> {
        self.distribution_points.clone()
    }

    pub(super) fn information_access(&self) -> Vec<CustomExtension> {
        self.information_access.clone()
    }

    pub(super) fn key_id_method(&self) -> KeyIdMethod {
        KeyIdMethod::PreSpecified(self.key_id.as_bytes().to_vec())
    }
}

/// Why a key and a certificate are no CA.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthority {
    /// The key does not sign.
    #[error("the authority's key cannot sign")]
    Key(#[from] keys::Error),
    /// The bytes are no certificate.
    #[error("the authority's certificate cannot be read")]
    Malformed,
    /// The certificate's name constraints cannot be read, so they cannot be kept.
    #[error("the authority's name constraints cannot be read")]
    MalformedNameConstraints,
    /// The certificate has no subject key identifier (RFC 5280 §4.2.1.2 demands one).
    #[error("the authority's certificate has no subject key identifier")]
    NoKeyId,
    /// The certificate is not a CA's.
    #[error("the certificate is not an authority's: {missing} is missing")]
    NotAnAuthority {
        /// What an authority's certificate has.
        missing: &'static str,
    },
    /// The certificate belongs to another key.
    #[error("the authority's certificate belongs to another key")]
    OtherKey,
    /// The subject could not be repeated octet for octet as the issuer of what the CA signs.
    #[error(
        "the authority's subject has repeated or combined attributes; have the certificate issued \
         again with the subject of the request"
    )]
    SubjectNotReproducible,
}

pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InvalidAuthority> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(InvalidAuthority::Malformed),
    }
}

pub(super) fn check_is_authority(
    certificate: &X509Certificate<'_>,
) -> Result<(), InvalidAuthority> {
    let missing = |missing| InvalidAuthority::NotAnAuthority { missing };
    if !certificate.is_ca() {
        return Err(missing("CA:TRUE"));
    }
    // RFC 5280 §4.2.1.3: without the extension every usage is allowed.
    let usage = certificate.key_usage().ok().ok_or(InvalidAuthority::Malformed)?;
    match usage.map(|extension| extension.value) {
        Some(usage) if !usage.key_cert_sign() => Err(missing("keyCertSign")),
        Some(usage) if !usage.crl_sign() => Err(missing("cRLSign")),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn validity(certificate: &X509Certificate<'_>) -> Validity {
    Validity {
        not_before: Timestamp::from_seconds(certificate.validity().not_before.timestamp()),
        not_after: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
    }
}

pub(super) fn key_id(certificate: &X509Certificate<'_>) -> Option<AuthorityKeyId> {
    certificate.iter_extensions().find_map(|extension| {
        let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() else {
            return None;
        };
        Some(AuthorityKeyId::new(id.0))
    })
}

/// Returns the moment for rcgen. Moments that no certificate can carry become its last.
pub(super) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_seconds().clamp(0, END_OF_TIME))
        .expect("the seconds of the years 1970 to 9999 are a moment")
}

fn issuers(
    key: &PrivateKey,
    certificate: &[u8],
) -> Result<BTreeMap<DigestAlgorithm, Issuer<'static, SigningKey>>, InvalidAuthority> {
    let digests: BTreeSet<_> =
        DigestAlgorithm::ALL.into_iter().map(|asked| key.digest_for(asked)).collect();
    digests
        .into_iter()
        .map(|digest| {
            let signing = key.signing_key(digest)?;
            let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(certificate), signing)
                .ok()
                .ok_or(InvalidAuthority::SubjectNotReproducible)?;
            Ok((digest, issuer))
        })
        .collect()
}

/// rcgen keeps a name as a map from attribute to value, which loses the second `DC` of two. What it
/// writes as the issuer is therefore compared once with the subject: chains are built by comparing
/// exactly these octets (RFC 5280 §7.1).
fn check_subject_is_reproduced(
    issuer: &Issuer<'_, SigningKey>,
    subject: &[u8],
) -> Result<(), InvalidAuthority> {
    let list = CertificateRevocationListParams {
        this_update: moment(Timestamp::EPOCH),
        next_update: moment(Timestamp::EPOCH + Duration::from_secs(1)),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::PreSpecified(Vec::new()),
    }
    .signed_by(issuer)
    .ok()
    .ok_or(InvalidAuthority::SubjectNotReproducible)?;

    match CertificateRevocationList::from_der(list.der()) {
        Ok((_, list)) if list.issuer().as_raw() == subject => Ok(()),
        Ok(_) | Err(_) => Err(InvalidAuthority::SubjectNotReproducible),
    }
}

/// 9999-12-31T23:59:59Z, the last moment of RFC 5280 §4.1.2.5.
const END_OF_TIME: i64 = 253_402_300_799;
