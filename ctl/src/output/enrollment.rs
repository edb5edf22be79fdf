//! Enrollments.

use std::time::Duration;

use rolecall::api::pb;
use serde::Serialize;

use super::order::yes_no;
use super::plan::attributes;
use super::table::{Facts, Table, lines, maybe, plain};
use super::text::{length, some};
use super::{Look, View};

/// The standing wish for one certificate.
#[derive(Debug, Serialize)]
pub(crate) struct EnrollmentView {
    pub(crate) name: String,
    scope: Option<String>,
    scope_name: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) key_algorithm: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) exportable: bool,
    subject: Option<String>,
    client_eku: Option<bool>,
    sip_domains: Option<SipDomainsView>,
    added_names: Vec<String>,
    friendly_name: Option<String>,
    renew_before_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SipDomainsView {
    choice: &'static str,
    domains: Vec<String>,
}

impl EnrollmentView {
    pub(crate) fn of(enrollment: &pb::Enrollment) -> Self {
        Self {
            name: enrollment.name.clone(),
            scope: some(&enrollment.scope),
            scope_name: some(&enrollment.scope_name),
            roles: enrollment.roles.clone(),
            issuer: some(&enrollment.issuer),
            template: some(&enrollment.template),
            key_algorithm: some(&enrollment.key_algorithm),
            digest: some(&enrollment.digest),
            exportable: enrollment.exportable,
            subject: enrollment.subject.as_ref().and_then(attributes),
            client_eku: enrollment.client_eku,
            sip_domains: enrollment.sip_domains.as_ref().map(SipDomainsView::of),
            added_names: enrollment.added_names.clone(),
            friendly_name: some(&enrollment.friendly_name),
            renew_before_seconds: enrollment.renew_before_seconds,
        }
    }

    fn renewal(&self) -> String {
        match self.renew_before_seconds {
            Some(seconds) => format!("{} before expiry", length(Duration::from_secs(seconds))),
            None => "when a third of the lifetime is left".to_owned(),
        }
    }
}

impl SipDomainsView {
    fn of(chosen: &pb::SipDomains) -> Self {
        let choice = match chosen.choice() {
            pb::sip_domains::Choice::Unspecified | pb::sip_domains::Choice::Computed => "computed",
            pb::sip_domains::Choice::All => "all",
            pb::sip_domains::Choice::These => "these",
        };
        Self { choice, domains: chosen.domains.clone() }
    }

    fn words(&self) -> String {
        if self.domains.is_empty() { self.choice.to_owned() } else { self.domains.join(", ") }
    }
}

impl View for EnrollmentView {
    const SCHEMA: &'static str = "rolecall/enrollment/v1";

    fn human(&self, _: &Look) -> String {
        let sip_domains = self.sip_domains.as_ref().map(SipDomainsView::words);
        let mut facts = Facts::new();
        facts
            .add("Enrollment", Some(&self.name))
            .add("Scope", self.scope.as_deref())
            .add("Roles", Some(&self.roles.join(", ")))
            .add("Issuer", self.issuer.as_deref())
            .add("Template", self.template.as_deref())
            .add("Key", self.key_algorithm.as_deref())
            .add("Digest", self.digest.as_deref())
            .add("Exportable", Some(yes_no(self.exportable)))
            .add("Client EKU", self.client_eku.map(yes_no))
            .add("Subject", self.subject.as_deref())
            .add("SIP domains", sip_domains.as_deref())
            .list("Added names", &self.added_names)
            .add("Friendly name", self.friendly_name.as_deref())
            .add("Renewal", Some(&self.renewal()));
        facts.render()
    }
}

/// Every enrollment.
#[derive(Debug, Serialize)]
pub(crate) struct EnrollmentsView {
    enrollments: Vec<EnrollmentView>,
}

impl EnrollmentsView {
    pub(crate) fn of(enrollments: &[pb::Enrollment]) -> Self {
        Self { enrollments: enrollments.iter().map(EnrollmentView::of).collect() }
    }
}

impl View for EnrollmentsView {
    const SCHEMA: &'static str = "rolecall/enrollments/v1";

    fn human(&self, look: &Look) -> String {
        let mut table =
            Table::new(["ENROLLMENT", "ROLES", "ISSUER", "TEMPLATE", "KEY", "RENEWAL"], look);
        for enrollment in &self.enrollments {
            table.row([
                plain(&enrollment.name),
                if look.wide {
                    plain(enrollment.roles.join(","))
                } else {
                    lines(&enrollment.roles)
                },
                maybe(enrollment.issuer.as_deref()),
                maybe(enrollment.template.as_deref()),
                maybe(enrollment.key_algorithm.as_deref()),
                plain(enrollment.renewal()),
            ]);
        }
        table.render("No enrollments.")
    }
}
