//! The kinds of journal entries, as filters, listings and JSON name them.

use super::pb::journal_entry::Change;

/// Returns the kind of a change.
pub const fn kind(change: &Change) -> &'static str {
    match change {
        Change::OrderPlaced(_) => "order-placed",
        Change::OrderAdvanced(_) => "order-advanced",
        Change::EnrollmentSet(_) => "enrollment-set",
        Change::EnrollmentRemoved(_) => "enrollment-removed",
        Change::CertificateInstalled(_) => "certificate-installed",
        Change::CertificateRemoved(_) => "certificate-removed",
        Change::CertificateRevoked(_) => "certificate-revoked",
        Change::AssignmentSet(_) => "assignment-set",
        Change::CaEstablished(_) => "ca-established",
        Change::CaRequestSet(_) => "ca-request-set",
        Change::CaIssued(_) => "ca-issued",
        Change::CrlPublished(_) => "crl-published",
        Change::FindingAccepted(_) => "finding-accepted",
        Change::TopologyLoaded(_) => "topology-loaded",
        Change::Refusal(_) => "refusal",
        Change::KeyDestroyed(_) => "key-destroyed",
        Change::CheckpointWritten(_) => "checkpoint-written",
        Change::AgentStarted(_) => "agent-started",
        Change::AgentStopped(_) => "agent-stopped",
        Change::RootKeyExported(_) => "root-key-exported",
        Change::CaKeyCreated(_) => "ca-key-created",
        Change::RequestHandled(_) => "request-handled",
    }
}

/// Every kind.
pub const ALL: [&str; 22] = [
    "order-placed",
    "order-advanced",
    "enrollment-set",
    "enrollment-removed",
    "certificate-installed",
    "certificate-removed",
    "certificate-revoked",
    "assignment-set",
    "ca-established",
    "ca-request-set",
    "ca-issued",
    "crl-published",
    "finding-accepted",
    "topology-loaded",
    "refusal",
    "key-destroyed",
    "checkpoint-written",
    "agent-started",
    "agent-stopped",
    "root-key-exported",
    "ca-key-created",
    "request-handled",
];
