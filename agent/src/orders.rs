//! Orders, from being placed to their goal.
//!
//! *Placed* carries the key, the request and the intent to send it; *completed* carries what the CA
//! signed, the enrollment, the certificate, its assignments and the order's end: an order that ends
//! without a certificate has changed no enrollment. At the embedded CA both are one
//! group of the journal (`manual/decisions/0001-one-journal-group.md`), unless somebody has to
//! approve: then nothing is lost by a crash between them, because the order is found open, and the
//! identical request is signed again.

mod complete;
mod drive;
mod place;

pub(crate) use self::complete::assign_roles;
pub(crate) use self::drive::Rest;
pub use self::place::{Placed, Placing};

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::key::KeyId;
use rolecall::order::{Misplaced, Order, OrderId, State};
use rolecall::reason::Reason;

use crate::agent::Agent;
use crate::store::view::{Cause, Record};

impl Agent {
    /// Ends an order that has no certificate, and destroys its key.
    ///
    /// # Errors
    /// When there is no such order or it has a certificate.
    pub async fn cancel_order(
        &self,
        id: OrderId,
        cause: Cause,
        what_if: bool,
    ) -> Result<Order, Failure> {
        let order = self.store.read(|view| view.expect_order(id))?;
        if matches!(order.state, State::Cancelled { .. }) {
            return Ok(order);
        }
        let cancelled = move |order: &Order, cause: &Cause| {
            order.state.handle_cancelled(cause.actor.clone()).map_err(|error| settled(id, &error))
        };
        if what_if {
            let state = cancelled(&order, &cause)?;
            return Ok(Order { state, ..order });
        }
        let order = self
            .store
            .change(cause, move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                let state = cancelled(&order, record.cause())?;
                record.essential();
                close_ca_request(record, &order)?;
                record.key_destroyed(order.key_id, "its order was cancelled")?;
                record.order_advanced(order, state)
            })
            .await?;
        self.destroy_key(order.key_id);
        Ok(order)
    }

    /// Has an order's issuer asked now instead of later, and returns the order when it rests.
    ///
    /// # Errors
    /// When there is no such order or it has settled.
    pub async fn hurry_order(&self, id: OrderId, cause: Cause) -> Result<Order, Failure> {
        self.store
            .change(cause, move |record| {
                let order = record.read(|view| view.expect_order(id))?;
                let now = record.cause().now;
                let state = order.state.handle_hurried(now).map_err(|error| settled(id, &error))?;
                if state == order.state {
                    return Ok(order);
                }
                record.order_advanced(order, state)
            })
            .await?;
        self.drive_to_rest(id).await
    }

    /// Destroys the file of a key that nothing refers to any more.
    pub(crate) fn destroy_key(&self, id: KeyId) {
        // What remains after a failure is found unreferenced at the next start, and set aside.
        if let Err(error) = self.store.engine().destroy_key(&id) {
            tracing::warn!(key = %id, %error, "a key that nothing refers to could not be destroyed");
        }
    }
}

/// Ends the request at the embedded CA that a cancelled order waited for: nobody is to decide it.
fn close_ca_request(record: &mut Record<'_, '_>, order: &Order) -> Result<(), Failure> {
    let State::Submitted { ca_request_id, .. } = &order.state else { return Ok(()) };
    let Ok(number) = ca_request_id.parse() else { return Ok(()) };
    let Some(mut request) = record.read(|view| view.ca_request(number))? else { return Ok(()) };
    if request.state() != pb::ca_request::State::Waiting {
        return Ok(());
    }
    request.decided_by = Some((&record.cause().actor).into());
    request.decided_at = Some(timestamp(record.cause().now));
    "its order was cancelled".clone_into(&mut request.reason);
    request.set_state(pb::ca_request::State::Denied);
    record.entry(Change::CaRequestSet(pb::CaRequestSet { request: Some(request) }))
}

fn settled(id: OrderId, error: &Misplaced) -> Failure {
    let remedy = match error.state {
        "done" | "installed" | "issued" => {
            format!("rolecallctl order show {id}  # its certificate can be removed instead")
        }
        _ => format!("rolecallctl order show {id}"),
    };
    Failure::new(Reason::OrderSettled, format!("order {id}: {error}")).with_remedy(remedy)
}

/// Returns the words for an order that is in the way of another.
pub(crate) fn in_the_way(order: &Order) -> Failure {
    let roles = order.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let hint = match &order.state {
        State::Submitted { waiting_for, .. } => format!(" and waits for {waiting_for}"),
        State::Failed { error, .. } => format!(" and failed: {error}"),
        State::Installed { .. } => " and waits for its certificate to become valid".to_owned(),
        State::KeyReady
        | State::Submitting { .. }
        | State::AwaitingResponse
        | State::Issued { .. }
        | State::Done { .. }
        | State::Refused { .. }
        | State::Denied { .. }
        | State::Cancelled { .. } => String::new(),
    };
    Failure::new(
        Reason::OrderOpen,
        format!("order {} for {roles} is {}{hint}", order.id, order.state.as_str()),
    )
    .with_remedy(format!("rolecallctl order show {}  # or cancel it first", order.id))
}
