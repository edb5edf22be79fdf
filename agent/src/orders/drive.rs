//! Moves an order on until it rests: settled, or waiting for a time or for somebody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::finding::{Finding, FindingCode};
use rolecall::order::{Misplaced, Order, OrderId, State, Step};
use rolecall::reason::Reason;
use rolecall::renewal::{Spread, backoff};
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::verify::KeyState;

use super::complete::{Completion, Signed};
use super::place::{purposes, refusal_cause, subject};
use crate::agent::Agent;
use crate::ca::OpenCa;
use crate::issuer::embedded::{AllowedNames, PrivateKey, Profile, check_own_csr};
use crate::store::view::Cause;

/// An order that rests, and until when.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) order: Order,
    /// When to drive it again; absent: when something else happens.
    pub(crate) until: Option<Timestamp>,
}

impl Agent {
    /// Does whatever an order needs next, until it rests.
    pub(crate) async fn drive_order(self: Arc<Self>, id: OrderId) -> Result<Rest, Failure> {
        let mut order = self.store.read(|view| view.expect_order(id))?;
        loop {
            order = match order.state.next_step(self.now()) {
                Step::Submit => {
                    self.advance(id, |order, _now| order.state.handle_submitting()).await?
                }
                Step::Send | Step::Ask => self.send_to_ca(order).await?,
                Step::Install(_) => {
                    self.advance(id, |order, _now| order.state.handle_installed(Vec::new())).await?
                }
                Step::ReachGoal(_) => {
                    let order = self.retry_goal(order).await?;
                    return Ok(Rest { order, until: None });
                }
                Step::WaitUntil(until) => return Ok(Rest { order, until: Some(until) }),
                Step::WaitForOthers | Step::Nothing => return Ok(Rest { order, until: None }),
            };
        }
    }

    /// Records an event of an order; an event that came too late changes nothing.
    async fn advance(
        &self,
        id: OrderId,
        event: impl FnOnce(&Order, Timestamp) -> Result<State, Misplaced> + Send + 'static,
    ) -> Result<Order, Failure> {
        self.store
            .change(Cause::agent(self.now()), move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                match event(&order, record.cause().now) {
                    Ok(state) => record.order_advanced(order, state),
                    Err(misplaced) => {
                        tracing::debug!(order = %id, %misplaced, "an event came too late");
                        Ok(order)
                    }
                }
            })
            .await
    }

    async fn send_to_ca(&self, order: Order) -> Result<Order, Failure> {
        let ca = match self.ca.get_or_establish(&self.store, &self.sealer, self.now()).await {
            Ok(ca) => ca,
            Err(failure) if failure.reason == Reason::ShuttingDown => return Err(failure),
            Err(failure) => return self.unavailable(&order, &failure).await,
        };
        let spki = match checked_key(&order, self.held_key(&order)) {
            Ok(spki) => spki,
            Err(refusal) => return self.refuse(&order, refusal).await,
        };
        if order.approval_required {
            return self.ask_for_approval(&order).await;
        }
        let certificate = match sign(&ca, &order, &spki, self.now()) {
            Ok(certificate) => certificate,
            Err(failure) => return self.refuse(&order, failure.message).await,
        };
        let issuers = ca.certificates.clone();
        let signed = Signed { certificate, issuers, request: None };
        self.complete(&order, signed, Cause::agent(self.now())).await
    }

    /// Signs an order whose request at the CA was approved, in the name of who approved it.
    pub(crate) async fn issue_approved(
        &self,
        order: &Order,
        request: pb::CaRequest,
        cause: Cause,
    ) -> Result<Order, Failure> {
        let ca = self.ca.get_or_establish(&self.store, &self.sealer, self.now()).await?;
        let spki = checked_key(order, self.held_key(order))
            .map_err(|refusal| Failure::new(Reason::CsrRefused, refusal))?;
        let certificate = sign(&ca, order, &spki, self.now())?;
        let issuers = ca.certificates.clone();
        self.complete(order, Signed { certificate, issuers, request: Some(request) }, cause).await
    }

    /// Signs an order before it is placed, and verifies what that gives.
    ///
    /// Nothing comes of it where somebody has to approve, or where anything goes wrong: the order is
    /// placed without a certificate then, and driving it finds the same again and records it.
    pub(super) async fn complete_at_once(
        &self,
        order: &Order,
        key: &PrivateKey,
        now: Timestamp,
    ) -> Option<Completion> {
        if order.approval_required {
            return None;
        }
        let ca = self.ca.get_or_establish(&self.store, &self.sealer, now).await.ok()?;
        let spki = checked_key(order, Some(key.spki_sha256())).ok()?;
        let certificate = sign(&ca, order, &spki, now).ok()?;
        let issuers = ca.certificates.clone();
        let signed = Signed { certificate, issuers, request: None };
        self.completion(order, signed, KeyState::Held).ok()
    }

    /// Returns the SHA-256 of the public key of an order's stored key.
    fn held_key(&self, order: &Order) -> Option<[u8; 32]> {
        self.store.engine().key(&order.key_id).ok().map(|key| *key.spki_sha256())
    }

    async fn ask_for_approval(&self, order: &Order) -> Result<Order, Failure> {
        let id = order.id;
        self.store
            .change(Cause::agent(self.now()), move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                let number = record.read(|view| view.next_ca_request_id())?;
                let waiting_for = format!("approval of request {number} by another administrator");
                let pending =
                    order.state.handle_pending(number.to_string().into(), waiting_for.into(), None);
                let Ok(state) = pending else { return Ok(order) };
                let request = ca_request(&order, number, record.cause().now);
                record.entry(Change::CaRequestSet(pb::CaRequestSet { request: Some(request) }))?;
                record.order_advanced(order, state)
            })
            .await
    }

    async fn unavailable(&self, order: &Order, failure: &Failure) -> Result<Order, Failure> {
        let error: Box<str> = failure.message.as_str().into();
        self.advance(order.id, move |order, now| {
            let retry_at = now + backoff(order.state.attempt(), PATIENCE, Spread::NONE);
            order.state.handle_unavailable(error, Some(retry_at), now)
        })
        .await
    }

    /// The CA will never sign this: the order ends, its key is destroyed, and it is remembered.
    async fn refuse(&self, order: &Order, refusal: String) -> Result<Order, Failure> {
        let id = order.id;
        let key_id = order.key_id;
        let order = self
            .store
            .change(refusal_cause(order, self.now()), move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                let finding = Finding::new(
                    FindingCode::OrderFailed,
                    refusal.clone(),
                    format!(
                        "rolecallctl request --role {}",
                        order.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",")
                    ),
                );
                let Ok(state) = order.state.handle_refused(vec![finding]) else { return Ok(order) };
                record.entry(Change::Refusal(pb::Refusal {
                    operation: "PlaceOrder".into(),
                    reason: Reason::CsrRefused.to_string(),
                    detail: refusal,
                    roles: order.roles.iter().map(ToString::to_string).collect(),
                }))?;
                record.key_destroyed(order.key_id, "its order was refused")?;
                record.order_advanced(order, state)
            })
            .await?;
        self.destroy_key(key_id);
        Ok(order)
    }
}

/// Checks the request as the CA does, which takes nothing from it but the key; `held` is the SHA-256
/// of the public key that is in our hands.
fn checked_key(order: &Order, held: Option<[u8; 32]>) -> Result<Vec<u8>, String> {
    let allowed = AllowedNames {
        dns_names: order.names.iter().cloned().collect(),
        addresses: BTreeSet::new(),
    };
    check_own_csr(&order.csr, &allowed, |spki_sha256| held.as_ref() == Some(spki_sha256))
        .map(|facts| facts.spki_der)
        .map_err(|error| error.to_string())
}

fn sign(
    ca: &OpenCa,
    order: &Order,
    spki: &[u8],
    now: Timestamp,
) -> Result<rolecall::certificate::Certificate, Failure> {
    let profile = Profile {
        subject: subject(order),
        dns_names: order.names.clone(),
        addresses: Vec::new(),
        purposes: purposes(order),
        digest: order.digest,
        lifetime: order.lifetime,
    };
    ca.sign(&profile, spki, Agent::random(), now)
}

fn ca_request(order: &Order, number: u64, now: Timestamp) -> pb::CaRequest {
    let mut request = pb::CaRequest {
        id: number,
        order_id: order.id.get(),
        template: order.template.as_ref().map(ToString::to_string).unwrap_or_default(),
        server: order.server.to_string(),
        roles: order.roles.iter().map(ToString::to_string).collect(),
        names: order.names.iter().map(ToString::to_string).collect(),
        requested_by: Some((&order.placed_by).into()),
        requested_at: Some(timestamp(now)),
        ..pb::CaRequest::default()
    };
    request.set_state(pb::ca_request::State::Waiting);
    request
}

/// How long an order may wait before somebody is surely missing its certificate.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);
