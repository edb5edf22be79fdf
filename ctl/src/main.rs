//! `rolecallctl`: asks the Rolecall agent, and shows what it answers.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use rolecall::time::Timestamp;
use rolecallctl::{Console, Surroundings, run};

fn main() -> ExitCode {
    let mut console = Console::of_process();
    let surroundings = Surroundings { now: now(), seed: seed() };
    ExitCode::from(run(std::env::args_os(), surroundings, &mut console))
}

#[expect(clippy::disallowed_methods, reason = "the one place where rolecallctl reads the clock")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since_epoch
}

fn seed() -> [u8; 16] {
    let mut seed = [0; 16];
    aws_lc_rs::rand::fill(&mut seed).expect("the system's random numbers are available");
    seed
}
