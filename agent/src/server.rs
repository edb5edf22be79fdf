//! The gRPC services: a file per noun, each handler parses, asks and answers.
//!
//! Who calls is settled before a handler runs, by the layer in `peer`. Nothing here decides.

mod assignments;
mod certificates;
mod enrollments;
mod findings;
mod finish;
mod incoming;
mod issuers;
mod journal;
mod orders;
pub(crate) mod peer;
mod pieces;
mod plans;
mod socket;
mod topology;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rolecall::actor::RequestId;
use rolecall::api::convert::{MOST_ROLES, too_many};
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::{Failure, Violation};
use rolecall::reason::Reason;
use rolecall::role::Role;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use self::finish::FinishLayer;
use self::peer::{AccessLayer, Caller};
pub use self::socket::bind;
use crate::agent::Agent;
use crate::config::Socket;
use crate::store::view::Cause;

/// Answers every service of `rolecall.v1`.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    agent: Arc<Agent>,
    shutdown: CancellationToken,
}

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be made.
    #[error("cannot listen on {}", .path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The group that may connect does not exist, or the socket cannot be given to it.
    #[error("the socket {} cannot be given to the group `{group}`", .path.display())]
    Group {
        /// The socket.
        path: PathBuf,
        /// The group.
        group: Box<str>,
        /// Why.
        source: std::io::Error,
    },
    /// The server failed.
    #[error("the gRPC server failed")]
    Serve(#[from] tonic::transport::Error),
    /// Reflection cannot describe the services.
    #[error("the services cannot be described")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `shutdown`.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    agent: Arc<Agent>,
    listener: UnixListener,
    socket: &Socket,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let services = Services { agent: Arc::clone(&agent), shutdown: shutdown.clone() };
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(rolecall::api::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let stop = shutdown.clone();
    let routes = services
        .into_routes()
        .add_service(health_service.max_decoding_message_size(MOST_OCTETS))
        .add_service(reflection.build_v1()?.max_decoding_message_size(MOST_OCTETS));
    transport()
        .layer(access(&agent, socket))
        .layer(FinishLayer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming::incoming(listener), async move {
            stop.cancelled().await;
            health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        })
        .await?;
    Ok(())
}

/// What one connection may use up (`security.md` §10).
fn transport() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(MOST_STREAMS)
        .concurrency_limit_per_connection(MOST_CALLS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
}

fn access(agent: &Arc<Agent>, socket: &Socket) -> AccessLayer {
    let clock = Arc::clone(&agent.clock);
    let store = agent.store.clone();
    let now = Arc::clone(&clock);
    let on_refusal: peer::OnRefusal = Arc::new(move |actor, path| {
        let cause = Cause { actor, now: now.now(), request: None };
        let store = store.clone();
        // The refusal is answered without waiting for the record of it.
        drop(tokio::task::spawn_blocking(move || {
            let recorded = store.change_blocking(cause, move |record| {
                record.entry(Change::Refusal(pb::Refusal {
                    operation: path,
                    reason: Reason::PeerForbidden.to_string(),
                    ..pb::Refusal::default()
                }))
            });
            if let Err(failure) = recorded {
                tracing::warn!(%failure, "a refusal could not be journalled");
            }
        }));
    });
    AccessLayer::new(socket.local_grant, Arc::new(move || clock.now()), on_refusal)
}

macro_rules! routes {
    ($services:ident: $($module:ident $server:ident,)*) => {
        tonic::service::Routes::default()
            $(.add_service(
                pb::$module::$server::new($services.clone()).max_decoding_message_size(MOST_OCTETS),
            ))*
    };
}

impl Services {
    fn into_routes(self) -> tonic::service::Routes {
        routes! { self:
            status_service_server StatusServiceServer,
            plan_service_server PlanServiceServer,
            order_service_server OrderServiceServer,
            enrollment_service_server EnrollmentServiceServer,
            certificate_service_server CertificateServiceServer,
            assignment_service_server AssignmentServiceServer,
            issuer_service_server IssuerServiceServer,
            finding_service_server FindingServiceServer,
            topology_service_server TopologyServiceServer,
            journal_service_server JournalServiceServer,
        }
    }

    /// Returns the cause of a change: who calls, when, and which attempt it is.
    fn cause<T>(&self, request: &Request<T>, request_id: &str) -> Result<Cause, Failure> {
        let caller = Caller::of(request)?;
        Ok(self.agent.cause(&caller.actor, Some(self::request_id(request_id)?)))
    }
}

#[tonic::async_trait]
impl pb::status_service_server::StatusService for Services {
    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let now = self.agent.now();
        let server = self.agent.status(now)?;
        Ok(Response::new(pb::GetStatusResponse { as_of: server.as_of, servers: vec![server] }))
    }
}

fn request_id(text: &str) -> Result<RequestId, Failure> {
    text.parse().map_err(|error| Violation::new("request_id", error).into())
}

/// Parses roles by name, and says what is wrong with each.
fn roles(field: &str, texts: &[String]) -> Result<Vec<Role>, Failure> {
    if let Some(violation) = too_many(field, texts.len(), MOST_ROLES) {
        return Err(violation.into());
    }
    let mut violations = Vec::new();
    let mut roles: Vec<Role> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(role) if roles.contains(&role) => {
                violations.push(Violation::new(format!("{field}[{index}]"), "is named twice"));
            }
            Ok(role) => roles.push(role),
            Err(error) => violations.push(Violation::new(format!("{field}[{index}]"), error)),
        }
    }
    if violations.is_empty() { Ok(roles) } else { Err(Failure::invalid(violations)) }
}

/// Returns what is wrong with the reason that an operator gives.
fn check_reason(reason: &str) -> Option<Violation> {
    (reason.len() > LONGEST_REASON).then(|| {
        let what = format!("has {} octets; at most {LONGEST_REASON} fit", reason.len());
        Violation::new("reason", what)
    })
}

fn invalid(violations: Vec<Violation>) -> Failure {
    Failure::invalid(violations)
}

fn stopping() -> Failure {
    Failure::new(Reason::ShuttingDown, "the agent is stopping")
        .with_remedy("try again when it is back")
}

/// Checks that this server needs each of `roles`.
fn needed(agent: &Agent, roles: &[Role]) -> Result<(), Failure> {
    let loaded = agent.topology();
    let needs = &loaded.needs;
    let known = loaded.topology.known_roles();
    for role in roles {
        if needs.iter().any(|need| need.role == *role) {
            continue;
        }
        let needed = needs.iter().map(|need| need.role.to_string()).collect::<Vec<_>>().join(", ");
        if known.iter().any(|name| name.eq_ignore_ascii_case(role.as_str())) {
            return Err(Failure::new(
                Reason::RoleNotNeeded,
                format!(
                    "the computer does not need a certificate for {role}: {} needs {needed}",
                    agent.server
                ),
            ));
        }
        let nearest = rolecall::suggest::nearest(role.as_str(), known.iter().copied());
        return Err(Failure::new(
            Reason::RoleUnknown,
            format!("there is no role {role}{}", rolecall::suggest::did_you_mean(&nearest)),
        )
        .with_remedy(format!("{} needs {needed}", agent.server)));
    }
    Ok(())
}

/// In octets; more than a screen of text is a document, and belongs elsewhere.
const LONGEST_REASON: usize = 1_000;
/// The largest honest message is a certificate request of 16 KiB.
const MOST_OCTETS: usize = 64 * 1024;
/// `security.md` §10: streams of one connection.
const MOST_STREAMS: u32 = 64;
const MOST_CALLS: usize = 64;
/// One message fits; what a client sends beyond it waits in the client.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// The kernel tells when a client is dead. A stopped one goes when it has said nothing for so long; a
/// person may take as long to answer a question of `rolecallctl`, which is silent meanwhile.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(60);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
