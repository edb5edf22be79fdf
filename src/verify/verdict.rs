//! rustls-webpki's verdict on a chain, and its refusals in words.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::{Subject, TrustStore};
use crate::certificate::{Certificate, Chain, DistinguishedName};
use crate::finding::{Finding, FindingCode, Severity};
use crate::time::Timestamp;

/// Why rustls-webpki refuses.
#[derive(Debug)]
pub(super) struct Refusal(Error);

impl Refusal {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most refusals have no code of their own")]
    /// Returns the finding for a refusal whose cause nothing else names.
    pub(super) fn finding(&self, subject: &Subject<'_>) -> Finding {
        let code = match self.0 {
            Error::NameConstraintViolation => FindingCode::NameConstraintsViolated,
            Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => {
                FindingCode::ChainTooLong
            }
            Error::EndEntityUsedAsCa => FindingCode::IssuerNotCa,
            Error::CaUsedAsEndEntity => FindingCode::NotALeaf,
            Error::RequiredEkuNotFoundContext(_) => FindingCode::ServerAuthMissing,
            _ => FindingCode::ChainInvalid,
        };
        Finding::new(
            code,
            format!("the verifier refuses the chain: {}", words(&self.0)),
            subject.request(),
        )
    }
}

/// Returns whether a finding is a cause for which rustls-webpki, too, refuses a chain.
pub(super) fn explains_refusal(finding: &Finding) -> bool {
    finding.severity == Severity::Error
        && matches!(
            finding.code,
            FindingCode::RootMissing
                | FindingCode::IntermediateMissing
                | FindingCode::IssuerKeyDiffers
                | FindingCode::SignatureInvalid
                | FindingCode::IssuerNotCa
                | FindingCode::ChainTooLong
                | FindingCode::NameConstraintsViolated
                | FindingCode::IssuerExpired
                | FindingCode::SelfSigned
                | FindingCode::NotALeaf
                | FindingCode::Expired
                | FindingCode::NotYetValid
                | FindingCode::WeakKey
                | FindingCode::WeakDigest
                | FindingCode::AlgorithmUnsupported
                | FindingCode::ServerAuthMissing
        )
}

/// Returns the path from the leaf to its anchor, if rustls-webpki accepts one.
pub(super) fn path(
    chain: &Chain,
    trust: &TrustStore,
    now: Timestamp,
) -> Result<Vec<Certificate>, Refusal> {
    match proven_path(chain, trust, now) {
        Some(path) => Ok(path),
        None => whole_path(chain, trust, now),
    }
}

/// Returns the path over an authority that was proven before: only the leaf is left to verify.
fn proven_path(chain: &Chain, trust: &TrustStore, now: Timestamp) -> Option<Vec<Certificate>> {
    let issuer = chain.leaf().issuer();
    let proven = trust.proven.iter().find(|proven| proven.authority().subject() == issuer)?;
    if !proven.stands(trust, now) {
        return None;
    }
    verify(chain.leaf(), &[proven.authority()], &[], now).ok()?;
    let leaf = std::iter::once(chain.leaf());
    Some(leaf.chain(proven.path()).cloned().collect())
}

fn whole_path(
    chain: &Chain,
    trust: &TrustStore,
    now: Timestamp,
) -> Result<Vec<Certificate>, Refusal> {
    let relevant = Relevant::find(chain, trust);
    let verified = verify(chain.leaf(), &relevant.anchors, &relevant.intermediates, now)?;
    let mut path = vec![chain.leaf().clone()];
    for step in &verified.intermediates {
        path.extend(relevant.intermediates.iter().copied().find(|c| c.der() == step).cloned());
    }
    let top = path.last().map(|top| top.issuer().clone());
    path.extend(
        relevant
            .anchors
            .into_iter()
            .find(|anchor| {
                Some(anchor.subject()) == top.as_ref()
                    && anchor.public_key().spki_der() == verified.anchor_spki
            })
            .filter(|anchor| *anchor != chain.leaf())
            .cloned(),
    );
    Ok(path)
}

/// What rustls-webpki went over.
struct Verified {
    /// DER, the leaf's issuer first.
    intermediates: Vec<Vec<u8>>,
    anchor_spki: Vec<u8>,
}

fn verify(
    leaf: &Certificate,
    anchors: &[&Certificate],
    intermediates: &[&Certificate],
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let leaf = CertificateDer::from(leaf.der());
    let intermediates: Vec<_> =
        intermediates.iter().map(|known| CertificateDer::from(known.der())).collect();
    let roots: Vec<_> = anchors.iter().map(|anchor| CertificateDer::from(anchor.der())).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        roots.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();

    let leaf = EndEntityCert::try_from(&leaf).map_err(Refusal)?;
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    let verified = leaf
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(Refusal)?;
    Ok(Verified {
        intermediates: verified
            .intermediate_certificates()
            .map(|step| step.der().to_vec())
            .collect(),
        anchor_spki: webpki::spki_for_anchor(verified.anchor()).as_ref().to_vec(),
    })
}

/// The authorities whose names lead from the leaf upwards: all that a path can be made of.
struct Relevant<'a> {
    anchors: Vec<&'a Certificate>,
    intermediates: Vec<&'a Certificate>,
}

impl<'a> Relevant<'a> {
    fn find(chain: &'a Chain, trust: &'a TrustStore) -> Self {
        let mut found = Self { anchors: Vec::new(), intermediates: Vec::new() };
        let mut names: Vec<&DistinguishedName> = vec![chain.leaf().issuer()];
        let mut next = 0;
        while let Some(name) = names.get(next).copied() {
            next += 1;
            let is_named = |authority: &&Certificate| authority.subject() == name;
            found.anchors.extend(trust.anchors.iter().filter(is_named));
            for known in chain.issuers().iter().chain(&trust.intermediates).filter(is_named) {
                found.intermediates.push(known);
                if !names.contains(&known.issuer()) {
                    names.push(known.issuer());
                }
            }
        }
        found
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is left has no words of ours")]
fn words(error: &Error) -> String {
    let text = match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => {
            "a certificate's encoding is not canonical"
        }
        Error::CaUsedAsEndEntity => "an authority's certificate stands where a leaf is needed",
        Error::EndEntityUsedAsCa => "a leaf's certificate stands where an authority is needed",
        Error::ExtensionValueInvalid | Error::MalformedExtensions => "an extension is malformed",
        Error::InvalidCertValidity => "a certificate's validity ends before it begins",
        Error::InvalidSerialNumber => "a serial number is negative or too long",
        Error::MalformedDnsIdentifier | Error::MalformedNameConstraint => {
            "a DNS name in a certificate or in a name constraint is malformed"
        }
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            "there are too many ways through the chain to try them all"
        }
        Error::MaximumPathDepthExceeded => "the chain is too long",
        Error::NameConstraintViolation => "an authority may not issue for one of the names",
        Error::PathLenConstraintViolated => "an authority may not have that many below it",
        Error::SignatureAlgorithmMismatch => {
            "a certificate names two different signature algorithms"
        }
        Error::UnsupportedSignatureAlgorithmContext(_) => {
            "a signature's algorithm is not supported"
        }
        Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a signature's algorithm does not go with its issuer's key"
        }
        Error::InvalidSignatureForPublicKey => "a signature is not its issuer's",
        Error::CertDistrusted => "a key is known to be abused",
        Error::EmptyEkuExtension => "an extended key usage names no purpose",
        Error::UnknownIssuer => "no way leads to a trusted root",
        Error::UnsupportedCertVersion => "a certificate is not of X.509 version 3",
        Error::UnsupportedCriticalExtension => {
            "a certificate has a critical extension that is not understood"
        }
        other => return format!("{other:?}"),
    };
    text.to_owned()
}
