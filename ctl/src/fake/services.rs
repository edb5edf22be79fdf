//! The services of the fake agent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::{Placing, Script, Watched};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
pub(super) struct Fake(pub(super) Arc<Mutex<Script>>);

pub(super) async fn serve(
    fake: Fake,
    incoming: UnixListenerStream,
    stopped: oneshot::Receiver<()>,
) {
    Server::builder()
        .add_service(pb::assignment_service_server::AssignmentServiceServer::new(fake.clone()))
        .add_service(pb::certificate_service_server::CertificateServiceServer::new(fake.clone()))
        .add_service(pb::enrollment_service_server::EnrollmentServiceServer::new(fake.clone()))
        .add_service(pb::finding_service_server::FindingServiceServer::new(fake.clone()))
        .add_service(pb::issuer_service_server::IssuerServiceServer::new(fake.clone()))
        .add_service(pb::plan_service_server::PlanServiceServer::new(fake.clone()))
        .add_service(pb::order_service_server::OrderServiceServer::new(fake.clone()))
        .add_service(pb::journal_service_server::JournalServiceServer::new(fake.clone()))
        .add_service(pb::status_service_server::StatusServiceServer::new(fake.clone()))
        .add_service(pb::topology_service_server::TopologyServiceServer::new(fake.clone()))
        .serve_with_incoming_shutdown(incoming, async {
            // Told to stop, or the test is gone: both end it.
            drop(stopped.await);
        })
        .await
        .unwrap();
}

impl Fake {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn record(&self, call: &str) {
        self.script().calls.push(call.to_owned());
    }

    fn place(
        &self,
        request: pb::PlaceOrderRequest,
    ) -> Result<Response<pb::PlaceOrderResponse>, Status> {
        let mut script = self.script();
        script.calls.push(format!("place_order {}", request.request_id));
        match script.place.pop_front() {
            Some(Placing::Lost) => Err(Status::unavailable("connection reset")),
            Some(Placing::Refused(failure)) => Err(failure.into()),
            Some(Placing::Placed) | None => Ok(Response::new(pb::PlaceOrderResponse {
                order: Some(script.order.clone()),
                ..pb::PlaceOrderResponse::default()
            })),
        }
    }

    fn watch(&self) -> Streamed<pb::WatchOrderResponse> {
        let mut script = self.script();
        script.calls.push("watch_order".to_owned());
        let order = script.order.clone();
        let messages = script.watches.pop_front().unwrap_or_default();
        let messages = messages.into_iter().map(|message| match message {
            Watched::Lost => Err(Status::unavailable("connection reset")),
            Watched::State(state) => Ok(pb::WatchOrderResponse {
                order: Some(pb::Order {
                    state: Some(pb::OrderState { state: Some(state) }),
                    ..order.clone()
                }),
            }),
        });
        stream(messages.collect())
    }

    fn certificate(&self) -> Result<pb::GetCertificateResponse, Status> {
        let script = self.script();
        let row = script.certificates.first().ok_or_else(|| {
            Status::from(Failure::new(Reason::CertificateUnknown, "no such certificate"))
        })?;
        Ok(pb::GetCertificateResponse {
            certificate: row.certificate.clone(),
            chain: vec![vec![0x30, 0x02], vec![0x30, 0x03]],
            findings: row.findings.clone(),
        })
    }
}

fn stream<T: Send + 'static>(messages: Vec<Result<T, Status>>) -> Streamed<T> {
    Box::pin(tokio_stream::iter(messages))
}

fn unscripted() -> Status {
    Failure::new(Reason::Internal, "the script does not know this call").into()
}

#[tonic::async_trait]
impl pb::assignment_service_server::AssignmentService for Fake {
    async fn list_assignments(
        &self,
        _: Request<pb::ListAssignmentsRequest>,
    ) -> Result<Response<pb::ListAssignmentsResponse>, Status> {
        Err(unscripted())
    }

    async fn assign(
        &self,
        request: Request<pb::AssignRequest>,
    ) -> Result<Response<pb::AssignResponse>, Status> {
        let request = request.into_inner();
        let effective = request.effective.map_or(0, |effective| effective.seconds);
        self.record(&format!("assign {} {:?} {effective}", request.certificate, request.roles));
        Ok(Response::new(pb::AssignResponse::default()))
    }

    async fn unassign(
        &self,
        _: Request<pb::UnassignRequest>,
    ) -> Result<Response<pb::UnassignResponse>, Status> {
        Err(unscripted())
    }
}

#[tonic::async_trait]
impl pb::certificate_service_server::CertificateService for Fake {
    type ListCertificatesStream = Streamed<pb::ListCertificatesResponse>;

    async fn list_certificates(
        &self,
        _: Request<pb::ListCertificatesRequest>,
    ) -> Result<Response<Self::ListCertificatesStream>, Status> {
        let rows = self.script().certificates.clone();
        Ok(Response::new(stream(vec![Ok(pb::ListCertificatesResponse { rows })])))
    }

    async fn get_certificate(
        &self,
        _: Request<pb::GetCertificateRequest>,
    ) -> Result<Response<pb::GetCertificateResponse>, Status> {
        Ok(Response::new(self.certificate()?))
    }

    async fn verify_certificate(
        &self,
        _: Request<pb::VerifyCertificateRequest>,
    ) -> Result<Response<pb::VerifyCertificateResponse>, Status> {
        Err(unscripted())
    }

    async fn revoke_certificate(
        &self,
        _: Request<pb::RevokeCertificateRequest>,
    ) -> Result<Response<pb::RevokeCertificateResponse>, Status> {
        Err(unscripted())
    }

    async fn remove_certificate(
        &self,
        _: Request<pb::RemoveCertificateRequest>,
    ) -> Result<Response<pb::RemoveCertificateResponse>, Status> {
        self.record("remove_certificate");
        let certificate = self.certificate()?.certificate;
        Ok(Response::new(pb::RemoveCertificateResponse { certificate }))
    }
}

#[tonic::async_trait]
impl pb::enrollment_service_server::EnrollmentService for Fake {
    async fn list_enrollments(
        &self,
        _: Request<pb::ListEnrollmentsRequest>,
    ) -> Result<Response<pb::ListEnrollmentsResponse>, Status> {
        Err(unscripted())
    }

    async fn get_enrollment(
        &self,
        _: Request<pb::GetEnrollmentRequest>,
    ) -> Result<Response<pb::GetEnrollmentResponse>, Status> {
        Err(unscripted())
    }

    async fn set_enrollment(
        &self,
        _: Request<pb::SetEnrollmentRequest>,
    ) -> Result<Response<pb::SetEnrollmentResponse>, Status> {
        Err(unscripted())
    }

    async fn remove_enrollment(
        &self,
        _: Request<pb::RemoveEnrollmentRequest>,
    ) -> Result<Response<pb::RemoveEnrollmentResponse>, Status> {
        Err(unscripted())
    }
}

#[tonic::async_trait]
impl pb::finding_service_server::FindingService for Fake {
    async fn list_findings(
        &self,
        _: Request<pb::ListFindingsRequest>,
    ) -> Result<Response<pb::ListFindingsResponse>, Status> {
        let findings = self.script().findings.clone();
        Ok(Response::new(pb::ListFindingsResponse { findings }))
    }

    async fn accept_finding(
        &self,
        _: Request<pb::AcceptFindingRequest>,
    ) -> Result<Response<pb::AcceptFindingResponse>, Status> {
        Err(unscripted())
    }
}

#[tonic::async_trait]
impl pb::issuer_service_server::IssuerService for Fake {
    async fn list_issuers(
        &self,
        _: Request<pb::ListIssuersRequest>,
    ) -> Result<Response<pb::ListIssuersResponse>, Status> {
        Err(unscripted())
    }

    async fn get_issuer(
        &self,
        request: Request<pb::GetIssuerRequest>,
    ) -> Result<Response<pb::GetIssuerResponse>, Status> {
        let certificates = self.script().issuer_certificates.clone();
        let issuer = Some(pb::Issuer { name: request.into_inner().name, ..pb::Issuer::default() });
        Ok(Response::new(pb::GetIssuerResponse { issuer, certificates }))
    }

    async fn list_ca_requests(
        &self,
        _: Request<pb::ListCaRequestsRequest>,
    ) -> Result<Response<pb::ListCaRequestsResponse>, Status> {
        Err(unscripted())
    }

    async fn approve_ca_request(
        &self,
        _: Request<pb::ApproveCaRequestRequest>,
    ) -> Result<Response<pb::ApproveCaRequestResponse>, Status> {
        Err(unscripted())
    }

    async fn deny_ca_request(
        &self,
        _: Request<pb::DenyCaRequestRequest>,
    ) -> Result<Response<pb::DenyCaRequestResponse>, Status> {
        Err(unscripted())
    }

    async fn submit_csr(
        &self,
        _: Request<pb::SubmitCsrRequest>,
    ) -> Result<Response<pb::SubmitCsrResponse>, Status> {
        Err(unscripted())
    }
}

#[tonic::async_trait]
impl pb::plan_service_server::PlanService for Fake {
    async fn plan_order(
        &self,
        _: Request<pb::PlanOrderRequest>,
    ) -> Result<Response<pb::PlanOrderResponse>, Status> {
        Ok(Response::new(self.script().plan.clone()))
    }

    async fn plan_enrollment(
        &self,
        _: Request<pb::PlanEnrollmentRequest>,
    ) -> Result<Response<pb::PlanEnrollmentResponse>, Status> {
        Err(unscripted())
    }

    async fn plan_apply(
        &self,
        _: Request<pb::PlanApplyRequest>,
    ) -> Result<Response<pb::PlanApplyResponse>, Status> {
        Ok(Response::new(self.script().apply.clone()))
    }
}

#[tonic::async_trait]
impl pb::order_service_server::OrderService for Fake {
    type WatchOrderStream = Streamed<pb::WatchOrderResponse>;

    async fn place_order(
        &self,
        request: Request<pb::PlaceOrderRequest>,
    ) -> Result<Response<pb::PlaceOrderResponse>, Status> {
        self.place(request.into_inner())
    }

    async fn get_order(
        &self,
        _: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        self.record("get_order");
        Ok(Response::new(pb::GetOrderResponse { order: Some(self.script().order.clone()) }))
    }

    async fn list_orders(
        &self,
        _: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        Err(unscripted())
    }

    async fn watch_order(
        &self,
        _: Request<pb::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        Ok(Response::new(self.watch()))
    }

    async fn retrieve_order(
        &self,
        _: Request<pb::RetrieveOrderRequest>,
    ) -> Result<Response<pb::RetrieveOrderResponse>, Status> {
        Err(unscripted())
    }

    async fn cancel_order(
        &self,
        _: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        self.record("cancel_order");
        Ok(Response::new(pb::CancelOrderResponse { order: Some(self.script().order.clone()) }))
    }
}

#[tonic::async_trait]
impl pb::journal_service_server::JournalService for Fake {
    type ReadJournalStream = Streamed<pb::ReadJournalResponse>;

    async fn read_journal(
        &self,
        _: Request<pb::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let entries = self.script().journal.clone();
        Ok(Response::new(stream(vec![Ok(pb::ReadJournalResponse { entries })])))
    }

    async fn verify_journal(
        &self,
        _: Request<pb::VerifyJournalRequest>,
    ) -> Result<Response<pb::VerifyJournalResponse>, Status> {
        Ok(Response::new(pb::VerifyJournalResponse {
            first_sequence: 1,
            last_sequence: 42,
            entries: 17,
            segments: 1,
            head: vec![0xab; 32],
            damage: self.script().damage.clone(),
        }))
    }
}

#[tonic::async_trait]
impl pb::status_service_server::StatusService for Fake {
    async fn get_status(
        &self,
        _: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        Ok(Response::new(self.script().status.clone()))
    }
}

#[tonic::async_trait]
impl pb::topology_service_server::TopologyService for Fake {
    async fn get_topology(
        &self,
        _: Request<pb::GetTopologyRequest>,
    ) -> Result<Response<pb::GetTopologyResponse>, Status> {
        Ok(Response::new(pb::GetTopologyResponse {
            server: "se01.contoso.com".into(),
            text: "sip_domains = [\"contoso.com\"]\n".into(),
            ..pb::GetTopologyResponse::default()
        }))
    }
}
