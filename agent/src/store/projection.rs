//! What each journal entry changes in the tables.
//!
//! Pure: the same entry over the same rows always gives the same writes, so that an index, a
//! checkpoint and a rebuild agree. Entries and rows are messages of `rolecall.v1`.

use std::collections::BTreeSet;

use prost::Message;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::assignment::{Assignment, Generation, Slot};
use rolecall::certificate::{Certificate, Fingerprint};
use rolecall::key::KeyId;
use rolecall::order::{OrderId, State};

use super::rows::{CheckpointRecord, KeyFate, Projection, ProjectionError, RowWrite, Rows};
use super::tables::{self, Meta};

/// The projection of `rolecall.v1.JournalEntry`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entries;

impl Projection for Entries {
    fn rows(
        &self,
        _sequence: u64,
        payload: &[u8],
        view: &dyn Rows,
    ) -> Result<Vec<RowWrite>, ProjectionError> {
        let entry = decode::<pb::JournalEntry>("entry", payload)?;
        let mut writes = Writes { view, rows: Vec::new() };
        writes.note_request(&entry)?;
        if let Some(change) = entry.change.clone() {
            writes.apply(change, &entry)?;
        }
        Ok(writes.rows)
    }

    fn hot_tables(&self) -> &'static [u8] {
        tables::HOT
    }

    fn checkpoint_entry(&self, record: &CheckpointRecord) -> Vec<u8> {
        let change = Change::CheckpointWritten(pb::CheckpointWritten {
            sequence: record.sequence,
            digest: record.digest.to_vec(),
        });
        let actor = pb::Actor { kind: pb::actor::Kind::Agent.into(), ..pb::Actor::default() };
        pb::JournalEntry { actor: Some(actor), change: Some(change), ..pb::JournalEntry::default() }
            .encode_to_vec()
    }

    fn checkpoint_record(&self, payload: &[u8]) -> Option<CheckpointRecord> {
        let change = pb::JournalEntry::decode(payload).ok()?.change?;
        let Change::CheckpointWritten(written) = change else { return None };
        let digest = written.digest.try_into().ok()?;
        Some(CheckpointRecord { sequence: written.sequence, digest })
    }

    fn key_ids(
        &self,
        view: &dyn Rows,
        found: &mut dyn FnMut(KeyId, KeyFate),
    ) -> Result<(), ProjectionError> {
        for row in view.scan(&[tables::KEYS]) {
            let (key, value) = row?;
            let id = key.get(1..).and_then(|octets| octets.try_into().ok());
            let fate = if value == DESTROYED { KeyFate::Destroyed } else { KeyFate::Held };
            found(KeyId::new(id.ok_or_else(|| malformed("key id"))?), fate);
        }
        Ok(())
    }
}

/// The row of a key that is destroyed, or is to be.
const DESTROYED: [u8; 1] = [1];

struct Writes<'a> {
    view: &'a dyn Rows,
    rows: Vec<RowWrite>,
}

impl Writes<'_> {
    /// The first entry of a request says what its id stands for.
    fn note_request(&mut self, entry: &pb::JournalEntry) -> Result<(), ProjectionError> {
        if entry.request_id.is_empty() {
            return Ok(());
        }
        let key = tables::request(&entry.request_id);
        if let Some(Change::OrderPlaced(placed)) = &entry.change {
            let id = placed.order.as_ref().map_or(0, |order| order.id);
            self.rows.push(RowWrite::put(key, id.to_be_bytes()));
        } else if self.view.get(&key)?.is_none() {
            self.rows.push(RowWrite::put(key, 0_u64.to_be_bytes()));
        }
        Ok(())
    }

    fn apply(&mut self, change: Change, entry: &pb::JournalEntry) -> Result<(), ProjectionError> {
        match change {
            Change::OrderPlaced(placed) => self.order_placed(placed),
            Change::OrderAdvanced(advanced) => self.order_advanced(advanced, entry),
            Change::EnrollmentSet(set) => self.enrollment_set(&set),
            Change::EnrollmentRemoved(removed) => self.enrollment_removed(&removed),
            Change::CertificateInstalled(installed) => self.certificate_installed(installed),
            Change::CertificateRemoved(removed) => self.certificate_removed(&removed),
            Change::CertificateRevoked(revoked) => self.certificate_revoked(revoked, entry),
            Change::AssignmentSet(set) => self.assignment_set(set),
            Change::CaEstablished(established) => self.ca_established(&established),
            Change::CaKeyCreated(created) => self.ca_key_created(&created),
            Change::CaRequestSet(set) => self.ca_request_set(&set),
            Change::CaIssued(issued) => self.ca_issued(&issued),
            Change::CrlPublished(published) => {
                self.put(tables::meta(Meta::Crl), &published);
                Ok(())
            }
            Change::FindingAccepted(accepted) => {
                let acceptance = accepted.acceptance.ok_or_else(|| malformed("acceptance"))?;
                self.put(tables::acceptance(&acceptance.code, &acceptance.role), &acceptance);
                Ok(())
            }
            Change::TopologyLoaded(loaded) => {
                self.put(tables::meta(Meta::Topology), &loaded);
                Ok(())
            }
            Change::KeyDestroyed(destroyed) => self.key_destroyed(&destroyed.key_id),
            Change::RootKeyExported(exported) => self.root_key_exported(&exported),
            Change::Refusal(_)
            | Change::CheckpointWritten(_)
            | Change::AgentStarted(_)
            | Change::AgentStopped(_)
            | Change::RequestHandled(_) => Ok(()),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: &impl Message) {
        self.rows.push(RowWrite::put(key, value.encode_to_vec()));
    }

    fn order_placed(&mut self, placed: pb::OrderPlaced) -> Result<(), ProjectionError> {
        let order = placed.order.ok_or_else(|| malformed("order"))?;
        let id = order_id(order.id)?;
        let settled = read_state(&order)?.is_settled();
        self.put(tables::order(id), &order);
        if !settled {
            self.open_orders(|open| {
                open.insert(order.id);
            })?;
        }
        self.rows.push(RowWrite::put(tables::key(key_id(&order.key_id)?), []));
        self.rows.push(RowWrite::put(tables::meta(Meta::LastOrder), order.id.to_be_bytes()));
        let taken = tables::friendly_name(&order.friendly_name);
        self.rows.push(RowWrite::put(taken, order.id.to_be_bytes()));
        Ok(())
    }

    fn order_advanced(
        &mut self,
        advanced: pb::OrderAdvanced,
        entry: &pb::JournalEntry,
    ) -> Result<(), ProjectionError> {
        let id = order_id(advanced.order_id)?;
        let mut order: pb::Order = self.get(tables::order(id), "order")?;
        order.state = advanced.state;
        order.updated_at = entry.at;
        let state = read_state(&order)?;
        if state.is_settled() {
            self.open_orders(|open| {
                open.remove(&id.get());
            })?;
            order.csr = Vec::new();
            order.wish = None;
            if state.fingerprint().is_none() {
                self.release_friendly_name(&order)?;
            }
        }
        self.put(tables::order(id), &order);
        Ok(())
    }

    /// The orders that have not settled are one row: they are few, and looked at all the time.
    fn open_orders(
        &mut self,
        change: impl FnOnce(&mut BTreeSet<u64>),
    ) -> Result<(), ProjectionError> {
        let key = tables::meta(Meta::OpenOrders);
        let row = self.view.get(&key)?.unwrap_or_default();
        let mut open: BTreeSet<u64> = numbers(&row).collect();
        change(&mut open);
        let row: Vec<u8> = open.iter().flat_map(|id| id.to_be_bytes()).collect();
        self.rows.push(RowWrite::put(key, row));
        Ok(())
    }

    /// An order that ends without a certificate gives back the name it had reserved.
    fn release_friendly_name(&mut self, order: &pb::Order) -> Result<(), ProjectionError> {
        let key = tables::friendly_name(&order.friendly_name);
        if self.view.get(&key)?.is_some_and(|holder| holder == order.id.to_be_bytes()) {
            self.rows.push(RowWrite::remove(key));
        }
        Ok(())
    }

    fn enrollment_set(&mut self, set: &pb::EnrollmentSet) -> Result<(), ProjectionError> {
        let enrollment = set.enrollment.as_ref().ok_or_else(|| malformed("enrollment"))?;
        let name = enrollment.name.parse().map_err(|_malformed| malformed("enrollment name"))?;
        self.put(tables::enrollment(&name), enrollment);
        Ok(())
    }

    fn enrollment_removed(&mut self, gone: &pb::EnrollmentRemoved) -> Result<(), ProjectionError> {
        let name = gone.name.parse().map_err(|_malformed| malformed("enrollment name"))?;
        self.rows.push(RowWrite::remove(tables::enrollment(&name)));
        Ok(())
    }

    fn certificate_installed(
        &mut self,
        installed: pb::CertificateInstalled,
    ) -> Result<(), ProjectionError> {
        let stored = installed.certificate.ok_or_else(|| malformed("certificate"))?;
        let certificate = parse(&stored.der)?;
        let fingerprint = certificate.fingerprint();
        self.put(tables::certificate(fingerprint), &stored);
        let octets = fingerprint.as_bytes().to_vec();
        let thumbprint = tables::thumbprint(certificate.thumbprint());
        self.rows.push(RowWrite::put(thumbprint, octets.clone()));
        self.rows.push(RowWrite::put(tables::expiry(certificate.not_after(), fingerprint), []));
        // An order has reserved the name and recorded the key when it was placed.
        if stored.order_id == 0 {
            self.rows.push(RowWrite::put(tables::friendly_name(&stored.friendly_name), octets));
            if !stored.key_id.is_empty() {
                self.rows.push(RowWrite::put(tables::key(key_id(&stored.key_id)?), []));
            }
        }
        for issuer in installed.issuers {
            let key = tables::issuer(Fingerprint::of(&issuer));
            self.rows.push(RowWrite::put(key, issuer));
        }
        Ok(())
    }

    fn certificate_removed(
        &mut self,
        removed: &pb::CertificateRemoved,
    ) -> Result<(), ProjectionError> {
        let fingerprint = fingerprint(&removed.fingerprint)?;
        let stored: pb::Certificate = self.get(tables::certificate(fingerprint), "certificate")?;
        let certificate = parse(&stored.der)?;
        for key in [
            tables::certificate(fingerprint),
            tables::thumbprint(certificate.thumbprint()),
            tables::expiry(certificate.not_after(), fingerprint),
            tables::friendly_name(&stored.friendly_name),
        ] {
            self.rows.push(RowWrite::remove(key));
        }
        self.issued_elsewhere(&certificate)
    }

    /// What the embedded CA signed can be found, and revoked, without the store having it.
    fn issued_elsewhere(&mut self, certificate: &Certificate) -> Result<(), ProjectionError> {
        let serial_number = certificate.serial_number().as_bytes();
        let key = tables::ca_issued(serial_number);
        let Some(row) = self.view.get(&key)? else { return Ok(()) };
        let mut issued = decode::<pb::CaIssued>("issuance", &row)?;
        if issued.fingerprint != certificate.fingerprint().as_bytes() {
            return Ok(());
        }
        issued.der = certificate.der().to_vec();
        self.put(key, &issued);
        let thumbprint = tables::issued_elsewhere(certificate.thumbprint());
        self.rows.push(RowWrite::put(thumbprint, serial_number));
        Ok(())
    }

    fn certificate_revoked(
        &mut self,
        revoked: pb::CertificateRevoked,
        entry: &pb::JournalEntry,
    ) -> Result<(), ProjectionError> {
        let fingerprint = fingerprint(&revoked.fingerprint)?;
        let mut serial_number = revoked.serial_number.clone();
        let key = tables::certificate(fingerprint);
        if let Some(row) = self.view.get(&key)? {
            let mut stored = decode::<pb::Certificate>("certificate", &row)?;
            serial_number = parse(&stored.der)?.serial_number().as_bytes().to_vec();
            stored.revoked_at = entry.at;
            stored.revocation_reason.clone_from(&revoked.reason);
            self.put(key, &stored);
        }
        let issued: pb::CaIssued = self.get(tables::ca_issued(&serial_number), "issuance")?;
        // What the list needs to know of it.
        let revocation = pb::Certificate {
            fingerprint: revoked.fingerprint,
            revoked_at: entry.at,
            revocation_reason: revoked.reason,
            facts: Some(pb::CertificateFacts {
                not_after: issued.not_after,
                ..pb::CertificateFacts::default()
            }),
            ..pb::Certificate::default()
        };
        self.put(tables::revoked(&serial_number), &revocation);
        Ok(())
    }

    fn assignment_set(&mut self, set: pb::AssignmentSet) -> Result<(), ProjectionError> {
        let message = set.assignment.ok_or_else(|| malformed("assignment"))?;
        let after =
            Assignment::try_from(message.clone()).map_err(|_malformed| malformed("assignment"))?;
        let key = tables::assignment(&after.role, &after.scope_name);
        let before = match self.view.get(&key)? {
            Some(row) => Some(read_assignment(&row)?),
            None => None,
        };
        for slot in before.iter().flat_map(slots) {
            self.rows.push(RowWrite::remove(use_key(&after, slot)));
        }
        if let Some(retired) = set.retired {
            let slot = Slot::try_from(retired.clone()).map_err(|_malformed| malformed("slot"))?;
            self.put(tables::previous(&after.role, &after.scope_name, slot.generation), &retired);
            self.put(use_key(&after, &slot), &use_of(&after, &slot, "previous"));
        }
        for generation in set.dropped_generations {
            self.drop_previous(&after, Generation::new(generation))?;
        }
        for (slot, name) in [(&after.current, "current"), (&after.next, "next")] {
            if let Some(slot) = slot {
                self.put(use_key(&after, slot), &use_of(&after, slot, name));
            }
        }
        self.put(key, &message);
        Ok(())
    }

    fn drop_previous(
        &mut self,
        assignment: &Assignment,
        generation: Generation,
    ) -> Result<(), ProjectionError> {
        let key = tables::previous(&assignment.role, &assignment.scope_name, generation);
        let slot: pb::Slot = self.get(key.clone(), "slot")?;
        let slot = Slot::try_from(slot).map_err(|_malformed| malformed("slot"))?;
        self.rows.push(RowWrite::remove(use_key(assignment, &slot)));
        self.rows.push(RowWrite::remove(key));
        Ok(())
    }

    fn ca_established(&mut self, established: &pb::CaEstablished) -> Result<(), ProjectionError> {
        self.put(tables::meta(Meta::Authority), established);
        self.rows.push(RowWrite::remove(tables::meta(Meta::PendingAuthorityKey)));
        for id in [&established.issuing_key_id, &established.root_key_id] {
            if !id.is_empty() {
                self.rows.push(RowWrite::put(tables::key(key_id(id)?), []));
            }
        }
        for certificate in &established.certificates {
            let key = tables::issuer(Fingerprint::of(certificate));
            self.rows.push(RowWrite::put(key, certificate.clone()));
        }
        Ok(())
    }

    fn ca_key_created(&mut self, created: &pb::CaKeyCreated) -> Result<(), ProjectionError> {
        self.put(tables::meta(Meta::PendingAuthorityKey), created);
        self.rows.push(RowWrite::put(tables::key(key_id(&created.key_id)?), []));
        Ok(())
    }

    fn root_key_exported(&mut self, exported: &pb::RootKeyExported) -> Result<(), ProjectionError> {
        let key = tables::meta(Meta::Authority);
        let mut authority: pb::CaEstablished = self.get(key.clone(), "authority")?;
        authority.root_key_id = Vec::new();
        self.put(key, &authority);
        self.key_destroyed(&exported.key_id)
    }

    /// The row stays, so that a start after a crash finishes what was said here.
    fn key_destroyed(&mut self, id: &[u8]) -> Result<(), ProjectionError> {
        self.rows.push(RowWrite::put(tables::key(key_id(id)?), DESTROYED));
        Ok(())
    }

    fn ca_request_set(&mut self, set: &pb::CaRequestSet) -> Result<(), ProjectionError> {
        let request = set.request.as_ref().ok_or_else(|| malformed("request"))?;
        self.put(tables::ca_request(request.id), request);
        let waiting = tables::waiting_ca_request(request.id);
        self.rows.push(match request.state() {
            pb::ca_request::State::Waiting => RowWrite::put(waiting, []),
            pb::ca_request::State::Unspecified
            | pb::ca_request::State::Issued
            | pb::ca_request::State::Denied => RowWrite::remove(waiting),
        });
        self.rows.push(RowWrite::put(tables::meta(Meta::LastCaRequest), {
            let last = read_number(self.view.get(&tables::meta(Meta::LastCaRequest))?)?;
            last.max(request.id).to_be_bytes()
        }));
        Ok(())
    }

    fn ca_issued(&mut self, issued: &pb::CaIssued) -> Result<(), ProjectionError> {
        self.put(tables::ca_issued(&issued.serial_number), issued);
        if !issued.der.is_empty() {
            let thumbprint = tables::issued_elsewhere(parse(&issued.der)?.thumbprint());
            self.rows.push(RowWrite::put(thumbprint, issued.serial_number.clone()));
        }
        let count = read_number(self.view.get(&tables::meta(Meta::IssuedCount))?)?;
        let count = count.saturating_add(1).to_be_bytes();
        self.rows.push(RowWrite::put(tables::meta(Meta::IssuedCount), count));
        Ok(())
    }

    fn get<M: Message + Default>(
        &self,
        key: Vec<u8>,
        what: &'static str,
    ) -> Result<M, ProjectionError> {
        match self.view.get(&key)? {
            Some(row) => decode(what, &row),
            None => Err(ProjectionError::new(format!("the {what} it changes does not exist"))),
        }
    }
}

fn slots(assignment: &Assignment) -> impl Iterator<Item = &Slot> {
    assignment.current.iter().chain(assignment.next.iter())
}

fn use_key(assignment: &Assignment, slot: &Slot) -> Vec<u8> {
    tables::use_of(slot.fingerprint, &assignment.role, &assignment.scope_name, slot.generation)
}

fn use_of(assignment: &Assignment, slot: &Slot, name: &str) -> pb::Use {
    pb::Use {
        role: assignment.role.to_string(),
        slot: name.to_owned(),
        generation: slot.generation.get(),
    }
}

fn read_state(order: &pb::Order) -> Result<State, ProjectionError> {
    let state = order.state.clone().ok_or_else(|| malformed("order state"))?;
    State::try_from(state).map_err(|_malformed| malformed("order state"))
}

fn read_assignment(row: &[u8]) -> Result<Assignment, ProjectionError> {
    decode::<pb::Assignment>("assignment", row)?
        .try_into()
        .map_err(|_violations| malformed("assignment"))
}

fn read_number(row: Option<Vec<u8>>) -> Result<u64, ProjectionError> {
    match row {
        Some(row) => {
            row.try_into().map(u64::from_be_bytes).map_err(|_malformed| malformed("number"))
        }
        None => Ok(0),
    }
}

/// Returns the numbers of a row that is a list of them.
pub(super) fn numbers(row: &[u8]) -> impl Iterator<Item = u64> {
    let (numbers, _) = row.as_chunks::<8>();
    numbers.iter().copied().map(u64::from_be_bytes)
}

fn order_id(id: u64) -> Result<OrderId, ProjectionError> {
    OrderId::new(id).ok_or_else(|| malformed("order number"))
}

fn key_id(octets: &[u8]) -> Result<KeyId, ProjectionError> {
    octets.try_into().map(KeyId::new).map_err(|_malformed| malformed("key id"))
}

fn fingerprint(octets: &[u8]) -> Result<Fingerprint, ProjectionError> {
    octets.try_into().map(Fingerprint::new).map_err(|_malformed| malformed("fingerprint"))
}

fn parse(der: &[u8]) -> Result<Certificate, ProjectionError> {
    Certificate::from_der(der)
        .map_err(|error| ProjectionError::caused("the certificate is malformed", error))
}

fn decode<M: Message + Default>(what: &str, octets: &[u8]) -> Result<M, ProjectionError> {
    M::decode(octets)
        .map_err(|error| ProjectionError::caused(format!("the {what} is malformed"), error))
}

fn malformed(what: &str) -> ProjectionError {
    ProjectionError::new(format!("the {what} is malformed"))
}
