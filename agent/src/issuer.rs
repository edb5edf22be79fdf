//! Issuers: who signs what the engine orders.
//!
//! An issuer turns a planned order and a public key into a certificate, or says why not. Everything
//! that speaks to a certification authority, or is one, lives below this module; the engine knows
//! only the answer.

pub mod embedded;
pub mod publish;
