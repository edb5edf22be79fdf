//! Assignments.

use crate::api::pb;
use crate::api::status::Violation;
use crate::assignment::{Assignment, Generation, Slot};
use crate::certificate::{Fingerprint, Thumbprint};

use super::{Fields, moment, timestamp};

impl From<&Slot> for pb::Slot {
    fn from(slot: &Slot) -> Self {
        Self {
            generation: slot.generation.get(),
            fingerprint: slot.fingerprint.as_bytes().to_vec(),
            thumbprint: slot.thumbprint.as_bytes().to_vec(),
            effective: Some(timestamp(slot.effective)),
            not_after: Some(timestamp(slot.not_after)),
        }
    }
}

impl TryFrom<pb::Slot> for Slot {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Slot) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let fingerprint = fields.octets("fingerprint", &message.fingerprint);
        let thumbprint = fields.octets("thumbprint", &message.thumbprint);
        let effective = fields.required("effective", message.effective);
        let not_after = fields.required("not_after", message.not_after);
        let slot = fingerprint.zip(thumbprint).zip(effective.zip(not_after)).map(
            |((fingerprint, thumbprint), (effective, not_after))| Self {
                generation: Generation::new(message.generation),
                fingerprint: Fingerprint::new(fingerprint),
                thumbprint: Thumbprint::new(thumbprint),
                effective: moment(effective),
                not_after: moment(not_after),
            },
        );
        fields.finish(slot)
    }
}

impl From<&Assignment> for pb::Assignment {
    /// Leaves `previous` empty: those are rows of their own.
    fn from(assignment: &Assignment) -> Self {
        Self {
            role: assignment.role.to_string(),
            scope: assignment.scope.to_string(),
            scope_name: assignment.scope_name.to_string(),
            current: assignment.current.as_ref().map(Into::into),
            next: assignment.next.as_ref().map(Into::into),
            previous: Vec::new(),
            highest_generation: assignment.highest.get(),
        }
    }
}

impl TryFrom<pb::Assignment> for Assignment {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Assignment) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let role = fields.parse("role", &message.role);
        let scope = fields.parse("scope", &message.scope);
        let mut slot = |name, slot: Option<pb::Slot>| {
            slot.and_then(|slot| fields.nested(name, Slot::try_from(slot)))
        };
        let current = slot("current", message.current);
        let next = slot("next", message.next);
        let assignment = role.zip(scope).map(|(role, scope)| Self {
            role,
            scope,
            scope_name: message.scope_name.into(),
            current,
            next,
            highest: Generation::new(message.highest_generation),
        });
        fields.finish(assignment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Candidate;
    use crate::role::Scope;
    use crate::time::Timestamp;

    #[test]
    fn an_assignment_with_current_and_next_survives_the_wire() {
        let now = Timestamp::from_seconds(10);
        let candidate = |octet| Candidate {
            fingerprint: Fingerprint::of(&[octet]),
            thumbprint: Thumbprint::of(&[octet]),
            not_after: Timestamp::from_seconds(100),
        };
        let vacant = Assignment::vacant(
            "Default".parse().unwrap(),
            Scope::Server,
            "se01.contoso.com".into(),
        );
        let current = vacant.handle_assign(candidate(1), now, now).unwrap().assignment;
        let later = Timestamp::from_seconds(50);
        let both = current.handle_assign(candidate(2), later, now).unwrap().assignment;
        assert_eq!(Assignment::try_from(pb::Assignment::from(&both)), Ok(both));
    }

    #[test]
    fn a_slot_with_a_short_fingerprint_is_named_by_its_path() {
        let message = pb::Assignment {
            role: "Default".into(),
            scope: "server".into(),
            current: Some(pb::Slot { fingerprint: vec![1], ..pb::Slot::default() }),
            ..pb::Assignment::default()
        };
        let violations = Assignment::try_from(message).unwrap_err();
        assert_eq!(violations[0].field, "current.fingerprint");
    }
}
