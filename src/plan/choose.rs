//! Chooses what a request leaves open: scope, issuer, template, usages, key.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{IssuerFacts, PlanInput, Refusal};
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::request::{IssuerName, RequestSpec, TemplateName, Usages};
use crate::role::{BuiltInRole, Role};
use crate::suggest::nearest;
use crate::template::Template;
use crate::topology::{Place, RoleNeed, ScopeInstance, Topology};

/// What was chosen.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) place: Place<'a>,
    /// The roles of the request, in catalogue order; never empty.
    pub(super) needs: Vec<RoleNeed>,
    pub(super) instance: ScopeInstance,
    pub(super) issuer: IssuerName,
    pub(super) facts: Cow<'a, IssuerFacts>,
    pub(super) template: Option<TemplateName>,
    pub(super) usages: Usages,
    /// Whether clientAuth is wanted, whatever can be had.
    pub(super) client_wanted: bool,
    pub(super) key_algorithm: KeyAlgorithm,
    pub(super) digest: DigestAlgorithm,
}

impl Choice<'_> {
    pub(super) fn roles(&self) -> Vec<Role> {
        self.needs.iter().map(|need| need.role.clone()).collect()
    }

    pub(super) fn lead(&self) -> &Role {
        &self.needs.first().expect("a choice has a role").role
    }

    pub(super) fn is_shared(&self) -> bool {
        self.needs.iter().any(|need| need.exportable)
    }

    /// Returns the roles that make the key exportable although nobody asked for it.
    pub(super) fn forced_by(&self, spec: &RequestSpec) -> Vec<Role> {
        if spec.exportable == Some(true) {
            return Vec::new();
        }
        let shared = self.needs.iter().filter(|need| need.exportable);
        shared.map(|need| need.role.clone()).collect()
    }

    /// Returns the chosen template, where the issuer has described it.
    pub(super) fn described_template(&self) -> Option<&Template> {
        described(&self.facts, self.template.as_ref()?)
    }

    pub(super) fn needs_approval(&self) -> bool {
        self.described_template().is_some_and(|template| template.approval)
    }
}

/// Chooses, and records what cannot be chosen; nothing comes back without the roles.
pub(super) fn choose<'a>(input: PlanInput<'a>, refusals: &mut Vec<Refusal>) -> Option<Choice<'a>> {
    let topology = input.topology;
    let Some(place) = topology.place(input.server) else {
        let known = topology.servers().map(|server| server.name().as_str());
        let nearest = nearest(input.server.as_str(), known);
        refusals.push(Refusal::ServerUnknown { server: input.server.clone(), nearest });
        return None;
    };
    let needs = choose_roles(input, refusals);
    let issuer = choose_issuer(input, &needs, refusals);
    if needs.is_empty() {
        return None;
    }
    let instance = choose_instance(topology, &needs, refusals)?;
    let issuer = issuer?;
    let facts = match input.issuers.get(&issuer) {
        Some(facts) => Cow::Borrowed(facts),
        None => Cow::Owned(IssuerFacts::of(topology.issuer(&issuer)?)),
    };
    let roles: Vec<Role> = needs.iter().map(|need| need.role.clone()).collect();
    let template = choose_template(input, &issuer, &facts, &roles, refusals);
    let (usages, client_wanted) =
        choose_usages(input, &issuer, &facts, template.as_ref(), &roles, refusals);
    let key_algorithm = choose_key(input, &facts, template.as_ref(), &roles, refusals);
    let digest = input.spec.digest.unwrap_or_else(|| topology.digest_algorithm());
    Some(Choice {
        place,
        needs,
        instance,
        issuer,
        facts,
        template,
        usages,
        client_wanted,
        key_algorithm,
        digest,
    })
}

fn choose_roles(input: PlanInput<'_>, refusals: &mut Vec<Refusal>) -> Vec<RoleNeed> {
    let needed = input.topology.roles_needed(input.server);
    let mut chosen: Vec<RoleNeed> = Vec::new();
    let mut seen = BTreeSet::new();
    if input.spec.roles.is_empty() {
        refusals.push(Refusal::NoRole);
    }
    for role in &input.spec.roles {
        if !seen.insert(role) {
            refusals.push(Refusal::RoleTwice { role: role.clone() });
        } else if let Some(need) = needed.iter().find(|need| need.role == *role) {
            chosen.push(need.clone());
        } else if is_known(input.topology, role) {
            refusals.push(Refusal::RoleNotNeeded {
                role: role.clone(),
                server: input.server.clone(),
                needed: needed.iter().map(|need| need.role.clone()).collect(),
            });
        } else {
            let nearest = nearest(role.as_str(), input.topology.known_roles());
            refusals.push(Refusal::RoleUnknown { role: role.clone(), nearest });
        }
    }
    chosen.sort_by(|a, b| a.role.cmp(&b.role));
    chosen
}

fn is_known(topology: &Topology, role: &Role) -> bool {
    match role {
        Role::BuiltIn(_) => true,
        Role::Custom(name) => topology.custom_role(name).is_some(),
    }
}

/// Returns where the certificate is good for.
///
/// Roles share a certificate when the same servers hold it: the key of one server's `Default` must not
/// travel to the whole deployment because `OAuthTokenIssuer` is in the same request. On a lone server
/// the sets agree, and the combination that `domain.md` §1.2 mentions is allowed.
fn choose_instance(
    topology: &Topology,
    needs: &[RoleNeed],
    refusals: &mut Vec<Refusal>,
) -> Option<ScopeInstance> {
    let members = |need: &RoleNeed| topology.members(&need.role, &need.instance);
    let first = needs.first()?;
    let agree =
        needs.iter().all(|need| need.instance == first.instance || members(need) == members(first));
    if agree {
        return needs.iter().map(|need| need.instance.clone()).max();
    }
    let roles = needs.iter().map(|need| (need.role.clone(), need.instance.clone())).collect();
    refusals.push(Refusal::ScopesMixed { roles });
    None
}

fn choose_issuer(
    input: PlanInput<'_>,
    needs: &[RoleNeed],
    refusals: &mut Vec<Refusal>,
) -> Option<IssuerName> {
    let Some(asked) = &input.spec.issuer else {
        return needs.first().map(|need| need.issuer.clone());
    };
    if input.topology.issuer(asked).is_some() {
        return Some(asked.clone());
    }
    let known = input.topology.issuers().iter().map(|issuer| issuer.name().as_str());
    let nearest = nearest(asked.as_str(), known);
    refusals.push(Refusal::IssuerUnknown { issuer: asked.clone(), nearest });
    None
}

fn described<'a>(facts: &'a IssuerFacts, name: &TemplateName) -> Option<&'a Template> {
    facts.templates.as_ref()?.iter().find(|template| template.name == *name)
}

fn choose_template(
    input: PlanInput<'_>,
    issuer: &IssuerName,
    facts: &IssuerFacts,
    roles: &[Role],
    refusals: &mut Vec<Refusal>,
) -> Option<TemplateName> {
    let Some(asked) = &input.spec.template else {
        return default_template(input, issuer, facts, roles);
    };
    let Some(offered) = &facts.templates else { return Some(asked.clone()) };
    if described(facts, asked).is_none() {
        let shown = |template: &&Template| {
            template.display_name.eq_ignore_ascii_case(asked.as_str())
                || template.name.as_str().eq_ignore_ascii_case(asked.as_str())
        };
        refusals.push(match offered.iter().find(shown) {
            Some(template) => {
                Refusal::TemplateDisplayName { given: asked.clone(), name: template.name.clone() }
            }
            None => Refusal::TemplateUnknown {
                template: asked.clone(),
                issuer: issuer.clone(),
                nearest: nearest(asked.as_str(), offered.iter().map(|one| one.name.as_str())),
            },
        });
        return None;
    }
    Some(asked.clone())
}

/// Returns the topology's template, or the first on offer that gives the usages that are wanted.
fn default_template(
    input: PlanInput<'_>,
    issuer: &IssuerName,
    facts: &IssuerFacts,
    roles: &[Role],
) -> Option<TemplateName> {
    let usual = input.topology.default_template(issuer, roles);
    let Some(offered) = &facts.templates else { return usual };
    let described = usual.as_ref().and_then(|usual| described(facts, usual));
    let client = wants_client(input, roles);
    let suits = |template: &&Template| template.client_auth == client;
    described
        .filter(|template| input.spec.client_eku.is_none() || template.client_auth == client)
        .or_else(|| offered.iter().find(suits))
        .or(described)
        .or_else(|| offered.first())
        .map(|template| template.name.clone())
}

fn wants_client(input: PlanInput<'_>, roles: &[Role]) -> bool {
    let by_roles = || roles.iter().any(|role| input.topology.usages(role).client);
    input.spec.client_eku.unwrap_or_else(by_roles)
}

fn choose_usages(
    input: PlanInput<'_>,
    issuer: &IssuerName,
    facts: &IssuerFacts,
    template: Option<&TemplateName>,
    roles: &[Role],
    refusals: &mut Vec<Refusal>,
) -> (Usages, bool) {
    let wanted = wants_client(input, roles);
    let by_template = template.and_then(|name| described(facts, name));
    let lacks = by_template.filter(|template| !template.client_auth);
    let possible = facts.client_auth && lacks.is_none();
    let server = roles.iter().any(|role| input.topology.usages(role).server);
    let indispensable = input.spec.client_eku == Some(true) || !server;
    if wanted && !possible && indispensable {
        let template = lacks.filter(|_| facts.client_auth).map(|template| template.name.clone());
        refusals.push(Refusal::ClientAuthUnavailable { issuer: issuer.clone(), template });
    }
    (Usages { server, client: wanted && possible }, wanted)
}

fn choose_key(
    input: PlanInput<'_>,
    facts: &IssuerFacts,
    template: Option<&TemplateName>,
    roles: &[Role],
    refusals: &mut Vec<Refusal>,
) -> KeyAlgorithm {
    let template = template.and_then(|name| described(facts, name));
    let by_roles = |algorithm| roles.iter().all(|role| accepts(input.topology, role, algorithm));
    let by_template =
        |algorithm| template.is_none_or(|template| template.keys.contains(&algorithm));
    let suits = |algorithm: &KeyAlgorithm| by_roles(*algorithm) && by_template(*algorithm);
    let usual = input.topology.key_algorithm();
    let Some(asked) = input.spec.key_algorithm else {
        let chosen = std::iter::once(usual).chain(KeyAlgorithm::ALL).find(suits);
        if chosen.is_none() {
            refusals.push(Refusal::NoKeySuits);
        }
        return chosen.unwrap_or(usual);
    };
    for role in roles.iter().filter(|role| !accepts(input.topology, role, asked)) {
        let accepted =
            KeyAlgorithm::ALL.into_iter().filter(|key| accepts(input.topology, role, *key));
        refusals.push(Refusal::KeyNotForRole {
            role: role.clone(),
            algorithm: asked,
            accepted: accepted.collect(),
        });
    }
    if let Some(template) = template.filter(|template| !template.keys.contains(&asked)) {
        refusals.push(Refusal::KeyNotInTemplate {
            template: template.name.clone(),
            algorithm: asked,
            accepted: template.keys.clone(),
        });
    }
    asked
}

fn accepts(topology: &Topology, role: &Role, algorithm: KeyAlgorithm) -> bool {
    match role {
        Role::BuiltIn(built_in) => built_in.facts().keys.accepts(algorithm),
        Role::Custom(name) => {
            topology.custom_role(name).is_none_or(|role| role.keys().contains(&algorithm))
        }
    }
}

/// Returns whether `role` signs clients in, so that the SIP domains of a request matter to it.
pub(super) fn signs_in(role: &Role) -> bool {
    matches!(
        role,
        Role::BuiltIn(
            BuiltInRole::Default | BuiltInRole::AccessEdgeExternal | BuiltInRole::XmppServer
        )
    )
}
