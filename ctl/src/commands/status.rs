//! `status`.

use rolecall::api::pb;

use crate::args::Status;
use crate::error::Error;
use crate::output::status::StatusView;
use crate::session::{Outcome, Session};

/// Shows how every role stands.
pub(super) async fn run(arguments: &Status, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let answer = session.client.status().get_status(pb::GetStatusRequest {}).await?.into_inner();
    let view = StatusView::of(&answer);
    session.show(&view).await?;
    Ok(Outcome::of_findings(view.has_findings(arguments.strict)))
}
