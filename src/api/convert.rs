//! Conversions between domain types and messages, a file per noun.
//!
//! A message becomes a domain value only whole: every missing or malformed field is named by its
//! path, all of them at once where a request has several.

mod assignment;
mod certificate;
mod common;
mod enrollment;
mod finding;
mod order;
mod plan;

pub use self::certificate::facts;
pub use self::common::{moment, timestamp};
pub use self::enrollment::instance_parts;

use std::fmt::Display;
use std::str::FromStr;

use super::status::Violation;

/// Returns what is wrong with a repeated field of a request that has more than `most` values.
pub fn too_many(field: &str, count: usize, most: usize) -> Option<Violation> {
    (count > most).then(|| Violation::new(field, format!("has {count} values; at most {most} fit")))
}

/// A certificate names a few dozen; public authorities end at a hundred.
pub const MOST_NAMES: usize = 200;
/// Several times the roles that there are.
pub const MOST_ROLES: usize = 64;

/// Reads fields and collects what is wrong with them.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Parses a required text field.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.wrong(field, error),
        }
    }

    /// Parses a text field that may be empty.
    pub fn parse_optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.parse(field, text).map(Some) }
    }

    /// Parses each text of a repeated field.
    pub fn parse_each<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        texts: &[String],
    ) -> Option<Vec<T>> {
        let parsed: Vec<Option<T>> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.parse(&format!("{field}[{index}]"), text))
            .collect();
        parsed.into_iter().collect()
    }

    /// Parses each text of a repeated field of a request, which may have no more than `most`: what
    /// is planned from them takes time that grows with their square.
    pub fn parse_few<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        texts: &[String],
        most: usize,
    ) -> Option<Vec<T>> {
        match too_many(field, texts.len(), most) {
            Some(violation) => {
                self.violations.push(violation);
                None
            }
            None => self.parse_each(field, texts),
        }
    }

    /// Takes a field that must be there.
    pub fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.violations.push(Violation::new(field, "is missing"));
        }
        value
    }

    /// Takes octets of a fixed length.
    pub fn octets<const N: usize>(&mut self, field: &str, octets: &[u8]) -> Option<[u8; N]> {
        match octets.try_into() {
            Ok(octets) => Some(octets),
            Err(_) => self.wrong(field, format!("has {} octets instead of {N}", octets.len())),
        }
    }

    /// Takes a converted field, with its own violations below `field`.
    pub fn nested<T>(&mut self, field: &str, value: Result<T, Vec<Violation>>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(violations) => {
                self.violations.extend(violations.into_iter().map(|violation| Violation {
                    field: format!("{field}.{}", violation.field),
                    ..violation
                }));
                None
            }
        }
    }

    /// Records that a field is wrong.
    pub fn wrong<T>(&mut self, field: &str, what: impl Display) -> Option<T> {
        self.violations.push(Violation::new(field, what));
        None
    }

    /// Returns `value`, or everything that is wrong.
    ///
    /// # Errors
    /// What was recorded.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Violation>> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            Some(_) | None => Err(self.violations),
        }
    }
}
