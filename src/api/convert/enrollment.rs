//! Enrollments.

use std::time::Duration;

use crate::api::pb;
use crate::api::status::Violation;
use crate::enrollment::{Enrollment, RoleSet};
use crate::name::Fqdn;
use crate::request::{SipDomainChoice, SubjectAttributes};
use crate::role::{Role, Scope};
use crate::topology::ScopeInstance;

use super::Fields;

impl From<&Enrollment> for pb::Enrollment {
    fn from(enrollment: &Enrollment) -> Self {
        let (scope, scope_name) = instance_parts(&enrollment.instance);
        Self {
            name: enrollment.name().to_string(),
            scope_name,
            scope: scope.to_string(),
            roles: enrollment.roles.iter().map(ToString::to_string).collect(),
            issuer: enrollment.issuer.to_string(),
            template: enrollment.template.as_ref().map(ToString::to_string).unwrap_or_default(),
            key_algorithm: enrollment.key_algorithm.to_string(),
            digest: enrollment.digest.to_string(),
            exportable: enrollment.exportable,
            subject: Some((&enrollment.subject).into()),
            client_eku: enrollment.client_eku,
            sip_domains: Some((&enrollment.sip_domains).into()),
            added_names: enrollment.added_names.iter().map(ToString::to_string).collect(),
            friendly_name: enrollment
                .friendly_name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            renew_before_seconds: enrollment.renew_before.map(|lead| lead.as_secs()),
        }
    }
}

impl TryFrom<pb::Enrollment> for Enrollment {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Enrollment) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let enrollment = read(&mut fields, message);
        fields.finish(enrollment)
    }
}

fn read(fields: &mut Fields, message: pb::Enrollment) -> Option<Enrollment> {
    let instance = read_instance(fields, &message.scope, &message.scope_name);
    let roles: Option<Vec<Role>> = fields.parse_each("roles", &message.roles);
    let roles = roles.and_then(|roles| match RoleSet::new(roles) {
        Ok(roles) => Some(roles),
        Err(error) => fields.wrong("roles", error),
    });
    let issuer = fields.parse("issuer", &message.issuer);
    let template = fields.parse_optional("template", &message.template);
    let key_algorithm = fields.parse("key_algorithm", &message.key_algorithm);
    let digest = fields.parse("digest", &message.digest);
    let subject = SubjectAttributes::try_from(message.subject.unwrap_or_default());
    let subject = fields.nested("subject", subject);
    let sip_domains = SipDomainChoice::try_from(message.sip_domains.unwrap_or_default());
    let sip_domains = fields.nested("sip_domains", sip_domains);
    let added_names = fields.parse_each("added_names", &message.added_names);
    let friendly_name = fields.parse_optional("friendly_name", &message.friendly_name);
    Some(Enrollment {
        instance: instance?,
        roles: roles?,
        issuer: issuer?,
        template: template?,
        key_algorithm: key_algorithm?,
        digest: digest?,
        exportable: message.exportable,
        subject: subject?,
        client_eku: message.client_eku,
        sip_domains: sip_domains?,
        added_names: added_names?,
        friendly_name: friendly_name?,
        renew_before: message.renew_before_seconds.map(Duration::from_secs),
    })
}

/// Returns the scope and its name, empty for the global one, as messages and rows carry them.
pub fn instance_parts(instance: &ScopeInstance) -> (Scope, String) {
    match instance {
        ScopeInstance::Server(server) => (Scope::Server, server.to_string()),
        ScopeInstance::Pool(pool) => (Scope::Pool, pool.to_string()),
        ScopeInstance::Global => (Scope::Global, String::new()),
    }
}

fn read_instance(fields: &mut Fields, scope: &str, name: &str) -> Option<ScopeInstance> {
    let mut named = || fields.parse::<Fqdn>("scope_name", name);
    match scope.parse() {
        Ok(Scope::Server) => named().map(ScopeInstance::Server),
        Ok(Scope::Pool) => named().map(ScopeInstance::Pool),
        Ok(Scope::Global) => Some(ScopeInstance::Global),
        Err(error) => fields.wrong("scope", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DigestAlgorithm, KeyAlgorithm};

    #[test]
    fn an_enrollment_of_every_scope_survives_the_wire() {
        for instance in [
            ScopeInstance::Server("se01.contoso.com".parse().unwrap()),
            ScopeInstance::Pool("edge.contoso.net".parse().unwrap()),
            ScopeInstance::Global,
        ] {
            let enrollment = Enrollment {
                instance,
                roles: RoleSet::new(["Default".parse().unwrap()]).unwrap(),
                issuer: "embedded".parse().unwrap(),
                template: Some("WebServer".parse().unwrap()),
                key_algorithm: KeyAlgorithm::EcdsaP384,
                digest: DigestAlgorithm::Sha384,
                exportable: true,
                subject: SubjectAttributes::default(),
                client_eku: Some(false),
                sip_domains: SipDomainChoice::All,
                added_names: vec!["extra.contoso.com".parse().unwrap()],
                friendly_name: Some("front door".parse().unwrap()),
                renew_before: Some(Duration::from_secs(86_400)),
            };
            assert_eq!(Enrollment::try_from(pb::Enrollment::from(&enrollment)), Ok(enrollment));
        }
    }
}
