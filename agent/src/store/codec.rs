//! Bytes as the store's files spell them: little-endian integers and length-prefixed strings.
//!
//! Reading never panics and never allocates more than the input holds; a field that is not there
//! is `None`, and the caller knows which file and offset to blame.

use aws_lc_rs::digest;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Returns the SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Digest {
    finish(digest::digest(&digest::SHA256, bytes))
}

/// Returns a finished SHA-256 context as an array.
pub(crate) fn finish(digest: digest::Digest) -> Digest {
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns a length in memory as an offset in a file.
pub(crate) fn offset(length: usize) -> u64 {
    u64::try_from(length).expect("an address has at most 64 bits")
}

/// Returns a length that was checked to fit, as the 32 bits a file holds.
pub(crate) fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded before they are written")
}

/// Reads fields one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns what was not read yet.
    pub const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Reads `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    /// Reads 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads 32 bits as a length in memory.
    pub fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    /// Reads 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
