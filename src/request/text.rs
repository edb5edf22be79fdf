//! Names that people give: to issuers, to templates, to certificates.

use std::fmt;
use std::str::FromStr;

use crate::role::is_path_name;

/// The name a topology gives an issuer: the alphabet of role names, at most 64 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerName(Box<str>);

impl IssuerName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IssuerName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, "issuer", 64)?;
        if is_path_name(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName::Alphabet { what: "issuer", text: text.into() })
        }
    }
}

/// The name of a template at its issuer: the *name*, never the display name (`domain.md` §3, step
/// 7).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TemplateName(Box<str>);

impl TemplateName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TemplateName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, "template", 64)?;
        Ok(Self(text.into()))
    }
}

/// What an administrator calls a certificate: unique in a store, at most 128 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FriendlyName(Box<str>);

impl FriendlyName {
    /// The longest one, in characters.
    pub const MAX_CHARS: usize = 128;

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name with `suffix` behind it, shortened where both would be too long.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let room = Self::MAX_CHARS.saturating_sub(suffix.chars().count());
        let kept: String = self.0.chars().take(room).collect();
        Self(format!("{}{suffix}", kept.trim_end()).into())
    }

    /// Returns `text` as a name: whatever may not stand in one is left out.
    ///
    /// For texts that the program itself puts together from validated names.
    pub(crate) fn from_parts(text: &str) -> Self {
        let kept: String = text.chars().filter(|character| !is_unprintable(*character)).collect();
        Self(kept.trim().chars().take(Self::MAX_CHARS).collect::<String>().into())
    }
}

impl FromStr for FriendlyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, "friendly name", Self::MAX_CHARS)?;
        Ok(Self(text.into()))
    }
}

macro_rules! display_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(IssuerName, TemplateName, FriendlyName);

/// Why a text is not one of these names.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// The text is empty or blank.
    #[error("the name of the {what} is empty")]
    Empty {
        /// What was to be named.
        what: &'static str,
    },
    /// The text is too long.
    #[error("the name of the {what} has {len} characters; at most {max} are allowed")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// The length in characters.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The text has a control character, an invisible one or one that changes the direction.
    #[error("the name of the {what} contains the character {character}, which cannot be seen")]
    Unprintable {
        /// What was to be named.
        what: &'static str,
        /// The character, escaped.
        character: Box<str>,
    },
    /// Spaces stand before or after the name.
    #[error("the name of the {what} begins or ends with a space")]
    Padded {
        /// What was to be named.
        what: &'static str,
    },
    /// The text cannot be the name of a folder.
    #[error("`{text}` cannot name an {what}: letters, digits, dots and hyphens are allowed")]
    Alphabet {
        /// What was to be named.
        what: &'static str,
        /// What was written.
        text: Box<str>,
    },
}

pub(super) fn check(text: &str, what: &'static str, max: usize) -> Result<(), InvalidName> {
    if text.trim().is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if text.trim().len() != text.len() {
        return Err(InvalidName::Padded { what });
    }
    if let Some(character) = text.chars().find(|character| is_unprintable(*character)) {
        let character = character.escape_unicode().to_string().into();
        return Err(InvalidName::Unprintable { what, character });
    }
    let len = text.chars().count();
    if len > max { Err(InvalidName::TooLong { what, len, max }) } else { Ok(()) }
}

/// Returns whether a terminal or a log would not show `character` as itself.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_terminal_would_not_show_is_refused() {
        for text in ["", " ", " a", "a ", "a\nb", "a\u{202e}b", "a\u{200b}", &"x".repeat(129)] {
            assert!(text.parse::<FriendlyName>().is_err(), "{text:?} is accepted");
        }
        assert_eq!("Büro 7".parse::<FriendlyName>().unwrap().as_str(), "Büro 7");
    }

    #[test]
    fn an_issuer_can_name_a_folder() {
        "../ca".parse::<IssuerName>().unwrap_err();
        assert_eq!("corp.issuing-2".parse::<IssuerName>().unwrap().as_str(), "corp.issuing-2");
    }

    #[test]
    fn a_suffix_survives_where_the_name_is_too_long() {
        let name: FriendlyName = "x".repeat(128).parse().unwrap();
        let suffixed = name.with_suffix(" (2)");
        assert!(suffixed.as_str().ends_with("x (2)"));
        assert_eq!(suffixed.as_str().chars().count(), 128);
    }
}
