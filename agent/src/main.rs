//! The agent's process: arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use rolecall::error_chain::Chain;
use rolecall_agent::args::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_usage_error = error.use_stderr();
            // Nobody is left to tell when even this cannot be printed.
            drop(error.print());
            return ExitCode::from(if is_usage_error { 64 } else { 0 });
        }
    };
    match rolecall_agent::main(cli, &mut std::io::stdout().lock()) {
        Ok(code) => code,
        Err(error) if error.is_reader_gone() => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_status())
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log may not exist yet")]
fn report(error: &rolecall_agent::Error) {
    eprintln!("rolecall-agent: {} ({})", Chain(error), error.code());
    for line in error.remedy().iter().flat_map(|remedy| remedy.lines()) {
        eprintln!("  {line}");
    }
}
