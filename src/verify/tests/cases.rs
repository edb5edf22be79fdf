//! One change to a sound world for each finding about certificates, and the finding it must get.

use rcgen::{
    BasicConstraints, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType,
};

use super::fixture::{Authority, WeakRsa, World, day};
use crate::certificate::Fingerprint;
use crate::finding::FindingCode;
use crate::key::DigestAlgorithm;
use crate::role::BuiltInRole;
use crate::time::Timestamp;
use crate::verify::{CrlState, KeyState};

/// What a case changes about a chain with which nothing is wrong.
pub(super) struct Case {
    pub(super) code: FindingCode,
    pub(super) world: World,
}

fn case(code: FindingCode, change: impl FnOnce(&mut World)) -> Case {
    let mut world = World::new();
    change(&mut world);
    Case { code, world }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = chain_cases();
    cases.extend(issuer_cases());
    cases.extend(algorithm_cases());
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
            world.issuers = vec![world.issuing.certificate.clone(), constrained.certificate];
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
    ]
}

fn issuer_cases() -> Vec<Case> {
    vec![
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
    ]
}

fn algorithm_cases() -> Vec<Case> {
    vec![
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
        case(FindingCode::AlgorithmUnsupported, World::sign_with_pss),
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
    let revoked = || CrlState::Revoked { at: Timestamp::EPOCH, reason: "keyCompromise".into() };
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

const SHA256_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const SHA1_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
const MD5_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";
const ECDSA_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ECDSA_SHA224: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x01";
