//! How long publicly trusted certificates may live, by the day they are issued.
//!
//! Data, not code: when the CA/Browser Forum changes its mind, a row changes here and nothing else.
//! Source: ballot SC-081v3, `domain.md` §8.3.

use std::time::Duration;

use crate::time::Timestamp;

/// From which moment on how many days, the latest first.
const PUBLIC_TLS: &[(Timestamp, u64)] = &[
    // 2029-03-15
    (Timestamp::from_seconds(1_868_227_200), 47),
    // 2027-03-15
    (Timestamp::from_seconds(1_805_068_800), 100),
    // 2026-03-15
    (Timestamp::from_seconds(1_773_532_800), 200),
    // 2020-09-01
    (Timestamp::from_seconds(1_598_918_400), 398),
];

/// Returns the longest lifetime of a public TLS certificate issued at `now`.
pub fn public_lifetime(now: Timestamp) -> Option<Duration> {
    PUBLIC_TLS
        .iter()
        .find(|(from, _)| *from <= now)
        .map(|(_, days)| Duration::from_secs(days.saturating_mul(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_each_period_begins_on_its_first_day() {
        for (moment, days) in [
            ("2026-03-14T23:59:59Z", 398),
            ("2026-03-15T00:00:00Z", 200),
            ("2026-11-24T00:00:00Z", 200),
            ("2027-03-15T00:00:00Z", 100),
            ("2029-03-14T23:59:59Z", 100),
            ("2029-03-15T00:00:00Z", 47),
        ] {
            let limit = public_lifetime(moment.parse().unwrap()).unwrap();
            assert_eq!(limit.as_secs() / 86_400, days, "{moment}");
        }
    }
}
