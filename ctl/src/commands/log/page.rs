//! `log --report`: gathers what the page shows, and writes the file.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::hex;
use rolecall::reason::Reason;

use crate::error::Error;
use crate::output::certificate::CertificateView;
use crate::output::finding::FindingsView;
use crate::output::journal::{EntryView, VerifiedView, certificate};
use crate::output::text::time;
use crate::report::{Report, html};
use crate::session::{Outcome, Session};

/// Writes the page; a file that is there already is kept unless `force` is given.
pub(super) async fn write(
    path: &Path,
    force: bool,
    request: pb::ReadJournalRequest,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    if !force && path.try_exists().unwrap_or(false) {
        return Err(Error::Exists { path: path.to_owned() });
    }
    let page = html(&gather(request, session).await?);
    save(path, force, page.as_bytes())?;
    session.console.note(&format!("the report is in {}", path.display()));
    Ok(Outcome::Done)
}

async fn gather(request: pb::ReadJournalRequest, session: &Session<'_>) -> Result<Report, Error> {
    let subject = subject(&request);
    let period = period(&request);
    let entries = super::read(request, session).await?;
    let topology = session.client.topology().get_topology(pb::GetTopologyRequest {}).await?;
    let findings = session.client.findings().list_findings(pb::ListFindingsRequest {}).await?;
    let journal = session.client.journal().verify_journal(pb::VerifyJournalRequest {}).await?;
    Ok(Report {
        subject,
        period,
        server: topology.into_inner().server,
        made_at: session.now,
        certificates: certificates(&entries, session).await?,
        entries: entries.iter().map(EntryView::of).collect(),
        findings: FindingsView::of(&findings.into_inner().findings),
        journal: VerifiedView::of(&journal.into_inner()),
    })
}

fn subject(request: &pb::ReadJournalRequest) -> String {
    let mut parts = Vec::new();
    if request.order_id != 0 {
        parts.push(format!("order {}", request.order_id));
    }
    if !request.role.is_empty() {
        parts.push(format!("role {}", request.role));
    }
    if !request.certificate.is_empty() {
        parts.push(format!("certificate {}", request.certificate));
    }
    if !request.kinds.is_empty() {
        parts.push(request.kinds.join(", "));
    }
    if parts.is_empty() { "every operation".to_owned() } else { parts.join(", ") }
}

fn period(request: &pb::ReadJournalRequest) -> String {
    let since = time(request.since.as_ref());
    let until = time(request.until.as_ref());
    let last = if request.last == 0 {
        String::new()
    } else {
        format!(", the last {} entries", request.last)
    };
    let period = match (since, until) {
        (None, None) => "from the beginning until now".to_owned(),
        (Some(since), None) => format!("from {since} until now"),
        (None, Some(until)) => format!("from the beginning until {until}"),
        (Some(since), Some(until)) => format!("from {since} until {until}"),
    };
    period + &last
}

/// Returns the certificates the entries are about; those gone since are passed over.
async fn certificates(
    entries: &[pb::JournalEntry],
    session: &Session<'_>,
) -> Result<Vec<CertificateView>, Error> {
    let fingerprints: BTreeSet<String> = entries
        .iter()
        .filter_map(|entry| certificate(entry.change.as_ref()?))
        .map(hex::lower)
        .collect();
    let mut views = Vec::new();
    for certificate in fingerprints {
        let request = pb::GetCertificateRequest { certificate };
        match session.client.certificates().get_certificate(request).await.map_err(Failure::from) {
            Ok(answer) => {
                views.extend(answer.into_inner().certificate.as_ref().map(CertificateView::of));
            }
            Err(failure) if failure.reason == Reason::CertificateUnknown => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(views)
}

fn save(path: &Path, force: bool, page: &[u8]) -> Result<(), Error> {
    if force {
        // A reader sees the old page or the new one, never half of one.
        let beside = beside(path);
        create(&beside, page)?;
        return std::fs::rename(&beside, path)
            .map_err(|source| Error::Unwritable { path: path.to_owned(), source });
    }
    create(path, page)
}

fn create(path: &Path, page: &[u8]) -> Result<(), Error> {
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            Error::Exists { path: path.to_owned() }
        } else {
            Error::Unwritable { path: path.to_owned(), source }
        }
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(page).and_then(|()| file.sync_all()).map_err(failed)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_there_is_kept_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        save(&path, false, b"first").unwrap();
        assert!(matches!(save(&path, false, b"second"), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        save(&path, true, b"third").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_page_says_what_was_asked_for() {
        let request = pb::ReadJournalRequest {
            order_id: 7,
            role: "Default".into(),
            since: crate::output::testing::moment("2026-11-24T00:00:00Z"),
            ..pb::ReadJournalRequest::default()
        };
        assert_eq!(subject(&request), "order 7, role Default");
        assert_eq!(period(&request), "from 2026-11-24T00:00:00Z until now");
    }
}
