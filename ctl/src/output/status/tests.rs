use super::*;
use crate::args::Format;
use crate::output::render;
use crate::output::testing::{fits, moment, table, wide};

fn status() -> pb::GetStatusResponse {
    let assigned = pb::RoleStatus {
        role: "WebServicesInternal".into(),
        state: "assigned".into(),
        slot: "current".into(),
        generation: 3,
        thumbprint: vec![0x5d; 20],
        fingerprint: vec![0xf1; 32],
        not_before: moment("2026-11-24T00:00:00Z"),
        not_after: moment("2027-03-01T12:00:00Z"),
        renewal_due: moment("2027-01-28T00:00:00Z"),
        issuer: "embedded".into(),
        issuer_dn: "CN=Contoso Issuing CA".into(),
        ..pb::RoleStatus::default()
    };
    let missing = pb::RoleStatus {
        role: "OAuthTokenIssuer".into(),
        state: "missing".into(),
        findings: vec![pb::Finding {
            code: "role-missing".into(),
            severity: pb::Severity::Error.into(),
            evidence: "no certificate is assigned".into(),
            remedy: "rolecallctl request --role OAuthTokenIssuer".into(),
            ..pb::Finding::default()
        }],
        ..pb::RoleStatus::default()
    };
    pb::GetStatusResponse {
        as_of: moment("2026-11-24T12:00:00Z"),
        servers: vec![pb::ServerStatus {
            server: "se01.contoso.com".into(),
            pool: "se01.contoso.com".into(),
            pool_kind: "StandardEdition".into(),
            as_of: moment("2026-11-24T12:00:00Z"),
            roles: vec![assigned, missing],
            findings: Vec::new(),
            agent_version: "0.1.0".into(),
        }],
    }
}

fn accepted(mut status: pb::GetStatusResponse) -> pb::GetStatusResponse {
    status.servers[0].roles[1].findings[0].acceptance = Some(pb::Acceptance {
        code: "role-missing".into(),
        until: moment("2027-01-01T00:00:00Z"),
        ..pb::Acceptance::default()
    });
    status
}

/// The contract of `design.md` §10. Fields may be added to this text; nothing else may change.
#[test]
fn the_json_of_status_keeps_its_schema() {
    let json = render(&StatusView::of(&status()), Format::Json, &table()).unwrap();
    assert_eq!(json, include_str!("status.json"));
}

#[test]
fn the_yaml_of_status_says_what_its_json_says() {
    let yaml = render(&StatusView::of(&status()), Format::Yaml, &table()).unwrap();
    assert!(yaml.starts_with("schema: rolecall/status/v1\nas_of: "), "{yaml}");
    assert!(yaml.contains("served_thumbprint: null\n"), "{yaml}");
}

#[test]
fn the_worst_role_stands_first_with_the_command_that_helps() {
    let shown = StatusView::of(&status()).human(&table());
    fits(&shown);
    assert_eq!(
        shown,
        "\
se01.contoso.com, pool se01.contoso.com (StandardEdition)
ROLE                 STATE     CERTIFICATE   EXPIRES        RENEWAL     ISSUER
OAuthTokenIssuer     missing   -             -              -           -
WebServicesInternal  assigned  5D5D5D5D5D5D  2027-03-01     2027-01-28  embedded
                                             (in 97 days)

OAuthTokenIssuer
  error role-missing: no certificate is assigned
    > rolecallctl request --role OAuthTokenIssuer

1 of 2 roles assigned; 1 error.
"
    );
}

#[test]
fn the_longest_role_name_stays_whole() {
    let mut edge = status();
    edge.servers[0].roles[0].role = "AudioVideoAuthentication".into();
    let shown = StatusView::of(&edge).human(&table());
    fits(&shown);
    assert!(shown.contains("AudioVideoAuthentication assigned 5D5D5D5D5D5D 2027-03-01"), "{shown}");
}

#[test]
fn wide_loses_nothing() {
    let shown = StatusView::of(&status()).human(&wide());
    for whole in ["5D".repeat(20), "f1".repeat(32), "CN=Contoso Issuing CA".into()] {
        assert!(shown.contains(&whole), "{shown}");
    }
}

#[test]
fn errors_and_warnings_need_a_human_unless_accepted() {
    assert!(StatusView::of(&status()).has_findings(false));
    assert!(!StatusView::of(&accepted(status())).has_findings(true));
    let mut noticed = status();
    noticed.servers[0].roles[1].findings[0].severity = pb::Severity::Notice.into();
    assert!(!StatusView::of(&noticed).has_findings(false));
    assert!(StatusView::of(&noticed).has_findings(true));
}

#[test]
fn an_accepted_finding_is_still_listed() {
    let shown = StatusView::of(&accepted(status())).human(&table());
    assert!(shown.contains("assigned (accepted until\n  2027-01-01T00:00:00Z)"), "{shown}");
    assert!(shown.ends_with("1 of 2 roles assigned; 1 accepted finding.\n"), "{shown}");
}

#[test]
fn a_bad_role_without_a_finding_still_counts() {
    let mut unexplained = status();
    unexplained.servers[0].roles[1].findings.clear();
    assert!(StatusView::of(&unexplained).has_findings(false));
}
