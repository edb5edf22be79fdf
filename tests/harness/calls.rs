//! Calls that most tests make, and all that can be seen of an agent.

use std::sync::atomic::{AtomicU64, Ordering};

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;

/// Everything that can be seen of an agent at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The status of its server.
    pub status: pb::ServerStatus,
    /// Its orders.
    pub orders: Vec<pb::Order>,
    /// Its certificates.
    pub certificates: Vec<pb::Certificate>,
    /// Its assignments.
    pub assignments: Vec<pb::Assignment>,
}

impl Seen {
    /// Returns how a role stands.
    ///
    /// # Panics
    /// When the server does not need it.
    #[track_caller]
    pub fn role(&self, role: &str) -> &pb::RoleStatus {
        let found = self.status.roles.iter().find(|status| status.role == role);
        found.unwrap_or_else(|| panic!("there is no role {role}: {:?}", self.status))
    }

    /// Returns the state of each role, by its name.
    pub fn states(&self) -> Vec<(&str, &str)> {
        self.status.roles.iter().map(|role| (role.role.as_str(), role.state.as_str())).collect()
    }
}

/// Calls that most tests make.
#[expect(async_fn_in_trait, reason = "only used here, on types that are Send")]
pub trait Call {
    /// Returns the connection.
    fn connection(&self) -> &Client;

    /// Places an order and waits until it rests.
    async fn place(&self, spec: pb::OrderSpec) -> Result<pb::Order, Failure> {
        let request = pb::PlaceOrderRequest {
            request_id: request_id(),
            spec: Some(spec),
            wait: true,
            beside_open: false,
        };
        Ok(self.place_as(request).await?.order.unwrap())
    }

    /// Places an order exactly so.
    async fn place_as(
        &self,
        request: pb::PlaceOrderRequest,
    ) -> Result<pb::PlaceOrderResponse, Failure> {
        Ok(self.connection().orders().place_order(request).await?.into_inner())
    }

    /// Places an order for `roles` and returns the thumbprint that came of it, in capitals.
    async fn obtain(&self, roles: &[&str]) -> String {
        let order = self.place(spec(roles)).await.unwrap();
        match order.state.as_ref().and_then(|state| state.state.as_ref()) {
            Some(pb::order_state::State::Done(done)) => hex(&done.thumbprint),
            other => panic!("the order is not done: {other:?}"),
        }
    }

    /// Reads the whole journal.
    async fn journal(&self) -> Vec<pb::JournalEntry> {
        let request = pb::ReadJournalRequest::default();
        let mut stream =
            self.connection().journal().read_journal(request).await.unwrap().into_inner();
        let mut entries = Vec::new();
        while let Some(part) = stream.message().await.unwrap() {
            entries.extend(part.entries);
        }
        entries
    }

    /// Reads the kinds of the journal's entries, the oldest first.
    async fn kinds(&self) -> Vec<&'static str> {
        let entries = self.journal().await;
        entries
            .iter()
            .map(|entry| rolecall::api::kind::kind(entry.change.as_ref().unwrap()))
            .collect()
    }

    /// Lists the certificates.
    async fn certificates(&self) -> Vec<pb::Certificate> {
        let request = pb::ListCertificatesRequest::default();
        let mut stream =
            self.connection().certificates().list_certificates(request).await.unwrap().into_inner();
        let mut certificates = Vec::new();
        while let Some(part) = stream.message().await.unwrap() {
            certificates.extend(part.rows.into_iter().map(|row| row.certificate.unwrap()));
        }
        certificates
    }

    /// Returns all that can be seen.
    async fn look(&self) -> Seen {
        let client = self.connection();
        let status = client.status().get_status(pb::GetStatusRequest {}).await.unwrap();
        let orders = client.orders().list_orders(pb::ListOrdersRequest::default()).await.unwrap();
        let assignments = client.assignments();
        let assigned =
            { assignments }.list_assignments(pb::ListAssignmentsRequest {}).await.unwrap();
        Seen {
            status: status.into_inner().servers.remove(0),
            orders: orders.into_inner().orders,
            certificates: self.certificates().await,
            assignments: assigned.into_inner().assignments,
        }
    }

    /// Waits until what can be seen is as `right` says.
    ///
    /// # Panics
    /// When it is not in time; the message has what was seen last.
    async fn wait_for(&self, what: &str, right: impl Fn(&Seen) -> bool) -> Seen {
        crate::eventually(what, || async {
            let seen = self.look().await;
            if right(&seen) { Ok(seen) } else { Err(format!("{seen:#?}")) }
        })
        .await
    }
}

impl Call for Client {
    fn connection(&self) -> &Client {
        self
    }
}

impl Call for crate::TestAgent {
    fn connection(&self) -> &Client {
        &self.client
    }
}

/// Asks for one certificate for `roles`, with everything else computed.
pub fn spec(roles: &[&str]) -> pb::OrderSpec {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    pb::OrderSpec { roles, ..pb::OrderSpec::default() }
}

/// Returns a request id that no other call has.
pub fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
