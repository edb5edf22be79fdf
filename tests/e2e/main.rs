//! Every test of Rolecall from outside, in one binary so that it links once.
#![expect(
    clippy::tests_outside_test_module,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the whole binary is tests, which the lints do not see"
)]

mod access;
mod approvals;
mod architecture;
mod assignments;
mod ca_console;
mod codegen;
mod command_line;
mod console;
mod crash;
mod crash_kill;
mod crash_power;
mod disk_full;
mod disk_state;
mod flow;
mod foreign_requests;
mod keygen;
mod limits;
mod process;
mod python;
mod quickstart;
mod reasons;
mod refusals;
mod remedies;
mod request_ids;
mod revocation;
mod secrets;
mod shipped;
