//! Which entries a reader of the journal wants.

use std::collections::BTreeSet;

use prost::Message;
use rolecall::api::convert::{moment, too_many};
use rolecall::api::kind::{self, kind};
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::{Failure, Violation};
use rolecall::certificate::{CertificateSelector, Fingerprint, Thumbprint};
use rolecall::reason::Reason;
use rolecall::time::Timestamp;

/// A filter over entries, in the order of the journal.
#[derive(Debug)]
pub(super) struct Filter {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    order: u64,
    role: String,
    certificate: Option<CertificateSelector>,
    kinds: Vec<String>,
    /// Certificates of the wanted order, so that what happens to them passes too.
    of_order: BTreeSet<Vec<u8>>,
}

impl Filter {
    pub(super) fn new(message: pb::ReadJournalRequest) -> Result<Self, Failure> {
        let certificate = match message.certificate.as_str() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|error| Failure::from(Violation::new("certificate", error)))?,
            ),
        };
        if let Some(violation) = too_many("kinds", message.kinds.len(), MOST_KINDS) {
            return Err(violation.into());
        }
        for (index, wanted) in message.kinds.iter().enumerate() {
            if !kind::ALL.contains(&wanted.as_str()) {
                let nearest = rolecall::suggest::nearest(wanted, kind::ALL);
                let hint = rolecall::suggest::did_you_mean(&nearest);
                let what = format!("`{}` is not a kind of entry{hint}", wanted.escape_debug());
                return Err(Violation::new(format!("kinds[{index}]"), what).into());
            }
        }
        Ok(Self {
            since: message.since.map(moment),
            until: message.until.map(moment),
            order: message.order_id,
            role: message.role,
            certificate,
            kinds: message.kinds,
            of_order: BTreeSet::new(),
        })
    }

    /// Returns the entry if it passes.
    pub(super) fn pass(
        &mut self,
        sequence: u64,
        payload: &[u8],
    ) -> Result<Option<pb::JournalEntry>, Failure> {
        let mut entry = pb::JournalEntry::decode(payload).map_err(|error| {
            Failure::new(Reason::StoreCorrupt, format!("entry {sequence} cannot be read: {error}"))
        })?;
        entry.sequence = sequence;
        Ok(self.wants(&entry).then_some(entry))
    }

    fn wants(&mut self, entry: &pb::JournalEntry) -> bool {
        let Some(change) = &entry.change else { return false };
        let subject = Subject::of(change);
        if self.order != 0 {
            if subject.order == self.order {
                self.of_order.extend(subject.fingerprints.iter().cloned());
            } else if !subject.fingerprints.iter().any(|one| self.of_order.contains(one)) {
                return false;
            }
        }
        let at = entry.at.map_or(Timestamp::EPOCH, moment);
        self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at <= until)
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind(change)))
            && (self.role.is_empty()
                || subject.roles.iter().any(|role| role.eq_ignore_ascii_case(&self.role)))
            && self.certificate.as_ref().is_none_or(|wanted| subject.is_about(wanted))
    }
}

/// What an entry is about.
#[derive(Default)]
struct Subject {
    order: u64,
    roles: Vec<String>,
    fingerprints: Vec<Vec<u8>>,
    thumbprints: Vec<Vec<u8>>,
}

impl Subject {
    fn of(change: &Change) -> Self {
        let mut subject = Self::default();
        match change {
            Change::OrderPlaced(placed) => {
                if let Some(order) = &placed.order {
                    subject.order = order.id;
                    subject.roles.clone_from(&order.roles);
                }
            }
            Change::OrderAdvanced(advanced) => {
                subject.order = advanced.order_id;
                subject.roles.clone_from(&advanced.roles);
                subject.fingerprints.extend(fingerprint_of(advanced));
            }
            Change::EnrollmentSet(set) => {
                if let Some(enrollment) = &set.enrollment {
                    subject.roles.clone_from(&enrollment.roles);
                }
            }
            Change::CertificateInstalled(installed) => {
                if let Some(certificate) = &installed.certificate {
                    subject.order = certificate.order_id;
                    subject.certificate(&certificate.fingerprint, &certificate.thumbprint);
                }
            }
            Change::CertificateRemoved(removed) => {
                subject.certificate(&removed.fingerprint, &removed.thumbprint);
            }
            Change::CertificateRevoked(revoked) => {
                subject.certificate(&revoked.fingerprint, &revoked.thumbprint);
            }
            Change::AssignmentSet(set) => subject.assignment(set),
            Change::CaRequestSet(set) => {
                if let Some(request) = &set.request {
                    subject.order = request.order_id;
                    subject.roles.clone_from(&request.roles);
                    subject.fingerprints.push(request.fingerprint.clone());
                }
            }
            Change::CaIssued(issued) => {
                subject.order = issued.order_id;
                subject.fingerprints.push(issued.fingerprint.clone());
            }
            Change::FindingAccepted(accepted) => {
                subject.roles.extend(accepted.acceptance.as_ref().map(|one| one.role.clone()));
            }
            Change::Refusal(refusal) => subject.roles.clone_from(&refusal.roles),
            Change::EnrollmentRemoved(_)
            | Change::CaEstablished(_)
            | Change::CrlPublished(_)
            | Change::TopologyLoaded(_)
            | Change::KeyDestroyed(_)
            | Change::CheckpointWritten(_)
            | Change::AgentStarted(_)
            | Change::AgentStopped(_)
            | Change::RootKeyExported(_)
            | Change::CaKeyCreated(_)
            | Change::RequestHandled(_) => {}
        }
        subject
    }

    fn certificate(&mut self, fingerprint: &[u8], thumbprint: &[u8]) {
        self.fingerprints.push(fingerprint.to_vec());
        self.thumbprints.push(thumbprint.to_vec());
    }

    fn assignment(&mut self, set: &pb::AssignmentSet) {
        let Some(assignment) = &set.assignment else { return };
        self.roles.push(assignment.role.clone());
        for slot in assignment.current.iter().chain(&assignment.next).chain(&set.retired) {
            self.certificate(&slot.fingerprint, &slot.thumbprint);
        }
    }

    fn is_about(&self, wanted: &CertificateSelector) -> bool {
        let none = (Thumbprint::new([0; 20]), Fingerprint::new([0; 32]));
        let by_fingerprint = self.fingerprints.iter().filter_map(|octets| {
            octets.as_slice().try_into().ok().map(|octets| (none.0, Fingerprint::new(octets)))
        });
        let by_thumbprint = self.thumbprints.iter().filter_map(|octets| {
            octets.as_slice().try_into().ok().map(|octets| (Thumbprint::new(octets), none.1))
        });
        by_fingerprint
            .chain(by_thumbprint)
            .any(|(thumbprint, fingerprint)| wanted.matches_digests(thumbprint, fingerprint))
    }
}

fn fingerprint_of(advanced: &pb::OrderAdvanced) -> Option<Vec<u8>> {
    use pb::order_state::State;
    match advanced.state.as_ref()?.state.as_ref()? {
        State::Issued(state) => Some(state.fingerprint.clone()),
        State::Installed(state) => Some(state.fingerprint.clone()),
        State::Done(state) => Some(state.fingerprint.clone()),
        State::KeyReady(_)
        | State::Submitting(_)
        | State::Submitted(_)
        | State::AwaitingResponse(_)
        | State::Refused(_)
        | State::Denied(_)
        | State::Failed(_)
        | State::Cancelled(_) => None,
    }
}

/// More than there are.
const MOST_KINDS: usize = 64;
