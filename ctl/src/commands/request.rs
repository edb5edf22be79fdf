//! `request`: plan, key, issue, install, verify, assign.

use rolecall::actor::RequestId;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;

use super::follow::{self, Ending};
use crate::args::order::{Names, Request, Subject, Wish};
use crate::error::Error;
use crate::output::order::OrderView;
use crate::output::plan::PlanView;
use crate::output::{View as _, render};
use crate::session::{Outcome, Session, filled};

/// Requests a certificate and follows the order to its goal.
pub(super) async fn run(arguments: Request, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let Request { roles, what_if, no_assign, no_wait, wish, beside_open, request_id } = arguments;
    if let Some(id) = &request_id {
        // The agent would refuse it with the order; --what-if does not send it.
        id.parse::<RequestId>().map_err(|invalid| Error::Argument {
            what: format!("--request-id: {invalid}"),
            remedy: "give another id, or none to have one drawn".to_owned(),
        })?;
    }
    let spec = spec(roles, no_assign, wish);
    let (view, open) = plan(&spec, session).await?;
    if what_if {
        session.show(&view).await?;
        return Ok(Outcome::of_findings(view.is_refused()));
    }
    if session.format.is_human() {
        session.announce().await?;
        let text = view.human(&session.look());
        session.console.note(text.trim_end());
    }
    let request = pb::PlaceOrderRequest {
        request_id: request_id.unwrap_or_else(|| session.request_ids.draw()),
        spec: Some(spec),
        wait: false,
        beside_open,
    };
    let order = place(request, &open, session).await?;
    if no_wait {
        return placed(&order, session);
    }
    let ending = follow::follow(&order, session).await?;
    finish(ending, session)
}

async fn plan(spec: &pb::OrderSpec, session: &Session<'_>) -> Result<(PlanView, Vec<u64>), Error> {
    let request = pb::PlanOrderRequest { spec: Some(spec.clone()) };
    let answer = session.client.plans().plan_order(request).await?.into_inner();
    let plan = filled(answer.plan, "the plan")?;
    Ok((PlanView::of(&plan, &answer.open_order_ids), answer.open_order_ids))
}

/// Places the order; one that is open already for these roles is shown.
async fn place(
    request: pb::PlaceOrderRequest,
    open: &[u64],
    session: &mut Session<'_>,
) -> Result<pb::Order, Error> {
    let placed = follow::place(request, session).await;
    if let Err(Error::Agent(Failure { reason: Reason::OrderOpen, .. })) = &placed {
        for order_id in open {
            let request = pb::GetOrderRequest { order_id: *order_id };
            let answer = session.client.orders().get_order(request).await?.into_inner();
            let view = OrderView::of(&filled(answer.order, "the order")?);
            let text = view.human(&session.look());
            session.console.note(&format!("\nOpen already:\n{}", text.trim_end()));
        }
    }
    placed
}

fn placed(order: &pb::Order, session: &mut Session<'_>) -> Result<Outcome, Error> {
    session.console.note(&format!("order {} is placed", order.id));
    session.console.note(&format!("  {}", follow::how_to_follow(order)));
    let text = if session.format.is_human() {
        format!("{}\n", order.id)
    } else {
        render(&OrderView::of(order), session.format, &session.look())?
    };
    session.console.print(&text)?;
    Ok(Outcome::Done)
}

/// Shows how an order ended: the thumbprint alone, or the order for programs.
pub(super) fn finish(ending: Ending, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let (order, unfinished) = match ending {
        Ending::Reached(order) => (order, None),
        Ending::Unfinished(order, unfinished) | Ending::Interrupted(order, unfinished) => {
            (order, Some(unfinished))
        }
    };
    if !session.format.is_human() {
        let text = render(&OrderView::of(&order), session.format, &session.look())?;
        session.console.print(&text)?;
    }
    if let Some(unfinished) = unfinished {
        return Err(Error::Unfinished(unfinished));
    }
    if session.format.is_human() {
        session.console.note(&follow::reached(&order));
        let fingerprint = filled(follow::fingerprint(&order), "the thumbprint")?;
        session.console.print(&format!("{fingerprint}\n"))?;
    }
    Ok(Outcome::Done)
}

/// Returns what is asked for, in the words of the contract.
fn spec(roles: Vec<String>, no_assign: bool, wish: Wish) -> pb::OrderSpec {
    let client_eku = match (wish.client_eku, wish.no_client_eku) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let Names { sip_domains, all_sip_domains, domain_names } = wish.names;
    pb::OrderSpec {
        roles,
        issuer: wish.issuer.unwrap_or_default(),
        template: wish.template.unwrap_or_default(),
        friendly_name: wish.friendly_name.unwrap_or_default(),
        key_algorithm: wish.key_algorithm.unwrap_or_default(),
        digest: wish.digest.unwrap_or_default(),
        exportable: wish.exportable.then_some(true),
        subject: subject(wish.subject),
        client_eku,
        sip_domains: chosen(sip_domains, all_sip_domains),
        added_names: domain_names.into_iter().filter(|name| !name.is_empty()).collect(),
        goal: if no_assign { pb::Goal::Install } else { pb::Goal::Assign }.into(),
    }
}

fn subject(subject: Subject) -> Option<pb::SubjectAttributes> {
    let Subject { organization, ou, country, state, city } = subject;
    let given = [&organization, &ou, &country, &state, &city].iter().any(|field| field.is_some());
    given.then(|| pb::SubjectAttributes {
        organization: organization.unwrap_or_default(),
        organizational_unit: ou.unwrap_or_default(),
        country: country.unwrap_or_default(),
        state: state.unwrap_or_default(),
        locality: city.unwrap_or_default(),
    })
}

fn chosen(domains: Vec<String>, all: bool) -> Option<pb::SipDomains> {
    use pb::sip_domains::Choice;
    if all {
        return Some(pb::SipDomains { choice: Choice::All.into(), domains: Vec::new() });
    }
    (!domains.is_empty()).then(|| pb::SipDomains { choice: Choice::These.into(), domains })
}
