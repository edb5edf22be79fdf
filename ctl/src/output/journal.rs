//! The journal: who, when, what, and what came of it.
//!
//! There is one formatter for each kind of change; the words of a line and the structure of its JSON
//! are made side by side, so that neither knows what the other does not.

mod structure;
mod words;

use rolecall::api::kind::kind;
use rolecall::api::pb;
use serde::Serialize;

use self::structure::structure;
pub(crate) use self::words::certificate;
use super::order::actor;
use super::table::{Facts, paragraph};
use super::text::{clean, digits, some, time};
use super::{Look, View};

/// One entry.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    pub(crate) sequence: u64,
    pub(crate) at: Option<String>,
    actor: ActorView,
    pub(crate) request_id: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) summary: String,
    pub(crate) outcome: String,
    change: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct ActorView {
    kind: &'static str,
    uid: Option<u32>,
    name: String,
}

impl EntryView {
    pub(crate) fn of(entry: &pb::JournalEntry) -> Self {
        Self {
            sequence: entry.sequence,
            at: time(entry.at.as_ref()),
            actor: ActorView::of(entry.actor.as_ref()),
            request_id: some(&entry.request_id),
            kind: entry.change.as_ref().map_or("unknown", kind),
            summary: entry
                .change
                .as_ref()
                .map_or_else(|| "a kind this version does not know".to_owned(), words::words),
            outcome: entry.change.as_ref().map_or_else(String::new, words::outcome),
            change: entry.change.as_ref().map_or(serde_json::Value::Null, structure),
        }
    }

    /// Returns who did it.
    pub(crate) fn who(&self) -> &str {
        &self.actor.name
    }

    /// Returns it as one line for people, without a line feed.
    pub(crate) fn line(&self) -> String {
        let at = self.at.as_deref().unwrap_or("at no time");
        clean(&format!("{at}  {}: {}", self.actor.name, self.summary))
    }

    /// Returns it with its number, kind and request id too.
    pub(crate) fn wide_line(&self) -> String {
        let request = self.request_id.as_deref().map(|id| format!("  [{id}]")).unwrap_or_default();
        format!("{}  {}  {}{}", self.sequence, self.line(), self.kind, clean(&request))
    }
}

impl ActorView {
    fn of(who: Option<&pb::Actor>) -> Self {
        let Some(who) = who else {
            return Self { kind: "unspecified", uid: None, name: "somebody".to_owned() };
        };
        let (kind, has_uid) = match who.kind() {
            pb::actor::Kind::Local => ("local", true),
            pb::actor::Kind::Console => ("console", true),
            pb::actor::Kind::Agent => ("agent", false),
            pb::actor::Kind::Unspecified => ("unspecified", false),
        };
        Self { kind, uid: has_uid.then_some(who.uid), name: actor(who) }
    }
}

/// Entries of the journal.
#[derive(Debug, Serialize)]
pub(crate) struct EntriesView {
    entries: Vec<EntryView>,
}

impl EntriesView {
    pub(crate) fn of(entries: &[pb::JournalEntry]) -> Self {
        Self { entries: entries.iter().map(EntryView::of).collect() }
    }
}

impl View for EntriesView {
    const SCHEMA: &'static str = "rolecall/journal/v1";

    fn human(&self, look: &Look) -> String {
        if self.entries.is_empty() {
            return "No entries.\n".to_owned();
        }
        self.entries.iter().map(|entry| line(entry, look)).collect()
    }
}

/// Returns an entry for people, ending in a line feed.
pub(crate) fn line(entry: &EntryView, look: &Look) -> String {
    if look.wide {
        return entry.wide_line() + "\n";
    }
    let text = paragraph(&entry.line(), "    ", look);
    text.trim_start().to_owned()
}

/// What reading every frame again said.
#[derive(Debug, Serialize)]
pub(crate) struct VerifiedView {
    sound: bool,
    damage: Option<String>,
    first_sequence: u64,
    last_sequence: u64,
    entries: u64,
    segments: u64,
    head: Option<String>,
}

impl VerifiedView {
    pub(crate) fn of(verified: &pb::VerifyJournalResponse) -> Self {
        Self {
            sound: verified.damage.is_empty(),
            damage: some(&verified.damage),
            first_sequence: verified.first_sequence,
            last_sequence: verified.last_sequence,
            entries: verified.entries,
            segments: verified.segments,
            head: digits(&verified.head),
        }
    }

    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }
}

impl VerifiedView {
    pub(crate) fn facts(&self) -> Facts {
        let entries = format!("{} to {}", self.first_sequence, self.last_sequence);
        let state = self.damage.as_deref().map_or_else(
            || "sound: every frame is whole and follows the one before".to_owned(),
            |damage| format!("DAMAGED: {damage}"),
        );
        let mut facts = Facts::new();
        facts
            .add("Journal", Some(&state))
            .add("Entries", Some(&entries))
            .add("Frames", Some(&self.entries.to_string()))
            .add("Segments", Some(&self.segments.to_string()))
            .add("Head", self.head.as_deref());
        if !self.sound {
            facts.add("What to do", Some("on the server: rolecall-agent store verify"));
        }
        facts
    }
}

impl View for VerifiedView {
    const SCHEMA: &'static str = "rolecall/journal-verified/v1";

    fn human(&self, _: &Look) -> String {
        self.facts().render()
    }
}

#[cfg(test)]
mod tests;
