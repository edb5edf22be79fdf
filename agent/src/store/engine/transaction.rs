//! What one decision sees, and what it records.

use std::fmt;

use rolecall::key::KeyId;

use crate::store::engine::Shared;
use crate::store::error::Error;
use crate::store::journal::PAYLOAD_LIMIT;
use crate::store::keys;
use crate::store::keys::SealedKey;
use crate::store::rows::{
    Overlay, Page, Pending, Projection, RESERVED_TABLE, RowWrite, Rows, Scan,
};

/// What a group, or one change of it, brings.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) bytes: usize,
    pub(crate) rows: Pending,
    pub(crate) keys: Vec<SealedKey>,
    pub(crate) essential: bool,
}

impl Recorded {
    /// Returns whether nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.keys.is_empty()
    }

    /// Adds what a later change of the group recorded.
    pub(crate) fn extend(&mut self, later: Self) {
        self.entries.extend(later.entries);
        self.bytes = self.bytes.saturating_add(later.bytes);
        self.rows.extend(later.rows);
        self.keys.extend(later.keys);
        self.essential |= later.essential;
    }
}

/// The view and the record of one decision.
///
/// Reading sees everything that was recorded before, durable or queued, and what this decision
/// itself recorded. Nothing is recorded if the decision fails.
pub struct Transaction<'a> {
    shared: &'a Shared,
    base: Overlay<'a>,
    group_keys: &'a [SealedKey],
    next: u64,
    recorded: Recorded,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("next", &self.next)
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}

impl<'a> Transaction<'a> {
    pub(super) fn new(shared: &'a Shared, group: &'a Recorded, next: u64) -> Self {
        let base = Overlay { base: &shared.applied, pending: &group.rows };
        Self { shared, base, group_keys: &group.keys, next, recorded: Recorded::default() }
    }

    pub(super) fn into_recorded(self) -> Recorded {
        self.recorded
    }

    /// Returns the value of a row.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.view().get(key)
    }

    /// Returns the rows whose key begins with `prefix`, in order.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn scan(&self, prefix: &[u8]) -> Scan<Overlay<'_>> {
        Scan::new(self.view(), prefix.to_vec(), crate::store::rows::successor(prefix))
    }

    /// Returns everything as [`Rows`].
    pub const fn view(&self) -> Overlay<'_> {
        Overlay { base: &self.base, pending: &self.recorded.rows }
    }

    /// Returns the number that the next entry will have.
    pub const fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Records an entry and returns its sequence number; what it changes can be read at once.
    ///
    /// # Errors
    /// When the projection does not understand the entry, or it is too large.
    pub fn record(&mut self, payload: Vec<u8>) -> Result<u64, Error> {
        let sequence = self.next;
        let length = payload.len().saturating_add(4);
        let bytes = self.recorded.bytes.saturating_add(length);
        // A group that is not full yet takes one more change, so half is each change's own.
        if bytes > PAYLOAD_LIMIT / 2 {
            return Err(Error::TooLarge { length: payload.len(), limit: PAYLOAD_LIMIT / 2 });
        }
        let writes = project(&*self.shared.projection, sequence, &payload, &self.view())?;
        for write in writes {
            self.recorded.rows.write(write);
        }
        self.recorded.entries.push(payload);
        self.recorded.bytes = bytes;
        self.next = sequence.saturating_add(1);
        Ok(sequence)
    }

    /// Adds a key, which is durable before the entries of this change are.
    ///
    /// # Errors
    /// When there is a key of that id.
    pub fn put_key(&mut self, key: SealedKey) -> Result<(), Error> {
        let id = key.id();
        let queued = self.group_keys.iter().chain(&self.recorded.keys).any(|key| key.id() == id);
        if queued || self.shared.keys.contains(&id)? {
            return Err(keys::Error::Exists { id }.into());
        }
        self.recorded.keys.push(key);
        Ok(())
    }

    /// Returns whether there is a key of that id, durable or queued.
    ///
    /// # Errors
    /// When the key's file cannot be looked up.
    pub fn has_key(&self, id: &KeyId) -> Result<bool, Error> {
        let queued = self.group_keys.iter().chain(&self.recorded.keys).any(|key| key.id() == *id);
        Ok(queued || self.shared.keys.contains(id)?)
    }

    /// Marks this change as one that is recorded even when the disk is full: an abort, a
    /// cancellation, a clean-up.
    pub const fn essential(&mut self) {
        self.recorded.essential = true;
    }
}

impl Rows for Transaction<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.view().get(key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.view().page(from, to, limit)
    }
}

/// Asks the projection what an entry changes, and checks that it keeps to its tables.
pub(crate) fn project(
    projection: &dyn Projection,
    sequence: u64,
    payload: &[u8],
    view: &dyn Rows,
) -> Result<Vec<RowWrite>, Error> {
    let writes = projection
        .rows(sequence, payload, view)
        .map_err(|source| Error::Projection { sequence, source })?;
    let outside = |write: &RowWrite| write.key.first().is_none_or(|table| *table == RESERVED_TABLE);
    if writes.iter().any(outside) {
        return Err(Error::ReservedTable { sequence });
    }
    Ok(writes)
}
