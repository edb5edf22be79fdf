//! What a request would do, before a key is made.
//!
//! [`plan`] is a pure function: from the topology, one server, what was asked and what is known
//! about the issuers, it decides everything about the certificate and says why, or gives every
//! reason why not at once ([`Refusals`]). The agent runs it before each order and `--what-if` shows
//! it; a signer runs it again from its own topology and believes nothing else. [`apply_steps`]
//! turns the difference between what is there and what the topology wants into requests.

pub mod limits;

mod apply;
mod choose;
mod friendly;
mod judge;
mod note;
mod refusal;
#[cfg(test)]
mod tests;

pub use self::apply::{ApplyStep, RoleStatus, apply_steps};
pub use self::friendly::unique_name;
pub use self::note::Note;
pub use self::refusal::{Refusal, Refusals};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::enrollment::{Enrollment, EnrollmentChange, EnrollmentName, RoleSet, regroup};
use crate::key::DigestAlgorithm;
use crate::name::{DnsName, Fqdn};
use crate::naming::{Difference, PlannedName, difference};
use crate::request::{FriendlyName, FriendlyNameChoice, IssuerName, RequestSpec, Usages};
use crate::role::Role;
use crate::template::Template;
use crate::time::Timestamp;
use crate::topology::{Issuer, Topology};

/// Everything a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The topology in force.
    pub topology: &'a Topology,
    /// The server the certificate is for.
    pub server: &'a Fqdn,
    /// What was asked.
    pub spec: &'a RequestSpec,
    /// What the issuers said about themselves; what is not here is taken from the topology.
    pub issuers: &'a BTreeMap<IssuerName, IssuerFacts>,
    /// The enrollments of the server.
    pub enrollments: &'a [Enrollment],
    /// The certificates that the roles have now.
    pub current: &'a [CurrentCertificate],
    /// The friendly names in the store.
    pub friendly_names: &'a dyn FriendlyNames,
    /// A number that no earlier certificate was given, to make a generated name unique at once.
    pub fresh_number: u64,
    /// Whether the requester may add names without the topology's leave: administrators may.
    pub may_add_names: bool,
    /// Names beyond the computed ones that were approved for these roles before: those on the
    /// certificate that a renewal replaces. They need no second approval.
    pub approved_names: &'a [DnsName],
    /// The time.
    pub now: Timestamp,
}

/// The friendly names that certificates in the store have.
pub trait FriendlyNames: std::fmt::Debug {
    /// Returns whether a certificate has this name.
    fn is_taken(&self, name: &FriendlyName) -> bool;
}

impl FriendlyNames for BTreeSet<FriendlyName> {
    fn is_taken(&self, name: &FriendlyName) -> bool {
        self.contains(name)
    }
}

/// What is known about an issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerFacts {
    /// The templates it offers; none while nobody has asked it.
    pub templates: Option<Vec<Template>>,
    /// Whether it can give clientAuth.
    pub client_auth: bool,
    /// Whether it obeys the rules for publicly trusted CAs.
    pub public: bool,
    /// The longest lifetime it gives.
    pub max_lifetime: Option<Duration>,
    /// The digest it signs with, whatever is asked.
    pub digest: Option<DigestAlgorithm>,
    /// The domains its name constraints permit; none where it has no constraints.
    pub permitted: Option<Vec<Fqdn>>,
}

impl IssuerFacts {
    /// Returns what the topology knows about `issuer`.
    pub fn of(issuer: &Issuer) -> Self {
        let templates = issuer.templates();
        Self {
            templates: if templates.is_empty() { None } else { Some(templates.to_vec()) },
            client_auth: issuer.gives_client_auth(),
            public: issuer.is_public(),
            max_lifetime: issuer.lifetime(),
            digest: None,
            permitted: None,
        }
    }
}

/// A certificate that a role of the request has now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CurrentCertificate {
    /// The roles of the request that have it.
    pub roles: Vec<Role>,
    /// Its thumbprint, as it is shown.
    pub thumbprint: String,
    /// Its subject alternative names.
    pub names: Vec<DnsName>,
}

/// What an order would ask for, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The standing wish it creates or renews: roles, issuer, template, key, digest, subject.
    pub enrollment: Enrollment,
    /// What changes among the enrollments of the server.
    pub changes: Vec<EnrollmentChange>,
    /// The enrollments that it takes roles from, as they are called before.
    pub regrouped: Vec<EnrollmentName>,
    /// The common name; none when it would be too long.
    pub subject_cn: Option<DnsName>,
    /// The subject alternative names, with their reasons; added ones last.
    pub names: Vec<PlannedName>,
    /// How they differ from the names of the certificates that are there now.
    pub comparisons: Vec<Comparison>,
    /// The extended key usages.
    pub usages: Usages,
    /// The roles that force the key to be exportable; empty where none does.
    pub exportable_forced_by: Vec<Role>,
    /// What the certificate will be called.
    pub friendly_name: FriendlyName,
    /// How long it will live, as far as that is known beforehand.
    pub lifetime: Option<Duration>,
    /// Whether a human has to approve it.
    pub approval_required: bool,
    /// What to know.
    pub notes: Vec<Note>,
}

/// How the planned names differ from those of a certificate that is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Comparison {
    /// The certificate's thumbprint.
    pub thumbprint: String,
    /// Planned names it lacks, and names it has that the plan has no reason for.
    pub difference: Difference,
}

/// Plans a request.
///
/// # Errors
/// Every reason why it cannot be planned.
pub fn plan(input: PlanInput<'_>) -> Result<Plan, Refusals> {
    let mut refusals = Vec::new();
    let Some(choice) = choose::choose(input, &mut refusals) else {
        return Err(Refusals::of(refusals).expect("nothing is left unchosen without a reason"));
    };
    let names = judge::names(input, &choice, &mut refusals);
    let friendly_name = friendly::name(input, &choice, &mut refusals);
    if let Some(refusals) = Refusals::of(refusals) {
        return Err(refusals);
    }

    let enrollment = enrollment(input, &choice, &names.added);
    let changes = regroup(input.enrollments, &enrollment);
    let regrouped = input.enrollments.iter().filter(|known| known.loses_a_role_to(&enrollment));
    let regrouped = regrouped.map(Enrollment::name).collect();
    let planned = names.planned.dns_names();
    let comparisons = input
        .current
        .iter()
        .map(|current| Comparison {
            thumbprint: current.thumbprint.clone(),
            difference: difference(&planned, &current.names),
        })
        .collect();
    let lifetime = judge::lifetime(input, &choice);
    let notes = judge::notes(input, &choice, &names, &enrollment, lifetime);
    Ok(Plan {
        changes,
        regrouped,
        subject_cn: names.planned.subject_cn,
        names: names.planned.names,
        comparisons,
        usages: choice.usages,
        exportable_forced_by: choice.forced_by(input.spec),
        friendly_name,
        lifetime: lifetime.given,
        approval_required: choice.guarded_by.is_some() || !names.need_another.is_empty(),
        notes,
        enrollment,
    })
}

fn enrollment(input: PlanInput<'_>, choice: &choose::Choice<'_>, added: &[DnsName]) -> Enrollment {
    let spec = input.spec;
    let roles = RoleSet::new(choice.roles()).expect("the choice refuses no role and doubles");
    let mut enrollment = Enrollment {
        instance: choice.instance.clone(),
        roles,
        issuer: choice.issuer.clone(),
        template: choice.template.clone(),
        key_algorithm: choice.key_algorithm,
        digest: choice.digest,
        exportable: choice.is_shared() || spec.exportable.unwrap_or(false),
        subject: spec.subject.clone(),
        client_eku: spec.client_eku,
        sip_domains: spec.sip_domains.clone(),
        added_names: added.to_vec(),
        friendly_name: match &spec.friendly_name {
            FriendlyNameChoice::Generated => None,
            FriendlyNameChoice::Exactly(name) | FriendlyNameChoice::BasedOn(name) => {
                Some(name.clone())
            }
        },
        renew_before: choice.place.pool.renew_before(),
    };
    let name = enrollment.name();
    if let Some(known) = input.enrollments.iter().find(|known| known.name() == name) {
        enrollment.renew_before = known.renew_before;
    }
    enrollment
}
