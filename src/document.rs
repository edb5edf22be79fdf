//! Reads a TOML document strictly, and reports everything that is wrong with it at once.
//!
//! [`Document::read`] parses; a [`Section`] is one table of it. Whoever reads a section asks for
//! the keys it knows; [`Section::finish`] then reports every other key with the nearest of those,
//! so that the list of known keys is nowhere written down twice. Problems collect in the document,
//! each with its line, and reading goes on with what is left: callers look at
//! [`Document::into_problems`] in the end. Nothing here knows what a topology is.

mod problem;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::problem::{Problem, Problems};
use crate::suggest::{did_you_mean, nearest};

/// A parsed document, and what was found wrong with it so far.
#[derive(Debug)]
pub struct Document<'i> {
    table: Spanned<DeTable<'i>>,
    line_starts: Vec<usize>,
    lines: BTreeMap<String, usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'i> Document<'i> {
    /// Parses `text`.
    ///
    /// # Errors
    /// Every place where the text is not TOML, or its size when that is above [`MAX_LEN`].
    pub fn read(text: &'i str) -> Result<Self, Problems> {
        if text.len() > MAX_LEN {
            let what =
                format!("the document has {} octets; at most {MAX_LEN} are read", text.len());
            return Err(Problems::new(vec![Problem::new(1, "", &what, "split or shorten it")]));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        let line_starts = line_starts(text);
        if errors.is_empty() {
            let mut lines = BTreeMap::new();
            register(table.get_ref(), "", &line_starts, &mut lines);
            return Ok(Self { table, line_starts, lines, problems: RefCell::default() });
        }
        Err(Problems::new(errors.iter().map(|error| syntax(error, &line_starts)).collect()))
    }

    /// Returns the document's outermost table.
    pub fn root(&self) -> Section<'_, 'i> {
        Section::new(self, self.table.get_ref(), String::new())
    }

    /// Records that something is wrong with the key at `path`.
    pub fn problem(&self, path: &str, what: impl Display, remedy: impl Display) {
        self.problem_on(self.line_of(path), path, what, remedy);
    }

    /// Returns what was recorded, if anything was.
    pub fn into_problems(self) -> Option<Problems> {
        let problems = self.problems.into_inner();
        if problems.is_empty() { None } else { Some(Problems::new(problems)) }
    }

    fn problem_on(&self, line: usize, path: &str, what: impl Display, remedy: impl Display) {
        let problem = Problem::new(line, path, &what.to_string(), &remedy.to_string());
        self.problems.borrow_mut().push(problem);
    }

    /// Returns the line of `path`, or of the nearest table around it.
    fn line_of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(&path.to_ascii_lowercase()) {
                return *line;
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return 1,
            }
        }
    }

    fn line_at(&self, span: &Range<usize>) -> usize {
        line_at(&self.line_starts, span.start)
    }
}

/// One table of a document.
#[derive(Debug)]
pub struct Section<'d, 'i> {
    document: &'d Document<'i>,
    table: &'d DeTable<'i>,
    path: String,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'d, 'i> Section<'d, 'i> {
    fn new(document: &'d Document<'i>, table: &'d DeTable<'i>, path: String) -> Self {
        Self { document, table, path, asked: RefCell::default() }
    }

    /// Returns the path of this section in the document.
    pub fn here(&self) -> &str {
        &self.path
    }

    /// Returns the path of `key` in the document.
    pub fn path(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Returns the document this section is part of.
    pub fn document(&self) -> &'d Document<'i> {
        self.document
    }

    /// Returns whether `key` is written, whatever its value.
    pub fn has(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().insert(key);
        self.table.get(key).is_some()
    }

    /// Records that something is wrong with `key`.
    pub fn problem(&self, key: &str, what: impl Display, remedy: impl Display) {
        self.document.problem(&self.path(key), what, remedy);
    }

    /// Records that something is wrong with the section itself.
    pub fn problem_here(&self, what: impl Display, remedy: impl Display) {
        self.document.problem(&self.path, what, remedy);
    }

    /// Returns a text.
    pub fn text(&self, key: &'static str) -> Option<&'d str> {
        self.text_of(self.value(key)?, &self.path(key))
    }

    /// Returns a text as whatever it stands for.
    pub fn parse<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        self.parsed(text, &self.path(key))
    }

    /// Returns a list of texts as whatever they stand for; those that do not parse are left out.
    pub fn parse_list<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<Vec<T>> {
        let path = self.path(key);
        let texts = self.texts(key)?;
        Some(texts.into_iter().filter_map(|text| self.parsed(text, &path)).collect())
    }

    /// Returns a list of texts; those values that are no texts are left out.
    pub fn texts(&self, key: &'static str) -> Option<Vec<&'d str>> {
        let value = self.value(key)?;
        let path = self.path(key);
        let Some(array) = value.get_ref().as_array() else {
            self.mistyped(value, &path, "a list of texts", r#"["one", "two"]"#);
            return None;
        };
        Some(array.iter().filter_map(|element| self.text_of(element, &path)).collect())
    }

    /// Returns `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.mistyped(value, &self.path(key), "true or false", "true");
        }
        flag
    }

    /// Returns a whole number from 1.
    pub fn count(&self, key: &'static str) -> Option<u32> {
        let value = self.value(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|integer| u32::from_str_radix(integer.as_str(), integer.radix()).ok())
            .filter(|number| *number > 0);
        if number.is_none() {
            self.mistyped(value, &self.path(key), "a whole number from 1", "1");
        }
        number
    }

    /// Returns a length of time, written such as `8h`, `30d` or `1h 30m`.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        match humantime::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Some(duration),
            Ok(_) => {
                self.problem(
                    key,
                    "it would be over at once",
                    "write a longer time, such as \"8h\"",
                );
                None
            }
            Err(error) => {
                let what = format!("`{text}` is not a length of time: {error}");
                self.problem(key, what, "write it such as \"8h\", \"30d\" or \"1h 30m\"");
                None
            }
        }
    }

    /// Returns the table under `key`.
    pub fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        self.table_of(value, self.path(key))
    }

    /// Returns the named tables under `key`, in the order of the document.
    pub fn sections(&self, key: &'static str) -> Vec<(&'d str, Self)> {
        let Some(around) = self.section(key) else { return Vec::new() };
        around
            .in_order()
            .into_iter()
            .filter_map(|(name, value)| Some((name, around.table_of(value, around.path(name))?)))
            .collect()
    }

    /// Returns every key of this section with its text, in the order of the document.
    pub fn entries(&self) -> Vec<(&'d str, &'d str)> {
        self.in_order()
            .into_iter()
            .filter_map(|(key, value)| Some((key, self.text_of(value, &self.path(key))?)))
            .collect()
    }

    /// Returns every key of this section with its list of texts, in the order of the document.
    pub fn list_entries(&self) -> Vec<(&'d str, Vec<&'d str>)> {
        self.in_order()
            .into_iter()
            .filter_map(|(key, value)| {
                let path = self.path(key);
                let Some(array) = value.get_ref().as_array() else {
                    self.mistyped(value, &path, "a list of texts", r#"["one", "two"]"#);
                    return None;
                };
                Some((key, array.iter().filter_map(|each| self.text_of(each, &path)).collect()))
            })
            .collect()
    }

    /// Returns whether the value of `key` is a table.
    pub fn is_table(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|value| value.get_ref().is_table())
    }

    /// Parses `text`, which stands at `path`, and records why it does not parse.
    pub fn parsed<T: FromStr<Err: Display>>(&self, text: &str, path: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.document.problem(path, error, "");
                None
            }
        }
    }

    /// Records every key that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if asked.contains(name) {
                continue;
            }
            let suggestion = did_you_mean(&nearest(name, asked.iter().copied()));
            let known = asked.iter().copied().collect::<Vec<_>>().join(", ");
            self.document.problem_on(
                self.document.line_at(&key.span()),
                &self.path(name),
                format!("unknown key{suggestion}"),
                format!("known here: {known}"),
            );
        }
    }

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'i>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn in_order(&self) -> Vec<(&'d str, &'d Spanned<DeValue<'i>>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(|(key, value)| (&**key.get_ref(), value)).collect()
    }

    fn text_of(&self, value: &'d Spanned<DeValue<'i>>, path: &str) -> Option<&'d str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.mistyped(value, path, "a text", "\"…\"");
        }
        text
    }

    fn table_of(&self, value: &'d Spanned<DeValue<'i>>, path: String) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(self.document, table, path)),
            None => {
                self.mistyped(value, &path, "a table", &format!("[{path}]"));
                None
            }
        }
    }

    fn mistyped(&self, value: &Spanned<DeValue<'_>>, path: &str, wanted: &str, example: &str) {
        self.document.problem_on(
            self.document.line_at(&value.span()),
            path,
            format!("{} stands where {wanted} is expected", kind_of(value.get_ref())),
            format!("write it such as {example}"),
        );
    }
}

/// The longest document that is read, in octets.
///
/// A thousand pools of two servers, with every optional key, take half of it; a message takes four.
pub const MAX_LEN: usize = 1 << 20;

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn syntax(error: &toml::de::Error, line_starts: &[usize]) -> Problem {
    let line = error.span().map_or(1, |span| line_at(line_starts, span.start));
    Problem::new(line, "", &format!("this is not TOML: {}", error.message()), "see https://toml.io")
}

/// Notes the line of every key below `table`; paths are looked up in any case.
fn register(
    table: &DeTable<'_>,
    path: &str,
    line_starts: &[usize],
    lines: &mut BTreeMap<String, usize>,
) {
    for (key, value) in table {
        let path = joined(path, key.get_ref());
        lines
            .entry(path.to_ascii_lowercase())
            .or_insert_with(|| line_at(line_starts, key.span().start));
        if let Some(inner) = value.get_ref().as_table() {
            register(inner, &path, line_starts, lines);
        }
    }
}

/// Returns the path of `key` below `path`, quoted where TOML demands it.
pub fn joined(path: &str, key: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let key =
        if !key.is_empty() && key.chars().all(bare) { key.into() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(offset, _)| offset.saturating_add(1)))
        .collect()
}

fn line_at(line_starts: &[usize], offset: usize) -> usize {
    line_starts.partition_point(|start| *start <= offset).max(1)
}
