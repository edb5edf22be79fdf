//! Who may do what, as the topology says it: grants to groups and operators, within a reach.
//!
//! The words are `security.md` §2's. Groups are Rolecall's own; a name such as
//! `RTCUniversalServerAdmins` is mapped here and looked up at each call.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::document::Section;
use crate::name::Fqdn;
use crate::role::is_path_name;

pub use crate::access::Grant;

/// A grant to a group or an operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GrantRule {
    holder: String,
    grant: Grant,
    reach: Vec<Reach>,
}

impl GrantRule {
    /// Returns the group or the operator who holds it.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Returns what the holder may do.
    pub const fn grant(&self) -> Grant {
        self.grant
    }

    /// Returns where; everywhere when empty.
    pub fn reach(&self) -> &[Reach] {
        &self.reach
    }
}

/// A part of the fleet.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reach {
    /// One server.
    Server(Fqdn),
    /// The servers of one pool.
    Pool(Fqdn),
    /// The servers of the pools of one site.
    Site(String),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => write!(f, "server:{name}"),
            Self::Pool(name) => write!(f, "pool:{name}"),
            Self::Site(name) => write!(f, "site:{name}"),
        }
    }
}

impl FromStr for Reach {
    type Err = InvalidReach;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidReach { text: text.escape_debug().to_string() };
        match text.split_once(':') {
            Some(("server", name)) => name.parse().ok().map(Self::Server).ok_or_else(invalid),
            Some(("pool", name)) => name.parse().ok().map(Self::Pool).ok_or_else(invalid),
            Some(("site", name)) if !name.is_empty() => Ok(Self::Site(name.to_owned())),
            _ => Err(invalid()),
        }
    }
}

/// A text that is no [`Reach`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is no reach: write it such as pool:fe.contoso.net, server:fe01.contoso.net or \
     site:Berlin"
)]
pub struct InvalidReach {
    text: String,
}

/// Reads `[groups]`: the operators of each group.
pub(super) fn read_groups(root: &Section<'_, '_>) -> BTreeMap<String, Vec<String>> {
    let Some(section) = root.section("groups") else { return BTreeMap::new() };
    section
        .list_entries()
        .into_iter()
        .map(|(group, members)| {
            let path = section.path(group);
            for name in members.iter().chain([&group]) {
                check_name(&section, name, &path);
            }
            (group.to_owned(), members.into_iter().map(str::to_owned).collect())
        })
        .collect()
}

/// Names of groups and operators become parts of identities, and obey the same alphabet.
fn check_name(section: &Section<'_, '_>, name: &str, path: &str) {
    if !is_path_name(name) {
        let what = format!("`{name}` cannot name a group or an operator");
        section.document().problem(path, what, "letters, digits, dots and hyphens");
    }
}

/// Reads `[grants.NAME]`.
pub(super) fn read_grants(root: &Section<'_, '_>) -> Vec<GrantRule> {
    root.sections("grants")
        .into_iter()
        .filter_map(|(holder, section)| {
            check_name(&section, holder, section.here());
            let grant = section.parse("grant");
            if grant.is_none() && !section.has("grant") {
                let remedy = format!("one of {}", Grant::ALL.map(Grant::as_str).join(", "));
                section.problem_here("the key `grant` is missing", remedy);
            }
            let reach = section.parse_list("reach").unwrap_or_default();
            if section.has("reach") && reach.is_empty() {
                let what = "an empty reach would mean the whole fleet";
                section.problem("reach", what, "leave it out to mean that, or name a part");
            }
            section.finish();
            Some(GrantRule { holder: holder.to_owned(), grant: grant?, reach })
        })
        .collect()
}
