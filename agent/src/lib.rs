//! The agent: it holds keys and certificates, keeps the role map, and *acts*.
//!
//! What is decided stands in the crate `rolecall`; here is everything with a clock, a disk, a socket
//! or a random number. It refuses to know what a command line looks like beyond its own few words,
//! and to trust anything that arrives from outside its process.
//!
//! In reading order, which is the order of the start: [`args`], [`config`], [`telemetry`],
//! [`start`], [`store`], [`ca`] over [`issuer`], [`agent`], [`planning`], [`verification`],
//! [`orders`] with [`keygen`], [`status`], [`engine`], [`server`], [`run`] with [`supervisor`] and
//! [`clock`]. [`init`] and [`console`] are what an administrator does at the server itself.

pub mod agent;
pub mod args;
pub mod ca;
pub mod clock;
pub mod config;
pub mod console;
pub mod engine;
pub mod error;
pub mod init;
pub mod issuer;
pub mod keygen;
pub mod orders;
pub mod planning;
pub mod run;
pub mod server;
pub mod start;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod verification;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

pub use crate::error::Error;

use crate::args::{Cli, Command};
use crate::clock::SystemClock;
use crate::config::Config;

/// Does what the command line says; output goes to `out`.
///
/// # Errors
/// Why it was not done.
pub fn main(cli: Cli, out: &mut dyn Write) -> Result<ExitCode, Error> {
    forbid_core_dumps();
    match cli.command {
        Command::Init(options) => init::init(&options, out).map(|()| ExitCode::SUCCESS),
        Command::Run(options) => serve(Config::load(&options.config)?).map(|()| ExitCode::SUCCESS),
        Command::Check(options) => console::check(&options, out).map(|()| ExitCode::SUCCESS),
        Command::Store(command) => console::store(command, out),
        Command::Ca(command) => console::ca(command, out).map(|()| ExitCode::SUCCESS),
    }
}

fn serve(config: Config) -> Result<(), Error> {
    telemetry::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(run::run_until_signal(config, Arc::new(SystemClock)))
}

/// No core dump and no debugger of the same user ever sees a key (`security.md` §7).
fn forbid_core_dumps() {
    let dumpable = rustix::process::DumpableBehavior::NotDumpable;
    if let Err(error) = rustix::process::set_dumpable_behavior(dumpable) {
        tracing::warn!(%error, "core dumps could not be forbidden");
    }
}

/// Requests are short and the store has its own threads: two workers keep two cores busy, and more
/// would only cost memory.
const WORKERS: usize = 2;
