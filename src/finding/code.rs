//! The codes of findings: one table, from which the enum, the texts and the lists come.
//!
//! Codes are a contract: scripts match them, operators accept them. Rows are only ever added.

use std::fmt;
use std::str::FromStr;

use super::Severity;
use crate::suggest::{did_you_mean, nearest};

macro_rules! codes {
    ($($name:ident, $text:literal, $severity:ident, $meaning:literal;)+) => {
        /// What kind of problem a finding is.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum FindingCode {
            $(#[doc = $meaning] $name,)+
        }

        impl FindingCode {
            /// Every code, those about certificates first.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the code as it is written everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Returns what it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }

            /// Returns how much it usually weighs.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    RootMissing, "root-missing", Error,
        "The chain ends at a root that is not trusted here.";
    IntermediateMissing, "intermediate-missing", Error,
        "An issuer between the certificate and its root is not known here.";
    IssuerKeyDiffers, "issuer-key-differs", Error,
        "An authority of the issuer's name is known, but it signed with another key.";
    SignatureInvalid, "signature-invalid", Error,
        "The right issuer's key did not make the signature: the certificate was altered.";
    IssuerNotCa, "issuer-not-ca", Error,
        "The certificate that stands as issuer is no certification authority's.";
    ChainTooLong, "chain-too-long", Error,
        "More authorities stand above the certificate than one of them allows.";
    ChainInvalid, "chain-invalid", Error,
        "The verifier refuses the chain for a reason that no other finding names.";
    NameConstraintsViolated, "name-constraints-violated", Error,
        "An authority may not issue certificates for one of the names.";
    OutlivesIssuer, "outlives-issuer", Warning,
        "The certificate is valid for longer than one of its issuers.";
    IssuerExpired, "issuer-expired", Error,
        "A certificate above this one has expired.";
    SelfSigned, "self-signed", Error,
        "The certificate is signed by its own key: no authority vouches for it.";
    NotALeaf, "not-a-leaf", Error,
        "The certificate is a certification authority's and cannot serve a role.";
    Expired, "expired", Error,
        "The certificate has expired.";
    NotYetValid, "not-yet-valid", Error,
        "The certificate, or one above it, is not valid yet.";
    KeyMissing, "key-missing", Error,
        "The private key of the certificate is not held here.";
    KeyForeign, "key-foreign", Error,
        "The private key that is held belongs to another certificate.";
    KeyUnsuitable, "key-unsuitable", Error,
        "The role cannot use a key of this algorithm or usage.";
    WeakKey, "weak-key", Warning,
        "A key is shorter than is safe today.";
    WeakDigest, "weak-digest", Error,
        "A signature is over a digest that can be forged: SHA-1 or MD5.";
    AlgorithmUnsupported, "algorithm-unsupported", Warning,
        "A signature's algorithm is not understood by every client, or not at all.";
    DigestDiffers, "digest-differs", Notice,
        "The authority signed with another digest than was asked for.";
    ServerAuthMissing, "server-auth-missing", Error,
        "The certificate may not be used by TLS servers (extended key usage).";
    ClientAuthMissing, "client-auth-missing", Warning,
        "The role dials out over mutual TLS, but the certificate may not be used by TLS clients.";
    NamesMissing, "names-missing", Error,
        "The certificate lacks names that the role is reached by.";
    NamesExtra, "names-extra", Notice,
        "The certificate carries names that the role does not need.";
    WildcardInSubject, "wildcard-in-subject", Warning,
        "The subject's common name is a wildcard.";
    WildcardOnRole, "wildcard-on-role", Warning,
        "The certificate carries a wildcard, which this role does not look at.";
    Revoked, "revoked", Error,
        "The certificate, or one above it, was revoked.";
    CrlMissing, "crl-missing", Warning,
        "The certificate does not say where its revocation list is.";
    CrlLdapOnly, "crl-ldap-only", Warning,
        "The revocation list can be had over LDAP only.";
    CrlUnreachable, "crl-unreachable", Warning,
        "The revocation list could not be fetched.";
    CrlStale, "crl-stale", Warning,
        "The revocation list is older than it says it may be.";
    MustStaple, "must-staple", Warning,
        "The certificate demands stapled OCSP responses, which most services do not send.";
    IssuerChanged, "issuer-changed", Notice,
        "The certificate comes from another issuer than the one it replaces.";
    PublicClientTrust, "public-client-trust", Notice,
        "Unmanaged clients meet this role, but its root is a private one.";
    RootNotSelfSigned, "root-not-self-signed", Warning,
        "A certificate among the trusted roots is no root.";
    IssuerNameDuplicate, "issuer-name-duplicate", Warning,
        "Two known authorities have the same name and different keys.";

    RoleMissing, "role-missing", Error,
        "A role that this server needs has no certificate.";
    OrderFailed, "order-failed", Error,
        "An order ended without a certificate.";
    OrderDenied, "order-denied", Error,
        "An authority or an approver denied an order.";
    OrderPendingApproval, "order-pending-approval", Notice,
        "An order waits for an approval.";
    OrderAwaitingResponse, "order-awaiting-response", Notice,
        "An order waits for an administrator to bring the response.";
    CredentialsNeeded, "credentials-needed", Warning,
        "An order waits for credentials.";
    AssignmentWaiting, "assignment-waiting", Warning,
        "A certificate is installed but not assigned, for the findings it has.";
    RenewalDue, "renewal-due", Notice,
        "The certificate is due for renewal.";
    RenewalOverdue, "renewal-overdue", Error,
        "The certificate should have been renewed by now.";
    DueWhenNew, "due-when-new", Warning,
        "The issuer gives certificates that are due for renewal as soon as they are issued.";
    Held, "held", Notice,
        "A hold is in force: nothing is changed here until it is released.";
    Unenrolled, "unenrolled", Notice,
        "No enrollment renews this certificate: it needs a human.";
    DeploymentFailed, "deployment-failed", Error,
        "A certificate could not be put into a service and is tried again.";
    DeploymentHeld, "deployment-held", Error,
        "A deployment was given up: no earlier certificate is good enough to go back to.";
    DeploymentDrifted, "deployment-drifted", Warning,
        "Somebody changed what Rolecall had put into a service.";
    ServedDiffers, "served-differs", Error,
        "A service serves another certificate than the one assigned.";
    ProbeFailed, "probe-failed", Warning,
        "What a service serves could not be found out.";
    SharedRoleNotDistributed, "shared-role-not-distributed", Warning,
        "A member of the scope does not hold the shared certificate.";
    NotDeclaredHere, "not-declared-here", Warning,
        "The topology names a service that is not declared on this server.";
    TopologyInvalid, "topology-invalid", Error,
        "The topology cannot be used as it is.";
    TopologyFork, "topology-fork", Error,
        "Two topologies of the same version differ.";
    TopologyStale, "topology-stale", Warning,
        "This server has not seen the newest topology.";
    IssuerUnsupported, "issuer-unsupported", Warning,
        "This build cannot reach an issuer of the configured kind.";
    IssuerUnreachable, "issuer-unreachable", Warning,
        "An issuer does not answer, or answers nonsense.";
    RootKeyOnline, "root-key-online", Warning,
        "The key of the embedded authority's root lies on this server.";
    AgentUnreachable, "agent-unreachable", Warning,
        "An agent is not connected; what is shown of it may be old.";
    IndexRebuilt, "index-rebuilt", Notice,
        "The index could not be trusted and was rebuilt from the journal.";
    JournalTorn, "journal-torn", Warning,
        "The journal ended in an incomplete frame, which was cut off and kept aside.";
    JournalShortened, "journal-shortened", Error,
        "The index knows changes that the journal does not: the journal lost them.";
    JournalRewound, "journal-rewound", Error,
        "The journal is older than what this agent showed before.";
    StoreReadOnly, "store-read-only", Error,
        "The store is damaged or cannot be written; nothing is changed until it is repaired.";
    DiskFull, "disk-full", Error,
        "There is no room for another change.";
    KeysUnreferenced, "keys-unreferenced", Notice,
        "Private keys were found that nothing refers to; they were set aside.";
    KeyUnreadable, "key-unreadable", Error,
        "A private key that is needed cannot be opened.";
    ClockOffset, "clock-offset", Warning,
        "The clock differs from those of the other agents.";
    ClockStepped, "clock-stepped", Warning,
        "The clock jumped.";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FindingCode {
    type Err = InvalidFindingCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().copied();
        known.clone().find(|code| code.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            InvalidFindingCode {
                text: text.into(),
                nearest: nearest(text, known.map(Self::as_str)),
            }
        })
    }
}

/// A text that is no [`FindingCode`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not the code of a finding{}", did_you_mean(.nearest))]
pub struct InvalidFindingCode {
    text: Box<str>,
    nearest: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_parsed_from_its_own_text_and_no_text_stands_twice() {
        for code in FindingCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
        let texts: BTreeSet<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), FindingCode::ALL.len());
    }

    #[test]
    fn every_code_is_kebab_case_and_every_meaning_is_a_sentence() {
        for code in FindingCode::ALL {
            let text = code.as_str();
            let kebab = |octet: u8| octet.is_ascii_lowercase() || octet == b'-';
            assert!(text.bytes().all(kebab), "{text}");
            assert!(code.meaning().ends_with('.'), "{text}: {}", code.meaning());
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_codes() {
        let refusal = "rot-missing".parse::<FindingCode>().unwrap_err().to_string();
        assert!(refusal.contains("did you mean `root-missing`"), "{refusal}");
    }
}
