//! Judges the names, the lifetime and what else an administrator should know.

use std::time::Duration;

use super::choose::{Choice, signs_in};
use super::limits::public_lifetime;
use super::{Note, PlanInput, Refusal};
use crate::enrollment::{Enrollment, EnrollmentChange, regroup};
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::DnsName;
use crate::naming::{self, NamingOptions, PlannedNames};
use crate::request::SipDomainChoice;
use crate::role::{PoolKind, Role};
use crate::suggest::nearest;

/// The names of the plan, and those that somebody added.
#[derive(Debug)]
pub(super) struct JudgedNames {
    pub(super) planned: PlannedNames,
    /// The subject before it was found too long.
    pub(super) too_long: Option<DnsName>,
    /// Beyond the computed names.
    pub(super) added: Vec<DnsName>,
    /// Added without the topology's leave, by somebody who may.
    pub(super) need_another: Vec<DnsName>,
}

/// Names the certificate, and records which names cannot be.
pub(super) fn names(
    input: PlanInput<'_>,
    choice: &Choice<'_>,
    refusals: &mut Vec<Refusal>,
) -> JudgedNames {
    check_sip_domains(input, refusals);
    let roles = choice.roles();
    let options = NamingOptions {
        public_issuer: choice.facts.public,
        sip_domains: &input.spec.sip_domains,
        added_names: &[],
    };
    let computed = naming::names(input.topology, choice.place, &roles, options);
    let mut added: Vec<DnsName> = Vec::new();
    for name in &input.spec.added_names {
        if !computed.contains(name) && !added.contains(name) {
            added.push(name.clone());
        }
    }
    let need_another = check_added(input, choice, &added, refusals);
    let options = NamingOptions { added_names: &added, ..options };
    let planned = naming::names(input.topology, choice.place, &roles, options);
    check_constraints(choice, &planned, refusals);
    let too_long = match &planned.subject_cn {
        Some(_) => None,
        None => planned.names.first().map(|planned| planned.name.clone()),
    };
    JudgedNames { planned, too_long, added, need_another }
}

fn check_sip_domains(input: PlanInput<'_>, refusals: &mut Vec<Refusal>) {
    let SipDomainChoice::These(domains) = &input.spec.sip_domains else { return };
    let known = input.topology.sip_domains();
    for domain in domains.iter().filter(|domain| !known.contains(domain)) {
        refusals.push(Refusal::SipDomainUnknown {
            domain: domain.clone(),
            nearest: nearest(domain.as_str(), known.iter().map(|known| known.as_str())),
        });
    }
}

/// Returns the names that only an administrator may add, when one asks.
fn check_added(
    input: PlanInput<'_>,
    choice: &Choice<'_>,
    added: &[DnsName],
    refusals: &mut Vec<Refusal>,
) -> Vec<DnsName> {
    let pool = choice.place.pool;
    let mut need_another = Vec::new();
    for name in added {
        if name.is_wildcard() && !takes_wildcards(choice) {
            refusals.push(Refusal::WildcardNotAllowed { name: name.clone() });
        } else if pool.allows(name) || input.approved_names.contains(name) {
            continue;
        } else if input.may_add_names {
            need_another.push(name.clone());
        } else {
            refusals
                .push(Refusal::NameNotAllowed { name: name.clone(), pool: pool.name().clone() });
        }
    }
    need_another
}

/// Rulings, "wildcards": for simple URLs and lyncdiscover names, never on Edge roles.
fn takes_wildcards(choice: &Choice<'_>) -> bool {
    choice.place.pool.kind() != PoolKind::Edge
        && choice.needs.iter().any(|need| need.role.facts().is_none_or(|facts| facts.wildcards))
}

fn check_constraints(choice: &Choice<'_>, planned: &PlannedNames, refusals: &mut Vec<Refusal>) {
    let Some(permitted) = &choice.facts.permitted else { return };
    for planned in &planned.names {
        if !permitted.iter().any(|domain| planned.name.is_within(domain)) {
            refusals.push(Refusal::NameOutsideConstraints {
                name: planned.name.clone(),
                issuer: choice.issuer.clone(),
                permitted: permitted.clone(),
            });
        }
    }
}

/// How long the certificate would live, and how long it will.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    wanted: Option<Duration>,
    pub(super) given: Option<Duration>,
}

/// Compares what the template gives with what the issuer and the date allow.
pub(super) fn lifetime(input: PlanInput<'_>, choice: &Choice<'_>) -> Lifetime {
    let by_template = choice.described_template().map(|template| template.lifetime);
    let shorter = |a: Option<Duration>, b: Option<Duration>| a.into_iter().chain(b).min();
    let wanted = shorter(by_template, choice.facts.max_lifetime);
    let limit = if choice.facts.public { public_lifetime(input.now) } else { None };
    Lifetime { wanted, given: shorter(wanted, limit) }
}

/// Collects what an administrator should know, the most surprising first.
pub(super) fn notes(
    input: PlanInput<'_>,
    choice: &Choice<'_>,
    names: &JudgedNames,
    enrollment: &Enrollment,
    lifetime: Lifetime,
) -> Vec<Note> {
    let mut notes = Vec::new();
    note_issuer(input, choice, &mut notes);
    note_key(input, choice, &mut notes);
    note_names(input, choice, names, &mut notes);
    if let (Some(wanted), Some(limit)) = (lifetime.wanted, lifetime.given)
        && limit < wanted
    {
        notes.push(Note::LifetimeLimited { wanted, limit });
    }
    let forced = choice.forced_by(input.spec);
    if !forced.is_empty() {
        notes.push(Note::ExportableForced { roles: forced });
    }
    note_regrouping(input, enrollment, &mut notes);
    notes
}

fn note_issuer(input: PlanInput<'_>, choice: &Choice<'_>, notes: &mut Vec<Note>) {
    let issuer = || choice.issuer.clone();
    if choice.client_wanted && !choice.usages.client {
        let mut roles = choice.roles();
        roles.retain(|role| input.topology.usages(role).client);
        notes.push(Note::ClientAuthUnavailable { roles, issuer: issuer() });
    }
    for need in choice.needs.iter().filter(|need| need.issuer != choice.issuer) {
        notes.push(Note::OtherIssuer { role: need.role.clone(), usual: need.issuer.clone() });
    }
    let faces_public = |role: &Role| role.facts().is_some_and(|facts| facts.public_facing);
    let roles: Vec<_> = choice.roles().into_iter().filter(faces_public).collect();
    if !choice.facts.public && !roles.is_empty() {
        notes.push(Note::PrivateIssuerFacesPublic { roles, issuer: issuer() });
    }
    if let Some(template) = &choice.guarded_by {
        notes.push(Note::ApprovalNeeded { template: template.clone() });
    }
}

fn note_key(input: PlanInput<'_>, choice: &Choice<'_>, notes: &mut Vec<Note>) {
    let issuer = || choice.issuer.clone();
    let usual = input.topology.key_algorithm();
    if input.spec.key_algorithm.is_none() && choice.key_algorithm != usual {
        notes.push(Note::OtherKeyChosen { chosen: choice.key_algorithm, usual });
    }
    if choice.facts.public && choice.key_algorithm == KeyAlgorithm::EcdsaP521 {
        let algorithm = choice.key_algorithm;
        notes.push(Note::KeyUnusualForPublicIssuer { algorithm, issuer: issuer() });
    }
    match choice.facts.digest {
        Some(given) if given != choice.digest => {
            notes.push(Note::DigestDiffers { asked: choice.digest, given, issuer: issuer() });
        }
        None if choice.facts.public && choice.digest != DigestAlgorithm::default() => {
            notes.push(Note::DigestAtPublicIssuer { digest: choice.digest, issuer: issuer() });
        }
        Some(_) | None => {}
    }
}

fn note_names(
    input: PlanInput<'_>,
    choice: &Choice<'_>,
    names: &JudgedNames,
    notes: &mut Vec<Note>,
) {
    if let Some(name) = &names.too_long {
        notes.push(Note::SubjectLeftOut { name: name.clone() });
    }
    let domains = input.topology.sip_domains();
    let signs_in = choice.needs.iter().any(|need| signs_in(&need.role))
        && choice.place.pool.kind() != PoolKind::Mediation;
    if signs_in && domains.len() > 1 {
        let unnamed = domains.iter().filter(|domain| {
            domain.child("sip").is_ok_and(|name| !names.planned.contains(name.as_dns_name()))
        });
        let domains: Vec<_> = unnamed.cloned().collect();
        if !domains.is_empty() {
            notes.push(Note::SipDomainsLeftOut { domains });
        }
    }
    if choice.facts.public {
        let mut internal = names.planned.dns_names();
        internal.retain(is_internal);
        if !internal.is_empty() {
            notes.push(Note::InternalNames { names: internal, issuer: choice.issuer.clone() });
        }
    }
    if !names.need_another.is_empty() {
        notes.push(Note::NamesNeedAnother { names: names.need_another.clone() });
    }
}

/// Returns whether no public CA can issue for `name`: its last label is reserved (RFC 2606, RFC
/// 6762, RFC 8375) or in private use.
fn is_internal(name: &DnsName) -> bool {
    const INTERNAL: &[&str] = &[
        "corp",
        "example",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localhost",
        "localdomain",
        "private",
        "test",
    ];
    let last = name.as_str().rsplit('.').next().unwrap_or_default();
    INTERNAL.contains(&last) || !name.as_str().contains('.')
}

fn note_regrouping(input: PlanInput<'_>, enrollment: &Enrollment, notes: &mut Vec<Note>) {
    for change in regroup(input.enrollments, enrollment) {
        match change {
            EnrollmentChange::Set(other) if other != *enrollment => {
                let (roles, enrollment) = (other.roles.to_vec(), other.name());
                notes.push(Note::RolesStay { roles, enrollment });
            }
            EnrollmentChange::Set(_) => {}
            EnrollmentChange::Removed(name) => {
                let old = input.enrollments.iter().find(|known| known.name() == name);
                let ends = old.is_some_and(|old| {
                    old.roles.iter().all(|role| enrollment.roles.contains(role))
                });
                if ends {
                    notes.push(Note::EnrollmentEnds { enrollment: name });
                }
            }
        }
    }
}
