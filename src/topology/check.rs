//! How the parts of a topology go together.
//!
//! Each check names the key to change. A topology that passes can be planned for every server and
//! role without another look at it.

use std::collections::BTreeMap;

use super::pool::is_single;
use super::{GrantRule, Pool, Reach, Topology};
use crate::document::{Document, joined};
use crate::name::Fqdn;
use crate::request::IssuerName;
use crate::role::{BuiltInRole, PoolKind, Role, Scope};
use crate::suggest::{did_you_mean, nearest};

/// Records in `document` whatever does not go together.
pub(super) fn check(topology: &Topology, document: &Document<'_>) {
    check_members(topology, document);
    check_web_names(topology, document);
    check_custom_roles(topology, document);
    for pool in topology.pools() {
        let checked = Checked { topology, document, pool };
        checked.size();
        checked.issuers();
        checked.roles();
        checked.shared();
        checked.allowed_names();
        checked.custom_names();
    }
    for rule in topology.grants() {
        check_reach(topology, document, rule);
    }
    check_only_publisher(topology, document);
}

struct Checked<'a, 'i> {
    topology: &'a Topology,
    document: &'a Document<'i>,
    pool: &'a Pool,
}

impl Checked<'_, '_> {
    fn problem(&self, key: &str, what: impl std::fmt::Display, remedy: impl std::fmt::Display) {
        self.document.problem(&pool_path(self.pool, key), what, remedy);
    }

    fn size(&self) {
        let (pool, servers) = (self.pool.name(), self.pool.servers());
        if is_single(self.pool.kind()) {
            let own = |server: &super::Server| server.name() == pool;
            if servers.len() != 1 || !servers.iter().all(own) {
                let what = format!("a {} pool is one server that has its name", self.pool.kind());
                self.problem("servers", what, format!("remove the key, or write [\"{pool}\"]"));
            }
        } else if servers.len() > 1 && servers.iter().any(|server| server.name() == pool) {
            let what = "a server of a pool with several members cannot have the pool's name";
            self.problem("servers", what, "give the pool a name of its own");
        }
    }

    fn issuers(&self) {
        for (key, name) in
            [("issuer", self.pool.issuer()), ("external_issuer", self.pool.external_issuer())]
        {
            if let Some(name) = name {
                check_issuer(self.topology, self.document, &pool_path(self.pool, key), name);
            }
        }
    }

    fn roles(&self) {
        for role in self.pool.added_roles() {
            self.role_exists("roles", role);
            if self.pool.kind() == PoolKind::Edge && self.scope(role) == Scope::Global {
                let what = format!("{role} is global, and an Edge server holds no global key");
                self.problem("roles", what, "remove it here");
            }
            if self.pool.omitted_roles().contains(role) {
                let what = format!("{role} is both asked for and omitted");
                self.problem("omit_roles", what, "remove it from one of the two");
            }
        }
        for role in self.pool.omitted_roles() {
            self.role_exists("omit_roles", role);
            let by_kind =
                |facts: &crate::role::RoleFacts| facts.needed_on.contains(&self.pool.kind());
            let natural = role.facts().is_some_and(by_kind) || self.federates_over_xmpp(role);
            if !natural {
                let what = format!("a {} server does not need {role} anyway", self.pool.kind());
                self.problem("omit_roles", what, "remove it here");
            }
        }
        let xmpp = Role::from(BuiltInRole::XmppServer);
        if self.pool.added_roles().contains(&xmpp) && !self.federates_over_xmpp(&xmpp) {
            let what = "XMPPServer needs the domains it federates";
            self.problem("roles", what, "write xmpp_domains = [\"…\"] instead");
        }
        if self.pool.kind() == PoolKind::Custom && self.pool.added_roles().is_empty() {
            let what = "a Custom pool needs no role by itself";
            self.problem("kind", what, "write roles = [\"…\"], or another kind");
        }
    }

    fn federates_over_xmpp(&self, role: &Role) -> bool {
        *role == Role::from(BuiltInRole::XmppServer) && !self.pool.xmpp_domains().is_empty()
    }

    fn shared(&self) {
        for role in self.pool.shared_roles() {
            self.role_exists("shared", role);
            if !self.topology.needs(self.pool, role) {
                let what = format!("a {} server does not need {role}", self.pool.kind());
                self.problem("shared", what, "remove it here");
            }
        }
    }

    fn role_exists(&self, key: &str, role: &Role) {
        match role {
            Role::BuiltIn(_) => {}
            Role::Custom(name) if self.topology.custom_role(name).is_some() => {}
            Role::Custom(name) => {
                let nearest = nearest(name.as_str(), self.topology.known_roles());
                let what = format!("there is no role {role}{}", did_you_mean(&nearest));
                self.problem(key, what, format!("define it in [roles.{role}]"));
            }
        }
    }

    fn scope(&self, role: &Role) -> Scope {
        match role {
            Role::BuiltIn(built_in) => built_in.facts().scope,
            Role::Custom(name) => {
                self.topology.custom_role(name).map_or(Scope::Server, super::CustomRole::scope)
            }
        }
    }

    fn allowed_names(&self) {
        for name in self.pool.allowed_names() {
            let text = name.as_str().trim_start_matches("*.");
            if !text.contains('.') {
                let what = format!("`{name}` gives leave for more than one domain");
                self.problem("allowed_names", what, "name a host, or *.DOMAIN");
            }
        }
    }

    /// Custom roles are made of patterns; here the names exist for the first time.
    fn custom_names(&self) {
        for role in self.pool.added_roles() {
            let Role::Custom(name) = role else { continue };
            let Some(role) = self.topology.custom_role(name) else { continue };
            for pattern in role.names() {
                self.pattern(role.name().as_str(), pattern);
            }
        }
    }

    fn pattern(&self, role: &str, pattern: &super::NamePattern) {
        let path = format!("{}.names", joined("roles", role));
        if pattern.is_wildcard() && self.pool.kind() == PoolKind::Edge {
            let what =
                format!("{} is an Edge pool, where no wildcard is requested", self.pool.name());
            self.document.problem(&path, what, "name the hosts in full");
        }
        for server in self.pool.servers() {
            let expanded =
                pattern.expand(server.name(), self.pool.name(), self.topology.sip_domains());
            if let Err(error) = expanded {
                let what = format!("`{}` on {}: {error}", pattern.as_str(), server.name());
                self.document.problem(&path, what, "");
            }
        }
    }
}

/// No server is in two pools, and no pool has the name of another pool's server.
fn check_members(topology: &Topology, document: &Document<'_>) {
    let mut homes: BTreeMap<&Fqdn, &Pool> = BTreeMap::new();
    for pool in topology.pools() {
        for server in pool.servers() {
            if let Some(home) = homes.insert(server.name(), pool) {
                let what = format!("{} is already in pool {}", server.name(), home.name());
                let remedy = "a server runs one agent in one pool: remove it from one of them";
                document.problem(&pool_path(pool, "servers"), what, remedy);
            }
        }
    }
    for (index, pool) in topology.pools().iter().enumerate() {
        if topology.pools().iter().take(index).any(|other| other.name() == pool.name()) {
            let what = "another pool has this name but for upper and lower case";
            document.problem(&pool_path(pool, "kind"), what, "remove one of the two");
        }
        if let Some(home) = homes.get(pool.name()).filter(|home| home.name() != pool.name()) {
            let what = format!("a server of pool {} has this name", home.name());
            document.problem(&pool_path(pool, "kind"), what, "give the pool a name of its own");
        }
    }
}

/// A Director's external web name differs from those of the Front Ends (`domain.md` §1.3).
fn check_web_names(topology: &Topology, document: &Document<'_>) {
    let directors = topology.pools().iter().filter(|pool| pool.kind() == PoolKind::Director);
    for director in directors {
        let Some(name) = director.web_external() else { continue };
        let twin = topology
            .pools()
            .iter()
            .find(|pool| pool.kind() != PoolKind::Director && pool.web_external() == Some(name));
        if let Some(twin) = twin {
            let what = format!("pool {} has the same external web name, {name}", twin.name());
            let remedy = "a Director's must differ, or the reverse proxy cannot tell them apart";
            document.problem(&pool_path(director, "web_external"), what, remedy);
        }
    }
}

fn check_custom_roles(topology: &Topology, document: &Document<'_>) {
    for role in topology.custom_roles() {
        let path = joined("roles", role.name().as_str());
        if let Some(issuer) = role.issuer() {
            check_issuer(topology, document, &format!("{path}.issuer"), issuer);
        }
        let varies = role.names().iter().any(super::NamePattern::names_the_server);
        if role.scope() == Scope::Global && varies {
            let what = "a certificate of the whole deployment cannot name one server";
            document.problem(&format!("{path}.names"), what, "leave {server} out");
        }
    }
}

fn check_issuer(topology: &Topology, document: &Document<'_>, path: &str, name: &IssuerName) {
    if topology.issuer(name).is_none() {
        let known = topology.issuers().iter().map(|issuer| issuer.name().as_str());
        let what =
            format!("there is no issuer {name}{}", did_you_mean(&nearest(name.as_str(), known)));
        document.problem(path, what, format!("define it in [issuers.{name}]"));
    }
}

fn check_reach(topology: &Topology, document: &Document<'_>, rule: &GrantRule) {
    for reach in rule.reach() {
        let known = match reach {
            Reach::Server(name) => topology.place(name).is_some(),
            Reach::Pool(name) => topology.pool(name).is_some(),
            Reach::Site(name) => {
                topology.pools().iter().any(|pool| pool.site() == Some(name.as_str()))
            }
        };
        if !known {
            let path = format!("{}.reach", joined("grants", rule.holder()));
            document.problem(&path, format!("there is no {reach}"), "name a part of the fleet");
        }
    }
}

/// A topology that gives grants but makes nobody administrator would lock its publisher out.
fn check_only_publisher(topology: &Topology, document: &Document<'_>) {
    let administrators = topology
        .grants()
        .iter()
        .any(|rule| rule.grant() == super::Grant::Administrator && rule.reach().is_empty());
    if !topology.grants().is_empty() && !administrators {
        let what = "nobody is administrator of the whole fleet, so nobody could publish again";
        document.problem(
            "grants",
            what,
            "give grant = \"administrator\" without a reach to somebody",
        );
    }
}

fn pool_path(pool: &Pool, key: &str) -> String {
    format!("pools.\"{}\".{key}", pool.name())
}
