//! Enrollments: the standing wish for one certificate.
//!
//! An [`Enrollment`] is computed from the topology; what a request adds is kept in it, and renewal
//! reads only it (`design.md` §1). It has no identity beside its name, `<lead role>@<server, pool
//! or global>`, and a role belongs to exactly one enrollment of a server: [`regroup`] says what a
//! new one takes away from the others, as changes for the journal.

mod roles;

pub use self::roles::{InvalidRoleSet, RoleSet};

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::DnsName;
use crate::request::{
    FriendlyName, FriendlyNameChoice, Goal, IssuerName, RequestSpec, SipDomainChoice,
    SubjectAttributes, TemplateName,
};
use crate::role::{Role, is_path_name};
use crate::topology::ScopeInstance;

/// The standing wish for one certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Enrollment {
    /// Where the certificate is good for.
    pub instance: ScopeInstance,
    /// The roles that share it.
    pub roles: RoleSet,
    /// Who issues it.
    pub issuer: IssuerName,
    /// By which template; none where the issuer chooses.
    pub template: Option<TemplateName>,
    /// The algorithm of each new key.
    pub key_algorithm: KeyAlgorithm,
    /// The digest to ask for.
    pub digest: DigestAlgorithm,
    /// Whether keys may leave the store.
    pub exportable: bool,
    /// The subject beside its common name.
    pub subject: SubjectAttributes,
    /// Whether clientAuth is wanted; none where the roles decide.
    pub client_eku: Option<bool>,
    /// Which SIP domains it names.
    pub sip_domains: SipDomainChoice,
    /// What requests added to the computed names.
    pub added_names: Vec<DnsName>,
    /// The name an administrator gave it; none when one is generated for each certificate.
    pub friendly_name: Option<FriendlyName>,
    /// How long before expiry it is renewed; none for the default rule.
    pub renew_before: Option<Duration>,
}

impl Enrollment {
    /// Returns its name.
    pub fn name(&self) -> EnrollmentName {
        EnrollmentName::of(self.roles.lead(), &self.instance)
    }

    /// Returns the request that renews it: the same wish, with a name made unique.
    pub fn renewal(&self, goal: Goal) -> RequestSpec {
        RequestSpec {
            roles: self.roles.iter().cloned().collect(),
            issuer: Some(self.issuer.clone()),
            template: self.template.clone(),
            friendly_name: self
                .friendly_name
                .clone()
                .map_or(FriendlyNameChoice::Generated, FriendlyNameChoice::BasedOn),
            key_algorithm: Some(self.key_algorithm),
            digest: Some(self.digest),
            exportable: Some(self.exportable),
            subject: self.subject.clone(),
            client_eku: self.client_eku,
            sip_domains: self.sip_domains.clone(),
            added_names: self.added_names.clone(),
            goal,
        }
    }

    /// Returns this wish for fewer roles, or nothing when none is left.
    fn without(&self, roles: &RoleSet) -> Option<Self> {
        let kept = self.roles.iter().filter(|role| !roles.contains(role)).cloned();
        let roles = RoleSet::new(kept).ok()?;
        Some(Self { roles, ..self.clone() })
    }

    /// Returns whether `new` takes a role away from it, or splits it.
    pub fn loses_a_role_to(&self, new: &Self) -> bool {
        let goes_on =
            self.name() == new.name() && self.roles.iter().all(|role| new.roles.contains(role));
        self.shares_a_role_with(new) && !goes_on
    }

    fn shares_a_role_with(&self, other: &Self) -> bool {
        self.overlaps(other) && self.roles.iter().any(|role| other.roles.contains(role))
    }

    /// Returns whether both can be about the same server; enrollments of two servers, or of two
    /// pools, are not.
    fn overlaps(&self, other: &Self) -> bool {
        match (&self.instance, &other.instance) {
            (ScopeInstance::Server(a), ScopeInstance::Server(b))
            | (ScopeInstance::Pool(a), ScopeInstance::Pool(b)) => a == b,
            (ScopeInstance::Global, _)
            | (_, ScopeInstance::Global)
            | (ScopeInstance::Server(_), ScopeInstance::Pool(_))
            | (ScopeInstance::Pool(_), ScopeInstance::Server(_)) => true,
        }
    }
}

/// The name of an enrollment: `<lead role>@<server, pool or global>`.
///
/// The lead role is the first of its roles in catalogue order, so that the same roles always give
/// the same name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnrollmentName(Box<str>);

impl EnrollmentName {
    /// Returns the name of the enrollment that `lead` leads.
    pub fn of(lead: &Role, instance: &ScopeInstance) -> Self {
        Self(format!("{lead}@{instance}").into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnrollmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnrollmentName {
    type Err = InvalidEnrollmentName;

    /// Parses a name as an administrator types it; roles are understood in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEnrollmentName { text: text.escape_debug().to_string().into() };
        let (role, place) = text.split_once('@').ok_or_else(invalid)?;
        let role: Role = role.parse().ok().ok_or_else(invalid)?;
        let place = place.to_ascii_lowercase();
        if is_path_name(&place) {
            Ok(Self(format!("{role}@{place}").into()))
        } else {
            Err(invalid())
        }
    }
}

/// A text that cannot name an enrollment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not the name of an enrollment, such as Default@se01.contoso.com")]
pub struct InvalidEnrollmentName {
    text: Box<str>,
}

/// A change to the enrollments of one server.
#[expect(clippy::large_enum_variant, reason = "a handful exist at a time, and most are `Set`")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EnrollmentChange {
    /// This enrollment exists now, in place of any of the same name.
    Set(Enrollment),
    /// The enrollment of that name is gone.
    Removed(EnrollmentName),
}

/// Returns what has to change so that `new` exists and every role has one enrollment, in order.
///
/// `existing` are the enrollments of the server that `new` is for. An enrollment that loses its
/// lead role goes on under the name of its next; one that loses every role is removed. Nothing
/// changes when `new` is there already.
pub fn regroup(existing: &[Enrollment], new: &Enrollment) -> Vec<EnrollmentChange> {
    if existing.contains(new) {
        return Vec::new();
    }
    let name = new.name();
    let mut removed = Vec::new();
    let mut set = Vec::new();
    for enrollment in existing.iter().filter(|enrollment| enrollment.shares_a_role_with(new)) {
        let rest = enrollment.without(&new.roles);
        let old_name = enrollment.name();
        let goes_on = rest.as_ref().is_some_and(|rest| rest.name() == old_name);
        if !goes_on && old_name != name {
            removed.push(EnrollmentChange::Removed(old_name));
        }
        set.extend(rest.map(EnrollmentChange::Set));
    }
    removed.append(&mut set);
    removed.push(EnrollmentChange::Set(new.clone()));
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::BuiltInRole;

    fn enrollment(server: &str, roles: &[&str]) -> Enrollment {
        Enrollment {
            instance: ScopeInstance::Server(server.parse().unwrap()),
            roles: RoleSet::new(roles.iter().map(|role| role.parse().unwrap())).unwrap(),
            issuer: "embedded".parse().unwrap(),
            template: None,
            key_algorithm: KeyAlgorithm::default(),
            digest: DigestAlgorithm::default(),
            exportable: false,
            subject: SubjectAttributes::default(),
            client_eku: None,
            sip_domains: SipDomainChoice::Computed,
            added_names: Vec::new(),
            friendly_name: None,
            renew_before: None,
        }
    }

    /// Applies changes as the store does, and returns `name: roles` of what is there then.
    fn applied(existing: &[Enrollment], changes: &[EnrollmentChange]) -> Vec<String> {
        let mut all: std::collections::BTreeMap<_, _> =
            existing.iter().map(|one| (one.name(), one.clone())).collect();
        for change in changes {
            match change {
                EnrollmentChange::Set(one) => drop(all.insert(one.name(), one.clone())),
                EnrollmentChange::Removed(name) => drop(all.remove(name)),
            }
        }
        all.values().map(|one| format!("{}: {}", one.name(), one.roles)).collect()
    }

    const SE: &str = "se01.contoso.com";

    #[test]
    fn the_name_is_the_lead_role_at_its_place_whatever_the_order() {
        let one = enrollment(SE, &["WebServicesExternal", "Default"]);
        assert_eq!(one.name().as_str(), "Default@se01.contoso.com");
        let global =
            Enrollment { instance: ScopeInstance::Global, ..enrollment(SE, &["OAuthTokenIssuer"]) };
        assert_eq!(global.name().as_str(), "OAuthTokenIssuer@global");
        assert_eq!("default@SE01.contoso.com".parse(), Ok(one.name()));
        for text in ["Default", "Default@../x", "@se01.contoso.com", "Default@"] {
            assert!(text.parse::<EnrollmentName>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_enrollment_that_loses_its_lead_role_goes_on_under_the_next() {
        let existing = [enrollment(SE, &["Default", "WebServicesInternal", "WebServicesExternal"])];
        let changes = regroup(&existing, &enrollment(SE, &["Default"]));
        assert_eq!(
            applied(&existing, &changes),
            [
                "Default@se01.contoso.com: Default",
                "WebServicesInternal@se01.contoso.com: WebServicesInternal, WebServicesExternal",
            ]
        );
    }

    #[test]
    fn an_enrollment_that_loses_another_role_keeps_its_name() {
        let existing = [enrollment(SE, &["Default", "WebServicesInternal"])];
        let changes = regroup(&existing, &enrollment(SE, &["WebServicesInternal"]));
        assert_eq!(
            applied(&existing, &changes),
            [
                "Default@se01.contoso.com: Default",
                "WebServicesInternal@se01.contoso.com: WebServicesInternal",
            ]
        );
    }

    #[test]
    fn enrollments_that_lose_every_role_are_removed() {
        let existing = [
            enrollment(SE, &["Default"]),
            enrollment(SE, &["WebServicesInternal"]),
            enrollment("se02.contoso.com", &["Default"]),
        ];
        let changes = regroup(&existing, &enrollment(SE, &["Default", "WebServicesInternal"]));
        assert_eq!(
            applied(&existing, &changes),
            [
                "Default@se01.contoso.com: Default, WebServicesInternal",
                "Default@se02.contoso.com: Default",
            ]
        );
    }

    #[test]
    fn the_same_wish_again_changes_nothing() {
        let existing = [enrollment(SE, &["Default"])];
        assert!(regroup(&existing, &existing[0]).is_empty());
    }

    #[test]
    fn a_role_that_becomes_shared_leaves_its_servers_enrollment() {
        let existing = [enrollment("fe01.contoso.net", &["Default", "WebServicesInternal"])];
        let pool = ScopeInstance::Pool("fe.contoso.net".parse().unwrap());
        let shared = Enrollment { instance: pool, ..enrollment(SE, &["Default"]) };
        let changes = regroup(&existing, &shared);
        assert_eq!(
            applied(&existing, &changes),
            [
                "Default@fe.contoso.net: Default",
                "WebServicesInternal@fe01.contoso.net: WebServicesInternal",
            ]
        );
    }

    #[test]
    fn a_renewal_asks_for_what_the_enrollment_says_and_nothing_else() {
        let mut one = enrollment(SE, &["Default"]);
        one.added_names = vec!["sipinternal.contoso.com".parse().unwrap()];
        one.friendly_name = Some("front door".parse().unwrap());
        let spec = one.renewal(Goal::Assign);
        assert_eq!(spec.added_names, one.added_names);
        assert_eq!(spec.roles, [Role::from(BuiltInRole::Default)]);
        assert_eq!(spec.friendly_name, FriendlyNameChoice::BasedOn("front door".parse().unwrap()));
    }
}
