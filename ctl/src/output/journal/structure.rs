//! What changed, as JSON: the views of the nouns themselves where there is one.

use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::assignment::AssignmentView;
use crate::output::certificate::{CertificateView, pem};
use crate::output::enrollment::EnrollmentView;
use crate::output::finding::AcceptanceView;
use crate::output::issuer::CaRequestView;
use crate::output::order::{OrderView, StateView};
use crate::output::text::{digits, some, thumbprint, time};

/// Returns what changed.
pub(super) fn structure(change: &Change) -> Value {
    match change {
        Change::OrderPlaced(change) => {
            json!({ "order": value(change.order.as_ref().map(OrderView::of)) })
        }
        Change::OrderAdvanced(change) => order_advanced(change),
        Change::EnrollmentSet(change) => {
            json!({ "enrollment": value(change.enrollment.as_ref().map(EnrollmentView::of)) })
        }
        Change::EnrollmentRemoved(change) => json!({ "name": change.name }),
        Change::CertificateInstalled(change) => {
            json!({ "certificate": value(change.certificate.as_ref().map(CertificateView::of)) })
        }
        Change::CertificateRemoved(change) => certificate_removed(change),
        Change::CertificateRevoked(change) => certificate_revoked(change),
        Change::AssignmentSet(change) => assignment_set(change),
        Change::FindingAccepted(change) => {
            json!({ "acceptance": value(change.acceptance.as_ref().map(AcceptanceView::of)) })
        }
        Change::TopologyLoaded(change) => {
            json!({ "digest": digits(&change.digest), "text": change.text })
        }
        Change::Refusal(change) => refusal(change),
        Change::CaEstablished(change) => ca_established(change),
        Change::CaRequestSet(change) => {
            json!({ "request": value(change.request.as_ref().map(CaRequestView::of)) })
        }
        Change::CaIssued(change) => ca_issued(change),
        Change::CrlPublished(change) => crl_published(change),
        Change::RootKeyExported(change) => json!({ "key_id": digits(&change.key_id) }),
        Change::CaKeyCreated(change) => ca_key_created(change),
        Change::KeyDestroyed(change) => {
            json!({ "key_id": digits(&change.key_id), "why": some(&change.why) })
        }
        Change::CheckpointWritten(change) => {
            json!({ "sequence": change.sequence, "digest": digits(&change.digest) })
        }
        Change::AgentStarted(change) => {
            json!({ "version": change.version, "recovered": change.recovered })
        }
        Change::AgentStopped(_) => json!({}),
        Change::RequestHandled(change) => json!({ "operation": change.operation }),
    }
}

fn order_advanced(change: &pb::OrderAdvanced) -> Value {
    json!({
        "order_id": change.order_id,
        "roles": change.roles,
        "state": value(StateView::of(change.state.as_ref())),
    })
}

fn certificate_removed(change: &pb::CertificateRemoved) -> Value {
    json!({
        "thumbprint": thumbprint(&change.thumbprint),
        "fingerprint": digits(&change.fingerprint),
        "friendly_name": some(&change.friendly_name),
    })
}

fn certificate_revoked(change: &pb::CertificateRevoked) -> Value {
    json!({
        "thumbprint": thumbprint(&change.thumbprint),
        "fingerprint": digits(&change.fingerprint),
        "reason": some(&change.reason),
    })
}

fn assignment_set(change: &pb::AssignmentSet) -> Value {
    json!({
        "cause": change.cause,
        "assignment": value(change.assignment.as_ref().map(AssignmentView::of)),
    })
}

fn refusal(change: &pb::Refusal) -> Value {
    json!({
        "operation": change.operation,
        "reason": change.reason,
        "detail": some(&change.detail),
        "roles": change.roles,
    })
}

fn ca_issued(change: &pb::CaIssued) -> Value {
    json!({
        "serial_number": digits(&change.serial_number),
        "fingerprint": digits(&change.fingerprint),
        "ca_request_id": (change.ca_request_id != 0).then_some(change.ca_request_id),
        "order_id": (change.order_id != 0).then_some(change.order_id),
        "not_after": time(change.not_after.as_ref()),
        "pem": (!change.der.is_empty()).then(|| pem("CERTIFICATE", &change.der)),
    })
}

fn crl_published(change: &pb::CrlPublished) -> Value {
    json!({
        "number": change.number,
        "next_update": time(change.next_update.as_ref()),
        "entries": change.entries,
    })
}

fn ca_key_created(change: &pb::CaKeyCreated) -> Value {
    json!({
        "key_id": digits(&change.key_id),
        "pem": pem("CERTIFICATE REQUEST", &change.csr),
    })
}

fn ca_established(change: &pb::CaEstablished) -> Value {
    let certificates: Vec<String> =
        change.certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
    json!({
        "certificates": certificates,
        "issuing_key_id": digits(&change.issuing_key_id),
        "root_key_id": digits(&change.root_key_id),
        "subordinate_to": some(&change.subordinate_to),
    })
}

fn value<T: Serialize>(view: T) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
