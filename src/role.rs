//! The role catalogue: what a certificate can be *for*.
//!
//! The built-in roles are those of Lync Server 2013 (`domain.md` §1.1, the rulings at its head) and
//! stand in one table, [`CATALOGUE`]; nothing else in Rolecall matches on a role to learn a fact
//! about it. Topologies define further roles, which are [`Role::Custom`] here and described there.
//! Roles are compared without regard to case and printed in canonical case; the wizard's tile names
//! are accepted on input.

use std::fmt;
use std::str::FromStr;

use crate::key::KeyAlgorithm;
use crate::suggest::nearest;

/// What a certificate is for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// A role of the built-in catalogue.
    BuiltIn(BuiltInRole),
    /// A role that a topology defines.
    Custom(CustomRoleName),
}

impl Role {
    /// Returns the name in canonical case.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.facts().name,
            Self::Custom(name) => name.as_str(),
        }
    }

    /// Returns the catalogue's facts, if this is a built-in role.
    pub fn facts(&self) -> Option<&'static RoleFacts> {
        match self {
            Self::BuiltIn(role) => Some(role.facts()),
            Self::Custom(_) => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<BuiltInRole> for Role {
    fn from(role: BuiltInRole) -> Self {
        Self::BuiltIn(role)
    }
}

impl FromStr for Role {
    type Err = InvalidRoleName;

    /// Parses a built-in role's name or tile name, else the name of a custom role.
    ///
    /// Whether a custom role exists is the topology's to say.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match BuiltInRole::find(text) {
            Some(role) => Ok(Self::BuiltIn(role)),
            None => text.parse().map(Self::Custom),
        }
    }
}

/// The name of a role that a topology defines: `[A-Za-z0-9][A-Za-z0-9.-]{0,252}` without `..`.
///
/// Role names become folder names, hence the narrow alphabet. Compared without regard to case.
#[derive(Clone, Debug)]
pub struct CustomRoleName(Box<str>);

impl CustomRoleName {
    /// Returns the name as the topology writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for CustomRoleName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CustomRoleName {}

impl Ord for CustomRoleName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl PartialOrd for CustomRoleName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::hash::Hash for CustomRoleName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl FromStr for CustomRoleName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_path_name(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidRoleName {
                text: text.escape_debug().to_string().into(),
                nearest: nearest(text, CATALOGUE.iter().map(|facts| facts.name)),
            })
        }
    }
}

/// Returns whether `text` may become the name of a folder.
///
/// That is `[A-Za-z0-9][A-Za-z0-9.-]{0,252}` without `..`: names of servers, pools, roles and
/// services obey it (`design.md` §3).
pub fn is_path_name(text: &str) -> bool {
    let mut octets = text.bytes();
    octets.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && octets.all(|octet| octet.is_ascii_alphanumeric() || octet == b'.' || octet == b'-')
        && text.len() <= 253
        && !text.contains("..")
}

/// A text that cannot be the name of a role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` cannot be a role: role names have letters, digits, dots and hyphens{}",
    crate::suggest::did_you_mean(.nearest)
)]
pub struct InvalidRoleName {
    text: Box<str>,
    nearest: Vec<String>,
}

/// The built-in roles, in the order listings show them.
#[expect(missing_docs, reason = "the catalogue below says what each is for")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum BuiltInRole {
    Default,
    WebServicesInternal,
    WebServicesExternal,
    OAuthTokenIssuer,
    Internal,
    AccessEdgeExternal,
    DataEdgeExternal,
    AudioVideoAuthentication,
    XmppServer,
    WsFedTokenTransfer,
    External,
    IphoneApnService,
    IpadApnService,
    MpnService,
    PicWebService,
    ProvisionService,
    LogRetentionService,
    SmpDnsWebService,
    TenantAdmin,
    UpgradeEngineService,
}

impl BuiltInRole {
    /// Returns the catalogue's row for this role.
    pub fn facts(self) -> &'static RoleFacts {
        CATALOGUE
            .iter()
            .find(|facts| facts.role == self)
            .expect("a test checks that every role has a row")
    }

    /// Returns the role that `text` names: a canonical name or a tile name, in any case.
    pub fn find(text: &str) -> Option<Self> {
        CATALOGUE
            .iter()
            .find(|facts| {
                facts.name.eq_ignore_ascii_case(text)
                    || facts.tile.is_some_and(|tile| tile.eq_ignore_ascii_case(text))
            })
            .map(|facts| facts.role)
    }
}

/// How many certificates of a role there are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// One for each server.
    Server,
    /// One for each pool, the same on every member.
    Pool,
    /// One for the whole deployment.
    Global,
}

impl Scope {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Pool => "pool",
            Self::Global => "global",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Server, Self::Pool, Self::Global]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| InvalidScope { text: text.into() })
    }
}

/// A text that is no [`Scope`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a scope (server, pool, global)")]
pub struct InvalidScope {
    text: Box<str>,
}

/// The server side that a kind of pool plays: what decides which roles its servers need.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PoolKind {
    /// One server that is its own pool.
    StandardEdition,
    /// Enterprise Edition Front End servers behind a pool name.
    FrontEnd,
    /// Directors.
    Director,
    /// Stand-alone Mediation servers.
    Mediation,
    /// Edge servers.
    Edge,
    /// A survivable branch appliance or server.
    SurvivableBranch,
    /// Whatever the topology says.
    Custom,
}

impl PoolKind {
    /// Every kind, in the order of `design.md` §1.
    pub const ALL: [Self; 7] = [
        Self::StandardEdition,
        Self::FrontEnd,
        Self::Director,
        Self::Mediation,
        Self::Edge,
        Self::SurvivableBranch,
        Self::Custom,
    ];

    /// Returns the word for it, as topologies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StandardEdition => "StandardEdition",
            Self::FrontEnd => "FrontEnd",
            Self::Director => "Director",
            Self::Mediation => "Mediation",
            Self::Edge => "Edge",
            Self::SurvivableBranch => "SurvivableBranch",
            Self::Custom => "Custom",
        }
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PoolKind {
    type Err = InvalidPoolKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or_else(
            || InvalidPoolKind {
                text: text.into(),
                nearest: nearest(text, Self::ALL.map(Self::as_str)),
            },
        )
    }
}

/// A text that is no [`PoolKind`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a kind of pool (StandardEdition, FrontEnd, Director, Mediation, Edge, \
     SurvivableBranch, Custom){}",
    crate::suggest::did_you_mean(.nearest)
)]
pub struct InvalidPoolKind {
    text: Box<str>,
    nearest: Vec<String>,
}

/// Whether members of a scope hold the same certificate and key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Sharing {
    /// Each server its own.
    Own,
    /// The same on every member, as soon as there are two.
    WhenPooled,
    /// The same on every member, exportable even on a single server.
    Always,
}

/// What the catalogue knows about one built-in role.
#[derive(Debug)]
pub struct RoleFacts {
    /// The role.
    pub role: BuiltInRole,
    /// Its canonical name: the `-Type` value of `Request-CsCertificate`.
    pub name: &'static str,
    /// What the certificate wizard calls it.
    pub tile: Option<&'static str>,
    /// What it is for, in half a sentence.
    pub purpose: &'static str,
    /// How many certificates there are.
    pub scope: Scope,
    /// Whether members hold the same certificate.
    pub sharing: Sharing,
    /// The kinds of pool whose servers need it by default.
    pub needed_on: &'static [PoolKind],
    /// Whether it also dials out over mutual TLS, so that it wants the clientAuth EKU.
    pub dials_out: bool,
    /// Whether anybody looks at the names of its certificate.
    pub names_matter: bool,
    /// Whether wildcards may be requested for its simple URL and lyncdiscover names.
    pub wildcards: bool,
    /// The algorithms its key may have.
    pub keys: KeyPolicy,
    /// Whether a missing CRL distribution point is worth a warning.
    pub wants_crl: bool,
    /// How long before the old certificate's expiry its successor must take over, in hours.
    pub lead_hours: Option<u32>,
    /// Whether unmanaged clients, which lack private roots, meet it.
    pub public_facing: bool,
}

/// Which keys a role accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyPolicy {
    /// Any of [`KeyAlgorithm`].
    Any,
    /// RSA only: token issuers.
    Rsa,
}

impl KeyPolicy {
    /// Returns whether a key of `algorithm` is accepted.
    pub fn accepts(self, algorithm: KeyAlgorithm) -> bool {
        match self {
            Self::Any => true,
            Self::Rsa => algorithm.is_rsa(),
        }
    }
}

const INSIDE_WEB: &[PoolKind] =
    &[PoolKind::StandardEdition, PoolKind::FrontEnd, PoolKind::Director];
const EVERY_INSIDE: &[PoolKind] = &[
    PoolKind::StandardEdition,
    PoolKind::FrontEnd,
    PoolKind::Director,
    PoolKind::Mediation,
    PoolKind::SurvivableBranch,
];
const EDGE: &[PoolKind] = &[PoolKind::Edge];

/// A role that no kind of server needs: a known name, refused when asked for.
const fn unneeded(role: BuiltInRole, name: &'static str, purpose: &'static str) -> RoleFacts {
    RoleFacts {
        role,
        name,
        tile: None,
        purpose,
        scope: Scope::Server,
        sharing: Sharing::Own,
        needed_on: &[],
        dials_out: false,
        names_matter: true,
        wildcards: false,
        keys: KeyPolicy::Any,
        wants_crl: true,
        lead_hours: None,
        public_facing: false,
    }
}

/// Every built-in role. Source: `domain.md` §1.1, §1.2, §5.3 and the rulings at its head.
pub static CATALOGUE: &[RoleFacts] = &[
    RoleFacts {
        tile: Some("Server default"),
        needed_on: EVERY_INSIDE,
        dials_out: true,
        ..unneeded(BuiltInRole::Default, "Default", "SIP over TLS, and mutual TLS between servers")
    },
    RoleFacts {
        tile: Some("Web services internal"),
        needed_on: INSIDE_WEB,
        wildcards: true,
        ..unneeded(
            BuiltInRole::WebServicesInternal,
            "WebServicesInternal",
            "the internal web site: meet, dialin, admin, address book",
        )
    },
    RoleFacts {
        tile: Some("Web services external"),
        needed_on: INSIDE_WEB,
        wildcards: true,
        public_facing: true,
        ..unneeded(
            BuiltInRole::WebServicesExternal,
            "WebServicesExternal",
            "the external web site behind the reverse proxy",
        )
    },
    RoleFacts {
        scope: Scope::Global,
        sharing: Sharing::Always,
        needed_on: INSIDE_WEB,
        keys: KeyPolicy::Rsa,
        wants_crl: false,
        lead_hours: Some(24),
        ..unneeded(
            BuiltInRole::OAuthTokenIssuer,
            "OAuthTokenIssuer",
            "signs server-to-server tokens; one for the whole deployment",
        )
    },
    RoleFacts {
        tile: Some("Edge Internal"),
        needed_on: EDGE,
        dials_out: true,
        ..unneeded(
            BuiltInRole::Internal,
            "Internal",
            "mutual TLS between an Edge server and the inside",
        )
    },
    RoleFacts {
        tile: Some("SIP Access Edge External"),
        scope: Scope::Pool,
        sharing: Sharing::WhenPooled,
        needed_on: EDGE,
        dials_out: true,
        public_facing: true,
        ..unneeded(
            BuiltInRole::AccessEdgeExternal,
            "AccessEdgeExternal",
            "SIP from remote users and federated partners",
        )
    },
    RoleFacts {
        tile: Some("Web Conferencing Edge External"),
        scope: Scope::Pool,
        sharing: Sharing::WhenPooled,
        needed_on: EDGE,
        public_facing: true,
        ..unneeded(
            BuiltInRole::DataEdgeExternal,
            "DataEdgeExternal",
            "web conferencing from the outside",
        )
    },
    RoleFacts {
        tile: Some("A/V Edge External"),
        scope: Scope::Pool,
        sharing: Sharing::Always,
        needed_on: EDGE,
        names_matter: false,
        wants_crl: false,
        lead_hours: Some(8),
        ..unneeded(
            BuiltInRole::AudioVideoAuthentication,
            "AudioVideoAuthentication",
            "its key mints the tokens of the media relay; the same on every member of an Edge pool",
        )
    },
    RoleFacts {
        scope: Scope::Pool,
        sharing: Sharing::WhenPooled,
        public_facing: true,
        ..unneeded(BuiltInRole::XmppServer, "XMPPServer", "XMPP federation; where a topology asks")
    },
    unneeded(BuiltInRole::WsFedTokenTransfer, "WsFedTokenTransfer", "WS-Federation helper"),
    unneeded(BuiltInRole::External, "External", "a name without a use on any kind of server"),
    unneeded(BuiltInRole::IphoneApnService, "iPhoneAPNService", "push notifications"),
    unneeded(BuiltInRole::IpadApnService, "iPadAPNService", "push notifications"),
    unneeded(BuiltInRole::MpnService, "MPNService", "push notifications"),
    unneeded(BuiltInRole::PicWebService, "PICWebService", "the hosted service only"),
    unneeded(BuiltInRole::ProvisionService, "ProvisionService", "the hosted service only"),
    unneeded(BuiltInRole::LogRetentionService, "LogRetentionService", "the hosted service only"),
    unneeded(BuiltInRole::SmpDnsWebService, "SMPDNSWebService", "the hosted service only"),
    unneeded(BuiltInRole::TenantAdmin, "TenantAdmin", "the hosted service only"),
    unneeded(BuiltInRole::UpgradeEngineService, "UpgradeEngineService", "the hosted service only"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_role_has_exactly_one_row_in_enum_order() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].role < pair[1].role));
        assert_eq!(CATALOGUE.len(), 20);
        assert_eq!(BuiltInRole::UpgradeEngineService as usize, CATALOGUE.len() - 1);
    }

    #[test]
    fn roles_are_found_in_any_case_and_by_tile_name_and_printed_in_canonical_case() {
        for text in ["default", "DEFAULT", "Server Default"] {
            assert_eq!(text.parse::<Role>().unwrap().to_string(), "Default");
        }
        assert_eq!("XmppServer".parse::<Role>().unwrap().to_string(), "XMPPServer");
        assert_eq!(
            "a/v edge external".parse::<Role>().unwrap(),
            Role::from(BuiltInRole::AudioVideoAuthentication)
        );
    }

    #[test]
    fn custom_roles_differ_only_by_more_than_case() {
        let (a, b): (Role, Role) =
            ("Turn.Internal".parse().unwrap(), "turn.internal".parse().unwrap());
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "Turn.Internal");
    }

    #[test]
    fn a_name_that_could_leave_its_folder_is_refused() {
        for text in ["", "..", "a/b", "../x", ".x", "-x", "a..b", "a\0b", &"x".repeat(254)] {
            assert!(text.parse::<CustomRoleName>().is_err(), "{text:?} is accepted");
        }
    }
}
