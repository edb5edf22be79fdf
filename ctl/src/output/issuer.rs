//! Issuers, and requests at the embedded CA.

use std::time::Duration;

use rolecall::api::pb;
use serde::Serialize;

use super::certificate::pem;
use super::finding::{FindingView, paragraphs};
use super::order::{actor, yes_no};
use super::table::{Facts, Table, Tone, lines, maybe, plain, toned};
use super::text::{date_and_distance, digits, length, some, time};
use super::{Look, View};

/// A certification authority and the way to reach it.
#[derive(Debug, Serialize)]
pub(crate) struct IssuerView {
    name: String,
    kind: String,
    is_default: bool,
    usable: bool,
    unusable_because: Option<String>,
    issuer_dn: Option<String>,
    not_after: Option<String>,
    root_fingerprint: Option<String>,
    crl_url: Option<String>,
    crl_number: Option<u64>,
    issued: u64,
    revoked: u64,
    waiting: u64,
    templates: Vec<TemplateView>,
    findings: Vec<FindingView>,
    /// The issuing CA first, the root last; PEM. Empty in listings.
    certificates: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TemplateView {
    name: String,
    display_name: Option<String>,
    client_auth: bool,
    key_algorithms: Vec<String>,
    lifetime_seconds: u64,
    approval_required: bool,
}

impl IssuerView {
    pub(crate) fn of(issuer: &pb::Issuer) -> Self {
        Self {
            name: issuer.name.clone(),
            kind: issuer.kind.clone(),
            is_default: issuer.is_default,
            usable: issuer.unusable.is_empty(),
            unusable_because: some(&issuer.unusable),
            issuer_dn: some(&issuer.issuer_dn),
            not_after: time(issuer.not_after.as_ref()),
            root_fingerprint: digits(&issuer.root_fingerprint),
            crl_url: some(&issuer.crl_url),
            crl_number: (issuer.crl_number != 0).then_some(issuer.crl_number),
            issued: issuer.issued,
            revoked: issuer.revoked,
            waiting: issuer.waiting,
            templates: issuer.templates.iter().map(TemplateView::of).collect(),
            findings: FindingView::all(&issuer.findings),
            certificates: Vec::new(),
        }
    }

    pub(crate) fn with_certificates(self, certificates: &[Vec<u8>]) -> Self {
        let certificates = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        Self { certificates, ..self }
    }

    fn facts(&self) -> String {
        let usable = self.unusable_because.as_deref().unwrap_or("yes");
        let crl_number = self.crl_number.map(|number| number.to_string());
        let mut facts = Facts::new();
        facts
            .add("Issuer", Some(&self.name))
            .add("Kind", Some(&self.kind))
            .add("Default", Some(yes_no(self.is_default)))
            .add("Usable", Some(usable))
            .add("Issuer DN", self.issuer_dn.as_deref())
            .add("Not after", self.not_after.as_deref())
            .add("Root SHA-256", self.root_fingerprint.as_deref())
            .add("CRL", self.crl_url.as_deref())
            .add("CRL number", crl_number.as_deref())
            .add("Issued", Some(&self.issued.to_string()))
            .add("Revoked", Some(&self.revoked.to_string()))
            .add("Waiting", Some(&self.waiting.to_string()));
        facts.render()
    }
}

impl TemplateView {
    fn of(template: &pb::Template) -> Self {
        Self {
            name: template.name.clone(),
            display_name: some(&template.display_name),
            client_auth: template.client_auth,
            key_algorithms: template.key_algorithms.clone(),
            lifetime_seconds: template.lifetime_seconds,
            approval_required: template.approval_required,
        }
    }
}

impl View for IssuerView {
    const SCHEMA: &'static str = "rolecall/issuer/v1";

    fn human(&self, look: &Look) -> String {
        let mut table =
            Table::new(["TEMPLATE", "CLIENT AUTH", "KEYS", "LIFETIME", "APPROVAL"], look);
        for template in &self.templates {
            table.row([
                plain(&template.name),
                plain(yes_no(template.client_auth)),
                plain(template.key_algorithms.join(", ")),
                plain(length(Duration::from_secs(template.lifetime_seconds))),
                plain(if template.approval_required { "needed" } else { "-" }),
            ]);
        }
        format!("{}\n{}", self.facts(), table.render("No templates."))
            + &paragraphs(&self.findings, "", look)
    }
}

/// Every issuer.
#[derive(Debug, Serialize)]
pub(crate) struct IssuersView {
    issuers: Vec<IssuerView>,
}

impl IssuersView {
    pub(crate) fn of(issuers: &[pb::Issuer]) -> Self {
        Self { issuers: issuers.iter().map(IssuerView::of).collect() }
    }
}

impl View for IssuersView {
    const SCHEMA: &'static str = "rolecall/issuers/v1";

    fn human(&self, look: &Look) -> String {
        let mut table =
            Table::new(["ISSUER", "KIND", "EXPIRES", "ISSUED", "WAITING", "STATE"], look);
        for issuer in &self.issuers {
            let (state, tone) = match &issuer.unusable_because {
                Some(why) => (why.as_str(), Tone::Bad),
                None if issuer.is_default => ("usable, default", Tone::Good),
                None => ("usable", Tone::Good),
            };
            table.row([
                plain(&issuer.name),
                plain(&issuer.kind),
                plain(date_and_distance(issuer.not_after.as_deref(), look.now)),
                plain(issuer.issued.to_string()),
                plain(issuer.waiting.to_string()),
                toned(state, tone),
            ]);
        }
        let findings: String =
            self.issuers.iter().map(|issuer| paragraphs(&issuer.findings, "", look)).collect();
        table.render("No issuers.") + &findings
    }
}

/// A request at the embedded CA.
#[derive(Debug, Serialize)]
pub(crate) struct CaRequestView {
    id: u64,
    state: &'static str,
    order_id: Option<u64>,
    template: Option<String>,
    server: Option<String>,
    roles: Vec<String>,
    names: Vec<String>,
    requested_by: Option<String>,
    requested_at: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<String>,
    reason: Option<String>,
    fingerprint: Option<String>,
    /// What was issued, leaf first, as PEM; only in the answer to a submission.
    certificates: Vec<String>,
}

impl CaRequestView {
    pub(crate) fn of(request: &pb::CaRequest) -> Self {
        Self {
            id: request.id,
            state: state(request.state()),
            order_id: (request.order_id != 0).then_some(request.order_id),
            template: some(&request.template),
            server: some(&request.server),
            roles: request.roles.clone(),
            names: request.names.clone(),
            requested_by: request.requested_by.as_ref().map(actor),
            requested_at: time(request.requested_at.as_ref()),
            decided_by: request.decided_by.as_ref().map(actor),
            decided_at: time(request.decided_at.as_ref()),
            reason: some(&request.reason),
            fingerprint: digits(&request.fingerprint),
            certificates: Vec::new(),
        }
    }

    pub(crate) fn with_certificates(self, certificates: &[Vec<u8>]) -> Self {
        let certificates = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        Self { certificates, ..self }
    }

    fn tone(&self) -> Tone {
        match self.state {
            "waiting" => Tone::Doubtful,
            "denied" => Tone::Bad,
            _ => Tone::Plain,
        }
    }
}

/// Returns the word for the state of a request at the embedded CA.
pub(crate) const fn state(state: pb::ca_request::State) -> &'static str {
    match state {
        pb::ca_request::State::Waiting => "waiting",
        pb::ca_request::State::Issued => "issued",
        pb::ca_request::State::Denied => "denied",
        pb::ca_request::State::Unspecified => "unspecified",
    }
}

impl View for CaRequestView {
    const SCHEMA: &'static str = "rolecall/ca-request/v1";

    fn human(&self, _: &Look) -> String {
        let order = self.order_id.map(|order| order.to_string());
        let mut facts = Facts::new();
        facts
            .add("Request", Some(&self.id.to_string()))
            .add("State", Some(self.state))
            .add("Order", Some(order.as_deref().unwrap_or("none (foreign request)")))
            .add("Server", self.server.as_deref())
            .add("Roles", Some(&self.roles.join(", ")))
            .add("Template", self.template.as_deref())
            .list("Names", &self.names)
            .add("Requested by", self.requested_by.as_deref())
            .add("Requested", self.requested_at.as_deref())
            .add("Decided by", self.decided_by.as_deref())
            .add("Decided", self.decided_at.as_deref())
            .add("Reason", self.reason.as_deref())
            .add("Fingerprint", self.fingerprint.as_deref());
        facts.render()
    }
}

/// Requests at the embedded CA.
#[derive(Debug, Serialize)]
pub(crate) struct CaRequestsView {
    requests: Vec<CaRequestView>,
}

impl CaRequestsView {
    pub(crate) fn of(requests: &[pb::CaRequest]) -> Self {
        Self { requests: requests.iter().map(CaRequestView::of).collect() }
    }
}

impl View for CaRequestsView {
    const SCHEMA: &'static str = "rolecall/ca-requests/v1";

    fn human(&self, look: &Look) -> String {
        let mut table =
            Table::new(["REQUEST", "STATE", "SERVER", "ROLES", "BY", "REQUESTED", "ORDER"], look);
        for request in &self.requests {
            table.row([
                plain(request.id.to_string()),
                toned(request.state, request.tone()),
                maybe(request.server.as_deref()),
                if look.wide { plain(request.roles.join(",")) } else { lines(&request.roles) },
                maybe(request.requested_by.as_deref()),
                maybe(request.requested_at.as_deref()),
                maybe(request.order_id.map(|order| order.to_string()).as_deref()),
            ]);
        }
        table.render("No requests.")
    }
}
