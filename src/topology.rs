//! The topology: the one document that says what there is and who issues for it.
//!
//! A [`Topology`] exists only when its text is right: [`Topology::parse`] reports every problem at
//! once, each with its line and what to write instead, and knows no warnings. Whatever the text
//! leaves out is inferred, and each inference is kept as data with its reason
//! ([`Topology::explain`]), so that nothing is hidden. It holds names, never a program, a path or a
//! secret (`security.md` §1, §5).
//!
//! In reading order: [`document`](crate::document) reads TOML strictly; `pool`, `issuer`, `custom`,
//! `simple_urls` and `grant` each read their part; `check` judges how the parts go together; `need`
//! derives which roles a server needs. The manual's page is `src/manual/topology.md`.

mod check;
mod custom;
mod fields;
mod grant;
mod issuer;
mod need;
mod pool;
mod read;
mod scope;
mod simple_urls;
#[cfg(test)]
mod tests;

pub use self::custom::{CustomRole, InvalidNamePattern, NamePattern};
pub use self::fields::{
    Coordination, InvalidCoordination, InvalidProfile, InvalidSipIdentity, Profile, SipIdentity,
};
pub use self::grant::{Grant, GrantRule, InvalidReach, Reach};
pub use self::issuer::{
    AcmeChallenge, AdcsAuthentication, InvalidAcmeChallenge, InvalidAdcsAuthentication, Issuer,
    IssuerKind,
};
pub use self::need::RoleNeed;
pub use self::pool::{InvalidServerAddress, Pool, Server, ServerAddress};
pub use self::scope::ScopeInstance;
pub use self::simple_urls::SimpleUrls;
pub use crate::document::{Problem, Problems};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::Fqdn;
use crate::request::IssuerName;
use crate::role::{BuiltInRole, CustomRoleName, Role};

/// What there is: SIP domains, pools, servers, issuers, roles, trust anchors, grants.
#[derive(Clone, Debug)]
pub struct Topology {
    digest: [u8; 32],
    settings: Settings,
    sip_domains: Vec<Fqdn>,
    simple_urls: SimpleUrls,
    issuers: Vec<Issuer>,
    trust_anchors: Vec<TrustAnchor>,
    roles: Vec<CustomRole>,
    pools: Vec<Pool>,
    groups: BTreeMap<String, Vec<String>>,
    grants: Vec<GrantRule>,
    inferred: Vec<Inferred>,
}

/// What holds for the whole deployment.
#[derive(Clone, Copy, Debug)]
struct Settings {
    profile: Profile,
    sip_identity: SipIdentity,
    autodiscover: bool,
    strict_dns: bool,
    wildcard_simple_urls: bool,
    key_algorithm: KeyAlgorithm,
    digest: DigestAlgorithm,
    renew_before: Option<Duration>,
    max_token_lifetime: Duration,
    max_unavailable: u32,
    coordination: Coordination,
}

impl Topology {
    /// Parses a topology.
    ///
    /// # Errors
    /// Everything that is wrong with the text, by line.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        read::read(text)
    }

    /// Returns the SHA-256 of the text it was parsed from.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns every value that nobody wrote, and why it is so.
    pub fn explain(&self) -> &[Inferred] {
        &self.inferred
    }

    /// Returns whose practice decides where the sources leave a choice.
    pub const fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// Returns which name SIP clients look for in a server's certificate.
    pub const fn sip_identity(&self) -> SipIdentity {
        self.settings.sip_identity
    }

    /// Returns whether clients find their pool through `lyncdiscover` names.
    pub const fn has_autodiscover(&self) -> bool {
        self.settings.autodiscover
    }

    /// Returns whether clients demand that the server's name lies in the SIP domain.
    pub const fn has_strict_dns(&self) -> bool {
        self.settings.strict_dns
    }

    /// Returns whether one wildcard stands for the simple URLs of a domain.
    pub const fn has_wildcard_simple_urls(&self) -> bool {
        self.settings.wildcard_simple_urls
    }

    /// Returns the algorithm of keys where nobody asks for another.
    pub const fn key_algorithm(&self) -> KeyAlgorithm {
        self.settings.key_algorithm
    }

    /// Returns the digest of signatures where nobody asks for another.
    pub const fn digest_algorithm(&self) -> DigestAlgorithm {
        self.settings.digest
    }

    /// Returns how long before expiry certificates are renewed, where the topology says so.
    pub const fn renew_before(&self) -> Option<Duration> {
        self.settings.renew_before
    }

    /// Returns who decides for a scope that several servers share.
    pub const fn coordination(&self) -> Coordination {
        self.settings.coordination
    }

    /// Returns the SIP domains, the primary first; never empty.
    pub fn sip_domains(&self) -> &[Fqdn] {
        &self.sip_domains
    }

    /// Returns the primary SIP domain, which is the realm of tokens.
    pub fn primary_sip_domain(&self) -> &Fqdn {
        self.sip_domains.first().expect("parsing refuses a topology without SIP domains")
    }

    /// Returns the hosts of the simple URLs.
    pub const fn simple_urls(&self) -> &SimpleUrls {
        &self.simple_urls
    }

    /// Returns the issuers, the default one first; never empty.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Returns the issuer for roles that name none.
    pub fn default_issuer(&self) -> &Issuer {
        self.issuers.first().expect("parsing adds the embedded CA where no issuer is named")
    }

    /// Returns the issuer of that name.
    pub fn issuer(&self, name: &IssuerName) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }

    /// Returns the certificates that are trusted beside those of the issuers.
    pub fn trust_anchors(&self) -> &[TrustAnchor] {
        &self.trust_anchors
    }

    /// Returns the roles that the topology defines.
    pub fn custom_roles(&self) -> &[CustomRole] {
        &self.roles
    }

    /// Returns the role of that name that the topology defines.
    pub fn custom_role(&self, name: &CustomRoleName) -> Option<&CustomRole> {
        self.roles.iter().find(|role| role.name() == name)
    }

    /// Returns the pools, in the order of the text.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Returns the pool of that name.
    pub fn pool(&self, name: &Fqdn) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name() == name)
    }

    /// Returns the pool that `server` is a member of.
    pub fn pool_of(&self, server: &Fqdn) -> Option<&Pool> {
        self.place(server).map(|place| place.pool)
    }

    /// Returns every server, in the order of the text.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.pools.iter().flat_map(Pool::servers)
    }

    /// Returns where `server` stands.
    pub fn place(&self, server: &Fqdn) -> Option<Place<'_>> {
        self.pools.iter().find_map(|pool| {
            let server = pool.servers().iter().find(|member| member.name() == server)?;
            Some(Place { pool, server })
        })
    }

    /// Returns the operators of each group.
    pub const fn group_members(&self) -> &BTreeMap<String, Vec<String>> {
        &self.groups
    }

    /// Returns who may do what.
    pub fn grants(&self) -> &[GrantRule] {
        &self.grants
    }

    /// Returns the names of every role there is, for "did you mean".
    pub fn known_roles(&self) -> Vec<&str> {
        crate::role::CATALOGUE
            .iter()
            .map(|facts| facts.name)
            .chain(self.roles.iter().map(|role| role.name().as_str()))
            .collect()
    }

    /// Returns the domains that the embedded CA may issue within: the SIP and XMPP domains and
    /// those of the servers (`security.md` §8), without those that lie below another.
    pub fn name_constraints(&self) -> Vec<Fqdn> {
        let mut domains: BTreeSet<Fqdn> = self.sip_domains.iter().cloned().collect();
        for pool in &self.pools {
            domains.extend(pool.xmpp_domains().iter().cloned());
            let names = pool.servers().iter().map(Server::name).chain([pool.name()]);
            domains.extend(names.map(parent_domain));
        }
        let all = domains.clone();
        domains.retain(|domain| {
            !all.iter().any(|other| other != domain && domain.as_dns_name().is_within(other))
        });
        domains.into_iter().collect()
    }

    /// Returns how long before the old certificate's expiry the next one of `role` must take over
    /// (rulings, "roll lead").
    pub fn lead(&self, pool: &Pool, role: &Role) -> Option<Duration> {
        match role {
            Role::BuiltIn(BuiltInRole::AudioVideoAuthentication) => Some(pool.max_token_lifetime()),
            Role::BuiltIn(built_in) => {
                let hours = built_in.facts().lead_hours?;
                Some(Duration::from_secs(u64::from(hours).saturating_mul(3_600)))
            }
            Role::Custom(name) => self.custom_role(name)?.lead(),
        }
    }
}

/// Returns the domain of a server, or the server itself where its domain is a single label.
fn parent_domain(name: &Fqdn) -> Fqdn {
    name.domain().parse().unwrap_or_else(|_| name.clone())
}

/// Where a server stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The pool it is a member of.
    pub pool: &'a Pool,
    /// The server.
    pub server: &'a Server,
}

/// A certificate that is trusted beside those of the issuers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustAnchor {
    name: String,
    pem: String,
}

impl TrustAnchor {
    /// Returns its name in the topology.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its text: one or more certificates in PEM, not yet parsed.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// A value that nobody wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inferred {
    /// The key that could be written to have another value.
    pub path: String,
    /// The value.
    pub value: String,
    /// Why it is so.
    pub why: String,
}

/// The inferences made while reading.
#[derive(Debug, Default)]
struct Explain(Vec<Inferred>);

impl Explain {
    fn note(&mut self, path: &str, value: impl std::fmt::Display, why: &str) {
        self.0.push(Inferred { path: path.into(), value: value.to_string(), why: why.into() });
    }
}
