//! Table tests of the rules, and properties over any validity.

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn validity(lifetime: Duration) -> Validity {
    let not_before = Timestamp::from_seconds(1_800_000_000);
    Validity { not_before, not_after: not_before + lifetime }
}

fn lead_of(policy: RenewalPolicy, lifetime: Duration) -> Duration {
    let schedule = policy.schedule(validity(lifetime), [], None, Spread::NONE);
    schedule.end.since(schedule.due)
}

#[test]
fn a_third_is_left_when_renewal_is_due_and_half_below_ten_days() {
    let policy = RenewalPolicy::default();
    assert_eq!(lead_of(policy, 90 * DAY), 30 * DAY);
    assert_eq!(lead_of(policy, 10 * DAY), 80 * HOUR);
    assert_eq!(lead_of(policy, 6 * DAY), 3 * DAY);
}

#[test]
fn what_an_administrator_carries_is_due_a_quarter_before_but_at_most_thirty_days() {
    let policy = RenewalPolicy { courier: Courier::ByHand, renew_before: None };
    assert_eq!(lead_of(policy, 80 * DAY), 20 * DAY);
    assert_eq!(lead_of(policy, 730 * DAY), 30 * DAY);
}

#[test]
fn renew_before_replaces_the_rule() {
    let policy = RenewalPolicy { renew_before: Some(5 * DAY), ..RenewalPolicy::default() };
    assert_eq!(lead_of(policy, 90 * DAY), 5 * DAY);
}

#[test]
fn the_earliest_expiry_in_the_chain_decides() {
    let leaf = validity(90 * DAY);
    let issuer = validity(60 * DAY);
    let schedule = RenewalPolicy::default().schedule(leaf, [issuer], None, Spread::NONE);
    assert_eq!(schedule.end, issuer.not_after);
    assert_eq!(schedule.due, leaf.not_before + 30 * DAY);
}

#[test]
fn the_authoritys_window_counts_where_it_is_earlier() {
    let leaf = validity(90 * DAY);
    let start = leaf.not_before + 20 * DAY;
    let window = SuggestedWindow { start, end: start + DAY };
    let policy = RenewalPolicy::default();
    assert_eq!(policy.schedule(leaf, [], Some(window), Spread::NONE).due, start);
    let half = Spread(u32::MAX / 2 + 1);
    assert_eq!(policy.schedule(leaf, [], Some(window), half).due, start + 12 * HOUR);
    let late = SuggestedWindow { start: leaf.not_after, end: leaf.not_after };
    let due = policy.schedule(leaf, [], Some(late), Spread::NONE).due;
    assert_eq!(due, leaf.not_before + 60 * DAY);
}

#[test]
fn a_certificate_that_is_new_and_already_due_is_a_finding_and_no_loop() {
    let leaf = validity(90 * DAY);
    let policy = RenewalPolicy { renew_before: Some(100 * DAY), ..RenewalPolicy::default() };
    let schedule = policy.schedule(leaf, [], None, Spread::NONE);
    assert!(schedule.is_due_when_new);
    assert!(!schedule.is_due(leaf.not_before));
    let codes: Vec<_> = schedule
        .findings("rolecallctl apply", leaf.not_before)
        .into_iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, [FindingCode::DueWhenNew]);
    // An issuer at its end shortens every new certificate; each is still used for a while.
    let short = RenewalPolicy::default().schedule(leaf, [validity(DAY)], None, Spread::NONE);
    assert!(short.is_due_when_new);
    assert_eq!(short.due, leaf.not_before + 12 * HOUR);
    // A window in the past does not renew in a loop either.
    let past = SuggestedWindow { start: leaf.not_before - DAY, end: leaf.not_before - HOUR };
    let asked = RenewalPolicy::default().schedule(leaf, [], Some(past), Spread::NONE);
    assert!(asked.is_due_when_new && !asked.is_due(leaf.not_before + DAY));
}

#[test]
fn renewal_is_due_then_overdue_and_quiet_before() {
    let leaf = validity(90 * DAY);
    let schedule = RenewalPolicy::default().schedule(leaf, [], None, Spread::NONE);
    let codes = |now| {
        let findings = schedule.findings("rolecallctl apply", now);
        findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(leaf.not_before + 59 * DAY), []);
    assert_eq!(codes(leaf.not_before + 60 * DAY), [FindingCode::RenewalDue]);
    assert_eq!(codes(leaf.not_before + 68 * DAY), [FindingCode::RenewalOverdue]);
}

#[test]
fn ten_thousand_certificates_of_one_second_are_spread_evenly() {
    let leaf = validity(90 * DAY);
    let policy = RenewalPolicy::default();
    let mut buckets = [0_u32; 50];
    for number in 0..10_000_u32 {
        let fingerprint = Fingerprint::of(&number.to_be_bytes());
        let spread = Spread::from_fingerprint(&fingerprint);
        let due = policy.schedule(leaf, [], None, spread).due;
        let early = (leaf.not_before + 60 * DAY).since(due);
        let bucket = early.as_millis() * 50 / (30 * DAY / 4 + HOUR).as_millis();
        buckets[usize::try_from(bucket).unwrap()] += 1;
    }
    let peak = *buckets.iter().max().unwrap();
    assert!(peak <= 2 * 10_000 / 50, "{buckets:?}");
    assert!(buckets.iter().filter(|count| **count > 0).count() >= 49, "{buckets:?}");
}

proptest! {
    #[test]
    fn renewal_is_never_due_after_the_end_of_any_certificate_in_the_chain(
        not_before in -2_000_000_000_000_i64..300_000_000_000_000,
        lifetime in -1_000_000_i64..1_000_000_000_000,
        issuer in -1_000_000_i64..1_000_000_000_000,
        renew_before in proptest::option::of(0_u64..1_000_000_000),
        by_hand: bool,
        draw: u32,
    ) {
        let start = Timestamp::from_millis(not_before);
        let ends = |lifetime| Validity {
            not_before: start,
            not_after: Timestamp::from_millis(not_before + lifetime),
        };
        let policy = RenewalPolicy {
            courier: if by_hand { Courier::ByHand } else { Courier::Online },
            renew_before: renew_before.map(Duration::from_secs),
        };
        let (leaf, issuer) = (ends(lifetime), ends(issuer));
        let schedule = policy.schedule(leaf, [issuer], None, Spread(draw));
        prop_assert!(schedule.due <= leaf.not_after && schedule.due <= issuer.not_after);
        prop_assert!(schedule.due <= schedule.overdue && schedule.overdue <= schedule.end);
        prop_assert!(schedule.due > leaf.not_before || schedule.end <= leaf.not_before + Duration::from_millis(20));
    }

    #[test]
    fn four_attempts_are_left_before_expiry_whenever_the_failures_began(
        remaining in 120_u64..100_000_000,
        attempt in 0_u32..40,
        draw: u32,
    ) {
        let mut left = Duration::from_secs(remaining);
        let mut attempts = 0;
        loop {
            let wait = backoff(attempt + attempts, left, Spread(draw));
            let Some(rest) = left.checked_sub(wait).filter(|rest| !rest.is_zero()) else { break };
            left = rest;
            attempts += 1;
            if attempts > 100_000 {
                break;
            }
        }
        prop_assert!(attempts >= 4, "{attempts} attempts");
    }

    #[test]
    fn the_wait_is_never_zero_and_never_longer_than_six_hours(
        attempt: u32,
        remaining: u64,
        draw: u32,
    ) {
        let wait = backoff(attempt, Duration::from_millis(remaining), Spread(draw));
        prop_assert!(wait >= FLOOR && wait <= CEILING);
    }
}
