use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600;

fn vacant() -> Assignment {
    Assignment::vacant("Default".parse().unwrap(), Scope::Server, "se01.contoso.com".into())
}

fn candidate(number: u8) -> Candidate {
    Candidate {
        fingerprint: Fingerprint::of(&[number]),
        thumbprint: Thumbprint::of(&[number]),
        not_after: Timestamp::from_seconds(1_000_000),
    }
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_seconds(hours * HOUR)
}

#[test]
fn the_replaced_certificate_becomes_previous() {
    let first = vacant().handle_assign(candidate(1), at(0), at(0)).unwrap();
    assert_eq!((first.cause, first.retired), (Cause::Assigned, None));
    let second = first.assignment.handle_assign(candidate(2), at(1), at(1)).unwrap();
    assert_eq!(second.retired, first.assignment.current);
    assert_eq!(second.assignment.current.unwrap().generation.get(), 2);
}

#[test]
fn assigning_what_is_current_changes_nothing() {
    let first = vacant().handle_assign(candidate(1), at(0), at(0)).unwrap();
    assert_eq!(first.assignment.handle_assign(candidate(1), at(1), at(1)), None);
}

#[test]
fn going_back_to_an_older_certificate_is_a_new_generation() {
    let first = vacant().handle_assign(candidate(1), at(0), at(0)).unwrap().assignment;
    let second = first.handle_assign(candidate(2), at(1), at(1)).unwrap().assignment;
    let third = second.handle_assign(candidate(1), at(2), at(2)).unwrap().assignment;
    assert_eq!(third.current.unwrap().generation.get(), 3);
    assert_eq!(third.current.unwrap().fingerprint, candidate(1).fingerprint);
}

#[test]
fn a_scheduled_certificate_waits_and_then_switches_once() {
    let current = vacant().handle_assign(candidate(1), at(0), at(0)).unwrap().assignment;
    let scheduled = current.handle_assign(candidate(2), at(5), at(1)).unwrap();
    assert_eq!((scheduled.cause, scheduled.retired), (Cause::Scheduled, None));
    let waiting = scheduled.assignment;
    assert_eq!(waiting.poll_timeout(), Some(at(5)));
    assert_eq!(waiting.handle_timeout(at(4)), None);

    let switched = waiting.handle_timeout(at(5)).unwrap();
    assert_eq!(switched.retired, current.current);
    assert_eq!(switched.assignment.poll_timeout(), None);
    // A clock that goes back does not undo it.
    assert_eq!(switched.assignment.handle_timeout(at(0)), None);
}

#[test]
fn an_immediate_assignment_supersedes_a_scheduled_one() {
    let scheduled = vacant().handle_assign(candidate(1), at(5), at(0)).unwrap().assignment;
    let now = scheduled.handle_assign(candidate(2), at(1), at(1)).unwrap().assignment;
    assert_eq!(now.next, None);
    assert_eq!(now.current.unwrap().fingerprint, candidate(2).fingerprint);
}

#[test]
fn unassigning_twice_changes_nothing_and_the_generation_is_not_given_again() {
    let first = vacant().handle_assign(candidate(1), at(0), at(0)).unwrap().assignment;
    let empty = first.handle_unassign().unwrap().assignment;
    assert_eq!(empty.handle_unassign(), None);
    let again = empty.handle_assign(candidate(1), at(1), at(1)).unwrap().assignment;
    assert_eq!(again.current.unwrap().generation.get(), 2);
}

#[derive(Clone, Debug)]
enum Event {
    Assign { certificate: u8, in_hours: i64 },
    Timeout,
    Unassign,
    CancelNext,
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let event = prop_oneof![
        (0_u8..5, -3_i64..6)
            .prop_map(|(certificate, in_hours)| Event::Assign { certificate, in_hours }),
        Just(Event::Timeout),
        Just(Event::Unassign),
        Just(Event::CancelNext),
    ];
    // The clock may go back by up to two hours between events.
    proptest::collection::vec((-2_i64..5, event), 0..40)
}

proptest! {
    #[test]
    fn generations_only_rise_and_nothing_is_current_before_its_time(events in events()) {
        let mut assignment = vacant();
        let mut now = 1_000;
        for (hours, event) in events {
            now += hours;
            let change = match event {
                Event::Assign { certificate, in_hours } => {
                    assignment.handle_assign(candidate(certificate), at(now + in_hours), at(now))
                }
                Event::Timeout => assignment.handle_timeout(at(now)),
                Event::Unassign => assignment.handle_unassign(),
                Event::CancelNext => assignment.handle_cancel_next(),
            };
            let Some(change) = change else { continue };
            prop_assert!(change.assignment.highest >= assignment.highest);
            prop_assert_ne!(&change.assignment, &assignment, "a change changes something");
            if let Some(retired) = change.retired {
                prop_assert_eq!(Some(retired), assignment.current);
            }
            if let Some(current) = change.assignment.current
                && change.cause != Cause::NextCancelled
                && change.cause != Cause::Scheduled
            {
                prop_assert!(current.effective <= at(now));
            }
            prop_assert!(change.assignment.handle_timeout(at(now)).is_none());
            assignment = change.assignment;
        }
    }
}
