//! Which names are missing, which are too many, and where a wildcard does not help.

use std::collections::BTreeSet;

use super::{RoleRequirement, Subject, chain::MAX_SHOWN};
use crate::finding::{Finding, FindingCode};
use crate::name::DnsName;

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let roles: Vec<&RoleRequirement> =
        subject.roles.iter().filter(|wish| wish.names_matter).collect();
    let leaf = subject.chain.leaf();
    let mut findings = Vec::new();
    if leaf.subject().common_name().is_some_and(|name| name.starts_with("*.")) {
        findings.push(Finding::new(
            FindingCode::WildcardInSubject,
            format!("the subject is {}", leaf.subject()),
            subject.request(),
        ));
    }
    if roles.is_empty() {
        return findings;
    }
    let carried = Carried::of(leaf.dns_names());
    let wildcards = roles.iter().all(|wish| wish.wildcards);
    findings.extend(missing(subject, &carried, wildcards));
    findings.extend(extra(subject));
    if !carried.wildcards.is_empty() && !wildcards {
        findings.push(wildcard_on_role(subject, &roles, &carried));
    }
    findings
}

/// The names of a certificate, so that looking one up costs the same however many there are.
struct Carried<'a> {
    exact: BTreeSet<&'a str>,
    wildcards: Vec<&'a DnsName>,
}

impl<'a> Carried<'a> {
    fn of(names: &'a [DnsName]) -> Self {
        Self {
            exact: names.iter().map(DnsName::as_str).collect(),
            wildcards: names.iter().filter(|name| name.is_wildcard()).collect(),
        }
    }

    fn covers(&self, name: &DnsName, wildcards: bool) -> bool {
        self.exact.contains(name.as_str())
            || (wildcards && {
                let parent = name.as_str().split_once('.').map(|(_, parent)| parent);
                parent.is_some_and(|parent| self.exact.contains(format!("*.{parent}").as_str()))
            })
    }
}

fn missing(subject: &Subject<'_>, carried: &Carried<'_>, wildcards: bool) -> Option<Finding> {
    let missing: Vec<&str> = subject
        .expected_names
        .iter()
        .filter(|name| !carried.covers(name, wildcards))
        .map(DnsName::as_str)
        .collect();
    (!missing.is_empty()).then(|| {
        Finding::new(FindingCode::NamesMissing, listed("it lacks ", &missing), subject.renew())
    })
}

fn extra(subject: &Subject<'_>) -> Option<Finding> {
    let wishes = subject.expected_names.iter().chain(subject.shared_names);
    let expected: BTreeSet<&str> = wishes.map(DnsName::as_str).collect();
    let parents: BTreeSet<&str> =
        expected.iter().filter_map(|name| Some(name.split_once('.')?.1)).collect();
    let is_needed = |name: &str| {
        expected.contains(name)
            || name.strip_prefix("*.").is_some_and(|parent| parents.contains(parent))
    };
    let leaf = subject.chain.leaf();
    let extra: Vec<&str> = leaf
        .dns_names()
        .iter()
        .map(DnsName::as_str)
        .filter(|name| !is_needed(name))
        .chain(leaf.other_names().iter().map(|name| &**name))
        .collect();
    (!extra.is_empty()).then(|| {
        Finding::new(
            FindingCode::NamesExtra,
            listed("it carries besides: ", &extra),
            match subject.enrollments.first() {
                Some(enrollment) => format!(
                    "rolecallctl enrollment show {}  # says which names were added",
                    enrollment.name()
                ),
                None => "rolecallctl enrollment list".to_owned(),
            },
        )
    })
}

fn wildcard_on_role(
    subject: &Subject<'_>,
    roles: &[&RoleRequirement],
    carried: &Carried<'_>,
) -> Finding {
    let strict: Vec<&str> =
        roles.iter().filter(|wish| !wish.wildcards).map(|wish| wish.role.as_str()).collect();
    let wildcards: Vec<&str> = carried.wildcards.iter().map(|name| name.as_str()).collect();
    Finding::new(
        FindingCode::WildcardOnRole,
        listed(&format!("{} does not look at wildcards: ", strict.join(", ")), &wildcards),
        subject.request(),
    )
}

fn listed(introduction: &str, names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().copied().take(MAX_SHOWN).collect();
    let more = names.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{introduction}{}{rest}", shown.join(", "))
}
