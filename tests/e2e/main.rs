//! Every test of Rolecall from outside, in one binary so that it links once.
#![expect(
    clippy::tests_outside_test_module,
    reason = "the whole binary is tests, which the lint does not see"
)]

mod access;
mod approvals;
mod assignments;
mod codegen;
mod command_line;
mod flow;
mod foreign_requests;
mod keygen;
mod process;
mod python;
mod quickstart;
mod reasons;
mod refusals;
mod request_ids;
mod revocation;
mod shipped;
