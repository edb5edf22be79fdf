//! The names of subjects and issuers.
//!
//! Compared byte by byte, as path building does; printed as RFC 4514 has it, the most specific part
//! first, with everything escaped that would let a name masquerade as another one on a terminal.

use std::fmt;

use x509_parser::asn1_rs::Tag;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::printable;

/// The name of a subject or an issuer.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct DistinguishedName {
    der: Box<[u8]>,
    text: Box<str>,
    common_name: Option<Box<str>>,
}

impl DistinguishedName {
    pub(super) fn new(name: &X509Name<'_>) -> Self {
        let mut parts: Vec<String> = name
            .iter_rdn()
            .map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+"))
            .collect();
        parts.reverse();
        let common_name = name.iter_common_name().last().map(|name| printable(&value(name)).into());
        Self { der: name.as_raw().into(), text: parts.join(",").into(), common_name }
    }

    /// Returns the name as RFC 4514 text, which is empty if the name is.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name as it is encoded: what names are compared by.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the most specific common name, printable.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Returns whether the name has no part at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(no name)" } else { &self.text })
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({self})")
    }
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let key = KEYWORDS.iter().find(|(known, _)| *known == oid).map(|(_, keyword)| *keyword);
    format!("{}={}", key.unwrap_or(&oid), escaped(&value(attribute)))
}

/// Returns the attribute's value as text; what is no text stays `#` and hexadecimal.
fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    let value = attribute.attr_value();
    let text = match value.tag() {
        Tag::BmpString => utf16(value.data),
        Tag::TeletexString => Some(value.data.iter().copied().map(char::from).collect()),
        _ => attribute.as_str().ok().map(str::to_owned),
    };
    text.unwrap_or_else(|| format!("#{}", crate::hex::lower(value.data)))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units = pairs.filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes);
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

/// RFC 4514 §2.4, and hexadecimal pairs for everything that is not seen or moves the text.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut result = String::with_capacity(text.len());
    for (position, character) in text.chars().enumerate() {
        let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (position == 0 && matches!(character, ' ' | '#'))
            || (position == last && character == ' ');
        if special {
            result.push('\\');
            result.push(character);
        } else if super::parse::is_printable(character) {
            result.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                result.push_str(&format!("\\{byte:02X}"));
            }
        }
    }
    result
}

/// RFC 4514 §3 and the attributes that certificates of organisations carry besides.
const KEYWORDS: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];
