//! Completes an order: what was issued is verified, installed and assigned in one journal group.

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::assignment::{Assignment, Candidate};
use rolecall::certificate::Certificate;
use rolecall::enrollment::regroup;
use rolecall::finding::{Finding, Severity};
use rolecall::inventory::StoredCertificate;
use rolecall::order::{Order, State};
use rolecall::request::Goal;
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::topology::ScopeInstance;
use rolecall::verify::{KeyState, ProvenAuthority};

use crate::agent::Agent;
use crate::store::view::{Cause, Record};
use crate::verification;

/// What the embedded CA remembers of a certificate it signed.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) certificate: Certificate,
    pub(crate) issuers: Vec<Certificate>,
    /// The request at the CA, if it waited for an approval.
    pub(crate) request: Option<pb::CaRequest>,
}

/// What completes an order: signed, and verified for its roles.
#[derive(Debug)]
pub(super) struct Completion {
    signed: Signed,
    waiting_for: Vec<Finding>,
    instances: Vec<(Role, ScopeInstance)>,
}

impl Completion {
    /// Records all of it, and how far the order comes with it.
    pub(super) fn record(
        self,
        record: &mut Record<'_, '_>,
        order: Order,
    ) -> Result<Order, Failure> {
        let Self { signed, waiting_for, instances } = self;
        let fingerprint = signed.certificate.fingerprint();
        // An order that was cancelled meanwhile takes no late answer.
        let Ok(state) = order.state.handle_issued(fingerprint) else { return Ok(order) };
        record_signed(record, &order, &signed)?;
        if let Some(wish) = &order.wish {
            let existing = record.read(|view| view.enrollments())?;
            record.enrollments_changed(&regroup(&existing, wish))?;
        }
        let stored = stored(&order, &signed, record.cause().now);
        record.certificate_installed(&stored, &signed.issuers)?;
        let state = state.handle_installed(waiting_for).unwrap_or(state);
        reach_goal(record, order, state, &instances, &signed.certificate)
    }
}

impl Agent {
    /// Installs what was issued for `order` and goes on to its goal.
    pub(super) async fn complete(
        &self,
        order: &Order,
        signed: Signed,
        cause: Cause,
    ) -> Result<Order, Failure> {
        let key = self.key_state(Some(order.key_id), &signed.certificate);
        let completion = self.completion(order, signed, key)?;
        let id = order.id;
        self.store
            .change(cause, move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                completion.record(record, order)
            })
            .await
    }

    /// Verifies what was issued for `order`, whose key is in the state `key`, against what the order
    /// wishes: the enrollments say that only once this is recorded.
    pub(super) fn completion(
        &self,
        order: &Order,
        signed: Signed,
        key: KeyState,
    ) -> Result<Completion, Failure> {
        let candidate = verification::Candidate {
            certificate: &signed.certificate,
            issuers: &signed.issuers,
            key,
            asked_digest: Some(order.digest),
            revoked: None,
            shared_with: Vec::new(),
        };
        let now = self.now();
        let mut enrollments: Vec<_> = order.wish.iter().cloned().collect();
        enrollments.extend(self.enrollments()?);
        let verification = self.verify_candidate(&candidate, &order.roles, &enrollments, now)?;
        if let (Some(ca), Some(proven)) = (self.ca.get(), ProvenAuthority::of(&verification)) {
            ca.proven.get_or_init(|| proven);
        }
        let waiting_for = errors(&verification.findings);
        Ok(Completion { signed, waiting_for, instances: self.instances(&order.roles) })
    }

    /// Verifies an installed certificate again, and goes on to the order's goal if it is good now.
    pub(super) async fn retry_goal(&self, order: Order) -> Result<Order, Failure> {
        let now = self.now();
        let State::Installed { fingerprint, waiting_for } = &order.state else {
            return Ok(order);
        };
        let Some(stored) = self.store.read(|view| view.certificate(*fingerprint))? else {
            return Ok(order);
        };
        let found = errors(&self.verify_stored(&stored, &order.roles, now)?.findings);
        if found == *waiting_for && !found.is_empty() {
            return Ok(order);
        }
        let instances = self.instances(&order.roles);
        let id = order.id;
        self.store
            .change(Cause::agent(now), move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                let Ok(state) = order.state.handle_installed(found) else { return Ok(order) };
                reach_goal(record, order, state, &instances, &stored.certificate)
            })
            .await
    }

    /// Returns the scope instance of each role on this server.
    pub(crate) fn instances(&self, roles: &[Role]) -> Vec<(Role, ScopeInstance)> {
        let loaded = self.topology();
        let Some(place) = loaded.topology.place(&self.server) else { return Vec::new() };
        roles.iter().map(|role| (role.clone(), loaded.topology.instance(place, role))).collect()
    }
}

/// An order's assignment is stopped by errors only: its plan showed the warnings
/// (`manual/decisions/0003-errors-block-orders-warnings-block-assign.md`).
fn errors(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect()
}

fn record_signed(
    record: &mut Record<'_, '_>,
    order: &Order,
    signed: &Signed,
) -> Result<(), Failure> {
    let certificate = &signed.certificate;
    let fingerprint = certificate.fingerprint().as_bytes().to_vec();
    record.entry(Change::CaIssued(pb::CaIssued {
        serial_number: certificate.serial_number().as_bytes().to_vec(),
        fingerprint: fingerprint.clone(),
        ca_request_id: signed.request.as_ref().map_or(0, |request| request.id),
        order_id: order.id.get(),
        not_after: Some(timestamp(certificate.not_after())),
        der: Vec::new(),
    }))?;
    match &signed.request {
        Some(request) => {
            let mut request = request.clone();
            request.set_state(pb::ca_request::State::Issued);
            request.fingerprint = fingerprint;
            request.serial_number = certificate.serial_number().as_bytes().to_vec();
            record.entry(Change::CaRequestSet(pb::CaRequestSet { request: Some(request) }))
        }
        None => Ok(()),
    }
}

fn stored(order: &Order, signed: &Signed, now: Timestamp) -> StoredCertificate {
    StoredCertificate {
        certificate: signed.certificate.clone(),
        chain: signed.issuers.iter().map(Certificate::fingerprint).collect(),
        friendly_name: order.friendly_name.clone(),
        enrollment: Some(order.enrollment.clone()),
        order: Some(order.id),
        issuer: Some(order.issuer.clone()),
        key_id: Some(order.key_id),
        exportable: order.exportable,
        installed_at: now,
        revoked: None,
        asked_digest: Some(order.digest),
    }
}

/// Records how far an installed order comes: to its goal, or to what it waits for.
fn reach_goal(
    record: &mut Record<'_, '_>,
    order: Order,
    state: State,
    instances: &[(Role, ScopeInstance)],
    certificate: &Certificate,
) -> Result<Order, Failure> {
    let is_good = matches!(&state, State::Installed { waiting_for, .. } if waiting_for.is_empty());
    let state = match order.goal {
        Goal::Install => goal_reached(&state, certificate),
        Goal::Assign | Goal::Roll if is_good => {
            let now = record.cause().now;
            assign_roles(record, instances, certificate, now)?;
            goal_reached(&state, certificate)
        }
        Goal::Assign | Goal::Roll => state,
    };
    record.order_advanced(order, state)
}

fn goal_reached(state: &State, certificate: &Certificate) -> State {
    state.handle_goal_reached(certificate.thumbprint()).expect("only an installed order comes here")
}

/// Makes a certificate the current one of roles, at once or from `effective` on; returns what changed.
pub(crate) fn assign_roles(
    record: &mut Record<'_, '_>,
    instances: &[(Role, ScopeInstance)],
    certificate: &Certificate,
    effective: Timestamp,
) -> Result<Vec<Assignment>, Failure> {
    let candidate = Candidate {
        fingerprint: certificate.fingerprint(),
        thumbprint: certificate.thumbprint(),
        not_after: certificate.not_after(),
    };
    let now = record.cause().now;
    let mut changed = Vec::new();
    for (role, instance) in instances {
        let assignment = record.read(|view| view.assignment(role, instance))?;
        if let Some(change) = assignment.handle_assign(candidate, effective, now) {
            record.assignment_changed(
                &change.assignment,
                change.cause.as_str(),
                change.retired.as_ref(),
                &[],
            )?;
            changed.push(change.assignment);
        }
    }
    Ok(changed)
}
