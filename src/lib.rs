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
//! - [`document`], [`topology`], [`naming`]: what the deployment is, and which names follow;
//! - [`template`], [`request`], [`plan`]: what is asked for, and what it comes to;
//! - [`actor`], [`enrollment`], [`order`], [`assignment`], [`renewal`]: the state machines;
//! - [`finding`], [`verify`], [`inventory`]: what certificates are worth;
//! - [`access`]: who may call what;
//! - [`reason`], [`error_chain`]: stable codes for every failure;
//! - [`api`]: the gRPC contract, its conversions and a client;
//! - [`manual`]: the manual.

pub mod access;
pub mod actor;
pub mod api;
pub mod assignment;
pub mod certificate;
pub mod document;
pub mod enrollment;
pub mod error_chain;
pub mod finding;
pub mod hex;
pub mod inventory;
pub mod key;
pub mod manual;
pub mod name;
pub mod naming;
pub mod order;
pub mod plan;
pub mod reason;
pub mod renewal;
pub mod request;
pub mod role;
pub mod suggest;
pub mod template;
pub mod time;
pub mod topology;
pub mod verify;
