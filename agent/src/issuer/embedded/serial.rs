//! Serial numbers of certificates.

use std::fmt;
use std::str::FromStr;

use rolecall::hex;

/// A certificate's serial number: 16 octets, positive, never zero (RFC 5280 §4.1.2.2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SerialNumber([u8; 16]);

impl SerialNumber {
    /// Makes a serial number of 16 octets that the caller drew at random.
    ///
    /// The sign bit is cleared and the next one set: the number is positive, not zero, always 16
    /// octets long, and keeps 126 random bits, twice what RFC 5280's successors ask for.
    pub const fn from_random(random: [u8; 16]) -> Self {
        let [first, rest @ ..] = random;
        let [b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rest;
        Self([first & 0x7f | 0x40, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Returns the number, most significant octet first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write_upper(f, &self.0)
    }
}

impl FromStr for SerialNumber {
    type Err = InvalidSerialNumber;

    /// Parses 32 hexadecimal digits of a number that this CA could have given.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode(text)
            .filter(|octets: &[u8; 16]| octets.first().is_some_and(|first| first >> 6 == 1))
            .map(Self)
            .ok_or(InvalidSerialNumber)
    }
}

/// A text that is no serial number of this CA.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a serial number of this CA has 32 hexadecimal digits, the first of them 4 to 7")]
pub struct InvalidSerialNumber;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_drawn_the_number_is_positive_and_sixteen_octets_long() {
        for random in [[0; 16], [0xff; 16], [0x80; 16]] {
            let serial = SerialNumber::from_random(random);
            assert_eq!(serial.as_bytes()[0] >> 6, 1, "{serial}");
            assert_eq!(serial.to_string().parse(), Ok(serial));
        }
    }

    #[test]
    fn a_number_that_this_ca_never_gives_is_refused() {
        assert_eq!("00".repeat(16).parse::<SerialNumber>(), Err(InvalidSerialNumber));
        assert_eq!("41".parse::<SerialNumber>(), Err(InvalidSerialNumber));
    }
}
