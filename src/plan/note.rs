//! What an administrator should know about a plan before a key is made; nothing here refuses it.

use std::time::Duration;

use super::refusal::{CLIENT_CERTIFICATE, list};
use crate::enrollment::EnrollmentName;
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::{DnsName, Fqdn};
use crate::request::{IssuerName, TemplateName};
use crate::role::Role;

/// Something to know about a plan.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// The common name would be too long.
    #[error(
        "{name} is longer than the 64 characters of a common name: the subject goes without one, \
         and clients look at the other names anyway"
    )]
    SubjectLeftOut {
        /// The name.
        name: DnsName,
    },
    /// Some SIP domains get no `sip.<domain>` name.
    #[error(
        "no sip name for {}: add the SIP domains to the request if clients of theirs sign in here, \
         or else a new certificate is needed later",
        list(.domains)
    )]
    SipDomainsLeftOut {
        /// The domains.
        domains: Vec<Fqdn>,
    },
    /// Roles dial out, and the issuer gives no clientAuth.
    #[error(
        "{} dial out over mutual TLS, and issuer {issuer} gives no clientAuth here: \
         {CLIENT_CERTIFICATE}",
        list(.roles)
    )]
    ClientAuthUnavailable {
        /// The roles.
        roles: Vec<Role>,
        /// The issuer.
        issuer: IssuerName,
    },
    /// The key is exportable because members share it.
    #[error("the key is exportable: every server that needs {} holds the same one", list(.roles))]
    ExportableForced {
        /// The shared roles.
        roles: Vec<Role>,
    },
    /// The topology's key algorithm does not suit.
    #[error(
        "the key is {chosen}: {usual}, the topology's default, does not suit every role and the \
         template"
    )]
    OtherKeyChosen {
        /// What was chosen.
        chosen: KeyAlgorithm,
        /// The topology's default.
        usual: KeyAlgorithm,
    },
    /// A public issuer may refuse the key.
    #[error(
        "issuer {issuer} is public and will probably refuse a key of {algorithm}: public CAs take \
         RSA, P-256 and P-384"
    )]
    KeyUnusualForPublicIssuer {
        /// The algorithm.
        algorithm: KeyAlgorithm,
        /// The issuer.
        issuer: IssuerName,
    },
    /// The CA signs with its own digest.
    #[error("issuer {issuer} signs with {given}, although {asked} is asked for")]
    DigestDiffers {
        /// What is asked for.
        asked: DigestAlgorithm,
        /// What the CA uses.
        given: DigestAlgorithm,
        /// The issuer.
        issuer: IssuerName,
    },
    /// A longer digest than the default is asked of an issuer that has to be asked the same way.
    #[error(
        "issuer {issuer} is public: it has to be asked to sign with {digest} too, or the \
         certificate will differ from the request"
    )]
    DigestAtPublicIssuer {
        /// The digest.
        digest: DigestAlgorithm,
        /// The issuer.
        issuer: IssuerName,
    },
    /// The certificate lives shorter than the template says.
    #[error(
        "the certificate lives {} instead of {}: public certificates of this date may not live \
         longer",
        days(.limit), days(.wanted)
    )]
    LifetimeLimited {
        /// What the template says.
        wanted: Duration,
        /// The limit of the date.
        limit: Duration,
    },
    /// Other roles stay on their certificate.
    #[error("{} stay on their certificate and go on as enrollment {enrollment}", list(.roles))]
    RolesStay {
        /// The roles.
        roles: Vec<Role>,
        /// The enrollment they are in from now on.
        enrollment: EnrollmentName,
    },
    /// An enrollment ends, because all its roles move to this one.
    #[error("enrollment {enrollment} ends: its roles move into this one")]
    EnrollmentEnds {
        /// The enrollment.
        enrollment: EnrollmentName,
    },
    /// A public issuer names nothing internal.
    #[error(
        "issuer {issuer} is public and cannot issue for {}: no public name ends so",
        list(.names)
    )]
    InternalNames {
        /// The names.
        names: Vec<DnsName>,
        /// The issuer.
        issuer: IssuerName,
    },
    /// Names beyond the computed ones wait for a second administrator.
    #[error(
        "{} are beyond the computed names: without the topology's leave (allowed_names), another \
         administrator has to approve",
        list(.names)
    )]
    NamesNeedAnother {
        /// The names.
        names: Vec<DnsName>,
    },
    /// The template has requests wait for a human.
    #[error("template {template} has every request wait for approval")]
    ApprovalNeeded {
        /// The template.
        template: TemplateName,
    },
    /// A role usually has another issuer.
    #[error("{role} usually comes from issuer {usual}")]
    OtherIssuer {
        /// The role.
        role: Role,
        /// Its usual issuer.
        usual: IssuerName,
    },
    /// Unmanaged clients meet the role and lack private roots.
    #[error(
        "{} face clients that are not managed, which do not trust private issuer {issuer} unless \
         its root is given to them",
        list(.roles)
    )]
    PrivateIssuerFacesPublic {
        /// The roles.
        roles: Vec<Role>,
        /// The issuer.
        issuer: IssuerName,
    },
}

impl Note {
    /// Returns its stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SubjectLeftOut { .. } => "subject-left-out",
            Self::SipDomainsLeftOut { .. } => "sip-domains-left-out",
            Self::ClientAuthUnavailable { .. } => "client-auth-unavailable",
            Self::ExportableForced { .. } => "exportable-forced",
            Self::OtherKeyChosen { .. } => "other-key-chosen",
            Self::KeyUnusualForPublicIssuer { .. } => "key-unusual-for-public-issuer",
            Self::DigestDiffers { .. } => "digest-differs",
            Self::DigestAtPublicIssuer { .. } => "digest-at-public-issuer",
            Self::LifetimeLimited { .. } => "lifetime-limited",
            Self::RolesStay { .. } => "roles-stay",
            Self::EnrollmentEnds { .. } => "enrollment-ends",
            Self::InternalNames { .. } => "internal-names",
            Self::NamesNeedAnother { .. } => "names-need-another",
            Self::ApprovalNeeded { .. } => "approval-needed",
            Self::OtherIssuer { .. } => "other-issuer",
            Self::PrivateIssuerFacesPublic { .. } => "private-issuer-faces-public",
        }
    }
}

fn days(duration: &Duration) -> String {
    format!("{} days", duration.as_secs() / 86_400)
}
