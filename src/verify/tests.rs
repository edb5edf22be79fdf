//! Real chains, made by rcgen, and what is found wrong with them.

mod cases;
mod fixture;

use std::time::Duration;

use rcgen::{CertificateParams, GeneralSubtree, NameConstraints, SanType};

use self::cases::{Case, cases};
use self::fixture::{Authority, World, day};
use super::*;
use crate::role::BuiltInRole;

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let verification = World::new().verify();
    assert_eq!(verification.findings, []);
    assert_eq!(verification.verdict, Verdict::Good);
    assert!(verification.is_anchored);
    assert_eq!(verification.path.len(), 3);
    assert_eq!(verification.intermediates().len(), 1);
}

#[test]
fn every_code_about_certificates_is_found_where_it_belongs() {
    let mut found = std::collections::BTreeSet::new();
    for Case { code, world } in cases() {
        let verification = world.verify();
        assert!(verification.has(code), "{code} is not among {:#?}", verification.findings);
        found.insert(code);
        for finding in &verification.findings {
            assert!(!finding.evidence.is_empty(), "{finding:?}");
            let command = finding.remedy.split("  # ").next().unwrap();
            let programs = ["rolecallctl ", "systemctl ", "timedatectl"];
            assert!(programs.iter().any(|program| command.starts_with(program)), "{finding:?}");
            assert!(!command.contains(['(', '`', ';']), "a shell stumbles over {command}");
            assert!(!finding.evidence.to_lowercase().contains("bad signature"), "{finding:?}");
        }
    }
    found.extend(store_findings().iter().map(|finding| finding.code));
    let all = FindingCode::ALL.iter().filter(|code| **code < FindingCode::RoleMissing);
    let uncovered: Vec<_> = all.filter(|code| !found.contains(code)).collect();
    assert!(uncovered.is_empty(), "no case produces {uncovered:?}");
}

#[test]
fn each_case_has_its_own_cause_and_no_other_error() {
    for Case { code, world } in cases() {
        let verification = world.verify();
        let others: Vec<_> = verification
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error && finding.code != code)
            .map(|finding| finding.code)
            .collect();
        assert!(others.is_empty(), "{code}: {others:?}");
    }
}

#[test]
fn what_was_proven_before_changes_no_verdict() {
    for Case { code, mut world } in cases() {
        let before = world.verify();
        let sound = World {
            leaf: world.sound_leaf(),
            issuers: world.issuers.clone(),
            trust: world.trust.clone(),
            ..World::new()
        };
        world.trust.proven.extend(ProvenAuthority::of(&before));
        world.trust.proven.extend(ProvenAuthority::of(&sound.verify()));
        let after = world.verify();
        assert_eq!(after.findings, before.findings, "{code}");
        assert_eq!(after.path, before.path, "{code}");
        assert_eq!(after.is_anchored, before.is_anchored, "{code}");
    }
}

#[test]
fn an_authority_is_proven_by_a_good_verdict_and_stands_while_its_path_is_valid_and_trusted() {
    let mut world = World::new();
    let proven = ProvenAuthority::of(&world.verify()).unwrap();
    assert_eq!(proven.path(), [&world.issuing, &world.root].map(|made| made.certificate.clone()));
    assert!(proven.stands(&world.trust, fixture::now()));
    let in_a_century = fixture::now() + Duration::from_secs(100 * 365 * 86_400);
    assert!(!proven.stands(&world.trust, in_a_century));
    assert!(!proven.stands(&TrustStore::default(), fixture::now()));

    world.alter_signature();
    assert!(ProvenAuthority::of(&world.verify()).is_none());
}

#[test]
fn an_authority_below_one_that_constrains_leaves_is_never_proven() {
    let permitted = GeneralSubtree::DnsName("contoso.com".into());
    let constraints =
        NameConstraints { permitted_subtrees: vec![permitted], excluded_subtrees: Vec::new() };
    let constrain = |params: &mut CertificateParams| params.name_constraints = Some(constraints);
    let root = Authority::root("Contoso Root", constrain);
    let mut world = World::below(root);
    let verification = world.verify();
    assert_eq!(verification.findings, []);
    assert!(ProvenAuthority::of(&verification).is_none());
    world = World::new();
    assert!(ProvenAuthority::of(&world.verify()).is_some());
}

fn store_findings() -> Vec<Finding> {
    let root = Authority::root("Contoso Root", |_| {});
    let other = Authority::root("Contoso Root", |_| {});
    let intermediate = root.below("Contoso Issuing", |_| {});
    let old = Authority::root("Old Root", |params| params.not_after = day(-1));
    let trust = TrustStore {
        anchors: [root, other, intermediate, old].map(|made| made.certificate).into(),
        ..TrustStore::default()
    };
    trust.check(fixture::now())
}

#[test]
fn a_trust_store_says_what_is_wrong_with_itself() {
    let codes: Vec<_> = store_findings().into_iter().map(|finding| finding.code).collect();
    assert_eq!(
        codes,
        [
            FindingCode::RootNotSelfSigned,
            FindingCode::IssuerExpired,
            FindingCode::IssuerNameDuplicate
        ]
    );
    assert_eq!(World::new().trust.check(fixture::now()), []);
}

#[test]
fn a_wildcard_covers_a_name_only_where_the_role_looks_at_wildcards() {
    let mut world = World::new();
    world.add_name("*.contoso.com");
    world.expect("meet.contoso.com");
    assert!(world.verify().has(FindingCode::NamesMissing));
    world.roles = vec![BuiltInRole::WebServicesInternal.into()];
    let verification = world.verify();
    assert_eq!(verification.findings, []);
    world.expect("a.b.contoso.com");
    let findings = world.verify().findings;
    assert_eq!(findings[0].code, FindingCode::NamesMissing);
    assert_eq!(findings[0].evidence, "it lacks a.b.contoso.com");
}

#[test]
fn nobody_looks_at_the_names_or_the_list_of_the_media_relays_role() {
    let mut world = World::new();
    world.expect("sip.contoso.com");
    world.roles = vec![BuiltInRole::AudioVideoAuthentication.into()];
    world.reissue(|params| params.crl_distribution_points.clear());
    assert_eq!(world.verify().findings, []);
}

#[test]
fn a_certificate_of_ten_days_needs_no_revocation_list() {
    let mut world = World::new();
    world.reissue(|params| {
        params.crl_distribution_points.clear();
        params.not_before = day(-1);
        params.not_after = day(9);
    });
    assert_eq!(world.verify().findings, []);
}

#[test]
fn an_intermediate_from_the_store_completes_the_chain() {
    let mut world = World::new();
    world.trust.intermediates = std::mem::take(&mut world.issuers);
    let verification = world.verify();
    assert_eq!(verification.findings, []);
    assert_eq!(verification.intermediates(), [world.issuing.certificate.clone()]);
}

#[test]
fn a_cross_signed_root_that_came_along_does_not_hide_the_trusted_one() {
    let mut world = World::new();
    let stranger = Authority::root("Stranger", |_| {});
    let cross = stranger.certify_authority(&world.root);
    world.issuers.push(cross);
    let verification = world.verify();
    assert_eq!(verification.findings, []);
    // Even if the leaf is expired, so that the walk must find the way.
    world.reissue(|params| params.not_after = day(-1));
    let expired = world.verify();
    let codes: Vec<_> = expired.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [FindingCode::Expired]);
    assert!(expired.is_anchored);
}

#[test]
fn authorities_that_sign_each_other_in_a_ring_end_the_walk() {
    let mut world = World::new();
    let one = Authority::root("One", |_| {});
    let two = Authority::root("Two", |_| {});
    world.trust = TrustStore::default();
    world.issuers = vec![one.certify_authority(&two), two.certify_authority(&one)];
    world.issuing = one;
    world.reissue(|_| {});
    assert_eq!(world.verify().verdict, Verdict::Refused);
}

/// Every certificate that differs in one byte and can still be read.
fn alterations(certificate: &Certificate) -> impl Iterator<Item = Certificate> {
    let der = certificate.der().to_vec();
    (0..der.len()).filter_map(move |position| {
        let mut altered = der.clone();
        altered[position] ^= 0x01;
        Certificate::from_der(&altered).ok()
    })
}

#[test]
fn no_altered_byte_of_a_leaf_or_its_issuer_is_ever_accepted() {
    let mut world = World::new();
    let (leaf, issuer) = (world.leaf.clone(), world.issuing.certificate.clone());
    for altered in alterations(&leaf) {
        world.leaf = altered;
        assert_eq!(world.verify().verdict, Verdict::Refused, "{:?}", world.leaf);
    }
    world.leaf = leaf;
    for altered in alterations(&issuer) {
        world.issuers = vec![altered];
        assert_eq!(world.verify().verdict, Verdict::Refused, "{:?}", world.issuers);
    }
}

#[test]
fn rsassa_pss_is_only_warned_about() {
    let mut world = World::new();
    world.sign_with_pss();
    let verification = world.verify();
    let found: Vec<_> = verification.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(found, [FindingCode::AlgorithmUnsupported]);
    assert_eq!(
        verification.findings[0].evidence,
        "the signature on CN=fe01.contoso.com is rsassa-pss with sha-256"
    );
    assert_eq!(verification.verdict, Verdict::Forcible);
}

#[test]
fn warnings_may_be_forced_and_errors_may_not() {
    let mut world = World::new();
    world.add_name("*.contoso.com");
    let warned = world.verify();
    assert_eq!(warned.verdict, Verdict::Forcible);
    assert!(!warned.is_assignable(false) && warned.is_assignable(true));
    world.key = KeyState::Missing;
    let refused = world.verify();
    assert!(!refused.is_assignable(true));
    assert_eq!(refused.findings[0].severity, Severity::Error);
}

#[test]
fn the_remedy_of_a_missing_list_names_what_is_to_be_set() {
    let mut world = World::new();
    world.reissue(|params| params.crl_distribution_points.clear());
    let subject = world.verify().findings.remove(0).remedy;
    for expected in ["`url`", "`listen`", "[ca]", "agent.toml", "request anew"] {
        assert!(subject.contains(expected), "{expected} is not in {subject}");
    }
}

#[test]
fn the_missing_issuer_is_named_with_its_key_and_the_remedy_can_be_typed() {
    let mut world = World::new();
    world.issuers.clear();
    let finding = world.verify().findings.remove(0);
    assert!(finding.evidence.contains("CN=Contoso Issuing (key "), "{}", finding.evidence);
    assert!(finding.remedy.contains("[trust_anchors]"), "{}", finding.remedy);
    world = World::new();
    world.expect("sip.contoso.com");
    let finding = world.verify().findings.remove(0);
    assert_eq!(finding.remedy, "rolecallctl request --role Default");
}

#[test]
fn a_remedy_never_splits_the_enrollment_of_the_role() {
    let mut world = World::new();
    world.enroll(&[BuiltInRole::Default, BuiltInRole::WebServicesInternal]);
    world.key = KeyState::Missing;
    world.expect("sip.contoso.com");
    world.reissue(|params| {
        let names = ["fe01.contoso.com", "extra.contoso.com"];
        params.subject_alt_names =
            names.map(|name| SanType::DnsName(name.try_into().unwrap())).to_vec();
    });
    let findings = world.verify().findings;
    let remedy = |code| {
        let finding = findings.iter().find(|finding| finding.code == code);
        finding.map(|finding| finding.remedy.as_str())
    };
    assert_eq!(remedy(FindingCode::NamesMissing), Some("rolecallctl apply"));
    assert_eq!(
        remedy(FindingCode::KeyMissing),
        Some("rolecallctl request --role Default,WebServicesInternal  # makes a new key")
    );
    assert_eq!(
        remedy(FindingCode::NamesExtra),
        Some("rolecallctl enrollment show Default@fe01.contoso.com  # says which names were added")
    );
}

#[test]
fn thousands_of_names_are_compared_without_comparing_each_with_each() {
    let mut world = World::new();
    world.reissue(|params| {
        let names = (0..3_000).map(|number| format!("n{number}.a.b"));
        params.subject_alt_names =
            names.map(|name| SanType::DnsName(name.as_str().try_into().unwrap())).collect();
    });
    world.expected_names = (0..200_000).map(|n| format!("m{n}.a.b").parse().unwrap()).collect();
    let findings = world.verify().findings;
    assert!(findings[0].evidence.ends_with(" and 199900 more"), "{}", findings[0].evidence);
    assert!(findings[0].evidence.len() < 2_000);
}

#[test]
fn the_last_second_of_validity_still_counts() {
    let mut world = World::new();
    world.reissue(|params| params.not_after = day(1));
    let end = world.leaf.not_after();
    let at = |now| world.verify_at(now).has(FindingCode::Expired);
    assert!(!at(end + Duration::from_millis(999)));
    assert!(at(end + Duration::from_secs(1)));
}

#[test]
fn a_leaf_that_is_its_own_trust_anchor_is_accepted() {
    let mut world = World::new();
    world.self_sign(|_| {});
    world.trust.anchors = vec![world.leaf.clone()];
    let verification = world.verify();
    assert_eq!(verification.findings, []);
    assert_eq!(verification.path, [world.leaf.clone()]);
}
