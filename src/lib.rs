//! Certificates for server pools, by role.
//!
//! This crate *decides and defines*; `rolecall-agent` acts and `rolecallctl` asks. Nothing here
//! reads a clock, draws a random number, opens a file or knows which database stands behind the
//! agent: `now` and randomness are arguments, and the state machines return what should be done.
//!
//! In reading order:
//!
//! - [`time`], [`name`], [`key`], [`certificate`]: RFC 5280 in types;
//! - [`role`]: the role catalogue;
//! - [`topology`]: what there is, and who issues for it;
//! - [`naming`]: which names a certificate carries, and why;
//! - [`request`], [`template`], [`enrollment`]: what is asked once, what can be had, what is wished for good;
//! - [`plan`]: what a request would do, before a key is made.

pub mod certificate;
pub mod enrollment;
pub mod hex;
pub mod key;
pub mod name;
pub mod naming;
pub mod plan;
pub mod request;
pub mod role;
pub mod suggest;
pub mod template;
pub mod time;
pub mod topology;
