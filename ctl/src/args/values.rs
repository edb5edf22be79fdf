//! Values that completion knows and the agent judges.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use rolecall::finding::FindingCode as Code;
use rolecall::role::CATALOGUE;

/// A role: any text, with the catalogue's names for completion.
///
/// Topologies define further roles, so only the agent knows them all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoleName;

impl TypedValueParser for RoleName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        trimmed(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let needed = CATALOGUE.iter().filter(|facts| !facts.needed_on.is_empty());
        Some(Box::new(needed.map(|facts| PossibleValue::new(facts.name).help(facts.purpose))))
    }
}

/// A finding's code: any text, with the known codes for completion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FindingCode;

impl TypedValueParser for FindingCode {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        trimmed(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Code::ALL.iter().map(|code| PossibleValue::new(code.as_str()))))
    }
}

/// Any text, without the spaces around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trimmed;

impl TypedValueParser for Trimmed {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        trimmed(command, argument, value)
    }
}

/// One of `values`, or any other text: what the agent will take is its own to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suggested(pub(crate) &'static [&'static str]);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        trimmed(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|value| PossibleValue::new(*value))))
    }
}

/// Key algorithms by their canonical names.
pub(crate) const KEY_ALGORITHMS: Suggested =
    Suggested(&["rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"]);
/// Digests by their canonical names.
pub(crate) const DIGESTS: Suggested = Suggested(&["sha-256", "sha-384", "sha-512"]);
/// Reasons of RFC 5280 §5.3.1 that an administrator gives.
pub(crate) const REVOCATION_REASONS: Suggested = Suggested(&[
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]);

fn trimmed(command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
    StringValueParser::new().parse_ref(command, argument, value).map(|text| text.trim().to_owned())
}
