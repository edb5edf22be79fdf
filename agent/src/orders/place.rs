//! Places an order: plan, key, request and, where nobody has to be asked, what the CA signs, in one
//! journal group.

use std::collections::BTreeSet;

use rolecall::access::Grant;
use rolecall::actor::{Actor, RequestId};
use rolecall::api::status::{Failure, Violation};
use rolecall::error_chain::Chain;
use rolecall::key::KeyId;
use rolecall::order::{Order, OrderId, State};
use rolecall::plan::{Plan, unique_name};
use rolecall::reason::Reason;
use rolecall::request::{Attribute, FriendlyName, FriendlyNameChoice, Goal, RequestSpec};
use rolecall::role::Role;
use rolecall::template::Template;
use rolecall::time::Timestamp;
use rolecall::topology::IssuerKind;

use super::in_the_way;
use crate::agent::Agent;
use crate::issuer::embedded::{PrivateKey, Purpose, Subject, create_csr};
use crate::keygen;
use crate::store::view::{Cause, Record, View};

/// A request to place an order.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The attempt it belongs to.
    pub request_id: RequestId,
    /// What is asked for.
    pub spec: RequestSpec,
    /// Whether orders for the same roles may be open.
    pub beside_open: bool,
    /// Who asks.
    pub actor: Actor,
    /// What they may do.
    pub grant: Grant,
}

/// An order that was placed.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its number.
    pub order: OrderId,
    /// Whether an earlier call with the same request id had placed it.
    pub replayed: bool,
    /// What the plan said; absent for a replay.
    pub plan: Option<Plan>,
}

impl Agent {
    /// Plans an order, makes its key, and records it, at the embedded CA together with the
    /// certificate; it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be planned, another order is in the way, or it cannot be recorded.
    pub async fn place(&self, placing: Placing) -> Result<Placed, Failure> {
        if let Some(order) = self.store.read(|view| replay(view, &placing))? {
            return Ok(Placed { order, replayed: true, plan: None });
        }
        let now = self.now();
        // The writer makes the name unique: the store may have another order before this one.
        let plan = self.plan_among(&BTreeSet::new(), &placing.spec, placing.grant, now)?;
        self.check_issuer(&placing.spec, &plan)?;
        if !placing.beside_open {
            self.store.read(|view| check_open(view, &placing.spec.roles))?;
        }
        let key = self.generate_key(&placing, &plan).await?;
        let key_id = KeyId::new(Self::random());
        let order = self.draft(&placing, &plan, (key_id, &key), now)?;
        let sealed = self.sealer.seal(key_id, key.spki_sha256(), order.exportable, key.pkcs8());
        let completion = self.complete_at_once(&order, &key, now).await;
        drop(key);

        let cause = self.cause(&placing.actor, Some(placing.request_id.clone()));
        let recorded = self
            .store
            .change(cause, move |record| {
                if let Some(order) = record.read(|view| replay(view, &placing))? {
                    return Ok((order, None));
                }
                if !placing.beside_open {
                    record.read(|view| check_open(view, &placing.spec.roles))?;
                }
                let order = numbered(record, order, &placing.spec.friendly_name)?;
                record.key(sealed)?;
                record.order_placed(&order)?;
                let placed = (order.id, Some(order.friendly_name.clone()));
                if let Some(completion) = completion {
                    completion.record(record, order)?;
                }
                Ok(placed)
            })
            .await?;
        Ok(match recorded {
            (order, Some(friendly_name)) => {
                let plan = Some(Plan { friendly_name, ..plan });
                Placed { order, replayed: false, plan }
            }
            (order, None) => Placed { order, replayed: true, plan: None },
        })
    }

    fn check_issuer(&self, spec: &RequestSpec, plan: &Plan) -> Result<(), Failure> {
        if spec.goal == Goal::Roll {
            return Err(Failure::invalid(vec![Violation::new(
                "spec.goal",
                "this version cannot roll a shared certificate; order with the goal install, then \
                 assign it with an effective time",
            )]));
        }
        let loaded = self.topology();
        let name = &plan.enrollment.issuer;
        let kind = loaded.topology.issuer(name).map(rolecall::topology::Issuer::kind);
        match kind {
            Some(IssuerKind::Embedded { .. }) => Ok(()),
            Some(other) => Err(Failure::new(
                Reason::IssuerUnsupported,
                format!(
                    "issuer {name} is of the kind `{}`, which this version cannot use",
                    other.as_str()
                ),
            )
            .with_remedy("name an issuer of the kind `embedded` with --issuer")),
            None => Err(Failure::new(Reason::IssuerUnknown, format!("there is no issuer {name}"))),
        }
    }

    async fn generate_key(&self, placing: &Placing, plan: &Plan) -> Result<PrivateKey, Failure> {
        let algorithm = plan.enrollment.key_algorithm;
        self.keys.generate(placing.actor.uid(), algorithm).await.map_err(|error| {
            let reason = match &error {
                keygen::Error::QueueFull => Reason::KeyQueueFull,
                keygen::Error::Stopping => Reason::ShuttingDown,
                keygen::Error::Failed { .. } => Reason::Internal,
            };
            Failure::new(reason, Chain(&error).to_string())
        })
    }

    fn draft(
        &self,
        placing: &Placing,
        plan: &Plan,
        (key_id, key): (KeyId, &PrivateKey),
        now: Timestamp,
    ) -> Result<Order, Failure> {
        let enrollment = &plan.enrollment;
        let names: Vec<_> = plan.names.iter().map(|planned| planned.name.clone()).collect();
        let mut order = Order {
            id: OrderId::FIRST,
            request_id: placing.request_id.clone(),
            enrollment: enrollment.name(),
            wish: Some(enrollment.clone()),
            server: self.server.clone(),
            roles: enrollment.roles.to_vec(),
            goal: placing.spec.goal,
            issuer: enrollment.issuer.clone(),
            template: enrollment.template.clone(),
            key_algorithm: enrollment.key_algorithm,
            digest: enrollment.digest,
            exportable: enrollment.exportable,
            friendly_name: plan.friendly_name.clone(),
            common_name: plan.subject_cn.clone(),
            subject: enrollment.subject.clone(),
            names,
            client_eku: plan.usages.client,
            lifetime: plan.lifetime.unwrap_or(Template::DEFAULT_LIFETIME),
            approval_required: plan.approval_required,
            key_id,
            csr: Vec::new(),
            state: State::KeyReady,
            placed_at: now,
            updated_at: now,
            placed_by: placing.actor.clone(),
        };
        order.csr =
            create_csr(key, &subject(&order), &order.names, order.digest, &purposes(&order))
                .map_err(|error| {
                    Failure::new(
                        Reason::PlanRefused,
                        format!("the request cannot be made: {}", Chain(&error)),
                    )
                })?;
        // The intent to send it is recorded together with it.
        order.state = State::Submitting { attempt: 1 };
        Ok(order)
    }
}

/// Returns the subject of an order as the CA writes it.
pub(super) fn subject(order: &Order) -> Subject {
    let text = |attribute| order.subject.get(attribute).map(str::to_owned);
    Subject {
        common_name: order.common_name.as_ref().map(ToString::to_string),
        organization: text(Attribute::Organization),
        organizational_unit: text(Attribute::OrganizationalUnit),
        locality: text(Attribute::Locality),
        state: text(Attribute::State),
        country: text(Attribute::Country),
    }
}

/// Returns what the certificate of an order may be used for.
pub(super) fn purposes(order: &Order) -> Vec<Purpose> {
    if order.client_eku {
        vec![Purpose::ServerAuth, Purpose::ClientAuth]
    } else {
        vec![Purpose::ServerAuth]
    }
}

fn replay(view: View<'_>, placing: &Placing) -> Result<Option<OrderId>, Failure> {
    let reused = || {
        Failure::new(
            Reason::RequestIdReused,
            format!("the request id {} belongs to another request", placing.request_id),
        )
    };
    match view.request(&placing.request_id)? {
        None => Ok(None),
        Some(None) => Err(reused()),
        Some(Some(id)) => {
            let order = view.expect_order(id)?;
            if is_asked(&order, &placing.spec) { Ok(Some(id)) } else { Err(reused()) }
        }
    }
}

/// Returns whether an order is what `spec` asks for, in everything that `spec` says.
fn is_asked(order: &Order, spec: &RequestSpec) -> bool {
    let sorted = |roles: &[Role]| {
        let mut roles = roles.to_vec();
        roles.sort();
        roles
    };
    let named = match &spec.friendly_name {
        FriendlyNameChoice::Exactly(name) => *name == order.friendly_name,
        FriendlyNameChoice::Generated | FriendlyNameChoice::BasedOn(_) => true,
    };
    named
        && sorted(&spec.roles) == sorted(&order.roles)
        && spec.goal == order.goal
        && spec.issuer.as_ref().is_none_or(|issuer| *issuer == order.issuer)
        && (spec.template.is_none() || spec.template == order.template)
        && spec.key_algorithm.is_none_or(|algorithm| algorithm == order.key_algorithm)
        && spec.digest.is_none_or(|digest| digest == order.digest)
        // A shared role makes a key exportable although nobody asked.
        && (spec.exportable != Some(true) || order.exportable)
        && spec.subject == order.subject
        && spec.client_eku.is_none_or(|client| client == order.client_eku)
        && spec.added_names.iter().all(|name| order.names.iter().any(|held| held.matches(name)))
}

fn check_open(view: View<'_>, roles: &[Role]) -> Result<(), Failure> {
    let open = view.open_orders()?;
    match open.iter().find(|order| order.roles.iter().any(|role| roles.contains(role))) {
        Some(order) => Err(in_the_way(order)),
        None => Ok(()),
    }
}

/// Gives an order its number and a name that nothing else has.
fn numbered(
    record: &Record<'_, '_>,
    order: Order,
    choice: &FriendlyNameChoice,
) -> Result<Order, Failure> {
    let id = record.read(|view| view.next_order_id())?;
    let is_free = |name: &FriendlyName| {
        record.read(|view| view.is_friendly_name_taken(name)).map(|taken| !taken)
    };
    let friendly_name = match choice {
        FriendlyNameChoice::Exactly(name) if is_free(name)? => name.clone(),
        FriendlyNameChoice::Exactly(name) => {
            return Err(Failure::new(
                Reason::PlanRefused,
                format!("another certificate is called `{name}`"),
            )
            .with_remedy("give another name, or none to have one made"));
        }
        FriendlyNameChoice::Generated | FriendlyNameChoice::BasedOn(_) => {
            unique_name(&order.friendly_name, id.get(), is_free)?
        }
    };
    Ok(Order { id, friendly_name, ..order })
}

/// Returns the cause in whose name the CA refuses what an order asks for.
pub(super) fn refusal_cause(order: &Order, now: Timestamp) -> Cause {
    Cause { actor: order.placed_by.clone(), now, request: None }
}
