//! Issuing: one planned profile and one bare public key become one certificate.
//!
//! Nothing of a request reaches this module but the key (`security.md` §8), and nothing leaves it
//! that a verifier would refuse for the issuing CA's sake: names are compared with its constraints
//! and the validity never outlives it.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{CertificateParams, IsCa, SanType, SubjectPublicKeyInfo};
use rolecall::key::DigestAlgorithm;
use rolecall::name::DnsName;
use rolecall::time::{Timestamp, Validity};
use x509_parser::asn1_rs::FromDer;

use super::authority::{IssuingCa, moment};
use super::csr::{dns_san, key_usages};
use super::public_key::{SubjectKey, UnacceptableKey};
use super::serial::SerialNumber;
use super::subject::{InvalidSubject, Purpose, Subject};

/// What a certificate shall say, as planned and, where needed, approved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The subject. May be empty; then the names are critical (RFC 5280 §4.2.1.6).
    pub subject: Subject,
    /// The DNS names. At least one name or address is needed.
    pub dns_names: Vec<DnsName>,
    /// The addresses, where the role has any.
    pub addresses: Vec<IpAddr>,
    /// What the certificate may be used for.
    pub purposes: Vec<Purpose>,
    /// The digest asked for; [`Issued::digest`] is the one given.
    pub digest: DigestAlgorithm,
    /// How long the certificate shall be valid.
    pub lifetime: Duration,
}

/// A certificate that was just signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issued {
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// The digest of its signature, which an ECDSA authority's curve decides.
    pub digest: DigestAlgorithm,
    /// Its validity, shorter than asked where the authority itself ends earlier.
    pub validity: Validity,
}

/// Issues a certificate for the public key in `spki_der`.
///
/// The validity begins [`CLOCK_SKEW`] before `now` and ends with the authority's own at the latest.
/// The same arguments give the same certificate but for the signature of an ECDSA authority.
///
/// # Errors
/// [`IssueError`] says what of the profile, the key or the authority stands in the way.
pub fn issue(
    authority: &IssuingCa,
    profile: &Profile,
    spki_der: &[u8],
    serial: SerialNumber,
    now: Timestamp,
) -> Result<Issued, IssueError> {
    check_names(authority, profile)?;
    let key = inspect(spki_der)?;
    let validity = validity(authority.validity(), profile.lifetime, now)?;
    let public_key =
        SubjectPublicKeyInfo::from_der(spki_der).ok().ok_or(UnacceptableKey::Malformed)?;

    let mut params = CertificateParams::default();
    params.not_before = moment(validity.not_before);
    params.not_after = moment(validity.not_after);
    params.serial_number = Some(serial.as_bytes().to_vec().into());
    params.distinguished_name = profile.subject.distinguished_name()?;
    params.subject_alt_names = profile.dns_names.iter().map(dns_san).collect();
    params.subject_alt_names.extend(profile.addresses.iter().copied().map(SanType::IpAddress));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = key_usages(key.is_rsa());
    params.extended_key_usages =
        profile.purposes.iter().map(|purpose| purpose.to_rcgen()).collect();
    params.crl_distribution_points = authority.distribution_points();
    params.custom_extensions = authority.information_access();
    params.use_authority_key_identifier_extension = true;

    let certificate = params.signed_by(&public_key, authority.issuer(profile.digest))?;
    Ok(Issued {
        certificate: certificate.der().to_vec(),
        digest: authority.digest_for(profile.digest),
        validity,
    })
}

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The authority's certificate has ended, or has less than a second left.
    #[error("the issuing authority's certificate ended at {not_after}")]
    AuthorityExpired {
        /// When it ended.
        not_after: Timestamp,
    },
    /// The authority's certificate is of the future: the clock is wrong, or was.
    #[error("the issuing authority's certificate is not valid before {not_before}")]
    AuthorityNotYetValid {
        /// When it begins.
        not_before: Timestamp,
    },
    /// The public key is not accepted.
    #[error("the public key is not acceptable")]
    Key(#[from] UnacceptableKey),
    /// The lifetime ends before it begins.
    #[error("a lifetime of {} s leaves the certificate no time to be valid", .lifetime.as_secs())]
    LifetimeTooShort {
        /// What was asked for.
        lifetime: Duration,
    },
    /// The profile names nothing.
    #[error("the profile has neither a DNS name nor an address")]
    NoNames,
    /// The signature failed.
    #[error("the certificate could not be signed")]
    NotSigned(#[from] rcgen::Error),
    /// The authority's own constraints forbid an address: every verifier would refuse it.
    #[error("the issuing authority's name constraints do not permit the address {address}")]
    OutsideConstraintsAddress {
        /// The address.
        address: IpAddr,
    },
    /// The authority's own constraints forbid a name: every verifier would refuse it.
    #[error("the issuing authority's name constraints do not permit `{name}`")]
    OutsideConstraints {
        /// The name.
        name: DnsName,
    },
    /// The subject fits into no certificate.
    #[error("the subject fits into no certificate")]
    Subject(#[from] InvalidSubject),
}

fn check_names(authority: &IssuingCa, profile: &Profile) -> Result<(), IssueError> {
    if profile.dns_names.is_empty() && profile.addresses.is_empty() {
        return Err(IssueError::NoNames);
    }
    let constraints = authority.constraints();
    if let Some(name) = profile.dns_names.iter().find(|name| !constraints.permits_name(name)) {
        return Err(IssueError::OutsideConstraints { name: name.clone() });
    }
    match profile.addresses.iter().find(|address| !constraints.permits_address(**address)) {
        Some(address) => Err(IssueError::OutsideConstraintsAddress { address: *address }),
        None => Ok(()),
    }
}

fn inspect(spki_der: &[u8]) -> Result<SubjectKey, UnacceptableKey> {
    match x509_parser::x509::SubjectPublicKeyInfo::from_der(spki_der) {
        Ok(([], spki)) => SubjectKey::inspect(&spki),
        Ok(_) | Err(_) => Err(UnacceptableKey::Malformed),
    }
}

fn validity(
    authority: Validity,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Validity, IssueError> {
    if now < authority.not_before {
        return Err(IssueError::AuthorityNotYetValid { not_before: authority.not_before });
    }
    if authority.not_after <= now {
        return Err(IssueError::AuthorityExpired { not_after: authority.not_after });
    }
    let not_before = backdated(now).max(authority.not_before);
    let not_after = (not_before + lifetime).whole_second().min(authority.not_after);
    if not_after <= now {
        return Err(IssueError::LifetimeTooShort { lifetime });
    }
    Ok(Validity { not_before, not_after })
}

/// Returns when a certificate signed at `now` begins.
pub(super) fn backdated(now: Timestamp) -> Timestamp {
    (now - CLOCK_SKEW).whole_second()
}

/// How long before its signature a certificate begins.
///
/// Servers and clients of one domain may be five minutes apart before Kerberos stops working, so a
/// larger difference is noticed elsewhere first; a certificate that begins in a peer's future is
/// refused without a word of explanation.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests;
