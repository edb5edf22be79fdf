//! Placing an order and following it until it settles or waits for somebody.
//!
//! A lost answer is no reason to place a second order: the same request id is sent once more over a
//! new connection and returns the order that stands. [`stand`] alone decides when there is nothing
//! left to wait for.

use rolecall::api::pb;
use rolecall::api::pb::order_state::State;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use tokio_stream::StreamExt as _;

use crate::error::{Error, Unfinished};
use crate::output::finding::FindingView;
use crate::output::order::words;
use crate::output::text::{clean, digits, thumbprint};
use crate::progress::Progress;
use crate::session::{Session, filled};

/// How following an order ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The goal is reached.
    Reached(Box<pb::Order>),
    /// It settled without its goal, or waits for somebody.
    Unfinished(Box<pb::Order>, Box<Unfinished>),
    /// The user wants to wait no longer.
    Interrupted(Box<pb::Order>, Box<Unfinished>),
}

/// Where an order stands for somebody who waits for it.
#[derive(Debug)]
pub(super) enum Stand {
    /// It goes on by itself.
    Moving,
    Reached,
    Unfinished(Box<Unfinished>),
}

/// Places an order; after a lost answer, asks once more with the same request id.
pub(super) async fn place(
    request: pb::PlaceOrderRequest,
    session: &mut Session<'_>,
) -> Result<pb::Order, Error> {
    let first = session.client.orders().place_order(request.clone()).await;
    let answer = match first.map_err(Failure::from) {
        Err(failure) if is_lost(&failure) => {
            session.console.note("lost the agent's answer; asking again with the same request id");
            session.reconnect().await?;
            session.client.orders().place_order(request).await?
        }
        other => other?,
    };
    filled(answer.into_inner().order, "the order")
}

/// Follows an order until it settles, waits for somebody, or the user interrupts.
pub(super) async fn follow(order: &pb::Order, session: &mut Session<'_>) -> Result<Ending, Error> {
    let mut progress = Progress::new(order.id, session.console);
    let watched = watch(order, &mut progress, session).await;
    progress.end();
    watched
}

async fn watch(
    order: &pb::Order,
    progress: &mut Progress,
    session: &mut Session<'_>,
) -> Result<Ending, Error> {
    let mut last = order.clone();
    let mut reconnected = false;
    loop {
        match watch_once(&mut last, progress, session).await {
            Ok(ending) => return Ok(ending),
            Err(failure) if is_lost(&failure) && !reconnected => {
                reconnected = true;
                session
                    .reconnect()
                    .await
                    .map_err(|_still_gone| Error::Lost { order_id: order.id, failure })?;
            }
            Err(failure) if is_lost(&failure) => {
                return Err(Error::Lost { order_id: order.id, failure });
            }
            Err(failure) => return Err(Error::Agent(failure)),
        }
    }
}

async fn watch_once(
    last: &mut pb::Order,
    progress: &mut Progress,
    session: &mut Session<'_>,
) -> Result<Ending, Failure> {
    let request = pb::WatchOrderRequest { order_id: last.id };
    let mut changes = session.client.orders().watch_order(request).await?.into_inner();
    loop {
        let change = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                let unfinished = interrupted.map_or_else(|_| ended(last), |()| interruption(last));
                return Ok(Ending::Interrupted(Box::new(last.clone()), Box::new(unfinished)));
            }
            change = changes.next() => change,
        };
        let Some(change) = change else { return Ok(end_of_stream(last)) };
        let Some(order) = change?.order else { continue };
        *last = order;
        progress.say(&words(last.state.as_ref()), session.console);
        match stand(last) {
            Stand::Moving => {}
            Stand::Reached => return Ok(Ending::Reached(Box::new(last.clone()))),
            Stand::Unfinished(unfinished) => {
                return Ok(Ending::Unfinished(Box::new(last.clone()), unfinished));
            }
        }
    }
}

/// Returns where an order stands whose stream has ended: the agent says it has settled.
fn end_of_stream(order: &pb::Order) -> Ending {
    let boxed = Box::new(order.clone());
    match stand(order) {
        Stand::Reached => Ending::Reached(boxed),
        Stand::Unfinished(unfinished) => Ending::Unfinished(boxed, unfinished),
        Stand::Moving if installed_as_asked(order) => Ending::Reached(boxed),
        Stand::Moving => Ending::Unfinished(boxed, Box::new(ended(order))),
    }
}

fn installed_as_asked(order: &pb::Order) -> bool {
    order.goal() == pb::Goal::Install
        && matches!(
            order.state.as_ref().and_then(|state| state.state.as_ref()),
            Some(State::Installed(_))
        )
}

fn is_lost(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::AgentUnreachable | Reason::ShuttingDown)
}

/// Returns what `request` prints at the end: the thumbprint, or what there is of it.
pub(super) fn fingerprint(order: &pb::Order) -> Option<String> {
    match order.state.as_ref()?.state.as_ref()? {
        State::Done(done) => thumbprint(&done.thumbprint).or_else(|| digits(&done.fingerprint)),
        State::Installed(installed) => digits(&installed.fingerprint),
        State::Issued(issued) => digits(&issued.fingerprint),
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

/// Returns where an order stands for somebody who waits for it.
pub(super) fn stand(order: &pb::Order) -> Stand {
    let Some(state) = order.state.as_ref().and_then(|state| state.state.as_ref()) else {
        return Stand::Moving;
    };
    match state {
        State::KeyReady(_) | State::Submitting(_) | State::Issued(_) => Stand::Moving,
        State::Done(_) => Stand::Reached,
        State::Installed(state) if state.waiting_for.is_empty() => Stand::Moving,
        State::Installed(state) => stopped(order, "ORDER_WAITING", WAITING, {
            let mut remedies = remedies(&state.waiting_for);
            remedies.push("it is assigned by itself once these are gone".to_owned());
            remedies
        }),
        State::Submitted(state) => stopped(order, "ORDER_WAITING", WAITING, pending(order, state)),
        State::AwaitingResponse(_) => stopped(
            order,
            "ORDER_WAITING",
            WAITING,
            vec![format!(
                "take the request to the CA: rolecallctl order show {} -o json",
                order.id
            )],
        ),
        State::Refused(state) => {
            stopped(order, "ORDER_REFUSED", REFUSED, remedies(&state.findings))
        }
        State::Denied(_) => stopped(
            order,
            "ORDER_DENIED",
            REFUSED,
            vec!["settle it with whoever denied it, then request again".to_owned()],
        ),
        State::Cancelled(_) => stopped(
            order,
            "ORDER_CANCELLED",
            REFUSED,
            vec!["request again if the certificate is still wanted".to_owned()],
        ),
        State::Failed(state) => stopped(order, "ORDER_FAILED", WAITING, failed(order, state)),
    }
}

fn stopped(order: &pb::Order, code: &'static str, exit_status: u8, remedies: Vec<String>) -> Stand {
    let what = format!("order {} {}", order.id, is_or_was(words(order.state.as_ref())));
    Stand::Unfinished(Box::new(Unfinished { code, exit_status, what, remedies }))
}

fn is_or_was(words: String) -> String {
    if words.starts_with("failed") { words } else { format!("is {words}") }
}

fn pending(order: &pb::Order, state: &pb::order_state::Submitted) -> Vec<String> {
    let mut remedies = Vec::new();
    if !state.ca_request_id.is_empty() {
        let request = &state.ca_request_id;
        remedies.push(format!("for whoever approves: rolecallctl issuer approve {request}"));
    }
    remedies.push(how_to_follow(order));
    remedies
}

fn failed(order: &pb::Order, state: &pb::order_state::Failed) -> Vec<String> {
    let id = order.id;
    match &state.retry_at {
        Some(_) => vec![
            "the agent tries again by itself".to_owned(),
            format!("to try now: rolecallctl order retrieve {id}"),
            how_to_follow(order),
        ],
        None => vec![
            format!("to try again: rolecallctl order retrieve {id}"),
            format!("to give up: rolecallctl order cancel {id}"),
        ],
    }
}

fn remedies(findings: &[pb::Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in FindingView::all(findings) {
        lines.push(finding.sentence());
        lines.extend(finding.remedy.map(|remedy| format!("> {remedy}")));
    }
    lines
}

fn interruption(order: &pb::Order) -> Unfinished {
    Unfinished {
        code: "ORDER_WAITING",
        exit_status: WAITING,
        what: format!("stopped following order {}, which goes on", order.id),
        remedies: vec![how_to_follow(order)],
    }
}

fn ended(order: &pb::Order) -> Unfinished {
    Unfinished {
        code: "ORDER_WAITING",
        exit_status: WAITING,
        what: format!("order {} is {}", order.id, words(order.state.as_ref())),
        remedies: vec![how_to_follow(order)],
    }
}

/// Returns the command that follows an order.
pub(super) fn how_to_follow(order: &pb::Order) -> String {
    format!("to follow it: rolecallctl order show {} --wait", order.id)
}

/// Returns the line about an order that reached its goal.
pub(super) fn reached(order: &pb::Order) -> String {
    let what = match order.goal() {
        pb::Goal::Install => "installed for",
        pb::Goal::Roll => "scheduled for",
        pb::Goal::Assign | pb::Goal::Unspecified => "assigned to",
    };
    clean(&format!(
        "order {} is done: \"{}\" {what} {}",
        order.id,
        order.friendly_name,
        order.roles.join(", ")
    ))
}

/// Exit status of what a human or time has to settle.
const WAITING: u8 = 75;
/// Exit status of what was refused for good.
const REFUSED: u8 = 65;
