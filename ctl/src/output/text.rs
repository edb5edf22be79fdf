//! Text of others, made fit to show; and how times and fingerprints are written.
//!
//! Names, reasons and error texts come from administrators, certificates and CAs. Nothing in them
//! may move the cursor, reorder a line or hide: control, bidirectional and invisible characters are
//! shown as what they are.

use std::fmt::Write as _;
use std::time::Duration;

use rolecall::hex;
use rolecall::time::Timestamp;

/// Returns `text` with every character that could deceive written out.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ if is_deceptive(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Returns a line of a document, cleaned but for its tabs.
pub(crate) fn clean_line(line: &str) -> String {
    line.split('\t').map(clean).collect::<Vec<_>>().join("\t")
}

/// Returns `json` with the same meaning and nothing that a terminal would obey.
///
/// Outside of strings JSON is ASCII, so an escape is right wherever such a character stands.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_deceptive(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("a string takes everything");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns nothing for an empty text.
pub(crate) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns a SHA-1 thumbprint as administrators paste it.
pub(crate) fn thumbprint(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex::lower(bytes).to_ascii_uppercase())
}

/// Returns a SHA-256, a serial number or a key id.
pub(crate) fn digits(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex::lower(bytes))
}

/// Returns the beginning of a fingerprint, long enough to be typed.
pub(crate) fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

/// Returns a moment of the wire.
pub(crate) fn moment(timestamp: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let timestamp = timestamp?;
    let millis = Duration::from_nanos(u64::try_from(timestamp.nanos).unwrap_or(0));
    Some(Timestamp::from_seconds(timestamp.seconds) + millis)
}

/// Returns a moment of the wire in RFC 3339.
pub(crate) fn time(timestamp: Option<&prost_types::Timestamp>) -> Option<String> {
    moment(timestamp).map(|moment| moment.to_string())
}

/// Returns a moment for the wire.
pub(crate) fn to_wire(moment: Timestamp) -> prost_types::Timestamp {
    let millis = moment.as_millis().rem_euclid(1_000);
    let nanos = i32::try_from(millis.saturating_mul(1_000_000)).unwrap_or(0);
    prost_types::Timestamp { seconds: moment.as_seconds(), nanos }
}

/// Returns how far `moment` is from `now`, in the unit that matters: `in 97 days`, `3 hours ago`.
pub(crate) fn distance(moment: Timestamp, now: Timestamp) -> String {
    if moment >= now {
        format!("in {}", length(moment.since(now)))
    } else {
        format!("{} ago", length(now.since(moment)))
    }
}

/// Returns a length in its largest unit.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// Returns a stored RFC 3339 text as a date and its distance.
pub(crate) fn date_and_distance(time: Option<&str>, now: Timestamp) -> String {
    match time.and_then(|time| time.parse::<Timestamp>().ok()) {
        Some(moment) => format!("{} ({})", moment.date(), distance(moment, now)),
        None => NOTHING.to_owned(),
    }
}

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_would_deceive_a_reader_is_written_out() {
        assert_eq!(clean("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(clean("moc.\u{202e}osotnoc"), "moc.\\u{202e}osotnoc");
        assert_eq!(clean("two\nlines\u{200b}"), "two\\nlines\\u{200b}");
        assert_eq!(clean("Zoë, Größe, 東京"), "Zoë, Größe, 東京");
    }

    #[test]
    fn json_keeps_its_meaning_while_nothing_in_it_reaches_the_terminal() {
        let value = "a\u{9b}31m\u{202e}b\u{e0041}\n";
        let shown = harmless_json(&serde_json::to_string(value).unwrap());
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }

    #[test]
    fn distances_use_the_unit_that_matters() {
        let now = Timestamp::from_seconds(1_000_000_000);
        let in_seconds = |seconds| distance(now + Duration::from_secs(seconds), now);
        assert_eq!(in_seconds(1), "in 1 second");
        assert_eq!(in_seconds(600), "in 10 minutes");
        assert_eq!(in_seconds(7_200), "in 2 hours");
        assert_eq!(in_seconds(97 * 86_400), "in 97 days");
        assert_eq!(distance(now - Duration::from_secs(3 * 86_400), now), "3 days ago");
    }

    #[test]
    fn a_moment_survives_the_wire() {
        for millis in [0, 1, -1, 1_764_000_000_123] {
            let there = to_wire(Timestamp::from_millis(millis));
            assert_eq!(moment(Some(&there)), Some(Timestamp::from_millis(millis)));
        }
    }
}
