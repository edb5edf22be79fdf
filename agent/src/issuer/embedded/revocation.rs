//! Revocation: the reasons, and the list that carries them.
//!
//! The list is complete, never a delta, and signed anew as a whole. Which certificates it lists, and
//! that its number only grows (`max(last + 1, Unix time)`, `security.md` §7), is the caller's.

use std::fmt;
use std::str::FromStr;

use rcgen::{CertificateRevocationListParams, RevokedCertParams};
use rolecall::key::DigestAlgorithm;
use rolecall::suggest::{did_you_mean, nearest};
use rolecall::time::Timestamp;

use super::authority::{IssuingCa, moment};
use super::serial::SerialNumber;

/// Why a certificate was revoked, in the words of RFC 5280 §5.3.1.
///
/// `removeFromCRL` belongs to delta lists and `aACompromise` to attribute authorities; neither
/// exists here.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RevocationReason {
    /// No reason is given.
    #[default]
    Unspecified,
    /// The private key is or may be in other hands.
    KeyCompromise,
    /// The authority's key is or may be in other hands.
    CaCompromise,
    /// The subject belongs elsewhere now.
    AffiliationChanged,
    /// Another certificate has taken its place.
    Superseded,
    /// The server is gone.
    CessationOfOperation,
    /// Not to be used for now.
    CertificateHold,
    /// The subject may no longer have it.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// Every reason, in the order of the codes.
    pub const ALL: [Self; 8] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
    ];

    /// Returns the name that RFC 5280 gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// Returns the reason for rcgen; RFC 5280 wants `unspecified` left out.
    const fn to_rcgen(self) -> Option<rcgen::RevocationReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(rcgen::RevocationReason::KeyCompromise),
            Self::CaCompromise => Some(rcgen::RevocationReason::CaCompromise),
            Self::AffiliationChanged => Some(rcgen::RevocationReason::AffiliationChanged),
            Self::Superseded => Some(rcgen::RevocationReason::Superseded),
            Self::CessationOfOperation => Some(rcgen::RevocationReason::CessationOfOperation),
            Self::CertificateHold => Some(rcgen::RevocationReason::CertificateHold),
            Self::PrivilegeWithdrawn => Some(rcgen::RevocationReason::PrivilegeWithdrawn),
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RevocationReason {
    type Err = UnknownRevocationReason;

    /// Parses a name without regard to case, hyphens and underscores: `key-compromise` is one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folded = text.replace(['-', '_', ' '], "");
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str().eq_ignore_ascii_case(&folded))
            .ok_or_else(|| UnknownRevocationReason {
                text: text.into(),
                nearest: nearest(text, Self::ALL.map(Self::as_str)),
            })
    }
}

/// A text that names no [`RevocationReason`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{}` is no reason to revoke a certificate{}",
    .text.escape_debug(),
    did_you_mean(.nearest)
)]
pub struct UnknownRevocationReason {
    text: Box<str>,
    nearest: Vec<String>,
}

/// One line of a revocation list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevokedEntry {
    /// The certificate's serial number.
    pub serial: SerialNumber,
    /// When it was revoked.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// Signs a revocation list, in DER.
///
/// `number` must be greater than that of every list before; `next_update` is when the next one is
/// promised.
///
/// # Errors
/// [`CrlError`] when the list would end before it begins, or the signature fails.
pub fn crl(
    authority: &IssuingCa,
    revoked: &[RevokedEntry],
    number: u64,
    now: Timestamp,
    next_update: Timestamp,
) -> Result<Vec<u8>, CrlError> {
    if next_update.as_seconds() <= now.as_seconds() {
        return Err(CrlError::EndsBeforeItBegins { now, next_update });
    }
    let list = CertificateRevocationListParams {
        this_update: moment(now),
        next_update: moment(next_update),
        crl_number: number.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(line).collect(),
        key_identifier_method: authority.key_id_method(),
    };

    let signed = list.signed_by(authority.issuer(DigestAlgorithm::default()))?;
    Ok(signed.der().to_vec())
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// The next list is promised for a time that has passed.
    #[error("a list of {now} cannot promise the next one for {next_update}")]
    EndsBeforeItBegins {
        /// When the list is signed.
        now: Timestamp,
        /// When the next was promised.
        next_update: Timestamp,
    },
    /// The signature failed.
    #[error("the revocation list could not be signed")]
    NotSigned(#[from] rcgen::Error),
}

fn line(entry: &RevokedEntry) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: entry.serial.as_bytes().to_vec().into(),
        revocation_time: moment(entry.at),
        reason_code: entry.reason.to_rcgen(),
        invalidity_date: None,
    }
}

#[cfg(test)]
mod tests;
