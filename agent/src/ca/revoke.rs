//! The revocation list: made anew at each revocation and before the last one ends.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rolecall::api::convert::{moment, timestamp};
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::error_chain::Chain;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;

use super::{Ca, OpenCa};
use crate::issuer::embedded::{AuthorityKeyId, RevocationReason, RevokedEntry, SerialNumber, crl};
use crate::issuer::publish::Published;
use crate::store::view::{Cause, Store};

impl Ca {
    /// Makes and publishes a list of everything revoked; returns its number.
    ///
    /// # Errors
    /// When there is no CA, or the list cannot be made or recorded.
    pub async fn publish_crl(&self, store: &Store, cause: Cause) -> Result<u64, Failure> {
        let open = self.get().ok_or_else(|| {
            Failure::new(Reason::CaMissing, "the embedded CA has not been established yet")
        })?;
        let _one_at_a_time = self.busy.lock().await;
        let now = cause.now;
        let last = store.read(|view| view.crl())?;
        let rows = store.read(|view| view.revocations())?;
        let revocations = count(&rows);
        let entries = listable(rows, last.as_ref());
        let last = last.map_or(0, |crl| crl.number);
        // `security.md` §7: a restored store never publishes a number twice.
        let number =
            last.saturating_add(1).max(u64::try_from(now.as_seconds()).unwrap_or_default());
        let next_update = now + CRL_LIFETIME;
        let listed = count(&entries);
        let list = crl(&open.issuing, &entries, number, now, next_update).map_err(|error| {
            Failure::new(Reason::Internal, format!("no revocation list: {}", Chain(&error)))
        })?;
        store
            .change(cause, move |record| {
                record.entry(Change::CrlPublished(pb::CrlPublished {
                    number,
                    next_update: Some(timestamp(next_update)),
                    entries: listed,
                    revocations,
                }))
            })
            .await?;
        self.publish(&open, list, now);
        Ok(number)
    }

    /// Returns when the list has to be made anew; at once if none has been made since the start.
    pub fn crl_due(&self, store: &Store) -> Result<Option<Timestamp>, Failure> {
        if self.get().is_none() {
            return Ok(None);
        }
        if self.published.borrow().paths().next().is_none() {
            return Ok(Some(Timestamp::EPOCH));
        }
        let published = store.read(|view| view.crl())?;
        let covered = published.as_ref().map_or(0, |crl| crl.revocations);
        if count(&store.read(|view| view.revocations())?) > covered {
            return Ok(Some(Timestamp::EPOCH));
        }
        let end = published.and_then(|crl| crl.next_update).map_or(Timestamp::EPOCH, moment);
        Ok(Some(end - CRL_OVERLAP))
    }

    fn publish(&self, open: &OpenCa, list: Vec<u8>, now: Timestamp) {
        let id = open.issuing.key_id();
        let mut published = Published::new().with_crl(id, list, now);
        for (index, certificate) in open.certificates.iter().enumerate() {
            let der = certificate.der().to_vec();
            let own = certificate.subject_key_id().map(AuthorityKeyId::new);
            if let Some(own) = own {
                if let (Some(root_crl), true) =
                    (&open.root_crl, index.saturating_add(1) == open.certificates.len())
                {
                    published =
                        published.with_crl(&own, root_crl.clone(), certificate.not_before());
                }
                published = published.with_certificate(&own, der, certificate.not_before());
            }
        }
        if let Some(root) = open.root() {
            published = published.with_root(root.der().to_vec(), root.not_before());
        }
        self.published.send_replace(Arc::new(published));
    }

    /// Forgets the open CA, so that the next use reads it anew.
    pub fn forget(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Returns what a list after `last` names. What expired is on one more list (RFC 5280 §3.3), and on
/// none that is made after that one has ended.
fn listable(
    rows: Vec<(Vec<u8>, pb::Certificate)>,
    last: Option<&pb::CrlPublished>,
) -> Vec<RevokedEntry> {
    let last_made = last
        .and_then(|crl| crl.next_update)
        .map_or(Timestamp::EPOCH, |end| moment(end) - CRL_LIFETIME);
    let is_over = |row: &pb::Certificate| {
        let not_after = row.facts.as_ref().and_then(|facts| facts.not_after);
        not_after.is_some_and(|end| moment(end) < last_made)
    };
    rows.into_iter()
        .filter(|(_, row)| !is_over(row))
        .filter_map(|(serial, row)| {
            let mut octets = [0; 16];
            let start = octets.len().checked_sub(serial.len())?;
            octets.get_mut(start..)?.copy_from_slice(&serial);
            Some(RevokedEntry {
                serial: SerialNumber::from_random(octets),
                at: row.revoked_at.map_or(Timestamp::EPOCH, moment),
                reason: row.revocation_reason.parse().unwrap_or(RevocationReason::Unspecified),
            })
        })
        .collect()
}

fn count<T>(things: &[T]) -> u32 {
    u32::try_from(things.len()).unwrap_or(u32::MAX)
}

/// Long enough that a weekend without the agent stops nobody, short enough for a revocation to count.
const CRL_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// A new list is there two days before the old one ends.
const CRL_OVERLAP: Duration = Duration::from_secs(2 * 86_400);
