//! Tables and paragraphs for people.
//!
//! A table keeps the width there is by wrapping; wide, it keeps every row on one line.

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Width};

use super::Look;
use super::text::clean;

/// The width people are shown where nobody knows another.
pub(crate) const WIDTH: u16 = 80;

/// How serious a cell is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Doubtful,
    Bad,
    Heading,
}

/// Rows under headings.
pub(crate) struct Table {
    inner: comfy_table::Table,
    color: bool,
    width: u16,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N], look: &Look) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(comfy_table::presets::NOTHING);
        if look.wide {
            inner.set_content_arrangement(ContentArrangement::Disabled);
        } else {
            inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(look.width);
        }
        inner.set_header(headings.map(|text| toned(text, Tone::Heading).marked(look.color)));
        Self { inner, color: look.color, width: look.width }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        let color = self.color;
        self.inner.add_row(cells.map(|cell| cell.marked(color)));
    }

    /// Returns the table, or `empty` when it has no rows; ending in a line feed.
    pub(crate) fn render(&mut self, empty: &str) -> String {
        if self.inner.is_empty() {
            return format!("{empty}\n");
        }
        self.arrange();
        let mut text = String::new();
        for line in self.inner.lines() {
            text.push_str(&painted(line.trim_end(), self.color));
            text.push('\n');
        }
        text
    }

    /// Keeps words whole where the width allows it: a name broken in two cannot be copied.
    fn arrange(&mut self) {
        let words = self.longest_words();
        let taken: u16 = words.iter().fold(0, |sum, word| sum.saturating_add(*word));
        let gaps = u16::try_from(words.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let gap = if taken.saturating_add(gaps.saturating_mul(2)) <= self.width { 2 } else { 1 };
        let whole = kept_whole(&words, self.width.saturating_sub(gaps.saturating_mul(gap)));
        let last = words.len().saturating_sub(1);
        for (index, (column, word)) in self.inner.column_iter_mut().zip(words).enumerate() {
            let padding = if index == last { 0 } else { gap };
            column.set_padding((0, padding));
            if whole.contains(&index) {
                let width = Width::Fixed(word.saturating_add(padding));
                column.set_constraint(ColumnConstraint::LowerBoundary(width));
            }
        }
    }

    /// Returns the length of the longest word of each column.
    fn longest_words(&self) -> Vec<u16> {
        self.inner
            .column_iter()
            .map(|column| {
                let cells = self.inner.column_cells_with_header_iter(column.index);
                let words = cells.flatten().flat_map(|cell| {
                    let content = cell.content();
                    content.split([' ', '\n']).map(visible_length).max()
                });
                words.max().unwrap_or(0)
            })
            .collect()
    }
}

/// Returns the columns whose words stay whole within `room`: all, or as many as can be, so that one
/// word that is too long breaks alone.
fn kept_whole(words: &[u16], room: u16) -> Vec<usize> {
    let mut narrowest_first: Vec<usize> = (0..words.len()).collect();
    let length = |index: usize| words.get(index).copied().unwrap_or_default();
    narrowest_first.sort_by_key(|index| length(*index));
    let mut left = room;
    let mut others = u16::try_from(words.len()).unwrap_or(u16::MAX);
    let mut whole = Vec::new();
    for index in narrowest_first {
        others = others.saturating_sub(1);
        // Something has to be left for those that break.
        let reserved = others.saturating_mul(BROKEN.min(length(index)));
        match left.checked_sub(length(index)).filter(|rest| *rest >= reserved) {
            Some(rest) => left = rest,
            None => break,
        }
        whole.push(index);
    }
    whole
}

/// The least room that a column gets whose words are broken.
const BROKEN: u16 = 8;

fn visible_length(word: &str) -> u16 {
    let visible = word.chars().filter(|character| !('\u{2060}'..='\u{2064}').contains(character));
    u16::try_from(visible.count()).unwrap_or(u16::MAX)
}

/// What stands in one place of a table, cleaned.
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Returns the text, each word between marks that become colours once the table stands.
    ///
    /// The marks have no width, and [`clean`] lets none of them through from outside.
    fn marked(self, color: bool) -> String {
        match self.tone.mark() {
            Some(mark) if color => {
                let words = self.text.split(' ').map(|word| format!("{mark}{word}{END}"));
                words.collect::<Vec<_>>().join(" ")
            }
            Some(_) | None => self.text,
        }
    }
}

impl Tone {
    const fn mark(self) -> Option<char> {
        match self {
            Self::Plain => None,
            Self::Good => Some('\u{2061}'),
            Self::Doubtful => Some('\u{2062}'),
            Self::Bad => Some('\u{2063}'),
            Self::Heading => Some('\u{2064}'),
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Heading => Style::new().bold(),
        }
    }
}

const END: char = '\u{2060}';
const RESET: &str = "\u{1b}[0m";

/// Turns marks into colours; a word that was broken keeps its colour to the end of its line.
fn painted(line: &str, color: bool) -> String {
    if !color {
        return line.to_owned();
    }
    let mut text = line.replace(END, RESET);
    for tone in [Tone::Good, Tone::Doubtful, Tone::Bad, Tone::Heading] {
        if let Some(mark) = tone.mark() {
            text = text.replace(mark, &tone.style().render().to_string());
        }
    }
    text + RESET
}

/// A cell without a tone.
pub(crate) fn plain(text: impl AsRef<str>) -> Cell {
    toned(text, Tone::Plain)
}

/// A cell with a tone.
pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
    Cell { text: clean(text.as_ref()), tone }
}

/// A cell with a value that may be absent.
pub(crate) fn maybe(text: Option<&str>) -> Cell {
    plain(text.unwrap_or(super::text::NOTHING))
}

/// A cell with several values, one on a line.
pub(crate) fn lines<T: AsRef<str>>(values: &[T]) -> Cell {
    let lines: Vec<String> = values.iter().map(|value| clean(value.as_ref())).collect();
    Cell { text: lines.join("\n"), tone: Tone::Plain }
}

/// Facts, one on a line, behind their names.
pub(crate) struct Facts {
    rows: Vec<(&'static str, String)>,
}

impl Facts {
    pub(crate) const fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a fact, if there is one.
    pub(crate) fn add(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.rows.push((name, value.to_owned()));
        }
        self
    }

    /// Adds several values under one name, one on a line.
    pub(crate) fn list(&mut self, name: &'static str, values: &[String]) -> &mut Self {
        for (index, value) in values.iter().enumerate() {
            self.rows.push((if index == 0 { name } else { "" }, value.clone()));
        }
        self
    }

    /// Returns each name and value.
    pub(crate) fn rows(&self) -> &[(&'static str, String)] {
        &self.rows
    }

    /// Returns them; ending in a line feed.
    pub(crate) fn render(&self) -> String {
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.rows.iter().map(|(name, value)| format!("{name:width$}  {}\n", clean(value))).collect()
    }
}

/// Breaks a paragraph into lines as wide as can be shown, each after `indent`; words stay whole.
pub(crate) fn paragraph(text: &str, indent: &str, look: &Look) -> String {
    let text = clean(text);
    if look.wide {
        return format!("{indent}{text}\n");
    }
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > usize::from(look.width) {
            lines.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &format!("{indent}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing;

    fn long_table(look: &Look) -> String {
        let mut table = Table::new(["NAME", "STATE", "WHY"], look);
        table.row([
            plain("sip.contoso.com"),
            toned("failed", Tone::Bad),
            plain("the issuer could not be asked because it is in another building. ".repeat(4)),
        ]);
        table.render("nothing")
    }

    #[test]
    fn a_table_fits_eighty_columns_and_wide_keeps_one_line() {
        let narrow = long_table(&testing::table());
        testing::fits(&narrow);
        assert!(narrow.lines().count() > 3, "{narrow}");
        assert_eq!(long_table(&testing::wide()).lines().count(), 2);
    }

    #[test]
    fn a_table_takes_the_width_there_is() {
        let wider = long_table(&Look { width: 120, ..testing::table() });
        let widest = wider.lines().map(|line| line.chars().count()).max().unwrap();
        assert!((100..=120).contains(&widest), "{wider}");
    }

    #[test]
    fn a_word_that_is_too_long_breaks_alone() {
        let name = "a-rather-long-name.of-a-pool.in-some-department.emea.corp.contoso.com";
        let mut table = Table::new(["THUMBPRINT", "ROLE", "NAME"], &testing::table());
        table.row([plain("5D5D5D5D5D5D"), plain("WebServicesExternal"), plain(name)]);
        let text = table.render("nothing");
        testing::fits(&text);
        assert!(text.contains("5D5D5D5D5D5D ") && text.contains("WebServicesExternal "), "{text}");
        let mut table = Table::new(["THUMBPRINT", "NAME"], &testing::table());
        table.row([plain("several words that can go anywhere"), plain(name)]);
        let text = table.render("nothing");
        assert!(text.contains(name), "{text}");
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        assert!(!long_table(&testing::table()).contains('\u{1b}'));
        let coloured = long_table(&Look { color: true, ..testing::table() });
        assert!(coloured.contains("\u{1b}[31mfailed\u{1b}[0m"), "{coloured:?}");
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, long_table(&testing::table()));
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(["A"], &testing::table()).render("No orders."), "No orders.\n");
    }

    #[test]
    fn a_cell_cannot_forge_another_line() {
        let mut table = Table::new(["A", "B"], &testing::wide());
        table.row([plain("x\u{1b}[1A\u{202e}"), plain("y\r")]);
        assert_eq!(table.render(""), "A                   B\nx\\u{1b}[1A\\u{202e}  y\\r\n");
    }
}
