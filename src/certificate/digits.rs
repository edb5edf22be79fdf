//! Digests and numbers that people read, paste and compare: thumbprints and serial numbers.
//!
//! What is pasted out of a certificate dialog carries spaces, colons and invisible characters
//! (U+200E most of all); they are removed. Anything else that is no digit is shown, not guessed at.

use std::fmt;
use std::str::FromStr;

use super::{Certificate, printable};
use crate::hex;

/// The SHA-1 of a certificate: 40 upper-case digits as text.
///
/// ```
/// use rolecall::certificate::Thumbprint;
///
/// let pasted = "\u{200e}a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d";
/// let thumbprint: Thumbprint = pasted.parse()?;
/// assert_eq!(thumbprint.to_string(), "A9993E364706816ABA3E25717850C26C9CD0D89D");
/// # Ok::<(), rolecall::certificate::InvalidDigits>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// Wraps a digest that was computed before.
    pub const fn new(digest: [u8; 20]) -> Self {
        Self(digest)
    }

    /// Returns the thumbprint of a certificate's DER.
    pub fn of(der: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der);
        Self(digest.as_ref().try_into().expect("SHA-1 has 20 bytes"))
    }

    /// Returns the 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write_upper(f, &self.0)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

impl FromStr for Thumbprint {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let left = without_decoration(text);
        hex::decode(&left)
            .map(Self)
            .ok_or_else(|| InvalidDigits::new(&left, "a thumbprint has 40 digits"))
    }
}

/// The SHA-256 of a certificate: 64 lower-case digits as text.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps a digest that was computed before.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the fingerprint of a certificate's DER.
    pub fn of(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write_lower(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let left = without_decoration(text);
        hex::decode(&left)
            .map(Self)
            .ok_or_else(|| InvalidDigits::new(&left, "a fingerprint has 64 digits"))
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// How an administrator points at a certificate: thumbprint, fingerprint, or the first digits of
/// either.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CertificateSelector(Box<str>);

impl CertificateSelector {
    /// The fewest digits that point at a certificate.
    pub const MIN_DIGITS: usize = 6;

    /// Returns whether `certificate` is meant. The caller checks that only one is.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        self.matches_digests(certificate.thumbprint(), certificate.fingerprint())
    }

    /// Returns whether a certificate with these two digests is meant.
    pub fn matches_digests(&self, thumbprint: Thumbprint, fingerprint: Fingerprint) -> bool {
        hex::lower(thumbprint.as_bytes()).starts_with(self.as_str())
            || hex::lower(fingerprint.as_bytes()).starts_with(self.as_str())
    }

    /// Returns the whole thumbprint, if all of it was given.
    pub fn thumbprint(&self) -> Option<Thumbprint> {
        hex::decode(&self.0).map(Thumbprint)
    }

    /// Returns the whole fingerprint, if all of it was given.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        hex::decode(&self.0).map(Fingerprint)
    }

    /// Returns the digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_ascii_uppercase())
    }
}

impl FromStr for CertificateSelector {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let left = without_decoration(text);
        let all_digits = left.bytes().all(|octet| octet.is_ascii_hexdigit());
        // Nobody types more of a SHA-256 than of a thumbprint: 43 digits are a thumbprint and a slip.
        let fits = (Self::MIN_DIGITS..=40).contains(&left.len()) || left.len() == 64;
        if all_digits && fits {
            return Ok(Self(left.to_ascii_lowercase().into()));
        }
        Err(InvalidDigits::new(
            &left,
            "a certificate's thumbprint has 40 digits, and the first 6 or more will do",
        ))
    }
}

impl From<Thumbprint> for CertificateSelector {
    fn from(thumbprint: Thumbprint) -> Self {
        Self(hex::lower(thumbprint.as_bytes()).into())
    }
}

/// A certificate's serial number: unsigned, the most significant byte first.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SerialNumber(Box<[u8]>);

impl SerialNumber {
    /// Takes the bytes of an unsigned number; leading zeros do not count.
    pub fn new(bytes: &[u8]) -> Self {
        let start = bytes.iter().position(|byte| *byte != 0);
        Self(start.and_then(|start| bytes.get(start..)).unwrap_or(&[0]).into())
    }

    /// Returns the bytes without leading zeros; zero has one byte.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write_upper(f, &self.0)
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerialNumber({self})")
    }
}

impl FromStr for SerialNumber {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let left = without_decoration(text);
        let refused = || InvalidDigits::new(&left, "a serial number has 32 digits");
        if left.is_empty() || left.len() > 2 * MAX_SERIAL_LEN {
            return Err(refused());
        }
        let even = if left.len().is_multiple_of(2) { left.clone() } else { format!("0{left}") };
        let bytes: Option<Vec<u8>> = even
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| hex::decode::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte))
            .collect();
        bytes.map(|bytes| Self::new(&bytes)).ok_or_else(refused)
    }
}

/// A text that does not have the hexadecimal digits that were expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{left}` has {digits} hexadecimal digits and {others} other characters; {wanted}")]
pub struct InvalidDigits {
    wanted: &'static str,
    digits: usize,
    others: usize,
    left: Box<str>,
}

impl InvalidDigits {
    fn new(left: &str, wanted: &'static str) -> Self {
        let digits = left.chars().filter(char::is_ascii_hexdigit).count();
        let others = left.chars().count().saturating_sub(digits);
        let shown: String = left.chars().take(MAX_SHOWN).collect();
        let ellipsis = if shown.len() < left.len() { "…" } else { "" };
        let left = format!("{}{ellipsis}", printable(&shown)).into();
        Self { wanted, digits, others, left }
    }
}

/// Removes what people paste along with digits: white space, colons, dashes, characters nobody sees,
/// and what OpenSSL prints before them.
fn without_decoration(text: &str) -> String {
    let digits = match text.split_once('=') {
        Some((label, digits)) if is_label(label) => digits,
        Some(_) | None => text,
    };
    digits.chars().filter(|character| !is_decoration(*character)).collect()
}

/// `openssl x509 -fingerprint -serial`, in the spellings of its versions.
fn is_label(text: &str) -> bool {
    let label: String = text.chars().filter(|character| !is_decoration(*character)).collect();
    let known = ["sha1fingerprint", "sha256fingerprint", "serial"];
    known.iter().any(|known| label.eq_ignore_ascii_case(known))
}

fn is_decoration(character: char) -> bool {
    matches!(character, ':' | '-' | '\u{2010}'..='\u{2014}')
        || character.is_whitespace()
        || is_invisible(character)
}

/// Marks of direction and joining, which dialogs put around what is copied from them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}'
            | '\u{061c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// RFC 5280 §4.1.2.2 allows 20 octets; some certificates in the field have a few more.
const MAX_SERIAL_LEN: usize = 32;
/// How much of a mistyped text an error repeats, in characters.
const MAX_SHOWN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "A9993E364706816ABA3E25717850C26C9CD0D89D";

    #[test]
    fn what_administrators_paste_is_understood() {
        for pasted in [
            DIGITS.to_owned(),
            DIGITS.to_lowercase(),
            format!("\u{200e}{DIGITS}"),
            format!("\u{feff} {DIGITS}\u{200f}\r\n"),
            "a9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d".to_owned(),
            "a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d\u{200b}".to_owned(),
            "A9-99-3E-36-47-06-81-6A-BA-3E-25-71-78-50-C2-6C-9C-D0-D8-9D".to_owned(),
            "sha1 Fingerprint=A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D\n"
                .to_owned(),
            format!("SHA1 Fingerprint={DIGITS}"),
        ] {
            assert_eq!(pasted.parse::<Thumbprint>().unwrap().to_string(), DIGITS);
        }
    }

    #[test]
    fn what_openssl_prints_is_understood() {
        let fingerprint = Fingerprint::of(b"abc");
        let pasted = format!("SHA256 Fingerprint={}", fingerprint.to_string().to_uppercase());
        assert_eq!(pasted.parse(), Ok(fingerprint));
        let selector: CertificateSelector = pasted.parse().unwrap();
        assert_eq!(selector.fingerprint(), Some(fingerprint));
        assert_eq!("serial=0A99\n".parse(), Ok(SerialNumber::new(&[0x0a, 0x99])));
        let refusal = format!("CN={DIGITS}").parse::<Thumbprint>().unwrap_err().to_string();
        assert!(refusal.contains("`CN="), "{refusal}");
    }

    #[test]
    fn a_beginning_that_is_too_short_is_told_the_fewest_digits() {
        let refusal = "A9993".parse::<CertificateSelector>().unwrap_err().to_string();
        let fewest = format!("the first {} or more will do", CertificateSelector::MIN_DIGITS);
        assert!(
            refusal.contains("has 5 hexadecimal digits") && refusal.contains(&fewest),
            "{refusal}"
        );
    }

    #[test]
    fn anything_else_is_refused_and_shown() {
        let refusal = "A9 99_3E".parse::<Thumbprint>().unwrap_err().to_string();
        assert_eq!(
            refusal,
            "`A999_3E` has 6 hexadecimal digits and 1 other characters; a thumbprint has 40 digits"
        );
        let short = DIGITS.get(1..).unwrap().parse::<Thumbprint>().unwrap_err().to_string();
        assert!(short.contains("39 hexadecimal digits"), "{short}");
        let long = "z".repeat(10_000).parse::<Fingerprint>().unwrap_err().to_string();
        assert!(long.len() < 300 && long.contains('…'), "{long}");
        "".parse::<Thumbprint>().unwrap_err();
    }

    #[test]
    fn a_selector_takes_six_digits_or_more_and_matches_either_digest() {
        let (thumbprint, fingerprint) = (Thumbprint::of(b"abc"), Fingerprint::of(b"abc"));
        for text in ["A9993E", "ba7816bf", DIGITS, &fingerprint.to_string()] {
            let selector: CertificateSelector = text.parse().unwrap();
            assert!(selector.matches_digests(thumbprint, fingerprint), "{text}");
        }
        let other: CertificateSelector = "A9993F".parse().unwrap();
        assert!(!other.matches_digests(thumbprint, fingerprint));
        "A9993".parse::<CertificateSelector>().unwrap_err();
        format!("{DIGITS}ABC").parse::<CertificateSelector>().unwrap_err();
        "A9993G".parse::<CertificateSelector>().unwrap_err();
    }

    #[test]
    fn a_serial_number_is_compared_without_its_leading_zeros() {
        assert_eq!(SerialNumber::new(&[0, 0, 0x0a]).to_string(), "0A");
        assert_eq!("00:0a".parse::<SerialNumber>().unwrap(), SerialNumber::new(&[10]));
        assert_eq!("a".parse::<SerialNumber>().unwrap(), SerialNumber::new(&[10]));
        assert_eq!(SerialNumber::new(&[0]).to_string(), "00");
        "x".parse::<SerialNumber>().unwrap_err();
        "".parse::<SerialNumber>().unwrap_err();
    }
}
