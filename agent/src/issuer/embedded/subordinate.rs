//! The issuing CA below an enterprise's root, instead of below our own.
//!
//! Two steps with a person between them: a request that the enterprise's CA signs, and the check of
//! what comes back. The check asks everything that would otherwise show only when the first server
//! is refused: does the key match, may it sign, is the chain complete and in force.

use rcgen::CustomExtension;
use rolecall::key::DigestAlgorithm;
use rolecall::time::{Timestamp, Validity};
use x509_parser::certificate::X509Certificate;

use super::authority::{InvalidAuthority, IssuingCa, check_is_authority, parse, validity};
use super::constraints::PermittedNames;
use super::csr::CsrError;
use super::hierarchy::{authority_params, new_key_id};
use super::keys::PrivateKey;
use super::signature::{self, Unverified};

/// Makes the request for `ca init --subordinate`, in DER.
///
/// It asks for `CA:TRUE` with `pathLenConstraint` 0, to sign certificates and lists, and for
/// critical name constraints; what the enterprise's CA makes of it is its own decision.
///
/// # Errors
/// The organization may not fit, or the key may not sign.
pub fn subordinate_csr(
    key: &PrivateKey,
    organization: &str,
    permitted: &PermittedNames,
) -> Result<Vec<u8>, CsrError> {
    let mut params = authority_params("Issuing", organization, &new_key_id(key), 0)?;
    let mut constraints =
        CustomExtension::from_oid_content(ID_CE_NAME_CONSTRAINTS, permitted.to_der());
    constraints.set_criticality(true);
    params.custom_extensions.push(constraints);

    let request = params.serialize_request(&key.signing_key(DigestAlgorithm::default())?)?;
    Ok(request.der().to_vec())
}

/// A checked chain, from the issuing CA to the enterprise's root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubordinateChain {
    /// The certificate of our key, in DER.
    pub issuing: Vec<u8>,
    /// The certificates between, nearest first.
    pub intermediates: Vec<Vec<u8>>,
    /// The enterprise's root.
    pub root: Vec<u8>,
    /// When the whole chain is valid.
    pub validity: Validity,
    /// Whether the issuing CA has critical name constraints. Without them, what a stolen key can
    /// name is unbounded: worth a warning.
    pub is_constrained: bool,
}

/// Checks what the enterprise's CA gave back, in any order.
///
/// # Errors
/// [`SubordinateRefusal`] names the certificate at fault.
pub fn check_subordinate(
    certificates: &[Vec<u8>],
    key: &PrivateKey,
    now: Timestamp,
) -> Result<SubordinateChain, SubordinateRefusal> {
    if certificates.len() > MAX_CHAIN_LEN {
        return Err(SubordinateRefusal::TooLong { len: certificates.len() });
    }
    let parsed: Vec<X509Certificate<'_>> =
        certificates.iter().map(|der| parse(der)).collect::<Result<_, _>>()?;
    let own = parsed
        .iter()
        .find(|certificate| certificate.public_key().raw == key.spki_der())
        .ok_or(SubordinateRefusal::NoCertificateOfOurs)?;

    let chain = walk(own, &parsed)?;
    for (below, certificate) in chain.iter().enumerate() {
        check_link(certificate, below, now)?;
    }
    let ([.., root], [_, intermediates @ .., _]) = (chain.as_slice(), chain.as_slice()) else {
        return Err(SubordinateRefusal::SelfSigned);
    };
    // What the authority itself demands of its certificate, asked before it is stored.
    IssuingCa::new(key, own.as_raw().to_vec(), None)?;

    Ok(SubordinateChain {
        issuing: own.as_raw().to_vec(),
        intermediates: intermediates.iter().map(|it| it.as_raw().to_vec()).collect(),
        root: root.as_raw().to_vec(),
        validity: intersection(&chain),
        is_constrained: own
            .name_constraints()
            .ok()
            .flatten()
            .is_some_and(|it| it.critical && it.value.permitted_subtrees.is_some()),
    })
}

/// Why a chain is not taken. Subjects come from certificates and are escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubordinateRefusal {
    /// A certificate of the chain is unfit for an authority.
    #[error("a certificate of the chain is unfit")]
    Authority(#[from] InvalidAuthority),
    /// The issuer of a certificate is missing: append it.
    #[error("the chain is incomplete: the certificate of `{issuer}` is missing")]
    Incomplete {
        /// The missing certificate's subject.
        issuer: Box<str>,
    },
    /// None of the certificates has our key.
    #[error("none of the certificates belongs to the key of the request")]
    NoCertificateOfOurs,
    /// A certificate is not in force.
    #[error("`{subject}` is valid from {} to {}", .validity.not_before, .validity.not_after)]
    NotValid {
        /// Whose certificate.
        subject: Box<str>,
        /// When it is.
        validity: Validity,
    },
    /// A certificate allows fewer authorities below it than the chain has.
    #[error("`{subject}` allows {allowed} authorities below it; the chain has {below}")]
    PathTooLong {
        /// Whose certificate.
        subject: Box<str>,
        /// Its `pathLenConstraint`.
        allowed: u32,
        /// How many there are.
        below: usize,
    },
    /// The certificate is signed by its own key: that is a root, and no subordinate.
    #[error("the certificate of the request's key is self-signed")]
    SelfSigned,
    /// More certificates than any sensible chain has.
    #[error("{len} certificates were given: at most {MAX_CHAIN_LEN} are read")]
    TooLong {
        /// How many.
        len: usize,
    },
    /// A certificate was not signed by the one that it names.
    #[error("the signature of `{subject}` does not count")]
    Unsigned {
        /// Whose certificate.
        subject: Box<str>,
        /// What is wrong with it.
        source: Unverified,
    },
}

/// Goes from `own` up to a self-signed certificate. Each step uses up one certificate of at most
/// ten, so it ends.
fn walk<'a, 'der>(
    own: &'a X509Certificate<'der>,
    all: &'a [X509Certificate<'der>],
) -> Result<Vec<&'a X509Certificate<'der>>, SubordinateRefusal> {
    let mut chain = vec![own];
    let mut current = own;
    while current.issuer().as_raw() != current.subject().as_raw() {
        let issuer = all
            .iter()
            .filter(|candidate| !chain.iter().any(|used| used.as_raw() == candidate.as_raw()))
            .filter(|candidate| candidate.subject().as_raw() == current.issuer().as_raw());
        current = signer(current, issuer)?;
        chain.push(current);
    }
    Ok(chain)
}

/// Returns the candidate that signed `certificate`; among equals of one name the signature decides.
fn signer<'a, 'der: 'a>(
    certificate: &X509Certificate<'_>,
    candidates: impl Iterator<Item = &'a X509Certificate<'der>>,
) -> Result<&'a X509Certificate<'der>, SubordinateRefusal> {
    let mut refusal =
        SubordinateRefusal::Incomplete { issuer: named(&certificate.issuer().to_string()) };
    for candidate in candidates {
        let verified = signature::verify(
            candidate.public_key(),
            &certificate.signature_algorithm,
            certificate.tbs_certificate.as_ref(),
            &certificate.signature_value.data,
        );
        match verified {
            Ok(()) => return Ok(candidate),
            Err(source) => {
                refusal = SubordinateRefusal::Unsigned { subject: subject(certificate), source };
            }
        }
    }
    Err(refusal)
}

fn check_link(
    certificate: &X509Certificate<'_>,
    below: usize,
    now: Timestamp,
) -> Result<(), SubordinateRefusal> {
    check_is_authority(certificate)?;
    let validity = validity(certificate);
    if !validity.contains(now) {
        return Err(SubordinateRefusal::NotValid { subject: subject(certificate), validity });
    }
    let allowed = certificate
        .basic_constraints()
        .ok()
        .flatten()
        .and_then(|extension| extension.value.path_len_constraint);
    match allowed {
        Some(allowed) if usize::try_from(allowed).is_ok_and(|allowed| allowed < below) => {
            Err(SubordinateRefusal::PathTooLong { subject: subject(certificate), allowed, below })
        }
        Some(_) | None => Ok(()),
    }
}

fn intersection(chain: &[&X509Certificate<'_>]) -> Validity {
    let all = || chain.iter().map(|certificate| validity(certificate));
    Validity {
        not_before: all().map(|it| it.not_before).max().unwrap_or_default(),
        not_after: all().map(|it| it.not_after).min().unwrap_or_default(),
    }
}

fn subject(certificate: &X509Certificate<'_>) -> Box<str> {
    named(&certificate.subject().to_string())
}

fn named(text: &str) -> Box<str> {
    text.chars().take(MAX_SUBJECT_LEN).collect::<String>().escape_debug().to_string().into()
}

/// `2.5.29.30`
const ID_CE_NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
/// `security.md` §10.
const MAX_CHAIN_LEN: usize = 10;
const MAX_SUBJECT_LEN: usize = 256;

#[cfg(test)]
mod tests;
