//! Findings.

use rolecall::api::convert::{moment, timestamp};
use rolecall::api::pb;
use rolecall::api::pb::finding_service_server::FindingService;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::{Failure, Violation};
use rolecall::finding::FindingCode;
use rolecall::reason::Reason;
use tonic::{Request, Response, Status};

use super::{Services, check_reason, invalid, needed, roles};
use crate::status::message;

#[tonic::async_trait]
impl FindingService for Services {
    async fn list_findings(
        &self,
        _request: Request<pb::ListFindingsRequest>,
    ) -> Result<Response<pb::ListFindingsResponse>, Status> {
        let findings = self.agent.findings(self.agent.now())?;
        let findings = findings.iter().map(message).collect();
        Ok(Response::new(pb::ListFindingsResponse { findings }))
    }

    async fn accept_finding(
        &self,
        request: Request<pb::AcceptFindingRequest>,
    ) -> Result<Response<pb::AcceptFindingResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let message = request.into_inner();
        let code: FindingCode =
            message.code.parse().map_err(|error: rolecall::finding::InvalidFindingCode| {
                Failure::new(Reason::FindingUnknown, error.to_string())
                    .with_remedy("rolecallctl finding list")
            })?;
        let role = match message.role.as_str() {
            "" => None,
            text => roles("role", &[text.to_owned()])?.pop(),
        };
        needed(&self.agent, role.as_slice())?;
        let mut violations = Vec::new();
        let until = message.until.map(moment);
        match until {
            None => violations.push(Violation::new("until", "is missing")),
            Some(until) if until <= cause.now => {
                violations.push(Violation::new("until", format!("{until} is not in the future")));
            }
            Some(_) => {}
        }
        if message.reason.trim().is_empty() {
            violations.push(Violation::new("reason", "is missing: say why it is tolerated"));
        }
        violations.extend(check_reason(&message.reason));
        if !violations.is_empty() {
            return Err(invalid(violations).into());
        }
        let acceptance = pb::Acceptance {
            code: code.as_str().to_owned(),
            role: role.map(|role| role.to_string()).unwrap_or_default(),
            reason: message.reason,
            accepted_by: cause.actor.to_string(),
            accepted_at: Some(timestamp(cause.now)),
            until: until.map(timestamp),
        };
        if !message.what_if {
            let accepted = pb::FindingAccepted { acceptance: Some(acceptance.clone()) };
            self.agent
                .store
                .change(cause, move |record| record.entry(Change::FindingAccepted(accepted)))
                .await?;
        }
        Ok(Response::new(pb::AcceptFindingResponse { acceptance: Some(acceptance) }))
    }
}
