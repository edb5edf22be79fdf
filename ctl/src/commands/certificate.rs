//! `certificate`.

use rolecall::api::pb;
use tokio_stream::StreamExt as _;

use super::order::not_done;
use crate::args::certificate::Command;
use crate::error::Error;
use crate::output::Told;
use crate::output::certificate::{CertificatesView, ShownView, pem, title};
use crate::session::{Outcome, Session, filled};

/// Lists, explains, verifies, revokes and removes certificates.
pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<Outcome, Error> {
    match command {
        Command::List { role } => list(role, session).await,
        Command::Show { named, pem, chain } => show(named.certificate, pem, chain, session).await,
        Command::Verify { named, roles } => verify(named.certificate, roles, session).await,
        Command::Revoke { named, reason, force, what_if } => {
            let request = pb::RevokeCertificateRequest {
                request_id: session.request_ids.draw(),
                certificate: named.certificate,
                reason: reason.unwrap_or_default(),
                force,
                what_if,
            };
            revoke(request, session).await
        }
        Command::Remove { named, what_if } => remove(named.certificate, what_if, session).await,
    }
}

async fn list(role: Option<String>, session: &mut Session<'_>) -> Result<Outcome, Error> {
    let request = pb::ListCertificatesRequest { for_role: role.clone().unwrap_or_default() };
    let mut answers = session.client.certificates().list_certificates(request).await?.into_inner();
    let mut rows = Vec::new();
    while let Some(answer) = answers.next().await {
        rows.extend(answer?.rows);
    }
    session.show(&CertificatesView::of(&rows, role.as_deref())).await?;
    Ok(Outcome::Done)
}

async fn show(
    certificate: String,
    as_pem: bool,
    with_chain: bool,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let answer = get(certificate, session).await?;
    let certificate = filled(answer.certificate, "the certificate")?;
    if !as_pem && !with_chain {
        session.show(&ShownView::of(&certificate, &answer.findings)).await?;
        return Ok(Outcome::Done);
    }
    let mut text = pem("CERTIFICATE", &certificate.der);
    if with_chain {
        text.extend(answer.chain.iter().map(|der| pem("CERTIFICATE", der)));
    }
    session.console.print(&text)?;
    Ok(Outcome::Done)
}

async fn get(
    certificate: String,
    session: &Session<'_>,
) -> Result<pb::GetCertificateResponse, Error> {
    let request = pb::GetCertificateRequest { certificate };
    Ok(session.client.certificates().get_certificate(request).await?.into_inner())
}

async fn verify(
    certificate: String,
    roles: Vec<String>,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let request = pb::VerifyCertificateRequest { certificate, roles: roles.clone() };
    let answer = session.client.certificates().verify_certificate(request).await?.into_inner();
    let certificate = filled(answer.certificate, "the certificate")?;
    let view =
        ShownView::of(&certificate, &answer.findings).with_path(answer.path).with_verdict(&roles);
    session.show(&view).await?;
    Ok(Outcome::of_findings(view.needs_a_human()))
}

async fn revoke(
    request: pb::RevokeCertificateRequest,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    let what_if = request.what_if;
    if !what_if {
        // It need not be in the store; and what is refused is refused before the question.
        let rehearsal = pb::RevokeCertificateRequest { what_if: true, ..request.clone() };
        let answer = session.client.certificates().revoke_certificate(rehearsal).await?;
        let certificate = filled(answer.into_inner().certificate, "the certificate")?;
        session.confirm(&format!("Revoke {}", title(&certificate)))?;
    }
    let answer = session.client.certificates().revoke_certificate(request).await?.into_inner();
    let certificate = filled(answer.certificate, "the certificate")?;
    // What would be is in no list.
    let number = if what_if { 0 } else { answer.crl_number };
    let title = title(&certificate);
    let sentence = match (what_if, number) {
        (true, _) => format!("Would revoke {title}; the next revocation list would name it."),
        (false, 0) => format!("Revoked {title}."),
        (false, number) => format!("Revoked {title}; revocation list {number} names it."),
    };
    let view = ShownView::of(&certificate, &[]).with_crl(number);
    session.show(&Told::new(view, sentence)).await?;
    not_done(what_if, session);
    Ok(Outcome::Done)
}

async fn remove(
    certificate: String,
    what_if: bool,
    session: &mut Session<'_>,
) -> Result<Outcome, Error> {
    if !what_if {
        let named = named(&certificate, session).await?;
        session.confirm(&format!("Remove {named} and its key"))?;
    }
    let request_id = session.request_ids.draw();
    let request = pb::RemoveCertificateRequest { request_id, certificate, what_if };
    let answer = session.client.certificates().remove_certificate(request).await?.into_inner();
    let certificate = filled(answer.certificate, "the certificate")?;
    let verb = if what_if { "Would remove" } else { "Removed" };
    let sentence = format!("{verb} {} and its key.", title(&certificate));
    session.show(&Told::new(ShownView::of(&certificate, &[]), sentence)).await?;
    not_done(what_if, session);
    Ok(Outcome::Done)
}

/// Returns what a beginning of a thumbprint stands for, so that the question names it.
async fn named(certificate: &str, session: &Session<'_>) -> Result<String, Error> {
    let answer = get(certificate.to_owned(), session).await?;
    Ok(title(&filled(answer.certificate, "the certificate")?))
}
