//! What holds for every view.

use rolecall::api::pb;
use serde::Serialize;

use super::assignment::AssignmentsView;
use super::certificate::{CertificatesView, ShownView};
use super::enrollment::EnrollmentsView;
use super::finding::FindingsView;
use super::issuer::{CaRequestsView, IssuerView, IssuersView};
use super::order::{OrderView, OrdersView};
use super::plan::PlanView;
use super::testing::{fits, moment, table, wide};
use super::{View, render};
use crate::args::Format;

fn certificate() -> pb::Certificate {
    pb::Certificate {
        thumbprint: vec![0x5d; 20],
        fingerprint: vec![0xf1; 32],
        der: vec![0x30, 0x00],
        friendly_name: "Default se01.contoso.com 2026-11-24".into(),
        issuer: "embedded".into(),
        facts: Some(pb::CertificateFacts {
            subject: "CN=se01.contoso.com".into(),
            not_after: moment("2027-03-01T12:00:00Z"),
            names: vec!["se01.contoso.com".into(), "sip.contoso.com".into()],
            ..pb::CertificateFacts::default()
        }),
        uses: vec![pb::Use { role: "Default".into(), slot: "previous".into(), generation: 2 }],
        ..pb::Certificate::default()
    }
}

fn finding() -> pb::Finding {
    pb::Finding {
        code: "names-missing".into(),
        severity: pb::Severity::Error.into(),
        evidence: "lacks sip.fabrikam.com, which the topology names for Default".into(),
        remedy: "rolecallctl request --role Default".into(),
        role: "Default".into(),
        ..pb::Finding::default()
    }
}

fn order() -> pb::Order {
    pb::Order {
        id: 7,
        roles: vec!["Default".into(), "WebServicesInternal".into()],
        issuer: "embedded".into(),
        names: vec!["se01.contoso.com".into()],
        ..pb::Order::default()
    }
}

fn certificates() -> CertificatesView {
    let row = pb::CertificateRow {
        certificate: Some(certificate()),
        usable: false,
        findings: vec![finding()],
    };
    CertificatesView::of(&[row], Some("Default"))
}

fn issuer() -> pb::Issuer {
    pb::Issuer {
        name: "embedded".into(),
        kind: "embedded".into(),
        is_default: true,
        not_after: moment("2031-11-24T12:00:00Z"),
        templates: vec![pb::Template { name: "WebServer".into(), ..pb::Template::default() }],
        ..pb::Issuer::default()
    }
}

/// Tables keep their width, wide rows their line, and what is absent is null.
fn check<V: View>(view: &V) -> String {
    let shown = view.human(&table());
    fits(&shown);
    assert!(!view.human(&wide()).is_empty());
    let json = render(view, Format::Json, &table()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["schema"], V::SCHEMA);
    assert!(!json.contains("\"\""), "an absent value is not null: {json}");
    assert_eq!(yaml_schema(view), format!("schema: {}", V::SCHEMA));
    shown
}

fn yaml_schema<V: View + Serialize>(view: &V) -> String {
    let yaml = render(view, Format::Yaml, &table()).unwrap();
    yaml.lines().next().unwrap().to_owned()
}

#[test]
fn every_view_fits_its_width_and_has_no_empty_text() {
    check(&certificates());
    check(&ShownView::of(&certificate(), &[finding()]));
    check(&FindingsView::of(&[finding()]));
    check(&OrderView::of(&order()));
    check(&OrdersView::of(&[order()]));
    check(&IssuerView::of(&issuer()));
    check(&IssuersView::of(&[issuer()]));
    let waiting = pb::CaRequest { id: 12, roles: vec!["Default".into()], ..Default::default() };
    check(&CaRequestsView::of(&[waiting]));
    let assignment = pb::Assignment { role: "Default".into(), ..Default::default() };
    check(&AssignmentsView::of(&[assignment], true));
    let enrollment =
        pb::Enrollment { name: "Default@se01.contoso.com".into(), ..Default::default() };
    check(&EnrollmentsView::of(&[enrollment]));
    check(&PlanView::of(&pb::Plan { notes: vec!["a note".into()], ..Default::default() }, &[6]));
}

#[test]
fn a_certificate_that_cannot_be_used_is_listed_with_its_reason() {
    assert_eq!(
        check(&certificates()),
        "\
THUMBPRINT    FRIENDLY NAME     EXPIRES             ISSUER    ASSIGNED TO
5D5D5D5D5D5D  Default           2027-03-01 (in 97   embedded  Default (previous)
              se01.contoso.com  days)
              2026-11-24

5D5D5D5D5D5D cannot be used
  error names-missing: lacks sip.fabrikam.com, which the topology names for
  Default
    > rolecallctl request --role Default
"
    );
}
