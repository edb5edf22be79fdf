//! Certificates for server pools, by role.
//!
//! This crate *decides and defines*; `rolecall-agent` acts and `rolecallctl` asks. Nothing here
//! reads a clock, draws a random number, opens a file or knows which database stands behind the
//! agent: `now` and randomness are arguments, and the state machines return what should be done.
//!
//! In reading order:
//!
//! - [`time`], [`name`], [`key`], [`certificate`]: RFC 5280 in types;
//! - [`role`]: the role catalogue.

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
