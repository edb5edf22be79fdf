//! The roles that a topology defines beside the built-in ones.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Explain;
use crate::document::Section;
use crate::key::KeyAlgorithm;
use crate::name::{DnsName, Fqdn, InvalidDnsName};
use crate::request::{IssuerName, TemplateName, Usages};
use crate::role::{BuiltInRole, CustomRoleName, Scope};

/// A role that a topology defines.
#[derive(Clone, Debug)]
pub struct CustomRole {
    name: CustomRoleName,
    purpose: Option<String>,
    scope: Scope,
    shared: bool,
    names: Vec<NamePattern>,
    usages: Usages,
    keys: Vec<KeyAlgorithm>,
    issuer: Option<IssuerName>,
    template: Option<TemplateName>,
    lead: Option<Duration>,
}

impl CustomRole {
    /// Returns its name.
    pub const fn name(&self) -> &CustomRoleName {
        &self.name
    }

    /// Returns what it is for, in the topology's words.
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// Returns how many certificates of it there are.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns whether its key is exportable even on the only member of its scope; several members
    /// of a pool or of the deployment always hold the same one.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Returns the names of its certificate; the first is the subject.
    pub fn names(&self) -> &[NamePattern] {
        &self.names
    }

    /// Returns the extended key usages of its certificate.
    pub const fn usages(&self) -> Usages {
        self.usages
    }

    /// Returns the keys it accepts.
    pub fn keys(&self) -> &[KeyAlgorithm] {
        &self.keys
    }

    /// Returns its issuer, where the topology names one.
    pub const fn issuer(&self) -> Option<&IssuerName> {
        self.issuer.as_ref()
    }

    /// Returns its template, where the topology names one.
    pub const fn template(&self) -> Option<&TemplateName> {
        self.template.as_ref()
    }

    /// Returns how long before the old certificate's expiry its successor must take over.
    pub const fn lead(&self) -> Option<Duration> {
        self.lead
    }
}

/// A name that is the same on every server, or depends on where it stands.
///
/// `{server}`, `{pool}` and `{primary_sip_domain}` stand for one name each; `{sip_domain}` makes
/// one name for each SIP domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamePattern(Box<str>);

impl NamePattern {
    /// Returns the pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names it makes for one server.
    ///
    /// # Errors
    /// A name may become longer than a name can be.
    pub fn expand(
        &self,
        server: &Fqdn,
        pool: &Fqdn,
        sip_domains: &[Fqdn],
    ) -> Result<Vec<DnsName>, InvalidDnsName> {
        let primary = sip_domains.first().map_or("", Fqdn::as_str);
        let text = self
            .0
            .replace(SERVER, server.as_str())
            .replace(POOL, pool.as_str())
            .replace(PRIMARY, primary);
        if text.contains(SIP_DOMAIN) {
            sip_domains
                .iter()
                .map(|domain| text.replace(SIP_DOMAIN, domain.as_str()).parse())
                .collect()
        } else {
            Ok(vec![text.parse()?])
        }
    }

    /// Returns whether it depends on the server.
    pub fn names_the_server(&self) -> bool {
        self.0.contains(SERVER)
    }

    /// Returns whether it makes wildcards.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    fn of(text: &str) -> Self {
        Self(text.into())
    }
}

const SERVER: &str = "{server}";
const POOL: &str = "{pool}";
const PRIMARY: &str = "{primary_sip_domain}";
const SIP_DOMAIN: &str = "{sip_domain}";

impl FromStr for NamePattern {
    type Err = InvalidNamePattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let example = [SERVER, POOL, PRIMARY, SIP_DOMAIN]
            .into_iter()
            .fold(text.to_owned(), |text, placeholder| text.replace(placeholder, "example.com"));
        if example.contains(['{', '}']) {
            return Err(InvalidNamePattern::Placeholder { text: text.into() });
        }
        match example.parse::<DnsName>() {
            Ok(_) => Ok(Self(text.into())),
            Err(error) => Err(InvalidNamePattern::Name { text: text.into(), error }),
        }
    }
}

/// Why a text is no [`NamePattern`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InvalidNamePattern {
    /// A placeholder is not known.
    Placeholder {
        /// What was written.
        text: Box<str>,
    },
    /// The text makes no DNS name.
    Name {
        /// What was written.
        text: Box<str>,
        /// What is wrong with the name it makes.
        error: InvalidDnsName,
    },
}

impl fmt::Display for InvalidNamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholder { text } => write!(
                f,
                "`{text}` has an unknown placeholder; known are {SERVER}, {POOL}, {SIP_DOMAIN} and \
                 {PRIMARY}"
            ),
            Self::Name { text, error } => write!(f, "`{text}` makes no name: {error}"),
        }
    }
}

impl std::error::Error for InvalidNamePattern {}

/// Reads one `[roles.NAME]`.
pub(super) fn read(
    name: &str,
    section: Section<'_, '_>,
    explain: &mut Explain,
) -> Option<CustomRole> {
    let parsed = checked_name(name, &section);
    let purpose = section.text("purpose").map(str::to_owned);
    let scope = section.parse("scope").unwrap_or_else(|| {
        explain.note(&section.path("scope"), Scope::Server, "one certificate for each server");
        Scope::Server
    });
    let shared = read_shared(scope, &section, explain);
    let names = read_names(scope, &section, explain);
    let usages = read_usages(&section, explain);
    let keys = section.parse_list("keys").filter(|keys| !keys.is_empty());
    let keys = keys.unwrap_or_else(|| KeyAlgorithm::ALL.to_vec());
    let issuer = section.parse("issuer");
    let template = section.parse("template");
    let lead = section.duration("lead");
    section.finish();
    Some(CustomRole {
        name: parsed?,
        purpose,
        scope,
        shared,
        names,
        usages,
        keys,
        issuer,
        template,
        lead,
    })
}

fn checked_name(name: &str, section: &Section<'_, '_>) -> Option<CustomRoleName> {
    if let Some(built_in) = BuiltInRole::find(name) {
        let what = format!("{} is a built-in role", built_in.facts().name);
        section.problem_here(what, "give it another name; built-in roles cannot be changed");
        return None;
    }
    section.parsed(name, section.here())
}

fn read_shared(scope: Scope, section: &Section<'_, '_>, explain: &mut Explain) -> bool {
    match section.flag("shared") {
        Some(true) if scope == Scope::Server => {
            let what = "a certificate of scope server is not shared";
            section.problem("shared", what, "write scope = \"pool\" or scope = \"global\"");
            false
        }
        Some(shared) => shared,
        None => {
            let shared = scope != Scope::Server;
            let why = "members hold the same certificate, and the first is ready for a second";
            if shared {
                explain.note(&section.path("shared"), shared, why);
            }
            shared
        }
    }
}

fn read_names(scope: Scope, section: &Section<'_, '_>, explain: &mut Explain) -> Vec<NamePattern> {
    let written = section.parse_list::<NamePattern>("names");
    if let Some(names) = written.filter(|names| !names.is_empty()) {
        if names.first().is_some_and(NamePattern::is_wildcard) {
            let what = "the first name is the subject, which is never a wildcard";
            section.problem("names", what, "put a full name first");
        }
        return names;
    }
    let (pattern, why) = match scope {
        Scope::Server => (SERVER, "a certificate of one server names it"),
        Scope::Pool => (POOL, "a certificate of a pool names it"),
        Scope::Global => (PRIMARY, "a certificate of the deployment names the primary SIP domain"),
    };
    explain.note(&section.path("names"), pattern, why);
    vec![NamePattern::of(pattern)]
}

fn read_usages(section: &Section<'_, '_>, explain: &mut Explain) -> Usages {
    let Some(words) = section.texts("usages") else {
        explain.note(&section.path("usages"), "server", "what a TLS server needs");
        return Usages::SERVER;
    };
    let mut usages = Usages { server: false, client: false };
    for word in words {
        match word {
            "server" => usages.server = true,
            "client" => usages.client = true,
            other => {
                let what = format!("`{other}` is no usage");
                section.problem("usages", what, "\"server\", \"client\" or both");
            }
        }
    }
    if usages == (Usages { server: false, client: false }) {
        section.problem("usages", "no usage is named", "\"server\", \"client\" or both");
    }
    usages
}
