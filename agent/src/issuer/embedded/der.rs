//! The few DER values that rcgen has no words for.
//!
//! Writing only: tags with a length and a content. Parsing is x509-parser's.

/// Returns `content` under `tag`, with its length in front (X.690 §8.1.3, §10.1).
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    encoded.extend(length(content.len()));
    encoded.extend_from_slice(content);
    encoded
}

fn length(len: usize) -> Vec<u8> {
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => vec![short],
        Ok(_) | Err(_) => {
            let octets: Vec<u8> =
                len.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
            let count = u8::try_from(octets.len()).expect("a usize has at most 8 octets");
            [vec![0x80 | count], octets].concat()
        }
    }
}

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[2] IMPLICIT IA5String`: a `dNSName` (RFC 5280 §4.2.1.6).
pub(super) const DNS_NAME: u8 = 0x82;
/// `[6] IMPLICIT IA5String`: a `uniformResourceIdentifier`.
pub(super) const URI: u8 = 0x86;
/// `[7] IMPLICIT OCTET STRING`: an `iPAddress`.
pub(super) const IP_ADDRESS: u8 = 0x87;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_der_demands() {
        assert_eq!(length(0), [0]);
        assert_eq!(length(127), [127]);
        assert_eq!(length(128), [0x81, 128]);
        assert_eq!(length(255), [0x81, 255]);
        assert_eq!(length(256), [0x82, 1, 0]);
    }
}
