//! Orders, and where they stand in words.

use rolecall::api::pb;
use rolecall::api::pb::order_state::State;
use serde::Serialize;

use super::finding::{FindingView, paragraphs};
use super::plan::subject;
use super::table::{Facts, Table, Tone, lines, maybe, plain, toned};
use super::text::{digits, moment, some, thumbprint, time};
use super::{Look, View};

/// One attempt to fulfil an enrollment.
#[derive(Debug, Serialize)]
pub(crate) struct OrderView {
    pub(crate) id: u64,
    request_id: Option<String>,
    enrollment: Option<String>,
    server: Option<String>,
    roles: Vec<String>,
    goal: &'static str,
    state: StateView,
    issuer: Option<String>,
    template: Option<String>,
    key_algorithm: Option<String>,
    digest: Option<String>,
    exportable: bool,
    client_eku: bool,
    friendly_name: Option<String>,
    subject: Option<String>,
    names: Vec<String>,
    lifetime_seconds: u64,
    key_id: Option<String>,
    placed_by: Option<String>,
    placed_at: Option<String>,
    updated_at: Option<String>,
}

/// Where an order stands; what the state does not have is null.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StateView {
    name: &'static str,
    description: String,
    fingerprint: Option<String>,
    thumbprint: Option<String>,
    ca_request_id: Option<String>,
    waiting_for: Option<String>,
    ask_again_at: Option<String>,
    attempt: Option<u32>,
    error: Option<String>,
    retry_at: Option<String>,
    failing_since: Option<String>,
    denied_by: Option<String>,
    cancelled_by: Option<String>,
    reason: Option<String>,
    findings: Vec<FindingView>,
}

impl OrderView {
    pub(crate) fn of(order: &pb::Order) -> Self {
        Self {
            id: order.id,
            request_id: some(&order.request_id),
            enrollment: some(&order.enrollment),
            server: some(&order.server),
            roles: order.roles.clone(),
            goal: goal(order.goal()),
            state: StateView::of(order.state.as_ref()),
            issuer: some(&order.issuer),
            template: some(&order.template),
            key_algorithm: some(&order.key_algorithm),
            digest: some(&order.digest),
            exportable: order.exportable,
            client_eku: order.client_eku,
            friendly_name: some(&order.friendly_name),
            subject: subject(order.subject.as_ref()),
            names: order.names.clone(),
            lifetime_seconds: order.lifetime_seconds,
            key_id: digits(&order.key_id),
            placed_by: order.placed_by.as_ref().map(actor),
            placed_at: time(order.placed_at.as_ref()),
            updated_at: time(order.updated_at.as_ref()),
        }
    }
}

impl StateView {
    pub(crate) fn of(state: Option<&pb::OrderState>) -> Self {
        let Some(inner) = state.and_then(|state| state.state.as_ref()) else {
            return Self { name: "unknown", description: words(state), ..Self::default() };
        };
        let base = Self { name: name(inner), description: words(state), ..Self::default() };
        match inner {
            State::KeyReady(_) | State::AwaitingResponse(_) => base,
            State::Submitting(state) => Self { attempt: Some(state.attempt), ..base },
            State::Submitted(state) => Self {
                ca_request_id: some(&state.ca_request_id),
                waiting_for: some(&state.waiting_for),
                ask_again_at: time(state.ask_again_at.as_ref()),
                ..base
            },
            State::Issued(state) => Self { fingerprint: digits(&state.fingerprint), ..base },
            State::Installed(state) => Self {
                fingerprint: digits(&state.fingerprint),
                findings: FindingView::all(&state.waiting_for),
                ..base
            },
            State::Done(state) => Self {
                fingerprint: digits(&state.fingerprint),
                thumbprint: thumbprint(&state.thumbprint),
                ..base
            },
            State::Refused(state) => Self { findings: FindingView::all(&state.findings), ..base },
            State::Denied(state) => {
                Self { denied_by: some(&state.denied_by), reason: some(&state.reason), ..base }
            }
            State::Failed(state) => Self {
                error: some(&state.error),
                attempt: Some(state.attempt),
                retry_at: time(state.retry_at.as_ref()),
                failing_since: time(state.failing_since.as_ref()),
                ..base
            },
            State::Cancelled(state) => {
                Self { cancelled_by: state.cancelled_by.as_ref().map(actor), ..base }
            }
        }
    }

    fn tone(&self) -> Tone {
        match self.name {
            "done" => Tone::Good,
            "refused" | "denied" | "failed" => Tone::Bad,
            "submitted" | "awaiting-response" | "installed" => Tone::Doubtful,
            _ => Tone::Plain,
        }
    }
}

/// Returns the word for a state.
pub(crate) const fn name(state: &State) -> &'static str {
    match state {
        State::KeyReady(_) => "key-ready",
        State::Submitting(_) => "submitting",
        State::Submitted(_) => "submitted",
        State::AwaitingResponse(_) => "awaiting-response",
        State::Issued(_) => "issued",
        State::Installed(_) => "installed",
        State::Done(_) => "done",
        State::Refused(_) => "refused",
        State::Denied(_) => "denied",
        State::Failed(_) => "failed",
        State::Cancelled(_) => "cancelled",
    }
}

/// Returns where an order stands, in half a sentence.
pub(crate) fn words(state: Option<&pb::OrderState>) -> String {
    let Some(state) = state.and_then(|state| state.state.as_ref()) else {
        return "in a state this version does not know".to_owned();
    };
    match state {
        State::KeyReady(_) => "key and request are ready".to_owned(),
        State::Submitting(state) if state.attempt > 1 => {
            format!("submitting to the issuer, attempt {}", state.attempt)
        }
        State::Submitting(_) => "submitting to the issuer".to_owned(),
        State::Submitted(state) => submitted(state),
        State::AwaitingResponse(_) => "waiting for the response to be brought".to_owned(),
        State::Issued(_) => "issued".to_owned(),
        State::Installed(state) if state.waiting_for.is_empty() => "installed".to_owned(),
        State::Installed(state) => {
            let codes: Vec<&str> =
                state.waiting_for.iter().map(|finding| finding.code.as_str()).collect();
            format!("installed, assignment waiting for: {}", codes.join(", "))
        }
        State::Done(_) => "done".to_owned(),
        State::Refused(state) => {
            let codes: Vec<&str> =
                state.findings.iter().map(|finding| finding.code.as_str()).collect();
            format!("refused: {}", codes.join(", "))
        }
        State::Denied(state) => {
            format!("denied by {}{}", state.denied_by, prefixed(": ", &state.reason))
        }
        State::Failed(state) => failed(state),
        State::Cancelled(state) => {
            format!("cancelled by {}", state.cancelled_by.as_ref().map(actor).unwrap_or_default())
        }
    }
}

fn submitted(state: &pb::order_state::Submitted) -> String {
    let request = prefixed(" as request ", &state.ca_request_id);
    let waiting = if state.waiting_for.is_empty() { "a decision" } else { &state.waiting_for };
    format!("pending at the issuer{request}, waiting for {waiting}")
}

fn failed(state: &pb::order_state::Failed) -> String {
    match moment(state.retry_at.as_ref()) {
        Some(retry_at) => {
            format!("failed: {}; attempt {} at {retry_at}", state.error, state.attempt + 1)
        }
        None => format!("failed: {}; held until an operator acts", state.error),
    }
}

fn prefixed(prefix: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{prefix}{text}") }
}

/// Returns the word for a goal.
pub(crate) const fn goal(goal: pb::Goal) -> &'static str {
    match goal {
        pb::Goal::Install => "install",
        pb::Goal::Assign => "assign",
        pb::Goal::Roll => "roll",
        pb::Goal::Unspecified => "unspecified",
    }
}

/// Returns who did something, as people call them.
pub(crate) fn actor(actor: &pb::Actor) -> String {
    let named =
        |name: &str| if name.is_empty() { format!("uid {}", actor.uid) } else { name.to_owned() };
    match actor.kind() {
        pb::actor::Kind::Local => named(&actor.name),
        pb::actor::Kind::Console => format!("{} at the console", named(&actor.name)),
        pb::actor::Kind::Agent => "agent".to_owned(),
        pb::actor::Kind::Unspecified => named(&actor.name),
    }
}

impl View for OrderView {
    const SCHEMA: &'static str = "rolecall/order/v1";

    fn human(&self, look: &Look) -> String {
        let mut facts = Facts::new();
        facts
            .add("Order", Some(&self.id.to_string()))
            .add("State", Some(&self.state.description))
            .add("Roles", Some(&self.roles.join(", ")))
            .add("Goal", Some(self.goal))
            .add("Enrollment", self.enrollment.as_deref())
            .add("Issuer", self.issuer.as_deref())
            .add("Template", self.template.as_deref())
            .add("Key", self.key_algorithm.as_deref())
            .add("Digest", self.digest.as_deref())
            .add("Exportable", Some(yes_no(self.exportable)))
            .add("Client EKU", Some(yes_no(self.client_eku)))
            .add("Friendly name", self.friendly_name.as_deref())
            .add("Subject", self.subject.as_deref())
            .list("Names", &self.names)
            .add("Thumbprint", self.state.thumbprint.as_deref())
            .add("Fingerprint", self.state.fingerprint.as_deref())
            .add("Failing since", self.state.failing_since.as_deref())
            .add("Asks again", self.state.ask_again_at.as_deref())
            .add("Key id", self.key_id.as_deref())
            .add("Request id", self.request_id.as_deref())
            .add("Placed", self.placed_at.as_deref())
            .add("Placed by", self.placed_by.as_deref())
            .add("Updated", self.updated_at.as_deref());
        facts.render() + &paragraphs(&self.state.findings, "", look)
    }
}

/// Returns the word for a flag.
pub(crate) const fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// Orders, the newest first.
#[derive(Debug, Serialize)]
pub(crate) struct OrdersView {
    orders: Vec<OrderView>,
}

impl OrdersView {
    pub(crate) fn of(orders: &[pb::Order]) -> Self {
        let mut orders: Vec<OrderView> = orders.iter().map(OrderView::of).collect();
        orders.sort_by_key(|order| std::cmp::Reverse(order.id));
        Self { orders }
    }
}

impl View for OrdersView {
    const SCHEMA: &'static str = "rolecall/orders/v1";

    fn human(&self, look: &Look) -> String {
        if look.wide {
            return self.wide(look);
        }
        let mut table = Table::new(["ORDER", "ROLES", "STATE", "ISSUER", "PLACED"], look);
        for order in &self.orders {
            table.row([
                plain(order.id.to_string()),
                lines(&order.roles),
                toned(&order.state.description, order.state.tone()),
                maybe(order.issuer.as_deref()),
                maybe(order.placed_at.as_deref()),
            ]);
        }
        table.render("No orders.")
    }
}

impl OrdersView {
    fn wide(&self, look: &Look) -> String {
        let mut table = Table::new(
            [
                "ORDER",
                "ROLES",
                "GOAL",
                "STATE",
                "ISSUER",
                "TEMPLATE",
                "KEY",
                "NAMES",
                "ENROLLMENT",
                "PLACED",
                "BY",
                "UPDATED",
            ],
            look,
        );
        for order in &self.orders {
            table.row([
                plain(order.id.to_string()),
                plain(order.roles.join(",")),
                plain(order.goal),
                toned(&order.state.description, order.state.tone()),
                maybe(order.issuer.as_deref()),
                maybe(order.template.as_deref()),
                maybe(order.key_algorithm.as_deref()),
                plain(order.names.join(",")),
                maybe(order.enrollment.as_deref()),
                maybe(order.placed_at.as_deref()),
                maybe(order.placed_by.as_deref()),
                maybe(order.updated_at.as_deref()),
            ]);
        }
        table.render("No orders.")
    }
}
