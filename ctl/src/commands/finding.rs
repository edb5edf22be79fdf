//! `finding`.

use rolecall::api::pb;

use super::order::not_done;
use crate::args::{Accept, Finding};
use crate::error::Error;
use crate::moment::Side;
use crate::output::finding::{AcceptanceView, FindingsView};
use crate::session::{Outcome, Session, filled};

/// Lists findings, and accepts them for a time.
pub(super) async fn run(command: Finding, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Finding::List => {
            let request = pb::ListFindingsRequest {};
            let answer = session.client.findings().list_findings(request).await?.into_inner();
            session.show(&FindingsView::of(&answer.findings)).await?;
            Ok(Outcome::Done)
        }
        Finding::Accept(arguments) => accept(arguments, session).await,
    }
}

async fn accept(arguments: Accept, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::AcceptFindingRequest {
        request_id: session.request_ids.draw(),
        code: arguments.code,
        role: arguments.role.unwrap_or_default(),
        reason: arguments.reason,
        until: session.moment(Some(&arguments.until), Side::Future)?,
        what_if: arguments.what_if,
    };
    let answer = session.client.findings().accept_finding(request).await?.into_inner();
    let acceptance = filled(answer.acceptance, "the acceptance")?;
    session.show(&AcceptanceView::of(&acceptance)).await?;
    not_done(arguments.what_if, session);
    Ok(Outcome::Done)
}
