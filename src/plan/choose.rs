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
    /// The template whose approval the request has to wait for.
    pub(super) guarded_by: Option<TemplateName>,
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
    let chooser = Chooser { input, issuer: &issuer, facts: &facts, roles: &roles };
    let template = chooser.template(refusals);
    let described = template.as_ref().and_then(|name| described(&facts, name));
    let guarded_by = chooser.guarded_by(described);
    let client_wanted = chooser.wants_client();
    let usages = chooser.usages(described, refusals);
    let key_algorithm = chooser.key(described, refusals);
    let digest = input.spec.digest.unwrap_or_else(|| topology.digest_algorithm());
    Some(Choice {
        place,
        needs,
        instance,
        issuer,
        facts,
        guarded_by,
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
            let known = all(input.topology.known_roles());
            let nearest = nearest(role.as_str(), &known);
            refusals.push(Refusal::RoleUnknown { role: role.clone(), nearest, known });
        }
    }
    chosen.sort_by(|a, b| a.role.cmp(&b.role));
    chosen
}

fn all<T: ToString>(known: impl IntoIterator<Item = T>) -> Vec<String> {
    known.into_iter().map(|name| name.to_string()).collect()
}

fn is_known(topology: &Topology, role: &Role) -> bool {
    match role {
        Role::BuiltIn(_) => true,
        Role::Custom(name) => topology.custom_role(name).is_some(),
    }
}

/// Returns where the certificate is good for.
///
/// Roles share a certificate when the same servers hold it: the key of one server's `Default` must
/// not travel to the whole deployment because `OAuthTokenIssuer` is in the same request. On a lone
/// server the sets agree, and the combination that `domain.md` §1.2 mentions is allowed.
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
    let known = all(input.topology.issuers().iter().map(|issuer| issuer.name()));
    let nearest = nearest(asked.as_str(), &known);
    refusals.push(Refusal::IssuerUnknown { issuer: asked.clone(), nearest, known });
    None
}

fn described<'a>(facts: &'a IssuerFacts, name: &TemplateName) -> Option<&'a Template> {
    facts.templates.as_ref()?.iter().find(|template| template.name == *name)
}

/// What template, usages and key depend on.
#[derive(Clone, Copy, Debug)]
struct Chooser<'a> {
    input: PlanInput<'a>,
    issuer: &'a IssuerName,
    facts: &'a IssuerFacts,
    roles: &'a [Role],
}

impl Chooser<'_> {
    fn template(self, refusals: &mut Vec<Refusal>) -> Option<TemplateName> {
        let Some(asked) = &self.input.spec.template else { return self.default_template() };
        let Some(offered) = &self.facts.templates else { return Some(asked.clone()) };
        if described(self.facts, asked).is_some() {
            return Some(asked.clone());
        }
        let shown = |template: &&Template| {
            template.display_name.eq_ignore_ascii_case(asked.as_str())
                || template.name.as_str().eq_ignore_ascii_case(asked.as_str())
        };
        refusals.push(match offered.iter().find(shown) {
            Some(template) => {
                Refusal::TemplateDisplayName { given: asked.clone(), name: template.name.clone() }
            }
            None => {
                let known = all(offered.iter().map(|one| &one.name));
                Refusal::TemplateUnknown {
                    template: asked.clone(),
                    issuer: self.issuer.clone(),
                    nearest: nearest(asked.as_str(), &known),
                    known,
                }
            }
        });
        None
    }

    /// Returns the topology's template, or the first on offer that gives the usages wanted.
    fn default_template(self) -> Option<TemplateName> {
        let usual = self.input.topology.default_template(self.issuer, self.roles);
        let Some(offered) = &self.facts.templates else { return usual };
        let described = usual.as_ref().and_then(|usual| described(self.facts, usual));
        let client = self.wants_client();
        let undecided = self.input.spec.client_eku.is_none();
        described
            .filter(|template| undecided || template.client_auth == client)
            .or_else(|| offered.iter().find(|template| template.client_auth == client))
            .or(described)
            .or_else(|| offered.first())
            .map(|template| template.name.clone())
    }

    /// The chosen template may want an approval; and who is no administrator does not get around
    /// that of the topology's template by choosing another.
    fn guarded_by(self, chosen: Option<&Template>) -> Option<TemplateName> {
        let usual = self.input.topology.default_template(self.issuer, self.roles);
        let usual = usual.as_ref().and_then(|usual| described(self.facts, usual));
        chosen
            .into_iter()
            .chain(usual.filter(|_| !self.input.may_add_names))
            .find(|template| template.approval)
            .map(|template| template.name.clone())
    }

    fn wants_client(self) -> bool {
        let topology = self.input.topology;
        let by_roles = || self.roles.iter().any(|role| topology.usages(role).client);
        self.input.spec.client_eku.unwrap_or_else(by_roles)
    }

    fn usages(self, template: Option<&Template>, refusals: &mut Vec<Refusal>) -> Usages {
        let wanted = self.wants_client();
        let lacks = template.filter(|template| !template.client_auth);
        let possible = self.facts.client_auth && lacks.is_none();
        let server = self.roles.iter().any(|role| self.input.topology.usages(role).server);
        let indispensable = self.input.spec.client_eku == Some(true) || !server;
        if wanted && !possible && indispensable {
            let by_template = lacks.filter(|_| self.facts.client_auth);
            refusals.push(Refusal::ClientAuthUnavailable {
                issuer: self.issuer.clone(),
                template: by_template.map(|template| template.name.clone()),
            });
        }
        Usages { server, client: wanted && possible }
    }

    fn key(self, template: Option<&Template>, refusals: &mut Vec<Refusal>) -> KeyAlgorithm {
        let Some(asked) = self.input.spec.key_algorithm else {
            return self.default_key(template, refusals);
        };
        for role in self.roles.iter().filter(|role| !self.accepts(role, asked)) {
            let accepted = KeyAlgorithm::ALL.into_iter().filter(|key| self.accepts(role, *key));
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

    fn default_key(self, template: Option<&Template>, refusals: &mut Vec<Refusal>) -> KeyAlgorithm {
        let suits = |algorithm: &KeyAlgorithm| {
            self.roles.iter().all(|role| self.accepts(role, *algorithm))
                && template.is_none_or(|template| template.keys.contains(algorithm))
        };
        let usual = self.input.topology.key_algorithm();
        let chosen = std::iter::once(usual).chain(KeyAlgorithm::ALL).find(suits);
        if chosen.is_none() {
            refusals.push(Refusal::NoKeySuits);
        }
        chosen.unwrap_or(usual)
    }

    fn accepts(self, role: &Role, algorithm: KeyAlgorithm) -> bool {
        match role {
            Role::BuiltIn(built_in) => built_in.facts().keys.accepts(algorithm),
            Role::Custom(name) => {
                let role = self.input.topology.custom_role(name);
                role.is_none_or(|role| role.keys().contains(&algorithm))
            }
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
