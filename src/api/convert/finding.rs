//! Findings and their acceptance.

use crate::api::pb;
use crate::api::status::Violation;
use crate::finding::{Acceptance, Finding, FindingSubject, Severity};

use super::{Fields, moment, timestamp};

impl From<Severity> for pb::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Notice => Self::Notice,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

impl From<&Finding> for pb::Finding {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.as_str().to_owned(),
            severity: pb::Severity::from(finding.severity).into(),
            evidence: finding.evidence.clone(),
            remedy: finding.remedy.clone(),
            ..Self::default()
        }
    }
}

impl TryFrom<pb::Finding> for Finding {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Finding) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let severity = match message.severity() {
            pb::Severity::Notice => Some(Severity::Notice),
            pb::Severity::Warning => Some(Severity::Warning),
            pb::Severity::Error => Some(Severity::Error),
            pb::Severity::Unspecified => fields.wrong("severity", "is missing"),
        };
        let code = fields.parse("code", &message.code);
        let finding = code.zip(severity).map(|(code, severity)| Self {
            code,
            severity,
            evidence: message.evidence,
            remedy: message.remedy,
        });
        fields.finish(finding)
    }
}

impl From<&Acceptance> for pb::Acceptance {
    fn from(acceptance: &Acceptance) -> Self {
        let role = match &acceptance.subject {
            Some(FindingSubject::Role(role)) => role.to_string(),
            Some(FindingSubject::Agent | FindingSubject::Certificate(_)) | None => String::new(),
        };
        Self {
            code: acceptance.code.as_str().to_owned(),
            role,
            reason: acceptance.reason.clone(),
            accepted_by: acceptance.by.clone(),
            accepted_at: None,
            until: Some(timestamp(acceptance.until)),
        }
    }
}

impl TryFrom<pb::Acceptance> for Acceptance {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Acceptance) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let code = fields.parse("code", &message.code);
        let role = fields.parse_optional("role", &message.role);
        let until = fields.required("until", message.until);
        let acceptance = code.zip(role).zip(until).map(|((code, role), until)| Self {
            code,
            subject: role.map(FindingSubject::Role),
            until: moment(until),
            reason: message.reason,
            by: message.accepted_by,
        });
        fields.finish(acceptance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::FindingCode;
    use crate::time::Timestamp;

    #[test]
    fn findings_of_every_code_survive_the_wire() {
        for code in FindingCode::ALL {
            let finding = Finding::new(*code, "what was seen", "rolecallctl status");
            assert_eq!(Finding::try_from(pb::Finding::from(&finding)), Ok(finding));
        }
    }

    #[test]
    fn an_acceptance_survives_the_wire() {
        let acceptance = Acceptance {
            code: FindingCode::CrlMissing,
            subject: Some(FindingSubject::Role("Default".parse().unwrap())),
            until: Timestamp::from_seconds(5),
            reason: "known".into(),
            by: "alice".into(),
        };
        assert_eq!(Acceptance::try_from(pb::Acceptance::from(&acceptance)), Ok(acceptance));
    }

    #[test]
    fn a_finding_without_code_or_severity_is_refused_with_both_named() {
        let violations = Finding::try_from(pb::Finding::default()).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["severity", "code"]);
    }
}
