//! The issuers of a topology: certification authorities and the way to reach them.
//!
//! What stands here is names and addresses, never a secret and never a program: `helper` and
//! `dns_hook` are names that the server's own root-owned files give a meaning (`security.md` §1).

mod read;

pub(super) use self::read::read;

use std::time::Duration;

use super::Explain;
use crate::name::Fqdn;
use crate::request::{IssuerName, TemplateName};
use crate::template::Template;

/// A certification authority, and the way to reach it.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: IssuerName,
    kind: IssuerKind,
    public: bool,
    client_auth: bool,
    template: Option<TemplateName>,
    lifetime: Option<Duration>,
    templates: Vec<Template>,
}

impl Issuer {
    /// Returns its name in the topology.
    pub const fn name(&self) -> &IssuerName {
        &self.name
    }

    /// Returns how it is reached.
    pub const fn kind(&self) -> &IssuerKind {
        &self.kind
    }

    /// Returns whether it obeys the rules for publicly trusted CAs: no internal names, limited
    /// lifetimes, no clientAuth.
    pub const fn is_public(&self) -> bool {
        self.public
    }

    /// Returns whether it can give the clientAuth EKU, as far as the topology knows.
    pub const fn gives_client_auth(&self) -> bool {
        self.client_auth
    }

    /// Returns the template for requests that name none.
    pub const fn template(&self) -> Option<&TemplateName> {
        self.template.as_ref()
    }

    /// Returns how long its certificates live, where the topology says so.
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Returns the templates it is known to offer; empty for issuers that have to be asked.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// Returns the embedded CA that a topology without issuers gets.
    pub(super) fn default_embedded(explain: &mut Explain) -> Self {
        let name: IssuerName = EMBEDDED.parse().expect("the text is a valid issuer name");
        explain.note(
            "issuers",
            EMBEDDED,
            "no issuer is named, so the CA inside the agent signs: it works out of the box",
        );
        Self {
            name,
            kind: IssuerKind::Embedded { crl_url: None },
            public: false,
            client_auth: true,
            template: None,
            lifetime: None,
            templates: Template::built_in(),
        }
    }
}

const EMBEDDED: &str = "embedded";

/// How an issuer is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IssuerKind {
    /// The CA inside the management agent, or inside a lone agent.
    Embedded {
        /// Where clients fetch its CRL and certificates; by default the agent's own address.
        crl_url: Option<String>,
    },
    /// Active Directory Certificate Services, through its enrollment web service (MS-WSTEP).
    Adcs {
        /// The CA's host.
        host: Fqdn,
        /// The CA's name on it.
        instance: String,
        /// The enrollment web service.
        ces_url: String,
        /// How the requester proves who it is.
        authentication: AdcsAuthentication,
    },
    /// A CA that speaks RFC 8555.
    Acme {
        /// The directory.
        directory: String,
        /// The mail address of the account.
        contact: Option<String>,
        /// The certificate profile to ask for.
        profile: Option<String>,
        /// How control of a name is proven.
        challenge: AcmeChallenge,
        /// The hook, declared on the server, that writes DNS records.
        dns_hook: Option<String>,
    },
    /// A program that speaks certmonger's helper protocol, declared on the server.
    Helper {
        /// The name it is declared under.
        helper: String,
        /// The profile it is told.
        profile: Option<String>,
    },
    /// An administrator who carries two files.
    File,
}

impl IssuerKind {
    const WORDS: [&'static str; 5] = ["embedded", "adcs", "acme", "helper", "file"];

    /// Returns the word that topologies write.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "embedded",
            Self::Adcs { .. } => "adcs",
            Self::Acme { .. } => "acme",
            Self::Helper { .. } => "helper",
            Self::File => "file",
        }
    }
}

super::fields::words! {
    /// How a requester proves to AD CS who it is.
    pub enum AdcsAuthentication {
        /// A Kerberos keytab.
        Kerberos = "kerberos",
        /// The certificate that is being renewed.
        Certificate = "certificate",
        /// A user name and a password.
        Password = "password",
    }
    /// A text that is no [`AdcsAuthentication`].
    InvalidAdcsAuthentication, "a way to authenticate to AD CS"
}

super::fields::words! {
    /// How control of a name is proven to an ACME server (RFC 8555 §8, RFC 8737).
    pub enum AcmeChallenge {
        /// A file at the web server of the name.
        Http01 = "http-01",
        /// A TXT record below the name.
        Dns01 = "dns-01",
        /// A certificate served at the name.
        TlsAlpn01 = "tls-alpn-01",
    }
    /// A text that is no [`AcmeChallenge`].
    InvalidAcmeChallenge, "a challenge"
}
