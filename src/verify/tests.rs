//! Real chains, made by rcgen, and what is found wrong with them.

mod fixture;

use std::time::Duration;

use rcgen::{
    BasicConstraints, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType,
};

use self::fixture::{Authority, WeakRsa, World, day, leaf_params, replace_all};
use super::*;
use crate::role::BuiltInRole;

/// What a case changes about a chain with which nothing is wrong.
struct Case {
    code: FindingCode,
    world: World,
}

fn case(code: FindingCode, change: impl FnOnce(&mut World)) -> Case {
    let mut world = World::new();
    change(&mut world);
    Case { code, world }
}

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
            assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
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
        let allowed: &[FindingCode] = match code {
            // An algorithm that the verifier does not know is no error of its own.
            FindingCode::AlgorithmUnsupported => &[FindingCode::ChainInvalid],
            _ => &[],
        };
        assert!(others.iter().all(|other| allowed.contains(other)), "{code}: {others:?}");
    }
}

fn cases() -> Vec<Case> {
    let mut cases = chain_cases();
    cases.extend(leaf_cases());
    cases.extend(name_and_list_cases());
    cases
}

fn chain_cases() -> Vec<Case> {
    vec![
        case(FindingCode::RootMissing, |world| world.trust.anchors.clear()),
        case(FindingCode::RootMissing, |world| {
            // The untrusted root came along in the chain.
            world.trust.anchors.clear();
            world.issuers.push(world.root.certificate.clone());
        }),
        case(FindingCode::IntermediateMissing, |world| world.issuers.clear()),
        case(FindingCode::IssuerKeyDiffers, |world| {
            let other = Authority::root("Contoso Root", |_| {});
            world.trust.anchors = vec![other.certificate];
        }),
        case(FindingCode::SignatureInvalid, |world| world.alter_signature()),
        case(FindingCode::IssuerNotCa, |world| {
            world.reissue_below(|params| params.is_ca = IsCa::ExplicitNoCa);
        }),
        case(FindingCode::ChainTooLong, |world| {
            world.root = Authority::root("Contoso Root", |_| {});
            world.trust.anchors = vec![world.root.certificate.clone()];
            let constrained = world.root.below("Contoso Policy", |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            });
            world.issuing = constrained.below("Contoso Issuing", |_| {});
            world.issuers =
                vec![world.issuing.certificate.clone(), constrained.certificate.clone()];
            world.reissue(|_| {});
        }),
        case(FindingCode::ChainTooLong, |world| world.deepen(8)),
        case(FindingCode::ChainInvalid, |world| {
            world.reissue(|params| {
                let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions.push(unknown);
            });
        }),
        case(FindingCode::NameConstraintsViolated, |world| {
            world.reissue_below(|params| {
                params.name_constraints = Some(NameConstraints {
                    permitted_subtrees: vec![GeneralSubtree::DnsName("fabrikam.com".into())],
                    excluded_subtrees: vec![],
                });
            });
        }),
        case(FindingCode::OutlivesIssuer, |world| {
            world.reissue_below(|params| params.not_after = day(10));
        }),
        case(FindingCode::IssuerExpired, |world| {
            world.reissue_below(|params| params.not_after = day(-1));
        }),
        case(FindingCode::IssuerExpired, |world| {
            world.root = Authority::root("Contoso Root", |params| params.not_after = day(-1));
            world.trust.anchors = vec![world.root.certificate.clone()];
            world.reissue_below(|_| {});
        }),
        case(FindingCode::SelfSigned, |world| world.self_sign(|_| {})),
        case(FindingCode::NotALeaf, |world| {
            world.reissue(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
        }),
        case(FindingCode::PublicClientTrust, |world| {
            world.roles = vec![BuiltInRole::AccessEdgeExternal.into()];
        }),
        case(FindingCode::WeakDigest, |world| {
            world.issue_by_rsa();
            world.patch_leaf(SHA256_WITH_RSA, SHA1_WITH_RSA);
        }),
        case(FindingCode::WeakDigest, |world| {
            world.issue_by_rsa();
            world.patch_leaf(SHA256_WITH_RSA, MD5_WITH_RSA);
        }),
        case(FindingCode::AlgorithmUnsupported, |world| {
            world.issue_by_rsa();
            world.patch_leaf(SHA256_WITH_RSA, RSASSA_PSS);
        }),
        case(FindingCode::AlgorithmUnsupported, |world| {
            world.patch_leaf(ECDSA_SHA256, ECDSA_SHA224);
        }),
    ]
}

fn leaf_cases() -> Vec<Case> {
    vec![
        case(FindingCode::Expired, |world| {
            world.reissue(|params| params.not_after = day(-1));
        }),
        case(FindingCode::NotYetValid, |world| {
            world.reissue(|params| params.not_before = day(1));
        }),
        case(FindingCode::NotYetValid, |world| {
            world.reissue_below(|params| params.not_before = day(1));
        }),
        case(FindingCode::KeyMissing, |world| world.key = KeyState::Missing),
        case(FindingCode::KeyForeign, |world| world.key = KeyState::Foreign),
        case(FindingCode::KeyUnsuitable, |world| {
            world.roles = vec![BuiltInRole::OAuthTokenIssuer.into()];
        }),
        case(FindingCode::KeyUnsuitable, |world| {
            world.reissue(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
        }),
        case(FindingCode::WeakKey, |world| world.certify(&WeakRsa::of(1_024))),
        case(FindingCode::WeakKey, |world| world.certify(&WeakRsa::of(512))),
        case(FindingCode::DigestDiffers, |world| {
            world.asked_digest = Some(DigestAlgorithm::Sha384);
        }),
        case(FindingCode::ServerAuthMissing, |world| {
            world.reissue(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            });
        }),
        case(FindingCode::ServerAuthMissing, |world| {
            world.reissue(|params| params.extended_key_usages.clear());
        }),
        case(FindingCode::ServerAuthMissing, |world| {
            world.reissue_below(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            });
        }),
        case(FindingCode::ClientAuthMissing, |world| {
            world.reissue(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            });
        }),
        case(FindingCode::MustStaple, |world| {
            world.reissue(|params| {
                let feature = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
                let value = vec![0x30, 3, 2, 1, 5];
                params.custom_extensions.push(CustomExtension::from_oid_content(feature, value));
            });
        }),
        case(FindingCode::IssuerChanged, |world| {
            world.previous = Some(Authority::root("Fabrikam Root", |_| {}).certificate);
        }),
    ]
}

fn name_and_list_cases() -> Vec<Case> {
    let state = |code, at: fn(&World) -> Fingerprint, state: CrlState| {
        case(code, |world| {
            world.crl.insert(at(world), state);
        })
    };
    let leaf = |world: &World| world.leaf.fingerprint();
    let issuing = |world: &World| world.issuing.certificate.fingerprint();
    let revoked =
        || CrlState::Revoked { at: Timestamp::EPOCH, reason: "keyCompromise".into() };
    vec![
        case(FindingCode::NamesMissing, |world| world.expect("sip.contoso.com")),
        case(FindingCode::NamesExtra, |world| {
            world.reissue(|params| {
                params.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 1].into()));
            });
        }),
        case(FindingCode::WildcardInSubject, |world| {
            world.reissue(|params| {
                params.distinguished_name.push(DnType::CommonName, "*.contoso.com");
            });
        }),
        case(FindingCode::WildcardOnRole, |world| world.add_name("*.contoso.com")),
        state(FindingCode::Revoked, leaf, revoked()),
        state(FindingCode::Revoked, issuing, revoked()),
        case(FindingCode::CrlMissing, |world| {
            world.reissue(|params| params.crl_distribution_points.clear());
        }),
        case(FindingCode::CrlLdapOnly, |world| {
            world.reissue(|params| {
                let uris = vec!["ldap:///CN=Contoso?certificateRevocationList".to_owned()];
                params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris }];
            });
        }),
        state(FindingCode::CrlLdapOnly, issuing, CrlState::LdapOnly),
        state(
            FindingCode::CrlUnreachable,
            leaf,
            CrlState::Unreachable {
                uri: "http://crl.contoso.com/ca.crl".into(),
                error: "connection refused".into(),
            },
        ),
        state(FindingCode::CrlStale, leaf, CrlState::Stale { next_update: Timestamp::EPOCH }),
    ]
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
fn the_missing_issuer_is_named_with_its_key_and_the_remedy_can_be_typed() {
    let mut world = World::new();
    world.issuers.clear();
    let finding = world.verify().findings.remove(0);
    assert!(finding.evidence.contains("CN=Contoso Issuing (key "), "{}", finding.evidence);
    assert_eq!(finding.remedy, "rolecallctl trust add FILE");
    world = World::new();
    world.expect("sip.contoso.com");
    let finding = world.verify().findings.remove(0);
    assert_eq!(finding.remedy, "rolecallctl request --role Default");
}

#[test]
fn thousands_of_names_are_compared_without_comparing_each_with_each() {
    let mut world = World::new();
    world.reissue(|params| {
        let names = (0..3_000).map(|number| format!("n{number}.a.b"));
        params.subject_alt_names = names
            .map(|name| SanType::DnsName(name.as_str().try_into().unwrap()))
            .collect();
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

#[test]
fn replacing_bytes_keeps_the_length() {
    assert_eq!(replace_all(b"abcab", b"ab", b"xy"), b"xycxy");
    assert!(leaf_params().use_authority_key_identifier_extension);
}

const SHA256_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const SHA1_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
const MD5_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";
const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const ECDSA_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ECDSA_SHA224: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x01";
