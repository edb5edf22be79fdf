//! One frame: the entries of one group, tied to the frame before.
//!
//! A frame is valid when its checksum says so; it is *next* when it also carries the expected
//! sequence number and the hash of its predecessor. Layout, little-endian:
//!
//! ```text
//!  0  "RCFR"             16  entry count, u32       56  entries: length u32, bytes
//!  4  version, u16       20  payload length, u32    ..  CRC-32 over all before it
//!  6  zero, u16          24  SHA-256 of the
//!  8  first sequence         frame before
//! ```

use crate::store::codec::{Digest, Reader, length32, offset, sha256};

/// The first bytes of every frame.
pub(crate) const MAGIC: [u8; 4] = *b"RCFR";
/// The version this code writes and reads.
const VERSION: u16 = 1;
/// The length of what precedes the payload.
pub(crate) const HEADER: usize = 56;
const CHECKSUM: usize = 4;
/// The most a payload may hold: eight times the size at which a group is closed, so that one large
/// entry still fits.
pub(crate) const PAYLOAD_LIMIT: usize = 8 << 20;

/// A place in the journal: the last sequence number before it and the hash of the frame with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Anchor {
    /// The last sequence number; 0 before the first entry.
    pub sequence: u64,
    /// The SHA-256 of the frame that holds it; zeros before the first entry.
    pub hash: Digest,
}

impl Anchor {
    /// The place before the first entry.
    pub const START: Self = Self { sequence: 0, hash: [0; 32] };

    /// Returns the sequence number that follows.
    pub const fn next(self) -> u64 {
        self.sequence.saturating_add(1)
    }
}

/// Returns the frame that holds `entries` and follows `before`.
pub(crate) fn encode(before: &Anchor, entries: &[Vec<u8>]) -> Vec<u8> {
    let payload: usize = entries.iter().map(|entry| entry.len().saturating_add(4)).sum();
    let mut frame = Vec::with_capacity(payload.saturating_add(HEADER + CHECKSUM));
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&VERSION.to_le_bytes());
    frame.extend_from_slice(&[0; 2]);
    frame.extend_from_slice(&before.next().to_le_bytes());
    frame.extend_from_slice(&length32(entries.len()).to_le_bytes());
    frame.extend_from_slice(&length32(payload).to_le_bytes());
    frame.extend_from_slice(&before.hash);
    for entry in entries {
        frame.extend_from_slice(&length32(entry.len()).to_le_bytes());
        frame.extend_from_slice(entry);
    }
    frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
    frame
}

/// What a frame's first bytes say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) payload: usize,
    pub(crate) previous: Digest,
}

impl Header {
    /// Reads a header, or nothing if these bytes begin no frame.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let known = reader.array()? == MAGIC && reader.u16()? == VERSION && reader.u16()? == 0;
        let header = Self {
            first: reader.u64()?,
            count: reader.u32()?,
            payload: reader.length()?,
            previous: reader.array()?,
        };
        (known && header.count > 0 && header.payload <= PAYLOAD_LIMIT).then_some(header)
    }

    /// Returns the length of the whole frame.
    pub(crate) const fn frame_length(&self) -> usize {
        self.payload.saturating_add(HEADER + CHECKSUM)
    }
}

/// A frame whose checksum agrees.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) hash: Digest,
    pub(crate) length: u64,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Frame {
    /// Reads the frame that `bytes` begin with, or nothing if it is not valid.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = Header::parse(bytes)?;
        let frame = bytes.get(..header.frame_length())?;
        let (covered, checksum) = frame.split_at_checked(frame.len().checked_sub(CHECKSUM)?)?;
        if Reader::new(checksum).u32()? != crc32fast::hash(covered) {
            return None;
        }
        let mut payload = Reader::new(covered.get(HEADER..)?);
        let mut entries = Vec::new();
        for _ in 0..header.count {
            let length = payload.length()?;
            entries.push(payload.bytes(length)?.to_vec());
        }
        let whole = payload.rest().is_empty();
        let length = offset(frame.len());
        whole.then(|| Self { header, hash: sha256(frame), length, entries })
    }

    /// Returns the place after this frame.
    pub(crate) fn anchor(&self) -> Anchor {
        let count = u64::from(self.header.count);
        Anchor {
            sequence: self.header.first.saturating_add(count).saturating_sub(1),
            hash: self.hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anchor() -> Anchor {
        Anchor { sequence: 41, hash: [7; 32] }
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let frame = encode(&anchor(), &[b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        assert!(Frame::parse(&frame).is_some());

        for at in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Frame::parse(&damaged), None, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
            trailing in 0_usize..9,
        ) {
            let mut bytes = encode(&anchor(), &entries);
            bytes.resize(bytes.len() + trailing, 0);
            let frame = Frame::parse(&bytes).unwrap();
            prop_assert_eq!(frame.header.first, 42);
            prop_assert_eq!(frame.header.previous, [7; 32]);
            prop_assert_eq!(frame.anchor().sequence, 41 + u64::try_from(entries.len()).unwrap());
            prop_assert_eq!(frame.entries, entries);
        }

        #[test]
        fn noise_is_no_frame(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Frame::parse(&bytes), None);
        }
    }
}
