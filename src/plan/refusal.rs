//! Why a request cannot be planned: every reason at once, each with its field and what to do.

use std::fmt;

use crate::key::KeyAlgorithm;
use crate::name::{DnsName, Fqdn};
use crate::request::{FriendlyName, IssuerName, TemplateName};
use crate::role::Role;
use crate::suggest::{did_you_mean, did_you_mean_or};
use crate::topology::ScopeInstance;

/// One reason why a request cannot be planned.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server is not in the topology.
    #[error("the topology has no server {server}{}", did_you_mean(.nearest))]
    ServerUnknown {
        /// The server.
        server: Fqdn,
        /// The nearest servers.
        nearest: Vec<String>,
    },
    /// No role is named.
    #[error("no role is named")]
    NoRole,
    /// A role is named twice.
    #[error("{role} is named twice")]
    RoleTwice {
        /// The role.
        role: Role,
    },
    /// There is no such role.
    #[error("there is no role {role}{}", did_you_mean_or(.nearest, .known))]
    RoleUnknown {
        /// The role.
        role: Role,
        /// The nearest roles.
        nearest: Vec<String>,
        /// All the roles that there are.
        known: Vec<String>,
    },
    /// The server has no use for the role.
    #[error(
        "the computer does not need a certificate for {role}: {server} needs {}",
        list(.needed)
    )]
    RoleNotNeeded {
        /// The role.
        role: Role,
        /// The server.
        server: Fqdn,
        /// What it needs.
        needed: Vec<Role>,
    },
    /// The roles are not for the same servers, so that one certificate would be on too many.
    #[error("the roles cannot share a certificate: {}", scopes(.roles))]
    ScopesMixed {
        /// Each role and where its certificate is good for.
        roles: Vec<(Role, ScopeInstance)>,
    },
    /// There is no such issuer.
    #[error("the topology has no issuer {issuer}{}", did_you_mean_or(.nearest, .known))]
    IssuerUnknown {
        /// The issuer.
        issuer: IssuerName,
        /// The nearest issuers.
        nearest: Vec<String>,
        /// All the issuers that there are.
        known: Vec<String>,
    },
    /// The issuer has no such template.
    #[error("issuer {issuer} has no template {template}{}", did_you_mean_or(.nearest, .known))]
    TemplateUnknown {
        /// The template.
        template: TemplateName,
        /// The issuer.
        issuer: IssuerName,
        /// The nearest templates.
        nearest: Vec<String>,
        /// All the templates that there are.
        known: Vec<String>,
    },
    /// What was given is what consoles show, not the name.
    #[error("`{given}` is the display name of template {name}")]
    TemplateDisplayName {
        /// What was given.
        given: TemplateName,
        /// The template's name.
        name: TemplateName,
    },
    /// The role does not work with such a key.
    #[error("{role} does not accept a key of {algorithm}")]
    KeyNotForRole {
        /// The role.
        role: Role,
        /// The algorithm.
        algorithm: KeyAlgorithm,
        /// What it accepts.
        accepted: Vec<KeyAlgorithm>,
    },
    /// The template does not take such a key.
    #[error("template {template} does not accept a key of {algorithm}")]
    KeyNotInTemplate {
        /// The template.
        template: TemplateName,
        /// The algorithm.
        algorithm: KeyAlgorithm,
        /// What it accepts.
        accepted: Vec<KeyAlgorithm>,
    },
    /// No algorithm suits every role and the template.
    #[error("no key algorithm suits every role and the template")]
    NoKeySuits,
    /// clientAuth was asked for and cannot be had.
    #[error("issuer {issuer} cannot give clientAuth{}", by_template(.template.as_ref()))]
    ClientAuthUnavailable {
        /// The issuer.
        issuer: IssuerName,
        /// The template that lacks it, where the issuer itself could.
        template: Option<TemplateName>,
    },
    /// There is no such SIP domain.
    #[error("{domain} is no SIP domain of the topology{}", did_you_mean(.nearest))]
    SipDomainUnknown {
        /// The domain.
        domain: Fqdn,
        /// The nearest SIP domains.
        nearest: Vec<String>,
    },
    /// The requester may not add this name.
    #[error(
        "{name} is beyond the computed names, and the topology gives pool {pool} no leave for it"
    )]
    NameNotAllowed {
        /// The name.
        name: DnsName,
        /// The pool.
        pool: Fqdn,
    },
    /// A wildcard is not for these roles.
    #[error("{name} is a wildcard, which is never requested for these roles")]
    WildcardNotAllowed {
        /// The name.
        name: DnsName,
    },
    /// The CA may not issue for the name.
    #[error("{name} is outside what issuer {issuer} may issue for: {}", list(.permitted))]
    NameOutsideConstraints {
        /// The name.
        name: DnsName,
        /// The issuer.
        issuer: IssuerName,
        /// The domains it may issue within.
        permitted: Vec<Fqdn>,
    },
    /// Another certificate in the store is called that.
    #[error("another certificate is called `{name}`")]
    FriendlyNameTaken {
        /// The name.
        name: FriendlyName,
    },
}

impl Refusal {
    /// Returns the field of the request that has to change.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::ServerUnknown { .. } => "server",
            Self::NoRole
            | Self::RoleTwice { .. }
            | Self::RoleUnknown { .. }
            | Self::RoleNotNeeded { .. }
            | Self::ScopesMixed { .. } => "roles",
            Self::IssuerUnknown { .. } => "issuer",
            Self::TemplateUnknown { .. } | Self::TemplateDisplayName { .. } => "template",
            Self::KeyNotForRole { .. } | Self::KeyNotInTemplate { .. } | Self::NoKeySuits => {
                "key_algorithm"
            }
            Self::ClientAuthUnavailable { .. } => "client_eku",
            Self::SipDomainUnknown { .. } => "sip_domains",
            Self::NameNotAllowed { .. }
            | Self::WildcardNotAllowed { .. }
            | Self::NameOutsideConstraints { .. } => "added_names",
            Self::FriendlyNameTaken { .. } => "friendly_name",
        }
    }

    /// Returns whether the request names something that does not exist.
    pub const fn is_unknown_name(&self) -> bool {
        matches!(
            self,
            Self::ServerUnknown { .. }
                | Self::RoleUnknown { .. }
                | Self::IssuerUnknown { .. }
                | Self::TemplateUnknown { .. }
                | Self::SipDomainUnknown { .. }
        )
    }

    /// Returns what to do.
    pub fn remedy(&self) -> String {
        match self {
            Self::ServerUnknown { .. } => {
                "name a server of the topology, or publish one that has it".into()
            }
            Self::NoRole => "name at least one role".into(),
            Self::RoleTwice { .. } => "name it once".into(),
            Self::RoleUnknown { .. } => "name a built-in role, or define it in the topology".into(),
            Self::RoleNotNeeded { needed, .. } => format!("ask for {}", list(needed)),
            Self::ScopesMixed { .. } => "make one request for each scope".into(),
            Self::IssuerUnknown { .. } => "name an issuer of the topology".into(),
            Self::TemplateUnknown { .. } => {
                "give a template that the issuer offers, by its name".into()
            }
            Self::TemplateDisplayName { name, .. } => format!("give its name, {name}"),
            Self::KeyNotForRole { accepted, .. } | Self::KeyNotInTemplate { accepted, .. } => {
                format!("use one of {}", list(accepted))
            }
            Self::NoKeySuits => "make one request for each role, or choose another template".into(),
            Self::ClientAuthUnavailable { template: Some(_), .. } => {
                format!(
                    "use a template that gives it, such as {}",
                    crate::template::Template::web_server_client()
                )
            }
            Self::ClientAuthUnavailable { template: None, .. } => CLIENT_CERTIFICATE.into(),
            Self::SipDomainUnknown { .. } => "name SIP domains of the topology".into(),
            Self::NameNotAllowed { pool, .. } => format!(
                "add it to allowed_names of pool {pool} in the topology, or have an administrator \
                 ask"
            ),
            Self::WildcardNotAllowed { .. } => "name the hosts in full".into(),
            Self::NameOutsideConstraints { .. } => "leave it out, or choose another issuer".into(),
            Self::FriendlyNameTaken { .. } => "give another name, or none to have one made".into(),
        }
    }
}

/// The remedy where an issuer no longer gives clientAuth (rulings, "EKU").
pub(super) const CLIENT_CERTIFICATE: &str = "use a private issuer, or define a role with usages = [\"client\"] that a private issuer \
     serves";

/// Every reason why a request cannot be planned; never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusals(Vec<Refusal>);

impl Refusals {
    /// Returns the reasons, or nothing when there is none.
    pub(super) fn of(refusals: Vec<Refusal>) -> Option<Self> {
        if refusals.is_empty() { None } else { Some(Self(refusals)) }
    }

    /// Returns the reasons.
    pub fn iter(&self) -> std::slice::Iter<'_, Refusal> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Refusals {
    type Item = &'a Refusal;
    type IntoIter = std::slice::Iter<'a, Refusal>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Refusal> for Refusals {
    fn from(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            refusal.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusals {}

/// Returns the items with commas between them.
pub(super) fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn scopes(roles: &[(Role, ScopeInstance)]) -> String {
    let described: Vec<_> = roles
        .iter()
        .map(|(role, instance)| match instance {
            ScopeInstance::Server(server) => format!("{role} is for server {server} alone"),
            ScopeInstance::Pool(pool) => format!("{role} is for every member of {pool}"),
            ScopeInstance::Global => format!("{role} is for the whole deployment"),
        })
        .collect();
    list(&described)
}

fn by_template(template: Option<&TemplateName>) -> String {
    template.map_or_else(String::new, |template| format!(" by template {template}"))
}
