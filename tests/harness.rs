//! What the tests share: agents in folders of their own, the programs, and waits with a bound.
//!
//! A [`Site`] is everything one agent owns on disk. A [`TestAgent`] serves it inside the test's
//! process, with a clock that the test may move; an [`AgentProcess`] is the real program. Neither
//! chooses a path or a port that another test could have. Nothing here decides what is right: tests
//! do. A harness that cannot do its work panics, which is how a test fails.

#![expect(clippy::unwrap_used, reason = "a harness that cannot work fails the test")]

#[path = "harness/calls.rs"]
mod calls;
#[path = "harness/channel.rs"]
mod channel;
#[path = "harness/in_process.rs"]
mod in_process;
#[path = "harness/process.rs"]
mod process;
#[path = "harness/programs.rs"]
mod programs;
#[path = "harness/site.rs"]
mod site;
#[path = "harness/wait.rs"]
mod wait;

pub use self::calls::{Call, Seen, request_id, spec};
pub use self::channel::channel_as;
pub use self::in_process::TestAgent;
pub use self::process::AgentProcess;
pub use self::programs::{Output, as_user, ctl, program, run};
pub use self::site::{STANDARD_EDITION, Site, example};
pub use self::wait::{PATIENCE, eventually, until};
