//! PEM (RFC 7468): certificates as text.
//!
//! Blocks are found line by line, so that an error can name the line; blocks that are no
//! certificates (a private key above all) are never decoded and never shown, only their labels.

use rustls_pki_types::pem::{PemObject, SectionKind};

use super::{Certificate, InvalidCertificate, printable};

/// Why a PEM text yields no certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPem {
    /// A block is no Base64.
    #[error("the block that begins in line {line} is not Base64 text")]
    Base64 {
        /// Where the block begins, counted from 1.
        line: usize,
    },
    /// A block is no certificate.
    #[error("the block that begins in line {line} is not a certificate")]
    Certificate {
        /// Where the block begins, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: InvalidCertificate,
    },
    /// No block has the label of a certificate.
    #[error("no `-----BEGIN CERTIFICATE-----` was found{}", found(.labels))]
    None {
        /// The labels of the blocks that were found.
        labels: Vec<Box<str>>,
    },
    /// The text is larger than any sensible file of certificates.
    #[error("the text has {len} bytes; at most {MAX_TEXT_LEN} are read")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// A block does not end.
    #[error("the block that begins in line {line} has no `-----END CERTIFICATE-----`")]
    Unfinished {
        /// Where the block begins, counted from 1.
        line: usize,
    },
}

struct Block<'a> {
    line: usize,
    text: &'a [u8],
}

pub(super) fn first(text: &[u8]) -> Result<Certificate, InvalidPem> {
    match blocks(text)?.first() {
        Some(block) => decode(block),
        None => Err(InvalidPem::None { labels: labels(text) }),
    }
}

pub(super) fn all(text: &[u8]) -> Result<Vec<Certificate>, InvalidPem> {
    let blocks = blocks(text)?;
    if blocks.is_empty() {
        return Err(InvalidPem::None { labels: labels(text) });
    }
    blocks.iter().map(decode).collect()
}

pub(super) fn write(der: &[u8]) -> String {
    let mut text = String::with_capacity(der.len() * 4 / 3 + der.len() / 48 + 64);
    text.push_str(BEGIN);
    text.push('\n');
    for line in der.chunks(48) {
        line.chunks(3).for_each(|group| push_base64(&mut text, group));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}

fn decode(block: &Block<'_>) -> Result<Certificate, InvalidPem> {
    let line = block.line;
    let decoded = <(SectionKind, Vec<u8>)>::from_pem_slice(block.text);
    let (_, der) = decoded.ok().ok_or(InvalidPem::Base64 { line })?;
    Certificate::from_der(&der).map_err(|source| InvalidPem::Certificate { line, source })
}

/// Finds the blocks of certificates.
fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, InvalidPem> {
    if text.len() > MAX_TEXT_LEN {
        return Err(InvalidPem::TooLarge { len: text.len() });
    }
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut offset = 0;
    for (number, line) in (1..).zip(text.split_inclusive(|octet| *octet == b'\n')) {
        let end = offset + line.len();
        let marker = line.trim_ascii();
        match open {
            None if marker == BEGIN.as_bytes() => open = Some((number, offset)),
            Some((line, start)) if marker == END.as_bytes() => {
                let text = text.get(start..end).expect("both offsets are ends of lines");
                found.push(Block { line, text });
                open = None;
            }
            Some((line, _)) if marker.starts_with(b"-----") => {
                return Err(InvalidPem::Unfinished { line });
            }
            None | Some(_) => {}
        }
        offset = end;
    }
    match open {
        Some((line, _)) => Err(InvalidPem::Unfinished { line }),
        None => Ok(found),
    }
}

/// Returns the labels of whatever blocks there are, for an error.
fn labels(text: &[u8]) -> Vec<Box<str>> {
    text.split(|octet| *octet == b'\n')
        .filter_map(|line| {
            let label = line.trim_ascii().strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
            let label = label.get(..label.len().min(40))?;
            Some(printable(&String::from_utf8_lossy(label)).into())
        })
        .take(5)
        .collect()
}

fn found(labels: &[Box<str>]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    format!("; the text holds: {}", labels.join(", "))
}

fn push_base64(text: &mut String, group: &[u8]) {
    let mut octets = [0; 4];
    for (slot, octet) in octets.iter_mut().skip(1).zip(group) {
        *slot = *octet;
    }
    let bits = u32::from_be_bytes(octets);
    for position in 0..4 {
        if position > group.len() {
            text.push('=');
            continue;
        }
        let index = usize::try_from(bits >> (18 - 6 * position) & 0x3f).expect("six bits");
        text.push(char::from(*ALPHABET.get(index).expect("the alphabet has 64 letters")));
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Room for every public root there is, with the text that usually stands between them.
const MAX_TEXT_LEN: usize = 8 * 1024 * 1024;
