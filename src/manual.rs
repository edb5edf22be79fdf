//! The manual, as part of the documentation.
//!
//! Its pages are Markdown files under `src/manual/`.

#[doc = include_str!("manual/benchmarks.md")]
pub mod benchmarks {}

#[doc = include_str!("manual/failures.md")]
pub mod failures {}

#[doc = include_str!("manual/cli.md")]
pub mod cli {}
