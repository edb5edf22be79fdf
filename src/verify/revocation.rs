//! What revocation lists say about the certificates of a path.
//!
//! Fetching them is the agent's business; here is only what their state means. "Unreachable" is not
//! "revoked": a list that cannot be had warns, a list that names the certificate refuses.

use std::time::Duration;

use super::Subject;
use crate::certificate::Certificate;
use crate::finding::{Finding, FindingCode};
use crate::time::Timestamp;

/// What is known about one certificate from its issuer's revocation list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CrlState {
    /// The list was not looked at.
    NotChecked,
    /// The list is current and does not name the certificate.
    Good,
    /// The list names the certificate.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, as RFC 5280 §5.3.1 names it, such as `keyCompromise`.
        reason: Box<str>,
    },
    /// The list could not be fetched.
    Unreachable {
        /// Where it was looked for.
        uri: Box<str>,
        /// What went wrong.
        error: Box<str>,
    },
    /// The newest list that could be had is out of date.
    Stale {
        /// When the next one should have been there.
        next_update: Timestamp,
    },
    /// The list is offered over LDAP only, which was not tried.
    LdapOnly,
}

pub(super) fn findings(subject: &Subject<'_>, path: &[Certificate]) -> Vec<Finding> {
    let leaf = subject.chain.leaf();
    let mut findings: Vec<Finding> =
        path.iter().filter_map(|step| from_state(subject, step)).collect();
    if leaf.crl_distribution_points().is_empty() {
        findings.extend(no_distribution_point(subject));
    } else if is_ldap_only(leaf) {
        let has_it = findings.iter().any(|finding| finding.code == FindingCode::CrlLdapOnly);
        findings.extend((!has_it).then(|| ldap_only(leaf)));
    }
    findings
}

fn from_state(subject: &Subject<'_>, certificate: &Certificate) -> Option<Finding> {
    let name = certificate.subject();
    let again = subject.verify_again();
    match subject.crl.get(&certificate.fingerprint())? {
        CrlState::NotChecked | CrlState::Good => None,
        CrlState::Revoked { at, reason } => Some(Finding::new(
            FindingCode::Revoked,
            format!(
                "{name} (serial number {}) was revoked on {at}: {reason}",
                certificate.serial_number()
            ),
            subject.request(),
        )),
        CrlState::Unreachable { uri, error } => Some(Finding::new(
            FindingCode::CrlUnreachable,
            format!("the list for {name} at {uri} cannot be fetched: {error}"),
            again,
        )),
        CrlState::Stale { next_update } => Some(Finding::new(
            FindingCode::CrlStale,
            format!("the list for {name} should have been replaced by {next_update}"),
            again,
        )),
        CrlState::LdapOnly => Some(ldap_only(certificate)),
    }
}

fn ldap_only(certificate: &Certificate) -> Finding {
    Finding::new(
        FindingCode::CrlLdapOnly,
        format!(
            "the list for {} is offered only at {}",
            certificate.subject(),
            certificate.crl_distribution_points().join(", ")
        ),
        "rolecallctl issuer list  # let the authority publish its list over HTTP too",
    )
}

fn is_ldap_only(certificate: &Certificate) -> bool {
    certificate.crl_distribution_points().iter().all(|uri| {
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        matches!(scheme.as_deref(), Some("ldap" | "ldaps"))
    })
}

/// `domain.md`, rulings: a warning, except for lifetimes up to ten days and roles that want none.
fn no_distribution_point(subject: &Subject<'_>) -> Option<Finding> {
    let is_wanted = subject.roles.iter().any(|wish| wish.wants_crl);
    let is_short = subject.chain.leaf().validity().lifetime() <= SHORT_LIVED;
    (is_wanted && !is_short).then(|| {
        Finding::new(
            FindingCode::CrlMissing,
            "the certificate has no CRL distribution point",
            "systemctl restart rolecall-agent  # after setting `url` and `listen` under [ca] in \
             agent.toml; another authority is to name its list itself; then request anew",
        )
    })
}

/// RFC 9608: certificates that live this long need no revocation.
const SHORT_LIVED: Duration = Duration::from_secs(10 * 24 * 60 * 60);
