//! `enrollment`.

use rolecall::api::pb;

use super::order::not_done;
use crate::args::enrollment::{Command, Set};
use crate::error::Error;
use crate::moment::parse_length;
use crate::output::View as _;
use crate::output::enrollment::{EnrollmentView, EnrollmentsView};
use crate::output::plan::PlanView;
use crate::session::{Outcome, Session, filled};

/// Lists and adjusts enrollments.
pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Command::List => {
            let request = pb::ListEnrollmentsRequest {};
            let answer = session.client.enrollments().list_enrollments(request).await?.into_inner();
            session.show(&EnrollmentsView::of(&answer.enrollments)).await?;
            Ok(Outcome::Done)
        }
        Command::Show { name } => show(name, session).await,
        Command::Set(arguments) => set(*arguments, session).await,
        Command::Remove { name, what_if } => {
            let request_id = session.request_ids.draw();
            let request = pb::RemoveEnrollmentRequest { request_id, name, what_if };
            let answer =
                session.client.enrollments().remove_enrollment(request).await?.into_inner();
            shown(answer.enrollment, what_if, session).await
        }
    }
}

/// Shows the enrollment and, for people, what its next order will ask for.
async fn show(name: String, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::GetEnrollmentRequest { name: name.clone() };
    let answer = session.client.enrollments().get_enrollment(request).await?.into_inner();
    session.show(&EnrollmentView::of(&filled(answer.enrollment, "the enrollment")?)).await?;
    if session.format.is_human() {
        let request = pb::PlanEnrollmentRequest { name };
        let answer = session.client.plans().plan_enrollment(request).await?.into_inner();
        let view = PlanView::of(&filled(answer.plan, "the plan")?, &[]);
        let text = view.human(&session.look());
        session.console.print(&format!("\nIts next order will ask for\n{text}"))?;
    }
    Ok(Outcome::Done)
}

async fn set(arguments: Set, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let what_if = arguments.what_if;
    let request = pb::SetEnrollmentRequest {
        request_id: session.request_ids.draw(),
        name: arguments.name,
        issuer: arguments.issuer,
        template: arguments.template,
        key_algorithm: arguments.key_algorithm,
        digest: arguments.digest,
        exportable: arguments.exportable,
        add_names: arguments.add_names,
        remove_names: arguments.remove_names,
        renew_before_seconds: renew_before(arguments.renew_before.as_deref())?,
        what_if,
    };
    let answer = session.client.enrollments().set_enrollment(request).await?.into_inner();
    shown(answer.enrollment, what_if, session).await
}

/// The contract's 0 is the default rule, so a length of nothing is refused here.
fn renew_before(text: Option<&str>) -> Result<Option<u64>, Error> {
    let Some(text) = text else { return Ok(None) };
    if text.eq_ignore_ascii_case("default") {
        return Ok(Some(0));
    }
    let refused = || Error::Argument {
        what: format!("`{text}` is not a length of time"),
        remedy: "write 30d, 12h or default".to_owned(),
    };
    let seconds = parse_length(text).map_err(|_invalid| refused())?.as_secs();
    if seconds == 0 { Err(refused()) } else { Ok(Some(seconds)) }
}

async fn shown(
    enrollment: Option<pb::Enrollment>,
    what_if: bool,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let view = EnrollmentView::of(&filled(enrollment, "the enrollment")?);
    session.show(&view).await?;
    not_done(what_if, session);
    Ok(Outcome::Done)
}
