//! Issuers, and the requests at the embedded CA.

mod newest;
mod requests;

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::pb::issuer_service_server::IssuerService;
use rolecall::api::status::Failure;
use rolecall::error_chain::Chain;
use rolecall::reason::Reason;
use rolecall::template::Template;
use rolecall::topology::{Issuer, IssuerKind};
use tonic::{Request, Response, Status};

use super::Services;
use super::peer::Caller;

#[tonic::async_trait]
impl IssuerService for Services {
    async fn list_issuers(
        &self,
        _request: Request<pb::ListIssuersRequest>,
    ) -> Result<Response<pb::ListIssuersResponse>, Status> {
        let loaded = self.agent.topology();
        let default = loaded.topology.default_issuer().name();
        let issuers = loaded
            .topology
            .issuers()
            .iter()
            .map(|issuer| self.issuer(issuer, issuer.name() == default))
            .collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListIssuersResponse { issuers }))
    }

    async fn get_issuer(
        &self,
        request: Request<pb::GetIssuerRequest>,
    ) -> Result<Response<pb::GetIssuerResponse>, Status> {
        let name = request.into_inner().name;
        let loaded = self.agent.topology();
        let known = loaded.topology.issuers();
        let issuer = if name.is_empty() {
            Some(loaded.topology.default_issuer())
        } else {
            known.iter().find(|issuer| issuer.name().as_str() == name)
        };
        let Some(issuer) = issuer else {
            let names: Vec<String> = known.iter().map(|issuer| issuer.name().to_string()).collect();
            let nearest = rolecall::suggest::nearest(&name, &names);
            let hint = rolecall::suggest::did_you_mean_or(&nearest, &names);
            let shown = name.escape_debug();
            return Err(Failure::new(
                Reason::IssuerUnknown,
                format!("there is no issuer {shown}{hint}"),
            )
            .with_remedy("rolecallctl issuer list")
            .into());
        };
        let certificates = match (issuer.kind(), self.agent.ca.get()) {
            (IssuerKind::Embedded { .. }, Some(ca)) => {
                ca.certificates.iter().map(|certificate| certificate.der().to_vec()).collect()
            }
            _ => Vec::new(),
        };
        let is_default = issuer.name() == loaded.topology.default_issuer().name();
        Ok(Response::new(pb::GetIssuerResponse {
            issuer: Some(self.issuer(issuer, is_default)?),
            certificates,
        }))
    }

    async fn list_ca_requests(
        &self,
        request: Request<pb::ListCaRequestsRequest>,
    ) -> Result<Response<pb::ListCaRequestsResponse>, Status> {
        let waiting_only = request.into_inner().waiting_only;
        let requests = self.newest_requests(waiting_only)?;
        Ok(Response::new(pb::ListCaRequestsResponse { requests }))
    }

    async fn approve_ca_request(
        &self,
        request: Request<pb::ApproveCaRequestRequest>,
    ) -> Result<Response<pb::ApproveCaRequestResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let asked = request.into_inner();
        let request = Box::pin(self.approve(asked.ca_request_id, cause, asked.what_if)).await?;
        Ok(Response::new(pb::ApproveCaRequestResponse { request: Some(request) }))
    }

    async fn deny_ca_request(
        &self,
        request: Request<pb::DenyCaRequestRequest>,
    ) -> Result<Response<pb::DenyCaRequestResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let asked = request.into_inner();
        let request = self.deny(asked, cause).await?;
        Ok(Response::new(pb::DenyCaRequestResponse { request: Some(request) }))
    }

    async fn submit_csr(
        &self,
        request: Request<pb::SubmitCsrRequest>,
    ) -> Result<Response<pb::SubmitCsrResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let grant = Caller::of(&request)?.grant;
        let response = Box::pin(self.submit(request.into_inner(), cause, grant)).await?;
        Ok(Response::new(response))
    }
}

impl Services {
    fn issuer(&self, issuer: &Issuer, is_default: bool) -> Result<pb::Issuer, Failure> {
        let mut message = pb::Issuer {
            name: issuer.name().to_string(),
            kind: issuer.kind().as_str().to_owned(),
            is_default,
            templates: issuer.templates().iter().map(template).collect(),
            ..pb::Issuer::default()
        };
        let IssuerKind::Embedded { .. } = issuer.kind() else {
            "this version cannot use an issuer of this kind".clone_into(&mut message.unusable);
            return Ok(message);
        };
        let store = &self.agent.store;
        message.issued = store.read(|view| view.issued_count())?;
        message.revoked = count(store.read(|view| view.revocations())?.len());
        message.waiting = count(store.read(|view| view.waiting_ca_requests())?);
        message.crl_number = store.read(|view| view.crl())?.map_or(0, |crl| crl.number);
        message.findings = self.agent.ca.findings().iter().map(Into::into).collect();
        let Some(ca) = self.agent.ca.get() else {
            if store.read(|view| view.pending_authority_key())?.is_some() {
                "it waits for the enterprise CA to sign its request"
                    .clone_into(&mut message.unusable);
            }
            return Ok(message);
        };
        if let Some(issuing) = ca.certificates.first() {
            message.issuer_dn = issuing.subject().to_string();
            message.not_after = Some(timestamp(issuing.not_after()));
        }
        if let Some(root) = ca.root() {
            message.root_fingerprint = root.fingerprint().as_bytes().to_vec();
        }
        if let Some(url) = self.agent.ca.publication() {
            message.crl_url = url.crl(ca.issuing.key_id());
        }
        Ok(message)
    }
}

fn template(template: &Template) -> pb::Template {
    pb::Template {
        name: template.name.to_string(),
        display_name: template.display_name.to_string(),
        client_auth: template.client_auth,
        key_algorithms: template.keys.iter().map(ToString::to_string).collect(),
        lifetime_seconds: template.lifetime.as_secs(),
        approval_required: template.approval,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Returns the words for a failure of the embedded CA's checks.
fn refused(error: &dyn std::error::Error) -> Failure {
    Failure::new(Reason::CsrRefused, Chain(error).to_string())
        .with_remedy("make a request that names nothing but what the role needs")
}
