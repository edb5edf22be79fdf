use rolecall::api::pb::order_state::{self, State};

use rolecall::api::pb::journal_entry::Change;

use super::*;
use crate::output::testing::{fits, moment, table, wide};

fn entry(change: Change) -> pb::JournalEntry {
    pb::JournalEntry {
        sequence: 41,
        at: moment("2026-11-24T12:00:00Z"),
        actor: Some(pb::Actor {
            kind: pb::actor::Kind::Local.into(),
            uid: 1000,
            name: "alice".into(),
        }),
        request_id: "r1".into(),
        change: Some(change),
    }
}

fn every_change() -> Vec<Change> {
    vec![
        Change::OrderPlaced(pb::OrderPlaced::default()),
        Change::OrderAdvanced(pb::OrderAdvanced::default()),
        Change::EnrollmentSet(pb::EnrollmentSet::default()),
        Change::EnrollmentRemoved(pb::EnrollmentRemoved::default()),
        Change::CertificateInstalled(pb::CertificateInstalled::default()),
        Change::CertificateRemoved(pb::CertificateRemoved::default()),
        Change::CertificateRevoked(pb::CertificateRevoked::default()),
        Change::AssignmentSet(pb::AssignmentSet {
            cause: "assigned".into(),
            ..pb::AssignmentSet::default()
        }),
        Change::CaEstablished(pb::CaEstablished::default()),
        Change::CaRequestSet(pb::CaRequestSet::default()),
        Change::CaIssued(pb::CaIssued::default()),
        Change::CrlPublished(pb::CrlPublished::default()),
        Change::FindingAccepted(pb::FindingAccepted::default()),
        Change::TopologyLoaded(pb::TopologyLoaded::default()),
        Change::Refusal(pb::Refusal::default()),
        Change::KeyDestroyed(pb::KeyDestroyed::default()),
        Change::CheckpointWritten(pb::CheckpointWritten::default()),
        Change::AgentStarted(pb::AgentStarted::default()),
        Change::AgentStopped(pb::AgentStopped {}),
        Change::RootKeyExported(pb::RootKeyExported::default()),
        Change::CaKeyCreated(pb::CaKeyCreated::default()),
        Change::RequestHandled(pb::RequestHandled::default()),
    ]
}

#[test]
fn every_kind_of_change_has_words_an_outcome_and_a_structure() {
    let kinds: Vec<&str> = every_change().iter().map(kind).collect();
    assert_eq!(kinds, rolecall::api::kind::ALL);
    for change in every_change() {
        let view = EntryView::of(&entry(change));
        assert!(!view.summary.is_empty() && !view.outcome.is_empty(), "{}", view.kind);
        assert!(view.change.is_object(), "{}", view.kind);
    }
}

#[test]
fn a_line_says_when_who_and_what() {
    let advanced = entry(Change::OrderAdvanced(pb::OrderAdvanced {
        order_id: 7,
        roles: vec!["Default".into()],
        state: Some(pb::OrderState {
            state: Some(State::Denied(order_state::Denied {
                denied_by: "bob".into(),
                reason: "no".into(),
            })),
        }),
    }));
    assert_eq!(
        line(&EntryView::of(&advanced), &wide()),
        "41  2026-11-24T12:00:00Z  alice: order 7 for Default: denied by bob: no  order-advanced  [r1]\n"
    );
}

#[test]
fn a_long_line_is_broken_and_a_foreign_one_cannot_be_forged() {
    let refusal = entry(Change::Refusal(pb::Refusal {
        operation: "PlaceOrder".into(),
        reason: "PLAN_REFUSED".into(),
        detail: "a name of the request\n2026-11-24T12:00:00Z root: all is well ".repeat(2),
        roles: vec!["Default".into()],
    }));
    let shown = line(&EntryView::of(&refusal), &table());
    fits(&shown);
    assert!(shown.lines().skip(1).all(|line| line.starts_with("    ")), "{shown}");
}
