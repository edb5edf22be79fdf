//! A page about one operation or a period, to read, print and file.
//!
//! It is one file without scripts, images or links to fetch; its content security policy forbids
//! them all. Everything in it that others wrote is escaped in one place.

use std::fmt::Write as _;

use rolecall::time::Timestamp;

use crate::output::certificate::CertificateView;
use crate::output::finding::FindingsView;
use crate::output::journal::{EntryView, VerifiedView};
use crate::output::text::clean;

/// What the page shows.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the entries are about.
    pub(crate) subject: String,
    pub(crate) period: String,
    pub(crate) server: String,
    pub(crate) made_at: Timestamp,
    pub(crate) entries: Vec<EntryView>,
    /// As they stand when the page is made.
    pub(crate) findings: FindingsView,
    pub(crate) certificates: Vec<CertificateView>,
    pub(crate) journal: VerifiedView,
}

/// Returns the page.
pub(crate) fn html(report: &Report) -> String {
    let title = escape(&format!("Certificates of {}: {}", report.server, report.subject));
    let mut page =
        format!("{HEAD}<title>{title}</title>\n{STYLE}</head>\n<body>\n<h1>{title}</h1>\n");
    page.push_str(&definitions(&[
        ("Server", report.server.clone()),
        ("About", report.subject.clone()),
        ("Period", report.period.clone()),
        ("Entries", report.entries.len().to_string()),
        ("Made", report.made_at.to_string()),
        ("Made by", format!("rolecallctl {}", env!("CARGO_PKG_VERSION"))),
    ]));
    page.push_str(&entries(&report.entries));
    page.push_str(&findings(&report.findings));
    page.push_str(&certificates(&report.certificates));
    page.push_str(&journal(&report.journal));
    page.push_str("</body>\n</html>\n");
    page
}

const HEAD: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
";

const STYLE: &str = "\
<style>
body { font: 10.5pt/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ccc; overflow-wrap: anywhere; }
td.when, td.number { white-space: nowrap; overflow-wrap: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
.bad { color: #a40000; font-weight: 600; }
@media print { body { margin: 0; max-width: none; } tr, dl { break-inside: avoid; } thead { display: table-header-group; } }
</style>
";

fn entries(entries: &[EntryView]) -> String {
    if entries.is_empty() {
        return "<h2>What happened</h2>\n<p>No entries.</p>\n".to_owned();
    }
    let mut table = "<h2>What happened</h2>\n<table>\n<thead><tr><th>No.</th><th>When</th>\
                     <th>Who</th><th>What</th><th>Outcome</th><th>Request</th></tr></thead>\n\
                     <tbody>\n"
        .to_owned();
    for entry in entries {
        let bad = matches!(entry.outcome.as_str(), "refused" | "denied" | "failed")
            || entry.kind == "refusal";
        add(
            &mut table,
            format_args!(
                "<tr><td class=\"number\">{}</td><td class=\"when\">{}</td><td>{}</td><td>{}</td>\
             <td{}>{}</td><td><code>{}</code></td></tr>\n",
                entry.sequence,
                escape(entry.at.as_deref().unwrap_or_default()),
                escape(entry.who()),
                escape(&entry.summary),
                if bad { " class=\"bad\"" } else { "" },
                escape(&entry.outcome),
                escape(entry.request_id.as_deref().unwrap_or_default()),
            ),
        );
    }
    table + "</tbody>\n</table>\n"
}

fn findings(findings: &FindingsView) -> String {
    let mut section = "<h2>Findings, as they stand now</h2>\n".to_owned();
    let mut rows = findings.rows().peekable();
    if rows.peek().is_none() {
        return section + "<p>None.</p>\n";
    }
    section.push_str(
        "<table>\n<thead><tr><th>Finding</th><th>Role</th><th>Evidence</th><th>What to do</th>\
         <th>Accepted</th></tr></thead>\n<tbody>\n",
    );
    for (finding, role) in rows {
        let accepted = finding.accepted.as_ref().map_or_else(String::new, |accepted| {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            format!(
                "until {} by {}: {}",
                text(&accepted.until),
                text(&accepted.accepted_by),
                text(&accepted.reason)
            )
        });
        add(
            &mut section,
            format_args!(
                "<tr><td{}>{} {}</td><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n",
                if finding.needs_a_human() { " class=\"bad\"" } else { "" },
                finding.severity,
                escape(&finding.code),
                escape(role.unwrap_or_default()),
                escape(finding.evidence.as_deref().unwrap_or_default()),
                escape(finding.remedy.as_deref().unwrap_or_default()),
                escape(&accepted),
            ),
        );
    }
    section + "</tbody>\n</table>\n"
}

fn certificates(certificates: &[CertificateView]) -> String {
    if certificates.is_empty() {
        return String::new();
    }
    let mut section = "<h2>Certificates</h2>\n".to_owned();
    for certificate in certificates {
        let facts = certificate.facts();
        add(&mut section, format_args!("<h3>{}</h3>\n", escape(certificate.name())));
        section.push_str(&definitions(facts.rows()));
    }
    section
}

fn journal(journal: &VerifiedView) -> String {
    "<h2>The journal this was read from</h2>\n".to_owned()
        + &definitions(journal.facts().rows())
        + "<p>Each entry follows the one before by its SHA-256; the head stands for all of them. \
           <code>rolecallctl log --verify</code> reads them again.</p>\n"
}

fn definitions<T: AsRef<str>>(rows: &[(&str, T)]) -> String {
    let mut list = "<dl>\n".to_owned();
    for (name, value) in rows {
        let value = escape(value.as_ref());
        add(&mut list, format_args!("<dt>{}</dt><dd>{value}</dd>\n", escape(name)));
    }
    list + "</dl>\n"
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a string takes everything");
}

/// Returns `text` as HTML shows it: nothing in it is markup, and nothing in it hides.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
