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
//! - [`reason`]: stable codes for every failure;
//! - [`api`]: the gRPC contract, its conversions and a client;
//! - [`manual`]: the manual.

pub mod api;
pub mod certificate;
pub mod hex;
pub mod key;
pub mod manual;
pub mod name;
pub mod reason;
pub mod role;
pub mod suggest;
pub mod time;
