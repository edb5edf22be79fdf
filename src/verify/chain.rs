//! What is wrong along the path: dates, keys and digests of the authorities, and what they allow.

use super::walk::Path;
use super::{Subject, TrustStore};
use crate::certificate::{
    Certificate, Curve, PublicKeyAlgorithm, SignatureAlgorithm, SignatureDigest, SignatureScheme,
};
use crate::finding::{Finding, FindingCode, Severity};
use crate::time::Timestamp;

pub(super) fn findings(
    subject: &Subject<'_>,
    path: &Path,
    trust: &TrustStore,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let certificates = path.certificates.as_slice();
    let anchor = certificates.last().filter(|_| path.is_anchored());
    for (position, step) in certificates.iter().enumerate() {
        let is_anchor = path.is_anchored() && position + 1 == certificates.len();
        let is_leaf = position == 0;
        if !is_leaf {
            findings.extend(authority(subject, step, position, is_anchor, now));
        }
        // Nobody looks at the signature that a root makes over itself.
        let is_root = is_anchor || (!is_leaf && step.is_self_issued());
        if !is_root {
            findings.extend(signature(subject, step));
        }
    }
    findings.extend(outlives(subject, certificates, now));
    findings.extend(anchor.and_then(|anchor| public_client_trust(subject, anchor, trust)));
    if certificates.len() > MAX_PATH {
        findings.push(Finding::new(
            FindingCode::ChainTooLong,
            format!("{} authorities stand above the certificate", certificates.len() - 1),
            subject.request(),
        ));
    }
    findings
}

/// Checks one certificate above the leaf.
fn authority(
    subject: &Subject<'_>,
    authority: &Certificate,
    position: usize,
    is_anchor: bool,
    now: Timestamp,
) -> Vec<Finding> {
    let name = authority.subject();
    let found = |code, evidence: String| Finding::new(code, evidence, subject.request());
    let mut findings = Vec::new();
    if authority.not_after() < now {
        let evidence = format!("the issuer {name} expired on {}", authority.not_after());
        findings.push(found(FindingCode::IssuerExpired, evidence));
    }
    if now < authority.not_before() {
        let evidence = format!("the issuer {name} is valid from {} only", authority.not_before());
        findings.push(found(FindingCode::NotYetValid, evidence));
    }
    let may_sign =
        authority.is_ca() && authority.key_usage().is_none_or(|usage| usage.key_cert_sign());
    if !is_anchor && !may_sign {
        let evidence = format!("{name} stands as issuer, but it is no certification authority's");
        findings.push(found(FindingCode::IssuerNotCa, evidence));
    }
    if let Some(allowed) = authority.path_len()
        && usize::try_from(allowed).is_ok_and(|allowed| position - 1 > allowed)
        && !is_anchor
    {
        let evidence =
            format!("{name} allows {allowed} authorities below it, but there are {}", position - 1);
        findings.push(found(FindingCode::ChainTooLong, evidence));
    }
    if let Some(usage) = authority.extended_key_usage()
        && !usage.server_auth
        && !usage.any
        && !is_anchor
    {
        let evidence = format!("the issuer {name} may not issue certificates for TLS servers");
        findings.push(found(FindingCode::ServerAuthMissing, evidence));
    }
    if let PublicKeyAlgorithm::Rsa { bits } = authority.public_key().algorithm()
        && *bits < MIN_RSA_BITS
    {
        let evidence = format!("the issuer {name} has an RSA key of {bits} bits");
        findings.push(found(FindingCode::WeakKey, evidence).with_severity(Severity::Error));
    }
    findings.extend(constraints(subject, authority));
    findings
}

fn constraints(subject: &Subject<'_>, authority: &Certificate) -> Option<Finding> {
    let constraints = authority.name_constraints()?;
    let leaf = subject.chain.leaf();
    let forbidden: Vec<&str> = leaf
        .dns_names()
        .iter()
        .map(|name| name.as_str())
        .filter(|name| !constraints.allow(name))
        .take(MAX_SHOWN)
        .collect();
    (!forbidden.is_empty()).then(|| {
        Finding::new(
            FindingCode::NameConstraintsViolated,
            format!(
                "{} may not issue for {} (it may for: {}; it may not for: {})",
                authority.subject(),
                forbidden.join(", "),
                list(&constraints.permitted),
                list(&constraints.excluded)
            ),
            subject.request(),
        )
    })
}

fn list(domains: &[Box<str>]) -> String {
    if domains.is_empty() { "nothing in particular".to_owned() } else { domains.join(", ") }
}

/// Judges the algorithm that one certificate is signed with.
fn signature(subject: &Subject<'_>, step: &Certificate) -> Option<Finding> {
    let algorithm = step.signature_algorithm();
    let name = step.subject();
    let evidence = format!("the signature on {name} is {algorithm}");
    if algorithm.digest().is_some_and(SignatureDigest::is_broken) {
        return Some(Finding::new(FindingCode::WeakDigest, evidence, subject.request()));
    }
    let finding = Finding::new(FindingCode::AlgorithmUnsupported, evidence, subject.request());
    match support(algorithm) {
        Support::Everywhere => None,
        Support::Partly => Some(finding),
        Support::Nowhere => Some(finding.with_severity(Severity::Error)),
    }
}

enum Support {
    Everywhere,
    Partly,
    Nowhere,
}

/// `domain.md` §8.1: RSASSA-PSS is not understood by every client; rustls-webpki knows no SHA-224.
fn support(algorithm: &SignatureAlgorithm) -> Support {
    if algorithm.digest() == Some(SignatureDigest::Sha224) {
        return Support::Nowhere;
    }
    match algorithm.scheme() {
        SignatureScheme::Rsa | SignatureScheme::Ecdsa | SignatureScheme::Ed25519 => {
            Support::Everywhere
        }
        SignatureScheme::RsaPss => Support::Partly,
        SignatureScheme::Other(_) => Support::Nowhere,
    }
}

fn outlives(
    subject: &Subject<'_>,
    certificates: &[Certificate],
    now: Timestamp,
) -> Option<Finding> {
    let leaf = subject.chain.leaf();
    let first = certificates.iter().skip(1).min_by_key(|issuer| issuer.not_after())?;
    let outlives = first.not_after() < leaf.not_after() && now <= first.not_after();
    outlives.then(|| {
        Finding::new(
            FindingCode::OutlivesIssuer,
            format!(
                "valid until {}, but its issuer {} only until {}",
                leaf.not_after(),
                first.subject(),
                first.not_after()
            ),
            "rolecallctl issuer list  # the authority's own certificate is due for renewal",
        )
    })
}

fn public_client_trust(
    subject: &Subject<'_>,
    anchor: &Certificate,
    trust: &TrustStore,
) -> Option<Finding> {
    let role = subject.roles.iter().find(|wish| wish.public_facing)?;
    (!trust.public.contains(&anchor.fingerprint())).then(|| {
        Finding::new(
            FindingCode::PublicClientTrust,
            format!(
                "unmanaged clients meet {}, but trust the private root {} only if they are told",
                role.role,
                anchor.subject()
            ),
            format!("{} --issuer ISSUER  # a public one", subject.request()),
        )
    })
}

/// Returns what is unusual about a key's algorithm, if anything.
pub(super) fn unusual_key(algorithm: &PublicKeyAlgorithm) -> Option<String> {
    match algorithm {
        PublicKeyAlgorithm::Rsa { .. } | PublicKeyAlgorithm::Ed25519 => None,
        PublicKeyAlgorithm::Ecdsa { curve } => match curve {
            Curve::P256 | Curve::P384 | Curve::P521 => None,
            Curve::Other(_) => Some(curve.to_string()),
        },
        PublicKeyAlgorithm::Other(_) => Some(algorithm.to_string()),
    }
}

/// What rustls-webpki walks at most: a leaf, six intermediates, a root.
const MAX_PATH: usize = 8;
/// How many names an evidence lists.
pub(super) const MAX_SHOWN: usize = 100;
/// Below this, rustls-webpki checks no RSA signature.
pub(super) const MIN_RSA_BITS: usize = 2_048;
