//! A client of one agent.
//!
//! Each service has a method that returns its generated client over a shared channel; failures are
//! read with [`Failure::from`](super::status::Failure).

use std::path::Path;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::pb;
use super::status::Failure;
use crate::reason::Reason;

/// A connection to one agent.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
}

macro_rules! services {
    ($($method:ident $module:ident $client:ident,)*) => {
        impl Client {
            $(
                #[doc = concat!("Returns the client of `", stringify!($client), "`.")]
                pub fn $method(&self) -> pb::$module::$client<Channel> {
                    pb::$module::$client::new(self.channel.clone())
                        .max_decoding_message_size(MAX_MESSAGE)
                }
            )*
        }
    };
}

services! {
    status status_service_client StatusServiceClient,
    plans plan_service_client PlanServiceClient,
    orders order_service_client OrderServiceClient,
    enrollments enrollment_service_client EnrollmentServiceClient,
    certificates certificate_service_client CertificateServiceClient,
    assignments assignment_service_client AssignmentServiceClient,
    issuers issuer_service_client IssuerServiceClient,
    findings finding_service_client FindingServiceClient,
    topology topology_service_client TopologyServiceClient,
    journal journal_service_client JournalServiceClient,
}

impl Client {
    /// Connects to the agent that listens on the Unix socket at `path`.
    ///
    /// # Errors
    /// [`Reason::AgentUnreachable`] if nothing answers there, with the cause in the message.
    pub async fn connect_unix(path: &Path) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_shared(format!("unix:{}", path.display()))
            .map_err(|error| unreachable(path, &error))?
            .connect_timeout(CONNECT_TIMEOUT);
        let channel = endpoint.connect().await.map_err(|error| unreachable(path, &error))?;
        Ok(Self { channel })
    }
}

fn unreachable(path: &Path, error: &dyn std::error::Error) -> Failure {
    let cause = std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(String::new, ToString::to_string);
    Failure::new(
        Reason::AgentUnreachable,
        format!("no agent answers on {}: {cause}", path.display()),
    )
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ten thousand certificate rows arrive in many messages; one message never needs more than this.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
