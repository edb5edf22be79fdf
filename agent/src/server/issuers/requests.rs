//! Requests at the embedded CA: those that wait for an approval, and those from outside.
//!
//! A foreign PKCS#10 gives the CA its public key and nothing else. Names and usages are planned from
//! the topology for the server and the roles that the caller states; a request that asks for more is
//! refused, and that is journalled (`security.md` §8).

use std::collections::BTreeSet;

use rolecall::access::Grant;
use rolecall::actor::Actor;
use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::{Failure, Violation};
use rolecall::certificate::{Certificate, Fingerprint};
use rolecall::key::DigestAlgorithm;
use rolecall::name::{DnsName, Fqdn};
use rolecall::naming::{NamingOptions, PlannedNames, names};
use rolecall::order::OrderId;
use rolecall::reason::Reason;
use rolecall::role::Role;
use rolecall::template::Template;

use super::refused;
use crate::agent::Agent;
use crate::issuer::embedded::{AllowedNames, Profile, Purpose, Subject, check_csr};
use crate::server::{Services, check_reason, roles};
use crate::store::view::{Cause, Record, View};

/// A foreign request that was planned.
struct Foreign {
    names: PlannedNames,
    purposes: Vec<Purpose>,
    template: Template,
    approval: bool,
}

impl Services {
    pub(super) async fn approve(
        &self,
        id: u64,
        cause: Cause,
        what_if: bool,
    ) -> Result<pb::CaRequest, Failure> {
        if let Some(request) = self.decided_before(id, &cause)? {
            return Ok(request);
        }
        let mut request = self.waiting(id, &cause.actor)?;
        if what_if {
            return Ok(request);
        }
        request.decided_by = Some((&cause.actor).into());
        request.decided_at = Some(timestamp(cause.now));
        if let Some(order) = OrderId::new(request.order_id) {
            let order = self.agent.store.read(|view| view.expect_order(order))?;
            self.agent.issue_approved(&order, request, cause).await?;
        } else {
            let foreign = self.foreign_of(&request)?;
            self.sign_foreign(request, &foreign, cause).await?;
        }
        self.request(id)
    }

    pub(super) async fn deny(
        &self,
        asked: pb::DenyCaRequestRequest,
        cause: Cause,
    ) -> Result<pb::CaRequest, Failure> {
        if let Some(violation) = check_reason(&asked.reason) {
            return Err(violation.into());
        }
        if let Some(request) = self.decided_before(asked.ca_request_id, &cause)? {
            return Ok(request);
        }
        let mut request = self.waiting(asked.ca_request_id, &cause.actor)?;
        if asked.what_if {
            return Ok(request);
        }
        request.decided_by = Some((&cause.actor).into());
        request.decided_at = Some(timestamp(cause.now));
        request.reason = asked.reason;
        request.csr = Vec::new();
        request.set_state(pb::ca_request::State::Denied);
        let denied = request.clone();
        let key = self
            .agent
            .store
            .change(cause, move |record| {
                still_waiting(record, denied.id)?;
                let key = deny_order(record, &denied)?;
                record.entry(Change::CaRequestSet(pb::CaRequestSet { request: Some(denied) }))?;
                Ok(key)
            })
            .await?;
        if let Some(id) = key {
            self.agent.destroy_key(id);
        }
        Ok(request)
    }

    pub(super) async fn submit(
        &self,
        asked: pb::SubmitCsrRequest,
        cause: Cause,
        grant: Grant,
    ) -> Result<pb::SubmitCsrResponse, Failure> {
        let csr_sha256 = Fingerprint::of(&asked.csr).as_bytes().to_vec();
        let server = self.server(&asked.server, grant)?;
        let roles = roles("roles", &asked.roles)?;
        let foreign = self.plan_foreign(&server, &roles, &asked.template, grant)?;
        let allowed = allowed(&foreign.names.dns_names());
        if let Err(error) = check_csr(&asked.csr, &allowed) {
            let failure = refused(&error);
            self.journal_refusal(&cause, &failure, &roles).await?;
            return Err(failure);
        }
        let request = pb::CaRequest {
            template: foreign.template.name.to_string(),
            server: server.to_string(),
            roles: roles.iter().map(ToString::to_string).collect(),
            names: foreign.names.dns_names().iter().map(ToString::to_string).collect(),
            requested_by: Some((&cause.actor).into()),
            requested_at: Some(timestamp(cause.now)),
            state: pb::ca_request::State::Waiting.into(),
            request_id: asked.request_id,
            csr: asked.csr,
            csr_sha256,
            ..pb::CaRequest::default()
        };
        let request = self.record_request(request, cause.clone()).await?;
        let is_waiting = request.state() == pb::ca_request::State::Waiting;
        let request = if foreign.approval || !is_waiting {
            request
        } else {
            self.sign_foreign(request, &foreign, cause).await?
        };
        self.outcome(request)
    }

    /// Records a request, or returns what an earlier call with its request id came to.
    async fn record_request(
        &self,
        mut request: pb::CaRequest,
        cause: Cause,
    ) -> Result<pb::CaRequest, Failure> {
        self.agent
            .store
            .change(cause, move |record| {
                if let Some(known) = record.read(|view| replay(view, &request))? {
                    return Ok(known);
                }
                if record.read(|view| view.waiting_ca_requests())? >= MOST_WAITING {
                    return Err(queue_full());
                }
                request.id = record.read(|view| view.next_ca_request_id())?;
                let set = pb::CaRequestSet { request: Some(request.clone()) };
                record.entry(Change::CaRequestSet(set))?;
                Ok(request)
            })
            .await
    }

    async fn sign_foreign(
        &self,
        mut request: pb::CaRequest,
        foreign: &Foreign,
        cause: Cause,
    ) -> Result<pb::CaRequest, Failure> {
        let agent = &self.agent;
        let ca = agent.ca.get_or_establish(&agent.store, &agent.sealer, cause.now).await?;
        let names = foreign.names.dns_names();
        let facts = check_csr(&request.csr, &allowed(&names)).map_err(|error| refused(&error))?;
        let profile = Profile {
            subject: Subject {
                common_name: foreign.names.subject_cn.as_ref().map(ToString::to_string),
                ..Subject::default()
            },
            dns_names: names,
            addresses: Vec::new(),
            purposes: foreign.purposes.clone(),
            digest: DigestAlgorithm::default(),
            lifetime: foreign.template.lifetime,
        };
        let signed = ca.sign(&profile, &facts.spki_der, Agent::random(), cause.now)?;
        request.set_state(pb::ca_request::State::Issued);
        request.fingerprint = signed.fingerprint().as_bytes().to_vec();
        request.serial_number = signed.serial_number().as_bytes().to_vec();
        request.csr = Vec::new();
        let answer = request.clone();
        agent
            .store
            .change(cause, move |record| {
                still_waiting(record, request.id)?;
                record.entry(Change::CaIssued(issued(&signed, request.id)))?;
                record.entry(Change::CaRequestSet(pb::CaRequestSet { request: Some(request) }))
            })
            .await?;
        Ok(answer)
    }

    /// Returns a decided request with its certificate and the CA's.
    fn outcome(&self, request: pb::CaRequest) -> Result<pb::SubmitCsrResponse, Failure> {
        let mut certificates = Vec::new();
        if !request.serial_number.is_empty() {
            let issued = self.agent.store.read(|view| view.ca_issued(&request.serial_number))?;
            certificates.extend(issued.map(|issued| issued.der));
            if let Some(ca) = self.agent.ca.get() {
                certificates.extend(ca.certificates.iter().map(|one| one.der().to_vec()));
            }
        }
        Ok(pb::SubmitCsrResponse { request: Some(request), certificates })
    }

    fn request(&self, id: u64) -> Result<pb::CaRequest, Failure> {
        self.agent.store.read(|view| view.ca_request(id))?.ok_or_else(|| {
            Failure::new(Reason::CaRequestUnknown, format!("the embedded CA has no request {id}"))
                .with_remedy("rolecallctl issuer requests")
        })
    }

    /// Returns the request if this very call decided it before, and only its answer was lost.
    fn decided_before(&self, id: u64, cause: &Cause) -> Result<Option<pb::CaRequest>, Failure> {
        let Some(attempt) = &cause.request else { return Ok(None) };
        if self.agent.store.read(|view| view.request(attempt))?.is_none() {
            return Ok(None);
        }
        let request = self.request(id)?;
        let decider = request.decided_by.clone().and_then(|by| Actor::try_from(by).ok());
        let is_ours = decider.is_some_and(|decider| decider.is_same_person(&cause.actor));
        Ok(Some(request).filter(|_| is_ours))
    }

    /// Returns a request that waits, if `actor` may decide it.
    fn waiting(&self, id: u64, actor: &Actor) -> Result<pb::CaRequest, Failure> {
        let request = self.request(id)?;
        if request.state() != pb::ca_request::State::Waiting {
            return Err(decided(&request));
        }
        let requester = request.requested_by.clone().and_then(|by| Actor::try_from(by).ok());
        if requester.is_some_and(|requester| requester.is_same_person(actor)) {
            return Err(Failure::new(
                Reason::OwnRequest,
                format!("request {id} is {actor}'s own: nobody decides their own request"),
            )
            .with_remedy("have another administrator decide it"));
        }
        Ok(request)
    }

    fn server(&self, text: &str, grant: Grant) -> Result<Fqdn, Failure> {
        if text.is_empty() {
            return Ok(self.agent.server.clone());
        }
        let server: Fqdn =
            text.parse().map_err(|error| Failure::from(Violation::new("server", error)))?;
        let loaded = self.agent.topology();
        if loaded.topology.place(&server).is_none() {
            let names = loaded.topology.servers().map(|server| server.name().to_string());
            let nearest = rolecall::suggest::nearest(server.as_str(), names);
            let hint = rolecall::suggest::did_you_mean(&nearest);
            return Err(Failure::new(
                Reason::ServerUnknown,
                format!("the topology has no server {server}{hint}"),
            ));
        }
        if server != self.agent.server && grant != Grant::Administrator {
            return Err(Failure::new(
                Reason::PeerForbidden,
                format!(
                    "only an administrator may ask for another server than {}",
                    self.agent.server
                ),
            ));
        }
        Ok(server)
    }

    fn foreign_of(&self, request: &pb::CaRequest) -> Result<Foreign, Failure> {
        let server = self.server(&request.server, Grant::Administrator)?;
        let roles = roles("roles", &request.roles)?;
        self.plan_foreign(&server, &roles, &request.template, Grant::Administrator)
    }

    fn plan_foreign(
        &self,
        server: &Fqdn,
        roles: &[Role],
        template: &str,
        grant: Grant,
    ) -> Result<Foreign, Failure> {
        let loaded = self.agent.topology();
        let topology = &loaded.topology;
        let place = topology
            .place(server)
            .ok_or_else(|| Failure::new(Reason::ServerUnknown, format!("no server {server}")))?;
        let needs = topology.roles_needed(server);
        if let Some(role) = roles.iter().find(|role| !needs.iter().any(|need| need.role == **role))
        {
            return Err(Failure::new(
                Reason::RoleNotNeeded,
                format!("the computer {server} does not need a certificate for {role}"),
            ));
        }
        if roles.is_empty() {
            return Err(Violation::new("roles", "at least one role is needed").into());
        }
        let client = roles.iter().any(|role| topology.usages(role).client);
        let issuer = topology.default_issuer();
        let templates = issuer.templates();
        let usual = topology.default_template(issuer.name(), roles);
        let wanted = match (template, &usual) {
            ("", Some(usual)) => usual.to_string(),
            (named, _) => named.to_owned(),
        };
        let template =
            templates.iter().find(|one| one.name.as_str() == wanted).ok_or_else(|| {
                let known: Vec<String> = templates.iter().map(|one| one.name.to_string()).collect();
                let nearest = rolecall::suggest::nearest(&wanted, &known);
                let hint = rolecall::suggest::did_you_mean_or(&nearest, &known);
                let shown = wanted.escape_debug();
                Failure::new(Reason::TemplateUnknown, format!("there is no template {shown}{hint}"))
            })?;
        let mut purposes = vec![Purpose::ServerAuth];
        if client && template.client_auth {
            purposes.push(Purpose::ClientAuth);
        }
        let names = names(topology, place, roles, NamingOptions::default());
        // Who is no administrator does not get around an approval by choosing another template.
        let usual = templates.iter().find(|one| Some(&one.name) == usual.as_ref());
        let is_guarded = usual.is_some_and(|usual| usual.approval) && grant != Grant::Administrator;
        let approval = template.approval || is_guarded;
        Ok(Foreign { names, purposes, template: template.clone(), approval })
    }

    async fn journal_refusal(
        &self,
        cause: &Cause,
        failure: &Failure,
        roles: &[Role],
    ) -> Result<(), Failure> {
        let refusal = pb::Refusal {
            operation: "SubmitCsr".to_owned(),
            reason: failure.reason.to_string(),
            detail: failure.message.clone(),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        let cause = Cause { request: None, ..cause.clone() };
        self.agent.store.change(cause, move |record| record.entry(Change::Refusal(refusal))).await
    }
}

/// Returns the request of an earlier call with the same id, which must have asked for the same.
fn replay(view: View<'_>, asked: &pb::CaRequest) -> Result<Option<pb::CaRequest>, Failure> {
    let id = asked.request_id.parse().map_err(|error| Violation::new("request_id", error))?;
    if view.request(&id)?.is_none() {
        return Ok(None);
    }
    let is_it = |known: &Result<pb::CaRequest, _>| {
        known.as_ref().map_or(true, |known| known.request_id == asked.request_id)
    };
    let known = view.ca_requests().find(is_it).transpose()?;
    let is_same = |known: &pb::CaRequest| {
        known.csr_sha256 == asked.csr_sha256
            && known.template == asked.template
            && known.server == asked.server
            && known.roles == asked.roles
            && known.requested_by == asked.requested_by
    };
    match known {
        Some(known) if is_same(&known) => Ok(Some(known)),
        Some(_) | None => Err(Failure::new(
            Reason::RequestIdReused,
            format!("request id {id} was used for something else"),
        )
        .with_remedy("leave --request-id out, or give a new one")),
    }
}

fn allowed(names: &[DnsName]) -> AllowedNames {
    AllowedNames { dns_names: names.iter().cloned().collect(), addresses: BTreeSet::new() }
}

fn issued(certificate: &Certificate, request: u64) -> pb::CaIssued {
    pb::CaIssued {
        serial_number: certificate.serial_number().as_bytes().to_vec(),
        fingerprint: certificate.fingerprint().as_bytes().to_vec(),
        ca_request_id: request,
        order_id: 0,
        not_after: Some(timestamp(certificate.not_after())),
        der: certificate.der().to_vec(),
    }
}

fn still_waiting(record: &Record<'_, '_>, id: u64) -> Result<(), Failure> {
    match record.read(|view| view.ca_request(id))? {
        Some(request) if request.state() != pb::ca_request::State::Waiting => {
            Err(decided(&request))
        }
        Some(_) | None => Ok(()),
    }
}

fn queue_full() -> Failure {
    Failure::new(
        Reason::CaQueueFull,
        format!("{MOST_WAITING} requests wait at the embedded CA already"),
    )
    .with_remedy("rolecallctl issuer requests")
}

fn decided(request: &pb::CaRequest) -> Failure {
    let how = match request.state() {
        pb::ca_request::State::Issued => "issued",
        pb::ca_request::State::Denied => "denied",
        pb::ca_request::State::Waiting | pb::ca_request::State::Unspecified => "decided",
    };
    Failure::new(Reason::CaRequestDecided, format!("request {} has been {how} already", request.id))
        .with_remedy("rolecallctl issuer requests")
}

/// Ends the order of a request that was denied; returns its key, which nothing refers to then.
fn deny_order(
    record: &mut Record<'_, '_>,
    request: &pb::CaRequest,
) -> Result<Option<rolecall::key::KeyId>, Failure> {
    let Some(id) = OrderId::new(request.order_id) else { return Ok(None) };
    let order = record.read(|view| view.expect_order(id))?;
    let denied_by: Box<str> = record.cause().actor.to_string().into();
    let Ok(state) = order.state.handle_denied(denied_by, request.reason.as_str().into()) else {
        return Ok(None);
    };
    let key_id = order.key_id;
    record.order_advanced(order, state)?;
    record.key_destroyed(key_id, "its order was denied")?;
    Ok(Some(key_id))
}

/// Nobody looks through more; each may be 20 KiB.
const MOST_WAITING: usize = 1_000;
