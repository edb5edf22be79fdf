//! Certificates in the store.

use rolecall::api::pb;
use rolecall::verify::Verdict;
use serde::Serialize;

use super::finding::{FindingView, paragraphs};
use super::order::yes_no;
use super::table::{Facts, Table, Tone, lines, maybe, plain, toned};
use super::text::{clean, date_and_distance, digits, moment, short, some, thumbprint, time};
use super::{Look, View};

/// A certificate, with what is known about it beyond its own octets.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateView {
    pub(crate) thumbprint: Option<String>,
    fingerprint: Option<String>,
    friendly_name: Option<String>,
    subject: Option<String>,
    names: Vec<String>,
    issuer: Option<String>,
    issuer_dn: Option<String>,
    serial_number: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    public_key: Option<String>,
    signature_algorithm: Option<String>,
    asked_digest: Option<String>,
    extended_key_usages: Vec<String>,
    crl_distribution_points: Vec<String>,
    is_ca: bool,
    has_key: bool,
    key_id: Option<String>,
    exportable: bool,
    enrollment: Option<String>,
    order_id: Option<u64>,
    installed_at: Option<String>,
    revoked_at: Option<String>,
    revocation_reason: Option<String>,
    chain: Vec<String>,
    uses: Vec<UseView>,
}

#[derive(Debug, Serialize)]
struct UseView {
    role: String,
    slot: String,
    generation: u64,
}

impl CertificateView {
    pub(crate) fn of(certificate: &pb::Certificate) -> Self {
        let facts = certificate.facts.clone().unwrap_or_default();
        Self {
            thumbprint: thumbprint(&certificate.thumbprint),
            fingerprint: digits(&certificate.fingerprint),
            friendly_name: some(&certificate.friendly_name),
            subject: some(&facts.subject),
            names: facts.names,
            issuer: some(&certificate.issuer),
            issuer_dn: some(&facts.issuer_dn),
            serial_number: some(&facts.serial_number),
            not_before: time(facts.not_before.as_ref()),
            not_after: time(facts.not_after.as_ref()),
            public_key: some(&facts.public_key),
            signature_algorithm: some(&facts.signature_algorithm),
            asked_digest: some(&certificate.asked_digest),
            extended_key_usages: facts.extended_key_usages,
            crl_distribution_points: facts.crl_distribution_points,
            is_ca: facts.is_ca,
            has_key: !certificate.key_id.is_empty(),
            key_id: digits(&certificate.key_id),
            exportable: certificate.exportable,
            enrollment: some(&certificate.enrollment),
            order_id: (certificate.order_id != 0).then_some(certificate.order_id),
            installed_at: time(certificate.installed_at.as_ref()),
            revoked_at: time(certificate.revoked_at.as_ref()),
            revocation_reason: some(&certificate.revocation_reason),
            chain: certificate.chain.iter().filter_map(|issuer| digits(issuer)).collect(),
            uses: certificate.uses.iter().map(UseView::of).collect(),
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        let order = self.order_id.map(|order| order.to_string());
        let uses: Vec<String> = self.uses.iter().map(UseView::words).collect();
        let mut facts = Facts::new();
        facts
            .add("Thumbprint", self.thumbprint.as_deref())
            .add("Fingerprint", self.fingerprint.as_deref())
            .add("Friendly name", self.friendly_name.as_deref())
            .add("Subject", self.subject.as_deref())
            .list("Names", &self.names)
            .add("Issuer", self.issuer.as_deref())
            .add("Issuer DN", self.issuer_dn.as_deref())
            .add("Serial number", self.serial_number.as_deref())
            .add("Not before", self.not_before.as_deref())
            .add("Not after", self.not_after.as_deref())
            .add("Public key", self.public_key.as_deref())
            .add("Signature", self.signature_algorithm.as_deref())
            .add("Asked digest", self.asked_digest.as_deref())
            .list("Key usages", &self.extended_key_usages)
            .list("CRL", &self.crl_distribution_points)
            .add("Private key", Some(if self.has_key { "here" } else { "not here" }))
            .add("Exportable", Some(yes_no(self.exportable)))
            .add("Enrollment", Some(self.enrollment.as_deref().unwrap_or("none (unenrolled)")))
            .add("Order", order.as_deref())
            .add("Installed", self.installed_at.as_deref())
            .add("Revoked", self.revoked_at.as_deref())
            .add("Reason", self.revocation_reason.as_deref())
            .list("Assigned to", &uses)
            .list("Chain", &self.chain);
        facts
    }

    /// Returns what people call it.
    pub(crate) fn name(&self) -> &str {
        self.friendly_name.as_deref().or(self.thumbprint.as_deref()).unwrap_or("unnamed")
    }

    fn expiry_tone(&self, look: &Look) -> Tone {
        let expired = self
            .not_after
            .as_deref()
            .and_then(|text| text.parse().ok())
            .is_some_and(|not_after: rolecall::time::Timestamp| not_after < look.now);
        if expired || self.revoked_at.is_some() { Tone::Bad } else { Tone::Plain }
    }

    fn expiry(&self, look: &Look) -> String {
        match &self.revoked_at {
            Some(at) => format!("revoked {}", at.get(..10).unwrap_or(at)),
            None => date_and_distance(self.not_after.as_deref(), look.now),
        }
    }
}

impl UseView {
    fn of(used: &pb::Use) -> Self {
        Self { role: used.role.clone(), slot: used.slot.clone(), generation: used.generation }
    }

    fn words(&self) -> String {
        format!("{} ({}, generation {})", self.role, self.slot, self.generation)
    }

    fn brief(&self) -> String {
        if self.slot == "current" {
            self.role.clone()
        } else {
            format!("{} ({})", self.role, self.slot)
        }
    }
}

/// A listing of certificates.
#[derive(Debug, Serialize)]
pub(crate) struct CertificatesView {
    for_role: Option<String>,
    certificates: Vec<RowView>,
}

#[derive(Debug, Serialize)]
struct RowView {
    #[serde(flatten)]
    certificate: CertificateView,
    /// Null unless a role was asked for.
    usable: Option<bool>,
    findings: Vec<FindingView>,
}

impl CertificatesView {
    pub(crate) fn of(rows: &[pb::CertificateRow], for_role: Option<&str>) -> Self {
        let certificates = rows
            .iter()
            .filter_map(|row| {
                Some(RowView {
                    certificate: CertificateView::of(row.certificate.as_ref()?),
                    usable: for_role.map(|_| row.usable),
                    findings: FindingView::all(&row.findings),
                })
            })
            .collect();
        Self { for_role: for_role.map(str::to_owned), certificates }
    }

    fn reasons(&self, look: &Look) -> String {
        let mut text = String::new();
        for row in self.certificates.iter().filter(|row| row.usable == Some(false)) {
            let thumbprint = row.certificate.thumbprint.as_deref().unwrap_or_default();
            let shown = if look.wide { thumbprint } else { short(thumbprint) };
            text.push_str(&format!("\n{shown} cannot be used\n"));
            text.push_str(&paragraphs(&row.findings, "  ", look));
        }
        text
    }

    fn wide(&self, look: &Look) -> String {
        let mut table = Table::new(
            [
                "THUMBPRINT",
                "FINGERPRINT",
                "FRIENDLY NAME",
                "SUBJECT",
                "NAMES",
                "ISSUER",
                "ISSUER DN",
                "NOT BEFORE",
                "NOT AFTER",
                "KEY",
                "ENROLLMENT",
                "REVOKED",
                "ASSIGNED TO",
                "USABLE",
            ],
            look,
        );
        for row in &self.certificates {
            let certificate = &row.certificate;
            let uses: Vec<String> = certificate.uses.iter().map(UseView::words).collect();
            table.row([
                maybe(certificate.thumbprint.as_deref()),
                maybe(certificate.fingerprint.as_deref()),
                maybe(certificate.friendly_name.as_deref()),
                maybe(certificate.subject.as_deref()),
                plain(certificate.names.join(",")),
                maybe(certificate.issuer.as_deref()),
                maybe(certificate.issuer_dn.as_deref()),
                maybe(certificate.not_before.as_deref()),
                toned(
                    certificate.not_after.as_deref().unwrap_or("-"),
                    certificate.expiry_tone(look),
                ),
                maybe(certificate.public_key.as_deref()),
                maybe(certificate.enrollment.as_deref()),
                maybe(certificate.revoked_at.as_deref()),
                plain(uses.join(",")),
                maybe(row.usable.map(yes_no)),
            ]);
        }
        table.render(NO_CERTIFICATES)
    }

    fn table(&self, look: &Look) -> String {
        let mut table =
            Table::new(["THUMBPRINT", "FRIENDLY NAME", "EXPIRES", "ISSUER", "ASSIGNED TO"], look);
        for row in &self.certificates {
            let certificate = &row.certificate;
            let mut uses: Vec<String> = certificate.uses.iter().map(UseView::brief).collect();
            // A role may have had it more than once.
            uses.sort();
            uses.dedup();
            table.row([
                toned(
                    certificate.thumbprint.as_deref().map_or("-", short),
                    if row.usable == Some(false) { Tone::Doubtful } else { Tone::Plain },
                ),
                maybe(certificate.friendly_name.as_deref().or(certificate.subject.as_deref())),
                toned(certificate.expiry(look), certificate.expiry_tone(look)),
                maybe(certificate.issuer.as_deref().or(certificate.issuer_dn.as_deref())),
                if uses.is_empty() { plain("-") } else { lines(&uses) },
            ]);
        }
        table.render(NO_CERTIFICATES)
    }
}

const NO_CERTIFICATES: &str = "No certificates.";

impl View for CertificatesView {
    const SCHEMA: &'static str = "rolecall/certificates/v1";

    fn human(&self, look: &Look) -> String {
        let table = if look.wide { self.wide(look) } else { self.table(look) };
        table + &self.reasons(look)
    }
}

/// One certificate in full.
#[derive(Debug, Serialize)]
pub(crate) struct ShownView {
    #[serde(flatten)]
    pub(crate) certificate: CertificateView,
    findings: Vec<FindingView>,
    /// The leaf, as PEM.
    pem: Option<String>,
    /// Subjects from the leaf to the anchor, where a path was walked.
    path: Vec<String>,
    /// What the findings mean for an assignment, where it was verified just now.
    verdict: Option<&'static str>,
    /// The roles it was verified for.
    verified_for: Vec<String>,
    /// The number of the revocation list that names it, where it was revoked just now.
    crl_number: Option<u64>,
}

impl ShownView {
    pub(crate) fn of(certificate: &pb::Certificate, findings: &[pb::Finding]) -> Self {
        Self {
            certificate: CertificateView::of(certificate),
            findings: FindingView::all(findings),
            pem: (!certificate.der.is_empty()).then(|| pem("CERTIFICATE", &certificate.der)),
            path: Vec::new(),
            verdict: None,
            verified_for: Vec::new(),
            crl_number: None,
        }
    }

    pub(crate) fn with_path(self, path: Vec<String>) -> Self {
        Self { path, ..self }
    }

    /// Says what the findings mean for `asked` roles, or else for those that have the certificate.
    pub(crate) fn with_verdict(self, asked: &[String]) -> Self {
        let severities = self.findings.iter().filter_map(|finding| finding.severity.parse().ok());
        let verdict = Verdict::of(severities.max());
        let mut verified_for = asked.to_vec();
        if asked.is_empty() {
            let uses = self.certificate.uses.iter().filter(|each| each.slot != "previous");
            verified_for.extend(uses.map(|each| each.role.clone()));
            verified_for.sort();
            verified_for.dedup();
        }
        Self { verdict: Some(verdict.as_str()), verified_for, ..self }
    }

    fn verdict_line(&self) -> String {
        let words = match self.verdict {
            None => return String::new(),
            Some("good") => "Good",
            Some("forcible") => "Assigned with --force only",
            Some(_) => "Refused",
        };
        match self.verified_for.as_slice() {
            [] => format!("{words}; verified for no role, so names were not looked at.\n"),
            roles => format!("{words} for {}.\n", clean(&roles.join(", "))),
        }
    }

    pub(crate) fn with_crl(self, number: u64) -> Self {
        Self { crl_number: (number != 0).then_some(number), ..self }
    }

    pub(crate) fn needs_a_human(&self) -> bool {
        self.findings.iter().any(FindingView::needs_a_human)
    }
}

impl View for ShownView {
    const SCHEMA: &'static str = "rolecall/certificate/v1";

    fn human(&self, look: &Look) -> String {
        let mut text = self.certificate.facts().render();
        if !self.path.is_empty() {
            text.push_str("Path\n");
            for subject in &self.path {
                text.push_str(&format!("  {}\n", clean(subject)));
            }
        }
        if let Some(number) = self.crl_number {
            text.push_str(&format!("Named in revocation list {number}.\n"));
        }
        text.push_str(&self.verdict_line());
        text + &paragraphs(&self.findings, "", look)
    }
}

/// Returns `der` as PEM (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
}

/// Returns who a certificate is for, to ask about it.
pub(crate) fn title(certificate: &pb::Certificate) -> String {
    let thumbprint = thumbprint(&certificate.thumbprint).unwrap_or_default();
    let expiry = certificate
        .facts
        .as_ref()
        .and_then(|facts| moment(facts.not_after.as_ref()))
        .map(|not_after| format!(", valid until {}", not_after.date()))
        .unwrap_or_default();
    clean(&format!("{} \"{}\"{expiry}", thumbprint, certificate.friendly_name))
}
