use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;

use super::*;
use crate::output::testing::{moment, now};

fn report() -> Report {
    let refused = pb::JournalEntry {
        sequence: 9,
        at: moment("2026-11-24T12:00:00Z"),
        actor: None,
        request_id: "r1".into(),
        change: Some(Change::Refusal(pb::Refusal {
            operation: "PlaceOrder".into(),
            reason: "PLAN_REFUSED".into(),
            detail: "<script>alert(1)</script>\u{202e}".into(),
            roles: vec!["Default".into()],
        })),
    };
    let finding = pb::Finding {
        code: "crl-missing".into(),
        severity: pb::Severity::Warning.into(),
        evidence: "it's \"missing\" & gone".into(),
        ..pb::Finding::default()
    };
    let certificate = pb::Certificate {
        thumbprint: vec![0x5d; 20],
        friendly_name: "<b>Default</b>".into(),
        ..pb::Certificate::default()
    };
    Report {
        subject: "order 7".into(),
        period: "from the beginning until now".into(),
        server: "se01.contoso.com".into(),
        made_at: now(),
        entries: vec![EntryView::of(&refused)],
        findings: FindingsView::of(&[finding]),
        certificates: vec![CertificateView::of(&certificate)],
        journal: VerifiedView::of(&pb::VerifyJournalResponse {
            head: vec![0xab; 32],
            ..pb::VerifyJournalResponse::default()
        }),
    }
}

#[test]
fn the_page_names_what_it_is_about_and_the_head_of_the_journal() {
    let page = html(&report());
    for text in [
        "<title>Certificates of se01.contoso.com: order 7</title>",
        "2026-11-24T12:00:00Z",
        "PLAN_REFUSED",
        "crl-missing",
        &"5D".repeat(20),
        &"ab".repeat(32),
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
}

#[test]
fn nothing_that_others_wrote_is_markup() {
    let page = html(&report());
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}"), "{page}");
    assert!(page.contains("it&#39;s &quot;missing&quot; &amp; gone"), "{page}");
    assert!(page.contains("&lt;b&gt;Default&lt;/b&gt;"), "{page}");
    assert_eq!(page.matches("<script").count(), 0);
}

#[test]
fn the_page_may_fetch_and_run_nothing() {
    let page = html(&report());
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    for forbidden in ["http://", "https://", "src=", "href=", "url("] {
        assert!(!page.contains(forbidden), "the page has {forbidden}");
    }
}
