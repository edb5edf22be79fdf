//! What each command does: one module per noun.
//!
//! A command asks the agent, shows the answer through a view, and says how it ended. What needs no
//! agent (completion, manual pages, the check of a topology file) opens no connection.

mod apply;
mod assignment;
mod certificate;
mod completion;
mod enrollment;
mod finding;
mod follow;
mod issuer;
mod log;
mod man;
mod order;
mod request;
mod status;
mod topology;

use crate::Surroundings;
use crate::args::{self, Cli, Command};
use crate::console::Console;
use crate::error::Error;
use crate::session::{Outcome, Session};

/// Runs a parsed command line.
pub(crate) async fn run(
    cli: Cli,
    surroundings: Surroundings,
    console: &mut Console,
) -> Result<Outcome, Error> {
    if let Some(ended) = run_here(&cli, surroundings, console) {
        return ended;
    }
    let mut session = Session::open(cli.global, surroundings, console).await?;
    Box::pin(ask(cli.command, &mut session)).await
}

/// Runs what needs no agent.
fn run_here(
    cli: &Cli,
    surroundings: Surroundings,
    console: &mut Console,
) -> Option<Result<Outcome, Error>> {
    match &cli.command {
        Command::Completion(arguments) => Some(completion::run(arguments, console)),
        Command::Man(arguments) => Some(man::run(arguments, console)),
        Command::Topology(args::Topology::Check { file }) => {
            Some(topology::check(file, cli.global.output, surroundings.now, console))
        }
        Command::Status(_)
        | Command::Apply(_)
        | Command::Request(_)
        | Command::Order(_)
        | Command::Enrollment(_)
        | Command::Certificate(_)
        | Command::Assign(_)
        | Command::Unassign(_)
        | Command::Issuer(_)
        | Command::Finding(_)
        | Command::Topology(args::Topology::Show { .. })
        | Command::Log(_) => None,
    }
}

async fn ask(command: Command, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Command::Status(arguments) => status::run(&arguments, session).await,
        Command::Apply(arguments) => apply::run(&arguments, session).await,
        Command::Request(arguments) => request::run(*arguments, session).await,
        Command::Order(command) => order::run(command, session).await,
        Command::Enrollment(command) => enrollment::run(command, session).await,
        Command::Certificate(command) => certificate::run(command, session).await,
        Command::Assign(arguments) => assignment::assign(arguments, session).await,
        Command::Unassign(arguments) => assignment::unassign(arguments, session).await,
        Command::Issuer(command) => issuer::run(command, session).await,
        Command::Finding(command) => finding::run(command, session).await,
        Command::Topology(args::Topology::Show { explain }) => {
            topology::show(explain, session).await
        }
        Command::Log(arguments) => log::run(*arguments, session).await,
        // These need no agent and were answered before one was sought.
        Command::Topology(args::Topology::Check { .. })
        | Command::Completion(_)
        | Command::Man(_) => Ok(Outcome::Done),
    }
}

#[cfg(test)]
mod tests;
