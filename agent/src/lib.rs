//! The agent.

pub mod clock;
pub mod config;
pub mod issuer;
pub mod keygen;
pub mod store;
pub mod supervisor;
pub mod telemetry;
