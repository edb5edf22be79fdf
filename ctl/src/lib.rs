//! `rolecallctl` as a library: everything but the process.
//!
//! It *asks*: it parses a command line, calls the agent over gRPC, and shows the answer. It decides
//! nothing, keeps nothing, and never sends a path: files named on the command line are read and
//! written here. The clock and randomness come in as [`Surroundings`], what a terminal would show
//! goes out through a [`Console`], so that every command runs inside a test.
//!
//! In reading order:
//!
//! - `args`: the command line;
//! - `session`: the connection to one agent, and what every command needs;
//! - `commands`: a module per noun;
//! - `output`: a view per noun, shown as table, JSON or YAML;
//! - `progress`: what is shown while an order is under way;
//! - `report`: a page to file.

mod args;
mod commands;
mod console;
mod error;
mod moment;
mod output;
mod progress;
mod report;
mod session;

#[cfg(test)]
mod fake;

use std::ffi::OsString;

use clap::Parser as _;
use rolecall::time::Timestamp;

pub use self::console::Console;
use self::error::Error;

/// What a run takes from the world outside, drawn once.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The moment of the call.
    pub now: Timestamp,
    /// Random octets, from which request ids are made.
    pub seed: [u8; 16],
}

/// Runs one command line and returns the exit status.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: Surroundings,
    console: &mut Console,
) -> u8 {
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return console.usage(&error),
    };
    console.set_color(cli.global.color);
    let result = runtime()
        .and_then(|runtime| runtime.block_on(Box::pin(commands::run(cli, surroundings, console))));
    match result {
        Ok(outcome) => outcome.exit_status(),
        Err(error) => console.failure(&error),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}
