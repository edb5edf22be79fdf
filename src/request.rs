//! What an administrator asks for: the inputs of the certificate wizard, as values.
//!
//! A [`RequestSpec`] is the wish before it is planned (`domain.md` §3 and §4.1). Everything that
//! can be left out is an `Option`: [`crate::plan`] fills it in and says why. The parts validate
//! themselves on construction, so that a plan only has to judge how they go together.

mod subject;
mod text;

pub use self::subject::{Attribute, InvalidAttribute, SubjectAttributes};
pub(crate) use self::text::is_unprintable;
pub use self::text::{FriendlyName, InvalidName, IssuerName, TemplateName};

use std::fmt;
use std::str::FromStr;

use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::{DnsName, Fqdn};
use crate::role::Role;

/// A request for one certificate, as it was asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestSpec {
    /// The roles that are to share the certificate, in the order they were named.
    pub roles: Vec<Role>,
    /// The issuer; by default the topology's for these roles.
    pub issuer: Option<IssuerName>,
    /// The template; by default the issuer's for these roles.
    pub template: Option<TemplateName>,
    /// What the certificate is to be called in the store.
    pub friendly_name: FriendlyNameChoice,
    /// The key's algorithm; by default the topology's.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// The digest of the signature; by default the topology's.
    pub digest: Option<DigestAlgorithm>,
    /// Whether the key may leave the store; by default only where a shared role forces it.
    pub exportable: Option<bool>,
    /// The subject beside its common name.
    pub subject: SubjectAttributes,
    /// Whether the clientAuth EKU is wanted; by default where a role dials out.
    pub client_eku: Option<bool>,
    /// Which SIP domains the certificate is to name.
    pub sip_domains: SipDomainChoice,
    /// Names beyond the computed ones.
    pub added_names: Vec<DnsName>,
    /// What the order is to reach.
    pub goal: Goal,
}

impl RequestSpec {
    /// Returns a request for `roles` that leaves everything else to be computed.
    pub fn for_roles(roles: impl IntoIterator<Item = Role>) -> Self {
        Self { roles: roles.into_iter().collect(), ..Self::default() }
    }
}

/// What a certificate is to be called in the store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum FriendlyNameChoice {
    /// `<role> <server or pool> <date>`, made unique.
    #[default]
    Generated,
    /// Exactly this; refused when another certificate has it.
    Exactly(FriendlyName),
    /// This, made unique: how a renewal keeps the name an administrator gave.
    BasedOn(FriendlyName),
}

/// Which SIP domains get their `sip.<domain>` name on a certificate (`domain.md` §3, step 12).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum SipDomainChoice {
    /// Those that the topology's conditions ask for (`domain.md` §2.2, C1, C2 and C5).
    #[default]
    Computed,
    /// Every SIP domain of the topology, as `-AllSipDomain` does.
    All,
    /// Exactly these.
    These(Vec<Fqdn>),
}

/// What an order is to reach.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Goal {
    /// The certificate is in the store.
    Install,
    /// It is the current certificate of its roles.
    #[default]
    Assign,
    /// It becomes current at a later time, and the old one stays valid beside it.
    Roll,
}

impl Goal {
    const ALL: [Self; 3] = [Self::Install, Self::Assign, Self::Roll];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Assign => "assign",
            Self::Roll => "roll",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Goal {
    type Err = InvalidGoal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|goal| goal.as_str() == text)
            .ok_or_else(|| InvalidGoal { text: text.escape_debug().to_string().into() })
    }
}

/// A text that is no [`Goal`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a goal (install, assign, roll)")]
pub struct InvalidGoal {
    text: Box<str>,
}

/// The extended key usages of a certificate (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Usages {
    /// id-kp-serverAuth.
    pub server: bool,
    /// id-kp-clientAuth.
    pub client: bool,
}

impl Usages {
    /// serverAuth alone.
    pub const SERVER: Self = Self { server: true, client: false };
    /// Both.
    pub const BOTH: Self = Self { server: true, client: true };
}

impl fmt::Display for Usages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.server, self.client) {
            (true, true) => "serverAuth, clientAuth",
            (true, false) => "serverAuth",
            (false, true) => "clientAuth",
            (false, false) => "none",
        })
    }
}
