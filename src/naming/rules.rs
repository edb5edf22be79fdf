//! The rules of `domain.md` §2, one function for each row of its tables.

use super::{Names, NamingOptions};
use crate::name::{DnsName, Fqdn};
use crate::request::SipDomainChoice;
use crate::role::{BuiltInRole, CustomRoleName, PoolKind, Role};
use crate::topology::{Place, Pool, Profile, Server, SipIdentity, Topology};

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) topology: &'a Topology,
    pub(super) place: Place<'a>,
    pub(super) options: NamingOptions<'a>,
}

/// What one role asks of a certificate.
#[derive(Debug)]
pub(super) struct Draft {
    /// The subject, and why it is this.
    pub(super) subject: (DnsName, String),
    pub(super) names: Names,
}

impl Draft {
    fn new(subject: &Fqdn, why: &str) -> Self {
        let subject = (subject.as_dns_name().clone(), why.to_owned());
        Self { subject, names: Names::default() }
    }

    fn host(&mut self, name: &Fqdn, why: &str) {
        self.names.add(name.as_dns_name(), why);
    }
}

impl<'a> Context<'a> {
    /// Returns what `role` asks for; nothing for a role that the topology does not define.
    pub(super) fn draft(&self, role: &Role) -> Option<Draft> {
        match role {
            Role::BuiltIn(built_in) => Some(self.built_in(*built_in)),
            Role::Custom(name) => self.custom(name),
        }
    }

    fn built_in(&self, role: BuiltInRole) -> Draft {
        match role {
            BuiltInRole::Default => self.default_role(),
            BuiltInRole::WebServicesInternal => self.web_internal(),
            BuiltInRole::WebServicesExternal => self.web_external(),
            BuiltInRole::OAuthTokenIssuer => self.oauth(),
            BuiltInRole::Internal => self.edge_internal(),
            BuiltInRole::AccessEdgeExternal => self.access_edge(),
            BuiltInRole::DataEdgeExternal => self.data_edge(),
            BuiltInRole::AudioVideoAuthentication => self.av_edge(),
            BuiltInRole::XmppServer => self.xmpp(),
            BuiltInRole::WsFedTokenTransfer
            | BuiltInRole::External
            | BuiltInRole::IphoneApnService
            | BuiltInRole::IpadApnService
            | BuiltInRole::MpnService
            | BuiltInRole::PicWebService
            | BuiltInRole::ProvisionService
            | BuiltInRole::LogRetentionService
            | BuiltInRole::SmpDnsWebService
            | BuiltInRole::TenantAdmin
            | BuiltInRole::UpgradeEngineService => self.named_after_the_server(role),
        }
    }

    /// §2.1, the rows of `Default`: pool and server; for a branch, every `sip.<domain>`.
    fn default_role(&self) -> Draft {
        let role = BuiltInRole::Default;
        let mut draft = Draft::new(self.pool().name(), "name of the pool, subject of Default");
        self.add_members(&mut draft, role);
        match self.pool().kind() {
            PoolKind::SurvivableBranch => {
                for domain in self.topology.sip_domains() {
                    let why = "a branch answers for every SIP domain";
                    self.add_below(&mut draft, "sip", domain, why);
                }
            }
            PoolKind::StandardEdition | PoolKind::FrontEnd | PoolKind::Director => {
                self.add_sign_in_names(&mut draft);
            }
            PoolKind::Mediation | PoolKind::Edge | PoolKind::Custom => {
                self.add_chosen_sign_in_names(&mut draft);
            }
        }
        self.add_sip_identity(&mut draft);
        draft
    }

    /// §2.1 "WebServicesInternal": the internal web name, the server, the pool, the simple URLs.
    fn web_internal(&self) -> Draft {
        let role = BuiltInRole::WebServicesInternal;
        let mut draft = self.web_subject(role);
        if let Some(host) = self.pool().web_internal() {
            draft.host(host, "internal web name of the pool");
        }
        if self.pool().kind() != PoolKind::StandardEdition {
            self.add_members(&mut draft, role);
            draft.host(self.pool().name(), "name of the pool");
        }
        self.add_meet(&mut draft);
        let urls = self.topology.simple_urls();
        self.add_simple_url(&mut draft, urls.dialin(), "dial-in simple URL");
        self.add_simple_url(&mut draft, urls.admin(), "admin simple URL");
        let why = "mobile clients inside find their pool here";
        self.add_autodiscover(&mut draft, "lyncdiscoverinternal", why);
        draft
    }

    /// §2.1 "WebServicesExternal" and the rulings: never the admin URL, which is internal only.
    fn web_external(&self) -> Draft {
        let mut draft = self.web_subject(BuiltInRole::WebServicesExternal);
        if let Some(host) = self.pool().web_external() {
            draft.host(host, "external web name of the pool");
        }
        let dialin = self.topology.simple_urls().dialin();
        self.add_simple_url(&mut draft, dialin, "dial-in simple URL");
        self.add_meet(&mut draft);
        let why = "mobile clients outside find their pool here";
        self.add_autodiscover(&mut draft, "lyncdiscover", why);
        draft
    }

    /// Rulings, "subject of EE WebServicesInternal/External".
    fn web_subject(&self, role: BuiltInRole) -> Draft {
        if let (true, Some(host)) = (self.options.public_issuer, self.pool().web_external()) {
            let why =
                format!("external web name, subject of {} from a public issuer", role.facts().name);
            return Draft::new(host, &why);
        }
        let shared = self.topology.is_shared(self.pool(), &Role::from(role));
        if self.pool().kind() == PoolKind::FrontEnd || shared {
            let why = format!("name of the pool, subject of {}", role.facts().name);
            return Draft::new(self.pool().name(), &why);
        }
        let why = format!("name of the server, subject of {}", role.facts().name);
        Draft::new(self.server().name(), &why)
    }

    /// Rulings, "OAuthTokenIssuer": the realm is the primary SIP domain.
    fn oauth(&self) -> Draft {
        let realm = self.topology.primary_sip_domain();
        let mut draft = Draft::new(realm, "primary SIP domain, the realm of tokens");
        draft.host(realm, "primary SIP domain, the realm of tokens");
        draft
    }

    /// Rulings, "Edge Internal": pool and member; the documentation has no names at all.
    fn edge_internal(&self) -> Draft {
        let role = BuiltInRole::Internal;
        let mut draft = Draft::new(self.pool().name(), "name of the Edge pool inside");
        if self.topology.profile() == Profile::Today {
            self.add_members(&mut draft, role);
        }
        draft
    }

    /// §2.1 "AccessEdgeExternal (+DataEdge)", and C5.
    fn access_edge(&self) -> Draft {
        let access = self.host_or_server(Pool::access);
        let mut draft = Draft::new(access, "name of the Access Edge service");
        self.add_external_edge_names(&mut draft);
        draft
    }

    fn add_external_edge_names(&self, draft: &mut Draft) {
        draft.host(self.host_or_server(Pool::access), "name of the Access Edge service");
        if let Some(host) = self.pool().web_conferencing() {
            draft.host(host, "name of the Web Conferencing Edge service");
        }
        for domain in self.chosen(self.topology.sip_domains()) {
            let why = "clients and partners look for it in DNS";
            self.add_below(draft, "sip", domain, why);
        }
        self.add_sip_identity(draft);
    }

    fn data_edge(&self) -> Draft {
        let host = self.host_or_server(Pool::web_conferencing);
        let mut draft = Draft::new(host, "name of the Web Conferencing Edge service");
        draft.host(host, "name of the Web Conferencing Edge service");
        draft
    }

    /// Rulings, "A/V: the A/V Edge FQDN"; the documentation says that nobody looks at its names.
    fn av_edge(&self) -> Draft {
        let host = self.host_or_server(Pool::av);
        let why = "name of the A/V Edge service, so that a relay can serve TLS with it";
        let mut draft = Draft::new(host, why);
        if self.topology.profile() == Profile::Today {
            draft.host(host, why);
        }
        draft
    }

    /// Rulings, "XMPPServer": the external Edge names plus the XMPP domains.
    fn xmpp(&self) -> Draft {
        let access = self.host_or_server(Pool::access);
        let mut draft = Draft::new(access, "name of the Access Edge service");
        self.add_external_edge_names(&mut draft);
        for domain in self.pool().xmpp_domains() {
            draft.host(domain, "domain that is federated over XMPP");
        }
        draft
    }

    fn named_after_the_server(&self, role: BuiltInRole) -> Draft {
        let mut draft = Draft::new(self.server().name(), "name of the server");
        self.add_members(&mut draft, role);
        draft
    }

    fn custom(&self, name: &CustomRoleName) -> Option<Draft> {
        let role = self.topology.custom_role(name)?;
        let servers = self.members_of(&Role::Custom(name.clone()));
        let why = format!("the topology names it for {}", name.as_str());
        let mut names = Names::default();
        for pattern in role.names() {
            for server in &servers {
                let sip_domains = self.topology.sip_domains();
                // Parsing has expanded every pattern for every server already.
                let expanded = pattern.expand(server, self.pool().name(), sip_domains);
                for name in expanded.unwrap_or_default() {
                    names.add(&name, &why);
                }
            }
        }
        let subject = (names.first()?.clone(), why);
        Some(Draft { subject, names })
    }

    /// C1 and C2: `sip.<domain>` where clients that configure themselves sign in.
    fn add_sign_in_names(&self, draft: &mut Draft) {
        let several = self.topology.sip_domains().len() > 1;
        let director = self.pool().kind() == PoolKind::Director;
        let strict = self.topology.has_strict_dns();
        let wanted = self.pool().is_auto_logon() && (strict || (several && !director));
        if !wanted {
            return self.add_chosen_sign_in_names(draft);
        }
        let why = if strict {
            "clients sign in here, and strict DNS names are enforced"
        } else {
            "clients of several SIP domains sign in here by themselves"
        };
        for domain in self.chosen(self.topology.sip_domains()) {
            self.add_below(draft, "sip", domain, why);
        }
    }

    /// The wizard's page of SIP domains: only what the request names.
    fn add_chosen_sign_in_names(&self, draft: &mut Draft) {
        for domain in self.chosen(&[]) {
            self.add_below(draft, "sip", domain, "the request names this SIP domain");
        }
    }

    /// Returns the SIP domains that the request names, or `computed` where it leaves the choice.
    fn chosen(&self, computed: &'a [Fqdn]) -> &'a [Fqdn] {
        match self.options.sip_domains {
            SipDomainChoice::Computed => computed,
            SipDomainChoice::All => self.topology.sip_domains(),
            SipDomainChoice::These(domains) => domains,
        }
    }

    /// Rulings, "SIP identity": the bare SIP domains, for clients that match them (RFC 5922 §7.1).
    fn add_sip_identity(&self, draft: &mut Draft) {
        match self.topology.sip_identity() {
            SipIdentity::Server => {}
            SipIdentity::Rfc5922 => {
                for domain in self.topology.sip_domains() {
                    draft.host(domain, "SIP clients match the domain itself (RFC 5922)");
                }
            }
        }
    }

    fn add_meet(&self, draft: &mut Draft) {
        for domain in self.topology.sip_domains() {
            if let Some(host) = self.topology.simple_urls().meet(domain) {
                self.add_simple_url(draft, host, &format!("Meet simple URL of {domain}"));
            }
        }
    }

    /// C4, as ruled.
    fn add_autodiscover(&self, draft: &mut Draft, label: &str, why: &str) {
        if self.topology.has_autodiscover() {
            for domain in self.topology.sip_domains() {
                if let Ok(host) = domain.child(label) {
                    self.add_simple_url(draft, &host, why);
                }
            }
        }
    }

    /// Adds a simple URL or lyncdiscover name, or the wildcard that stands for it (§2.1).
    ///
    /// Wildcards are for Standard Edition, Front End and Director pools only (rulings,
    /// "wildcards").
    fn add_simple_url(&self, draft: &mut Draft, host: &Fqdn, why: &str) {
        let kind = self.pool().kind();
        let allowed =
            matches!(kind, PoolKind::StandardEdition | PoolKind::FrontEnd | PoolKind::Director);
        let wildcard = (self.topology.has_wildcard_simple_urls() && allowed)
            .then(|| host.domain().parse::<Fqdn>().ok())
            .flatten()
            .and_then(|parent| format!("*.{parent}").parse().ok());
        match wildcard {
            Some(wildcard) => draft.names.add(&wildcard, &format!("{why} ({host})")),
            None => draft.host(host, why),
        }
    }

    /// Adds this server, or every member where they share the certificate.
    fn add_members(&self, draft: &mut Draft, role: BuiltInRole) {
        let (subject, why) = &draft.subject;
        draft.names.add(subject, why);
        let role = Role::from(role);
        let shared = self.topology.is_shared(self.pool(), &role);
        let why = if shared { "member of the pool, which shares it" } else { "name of the server" };
        for member in self.members_of(&role) {
            draft.host(member, why);
        }
    }

    fn members_of(&self, role: &Role) -> Vec<&'a Fqdn> {
        if self.topology.is_shared(self.pool(), role) {
            self.place.pool.servers().iter().map(Server::name).collect()
        } else {
            vec![self.place.server.name()]
        }
    }

    fn add_below(&self, draft: &mut Draft, label: &str, domain: &Fqdn, why: &str) {
        // Parsing keeps SIP domains short enough for every label there is.
        if let Ok(name) = domain.child(label) {
            draft.host(&name, why);
        }
    }

    fn host_or_server(&self, host: fn(&Pool) -> Option<&Fqdn>) -> &'a Fqdn {
        host(self.place.pool).unwrap_or_else(|| self.place.server.name())
    }

    const fn pool(&self) -> &'a Pool {
        self.place.pool
    }

    const fn server(&self) -> &'a Server {
        self.place.server
    }
}
