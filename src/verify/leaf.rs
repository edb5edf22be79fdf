//! What is wrong with the certificate itself: dates, key, purposes, and what it replaces.

use super::{KeyState, RoleRequirement, Subject, chain};
use crate::certificate::{PublicKeyAlgorithm, SignatureDigest};
use crate::finding::{Finding, FindingCode, Severity};
use crate::role::KeyPolicy;
use crate::time::Timestamp;

pub(super) fn findings(subject: &Subject<'_>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(dates(subject, now));
    findings.extend(held_key(subject));
    findings.extend(key_strength(subject));
    findings.extend(key_uses(subject));
    findings.extend(purposes(subject));
    findings.extend(wishes(subject));
    let leaf = subject.chain.leaf();
    if leaf.is_ca() {
        let evidence = format!("{} is a certification authority's", leaf.subject());
        findings.push(Finding::new(FindingCode::NotALeaf, evidence, subject.request()));
    }
    if leaf.must_staple() {
        findings.push(Finding::new(
            FindingCode::MustStaple,
            "the certificate carries the TLS feature `status_request` (RFC 7633)",
            format!("{}  # from a template without must-staple", subject.request()),
        ));
    }
    findings
}

fn dates(subject: &Subject<'_>, now: Timestamp) -> Option<Finding> {
    let validity = subject.chain.leaf().validity();
    if validity.not_after < now {
        return Some(Finding::new(
            FindingCode::Expired,
            format!("expired on {}", validity.not_after),
            subject.renew(),
        ));
    }
    (now < validity.not_before).then(|| {
        Finding::new(
            FindingCode::NotYetValid,
            format!("valid from {}, but it is {now} here", validity.not_before),
            "timedatectl  # compare this clock with another one",
        )
    })
}

fn held_key(subject: &Subject<'_>) -> Option<Finding> {
    let key = crate::hex::lower(subject.chain.leaf().public_key().spki_sha256());
    let import = format!("{}  # makes a new key", subject.request());
    match subject.key {
        KeyState::Held => None,
        KeyState::Missing => Some(Finding::new(
            FindingCode::KeyMissing,
            format!("no private key is held for the public key {key}"),
            import,
        )),
        KeyState::Foreign => Some(Finding::new(
            FindingCode::KeyForeign,
            format!("the private key held here is not the one for the public key {key}"),
            import,
        )),
    }
}

/// `domain.md`, rulings: 1,024 bits are a finding on imported certificates.
fn key_strength(subject: &Subject<'_>) -> Option<Finding> {
    let algorithm = subject.chain.leaf().public_key().algorithm();
    if let Some(unusual) = chain::unusual_key(algorithm) {
        let evidence = format!("the key is of {unusual}, which few clients understand");
        return Some(Finding::new(FindingCode::AlgorithmUnsupported, evidence, subject.request()));
    }
    let PublicKeyAlgorithm::Rsa { bits } = algorithm else { return None };
    if *bits >= chain::MIN_RSA_BITS {
        return None;
    }
    let evidence = format!("the RSA key has {bits} bits; 2048 are the least that is safe");
    let finding = Finding::new(FindingCode::WeakKey, evidence, subject.request());
    Some(if *bits < 1_024 { finding.with_severity(Severity::Error) } else { finding })
}

/// Whether the roles can use a key of this kind.
fn key_uses(subject: &Subject<'_>) -> Vec<Finding> {
    let leaf = subject.chain.leaf();
    let mut findings = Vec::new();
    let rsa = |wish: &&RoleRequirement| wish.keys == KeyPolicy::Rsa;
    if let Some(wish) = subject.roles.iter().find(rsa) {
        let enough = match leaf.public_key().algorithm() {
            PublicKeyAlgorithm::Rsa { bits } => *bits >= chain::MIN_RSA_BITS,
            PublicKeyAlgorithm::Ecdsa { .. }
            | PublicKeyAlgorithm::Ed25519
            | PublicKeyAlgorithm::Other(_) => false,
        };
        if !enough {
            findings.push(Finding::new(
                FindingCode::KeyUnsuitable,
                format!(
                    "{} needs an RSA key of 2048 bits or more; this one is {}",
                    wish.role,
                    leaf.public_key().algorithm()
                ),
                format!("{} --key rsa-2048", subject.request()),
            ));
        }
    }
    if leaf.key_usage().is_some_and(|usage| !usage.digital_signature()) {
        findings.push(
            Finding::new(
                FindingCode::KeyUnsuitable,
                "the key may not sign handshakes (key usage without digitalSignature)",
                subject.request(),
            )
            .with_severity(Severity::Warning),
        );
    }
    findings
}

/// `domain.md`, rulings: serverAuth always, clientAuth for roles that dial out.
fn purposes(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(usage) = subject.chain.leaf().extended_key_usage() else {
        return vec![Finding::new(
            FindingCode::ServerAuthMissing,
            "the certificate names no purpose; serverAuth (1.3.6.1.5.5.7.3.1) is needed",
            subject.request(),
        )];
    };
    if !usage.server_auth {
        findings.push(Finding::new(
            FindingCode::ServerAuthMissing,
            "the extended key usage lacks serverAuth (1.3.6.1.5.5.7.3.1)",
            subject.request(),
        ));
    }
    let wanted: Vec<&str> = subject
        .roles
        .iter()
        .filter(|wish| wish.client_auth)
        .map(|wish| wish.role.as_str())
        .collect();
    if !wanted.is_empty() && !usage.client_auth && !usage.any {
        findings.push(Finding::new(
            FindingCode::ClientAuthMissing,
            format!(
                "{} dials out over mutual TLS, but the extended key usage lacks clientAuth \
                 (1.3.6.1.5.5.7.3.2)",
                wanted.join(", ")
            ),
            format!("{} --issuer ISSUER  # one that gives clientAuth", subject.request()),
        ));
    }
    findings
}

/// What was asked for, and what it replaces.
fn wishes(subject: &Subject<'_>) -> Vec<Finding> {
    let leaf = subject.chain.leaf();
    let mut findings = Vec::new();
    let given = leaf.signature_algorithm().digest();
    if let (Some(asked), Some(given)) = (subject.asked_digest, given)
        && SignatureDigest::from(asked) != given
    {
        findings.push(Finding::new(
            FindingCode::DigestDiffers,
            format!("{asked} was asked for; the authority signed with {given}"),
            "rolecallctl issuer list  # the digest is the authority's own setting",
        ));
    }
    if let Some(previous) = subject.previous
        && previous.issuer() != leaf.issuer()
    {
        findings.push(Finding::new(
            FindingCode::IssuerChanged,
            format!("issued by {}; the one before was by {}", leaf.issuer(), previous.issuer()),
            subject.verify_again(),
        ));
    }
    findings
}
