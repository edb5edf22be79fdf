//! What the agent knows, on disk: a journal that is the truth, and what is derived from it.
//!
//! One writer decides, appends complete changes to the journal, applies them to the index and only
//! then answers. The invariant of this module: *what was acknowledged is read back after any crash,
//! and what was not acknowledged is there completely or not at all*. The formats, and what each
//! condition found at start does, are in `manual/store-format.md`.
//!
//! In reading order: [`disk`] is all that touches files, [`codec`] and [`rows`] are the words the
//! rest is written in; [`journal`], [`checkpoint`], [`index`] and [`keys`] are the four things on
//! disk; [`engine`] makes them one store; [`verify`] checks them from outside. Above the octets,
//! [`projection`] says what entries mean and [`view`] reads and records them as domain types.

pub mod checkpoint;
pub mod codec;
pub mod disk;
pub mod engine;
pub mod error;
pub mod export;
pub mod index;
pub mod journal;
pub mod keys;
pub mod lock;
pub mod projection;
pub mod rows;
pub(crate) mod tables;
pub mod verify;
pub mod view;

#[cfg(test)]
mod toy;
