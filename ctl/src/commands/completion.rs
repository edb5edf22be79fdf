//! `completion`.

use clap::CommandFactory as _;

use crate::args::{Cli, Completion};
use crate::console::Console;
use crate::error::Error;
use crate::session::Outcome;

/// Prints a completion script.
pub(super) fn run(arguments: &Completion, console: &mut Console) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, "rolecallctl", &mut script);
    console.print_bytes(&script)?;
    Ok(Outcome::Done)
}
