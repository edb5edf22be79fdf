//! Findings.

use rolecall::api::pb;
use serde::Serialize;

use super::table::{Table, Tone, lines, maybe, paragraph, plain, toned};
use super::text::{digits, some, time};
use super::{Look, View};

/// One finding, as it stands beside what it concerns.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FindingView {
    pub(crate) code: String,
    pub(crate) severity: &'static str,
    pub(crate) evidence: Option<String>,
    pub(crate) remedy: Option<String>,
    pub(crate) accepted: Option<AcceptanceView>,
}

/// An operator's word that a finding is tolerated.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AcceptanceView {
    pub(crate) code: String,
    pub(crate) role: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) accepted_by: Option<String>,
    pub(crate) accepted_at: Option<String>,
    pub(crate) until: Option<String>,
}

impl FindingView {
    pub(crate) fn of(finding: &pb::Finding) -> Self {
        Self {
            code: finding.code.clone(),
            severity: severity(finding.severity()),
            evidence: some(&finding.evidence),
            remedy: some(&finding.remedy),
            accepted: finding.acceptance.as_ref().map(AcceptanceView::of),
        }
    }

    pub(crate) fn all(findings: &[pb::Finding]) -> Vec<Self> {
        let mut views: Vec<Self> = findings.iter().map(Self::of).collect();
        views.sort_by_key(Self::rank);
        views
    }

    /// Returns whether a human should act: an error or a warning that nobody accepted.
    pub(crate) fn needs_a_human(&self) -> bool {
        self.accepted.is_none() && matches!(self.severity, "error" | "warning")
    }

    /// Returns whether it forbids what was planned.
    pub(crate) fn refuses(&self) -> bool {
        self.severity == "error"
    }

    /// Returns how early it stands in a listing: worst first, accepted ones last.
    pub(crate) fn rank(&self) -> u8 {
        let severity = match self.severity {
            "error" => 0,
            "warning" => 1,
            _ => 2,
        };
        if self.accepted.is_some() { severity + 3 } else { severity }
    }

    fn tone(&self) -> Tone {
        match self.rank() {
            0 => Tone::Bad,
            1 => Tone::Doubtful,
            _ => Tone::Plain,
        }
    }

    /// Returns it in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let accepted = self.accepted.as_ref().map(|accepted| {
            let until = accepted.until.as_deref().unwrap_or("further notice");
            format!(" (accepted until {until})")
        });
        format!(
            "{} {}: {}{}",
            self.severity,
            self.code,
            self.evidence.as_deref().unwrap_or("no evidence given"),
            accepted.unwrap_or_default()
        )
    }
}

impl AcceptanceView {
    pub(crate) fn of(acceptance: &pb::Acceptance) -> Self {
        Self {
            code: acceptance.code.clone(),
            role: some(&acceptance.role),
            reason: some(&acceptance.reason),
            accepted_by: some(&acceptance.accepted_by),
            accepted_at: time(acceptance.accepted_at.as_ref()),
            until: time(acceptance.until.as_ref()),
        }
    }
}

impl View for AcceptanceView {
    const SCHEMA: &'static str = "rolecall/acceptance/v1";

    fn human(&self, look: &Look) -> String {
        let whose = self
            .role
            .as_deref()
            .map_or_else(|| "every role".to_owned(), |role| format!("role {role}"));
        let sentence = format!(
            "{} is accepted for {whose} until {}: {}",
            self.code,
            self.until.as_deref().unwrap_or("further notice"),
            self.reason.as_deref().unwrap_or("no reason given")
        );
        paragraph(&sentence, "", look)
    }
}

fn severity(severity: pb::Severity) -> &'static str {
    match severity {
        pb::Severity::Error => "error",
        pb::Severity::Warning => "warning",
        pb::Severity::Notice => "notice",
        pb::Severity::Unspecified => "unspecified",
    }
}

/// Returns findings as paragraphs, each with its remedy below it.
pub(crate) fn paragraphs(findings: &[FindingView], indent: &str, look: &Look) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&paragraph(&finding.sentence(), indent, look));
        if let Some(remedy) = &finding.remedy {
            for line in remedy.lines() {
                // A command to type is never broken.
                text.push_str(&format!("{indent}  > {}\n", super::text::clean(line)));
            }
        }
    }
    text
}

/// Every finding across the agent.
#[derive(Debug, Serialize)]
pub(crate) struct FindingsView {
    findings: Vec<ListedFinding>,
}

#[derive(Debug, Serialize)]
struct ListedFinding {
    #[serde(flatten)]
    finding: FindingView,
    role: Option<String>,
    fingerprint: Option<String>,
}

impl FindingsView {
    pub(crate) fn of(findings: &[pb::Finding]) -> Self {
        let mut findings: Vec<ListedFinding> = findings
            .iter()
            .map(|finding| ListedFinding {
                finding: FindingView::of(finding),
                role: some(&finding.role),
                fingerprint: digits(&finding.fingerprint),
            })
            .collect();
        findings.sort_by_key(|listed| listed.finding.rank());
        Self { findings }
    }

    /// Returns each with the role it concerns.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&FindingView, Option<&str>)> {
        self.findings.iter().map(|listed| (&listed.finding, listed.role.as_deref()))
    }
}

impl View for FindingsView {
    const SCHEMA: &'static str = "rolecall/findings/v1";

    fn human(&self, look: &Look) -> String {
        let mut table = Table::new(["SEVERITY", "CODE", "ROLE", "EVIDENCE AND REMEDY"], look);
        for ListedFinding { finding, role, .. } in &self.findings {
            let severity = if finding.accepted.is_some() {
                format!("{}, accepted", finding.severity)
            } else {
                finding.severity.to_owned()
            };
            let said: Vec<&str> = [&finding.evidence, &finding.remedy]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            table.row([
                toned(severity, finding.tone()),
                plain(&finding.code),
                maybe(role.as_deref()),
                if look.wide { plain(said.join("; ")) } else { lines(&said) },
            ]);
        }
        table.render("No findings.")
    }
}
