//! Plans.

use rolecall::access::Grant;
use rolecall::api::pb;
use rolecall::api::pb::plan_service_server::PlanService;
use rolecall::api::status::Failure;
use rolecall::plan::ApplyStep;
use rolecall::reason::Reason;
use rolecall::request::{Goal, RequestSpec};
use rolecall::role::Role;
use tonic::{Request, Response, Status};

use super::Services;
use super::orders::below_spec;
use super::peer::Caller;

#[tonic::async_trait]
impl PlanService for Services {
    async fn plan_order(
        &self,
        request: Request<pb::PlanOrderRequest>,
    ) -> Result<Response<pb::PlanOrderResponse>, Status> {
        let caller = Caller::of(&request)?;
        let spec = RequestSpec::try_from(request.into_inner().spec.unwrap_or_default())
            .map_err(below_spec)?;
        let plan = self.agent.plan(&spec, caller.grant, self.agent.now())?;
        Ok(Response::new(pb::PlanOrderResponse {
            plan: Some((&plan).into()),
            open_order_ids: self.open_orders(&spec.roles)?,
        }))
    }

    async fn plan_enrollment(
        &self,
        request: Request<pb::PlanEnrollmentRequest>,
    ) -> Result<Response<pb::PlanEnrollmentResponse>, Status> {
        let caller = Caller::of(&request)?;
        let name = super::enrollments::name(&request.into_inner().name)?;
        let enrollment =
            self.agent.store.read(|view| view.enrollment(&name))?.ok_or_else(|| {
                Failure::new(Reason::EnrollmentUnknown, format!("there is no enrollment {name}"))
                    .with_remedy("rolecallctl enrollment list")
            })?;
        let spec = enrollment.renewal(Goal::Assign);
        let plan = self.agent.plan(&spec, caller.grant, self.agent.now())?;
        Ok(Response::new(pb::PlanEnrollmentResponse { plan: Some((&plan).into()) }))
    }

    async fn plan_apply(
        &self,
        request: Request<pb::PlanApplyRequest>,
    ) -> Result<Response<pb::PlanApplyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let now = self.agent.now();
        let mut steps = Vec::new();
        for step in self.agent.apply_steps(now)? {
            steps.push(self.apply_step(&step, caller.grant, now)?);
        }
        let server = self.agent.server.to_string();
        Ok(Response::new(pb::PlanApplyResponse { server, steps }))
    }
}

impl Services {
    fn apply_step(
        &self,
        step: &ApplyStep,
        grant: Grant,
        now: rolecall::time::Timestamp,
    ) -> Result<pb::ApplyStep, Failure> {
        let plan = match step.open_order {
            // The order was planned when it was placed.
            Some(_) => None,
            None => Some(self.agent.plan(&step.spec, grant, now)?),
        };
        Ok(pb::ApplyStep {
            spec: Some((&step.spec).into()),
            why: reasons(step),
            plan: plan.as_ref().map(Into::into),
            open_order_id: step.open_order.map_or(0, |order| order.get()),
        })
    }

    fn open_orders(&self, roles: &[Role]) -> Result<Vec<u64>, Failure> {
        let open = self.agent.store.read(|view| view.open_orders())?;
        Ok(open
            .iter()
            .filter(|order| order.roles.iter().any(|role| roles.contains(role)))
            .map(|order| order.id.get())
            .collect())
    }
}

/// Returns why a step is needed: once, where it is the same for all its roles.
fn reasons(step: &ApplyStep) -> String {
    match step.why.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, why)| why == first) => first.clone(),
        _ => {
            let each = step.why.iter().map(|(role, why)| format!("{role}: {why}"));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}
