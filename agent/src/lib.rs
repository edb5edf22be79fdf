//! x
pub mod issuer;
