//! Pools and their servers.

mod read;

pub(super) use self::read::{PoolDefaults, infer_auto_logon, is_single, read, token_lifetime};

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::name::{DnsName, Fqdn};
use crate::request::IssuerName;
use crate::role::{PoolKind, Role};

/// Servers that answer as one.
#[derive(Clone, Debug)]
pub struct Pool {
    name: Fqdn,
    kind: PoolKind,
    servers: Vec<Server>,
    site: Option<String>,
    hosts: Hosts,
    xmpp_domains: Vec<Fqdn>,
    services: Vec<String>,
    issuer: Option<IssuerName>,
    external_issuer: Option<IssuerName>,
    shared: BTreeSet<Role>,
    roles: Vec<Role>,
    omitted_roles: BTreeSet<Role>,
    allowed_names: Vec<DnsName>,
    auto_logon: Option<bool>,
    max_token_lifetime: Duration,
    max_unavailable: u32,
    renew_before: Option<Duration>,
}

/// The host names that clients know a pool by.
#[derive(Clone, Debug, Default)]
struct Hosts {
    web_internal: Option<Fqdn>,
    web_external: Option<Fqdn>,
    access: Option<Fqdn>,
    web_conferencing: Option<Fqdn>,
    av: Option<Fqdn>,
}

impl Pool {
    /// Returns the name of the pool.
    pub const fn name(&self) -> &Fqdn {
        &self.name
    }

    /// Returns its kind.
    pub const fn kind(&self) -> PoolKind {
        self.kind
    }

    /// Returns its servers, in the order of the topology; never empty.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Returns the site it belongs to.
    pub fn site(&self) -> Option<&str> {
        self.site.as_deref()
    }

    /// Returns the host name of the internal web site.
    pub const fn web_internal(&self) -> Option<&Fqdn> {
        self.hosts.web_internal.as_ref()
    }

    /// Returns the host name of the external web site.
    pub const fn web_external(&self) -> Option<&Fqdn> {
        self.hosts.web_external.as_ref()
    }

    /// Returns the host name of the Access Edge service.
    pub const fn access(&self) -> Option<&Fqdn> {
        self.hosts.access.as_ref()
    }

    /// Returns the host name of the Web Conferencing Edge service.
    pub const fn web_conferencing(&self) -> Option<&Fqdn> {
        self.hosts.web_conferencing.as_ref()
    }

    /// Returns the host name of the A/V Edge service.
    pub const fn av(&self) -> Option<&Fqdn> {
        self.hosts.av.as_ref()
    }

    /// Returns the domains it federates over XMPP.
    pub fn xmpp_domains(&self) -> &[Fqdn] {
        &self.xmpp_domains
    }

    /// Returns the names of the services on its servers: presets, or declared on the server.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Returns the issuer of its certificates, where it is not the topology's default.
    pub const fn issuer(&self) -> Option<&IssuerName> {
        self.issuer.as_ref()
    }

    /// Returns the issuer for the roles that unmanaged clients meet.
    pub const fn external_issuer(&self) -> Option<&IssuerName> {
        self.external_issuer.as_ref()
    }

    /// Returns the roles that the topology marks as shared by the members.
    pub const fn shared_roles(&self) -> &BTreeSet<Role> {
        &self.shared
    }

    /// Returns the roles it has beyond those of its kind.
    pub fn added_roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the roles of its kind that it does not have.
    pub const fn omitted_roles(&self) -> &BTreeSet<Role> {
        &self.omitted_roles
    }

    /// Returns the names beyond the computed ones that its certificates may have.
    pub fn allowed_names(&self) -> &[DnsName] {
        &self.allowed_names
    }

    /// Returns whether the topology gives leave for `name` beyond the computed ones.
    ///
    /// A wildcard gives leave for every name one label below it, not for the wildcard itself.
    pub fn allows(&self, name: &DnsName) -> bool {
        self.allowed_names
            .iter()
            .any(|allowed| if name.is_wildcard() { false } else { allowed.matches(name) })
    }

    /// Returns whether clients that configure themselves sign in here.
    pub fn is_auto_logon(&self) -> bool {
        self.auto_logon.unwrap_or(false)
    }

    /// Returns how long tokens of its media relay are good for (`MaxTokenLifetime`).
    pub const fn max_token_lifetime(&self) -> Duration {
        self.max_token_lifetime
    }

    /// Returns how many members may be away at once during a rollout.
    pub const fn max_unavailable(&self) -> u32 {
        self.max_unavailable
    }

    /// Returns how long before expiry its certificates are renewed, where the topology says so.
    pub const fn renew_before(&self) -> Option<Duration> {
        self.renew_before
    }

    /// Returns whether two or more servers answer for it.
    pub fn is_pooled(&self) -> bool {
        self.servers.len() > 1
    }
}

/// One computer, which runs one agent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    name: Fqdn,
    address: Option<ServerAddress>,
}

impl Server {
    /// Returns its name.
    pub const fn name(&self) -> &Fqdn {
        &self.name
    }

    /// Returns where its agent listens, where the topology says so.
    pub const fn address(&self) -> Option<&ServerAddress> {
        self.address.as_ref()
    }
}

/// A host, by name or number, and a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// The port agents listen on.
    pub const DEFAULT_PORT: u16 = 7443;

    /// Returns the host: a name or an IP address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for ServerAddress {
    type Err = InvalidServerAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidServerAddress { text: text.escape_debug().to_string() };
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Self { host: socket.ip().to_string(), port: socket.port() });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { host: ip.to_string(), port: Self::DEFAULT_PORT });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().ok_or_else(invalid)?),
            None => (text, Self::DEFAULT_PORT),
        };
        let host: Fqdn = host.parse().ok().ok_or_else(invalid)?;
        Ok(Self { host: host.to_string(), port })
    }
}

/// A text that is no [`ServerAddress`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not an address such as 10.0.0.11, 10.0.0.11:7443 or fe01.contoso.net:7443")]
pub struct InvalidServerAddress {
    text: String,
}
