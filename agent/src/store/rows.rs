//! Rows: what the journal's entries come to, in tables told apart by the first byte of a key.
//!
//! The store knows no types. A [`Projection`] turns each entry into row writes, and everything
//! that is read, from the index, from a checkpoint or from a group not yet written, is read
//! through [`Rows`]. The projection must be a pure function of the entry and the rows it sees: the
//! same journal is projected again at every rebuild and for every checkpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rolecall::key::KeyId;

use crate::store::codec::Digest;
use crate::store::error::Error;

/// The first byte of the keys that belong to the store itself.
pub const RESERVED_TABLE: u8 = 0;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// One change of one row.
#[derive(Clone, Eq, PartialEq)]
pub struct RowWrite {
    /// The key; its first byte names the table and is not 0.
    pub key: Vec<u8>,
    /// The value, or nothing to remove the row.
    pub value: Option<Vec<u8>>,
}

impl RowWrite {
    /// Sets a row.
    pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: Some(value.into()) }
    }

    /// Removes a row.
    pub fn remove(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: None }
    }
}

impl fmt::Debug for RowWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.value.as_ref().map(Vec::len);
        f.debug_struct("RowWrite").field("key", &self.key).field("value_length", &length).finish()
    }
}

/// A part of a range, in the order of keys.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows; there may be none although more follow.
    pub rows: Vec<Row>,
    /// The key to go on from, or nothing at the end of the range.
    pub next: Option<Vec<u8>>,
}

/// Something rows are read from.
pub trait Rows: Send + Sync {
    /// Returns the value of a row.
    ///
    /// # Errors
    /// When what holds the rows cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Returns about `limit` rows with `from ≤ key < to`; no `to` means to the end.
    ///
    /// # Errors
    /// When what holds the rows cannot be read.
    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error>;
}

impl dyn Rows + '_ {
    /// Iterates over the rows whose key begins with `prefix`.
    pub fn scan(&self, prefix: &[u8]) -> Scan<&Self> {
        Scan::new(self, prefix.to_vec(), successor(prefix))
    }

    /// Iterates over the rows with `from ≤ key < to`.
    pub fn scan_range(&self, from: &[u8], to: Option<&[u8]>) -> Scan<&Self> {
        Scan::new(self, from.to_vec(), to.map(<[u8]>::to_vec))
    }
}

impl<R: Rows + ?Sized> Rows for &R {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        (**self).get(key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        (**self).page(from, to, limit)
    }
}

/// Returns the first key after all that begin with `prefix`, or nothing if there is none.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if let Some(higher) = last.checked_add(1) {
            next.push(higher);
            return Some(next);
        }
    }
    None
}

/// The rows of a range, read page by page: each page is consistent in itself.
///
/// After an error the scan ends.
#[derive(Debug)]
pub struct Scan<R> {
    rows: R,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    limit: usize,
    page: std::vec::IntoIter<Row>,
}

impl<R: Rows> Scan<R> {
    // Most scans end after a handful of rows; a long one soon reads in larger pages.
    const FIRST: usize = 16;
    const MOST: usize = 256;

    /// Iterates over the rows of `rows` with `from ≤ key < to`.
    pub fn new(rows: R, from: Vec<u8>, to: Option<Vec<u8>>) -> Self {
        Self { rows, from: Some(from), to, limit: Self::FIRST, page: Vec::new().into_iter() }
    }
}

impl<R: Rows> Iterator for Scan<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.page.next() {
                return Some(Ok(row));
            }
            let from = self.from.take()?;
            match self.rows.page(&from, self.to.as_deref(), self.limit) {
                Ok(page) => {
                    self.page = page.rows.into_iter();
                    self.from = page.next;
                    self.limit = self.limit.saturating_mul(2).min(Self::MOST);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Row writes that are not in what lies beneath them yet; no value means that the row is gone.
#[derive(Clone, Default)]
pub struct Pending {
    rows: BTreeMap<Vec<u8>, Option<Arc<[u8]>>>,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("rows", &self.rows.len()).finish()
    }
}

impl Pending {
    /// Adds a write; the last one to a key counts.
    pub fn write(&mut self, write: RowWrite) {
        self.rows.insert(write.key, write.value.map(Arc::from));
    }

    /// Adds everything that `later` holds.
    pub fn extend(&mut self, later: Self) {
        self.rows.extend(later.rows);
    }

    /// Adds those writes of `written` whose key is `wanted`; what is gone leaves no trace.
    pub(crate) fn keep(&mut self, written: &Self, wanted: impl Fn(&[u8]) -> bool) {
        for (key, value) in written.rows.iter().filter(|(key, _)| wanted(key)) {
            match value {
                Some(value) => drop(self.rows.insert(key.clone(), Some(Arc::clone(value)))),
                None => drop(self.rows.remove(key)),
            }
        }
    }

    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of rows written or removed.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Iterates over the writes in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Returns what a row of `base` is with these writes.
    pub fn get_over(&self, base: &dyn Rows, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.rows.get(key) {
            Some(value) => Ok(value.as_deref().map(<[u8]>::to_vec)),
            None => base.get(key),
        }
    }

    /// Returns a page of `base` with these writes.
    pub fn page_over(
        &self,
        base: &dyn Rows,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, Error> {
        let below = base.page(from, to, limit)?;
        if to.is_some_and(|to| to <= from) {
            return Ok(below);
        }
        // What `base` did not look at in this page is left to the next one.
        let Page { rows: below, next: left } = below;
        let end = left.as_deref().or(to);
        let above = self
            .rows
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded))
            .take_while(|(key, _)| end.is_none_or(|end| key.as_slice() < end));
        let mut merged = merge(below.into_iter(), above);
        let mut rows: Vec<Row> = merged.by_ref().take(limit).collect();
        let beyond = merged.next().map(|(key, _)| key);
        drop(merged);
        let next = beyond.or(left);
        rows.shrink_to_fit();
        Ok(Page { rows, next })
    }
}

fn merge<'a>(
    below: impl Iterator<Item = Row>,
    above: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Arc<[u8]>>)>,
) -> impl Iterator<Item = Row> {
    let mut below = below.peekable();
    let mut above = above.peekable();
    std::iter::from_fn(move || {
        loop {
            let Some((key, _)) = above.peek() else {
                return below.next();
            };
            if below.peek().is_some_and(|(lower, _)| lower < *key) {
                return below.next();
            }
            if below.peek().is_some_and(|(lower, _)| lower == *key) {
                below.next();
            }
            if let Some((key, Some(value))) = above.next() {
                return Some((key.clone(), value.to_vec()));
            }
        }
    })
}

/// Rows with pending writes on top.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// What lies beneath.
    pub base: &'a dyn Rows,
    /// The writes.
    pub pending: &'a Pending,
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("pending", self.pending).finish_non_exhaustive()
    }
}

impl Rows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.pending.get_over(self.base, key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.pending.page_over(self.base, from, to, limit)
    }
}

/// No rows.
#[derive(Clone, Copy, Debug)]
pub struct NoRows;

impl Rows for NoRows {
    fn get(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    fn page(&self, _from: &[u8], _to: Option<&[u8]>, _limit: usize) -> Result<Page, Error> {
        Ok(Page::default())
    }
}

/// What an entry says about a checkpoint that was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CheckpointRecord {
    /// The sequence number it holds the state of.
    pub sequence: u64,
    /// The SHA-256 over it.
    pub digest: Digest,
}

/// What entries mean.
pub trait Projection: Send + Sync {
    /// Returns what the entry `payload` changes, given the rows before it.
    ///
    /// Must be pure: the same entry over the same rows always gives the same writes.
    ///
    /// # Errors
    /// When the entry cannot be understood; the change that recorded it then fails.
    fn rows(
        &self,
        sequence: u64,
        payload: &[u8],
        view: &dyn Rows,
    ) -> Result<Vec<RowWrite>, ProjectionError>;

    /// Returns the tables whose rows are few and read all the time: they are kept in memory.
    fn hot_tables(&self) -> &'static [u8] {
        &[]
    }

    /// Returns the entry that says a checkpoint was written.
    fn checkpoint_entry(&self, record: &CheckpointRecord) -> Vec<u8>;

    /// Returns what an entry says about a checkpoint, or nothing for every other entry.
    fn checkpoint_record(&self, payload: &[u8]) -> Option<CheckpointRecord>;

    /// Calls `found` with every key that the rows know of.
    ///
    /// # Errors
    /// When the rows cannot be read or understood.
    fn key_ids(
        &self,
        view: &dyn Rows,
        found: &mut dyn FnMut(KeyId, KeyFate),
    ) -> Result<(), ProjectionError>;
}

/// What became of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyFate {
    /// Something refers to it.
    Held,
    /// It is destroyed, or was to be when the process ended.
    Destroyed,
}

/// Why a projection did not understand an entry or a row.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}")]
pub struct ProjectionError {
    what: Box<str>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ProjectionError {
    /// Says what was not understood.
    pub fn new(what: impl Into<Box<str>>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// Says what was not understood, and why.
    pub fn caused(
        what: impl Into<Box<str>>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { what: what.into(), source: Some(Arc::new(source)) }
    }
}

impl From<Error> for ProjectionError {
    fn from(error: Error) -> Self {
        Self::caused("rows could not be read", error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_of_highest_bytes_has_no_successor() {
        assert_eq!(successor(&[1, 255]), Some(vec![2]));
        assert_eq!(successor(&[255, 255]), None);
        assert_eq!(successor(&[]), None);
    }

    type Writes = Vec<(Vec<u8>, Option<u8>)>;

    fn writes() -> impl Strategy<Value = Writes> {
        let key = proptest::collection::vec(0_u8..4, 1..4);
        proptest::collection::vec((key, proptest::option::of(any::<u8>())), 0..60)
    }

    proptest! {
        #[test]
        fn layers_read_like_one_map(lower in writes(), upper in writes(), limit in 1_usize..9) {
            let mut expected = BTreeMap::new();
            let mut layers = [Pending::default(), Pending::default()];
            for (layer, writes) in layers.iter_mut().zip([lower, upper]) {
                for (key, value) in writes {
                    match value {
                        Some(value) => expected.insert(key.clone(), vec![value]),
                        None => expected.remove(&key),
                    };
                    layer.write(RowWrite { key, value: value.map(|value| vec![value]) });
                }
            }
            let lower = Overlay { base: &NoRows, pending: &layers[0] };
            let view = Overlay { base: &lower, pending: &layers[1] };

            let mut scan = Scan::new(&view, vec![1], Some(vec![3]));
            scan.limit = limit;
            let scanned: Vec<Row> = scan.collect::<Result<_, _>>().unwrap();
            let wanted: Vec<Row> = expected
                .range(vec![1]..vec![3])
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            prop_assert_eq!(scanned, wanted);
            for (key, value) in &expected {
                prop_assert_eq!(view.get(key).unwrap(), Some(value.clone()));
            }
        }
    }
}
