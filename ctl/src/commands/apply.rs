//! `apply`: the orders that give every role its certificate.
//!
//! All are placed first, so that their keys are made side by side, then each is followed. One that
//! fails does not keep the others from their goal. An order that is open already is followed like
//! the others: what it waits for is said, and the command ends with 75.

use rolecall::api::pb;

use super::follow::{self, Ending, Stand};
use crate::args::Apply;
use crate::error::Error;
use crate::output::order::OrdersView;
use crate::output::plan::{ApplyView, step_line};
use crate::session::{Outcome, Session, filled};

/// Requests and assigns what is missing or differs.
pub(super) async fn run(arguments: &Apply, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let planned = session.client.plans().plan_apply(pb::PlanApplyRequest {}).await?.into_inner();
    if arguments.what_if || planned.steps.is_empty() {
        session.show(&ApplyView::of(&planned)).await?;
        return Ok(Outcome::Done);
    }
    session.announce().await?;
    let (mut orders, mut errors) = place_all(&planned.steps, session).await?;
    if arguments.no_wait {
        errors.extend(orders.iter().filter_map(already_waiting(&planned.steps)));
    } else {
        follow_all(&mut orders, &mut errors, session).await?;
    }
    let text = crate::output::render(&OrdersView::of(&orders), session.format, &session.look())?;
    session.console.print(&text)?;
    finish(errors, session)
}

async fn place_all(
    steps: &[pb::ApplyStep],
    session: &mut Session<'_>,
) -> Result<(Vec<pb::Order>, Vec<Error>), Error> {
    let (mut orders, mut errors) = (Vec::new(), Vec::new());
    for step in steps {
        session.console.note(&step_line(step));
        match place(step, session).await {
            Ok(order) => orders.push(order),
            Err(error @ (Error::Unreachable { .. } | Error::Output(_))) => return Err(error),
            Err(error) => errors.push(error),
        }
    }
    Ok((orders, errors))
}

async fn place(step: &pb::ApplyStep, session: &mut Session<'_>) -> Result<pb::Order, Error> {
    if step.open_order_id != 0 {
        let request = pb::GetOrderRequest { order_id: step.open_order_id };
        let answer = session.client.orders().get_order(request).await?.into_inner();
        return filled(answer.order, "the order");
    }
    let request = pb::PlaceOrderRequest {
        request_id: session.request_ids.draw(),
        spec: step.spec.clone(),
        wait: false,
        beside_open: false,
    };
    follow::place(request, session).await
}

/// Returns what to say of an order that was open before and waits: nobody is told of it later.
fn already_waiting(steps: &[pb::ApplyStep]) -> impl Fn(&pb::Order) -> Option<Error> {
    move |order| {
        let was_open = steps.iter().any(|step| step.open_order_id == order.id);
        match follow::stand(order) {
            Stand::Unfinished(unfinished) if was_open => Some(Error::Unfinished(unfinished)),
            Stand::Unfinished(_) | Stand::Moving | Stand::Reached => None,
        }
    }
}

async fn follow_all(
    orders: &mut [pb::Order],
    errors: &mut Vec<Error>,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    for order in orders {
        match follow::follow(order, session).await {
            Ok(Ending::Reached(reached)) => *order = *reached,
            Ok(Ending::Unfinished(last, unfinished)) => {
                *order = *last;
                errors.push(Error::Unfinished(unfinished));
            }
            Ok(Ending::Interrupted(_, unfinished)) => return Err(Error::Unfinished(unfinished)),
            Err(error @ (Error::Unreachable { .. } | Error::Output(_))) => return Err(error),
            Err(error) => errors.push(error),
        }
    }
    Ok(())
}

/// Ends with the first error; the others are told before it.
fn finish(errors: Vec<Error>, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Ok(Outcome::Done) };
    for error in errors {
        for line in error.lines() {
            session.console.note(&line);
        }
    }
    Err(first)
}
