//! What the agent answers, as people and programs read it.
//!
//! A view per noun: a serde structure with the agent's facts in snake case, fingerprints in hex and
//! times in RFC 3339. JSON and YAML are the view itself, tables are made from it, so all show the
//! same. What is absent is null, never an empty text. Fields are only ever added.

pub(crate) mod assignment;
pub(crate) mod certificate;
pub(crate) mod enrollment;
pub(crate) mod finding;
pub(crate) mod issuer;
pub(crate) mod journal;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod topology;

use rolecall::time::Timestamp;
use serde::Serialize;

use crate::args::Format;
use crate::error::Error;

/// How people are shown something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Nothing is shortened, and no width is kept.
    pub(crate) wide: bool,
    /// The columns there are.
    pub(crate) width: u16,
    pub(crate) color: bool,
    pub(crate) now: Timestamp,
}

/// What a noun looks like.
pub(crate) trait View: Serialize {
    /// The name and version of the structure.
    const SCHEMA: &'static str;

    /// Returns it for people, ending in a line feed.
    fn human(&self, look: &Look) -> String;
}

/// What became of one thing: a sentence for people; the thing itself for programs and `-o wide`.
#[derive(Serialize)]
pub(crate) struct Told<V> {
    #[serde(flatten)]
    view: V,
    #[serde(skip)]
    sentence: String,
}

impl<V: View> Told<V> {
    pub(crate) const fn new(view: V, sentence: String) -> Self {
        Self { view, sentence }
    }
}

impl<V: View> View for Told<V> {
    const SCHEMA: &'static str = V::SCHEMA;

    fn human(&self, look: &Look) -> String {
        let whole = if look.wide { self.view.human(look) } else { String::new() };
        whole + &table::paragraph(&self.sentence, "", look)
    }
}

/// What people read below a change that was only planned.
pub(crate) const NOT_DONE: &str = "Nothing was changed (--what-if).\n";

#[derive(Serialize)]
struct Envelope<'a, V> {
    schema: &'static str,
    #[serde(flatten)]
    view: &'a V,
}

/// Returns `view` in the format asked for, ending in a line feed.
pub(crate) fn render<V: View>(view: &V, format: Format, look: &Look) -> Result<String, Error> {
    let envelope = Envelope { schema: V::SCHEMA, view };
    match format {
        Format::Table | Format::Wide => Ok(view.human(look)),
        Format::Json => serde_json::to_string_pretty(&envelope)
            .map(|json| text::harmless_json(&json) + "\n")
            .map_err(|error| Error::Encoding(error.to_string())),
        Format::Yaml => yaml(&envelope),
    }
}

/// Returns `value` as one line of JSON.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map(|json| text::harmless_json(&json) + "\n")
        .map_err(|error| Error::Encoding(error.to_string()))
}

/// Returns `value` as a YAML document.
pub(crate) fn yaml<T: Serialize>(value: &T) -> Result<String, Error> {
    let mut yaml =
        serde_saphyr::to_string(value).map_err(|error| Error::Encoding(error.to_string()))?;
    if !yaml.ends_with('\n') {
        yaml.push('\n');
    }
    Ok(yaml)
}

#[cfg(test)]
pub(crate) mod testing {
    use rolecall::time::Timestamp;

    use super::Look;
    use super::table::WIDTH;

    pub(crate) fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    /// Returns a moment as messages carry it.
    pub(crate) fn moment(text: &str) -> Option<prost_types::Timestamp> {
        text.parse().ok().map(super::text::to_wire)
    }

    pub(crate) fn table() -> Look {
        Look { wide: false, width: WIDTH, color: false, now: now() }
    }

    pub(crate) fn wide() -> Look {
        Look { wide: true, ..table() }
    }

    pub(crate) fn fits(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "wider than 80: {line}");
        }
    }
}

#[cfg(test)]
mod tests;
