//! The embedded certification authority: a root, an issuing CA with name constraints, and nothing
//! else.
//!
//! It exists so that Rolecall works before anybody has asked the enterprise's CA for anything, and
//! so that names inside the fleet never need a public one. Every function here is a pure signing
//! step: keys and certificates come in as arguments, DER comes out, `now` and serial numbers are the
//! caller's, and what must survive a crash is the store's to keep. Three rules hold throughout:
//!
//! - from a signing request only the public key is taken; names, usages and lifetime come from the
//!   planned [`Profile`];
//! - no private key byte appears in a `Debug`, a `Display`, an error or a log;
//! - the issuing CA refuses to sign what its own name constraints forbid, so that a verifier's
//!   refusal is never the first to tell.
//!
//! In reading order: [`keys`] and [`csr`] (what a subject brings), [`hierarchy`] and [`subordinate`]
//! (how a CA comes to be), [`authority`], [`issuance`] and [`revocation`] (what it does every day),
//! [`root_export`] (how its root leaves the machine). `manual/embedded-ca.md` tells the same to an
//! administrator.

pub mod authority;
pub mod constraints;
pub mod csr;
mod der;
pub mod hierarchy;
pub mod issuance;
pub mod keys;
pub mod public_key;
pub mod publication;
pub mod revocation;
pub mod root_export;
pub mod serial;
pub mod signature;
pub mod subject;
pub mod subordinate;
#[cfg(test)]
mod testing;

pub use authority::IssuingCa;
pub use csr::{AllowedNames, CsrFacts, CsrRefusal, check_csr, check_own_csr, create_csr};
pub use hierarchy::{
    HierarchyOptions, NewAuthority, NewHierarchy, create_hierarchy, create_issuing,
};
pub use issuance::{IssueError, Issued, Profile, issue};
pub use keys::PrivateKey;
pub use publication::{AuthorityKeyId, PublicationUrl};
pub use revocation::{RevocationReason, RevokedEntry, crl};
pub use root_export::{
    Passphrase, RootExport, WeakPassphrase, export_root, read_export, verify_export,
};
pub use serial::SerialNumber;
pub use subject::{Purpose, Subject};
pub use subordinate::{SubordinateChain, check_subordinate, subordinate_csr};
