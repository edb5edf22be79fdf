//! Times, actors, subjects, goals, SIP domains.

use crate::actor::Actor;
use crate::api::pb;
use crate::api::status::Violation;
use crate::request::{Attribute, Goal, SipDomainChoice, SubjectAttributes};
use crate::time::Timestamp;

use super::Fields;

/// Returns the message for a moment.
pub fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let nanos = moment.as_millis().rem_euclid(1_000).saturating_mul(1_000_000);
    prost_types::Timestamp {
        seconds: moment.as_seconds(),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

/// Returns the moment of a message, rounded down to a millisecond.
pub fn moment(timestamp: prost_types::Timestamp) -> Timestamp {
    let millis = i64::from(timestamp.nanos).div_euclid(1_000_000);
    Timestamp::from_millis(timestamp.seconds.saturating_mul(1_000).saturating_add(millis))
}

impl From<&Actor> for pb::Actor {
    fn from(actor: &Actor) -> Self {
        let (kind, uid, name) = match actor {
            Actor::Local { uid, name } => (pb::actor::Kind::Local, *uid, name.to_string()),
            Actor::Console { uid, name } => (pb::actor::Kind::Console, *uid, name.to_string()),
            Actor::Agent => (pb::actor::Kind::Agent, 0, String::new()),
        };
        Self { kind: kind.into(), uid, name }
    }
}

impl TryFrom<pb::Actor> for Actor {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Actor) -> Result<Self, Self::Error> {
        let name = message.name.as_str().into();
        match message.kind() {
            pb::actor::Kind::Local => Ok(Self::Local { uid: message.uid, name }),
            pb::actor::Kind::Console => Ok(Self::Console { uid: message.uid, name }),
            pb::actor::Kind::Agent => Ok(Self::Agent),
            pb::actor::Kind::Unspecified => Err(vec![Violation::new("kind", "is missing")]),
        }
    }
}

impl From<&SubjectAttributes> for pb::SubjectAttributes {
    fn from(attributes: &SubjectAttributes) -> Self {
        let text = |attribute| attributes.get(attribute).unwrap_or_default().to_owned();
        Self {
            organization: text(Attribute::Organization),
            organizational_unit: text(Attribute::OrganizationalUnit),
            country: text(Attribute::Country),
            state: text(Attribute::State),
            locality: text(Attribute::Locality),
        }
    }
}

impl TryFrom<pb::SubjectAttributes> for SubjectAttributes {
    type Error = Vec<Violation>;

    fn try_from(message: pb::SubjectAttributes) -> Result<Self, Self::Error> {
        Self::new(&[
            (Attribute::Organization, &message.organization),
            (Attribute::OrganizationalUnit, &message.organizational_unit),
            (Attribute::Country, &message.country),
            (Attribute::State, &message.state),
            (Attribute::Locality, &message.locality),
        ])
        .map_err(|invalid| invalid.iter().map(|what| Violation::new("subject", what)).collect())
    }
}

impl From<Goal> for pb::Goal {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Install => Self::Install,
            Goal::Assign => Self::Assign,
            Goal::Roll => Self::Roll,
        }
    }
}

impl From<pb::Goal> for Goal {
    /// Unspecified means assign, the wizard's default.
    fn from(message: pb::Goal) -> Self {
        match message {
            pb::Goal::Install => Self::Install,
            pb::Goal::Assign | pb::Goal::Unspecified => Self::Assign,
            pb::Goal::Roll => Self::Roll,
        }
    }
}

impl From<&SipDomainChoice> for pb::SipDomains {
    fn from(choice: &SipDomainChoice) -> Self {
        use pb::sip_domains::Choice;
        let (choice, domains) = match choice {
            SipDomainChoice::Computed => (Choice::Computed, Vec::new()),
            SipDomainChoice::All => (Choice::All, Vec::new()),
            SipDomainChoice::These(domains) => {
                (Choice::These, domains.iter().map(ToString::to_string).collect())
            }
        };
        Self { choice: choice.into(), domains }
    }
}

impl TryFrom<pb::SipDomains> for SipDomainChoice {
    type Error = Vec<Violation>;

    fn try_from(message: pb::SipDomains) -> Result<Self, Self::Error> {
        use pb::sip_domains::Choice;
        match message.choice() {
            Choice::Unspecified | Choice::Computed => Ok(Self::Computed),
            Choice::All => Ok(Self::All),
            Choice::These => {
                let mut fields = Fields::default();
                let domains = fields.parse_each("domains", &message.domains);
                fields.finish(domains).map(Self::These)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_wire_before_and_after_the_epoch() {
        for millis in [-1, 0, 1, 999, 1_000, 1_763_000_000_123, -62_135_596_800_000] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(moment(timestamp(at)), at);
        }
    }

    #[test]
    fn actors_survive_the_wire() {
        for actor in [
            Actor::Local { uid: 1_000, name: "alice".into() },
            Actor::Console { uid: 0, name: "root".into() },
            Actor::Agent,
        ] {
            assert_eq!(Actor::try_from(pb::Actor::from(&actor)), Ok(actor));
        }
        Actor::try_from(pb::Actor::default()).unwrap_err();
    }

    #[test]
    fn sip_domains_survive_the_wire_and_a_bad_one_is_named() {
        for choice in [
            SipDomainChoice::Computed,
            SipDomainChoice::All,
            SipDomainChoice::These(vec!["contoso.com".parse().unwrap()]),
        ] {
            assert_eq!(SipDomainChoice::try_from(pb::SipDomains::from(&choice)), Ok(choice));
        }
        let bad = pb::SipDomains { choice: 3, domains: vec!["ok.com".into(), "b_d.com".into()] };
        assert_eq!(SipDomainChoice::try_from(bad).unwrap_err()[0].field, "domains[1]");
    }
}
