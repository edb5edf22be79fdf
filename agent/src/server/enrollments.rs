//! Enrollments.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use rolecall::api::convert::{MOST_NAMES, too_many};
use rolecall::api::pb;
use rolecall::api::pb::enrollment_service_server::EnrollmentService;
use rolecall::api::status::{Failure, Violation};
use rolecall::enrollment::{Enrollment, EnrollmentChange, EnrollmentName};
use rolecall::name::DnsName;
use rolecall::order::Order;
use rolecall::reason::Reason;
use rolecall::request::Goal;
use tonic::{Request, Response, Status};

use super::peer::Caller;
use super::{Services, invalid};
use crate::orders::in_the_way;
use crate::store::view::Cause;

#[tonic::async_trait]
impl EnrollmentService for Services {
    async fn list_enrollments(
        &self,
        _request: Request<pb::ListEnrollmentsRequest>,
    ) -> Result<Response<pb::ListEnrollmentsResponse>, Status> {
        let enrollments = self.agent.enrollments()?;
        let enrollments = enrollments.iter().map(Into::into).collect();
        Ok(Response::new(pb::ListEnrollmentsResponse { enrollments }))
    }

    async fn get_enrollment(
        &self,
        request: Request<pb::GetEnrollmentRequest>,
    ) -> Result<Response<pb::GetEnrollmentResponse>, Status> {
        let enrollment = self.find_enrollment(&request.into_inner().name)?;
        Ok(Response::new(pb::GetEnrollmentResponse { enrollment: Some((&enrollment).into()) }))
    }

    async fn set_enrollment(
        &self,
        request: Request<pb::SetEnrollmentRequest>,
    ) -> Result<Response<pb::SetEnrollmentResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let grant = Caller::of(&request)?.grant;
        let message = request.into_inner();
        let enrollment = changed(self.find_enrollment(&message.name)?, &message)?;
        // A wish that cannot be planned is refused now, not at its renewal.
        self.agent.plan(&enrollment.renewal(Goal::Assign), grant, cause.now)?;
        if !message.what_if {
            self.change(cause, &enrollment, EnrollmentChange::Set(enrollment.clone())).await?;
        }
        Ok(Response::new(pb::SetEnrollmentResponse { enrollment: Some((&enrollment).into()) }))
    }

    async fn remove_enrollment(
        &self,
        request: Request<pb::RemoveEnrollmentRequest>,
    ) -> Result<Response<pb::RemoveEnrollmentResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let message = request.into_inner();
        let enrollment = self.find_enrollment(&message.name)?;
        if !message.what_if {
            let change = EnrollmentChange::Removed(enrollment.name());
            self.change(cause, &enrollment, change).await?;
        }
        Ok(Response::new(pb::RemoveEnrollmentResponse { enrollment: Some((&enrollment).into()) }))
    }
}

impl Services {
    /// Records a change, unless an order is open that will set the enrollment as it was asked for.
    async fn change(
        &self,
        cause: Cause,
        enrollment: &Enrollment,
        change: EnrollmentChange,
    ) -> Result<(), Failure> {
        let roles = enrollment.roles.clone();
        self.agent
            .store
            .change(cause, move |record| {
                let open = record.read(|view| view.open_orders())?;
                let will_set = |order: &&Order| {
                    order.state.fingerprint().is_none()
                        && order.roles.iter().any(|role| roles.contains(role))
                };
                match open.iter().find(will_set) {
                    Some(order) => Err(in_the_way(order)),
                    None => record.enrollments_changed(&[change]),
                }
            })
            .await
    }

    fn find_enrollment(&self, text: &str) -> Result<Enrollment, Failure> {
        let name = name(text)?;
        self.agent.store.read(|view| view.enrollment(&name))?.ok_or_else(|| {
            let known = self.agent.enrollments().unwrap_or_default();
            let known = known.iter().map(|one| one.name().to_string());
            let nearest = rolecall::suggest::nearest(name.as_str(), known);
            Failure::new(
                Reason::EnrollmentUnknown,
                format!(
                    "there is no enrollment {name}{}",
                    rolecall::suggest::did_you_mean(&nearest)
                ),
            )
            .with_remedy("rolecallctl enrollment list")
        })
    }
}

pub(super) fn name(text: &str) -> Result<EnrollmentName, Failure> {
    text.parse().map_err(|error| Violation::new("name", error).into())
}

/// Returns the enrollment with every field that the request gives.
fn changed(
    mut enrollment: Enrollment,
    message: &pb::SetEnrollmentRequest,
) -> Result<Enrollment, Failure> {
    let mut violations = Vec::new();
    set("issuer", message.issuer.as_ref(), &mut enrollment.issuer, &mut violations);
    set(
        "key_algorithm",
        message.key_algorithm.as_ref(),
        &mut enrollment.key_algorithm,
        &mut violations,
    );
    set("digest", message.digest.as_ref(), &mut enrollment.digest, &mut violations);
    match message.template.as_deref().map(str::parse) {
        None => {}
        Some(Ok(template)) => enrollment.template = Some(template),
        Some(Err(_)) if message.template.as_deref() == Some("") => enrollment.template = None,
        Some(Err(error)) => violations.push(Violation::new("template", error)),
    }
    for name in names("add_names", &message.add_names, &mut violations) {
        if !enrollment.added_names.contains(&name) {
            enrollment.added_names.push(name);
        }
    }
    let removed = names("remove_names", &message.remove_names, &mut violations);
    enrollment.added_names.retain(|known| !removed.contains(known));
    violations.extend(too_many("add_names", enrollment.added_names.len(), MOST_NAMES));
    enrollment.exportable = message.exportable.unwrap_or(enrollment.exportable);
    if let Some(seconds) = message.renew_before_seconds {
        enrollment.renew_before = (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    if violations.is_empty() { Ok(enrollment) } else { Err(invalid(violations)) }
}

fn set<T: FromStr<Err: Display>>(
    field: &str,
    text: Option<&String>,
    value: &mut T,
    violations: &mut Vec<Violation>,
) {
    match text.map(|text| text.parse()) {
        None => {}
        Some(Ok(parsed)) => *value = parsed,
        Some(Err(error)) => violations.push(Violation::new(field, error)),
    }
}

fn names(field: &str, texts: &[String], violations: &mut Vec<Violation>) -> Vec<DnsName> {
    let mut names = Vec::new();
    if let Some(violation) = too_many(field, texts.len(), MOST_NAMES) {
        violations.push(violation);
        return names;
    }
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(name) => names.push(name),
            Err(error) => violations.push(Violation::new(format!("{field}[{index}]"), error)),
        }
    }
    names
}
