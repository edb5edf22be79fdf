use proptest::prelude::*;

use super::*;
use crate::certificate::{Fingerprint, Thumbprint};
use crate::finding::{Finding, FindingCode};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn fingerprint() -> Fingerprint {
    Fingerprint::of(b"certificate")
}

fn finding() -> Finding {
    Finding::new(FindingCode::RootMissing, "no root", "rolecallctl trust add")
}

fn somebody() -> Actor {
    Actor::Local { uid: 0, name: "root".into() }
}

#[test]
fn an_order_that_goes_well_is_submitted_issued_installed_and_done() {
    let state = State::KeyReady;
    assert_eq!(state.next_step(NOW), Step::Submit);
    let state = state.handle_submitting().unwrap();
    assert_eq!(state.next_step(NOW), Step::Send);
    let state = state.handle_issued(fingerprint()).unwrap();
    assert_eq!(state.next_step(NOW), Step::Install(fingerprint()));
    let state = state.handle_installed(Vec::new()).unwrap();
    assert_eq!(state.next_step(NOW), Step::ReachGoal(fingerprint()));
    let state = state.handle_goal_reached(Thumbprint::of(b"certificate")).unwrap();
    assert_eq!(state.next_step(NOW), Step::Nothing);
}

#[test]
fn a_failed_order_is_tried_again_when_its_time_has_come_and_remembers_since_when() {
    let sent = State::KeyReady.handle_submitting().unwrap();
    let failed = sent.handle_unavailable("refused".into(), Some(later(30)), NOW).unwrap();
    assert_eq!(failed.next_step(NOW), Step::WaitUntil(later(30)));
    assert_eq!(failed.next_step(later(30)), Step::Submit);
    let sent_again = failed.handle_submitting().unwrap();
    assert_eq!(sent_again, State::Submitting { attempt: 2 });
}

#[test]
fn a_held_order_waits_for_an_operator_who_can_hurry_it() {
    let sent = State::KeyReady.handle_submitting().unwrap();
    let held = sent.handle_unavailable("no right".into(), None, NOW).unwrap();
    assert_eq!(held.next_step(later(1_000_000)), Step::WaitForOthers);
    let hurried = held.handle_hurried(NOW).unwrap();
    assert_eq!(hurried.next_step(NOW), Step::Submit);
}

#[test]
fn an_installed_order_keeps_its_goal_and_says_what_it_waits_for() {
    let issued = State::Issued { fingerprint: fingerprint() };
    let waiting = issued.handle_installed(vec![finding()]).unwrap();
    assert!(!waiting.is_settled());
    assert_eq!(waiting.next_step(NOW), Step::ReachGoal(fingerprint()));
}

#[test]
fn a_cancelled_order_takes_no_late_answer() {
    let cancelled = State::KeyReady.handle_cancelled(somebody()).unwrap();
    let refusal = cancelled.handle_issued(fingerprint()).unwrap_err();
    assert_eq!(refusal.to_string(), "an order that is cancelled cannot be issued");
}

#[test]
fn an_order_with_a_certificate_cannot_be_cancelled() {
    let issued = State::Issued { fingerprint: fingerprint() };
    issued.handle_cancelled(somebody()).unwrap_err();
}

type Event = fn(&State) -> Result<State, Misplaced>;

const EVENTS: [Event; 11] = [
    State::handle_submitting,
    |state| state.handle_pending("7".into(), "approval".into(), None),
    |state| state.handle_pending("7".into(), "approval".into(), Some(later(60))),
    State::handle_handed_over,
    |state| state.handle_issued(fingerprint()),
    |state| state.handle_installed(vec![finding()]),
    |state| state.handle_goal_reached(Thumbprint::of(b"certificate")),
    |state| state.handle_refused(vec![finding()]),
    |state| state.handle_denied("bob".into(), "no".into()),
    |state| state.handle_unavailable("down".into(), Some(later(5)), NOW),
    |state| state.handle_cancelled(somebody()),
];

proptest! {
    #[test]
    fn whatever_happens_a_settled_order_stays_settled_and_a_certificate_is_never_lost(
        events in proptest::collection::vec(0..EVENTS.len(), 0..60),
    ) {
        let mut state = State::KeyReady;
        for event in events {
            let Ok(next) = EVENTS[event](&state) else { continue };
            prop_assert!(!state.is_settled(), "{state:?} became {next:?}");
            prop_assert!(
                state.fingerprint().is_none() || next.fingerprint() == state.fingerprint(),
                "{state:?} became {next:?}"
            );
            prop_assert_eq!(next.is_settled(), next.next_step(later(1_000)) == Step::Nothing);
            state = next;
        }
    }

    #[test]
    fn every_open_order_can_still_be_brought_to_an_end(
        events in proptest::collection::vec(0..EVENTS.len(), 0..60),
    ) {
        let mut state = State::KeyReady;
        for event in events {
            state = EVENTS[event](&state).unwrap_or(state);
        }
        if !state.is_settled() {
            let end = state.handle_cancelled(somebody()).or_else(|_| {
                state
                    .handle_installed(Vec::new())
                    .and_then(|state| state.handle_goal_reached(Thumbprint::of(b"certificate")))
            });
            prop_assert!(end.is_ok_and(|end| end.is_settled()), "{state:?}");
        }
    }
}
