//! Which names a certificate carries, and why.
//!
//! [`names`] is a pure function of the topology, one server and the roles that share the
//! certificate: `domain.md` §2.1 (the base rules), §2.2 (the conditions) and the rulings at its
//! head, which decide where the sources leave a choice. Every name keeps its reason, so that a plan
//! can show it and a verification can say what a missing name was for. What an administrator adds
//! is appended last.
//!
//! Two rules hold for every certificate: the common name is also a subject alternative name (the
//! documented empty sets of `profile = "lync2013"` excepted), and it is left out when it is longer
//! than the 64 characters of RFC 5280 appendix A.1.

mod difference;
mod rules;
#[cfg(test)]
mod tests;

pub use self::difference::{Difference, difference};

use crate::name::DnsName;
use crate::request::SipDomainChoice;
use crate::role::{BuiltInRole, Role};
use crate::topology::{Place, Topology};

/// What a request decides about names beside its roles.
#[derive(Clone, Copy, Debug)]
pub struct NamingOptions<'a> {
    /// Whether the issuer obeys the rules for publicly trusted CAs, which name nothing internal.
    pub public_issuer: bool,
    /// Which SIP domains get their `sip.<domain>` name.
    pub sip_domains: &'a SipDomainChoice,
    /// Names beyond the computed ones.
    pub added_names: &'a [DnsName],
}

impl Default for NamingOptions<'_> {
    fn default() -> Self {
        Self { public_issuer: false, sip_domains: &SipDomainChoice::Computed, added_names: &[] }
    }
}

/// The names of one certificate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlannedNames {
    /// The common name; none when it would be longer than 64 characters.
    pub subject_cn: Option<DnsName>,
    /// The subject alternative names, each once, the subject's first.
    pub names: Vec<PlannedName>,
}

impl PlannedNames {
    /// Returns the subject alternative names without their reasons.
    pub fn dns_names(&self) -> Vec<DnsName> {
        self.names.iter().map(|planned| planned.name.clone()).collect()
    }

    /// Returns whether `name` is one of them.
    pub fn contains(&self, name: &DnsName) -> bool {
        self.names.iter().any(|planned| planned.name == *name)
    }
}

/// A name, and why it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedName {
    /// The name.
    pub name: DnsName,
    /// Why, in half a sentence.
    pub why: String,
}

/// Returns the names of the certificate that `roles` share on the server at `place`.
///
/// The subject is that of `Default`, else that of the first role in catalogue order; the subject
/// alternative names are those of all (rulings, "combined roles"). A role that the topology does
/// not define contributes nothing.
pub fn names(
    topology: &Topology,
    place: Place<'_>,
    roles: &[Role],
    options: NamingOptions<'_>,
) -> PlannedNames {
    let mut roles: Vec<&Role> = roles.iter().collect();
    roles.sort();
    roles.dedup();
    roles.sort_by_key(|role| **role != Role::from(BuiltInRole::Default));

    let context = rules::Context { topology, place, options };
    let drafts: Vec<_> = roles.into_iter().filter_map(|role| context.draft(role)).collect();
    let mut names = Names::default();
    let subject = drafts.first().map(|draft| draft.subject.clone());
    if let Some((subject, why)) = &subject {
        let nameless = drafts.iter().all(|draft| draft.names.is_empty());
        if !nameless || is_too_long(subject) {
            names.add(subject, why);
        }
    }
    drafts.iter().for_each(|draft| names.merge(&draft.names));
    options.added_names.iter().for_each(|name| names.add(name, "added by the request"));
    let subject_cn = subject.map(|(name, _)| name).filter(|name| !is_too_long(name));
    PlannedNames { subject_cn, names: names.into_planned() }
}

/// Names in the order they were added, each once, with all its reasons.
#[derive(Clone, Debug, Default)]
struct Names(Vec<(DnsName, Vec<String>)>);

impl Names {
    fn add(&mut self, name: &DnsName, why: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, whys)) if whys.iter().any(|known| known == why) => {}
            Some((_, whys)) => whys.push(why.to_owned()),
            None => self.0.push((name.clone(), vec![why.to_owned()])),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (name, whys) in &other.0 {
            whys.iter().for_each(|why| self.add(name, why));
        }
    }

    fn first(&self) -> Option<&DnsName> {
        self.0.first().map(|(name, _)| name)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_planned(self) -> Vec<PlannedName> {
        self.0.into_iter().map(|(name, whys)| PlannedName { name, why: whys.join("; ") }).collect()
    }
}

fn is_too_long(common_name: &DnsName) -> bool {
    common_name.as_str().len() > MAX_COMMON_NAME_LEN
}

/// `ub-common-name` of RFC 5280 appendix A.1.
const MAX_COMMON_NAME_LEN: usize = 64;
