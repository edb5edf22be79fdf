//! Which roles a server needs, and which of them share one certificate.
//!
//! Roles follow from the kind of pool (the catalogue's `needed_on`), from `xmpp_domains`, and from
//! what the pool adds and omits. Roles share a certificate by default where [`COMBINED`] lists them
//! together and their scope instance and issuer agree: the wizard's own default (`domain.md` §1.3,
//! §3 step 2).

use super::{Place, Pool, ScopeInstance, Topology};
use crate::name::Fqdn;
use crate::request::{IssuerName, TemplateName, Usages};
use crate::role::{BuiltInRole, Role, Scope, Sharing};
use crate::template::Template;

/// Built-in roles that are one certificate unless something separates them.
const COMBINED: &[&[BuiltInRole]] = &[
    &[BuiltInRole::Default, BuiltInRole::WebServicesInternal, BuiltInRole::WebServicesExternal],
    &[BuiltInRole::AccessEdgeExternal, BuiltInRole::DataEdgeExternal, BuiltInRole::XmppServer],
];

/// A role that a server needs, and everything the topology decides about its certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleNeed {
    /// The role.
    pub role: Role,
    /// The number of the group of roles it shares a certificate with, from 0.
    pub group: usize,
    /// Where the certificate is good for.
    pub instance: ScopeInstance,
    /// Whether every member of the scope holds the same certificate and key.
    pub shared: bool,
    /// Who issues it by default.
    pub issuer: IssuerName,
    /// The template by default; none where the issuer chooses.
    pub template: Option<TemplateName>,
    /// Whether the key has to be exportable.
    pub exportable: bool,
    /// Why the server needs it.
    pub why: String,
}

impl RoleNeed {
    /// Returns how many certificates of the role there are.
    pub const fn scope(&self) -> Scope {
        self.instance.scope()
    }
}

impl Topology {
    /// Returns the roles that `server` needs, in the order of the catalogue; nothing for a server
    /// that is not in the topology.
    pub fn roles_needed(&self, server: &Fqdn) -> Vec<RoleNeed> {
        let Some(place) = self.place(server) else { return Vec::new() };
        let mut needs: Vec<_> = self
            .roles_of(place.pool)
            .into_iter()
            .map(|(role, why)| self.need(place, role, why))
            .collect();
        self.group(&mut needs);
        needs
    }

    /// Returns the roles of `server` by certificate: those in one list share one by default.
    pub fn groups(&self, server: &Fqdn) -> Vec<Vec<Role>> {
        let mut groups: Vec<Vec<Role>> = Vec::new();
        for need in self.roles_needed(server) {
            match groups.get_mut(need.group) {
                Some(group) => group.push(need.role),
                None => groups.push(vec![need.role]),
            }
        }
        groups
    }

    /// Returns the servers that hold the certificate of `role` in `instance`.
    pub fn members(&self, role: &Role, instance: &ScopeInstance) -> Vec<&Fqdn> {
        self.pools()
            .iter()
            .filter(|pool| match instance {
                ScopeInstance::Global => self.needs(pool, role),
                ScopeInstance::Pool(name) => pool.name() == name,
                ScopeInstance::Server(name) => {
                    pool.servers().iter().any(|server| server.name() == name)
                }
            })
            .flat_map(Pool::servers)
            .map(super::Server::name)
            .filter(|server| match instance {
                ScopeInstance::Server(name) => *server == name,
                ScopeInstance::Pool(_) | ScopeInstance::Global => true,
            })
            .collect()
    }

    /// Returns the usages that the certificate of `role` wants.
    pub fn usages(&self, role: &Role) -> Usages {
        match role {
            Role::BuiltIn(built_in) if built_in.facts().dials_out => Usages::BOTH,
            Role::BuiltIn(_) => Usages::SERVER,
            Role::Custom(name) => {
                self.custom_role(name).map_or(Usages::SERVER, |role| role.usages())
            }
        }
    }

    /// Returns whether members of `pool` hold the same certificate of `role`.
    pub fn is_shared(&self, pool: &Pool, role: &Role) -> bool {
        let marked = pool.shared_roles().contains(role) && pool.is_pooled();
        let by_nature = match role {
            Role::BuiltIn(built_in) => match built_in.facts().sharing {
                Sharing::Own => false,
                Sharing::WhenPooled => pool.is_pooled(),
                Sharing::Always => true,
            },
            Role::Custom(name) => self.custom_role(name).is_some_and(|role| {
                role.is_shared() || (role.scope() != Scope::Server && pool.is_pooled())
            }),
        };
        marked || by_nature
    }

    /// Returns where the certificate of `role` is good for, seen from one server.
    pub fn instance(&self, place: Place<'_>, role: &Role) -> ScopeInstance {
        let scope = match role {
            Role::BuiltIn(built_in) => built_in.facts().scope,
            Role::Custom(name) => {
                self.custom_role(name).map_or(Scope::Server, super::CustomRole::scope)
            }
        };
        match scope {
            Scope::Global => ScopeInstance::Global,
            Scope::Pool => ScopeInstance::Pool(place.pool.name().clone()),
            Scope::Server if self.is_shared(place.pool, role) => {
                ScopeInstance::Pool(place.pool.name().clone())
            }
            Scope::Server => ScopeInstance::Server(place.server.name().clone()),
        }
    }

    /// Returns whether the servers of `pool` need `role`.
    pub(super) fn needs(&self, pool: &Pool, role: &Role) -> bool {
        self.roles_of(pool).iter().any(|(needed, _)| needed == role)
    }

    fn roles_of(&self, pool: &Pool) -> Vec<(Role, String)> {
        let kind = pool.kind();
        let mut roles: Vec<(Role, String)> = crate::role::CATALOGUE
            .iter()
            .filter(|facts| facts.needed_on.contains(&kind))
            .map(|facts| (Role::from(facts.role), format!("a {kind} server needs it")))
            .collect();
        if !pool.xmpp_domains().is_empty() {
            let why = "the pool federates over XMPP (xmpp_domains)";
            roles.push((Role::from(BuiltInRole::XmppServer), why.to_owned()));
        }
        for role in pool.added_roles() {
            if !roles.iter().any(|(known, _)| known == role) {
                roles.push((role.clone(), "the pool asks for it (roles)".to_owned()));
            }
        }
        roles.retain(|(role, _)| !pool.omitted_roles().contains(role));
        roles.sort();
        roles
    }

    fn need(&self, place: Place<'_>, role: Role, why: String) -> RoleNeed {
        let shared = self.is_shared(place.pool, &role);
        RoleNeed {
            group: 0,
            instance: self.instance(place, &role),
            shared,
            issuer: self.issuer_of(place.pool, &role).clone(),
            template: None,
            exportable: shared,
            role,
            why,
        }
    }

    /// Returns who issues the certificate of `role` by default.
    fn issuer_of<'a>(&'a self, pool: &'a Pool, role: &Role) -> &'a IssuerName {
        let default = self.default_issuer().name();
        let of_pool = pool.issuer().unwrap_or(default);
        match role {
            Role::BuiltIn(built_in) => {
                let facts = built_in.facts();
                match facts.scope {
                    Scope::Global => default,
                    Scope::Pool | Scope::Server if facts.public_facing => {
                        pool.external_issuer().unwrap_or(of_pool)
                    }
                    Scope::Pool | Scope::Server => of_pool,
                }
            }
            Role::Custom(name) => {
                let custom = self.custom_role(name);
                custom.and_then(super::CustomRole::issuer).unwrap_or(of_pool)
            }
        }
    }

    /// Numbers the groups and gives every role of a group the same template.
    fn group(&self, needs: &mut [RoleNeed]) {
        let mut keys: Vec<(usize, ScopeInstance, IssuerName)> = Vec::new();
        for (index, need) in needs.iter_mut().enumerate() {
            let key = (family(&need.role, index), need.instance.clone(), need.issuer.clone());
            need.group = keys.iter().position(|known| *known == key).unwrap_or(keys.len());
            if need.group == keys.len() {
                keys.push(key);
            }
        }
        let templates: Vec<_> = (0..keys.len())
            .map(|group| {
                let members: Vec<_> = needs.iter().filter(|need| need.group == group).collect();
                let roles: Vec<_> = members.iter().map(|need| need.role.clone()).collect();
                members.first().and_then(|need| self.default_template(&need.issuer, &roles))
            })
            .collect();
        for need in needs {
            need.template = templates.get(need.group).cloned().flatten();
        }
    }

    /// Returns the template for a certificate of `roles` that names none.
    pub fn default_template(&self, issuer: &IssuerName, roles: &[Role]) -> Option<TemplateName> {
        let of_role = roles.iter().find_map(|role| match role {
            Role::BuiltIn(_) => None,
            Role::Custom(name) => self.custom_role(name)?.template(),
        });
        let issuer = self.issuer(issuer)?;
        let client = roles.iter().any(|role| self.usages(role).client);
        let built_in = || {
            if issuer.templates().is_empty() {
                return None;
            }
            Some(if client { Template::web_server_client() } else { Template::web_server() })
        };
        of_role.or_else(|| issuer.template()).cloned().or_else(built_in)
    }
}

/// Returns the same number for roles that are one certificate by default, another for each other.
fn family(role: &Role, index: usize) -> usize {
    let combined = match role {
        Role::BuiltIn(built_in) => COMBINED.iter().position(|roles| roles.contains(built_in)),
        Role::Custom(_) => None,
    };
    combined.unwrap_or_else(|| COMBINED.len().saturating_add(index))
}
