//! `issuer`.

use std::path::{Path, PathBuf};

use rolecall::api::pb;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;

use super::order::not_done;
use crate::args::issuer::{Command, Pem};
use crate::error::Error;
use crate::output::certificate::pem;
use crate::output::issuer::{CaRequestView, CaRequestsView, IssuerView, IssuersView};
use crate::session::{Outcome, Session, filled};

/// Lists issuers, and decides requests at the embedded CA.
pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Command::List => list(session).await,
        Command::Show { name, pem } => show(name, pem, session).await,
        Command::Requests { waiting } => requests(waiting, session).await,
        Command::Approve { request, what_if } => approve(request, what_if, session).await,
        Command::Deny { request, reason, what_if } => {
            let request = pb::DenyCaRequestRequest {
                request_id: session.request_ids.draw(),
                ca_request_id: request,
                reason,
                what_if,
            };
            let answer = session.client.issuers().deny_ca_request(request).await?.into_inner();
            decided(answer.request, what_if, session).await
        }
        Command::Submit { file, roles, server, template } => {
            let request = pb::SubmitCsrRequest {
                request_id: session.request_ids.draw(),
                csr: read_request(&file, session)?,
                roles,
                template: template.unwrap_or_default(),
                server: server.unwrap_or_default(),
            };
            submit(request, session).await
        }
    }
}

async fn list(session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::ListIssuersRequest {};
    let answer = session.client.issuers().list_issuers(request).await?.into_inner();
    session.show(&IssuersView::of(&answer.issuers)).await?;
    Ok(Outcome::Done)
}

async fn show(
    name: String,
    which: Option<Pem>,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let request = pb::GetIssuerRequest { name };
    let answer = session.client.issuers().get_issuer(request).await?.into_inner();
    let issuer = filled(answer.issuer, "the issuer")?;
    let certificates = answer.certificates;
    let text: String = match which {
        None => {
            let view = IssuerView::of(&issuer).with_certificates(&certificates);
            session.show(&view).await?;
            return Ok(Outcome::Done);
        }
        Some(Pem::Root) => {
            let root = filled(certificates.last(), "the issuer's root certificate")?;
            pem("CERTIFICATE", root)
        }
        Some(Pem::Chain) => certificates.iter().map(|der| pem("CERTIFICATE", der)).collect(),
    };
    session.console.print(&text)?;
    Ok(Outcome::Done)
}

async fn requests(waiting_only: bool, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::ListCaRequestsRequest { waiting_only };
    let answer = session.client.issuers().list_ca_requests(request).await?.into_inner();
    session.show(&CaRequestsView::of(&answer.requests)).await?;
    Ok(Outcome::Done)
}

async fn approve(
    ca_request_id: u64,
    what_if: bool,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let request_id = session.request_ids.draw();
    let request = pb::ApproveCaRequestRequest { request_id, ca_request_id, what_if };
    let answer = session.client.issuers().approve_ca_request(request).await?.into_inner();
    decided(answer.request, what_if, session).await
}

async fn decided(
    request: Option<pb::CaRequest>,
    what_if: bool,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    session.show(&CaRequestView::of(&filled(request, "the request")?)).await?;
    not_done(what_if, session);
    Ok(Outcome::Done)
}

/// Prints what was issued as PEM, so that it can go straight into a file.
async fn submit(
    request: pb::SubmitCsrRequest,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let answer = session.client.issuers().submit_csr(request).await?.into_inner();
    let request = filled(answer.request, "the request")?;
    let view = CaRequestView::of(&request).with_certificates(&answer.certificates);
    if !session.format.is_human() || answer.certificates.is_empty() {
        session.show(&view).await?;
    } else {
        session.announce().await?;
        let text: String = answer.certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        session.console.print(&text)?;
    }
    if answer.certificates.is_empty() {
        let id = request.id;
        session.console.note(&format!("for whoever approves: rolecallctl issuer approve {id}"));
    }
    Ok(Outcome::Done)
}

/// Reads one PKCS#10, as PEM or DER; what it says beside its key is the CA's to judge.
fn read_request(path: &Path, session: &mut Session<'_>) -> Result<Vec<u8>, Error> {
    let bytes =
        if path == Path::new("-") { session.console.read_input()? } else { read_limited(path)? };
    parse_request(&bytes).map_err(|problem| Error::Malformed { path: PathBuf::from(path), problem })
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { path: PathBuf::from(path), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let limited = std::io::Read::take(file, LARGEST_REQUEST + 1);
    std::io::Read::read_to_end(&mut { limited }, &mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn parse_request(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST_REQUEST {
        return Err(format!("larger than {LARGEST_REQUEST} octets"));
    }
    // Every DER structure of this size begins with the tag of a SEQUENCE.
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    let mut requests = CertificateSigningRequestDer::pem_slice_iter(bytes);
    let request = match requests.next() {
        None => return Err("no CERTIFICATE REQUEST is in it".to_owned()),
        Some(Err(error)) => return Err(format!("not PEM: {error}")),
        Some(Ok(request)) => request,
    };
    match requests.next() {
        None => Ok(request.as_ref().to_vec()),
        Some(_) => Err("more than one CERTIFICATE REQUEST is in it".to_owned()),
    }
}

/// A request with a thousand names has less than a tenth of this.
const LARGEST_REQUEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_from_pem_and_from_der() {
        let pem = pem("CERTIFICATE REQUEST", &[0x30, 0x01, 0x00]);
        assert_eq!(parse_request(pem.as_bytes()), Ok(vec![0x30, 0x01, 0x00]));
        assert_eq!(parse_request(&[0x30, 0x01, 0x00]), Ok(vec![0x30, 0x01, 0x00]));
    }

    #[test]
    fn what_is_no_request_is_refused_with_what_was_found() {
        let twice = pem("CERTIFICATE REQUEST", &[0x30]).repeat(2);
        let broken = "-----BEGIN CERTIFICATE REQUEST-----\n!!\n-----END CERTIFICATE REQUEST-----\n";
        for (bytes, problem) in [
            (&b""[..], "the file is empty"),
            (b"hello", "no CERTIFICATE REQUEST is in it"),
            (twice.as_bytes(), "more than one CERTIFICATE REQUEST is in it"),
            (broken.as_bytes(), "not PEM"),
            (&[0x30; 1024 * 1024 + 1], "larger than 1048576 octets"),
        ] {
            let refusal = parse_request(bytes).unwrap_err();
            assert!(refusal.contains(problem), "{refusal}");
        }
    }
}
