//! Orders and their states.

use std::time::Duration;

use crate::actor::Actor;
use crate::api::pb;
use crate::api::pb::order_state as message;
use crate::api::status::Violation;
use crate::certificate::{Fingerprint, Thumbprint};
use crate::enrollment::Enrollment;
use crate::finding::Finding;
use crate::key::KeyId;
use crate::order::{Order, OrderId, State};
use crate::request::{Goal, SubjectAttributes};

use super::{Fields, moment, timestamp};

impl From<&Order> for pb::Order {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id.get(),
            request_id: order.request_id.to_string(),
            enrollment: order.enrollment.to_string(),
            wish: order.wish.as_ref().map(Into::into),
            server: order.server.to_string(),
            roles: order.roles.iter().map(ToString::to_string).collect(),
            goal: pb::Goal::from(order.goal).into(),
            issuer: order.issuer.to_string(),
            template: order.template.as_ref().map(ToString::to_string).unwrap_or_default(),
            key_algorithm: order.key_algorithm.to_string(),
            digest: order.digest.to_string(),
            exportable: order.exportable,
            friendly_name: order.friendly_name.to_string(),
            subject: Some(pb::Subject {
                common_name: order
                    .common_name
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                attributes: Some((&order.subject).into()),
            }),
            names: order.names.iter().map(ToString::to_string).collect(),
            client_eku: order.client_eku,
            key_id: order.key_id.as_bytes().to_vec(),
            csr: order.csr.clone(),
            state: Some((&order.state).into()),
            placed_at: Some(timestamp(order.placed_at)),
            updated_at: Some(timestamp(order.updated_at)),
            placed_by: Some((&order.placed_by).into()),
            lifetime_seconds: order.lifetime.as_secs(),
            approval_required: order.approval_required,
        }
    }
}

impl TryFrom<pb::Order> for Order {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Order) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let order = read_order(&mut fields, message);
        fields.finish(order)
    }
}

fn read_order(fields: &mut Fields, message: pb::Order) -> Option<Order> {
    let goal = Goal::from(message.goal());
    let id = fields.required("id", OrderId::new(message.id));
    let request_id = fields.parse("request_id", &message.request_id);
    let enrollment = fields.parse("enrollment", &message.enrollment);
    let wish = match message.wish {
        Some(wish) => Some(fields.nested("wish", Enrollment::try_from(wish))?),
        None => None,
    };
    let server = fields.parse("server", &message.server);
    let roles = fields.parse_each("roles", &message.roles);
    let issuer = fields.parse("issuer", &message.issuer);
    let template = fields.parse_optional("template", &message.template);
    let key_algorithm = fields.parse("key_algorithm", &message.key_algorithm);
    let digest = fields.parse("digest", &message.digest);
    let friendly_name = fields.parse("friendly_name", &message.friendly_name);
    let subject = message.subject.unwrap_or_default();
    let common_name = fields.parse_optional("subject.common_name", &subject.common_name);
    let attributes = SubjectAttributes::try_from(subject.attributes.unwrap_or_default());
    let subject = fields.nested("subject.attributes", attributes);
    let names = fields.parse_each("names", &message.names);
    let key_id = fields.octets("key_id", &message.key_id).map(KeyId::new);
    let state = fields.required("state", message.state);
    let state = state.and_then(|state| fields.nested("state", State::try_from(state)));
    let placed_by = fields.required("placed_by", message.placed_by);
    let placed_by = placed_by.and_then(|by| fields.nested("placed_by", Actor::try_from(by)));
    Some(Order {
        id: id?,
        request_id: request_id?,
        enrollment: enrollment?,
        wish,
        server: server?,
        roles: roles?,
        goal,
        issuer: issuer?,
        template: template?,
        key_algorithm: key_algorithm?,
        digest: digest?,
        exportable: message.exportable,
        friendly_name: friendly_name?,
        common_name: common_name?,
        subject: subject?,
        names: names?,
        client_eku: message.client_eku,
        lifetime: Duration::from_secs(message.lifetime_seconds),
        approval_required: message.approval_required,
        key_id: key_id?,
        csr: message.csr,
        state: state?,
        placed_at: moment(fields.required("placed_at", message.placed_at)?),
        updated_at: moment(fields.required("updated_at", message.updated_at)?),
        placed_by: placed_by?,
    })
}

impl From<&State> for pb::OrderState {
    fn from(state: &State) -> Self {
        use message::State as Message;
        let state = match state {
            State::KeyReady => Message::KeyReady(message::KeyReady {}),
            State::Submitting { attempt } => {
                Message::Submitting(message::Submitting { attempt: *attempt })
            }
            State::Submitted { ca_request_id, waiting_for, ask_again_at } => {
                Message::Submitted(message::Submitted {
                    ca_request_id: ca_request_id.to_string(),
                    waiting_for: waiting_for.to_string(),
                    ask_again_at: ask_again_at.map(timestamp),
                })
            }
            State::AwaitingResponse => Message::AwaitingResponse(message::AwaitingResponse {}),
            State::Issued { fingerprint } => {
                Message::Issued(message::Issued { fingerprint: fingerprint.as_bytes().to_vec() })
            }
            State::Installed { fingerprint, waiting_for } => {
                Message::Installed(message::Installed {
                    fingerprint: fingerprint.as_bytes().to_vec(),
                    waiting_for: waiting_for.iter().map(Into::into).collect(),
                })
            }
            State::Done { fingerprint, thumbprint } => Message::Done(message::Done {
                fingerprint: fingerprint.as_bytes().to_vec(),
                thumbprint: thumbprint.as_bytes().to_vec(),
            }),
            State::Refused { findings } => Message::Refused(message::Refused {
                findings: findings.iter().map(Into::into).collect(),
            }),
            State::Denied { denied_by, reason } => Message::Denied(message::Denied {
                denied_by: denied_by.to_string(),
                reason: reason.to_string(),
            }),
            State::Failed { error, attempt, retry_at, failing_since } => {
                Message::Failed(message::Failed {
                    error: error.to_string(),
                    attempt: *attempt,
                    retry_at: retry_at.map(timestamp),
                    failing_since: Some(timestamp(*failing_since)),
                })
            }
            State::Cancelled { cancelled_by } => {
                Message::Cancelled(message::Cancelled { cancelled_by: Some(cancelled_by.into()) })
            }
        };
        Self { state: Some(state) }
    }
}

impl TryFrom<pb::OrderState> for State {
    type Error = Vec<Violation>;

    fn try_from(message: pb::OrderState) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let state = fields.required("state", message.state);
        let state = state.and_then(|state| read_state(&mut fields, state));
        fields.finish(state)
    }
}

fn read_state(fields: &mut Fields, state: message::State) -> Option<State> {
    use message::State as Message;
    Some(match state {
        Message::KeyReady(_) => State::KeyReady,
        Message::Submitting(state) => State::Submitting { attempt: state.attempt },
        Message::Submitted(state) => State::Submitted {
            ca_request_id: state.ca_request_id.into(),
            waiting_for: state.waiting_for.into(),
            ask_again_at: state.ask_again_at.map(moment),
        },
        Message::AwaitingResponse(_) => State::AwaitingResponse,
        Message::Issued(state) => {
            State::Issued { fingerprint: fingerprint(fields, &state.fingerprint)? }
        }
        Message::Installed(state) => {
            let waiting_for = findings(fields, "waiting_for", state.waiting_for);
            State::Installed {
                fingerprint: fingerprint(fields, &state.fingerprint)?,
                waiting_for: waiting_for?,
            }
        }
        Message::Done(state) => State::Done {
            fingerprint: fingerprint(fields, &state.fingerprint)?,
            thumbprint: Thumbprint::new(fields.octets("thumbprint", &state.thumbprint)?),
        },
        Message::Refused(state) => {
            State::Refused { findings: findings(fields, "findings", state.findings)? }
        }
        Message::Denied(state) => {
            State::Denied { denied_by: state.denied_by.into(), reason: state.reason.into() }
        }
        Message::Failed(state) => State::Failed {
            error: state.error.into(),
            attempt: state.attempt,
            retry_at: state.retry_at.map(moment),
            failing_since: moment(fields.required("failing_since", state.failing_since)?),
        },
        Message::Cancelled(state) => {
            let actor = fields.required("cancelled_by", state.cancelled_by)?;
            State::Cancelled { cancelled_by: fields.nested("cancelled_by", actor.try_into())? }
        }
    })
}

fn fingerprint(fields: &mut Fields, octets: &[u8]) -> Option<Fingerprint> {
    fields.octets("fingerprint", octets).map(Fingerprint::new)
}

fn findings(fields: &mut Fields, field: &str, messages: Vec<pb::Finding>) -> Option<Vec<Finding>> {
    let read: Vec<Option<Finding>> = messages
        .into_iter()
        .enumerate()
        .map(|(index, finding)| fields.nested(&format!("{field}[{index}]"), finding.try_into()))
        .collect();
    read.into_iter().collect()
}

#[cfg(test)]
mod tests;
