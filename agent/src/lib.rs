//! The agent.

pub mod agent;
pub mod ca;
pub mod clock;
pub mod config;
pub mod engine;
pub mod issuer;
pub mod keygen;
pub mod orders;
pub mod planning;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod verification;
