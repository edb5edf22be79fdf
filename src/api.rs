//! The gRPC API: generated code, conversions, errors and a client.
//!
//! This is the only place that names prost or tonic. [`pb`] is generated from `proto/` and checked
//! in; a test proves it fresh. [`status`] is the only place that builds a gRPC status.

pub mod client;
pub mod convert;
pub mod kind;
pub mod status;

/// The generated messages and services of `rolecall.v1`.
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction,
    reason = "generated; the documentation stands in proto/"
)]
pub mod pb {
    include!("api/gen/rolecall.v1.rs");
}

/// The descriptors of `rolecall.v1`, for reflection and for the access table's test.
pub const DESCRIPTORS: &[u8] = include_bytes!("api/gen/descriptors.bin");
