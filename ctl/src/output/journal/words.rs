//! What changed, in words: one formatter for each kind of change.

use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;

use crate::output::issuer::state;
use crate::output::order::words as order_words;
use crate::output::text::{digits, short, thumbprint, time};

/// Returns what changed, in one sentence without a period.
pub(super) fn words(change: &Change) -> String {
    match change {
        Change::OrderPlaced(change) => order_placed(change),
        Change::OrderAdvanced(change) => order_advanced(change),
        Change::EnrollmentSet(change) => enrollment_set(change),
        Change::EnrollmentRemoved(change) => format!("enrollment {} removed", change.name),
        Change::CertificateInstalled(change) => certificate_installed(change),
        Change::CertificateRemoved(change) => {
            format!(
                "certificate {} \"{}\" removed",
                named(&change.thumbprint),
                change.friendly_name
            )
        }
        Change::CertificateRevoked(change) => {
            format!("certificate {} revoked: {}", named(&change.thumbprint), change.reason)
        }
        Change::AssignmentSet(change) => assignment_set(change),
        Change::CaEstablished(change) => ca_established(change),
        Change::CaRequestSet(change) => ca_request_set(change),
        Change::CaIssued(change) => ca_issued(change),
        Change::CrlPublished(change) => crl_published(change),
        Change::FindingAccepted(change) => finding_accepted(change),
        Change::TopologyLoaded(change) => {
            let digest = digits(&change.digest).unwrap_or_default();
            format!("topology {} loaded, {} lines", short(&digest), change.text.lines().count())
        }
        Change::Refusal(change) => refusal(change),
        Change::KeyDestroyed(change) => {
            let key = digits(&change.key_id).unwrap_or_default();
            format!("key {key} destroyed: {}", change.why)
        }
        Change::CheckpointWritten(change) => {
            format!("checkpoint written at entry {}", change.sequence)
        }
        Change::AgentStarted(change) => agent_started(change),
        Change::AgentStopped(_) => "agent stopped".to_owned(),
        Change::RequestHandled(change) => format!("{}: nothing had to change", change.operation),
        Change::RootKeyExported(change) => {
            format!("root key {} exported", digits(&change.key_id).unwrap_or_default())
        }
        Change::CaKeyCreated(change) => {
            let key = digits(&change.key_id).unwrap_or_default();
            format!("key {key} of the issuing CA made, waiting for the enterprise CA")
        }
    }
}

/// Returns what came of it, in a word or two.
pub(super) fn outcome(change: &Change) -> String {
    match change {
        Change::OrderPlaced(_) => "placed".to_owned(),
        Change::OrderAdvanced(change) => change
            .state
            .as_ref()
            .and_then(|state| state.state.as_ref())
            .map_or("unknown", crate::output::order::name)
            .to_owned(),
        Change::AssignmentSet(change) => change.cause.clone(),
        Change::CaRequestSet(change) => {
            change.request.as_ref().map_or("unknown", |request| state(request.state())).to_owned()
        }
        Change::Refusal(change) => format!("refused, {}", change.reason),
        Change::CertificateRevoked(_) => "revoked".to_owned(),
        Change::CertificateRemoved(_) | Change::EnrollmentRemoved(_) => "removed".to_owned(),
        Change::KeyDestroyed(_) => "destroyed".to_owned(),
        Change::CaIssued(_) => "issued".to_owned(),
        Change::CertificateInstalled(_) => "installed".to_owned(),
        Change::EnrollmentSet(_)
        | Change::CaEstablished(_)
        | Change::CrlPublished(_)
        | Change::FindingAccepted(_)
        | Change::TopologyLoaded(_)
        | Change::CheckpointWritten(_)
        | Change::AgentStarted(_)
        | Change::AgentStopped(_)
        | Change::RootKeyExported(_)
        | Change::CaKeyCreated(_) => "done".to_owned(),
        Change::RequestHandled(_) => "unchanged".to_owned(),
    }
}

/// Returns the certificate that a change is about, if it is about one.
pub(crate) fn certificate(change: &Change) -> Option<&[u8]> {
    use pb::order_state::State;
    let fingerprint = match change {
        Change::CertificateInstalled(change) => &change.certificate.as_ref()?.fingerprint,
        Change::CertificateRevoked(change) => &change.fingerprint,
        Change::CaIssued(change) => &change.fingerprint,
        Change::AssignmentSet(change) => &change.assignment.as_ref()?.current.as_ref()?.fingerprint,
        Change::OrderAdvanced(change) => match change.state.as_ref()?.state.as_ref()? {
            State::Done(state) => &state.fingerprint,
            State::Installed(state) => &state.fingerprint,
            State::Issued(state) => &state.fingerprint,
            State::KeyReady(_)
            | State::Submitting(_)
            | State::Submitted(_)
            | State::AwaitingResponse(_)
            | State::Refused(_)
            | State::Denied(_)
            | State::Failed(_)
            | State::Cancelled(_) => return None,
        },
        Change::OrderPlaced(_)
        | Change::EnrollmentSet(_)
        | Change::EnrollmentRemoved(_)
        | Change::CertificateRemoved(_)
        | Change::CaEstablished(_)
        | Change::CaRequestSet(_)
        | Change::CrlPublished(_)
        | Change::FindingAccepted(_)
        | Change::TopologyLoaded(_)
        | Change::Refusal(_)
        | Change::KeyDestroyed(_)
        | Change::CheckpointWritten(_)
        | Change::AgentStarted(_)
        | Change::AgentStopped(_)
        | Change::RootKeyExported(_)
        | Change::CaKeyCreated(_)
        | Change::RequestHandled(_) => return None,
    };
    (!fingerprint.is_empty()).then_some(fingerprint.as_slice())
}

fn order_placed(change: &pb::OrderPlaced) -> String {
    let order = change.order.clone().unwrap_or_default();
    format!(
        "order {} placed for {} at {} ({}), enrollment {}",
        order.id,
        order.roles.join(", "),
        order.issuer,
        order.key_algorithm,
        order.enrollment
    )
}

fn order_advanced(change: &pb::OrderAdvanced) -> String {
    format!(
        "order {} for {}: {}",
        change.order_id,
        change.roles.join(", "),
        order_words(change.state.as_ref())
    )
}

fn enrollment_set(change: &pb::EnrollmentSet) -> String {
    let enrollment = change.enrollment.clone().unwrap_or_default();
    let added = if enrollment.added_names.is_empty() {
        String::new()
    } else {
        format!(", added names {}", enrollment.added_names.join(", "))
    };
    format!(
        "enrollment {} set: {} from {} with template {}, {}{added}",
        enrollment.name,
        enrollment.roles.join(", "),
        enrollment.issuer,
        enrollment.template,
        enrollment.key_algorithm
    )
}

fn certificate_installed(change: &pb::CertificateInstalled) -> String {
    let certificate = change.certificate.clone().unwrap_or_default();
    let order = match certificate.order_id {
        0 => "imported".to_owned(),
        order => format!("order {order}"),
    };
    format!(
        "certificate {} \"{}\" installed, {order}",
        named(&certificate.thumbprint),
        certificate.friendly_name
    )
}

fn assignment_set(change: &pb::AssignmentSet) -> String {
    let assignment = change.assignment.clone().unwrap_or_default();
    let slot = |slot: &Option<pb::Slot>| {
        slot.as_ref().map_or_else(
            || "nothing".to_owned(),
            |slot| format!("{}, generation {}", named(&slot.thumbprint), slot.generation),
        )
    };
    let next = assignment.next.as_ref().map_or_else(String::new, |next| {
        let effective = time(next.effective.as_ref()).unwrap_or_default();
        format!("; next {} from {effective}", slot(&assignment.next))
    });
    format!(
        "role {} {}: current {}{next}",
        assignment.role,
        change.cause,
        slot(&assignment.current)
    )
}

fn ca_established(change: &pb::CaEstablished) -> String {
    if change.subordinate_to.is_empty() {
        "certification authority established under its own root".to_owned()
    } else {
        format!("certification authority established under {}", change.subordinate_to)
    }
}

fn ca_request_set(change: &pb::CaRequestSet) -> String {
    let request = change.request.clone().unwrap_or_default();
    let decided = request
        .decided_by
        .as_ref()
        .map(|who| format!(" by {}", crate::output::order::actor(who)))
        .unwrap_or_default();
    let reason =
        if request.reason.is_empty() { String::new() } else { format!(": {}", request.reason) };
    format!(
        "CA request {} of {} for {} {}{decided}{reason}",
        request.id,
        request.server,
        request.roles.join(", "),
        state(request.state())
    )
}

fn ca_issued(change: &pb::CaIssued) -> String {
    let order = match change.order_id {
        0 => "a foreign request".to_owned(),
        order => format!("order {order}"),
    };
    let until = time(change.not_after.as_ref()).map(|at| format!(", valid until {at}"));
    format!(
        "CA signed serial {} for {order}{}",
        digits(&change.serial_number).unwrap_or_default().to_ascii_uppercase(),
        until.unwrap_or_default()
    )
}

fn crl_published(change: &pb::CrlPublished) -> String {
    let next = time(change.next_update.as_ref()).unwrap_or_default();
    format!(
        "revocation list {} published with {} entries, next {next}",
        change.number, change.entries
    )
}

fn finding_accepted(change: &pb::FindingAccepted) -> String {
    let acceptance = change.acceptance.clone().unwrap_or_default();
    let role = if acceptance.role.is_empty() { "every role" } else { &acceptance.role };
    let until = time(acceptance.until.as_ref()).unwrap_or_default();
    format!("finding {} accepted for {role} until {until}: {}", acceptance.code, acceptance.reason)
}

fn refusal(change: &pb::Refusal) -> String {
    let roles = if change.roles.is_empty() {
        String::new()
    } else {
        format!(" for {}", change.roles.join(", "))
    };
    format!("refused {}{roles}: {} ({})", change.operation, change.detail, change.reason)
}

fn agent_started(change: &pb::AgentStarted) -> String {
    if change.recovered.is_empty() {
        format!("agent {} started", change.version)
    } else {
        format!("agent {} started, recovered: {}", change.version, change.recovered.join("; "))
    }
}

fn named(bytes: &[u8]) -> String {
    thumbprint(bytes).unwrap_or_else(|| "of no thumbprint".to_owned())
}
