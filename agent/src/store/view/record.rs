//! Records changes, one entry of the journal each.

use prost::Message;
use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::assignment::{Assignment, Generation, Slot};
use rolecall::certificate::Certificate;
use rolecall::enrollment::EnrollmentChange;
use rolecall::inventory::StoredCertificate;
use rolecall::key::KeyId;
use rolecall::order::{Order, State};

use super::{Cause, View, failure};
use crate::store::engine::Transaction;
use crate::store::keys::SealedKey;

/// One decision of one actor: what it reads, and what it records.
#[derive(Debug)]
pub struct Record<'r, 't> {
    pub(super) transaction: &'r mut Transaction<'t>,
    pub(super) cause: &'r Cause,
}

impl Record<'_, '_> {
    /// Returns everything recorded before, and what this decision has recorded so far.
    pub fn read<R>(&self, read: impl FnOnce(View<'_>) -> R) -> R {
        let overlay = self.transaction.view();
        read(View { rows: &overlay })
    }

    /// Returns who decides, and when.
    pub const fn cause(&self) -> &Cause {
        self.cause
    }

    /// Records an entry.
    pub fn entry(&mut self, change: Change) -> Result<(), Failure> {
        let entry = pb::JournalEntry {
            sequence: 0,
            at: Some(timestamp(self.cause.now)),
            actor: Some((&self.cause.actor).into()),
            request_id: self.cause.request.as_ref().map(ToString::to_string).unwrap_or_default(),
            change: Some(change),
        };
        let recorded = self.transaction.record(entry.encode_to_vec());
        recorded.map(|_sequence| ()).map_err(|error| failure(&error))
    }

    /// Adds a key, which is durable before the entries are.
    pub fn key(&mut self, key: SealedKey) -> Result<(), Failure> {
        self.transaction.put_key(key).map_err(|error| failure(&error))
    }

    /// Has this decision recorded even when the disk is full.
    pub const fn essential(&mut self) {
        self.transaction.essential();
    }

    /// Records an order.
    pub fn order_placed(&mut self, order: &Order) -> Result<(), Failure> {
        self.entry(Change::OrderPlaced(pb::OrderPlaced { order: Some(order.into()) }))
    }

    /// Records that an order moved on, and returns it as it is then.
    pub fn order_advanced(&mut self, order: Order, state: State) -> Result<Order, Failure> {
        self.entry(Change::OrderAdvanced(pb::OrderAdvanced {
            order_id: order.id.get(),
            state: Some((&state).into()),
            roles: order.roles.iter().map(ToString::to_string).collect(),
        }))?;
        Ok(Order { state, updated_at: self.cause.now, ..order })
    }

    /// Records changes of enrollments.
    pub fn enrollments_changed(&mut self, changes: &[EnrollmentChange]) -> Result<(), Failure> {
        for change in changes {
            self.entry(match change {
                EnrollmentChange::Set(enrollment) => {
                    Change::EnrollmentSet(pb::EnrollmentSet { enrollment: Some(enrollment.into()) })
                }
                EnrollmentChange::Removed(name) => {
                    Change::EnrollmentRemoved(pb::EnrollmentRemoved { name: name.to_string() })
                }
            })?;
        }
        Ok(())
    }

    /// Records a certificate and those of its issuers that are new here.
    pub fn certificate_installed(
        &mut self,
        stored: &StoredCertificate,
        issuers: &[Certificate],
    ) -> Result<(), Failure> {
        let mut new = Vec::new();
        for issuer in issuers {
            if !self.read(|view| view.has_issuer_certificate(issuer.fingerprint()))? {
                new.push(issuer.der().to_vec());
            }
        }
        self.entry(Change::CertificateInstalled(pb::CertificateInstalled {
            certificate: Some(stored.into()),
            issuers: new,
        }))
    }

    /// Records what happened to an assignment; `dropped` generations are forgotten.
    pub fn assignment_changed(
        &mut self,
        assignment: &Assignment,
        cause: &str,
        retired: Option<&Slot>,
        dropped: &[Generation],
    ) -> Result<(), Failure> {
        self.entry(Change::AssignmentSet(pb::AssignmentSet {
            assignment: Some(assignment.into()),
            cause: cause.to_owned(),
            retired: retired.map(Into::into),
            dropped_generations: dropped.iter().map(|generation| generation.get()).collect(),
        }))
    }

    /// Records that nothing refers to a key any more; its file is destroyed after that is durable.
    pub fn key_destroyed(&mut self, id: KeyId, why: &str) -> Result<(), Failure> {
        self.entry(Change::KeyDestroyed(pb::KeyDestroyed {
            key_id: id.as_bytes().to_vec(),
            why: why.to_owned(),
        }))
    }
}
