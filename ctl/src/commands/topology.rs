//! `topology`.

use std::path::{Path, PathBuf};

use rolecall::api::pb;
use rolecall::time::Timestamp;
use rolecall::topology::Topology;

use crate::args::Format;
use crate::console::Console;
use crate::error::Error;
use crate::output::render;
use crate::output::text::some;
use crate::output::topology::{CheckView, ProblemView, TopologyView};
use crate::session::{Outcome, Session};

/// Shows the topology the agent works from.
pub(super) async fn show(explain: bool, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let answer = session.client.topology().get_topology(pb::GetTopologyRequest {}).await?;
    session.show(&TopologyView::of(&answer.into_inner(), explain)).await?;
    Ok(Outcome::Done)
}

/// Checks a topology file here, without an agent.
pub(super) fn check(
    path: &Path,
    format: Format,
    now: Timestamp,
    console: &mut Console,
) -> Result<Outcome, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: PathBuf::from(path), source })?;
    let view = CheckView::of(path.display().to_string(), problems(&text));
    let look = console.look(format, now);
    console.print(&render(&view, format, &look)?)?;
    Ok(Outcome::of_findings(!view.is_sound()))
}

/// Returns every problem of a topology, by line.
fn problems(text: &str) -> Vec<ProblemView> {
    let Err(problems) = Topology::parse(text) else { return Vec::new() };
    problems
        .iter()
        .map(|problem| ProblemView {
            line: problem.line,
            path: some(&problem.path),
            problem: problem.what.clone(),
            remedy: some(&problem.remedy),
        })
        .collect()
}
