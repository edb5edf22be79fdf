//! Times as administrators type them.
//!
//! RFC 3339, a date, a distance from now (`+10m`, `-1h`), a time of day (`02:00`, UTC unless it
//! carries an offset) or `now`. A time of day is its next occurrence for things to come and its last
//! for things past; whoever asks prints what was understood.

use std::time::Duration;

use rolecall::time::Timestamp;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time, UtcOffset};

/// On which side of now a time of day lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// The next occurrence.
    Future,
    /// The last occurrence.
    Past,
}

/// A text that is no time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a time")]
pub(crate) struct InvalidMoment {
    text: String,
}

impl InvalidMoment {
    /// What would be understood.
    pub(crate) const REMEDY: &'static str =
        "write 2026-11-24T02:00:00Z, 2026-11-24, +10m, -1h, 02:00, 02:00+01:00 or now";
}

/// Returns the moment that `text` means at `now`.
pub(crate) fn parse(text: &str, now: Timestamp, side: Side) -> Result<Timestamp, InvalidMoment> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now);
    }
    relative(text, now)
        .or_else(|| text.parse().ok())
        .or_else(|| date(text))
        .or_else(|| time_of_day(text, now, side))
        .ok_or_else(|| InvalidMoment { text: text.to_owned() })
}

/// Returns the length that `text` means, such as `30d` or `12h`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, InvalidMoment> {
    humantime::parse_duration(text.trim())
        .ok()
        .ok_or_else(|| InvalidMoment { text: text.to_owned() })
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(length) = text.strip_prefix('+') {
        return humantime::parse_duration(length).ok().map(|length| now + length);
    }
    let length = text.strip_prefix('-')?;
    humantime::parse_duration(length).ok().map(|length| now - length)
}

fn date(text: &str) -> Option<Timestamp> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some(Timestamp::from_seconds(date.midnight().assume_utc().unix_timestamp()))
}

fn time_of_day(text: &str, now: Timestamp, side: Side) -> Option<Timestamp> {
    let (clock, offset) = split_offset(text)?;
    let time = Time::parse(clock, format_description!("[hour]:[minute]:[second]"))
        .or_else(|_| Time::parse(clock, format_description!("[hour]:[minute]")))
        .ok()?;
    let today = OffsetDateTime::from_unix_timestamp(now.as_seconds()).ok()?.to_offset(offset);
    let on = Timestamp::from_seconds(today.replace_time(time).unix_timestamp());
    Some(match side {
        Side::Future if on < now => on + DAY,
        Side::Past if on > now => on - DAY,
        Side::Future | Side::Past => on,
    })
}

fn split_offset(text: &str) -> Option<(&str, UtcOffset)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, UtcOffset::UTC));
    }
    match text.find(['+', '-']) {
        None => Some((text, UtcOffset::UTC)),
        Some(at) => {
            let (clock, offset) = text.split_at_checked(at)?;
            let description = format_description!("[offset_hour sign:mandatory]:[offset_minute]");
            Some((clock, UtcOffset::parse(offset, description).ok()?))
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str, side: Side) -> String {
        let now = "2026-11-24T13:30:00Z".parse().unwrap();
        parse(text, now, side).map_or_else(|error| error.to_string(), |moment| moment.to_string())
    }

    #[test]
    fn every_form_of_a_time_is_understood() {
        for (text, expected) in [
            ("now", "2026-11-24T13:30:00Z"),
            ("+10m", "2026-11-24T13:40:00Z"),
            ("-1h", "2026-11-24T12:30:00Z"),
            ("+1d 12h", "2026-11-26T01:30:00Z"),
            ("2026-12-01T00:00:00+01:00", "2026-11-30T23:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("02:00", "2026-11-25T02:00:00Z"),
            ("14:00", "2026-11-24T14:00:00Z"),
            ("13:30", "2026-11-24T13:30:00Z"),
            ("14:00:30Z", "2026-11-24T14:00:30Z"),
            ("14:00+01:00", "2026-11-25T13:00:00Z"),
            ("00:30+14:00", "2026-11-25T10:30:00Z"),
        ] {
            assert_eq!(understood(text, Side::Future), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_in_the_past_is_its_last_occurrence() {
        assert_eq!(understood("02:00", Side::Past), "2026-11-24T02:00:00Z");
        assert_eq!(understood("14:00", Side::Past), "2026-11-23T14:00:00Z");
    }

    #[test]
    fn anything_else_is_refused_and_quoted() {
        for text in ["", "+", "-", "tomorrow", "25:00", "02:00+99:00", "2026-13-01", "+10 parsecs"]
        {
            assert_eq!(understood(text, Side::Future), format!("`{text}` is not a time"));
        }
    }

    #[test]
    fn a_length_has_units() {
        assert_eq!(parse_length("30d"), Ok(DAY * 30));
        assert!(parse_length("30").is_err(), "a length without a unit is accepted");
    }
}
