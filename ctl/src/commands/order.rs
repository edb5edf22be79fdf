//! `order`.

use rolecall::api::pb;

use super::{follow, request};
use crate::args::order::Command;
use crate::error::Error;
use crate::output::Told;
use crate::output::order::{OrderView, OrdersView};
use crate::session::{Outcome, Session, filled};

/// Lists, follows and ends orders.
pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Command::List { open } => list(open, session).await,
        Command::Show { order, wait } => show(order, wait, session).await,
        Command::Retrieve { order } => {
            let request = pb::RetrieveOrderRequest { order_id: order };
            let answer = session.client.orders().retrieve_order(request).await?.into_inner();
            shown(answer.order, session).await
        }
        Command::Cancel { order, what_if } => cancel(order, what_if, session).await,
    }
}

async fn list(open_only: bool, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::ListOrdersRequest { open_only };
    let answer = session.client.orders().list_orders(request).await?.into_inner();
    session.show(&OrdersView::of(&answer.orders)).await?;
    Ok(Outcome::Done)
}

async fn show(order: u64, wait: bool, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::GetOrderRequest { order_id: order };
    let answer = session.client.orders().get_order(request).await?.into_inner();
    if !wait {
        return shown(answer.order, session).await;
    }
    let order = filled(answer.order, "the order")?;
    let ending = follow::follow(&order, session).await?;
    request::finish(ending, session)
}

async fn cancel(order_id: u64, what_if: bool, session: &mut Session<'_>) -> Result<Outcome, Error> {
    if !what_if {
        session.confirm(&format!("Cancel order {order_id} and destroy its key"))?;
    }
    let request =
        pb::CancelOrderRequest { request_id: session.request_ids.draw(), order_id, what_if };
    let answer = session.client.orders().cancel_order(request).await?.into_inner();
    let order = filled(answer.order, "the order")?;
    let what = format!("order {} for {}", order.id, order.roles.join(", "));
    let sentence = if what_if {
        format!("Would cancel {what} and destroy its key.")
    } else {
        format!("Cancelled {what}; its key is destroyed.")
    };
    session.show(&Told::new(OrderView::of(&order), sentence)).await?;
    not_done(what_if, session);
    Ok(Outcome::Done)
}

async fn shown(order: Option<pb::Order>, session: &mut Session<'_>) -> Result<Outcome, Error> {
    session.show(&OrderView::of(&filled(order, "the order")?)).await?;
    Ok(Outcome::Done)
}

/// Says so when nothing was changed.
pub(super) fn not_done(what_if: bool, session: &mut Session<'_>) {
    if what_if {
        session.console.note(crate::output::NOT_DONE.trim_end());
    }
}
