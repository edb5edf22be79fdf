//! `assign` and `unassign`.

use rolecall::api::pb;

use crate::args::certificate::{Assign, Unassign};
use crate::error::Error;
use crate::moment::Side;
use crate::output::assignment::AssignmentsView;
use crate::session::{Outcome, Session};

/// Makes a certificate the current one of roles.
pub(super) async fn assign(arguments: Assign, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::AssignRequest {
        request_id: session.request_ids.draw(),
        certificate: arguments.named.certificate,
        roles: arguments.roles,
        effective: session.moment(arguments.effective.as_deref(), Side::Future)?,
        force: arguments.force,
        what_if: arguments.what_if,
    };
    let answer = session.client.assignments().assign(request).await?.into_inner();
    let view = AssignmentsView::of(&answer.assignments, arguments.what_if)
        .with(&answer.findings, answer.unchanged_roles);
    session.show(&view).await?;
    Ok(Outcome::Done)
}

/// Takes the certificate away from roles; it stays in the store.
pub(super) async fn unassign(
    arguments: Unassign,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let request = pb::UnassignRequest {
        request_id: session.request_ids.draw(),
        roles: arguments.roles,
        previous: arguments.previous,
        next: arguments.next,
        what_if: arguments.what_if,
    };
    let answer = session.client.assignments().unassign(request).await?.into_inner();
    session.show(&AssignmentsView::of(&answer.assignments, arguments.what_if)).await?;
    Ok(Outcome::Done)
}
