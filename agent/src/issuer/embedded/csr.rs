//! Signing requests (PKCS #10, RFC 2986): those the agent makes, and those it judges.
//!
//! A request is a claim by whoever holds a key. The signer takes the key and nothing else: names,
//! usages and lifetime come from the signer's own plan. A request that asks for more than the plan
//! is not quietly trimmed but refused, because asking is itself the news, and the refusal carries
//! the evidence for the journal.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{CertificateParams, KeyUsagePurpose, SanType};
use rolecall::key::DigestAlgorithm;
use rolecall::name::{DnsName, Fqdn};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ExtensionRequest;
use x509_parser::extensions::{GeneralName, KeyUsage, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{OID_PKCS9_EMAIL_ADDRESS, Oid};
use x509_parser::x509::X509Name;

use super::keys::{self, PrivateKey, sha256};
use super::public_key::{SubjectKey, UnacceptableKey};
use super::signature::{self, Unverified};
use super::subject::{InvalidSubject, Purpose, Subject};

/// Makes the agent's own signing request, in DER.
///
/// The signature's digest is the nearest to `digest` that the key can make
/// ([`PrivateKey::digest_for`]).
///
/// # Errors
/// The subject may not fit, or the key may not sign.
pub fn create_csr(
    key: &PrivateKey,
    subject: &Subject,
    names: &[DnsName],
    digest: DigestAlgorithm,
    purposes: &[Purpose],
) -> Result<Vec<u8>, CsrError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject.distinguished_name()?;
    params.subject_alt_names = names.iter().map(dns_san).collect();
    params.extended_key_usages = purposes.iter().map(|purpose| purpose.to_rcgen()).collect();
    params.key_usages = key_usages(key.algorithm().is_rsa());

    let request = params.serialize_request(&key.signing_key(digest)?)?;
    Ok(request.der().to_vec())
}

/// What a request may name without being refused: the planned names of its order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AllowedNames {
    /// The planned DNS names.
    pub dns_names: BTreeSet<DnsName>,
    /// The planned addresses: empty unless the role says so.
    pub addresses: BTreeSet<IpAddr>,
}

/// What is taken from a request: its public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsrFacts {
    /// The public key as a `SubjectPublicKeyInfo` in DER.
    pub spki_der: Vec<u8>,
    /// The SHA-256 of it.
    pub spki_sha256: [u8; 32],
    /// Its kind and size.
    pub key: SubjectKey,
}

/// Judges a request and takes the public key from it.
///
/// The key is judged before anything computes with it, the signature before anything is believed.
///
/// # Errors
/// The refusal, with its evidence, is fit for a journal.
pub fn check_csr(der: &[u8], allowed: &AllowedNames) -> Result<CsrFacts, CsrRefusal> {
    check_own_csr(der, allowed, |_spki_sha256| false)
}

/// Judges a request as [`check_csr`] does, but for its signature where `holds_key`, asked with the
/// SHA-256 of the public key, knows that its private key is in our own hands: that is all the
/// signature could prove (RFC 2986 §3).
///
/// # Errors
/// As [`check_csr`].
pub fn check_own_csr(
    der: &[u8],
    allowed: &AllowedNames,
    holds_key: impl FnOnce(&[u8; 32]) -> bool,
) -> Result<CsrFacts, CsrRefusal> {
    if der.len() > MAX_CSR_LEN {
        return Err(CsrRefusal::TooLarge { len: der.len() });
    }
    let (rest, request) =
        X509CertificationRequest::from_der(der).ok().ok_or(CsrRefusal::Malformed)?;
    if !rest.is_empty() {
        return Err(CsrRefusal::TrailingBytes { len: rest.len() });
    }

    let info = &request.certification_request_info;
    let key = SubjectKey::inspect(&info.subject_pki)?;
    let spki_der = info.subject_pki.raw.to_vec();
    let spki_sha256 = sha256(&spki_der);
    if !holds_key(&spki_sha256) {
        signature::verify(
            &info.subject_pki,
            &request.signature_algorithm,
            info.raw,
            &request.signature_value.data,
        )?;
    }
    check_subject(&info.subject, allowed)?;
    check_attributes(info.raw, allowed)?;

    Ok(CsrFacts { spki_sha256, spki_der, key })
}

/// Why a request is refused. Texts from the request are escaped and cut.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrRefusal {
    /// The request wants to be a CA (basic constraints, RFC 5280 §4.2.1.9).
    #[error("the request asks to become a certification authority (CA:TRUE)")]
    AsksForCa,
    /// The request wants to sign certificates or lists (RFC 5280 §4.2.1.3).
    #[error("the request asks for the key usage {usage}, which only an authority has")]
    AsksForCaKeyUsage {
        /// `keyCertSign` or `cRLSign`.
        usage: &'static str,
    },
    /// The request carries a Windows security identifier.
    #[error("the request carries a security identifier (extension 1.3.6.1.4.1.311.25.2)")]
    CarriesSecurityIdentifier,
    /// The request names an account of Active Directory.
    #[error("the request names a user principal (otherName 1.3.6.1.4.1.311.20.2.3)")]
    CarriesUserPrincipalName,
    /// The request names an address that its order does not.
    #[error("the request names the address {address}, which its order does not")]
    ForeignAddress {
        /// The address, or its octets if it has no family.
        address: Box<str>,
    },
    /// The request has a kind of name that this CA never issues.
    #[error("the request has a {kind} `{value}`: only DNS names are issued")]
    ForbiddenNameKind {
        /// The kind, in the words of RFC 5280.
        kind: &'static str,
        /// The name, or its type where it has no text.
        value: Box<str>,
    },
    /// The request names a host that its order does not.
    #[error("the request has the foreign name `{name}`, which its order does not have")]
    ForeignName {
        /// The name.
        name: Box<str>,
    },
    /// The bytes are no request.
    #[error("this is no signing request in DER")]
    Malformed,
    /// An extension that decides about names or power cannot be read.
    #[error("the requested extension {oid} is malformed")]
    MalformedExtension {
        /// The extension's object identifier.
        oid: Box<str>,
    },
    /// The request is larger than any honest one.
    #[error("the request has {len} bytes: at most {MAX_CSR_LEN} are read")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// Something follows the request.
    #[error("{len} bytes follow the request")]
    TrailingBytes {
        /// How many.
        len: usize,
    },
    /// The public key is not accepted.
    #[error("the request's key is not acceptable")]
    Key(#[from] UnacceptableKey),
    /// The requester did not show that it holds the private key.
    #[error("the request's own signature does not count")]
    Unverified(#[from] Unverified),
}

/// Why no request was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// The key does not sign.
    #[error("the key cannot sign the request")]
    Key(#[from] keys::Error),
    /// The signature failed.
    #[error("the request could not be signed")]
    NotSigned(#[from] rcgen::Error),
    /// The subject fits into no request.
    #[error("the subject fits into no request")]
    Subject(#[from] InvalidSubject),
}

pub(super) fn dns_san(name: &DnsName) -> SanType {
    SanType::DnsName(name.as_str().try_into().expect("a DnsName is ASCII"))
}

/// RFC 5280 §4.2.1.3; keyEncipherment is for RSA key exchange alone.
pub(super) fn key_usages(is_rsa: bool) -> Vec<KeyUsagePurpose> {
    let mut usages = vec![KeyUsagePurpose::DigitalSignature];
    if is_rsa {
        usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    usages
}

fn check_subject(subject: &X509Name<'_>, allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    if let Some(email) = subject.iter_by_oid(&OID_PKCS9_EMAIL_ADDRESS).next() {
        let value = email.as_str().unwrap_or_default();
        return Err(forbidden("emailAddress", value));
    }
    // A common name that is no host name claims nothing, and is not taken over.
    subject
        .iter_common_name()
        .filter_map(|attribute| attribute.as_str().ok())
        .filter(|value| value.parse::<Fqdn>().is_ok())
        .try_for_each(|value| check_dns_name(value, allowed))
}

/// Judges every extension of every value of every attribute that requests extensions.
///
/// The attributes are walked here, not by the parser: it reads the first value of the first
/// attribute alone and does not show the values of Microsoft's older attribute.
fn check_attributes(info: &[u8], allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    let (_, info) = Any::from_der(info).ok().ok_or(CsrRefusal::Malformed)?;
    // Version, subject and public key precede the attributes (RFC 2986 §4.1).
    let fields = elements(info.data).ok_or(CsrRefusal::Malformed)?;
    for attributes in fields.get(3..).unwrap_or_default() {
        for attribute in elements(attributes.data).ok_or(CsrRefusal::Malformed)? {
            check_attribute(attribute.data, allowed)?;
        }
    }
    Ok(())
}

fn check_attribute(attribute: &[u8], allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    let (values, oid) = Oid::from_der(attribute).ok().ok_or(CsrRefusal::Malformed)?;
    let oid = oid.to_id_string();
    if oid != EXTENSION_REQUEST && oid != MICROSOFT_EXTENSION_REQUEST {
        return Ok(());
    }
    for set in elements(values).ok_or(CsrRefusal::Malformed)? {
        let mut rest = set.data;
        while !rest.is_empty() {
            let (tail, request) = ExtensionRequest::from_der(rest)
                .ok()
                .ok_or_else(|| CsrRefusal::MalformedExtension { oid: oid.as_str().into() })?;
            request.extensions.iter().try_for_each(|it| check_extension(it, allowed))?;
            rest = tail;
        }
    }
    Ok(())
}

fn elements(mut rest: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (tail, element) = Any::from_der(rest).ok()?;
        elements.push(element);
        rest = tail;
    }
    Some(elements)
}

fn check_extension(
    extension: &X509Extension<'_>,
    allowed: &AllowedNames,
) -> Result<(), CsrRefusal> {
    let oid = extension.oid.to_id_string();
    if oid == SECURITY_IDENTIFIER {
        return Err(CsrRefusal::CarriesSecurityIdentifier);
    }
    let parsed = extension.parsed_extension();
    if let ParsedExtension::BasicConstraints(constraints) = parsed {
        if constraints.ca { Err(CsrRefusal::AsksForCa) } else { Ok(()) }
    } else if let ParsedExtension::KeyUsage(usage) = parsed {
        check_key_usage(usage)
    } else if let ParsedExtension::SubjectAlternativeName(names) = parsed {
        names.general_names.iter().try_for_each(|name| check_general_name(name, allowed))
    } else if parsed.error().is_some() {
        Err(CsrRefusal::MalformedExtension { oid: oid.into() })
    } else {
        // Nothing else in a request changes what is issued.
        Ok(())
    }
}

fn check_key_usage(usage: &KeyUsage) -> Result<(), CsrRefusal> {
    if usage.key_cert_sign() {
        Err(CsrRefusal::AsksForCaKeyUsage { usage: "keyCertSign" })
    } else if usage.crl_sign() {
        Err(CsrRefusal::AsksForCaKeyUsage { usage: "cRLSign" })
    } else {
        Ok(())
    }
}

fn check_general_name(name: &GeneralName<'_>, allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    match name {
        GeneralName::DNSName(name) => check_dns_name(name, allowed),
        GeneralName::IPAddress(octets) => check_address(octets, allowed),
        GeneralName::OtherName(oid, _) if oid.to_id_string() == USER_PRINCIPAL_NAME => {
            Err(CsrRefusal::CarriesUserPrincipalName)
        }
        GeneralName::OtherName(oid, _) => Err(forbidden("otherName", &oid.to_id_string())),
        GeneralName::RFC822Name(value) => Err(forbidden("rfc822Name", value)),
        GeneralName::URI(value) => Err(forbidden("uniformResourceIdentifier", value)),
        GeneralName::DirectoryName(value) => Err(forbidden("directoryName", &value.to_string())),
        GeneralName::RegisteredID(oid) => Err(forbidden("registeredID", &oid.to_id_string())),
        GeneralName::X400Address(_) => Err(forbidden("x400Address", "")),
        GeneralName::EDIPartyName(_) => Err(forbidden("ediPartyName", "")),
        GeneralName::Invalid(tag, _) => Err(forbidden("malformed name", &tag.to_string())),
    }
}

fn check_dns_name(text: &str, allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    match text.parse::<DnsName>() {
        Ok(name) if allowed.dns_names.contains(&name) => Ok(()),
        Ok(_) | Err(_) => Err(CsrRefusal::ForeignName { name: evidence(text) }),
    }
}

fn check_address(octets: &[u8], allowed: &AllowedNames) -> Result<(), CsrRefusal> {
    let address = <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    match address {
        Ok(address) if allowed.addresses.contains(&address) => Ok(()),
        Ok(address) => Err(CsrRefusal::ForeignAddress { address: address.to_string().into() }),
        Err(_) => {
            Err(CsrRefusal::ForeignAddress { address: evidence(&rolecall::hex::lower(octets)) })
        }
    }
}

fn forbidden(kind: &'static str, value: &str) -> CsrRefusal {
    CsrRefusal::ForbiddenNameKind { kind, value: evidence(value) }
}

/// Makes foreign text fit for a journal: escaped, and no longer than a DNS name.
fn evidence(text: &str) -> Box<str> {
    text.chars().take(MAX_EVIDENCE_LEN).collect::<String>().escape_default().to_string().into()
}

/// Four times a request with an RSA-8192 key and fifty names.
const MAX_CSR_LEN: usize = 16 * 1024;
const MAX_EVIDENCE_LEN: usize = 253;
/// `extensionRequest` (RFC 2985 §5.4.2).
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";
/// The attribute in which older Windows programs put what they request.
const MICROSOFT_EXTENSION_REQUEST: &str = "1.3.6.1.4.1.311.2.1.14";
const SECURITY_IDENTIFIER: &str = "1.3.6.1.4.1.311.25.2";
const USER_PRINCIPAL_NAME: &str = "1.3.6.1.4.1.311.20.2.3";

#[cfg(test)]
mod tests;
