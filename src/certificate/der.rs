//! The little of DER (X.690) that Rolecall reads itself: where elements begin and end.
//!
//! The certificate parser says *that* something is wrong; the walk here says *where*, and cuts the
//! pieces that signatures are checked over.

use std::ops::Range;

/// One element: its tag octet, and where it and its contents lie in the whole.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) tag: u8,
    pub(super) whole: Range<usize>,
    pub(super) contents: Range<usize>,
}

/// Why no element can be read at an offset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Misplaced {
    pub(super) offset: usize,
    pub(super) expected: &'static str,
}

pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;

/// Reads the element that begins at `range.start`, which must end within `range`.
pub(super) fn element(bytes: &[u8], range: Range<usize>) -> Result<Element, Misplaced> {
    let misplaced = |offset, expected| Misplaced { offset, expected };
    let octet = |offset: usize| bytes.get(offset).copied().filter(|_| offset < range.end);

    let start = range.start;
    let tag = octet(start).ok_or_else(|| misplaced(start, "an element"))?;
    if tag & 0x1f == 0x1f {
        return Err(misplaced(start, "a tag of one byte"));
    }
    let first = octet(start + 1).ok_or_else(|| misplaced(start + 1, "a length"))?;
    let (len, header) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x83 => {
            let count = usize::from(first & 0x7f);
            let mut len = 0_usize;
            for position in 0..count {
                let octet =
                    octet(start + 2 + position).ok_or_else(|| misplaced(start + 1, "a length"))?;
                len = (len << 8) | usize::from(octet);
            }
            (len, 2 + count)
        }
        _ => return Err(misplaced(start + 1, "a definite length of at most three bytes")),
    };
    let contents = start + header..start + header + len;
    if contents.end > range.end {
        return Err(misplaced(range.end, "more bytes: the element is cut short"));
    }
    Ok(Element { tag, whole: start..contents.end, contents })
}

/// Reads the elements that fill `range`.
pub(super) fn elements(bytes: &[u8], range: Range<usize>) -> Result<Vec<Element>, Misplaced> {
    let mut rest = range;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let next = element(bytes, rest.clone())?;
        rest.start = next.whole.end;
        found.push(next);
    }
    Ok(found)
}

/// Returns the first place, depth first, where `bytes` are not nested elements.
pub(super) fn first_misplaced(bytes: &[u8]) -> Option<Misplaced> {
    let mut pending = Vec::from([Range { start: 0, end: bytes.len() }]);
    while let Some(range) = pending.pop() {
        let found = match elements(bytes, range) {
            Ok(found) => found,
            Err(misplaced) => return Some(misplaced),
        };
        let nested = found.into_iter().filter(|element| element.tag & CONSTRUCTED != 0);
        pending.extend(nested.rev().map(|element| element.contents));
    }
    None
}
