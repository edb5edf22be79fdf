//! What is asked for, and what it comes to.

use crate::api::pb;
use crate::api::status::Violation;
use crate::finding::{Finding, FindingCode, Severity};
use crate::naming::PlannedName;
use crate::plan::{Note, Plan};
use crate::request::{FriendlyNameChoice, Goal, RequestSpec, SipDomainChoice, SubjectAttributes};

use super::{Fields, MOST_NAMES, MOST_ROLES, too_many};

impl From<&RequestSpec> for pb::OrderSpec {
    fn from(spec: &RequestSpec) -> Self {
        let friendly_name = match &spec.friendly_name {
            FriendlyNameChoice::Generated => String::new(),
            FriendlyNameChoice::Exactly(name) | FriendlyNameChoice::BasedOn(name) => {
                name.to_string()
            }
        };
        Self {
            roles: spec.roles.iter().map(ToString::to_string).collect(),
            issuer: spec.issuer.as_ref().map(ToString::to_string).unwrap_or_default(),
            template: spec.template.as_ref().map(ToString::to_string).unwrap_or_default(),
            friendly_name,
            key_algorithm: spec.key_algorithm.map(|key| key.to_string()).unwrap_or_default(),
            digest: spec.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            exportable: spec.exportable,
            subject: Some((&spec.subject).into()),
            client_eku: spec.client_eku,
            sip_domains: Some((&spec.sip_domains).into()),
            added_names: spec.added_names.iter().map(ToString::to_string).collect(),
            goal: pb::Goal::from(spec.goal).into(),
        }
    }
}

impl TryFrom<pb::OrderSpec> for RequestSpec {
    type Error = Vec<Violation>;

    fn try_from(message: pb::OrderSpec) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let spec = read_spec(&mut fields, message);
        fields.finish(spec)
    }
}

fn read_spec(fields: &mut Fields, message: pb::OrderSpec) -> Option<RequestSpec> {
    let goal = Goal::from(message.goal());
    let roles = if message.roles.is_empty() {
        fields.wrong("roles", "at least one role is needed")
    } else {
        fields.parse_few("roles", &message.roles, MOST_ROLES)
    };
    let issuer = fields.parse_optional("issuer", &message.issuer);
    let template = fields.parse_optional("template", &message.template);
    let friendly_name = fields.parse_optional("friendly_name", &message.friendly_name);
    let key_algorithm = fields.parse_optional("key_algorithm", &message.key_algorithm);
    let digest = fields.parse_optional("digest", &message.digest);
    let subject = SubjectAttributes::try_from(message.subject.unwrap_or_default());
    let subject = fields.nested("subject", subject);
    let sip_domains = few_sip_domains(message.sip_domains.unwrap_or_default());
    let sip_domains = fields.nested("sip_domains", sip_domains);
    let added_names = fields.parse_few("added_names", &message.added_names, MOST_NAMES);
    Some(RequestSpec {
        roles: roles?,
        issuer: issuer?,
        template: template?,
        friendly_name: friendly_name?
            .map_or(FriendlyNameChoice::Generated, FriendlyNameChoice::Exactly),
        key_algorithm: key_algorithm?,
        digest: digest?,
        exportable: message.exportable,
        subject: subject?,
        client_eku: message.client_eku,
        sip_domains: sip_domains?,
        added_names: added_names?,
        goal,
    })
}

/// Rows may have more, where a topology does; a request names each of them.
fn few_sip_domains(message: pb::SipDomains) -> Result<SipDomainChoice, Vec<Violation>> {
    match too_many("domains", message.domains.len(), MOST_NAMES) {
        Some(violation) => Err(vec![violation]),
        None => message.try_into(),
    }
}

impl From<&PlannedName> for pb::PlannedName {
    fn from(planned: &PlannedName) -> Self {
        Self { name: planned.name.to_string(), why: planned.why.clone() }
    }
}

impl From<&Plan> for pb::Plan {
    fn from(plan: &Plan) -> Self {
        let mut missing_names: Vec<String> = Vec::new();
        let mut extra_names: Vec<String> = Vec::new();
        for comparison in &plan.comparisons {
            missing_names.extend(comparison.difference.missing.iter().map(ToString::to_string));
            extra_names.extend(comparison.difference.extra.iter().map(ToString::to_string));
        }
        for names in [&mut missing_names, &mut extra_names] {
            names.sort();
            names.dedup();
        }
        let forced = plan.exportable_forced_by.iter().map(ToString::to_string);
        let forced = forced.collect::<Vec<_>>().join(", ");
        Self {
            enrollment: Some((&plan.enrollment).into()),
            subject: Some(pb::Subject {
                common_name: plan.subject_cn.as_ref().map(ToString::to_string).unwrap_or_default(),
                attributes: Some((&plan.enrollment.subject).into()),
            }),
            names: plan.names.iter().map(Into::into).collect(),
            missing_names,
            extra_names,
            client_eku: plan.usages.client,
            exportable_forced: if forced.is_empty() {
                forced
            } else {
                format!("every server that needs {forced} holds the same key")
            },
            friendly_name: plan.friendly_name.to_string(),
            lifetime_seconds: plan.lifetime.map_or(0, |lifetime| lifetime.as_secs()),
            approval_required: plan.approval_required,
            findings: plan.notes.iter().filter_map(finding).collect(),
            notes: plan
                .notes
                .iter()
                .filter(|note| finding(note).is_none())
                .map(ToString::to_string)
                .collect(),
            regrouped: plan.regrouped.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A note whose code the certificate will be found under is a finding of the plan already.
fn finding(note: &Note) -> Option<pb::Finding> {
    let code: FindingCode = note.code().parse().ok()?;
    let finding = Finding::new(code, note.to_string(), "");
    Some((&finding.with_severity(Severity::Notice)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_wire() {
        let mut spec = RequestSpec::for_roles(["Default".parse().unwrap()]);
        spec.issuer = Some("embedded".parse().unwrap());
        spec.friendly_name = FriendlyNameChoice::Exactly("front door".parse().unwrap());
        spec.exportable = Some(true);
        spec.added_names = vec!["extra.contoso.com".parse().unwrap()];
        spec.goal = Goal::Install;
        assert_eq!(RequestSpec::try_from(pb::OrderSpec::from(&spec)), Ok(spec));
    }

    #[test]
    fn every_malformed_field_is_named_at_once() {
        let message = pb::OrderSpec {
            key_algorithm: "rsa-1024".into(),
            added_names: vec!["ok.contoso.com".into(), "b_d.contoso.com".into()],
            ..pb::OrderSpec::default()
        };
        let violations = RequestSpec::try_from(message).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["roles", "key_algorithm", "added_names[1]"]);
    }

    #[test]
    fn more_names_or_roles_than_any_certificate_has_are_refused_by_their_field_and_not_parsed() {
        let many = |count| (0..count).map(|number| format!("n{number}.contoso.com")).collect();
        let at_most = |roles, names, domains| pb::OrderSpec {
            roles: vec!["Default".to_owned(); roles],
            added_names: many(names),
            sip_domains: Some(pb::SipDomains { choice: 3, domains: many(domains) }),
            ..pb::OrderSpec::default()
        };
        RequestSpec::try_from(at_most(64, 200, 200)).unwrap();
        let violations = RequestSpec::try_from(at_most(65, 201, 201)).unwrap_err();
        let told: Vec<String> =
            violations.iter().map(|one| format!("{} {}", one.field, one.what)).collect();
        assert_eq!(
            told,
            [
                "roles has 65 values; at most 64 fit",
                "sip_domains.domains has 201 values; at most 200 fit",
                "added_names has 201 values; at most 200 fit",
            ]
        );
    }
}
