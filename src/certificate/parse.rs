//! From DER to [`Certificate`]: strict about what is read, silent about what is
//! not.
//!
//! An extension that Rolecall acts on must be well-formed and stand once (RFC 5280 §4.2); others
//! are passed over, and rustls-webpki refuses unknown critical ones when it gives its verdict.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::OnceLock;

use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};

use super::{
    Certificate, Contents, DistinguishedName, Extensions, Fingerprint, PublicKey, SerialNumber,
    SignatureAlgorithm, Signed, Thumbprint, der,
};
use crate::hex;
use crate::name::DnsName;
use crate::time::{Timestamp, Validity};

/// Why bytes are no [`Certificate`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// An extension stands twice.
    #[error("extension {oid} stands more than once")]
    DuplicateExtension {
        /// Its object identifier.
        oid: Box<str>,
    },
    /// There are no bytes.
    #[error("there are no bytes; a certificate in DER was expected")]
    Empty,
    /// An extension is not what RFC 5280 says.
    #[error("extension {oid} at byte {offset} cannot be read")]
    Extension {
        /// Its object identifier.
        oid: Box<str>,
        /// Where its value begins.
        offset: usize,
    },
    /// A part of the certificate is not what RFC 5280 §4.1 says.
    #[error("{part} cannot be read")]
    Part {
        /// The part.
        part: &'static str,
    },
    /// The bytes are PEM text.
    #[error("these bytes are PEM text; a certificate in DER was expected")]
    Pem,
    /// The bytes are not DER from some place on.
    #[error("at byte {offset} of {len}, {expected} was expected")]
    Structure {
        /// Where.
        offset: usize,
        /// How many bytes there are.
        len: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// There are more bytes than any certificate needs.
    #[error("the certificate has {len} bytes; at most {} are accepted", Certificate::MAX_LEN)]
    TooLarge {
        /// How many there are.
        len: usize,
    },
    /// Bytes follow the certificate.
    #[error("the certificate ends at byte {offset}, but {extra} more bytes follow")]
    TrailingBytes {
        /// Where the certificate ends.
        offset: usize,
        /// How many follow.
        extra: usize,
    },
}

pub(super) fn certificate(der: &[u8]) -> Result<Contents, InvalidCertificate> {
    let signed = signed_parts(der)?;
    let (_, parsed) =
        X509Certificate::from_der(der).map_err(|error| refusal(der, X509Error::from(error)))?;
    let tbs = &parsed.tbs_certificate;

    Ok(Contents {
        fingerprint: Fingerprint::of(der),
        thumbprint: Thumbprint::of(der),
        version: tbs.version().0.saturating_add(1),
        serial_number: SerialNumber::new(tbs.raw_serial()),
        subject: DistinguishedName::new(tbs.subject()),
        issuer: DistinguishedName::new(tbs.issuer()),
        validity: Validity {
            not_before: Timestamp::from_seconds(tbs.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(tbs.validity().not_after.timestamp()),
        },
        public_key: PublicKey::new(tbs.public_key())
            .ok_or(InvalidCertificate::Part { part: "the public key" })?,
        signature_algorithm: SignatureAlgorithm::new(&parsed.signature_algorithm),
        extensions: extensions(der, tbs.extensions())?,
        signed,
        self_signed: OnceLock::new(),
        der: der.into(),
    })
}

/// Checks the outermost structure, and finds what the signature is over.
fn signed_parts(der: &[u8]) -> Result<Signed, InvalidCertificate> {
    let len = der.len();
    if der.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Err(InvalidCertificate::Pem);
    }
    match der.first() {
        None => return Err(InvalidCertificate::Empty),
        Some(&der::SEQUENCE) => {}
        Some(_) => return Err(misplaced(len, 0, "a SEQUENCE (30)")),
    }
    let structure = |at: der::Misplaced| misplaced(len, at.offset, at.expected);
    let outer = der::element(der, 0..len).map_err(structure)?;
    if outer.whole.len() > Certificate::MAX_LEN {
        return Err(InvalidCertificate::TooLarge { len });
    }
    if outer.whole.end < len {
        let offset = outer.whole.end;
        return Err(InvalidCertificate::TrailingBytes { offset, extra: len - offset });
    }
    let parts = der::elements(der, outer.contents).map_err(structure)?;
    let [message, algorithm, signature] = parts.as_slice() else {
        return Err(misplaced(len, 0, "a SEQUENCE of three elements"));
    };
    for part in [message, algorithm] {
        if part.tag != der::SEQUENCE {
            return Err(misplaced(len, part.whole.start, "a SEQUENCE (30)"));
        }
    }
    let bits = signature.contents.clone();
    if signature.tag != der::BIT_STRING || der.get(bits.start) != Some(&0) || bits.is_empty() {
        let offset = signature.whole.start;
        return Err(misplaced(len, offset, "a BIT STRING (03) without unused bits"));
    }
    Ok(Signed {
        message: message.whole.clone(),
        algorithm: algorithm.contents.clone(),
        signature: Range { start: bits.start + 1, end: bits.end },
    })
}

fn misplaced(len: usize, offset: usize, expected: &'static str) -> InvalidCertificate {
    InvalidCertificate::Structure { offset, len, expected }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other errors name no part")]
/// Says where the parser stopped, if the encoding shows it; else which part it stopped in.
fn refusal(der: &[u8], error: X509Error) -> InvalidCertificate {
    if let Some(at) = der::first_misplaced(der) {
        return misplaced(der.len(), at.offset, at.expected);
    }
    let part = match error {
        X509Error::InvalidVersion => "the version",
        X509Error::InvalidSerial => "the serial number",
        X509Error::InvalidAlgorithmIdentifier => "an algorithm identifier",
        X509Error::InvalidX509Name => "the subject or the issuer",
        X509Error::InvalidDate => "the validity",
        X509Error::InvalidSPKI => "the public key",
        X509Error::InvalidSubjectUID | X509Error::InvalidIssuerUID => "a unique identifier",
        X509Error::InvalidExtensions | X509Error::DuplicateExtensions => "the extensions",
        X509Error::InvalidSignatureValue => "the signature",
        _ => "the certificate",
    };
    InvalidCertificate::Part { part }
}

fn extensions(der: &[u8], parsed: &[X509Extension<'_>]) -> Result<Extensions, InvalidCertificate> {
    let mut extensions = Extensions::default();
    let mut seen = BTreeSet::new();
    for extension in parsed {
        let oid = || extension.oid.to_id_string().into_boxed_str();
        if !seen.insert(extension.oid.as_bytes()) {
            return Err(InvalidCertificate::DuplicateExtension { oid: oid() });
        }
        extensions.take(extension).ok_or_else(|| InvalidCertificate::Extension {
            oid: oid(),
            offset: extension.value.as_ptr().addr().saturating_sub(der.as_ptr().addr()),
        })?;
    }
    Ok(extensions)
}

impl Extensions {
    #[expect(clippy::wildcard_enum_match_arm, reason = "extensions that are not read are many")]
    /// Takes over what one extension says; nothing if it is known and cannot be read.
    fn take(&mut self, extension: &X509Extension<'_>) -> Option<()> {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                names.general_names.iter().for_each(|name| self.take_name(name));
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.extended_key_usage = Some(usage.into());
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(usage.into()),
            ParsedExtension::BasicConstraints(constraints) => {
                self.basic_constraints = Some(constraints.into());
            }
            ParsedExtension::NameConstraints(constraints) => {
                self.name_constraints = Some(constraints.into());
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(id.0.into()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.into());
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                let names = points.iter().filter_map(|point| point.distribution_point.as_ref());
                self.crl_distribution_points = names.flat_map(full_name).collect();
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let issuers = access
                    .iter()
                    .filter(|access| access.access_method.to_id_string() == CA_ISSUERS);
                self.ca_issuers =
                    issuers.filter_map(|access| uri(&access.access_location)).collect();
            }
            ParsedExtension::UnsupportedExtension { oid } if oid.to_id_string() == TLS_FEATURE => {
                self.must_staple = must_staple(extension.value)?;
            }
            ParsedExtension::ParseError { .. } if is_read(&extension.oid.to_id_string()) => {
                return None;
            }
            _ => {}
        }
        Some(())
    }

    fn take_name(&mut self, name: &GeneralName<'_>) {
        let other = match name {
            GeneralName::DNSName(text) => match text.parse::<DnsName>() {
                Ok(name) => return self.dns_names.push(name),
                Err(_) => format!("DNS:{}", printable(text)),
            },
            GeneralName::RFC822Name(text) => format!("email:{}", printable(text)),
            GeneralName::URI(text) => format!("URI:{}", printable(text)),
            GeneralName::IPAddress(octets) => match ip_address(octets) {
                Some(address) => format!("IP:{address}"),
                None => format!("IP:#{}", hex::lower(octets)),
            },
            GeneralName::DirectoryName(name) => {
                format!("directory name:{}", DistinguishedName::new(name))
            }
            GeneralName::RegisteredID(oid) => format!("registered id:{}", oid.to_id_string()),
            GeneralName::OtherName(oid, _) => format!("other name:{}", oid.to_id_string()),
            GeneralName::X400Address(_) => "an X.400 address".to_owned(),
            GeneralName::EDIPartyName(_) => "an EDI party name".to_owned(),
            GeneralName::Invalid(tag, octets) => {
                format!("name [{}]:#{}", tag.0, hex::lower(octets))
            }
        };
        self.other_names.push(other.into());
    }
}

fn full_name(point: &DistributionPointName<'_>) -> Vec<Box<str>> {
    match point {
        DistributionPointName::FullName(names) => names.iter().filter_map(uri).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
}

fn uri(name: &GeneralName<'_>) -> Option<Box<str>> {
    let GeneralName::URI(uri) = name else { return None };
    Some(printable(uri).into())
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// Reads `Features ::= SEQUENCE OF INTEGER` (RFC 7633 §4) for `status_request` and its successor.
fn must_staple(value: &[u8]) -> Option<bool> {
    let outer = der::element(value, 0..value.len()).ok()?;
    let features = der::elements(value, outer.contents).ok()?;
    Some(features.into_iter().any(|feature| matches!(value.get(feature.contents), Some([5 | 17]))))
}

fn is_read(oid: &str) -> bool {
    READ.contains(&oid)
}

/// Returns `text` with everything escaped that is not seen or moves the text around it.
pub(crate) fn printable(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if is_printable(character) {
            result.push(character);
        } else {
            result.extend(character.escape_unicode());
        }
    }
    result
}

/// Returns whether a character shows itself and leaves its neighbours where they are.
pub(super) fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{00ad}'
                | '\u{061c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
/// The extensions that Rolecall acts on.
const READ: [&str; 9] = [
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.35",
    "2.5.29.37",
    "1.3.6.1.5.5.7.1.1",
];
