//! Certificates.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use rolecall::api::convert::facts;
use rolecall::api::pb;
use rolecall::api::pb::certificate_service_server::CertificateService;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::{Failure, Violation};
use rolecall::certificate::{Certificate, CertificateSelector, Fingerprint};
use rolecall::inventory::StoredCertificate;
use rolecall::reason::Reason;
use rolecall::role::Role;
use tonic::{Request, Response, Status};

use super::peer::{Caller, Place};
use super::pieces::{self, Source};
use super::{Services, needed, roles};
use crate::agent::Agent;
use crate::issuer::embedded::RevocationReason;
use crate::store::view::{Record, View};

#[tonic::async_trait]
impl CertificateService for Services {
    type ListCertificatesStream =
        Pin<Box<dyn Stream<Item = Result<pb::ListCertificatesResponse, Status>> + Send>>;

    async fn list_certificates(
        &self,
        request: Request<pb::ListCertificatesRequest>,
    ) -> Result<Response<Self::ListCertificatesStream>, Status> {
        let (caller, place) = (Caller::of(&request)?, Place::of(&request));
        let role = match request.into_inner().for_role.as_str() {
            "" => None,
            text => roles("for_role", &[text.to_owned()])?.pop(),
        };
        needed(&self.agent, role.as_slice())?;
        let agent = Arc::clone(&self.agent);
        Ok(Response::new(match role {
            None => pieces::stream(Listing { agent, after: None, _place: place }).boxed(),
            Some(role) => {
                let run = caller.share.run()?;
                pieces::stream(Judging { agent, role, judged: None, _run: run }).boxed()
            }
        }))
    }

    async fn get_certificate(
        &self,
        request: Request<pb::GetCertificateRequest>,
    ) -> Result<Response<pb::GetCertificateResponse>, Status> {
        let (stored, message) = self.find_certificate(&request.into_inner().certificate)?;
        let used_for = self.roles_of(&message)?;
        let verification = self.agent.verify_stored(&stored, &used_for, self.agent.now())?;
        let chain = self.agent.issuers_of(&stored)?;
        Ok(Response::new(pb::GetCertificateResponse {
            certificate: Some(message),
            chain: chain.iter().map(|issuer| issuer.der().to_vec()).collect(),
            findings: verification.findings.iter().map(Into::into).collect(),
        }))
    }

    async fn verify_certificate(
        &self,
        request: Request<pb::VerifyCertificateRequest>,
    ) -> Result<Response<pb::VerifyCertificateResponse>, Status> {
        let message = request.into_inner();
        let asked = roles("roles", &message.roles)?;
        needed(&self.agent, &asked)?;
        let (stored, certificate) = self.find_certificate(&message.certificate)?;
        let asked = if asked.is_empty() { self.roles_of(&certificate)? } else { asked };
        let verification = self.agent.verify_stored(&stored, &asked, self.agent.now())?;
        let path =
            verification.path.iter().map(|certificate| certificate.subject().to_string()).collect();
        Ok(Response::new(pb::VerifyCertificateResponse {
            certificate: Some(certificate),
            findings: verification.findings.iter().map(Into::into).collect(),
            path,
        }))
    }

    async fn revoke_certificate(
        &self,
        request: Request<pb::RevokeCertificateRequest>,
    ) -> Result<Response<pb::RevokeCertificateResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let asked = request.into_inner();
        let reason = match asked.reason.as_str() {
            "" => RevocationReason::Unspecified,
            text => text.parse().map_err(
                |error: crate::issuer::embedded::revocation::UnknownRevocationReason| {
                    Failure::from(Violation::new("reason", error))
                },
            )?,
        };
        let (stored, message) = self.find_revocable(&asked.certificate)?;
        self.check_revocable(&stored, &message, asked.force)?;
        let agent = &self.agent;
        let is_new = !asked.what_if && stored.revoked.is_none();
        if is_new {
            let revoked = pb::CertificateRevoked {
                fingerprint: message.fingerprint.clone(),
                thumbprint: message.thumbprint.clone(),
                reason: reason.as_str().to_owned(),
                serial_number: stored.certificate.serial_number().as_bytes().to_vec(),
            };
            agent
                .store
                .change(cause.clone(), move |record| {
                    record.essential();
                    record.entry(Change::CertificateRevoked(revoked))
                })
                .await?;
        }
        // Also where an earlier call recorded the revocation and could not publish it.
        let is_due = agent.ca.crl_due(&agent.store)?.is_some_and(|due| due <= cause.now);
        let crl_number = if is_new || (is_due && !asked.what_if) {
            agent.ca.publish_crl(&agent.store, cause).await?
        } else {
            agent.store.read(|view| view.crl())?.map_or(0, |crl| crl.number)
        };
        let (_, message) = self.find_revocable(&stored.certificate.fingerprint().to_string())?;
        Ok(Response::new(pb::RevokeCertificateResponse { certificate: Some(message), crl_number }))
    }

    async fn remove_certificate(
        &self,
        request: Request<pb::RemoveCertificateRequest>,
    ) -> Result<Response<pb::RemoveCertificateResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let asked = request.into_inner();
        let (stored, message) = match self.find_certificate(&asked.certificate) {
            Err(failure) if failure.reason == Reason::CertificateUnknown => {
                let known = cause.request.as_ref();
                let known = known.map(|id| self.agent.store.read(|view| view.request(id)));
                return match known.transpose()?.flatten() {
                    // The answer to the first call was lost; it is gone, as was asked.
                    Some(None) => {
                        Ok(Response::new(pb::RemoveCertificateResponse { certificate: None }))
                    }
                    Some(Some(_)) | None => Err(failure.into()),
                };
            }
            found => found?,
        };
        refuse_used(&message)?;
        if !asked.what_if {
            let gone = stored.clone();
            let key = self
                .agent
                .store
                .change(cause, move |record| {
                    let fingerprint = gone.certificate.fingerprint();
                    let uses = record.read(|view| view.uses(fingerprint))?;
                    refuse_used(&pb::Certificate { uses, ..pb::Certificate::from(&gone) })?;
                    refuse_open_order(record, &gone)?;
                    remove(record, &gone)
                })
                .await?;
            if let Some(id) = key {
                self.agent.destroy_key(id);
            }
        }
        Ok(Response::new(pb::RemoveCertificateResponse { certificate: Some(message) }))
    }
}

impl Services {
    /// Returns the certificate that a caller names, with what answers show of it.
    fn find_certificate(
        &self,
        text: &str,
    ) -> Result<(StoredCertificate, pb::Certificate), Failure> {
        let selector = selector(text)?;
        self.agent.store.read(|view| {
            let stored = view.find_certificate(&selector)?;
            let message = described(view, &stored)?;
            Ok((stored, message))
        })
    }

    /// Returns a certificate of the store, or one that the embedded CA signed for somebody else.
    fn find_revocable(&self, text: &str) -> Result<(StoredCertificate, pb::Certificate), Failure> {
        match self.find_certificate(text) {
            Err(failure) if failure.reason == Reason::CertificateUnknown => {
                let selector = selector(text)?;
                self.agent.store.read(|view| {
                    let stored = view.find_issued_elsewhere(&selector)?;
                    let message = described(view, &stored)?;
                    Ok((stored, message))
                })
            }
            found => found,
        }
    }

    fn roles_of(&self, certificate: &pb::Certificate) -> Result<Vec<Role>, Failure> {
        let mut used: Vec<Role> = Vec::new();
        for each in &certificate.uses {
            let role: Role =
                each.role.parse().map_err(|error| Failure::from(Violation::new("role", error)))?;
            if each.slot != "previous" && !used.contains(&role) {
                used.push(role);
            }
        }
        // A role that this server no longer needs has no wishes to verify against.
        let loaded = self.agent.topology();
        let needs = &loaded.needs;
        used.retain(|role| needs.iter().any(|need| need.role == *role));
        Ok(used)
    }

    fn check_revocable(
        &self,
        stored: &StoredCertificate,
        message: &pb::Certificate,
        force: bool,
    ) -> Result<(), Failure> {
        let serial = stored.certificate.serial_number().as_bytes();
        if self.agent.store.read(|view| view.ca_issued(serial))?.is_none() {
            return Err(Failure::new(
                Reason::NotRevocable,
                format!(
                    "{} was issued by {}",
                    stored.certificate.thumbprint(),
                    stored.certificate.issuer()
                ),
            )
            .with_remedy("ask that authority to revoke it"));
        }
        let mut current: Vec<&str> = message
            .uses
            .iter()
            .filter(|each| each.slot != "previous")
            .map(|each| each.role.as_str())
            .collect();
        // A role may have it now and next.
        current.sort_unstable();
        current.dedup();
        if current.is_empty() || force || stored.revoked.is_some() {
            return Ok(());
        }
        Err(Failure::new(
            Reason::CertificateInUse,
            format!("{} serves {}", stored.certificate.thumbprint(), current.join(", ")),
        )
        .with_remedy(format!(
            "rolecallctl request --role {}  # first, for its successor; or repeat with --force",
            current.join(",")
        )))
    }
}

/// Every certificate, in the order of fingerprints.
struct Listing {
    agent: Arc<Agent>,
    after: Option<Fingerprint>,
    _place: Option<Place>,
}

impl Source for Listing {
    type Piece = pb::ListCertificatesResponse;

    fn next_piece(&mut self) -> Result<Option<Self::Piece>, Failure> {
        let mut rows = Vec::with_capacity(CHUNK);
        self.agent.store.read(|view| {
            for stored in view.certificates_after(self.after).take(CHUNK) {
                let stored = stored?;
                let certificate = Some(described(view, &stored)?);
                rows.push(pb::CertificateRow { certificate, ..pb::CertificateRow::default() });
                self.after = Some(stored.certificate.fingerprint());
            }
            Ok::<(), Failure>(())
        })?;
        Ok((!rows.is_empty()).then_some(pb::ListCertificatesResponse { rows }))
    }
}

/// Every certificate with how it would serve a role: usable ones first, the newest of them first;
/// then the others, each with its reason.
struct Judging {
    agent: Arc<Agent>,
    role: Role,
    judged: Option<std::vec::IntoIter<pb::CertificateRow>>,
    _run: Place,
}

impl Judging {
    fn judge(&self) -> Result<Vec<pb::CertificateRow>, Failure> {
        let agent: &Agent = &self.agent;
        let now = agent.now();
        let mut others = Vec::new();
        let mut usable = Vec::new();
        for stored in agent.store.read(|view| view.certificates().collect::<Vec<_>>()) {
            let stored = stored?;
            let roles = std::slice::from_ref(&self.role);
            let verification = agent.verify_stored(&stored, roles, now)?;
            let row = pb::CertificateRow {
                certificate: Some(agent.store.read(|view| described(view, &stored))?),
                usable: verification.is_assignable(true),
                findings: verification.findings.iter().map(Into::into).collect(),
            };
            let not_before = stored.certificate.not_before();
            if row.usable { usable.push((not_before, row)) } else { others.push((not_before, row)) }
        }
        for list in [&mut usable, &mut others] {
            list.sort_by_key(|(not_before, _)| std::cmp::Reverse(*not_before));
        }
        Ok(usable.into_iter().chain(others).map(|(_, row)| row).collect())
    }
}

impl Source for Judging {
    type Piece = pb::ListCertificatesResponse;

    fn next_piece(&mut self) -> Result<Option<Self::Piece>, Failure> {
        let judged = match &mut self.judged {
            Some(judged) => judged,
            None => self.judged.insert(self.judge()?.into_iter()),
        };
        let rows: Vec<_> = judged.take(CHUNK).collect();
        Ok((!rows.is_empty()).then_some(pb::ListCertificatesResponse { rows }))
    }
}

pub(super) fn selector(text: &str) -> Result<CertificateSelector, Failure> {
    text.parse().map_err(|error| Violation::new("certificate", error).into())
}

/// Returns a stored certificate with what answers show beyond its row.
pub(super) fn described(
    view: View<'_>,
    stored: &StoredCertificate,
) -> Result<pb::Certificate, Failure> {
    Ok(pb::Certificate {
        facts: Some(facts(&stored.certificate)),
        uses: view.uses(stored.certificate.fingerprint())?,
        ..pb::Certificate::from(stored)
    })
}

fn refuse_used(certificate: &pb::Certificate) -> Result<(), Failure> {
    if certificate.uses.is_empty() {
        return Ok(());
    }
    let uses: Vec<String> =
        certificate.uses.iter().map(|each| format!("{} ({})", each.role, each.slot)).collect();
    let commands: Vec<String> = certificate
        .uses
        .iter()
        .map(|each| match each.slot.as_str() {
            slot @ ("previous" | "next") => {
                format!("rolecallctl unassign --role {} --{slot}", each.role)
            }
            _ => format!("rolecallctl unassign --role {}", each.role),
        })
        .collect();
    Err(Failure::new(
        Reason::CertificateInUse,
        format!("the certificate is used by {}", uses.join(", ")),
    )
    .with_remedy(commands.join("\n")))
}

fn refuse_open_order(record: &Record<'_, '_>, stored: &StoredCertificate) -> Result<(), Failure> {
    let Some(id) = stored.order else { return Ok(()) };
    let order = record.read(|view| view.expect_order(id))?;
    if order.state.is_settled() {
        return Ok(());
    }
    Err(Failure::new(
        Reason::CertificateInUse,
        format!("order {id} is still about to assign the certificate"),
    )
    .with_remedy(format!("rolecallctl order show {id}")))
}

/// Records that a certificate and its key are gone; returns the key to destroy.
fn remove(
    record: &mut Record<'_, '_>,
    stored: &StoredCertificate,
) -> Result<Option<rolecall::key::KeyId>, Failure> {
    let certificate: &Certificate = &stored.certificate;
    record.essential();
    record.entry(Change::CertificateRemoved(pb::CertificateRemoved {
        fingerprint: certificate.fingerprint().as_bytes().to_vec(),
        thumbprint: certificate.thumbprint().as_bytes().to_vec(),
        friendly_name: stored.friendly_name.to_string(),
    }))?;
    if let Some(id) = stored.key_id {
        record.key_destroyed(id, "its certificate was removed")?;
    }
    Ok(stored.key_id)
}

/// Certificates of 2 KiB each make a chunk far below the limit of a message.
const CHUNK: usize = 100;
