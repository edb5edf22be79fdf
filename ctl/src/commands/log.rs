//! `log`: the journal, as lines, as a verdict, or as a page to file.

mod page;

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use tokio_stream::StreamExt as _;

use crate::args::Format;
use crate::args::journal::Log;
use crate::error::Error;
use crate::moment::Side;
use crate::output::journal::{EntriesView, EntryView, VerifiedView, line};
use crate::output::{json_line, yaml};
use crate::session::{Outcome, Session};

/// Shows the journal.
pub(super) async fn run(arguments: Log, session: &mut Session<'_>) -> Result<Outcome, Error> {
    if arguments.verify {
        return verify(session).await;
    }
    let request = request(&arguments, session)?;
    match &arguments.report {
        Some(path) => page::write(path, arguments.force, request, session).await,
        None if arguments.follow => follow(request, session).await,
        None => {
            session.show(&EntriesView::of(&read(request, session).await?)).await?;
            Ok(Outcome::Done)
        }
    }
}

fn request(arguments: &Log, session: &mut Session<'_>) -> Result<pb::ReadJournalRequest, Error> {
    Ok(pb::ReadJournalRequest {
        since: session.moment(arguments.since.as_deref(), Side::Past)?,
        until: session.moment(arguments.until.as_deref(), Side::Past)?,
        order_id: arguments.order.unwrap_or_default(),
        role: arguments.role.clone().unwrap_or_default(),
        certificate: arguments.certificate.clone().unwrap_or_default(),
        kinds: arguments.kinds.clone(),
        last: arguments.last.unwrap_or_default(),
        follow: arguments.follow,
    })
}

async fn verify(session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::VerifyJournalRequest {};
    let answer = session.client.journal().verify_journal(request).await?.into_inner();
    let view = VerifiedView::of(&answer);
    session.show(&view).await?;
    Ok(Outcome::of_findings(!view.is_sound()))
}

async fn read(
    request: pb::ReadJournalRequest,
    session: &Session<'_>,
) -> Result<Vec<pb::JournalEntry>, Error> {
    let mut answers = session.client.journal().read_journal(request).await?.into_inner();
    let mut entries = Vec::new();
    while let Some(answer) = answers.next().await {
        entries.extend(answer?.entries);
    }
    Ok(entries)
}

/// Shows entries as they are written, until the user or the agent ends it.
async fn follow(
    request: pb::ReadJournalRequest,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    if session.format.is_human() {
        session.announce().await?;
    }
    let mut answers = session.client.journal().read_journal(request).await?.into_inner();
    loop {
        let answer = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                return interrupted.map(|()| Outcome::Done).map_err(Error::Input);
            }
            answer = answers.next() => answer,
        };
        match answer {
            None => return Ok(Outcome::Done),
            Some(Ok(answer)) => show(&answer.entries, session)?,
            Some(Err(status)) => return ended(status, session),
        }
    }
}

/// An agent that stops has nothing more to say, which is no failure of this command.
fn ended(status: tonic::Status, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let failure = Failure::from(status);
    if failure.reason == Reason::ShuttingDown {
        session.console.note("the agent is stopping");
        return Ok(Outcome::Done);
    }
    Err(failure.into())
}

fn show(entries: &[pb::JournalEntry], session: &mut Session<'_>) -> Result<(), Error> {
    for entry in entries {
        let view = EntryView::of(entry);
        let text = match session.format {
            Format::Table | Format::Wide => line(&view, &session.look()),
            Format::Json => json_line(&view)?,
            Format::Yaml => format!("---\n{}", yaml(&view)?),
        };
        session.console.print(&text)?;
    }
    Ok(())
}
