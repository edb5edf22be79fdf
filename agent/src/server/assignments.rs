//! Assignments.

use rolecall::api::convert::moment;
use rolecall::api::pb;
use rolecall::api::pb::assignment_service_server::AssignmentService;
use rolecall::api::status::{Failure, Violation};
use rolecall::assignment::{Assignment, Change, Generation, Slot};
use rolecall::certificate::Fingerprint;
use rolecall::finding::{Finding, Severity};
use rolecall::inventory::StoredCertificate;
use rolecall::reason::Reason;
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::topology::ScopeInstance;
use tonic::{Request, Response, Status};

use super::{Services, certificates, needed, roles};
use crate::orders::assign_roles;
use crate::store::view::{Record, View};

#[tonic::async_trait]
impl AssignmentService for Services {
    async fn list_assignments(
        &self,
        _request: Request<pb::ListAssignmentsRequest>,
    ) -> Result<Response<pb::ListAssignmentsResponse>, Status> {
        let assignments = self.agent.store.read(|view| view.assignments())?;
        let assignments = self.all_with_previous(&assignments)?;
        Ok(Response::new(pb::ListAssignmentsResponse { assignments }))
    }

    async fn assign(
        &self,
        request: Request<pb::AssignRequest>,
    ) -> Result<Response<pb::AssignResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let message = request.into_inner();
        let roles = some_roles(&message.roles)?;
        needed(&self.agent, &roles)?;
        let selector = certificates::selector(&message.certificate)?;
        let stored = self.agent.store.read(|view| view.find_certificate(&selector))?;
        let findings = self.agent.verify_stored(&stored, &roles, cause.now)?.findings;
        refuse_unfit(&stored, &roles, &findings, message.force)?;
        let effective = message.effective.map_or(cause.now, moment);
        check_effective(&stored, effective, cause.now)?;
        let instances = self.agent.instances(&roles);
        let fingerprint = stored.certificate.fingerprint();
        let changed = if message.what_if {
            self.agent
                .store
                .read(|view| preview(view, &instances, &stored, effective, cause.now))?
        } else {
            self.agent
                .store
                .change(cause, move |record| {
                    still_there(record, fingerprint)?;
                    let changed = assign_roles(record, &instances, &stored.certificate, effective)?;
                    note_handled(record, changed.is_empty(), "Assign")?;
                    Ok(changed)
                })
                .await?
        };
        self.agent.rescheduled.notify_one();
        let unchanged = roles
            .iter()
            .filter(|role| !changed.iter().any(|one| one.role == **role))
            .map(ToString::to_string)
            .collect();
        Ok(Response::new(pb::AssignResponse {
            assignments: self.all_with_previous(&changed)?,
            findings: findings.iter().map(Into::into).collect(),
            unchanged_roles: unchanged,
        }))
    }

    async fn unassign(
        &self,
        request: Request<pb::UnassignRequest>,
    ) -> Result<Response<pb::UnassignResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let message = request.into_inner();
        let roles = some_roles(&message.roles)?;
        needed(&self.agent, &roles)?;
        let instances = self.agent.instances(&roles);
        let what = match (message.previous, message.next) {
            (true, true) => {
                return Err(Failure::from(Violation::new(
                    "previous",
                    "name either the previous certificates or the next one",
                ))
                .into());
            }
            (true, false) => Taking::Previous,
            (false, true) => Taking::Next,
            (false, false) => Taking::Current,
        };
        let assignments = if message.what_if {
            self.agent.store.read(|view| what.preview(view, &instances))?
        } else {
            self.agent
                .store
                .change(cause, move |record| {
                    let changed = what.record(record, &instances)?;
                    note_handled(record, changed.is_empty(), "Unassign")?;
                    Ok(changed)
                })
                .await?
        };
        self.agent.rescheduled.notify_one();
        Ok(Response::new(pb::UnassignResponse {
            assignments: self.all_with_previous(&assignments)?,
        }))
    }
}

impl Services {
    fn all_with_previous(&self, all: &[Assignment]) -> Result<Vec<pb::Assignment>, Failure> {
        self.agent.store.read(|view| all.iter().map(|one| with_previous(view, one)).collect())
    }
}

/// Which certificates a role loses.
#[derive(Clone, Copy)]
enum Taking {
    Current,
    Next,
    Previous,
}

impl Taking {
    fn change(self, assignment: &Assignment) -> Option<Change> {
        match self {
            Self::Current => assignment.handle_unassign(),
            Self::Next => assignment.handle_cancel_next(),
            Self::Previous => None,
        }
    }

    fn preview(
        self,
        view: View<'_>,
        instances: &[(Role, ScopeInstance)],
    ) -> Result<Vec<Assignment>, Failure> {
        let mut changed = Vec::new();
        for (role, instance) in instances {
            let assignment = view.assignment(role, instance)?;
            if matches!(self, Self::Previous) && !view.previous(&assignment)?.is_empty() {
                changed.push(assignment);
            } else if let Some(change) = self.change(&assignment) {
                changed.push(change.assignment);
            }
        }
        Ok(changed)
    }

    fn record(
        self,
        record: &mut Record<'_, '_>,
        instances: &[(Role, ScopeInstance)],
    ) -> Result<Vec<Assignment>, Failure> {
        let mut changed = Vec::new();
        for (role, instance) in instances {
            let assignment = record.read(|view| view.assignment(role, instance))?;
            if matches!(self, Self::Previous) {
                let previous = record.read(|view| view.previous(&assignment))?;
                let dropped: Vec<Generation> =
                    previous.iter().map(|slot: &Slot| slot.generation).collect();
                if !dropped.is_empty() {
                    record.assignment_changed(&assignment, "previous-removed", None, &dropped)?;
                    changed.push(assignment);
                }
            } else if let Some(change) = self.change(&assignment) {
                record.assignment_changed(&change.assignment, change.cause.as_str(), None, &[])?;
                changed.push(change.assignment);
            }
        }
        Ok(changed)
    }
}

fn some_roles(texts: &[String]) -> Result<Vec<Role>, Failure> {
    if texts.is_empty() {
        return Err(Violation::new("roles", "at least one role is needed").into());
    }
    roles("roles", texts)
}

fn refuse_unfit(
    stored: &StoredCertificate,
    roles: &[Role],
    findings: &[Finding],
    force: bool,
) -> Result<(), Failure> {
    let stops = |finding: &&Finding| match finding.severity {
        Severity::Error => true,
        Severity::Warning => !force,
        Severity::Notice => false,
    };
    let stopping: Vec<&Finding> = findings.iter().filter(stops).collect();
    let Some(first) = stopping.first() else { return Ok(()) };
    let only_warnings = stopping.iter().all(|finding| finding.severity == Severity::Warning);
    let why = stopping.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let roles = roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let remedy = if only_warnings && first.remedy.is_empty() {
        "repeat with --force to override warnings".to_owned()
    } else if only_warnings {
        format!("{}  # or repeat with --force to override warnings", first.remedy)
    } else {
        first.remedy.clone()
    };
    Err(Failure::new(
        Reason::AssignmentRefused,
        format!("{} cannot serve {roles}: {why}", stored.certificate.thumbprint()),
    )
    .with_remedy(remedy))
}

fn check_effective(
    stored: &StoredCertificate,
    effective: Timestamp,
    now: Timestamp,
) -> Result<(), Failure> {
    let validity = stored.certificate.validity();
    if effective > now && !validity.contains(effective) {
        return Err(Violation::new(
            "effective",
            format!(
                "the certificate is valid from {} to {}, not at {effective}",
                validity.not_before, validity.not_after
            ),
        )
        .into());
    }
    Ok(())
}

fn preview(
    view: View<'_>,
    instances: &[(Role, ScopeInstance)],
    stored: &StoredCertificate,
    effective: Timestamp,
    now: Timestamp,
) -> Result<Vec<Assignment>, Failure> {
    let candidate = rolecall::assignment::Candidate {
        fingerprint: stored.certificate.fingerprint(),
        thumbprint: stored.certificate.thumbprint(),
        not_after: stored.certificate.not_after(),
    };
    let mut changed = Vec::new();
    for (role, instance) in instances {
        let assignment = view.assignment(role, instance)?;
        let change = assignment.handle_assign(candidate, effective, now);
        changed.extend(change.map(|change| change.assignment));
    }
    Ok(changed)
}

fn still_there(record: &Record<'_, '_>, fingerprint: Fingerprint) -> Result<(), Failure> {
    match record.read(|view| view.certificate(fingerprint))? {
        Some(_) => Ok(()),
        None => Err(Failure::new(Reason::CertificateUnknown, "the certificate was just removed")),
    }
}

/// A request that changed nothing is remembered all the same: its repetition is no new request.
pub(super) fn note_handled(
    record: &mut Record<'_, '_>,
    nothing_changed: bool,
    operation: &str,
) -> Result<(), Failure> {
    if !nothing_changed {
        return Ok(());
    }
    record.entry(pb::journal_entry::Change::RequestHandled(pb::RequestHandled {
        operation: operation.to_owned(),
    }))
}

fn with_previous(view: View<'_>, assignment: &Assignment) -> Result<pb::Assignment, Failure> {
    let previous = view.previous(assignment)?;
    Ok(pb::Assignment {
        previous: previous.iter().rev().take(MOST_PREVIOUS).map(Into::into).collect(),
        ..pb::Assignment::from(assignment)
    })
}

/// The newest previous certificates that a listing shows of each role.
const MOST_PREVIOUS: usize = 100;
