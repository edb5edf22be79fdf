//! Who may call what: one table.
//!
//! Every RPC has exactly one row (`security.md` §2); one without a row is refused, and a test walks
//! the generated descriptors so that a new RPC cannot be forgotten. The local socket is the only
//! door so far: the kernel names the caller's user id, user 0 is administrator, everybody else has
//! the agent's `local_grant`.

use std::fmt;
use std::str::FromStr;

use crate::suggest::{did_you_mean, nearest};

/// What a caller may do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Grant {
    /// Read what is in reach.
    Viewer,
    /// Request, assign and deploy within reach.
    ServerAdministrator,
    /// Everything.
    Administrator,
}

impl Grant {
    /// Every grant, the smallest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::ServerAdministrator, Self::Administrator];

    /// Returns the word for it in topologies and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::ServerAdministrator => "server-administrator",
            Self::Administrator => "administrator",
        }
    }

    /// Returns the grant of a caller on the local socket.
    pub const fn of_local(uid: u32, local_grant: Self) -> Self {
        if uid == 0 { Self::Administrator } else { local_grant }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Grant {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text).ok_or_else(|| InvalidGrant {
            text: text.escape_debug().to_string().into(),
            nearest: nearest(text, Self::ALL.map(Self::as_str)),
        })
    }
}

/// A text that is no [`Grant`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a grant (viewer, server-administrator, administrator){}",
    did_you_mean(.nearest)
)]
pub struct InvalidGrant {
    text: Box<str>,
    nearest: Vec<String>,
}

/// Returns the smallest grant that may call the RPC at `path`, such as
/// `/rolecall.v1.OrderService/PlaceOrder`; nothing if nobody may.
pub fn required(path: &str) -> Option<Grant> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    TABLE.iter().find(|row| row.0 == service && row.1 == method).map(|row| row.2)
}

use Grant::{Administrator, ServerAdministrator, Viewer};

/// Service, method, smallest grant. Health and reflection answer whoever may connect.
const TABLE: &[(&str, &str, Grant)] = &[
    ("rolecall.v1.StatusService", "GetStatus", Viewer),
    ("rolecall.v1.PlanService", "PlanOrder", Viewer),
    ("rolecall.v1.PlanService", "PlanEnrollment", Viewer),
    ("rolecall.v1.PlanService", "PlanApply", Viewer),
    ("rolecall.v1.OrderService", "PlaceOrder", ServerAdministrator),
    ("rolecall.v1.OrderService", "GetOrder", Viewer),
    ("rolecall.v1.OrderService", "ListOrders", Viewer),
    ("rolecall.v1.OrderService", "WatchOrder", Viewer),
    ("rolecall.v1.OrderService", "RetrieveOrder", ServerAdministrator),
    ("rolecall.v1.OrderService", "CancelOrder", ServerAdministrator),
    ("rolecall.v1.EnrollmentService", "ListEnrollments", Viewer),
    ("rolecall.v1.EnrollmentService", "GetEnrollment", Viewer),
    ("rolecall.v1.EnrollmentService", "SetEnrollment", ServerAdministrator),
    ("rolecall.v1.EnrollmentService", "RemoveEnrollment", ServerAdministrator),
    ("rolecall.v1.CertificateService", "ListCertificates", Viewer),
    ("rolecall.v1.CertificateService", "GetCertificate", Viewer),
    ("rolecall.v1.CertificateService", "VerifyCertificate", Viewer),
    ("rolecall.v1.CertificateService", "RevokeCertificate", ServerAdministrator),
    ("rolecall.v1.CertificateService", "RemoveCertificate", ServerAdministrator),
    ("rolecall.v1.AssignmentService", "ListAssignments", Viewer),
    ("rolecall.v1.AssignmentService", "Assign", ServerAdministrator),
    ("rolecall.v1.AssignmentService", "Unassign", ServerAdministrator),
    ("rolecall.v1.IssuerService", "ListIssuers", Viewer),
    ("rolecall.v1.IssuerService", "GetIssuer", Viewer),
    ("rolecall.v1.IssuerService", "ListCaRequests", Viewer),
    ("rolecall.v1.IssuerService", "ApproveCaRequest", Administrator),
    ("rolecall.v1.IssuerService", "DenyCaRequest", Administrator),
    ("rolecall.v1.IssuerService", "SubmitCsr", ServerAdministrator),
    ("rolecall.v1.FindingService", "ListFindings", Viewer),
    ("rolecall.v1.FindingService", "AcceptFinding", ServerAdministrator),
    ("rolecall.v1.TopologyService", "GetTopology", Viewer),
    ("rolecall.v1.JournalService", "ReadJournal", Viewer),
    ("rolecall.v1.JournalService", "VerifyJournal", Viewer),
    ("grpc.health.v1.Health", "Check", Viewer),
    ("grpc.health.v1.Health", "List", Viewer),
    ("grpc.health.v1.Health", "Watch", Viewer),
    ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", Viewer),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", Viewer),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;

    fn contract() -> BTreeSet<(String, String)> {
        let set = prost_types::FileDescriptorSet::decode(crate::api::DESCRIPTORS).unwrap();
        let mut methods = BTreeSet::new();
        for file in set.file {
            for service in file.service {
                let name = format!("{}.{}", file.package.as_deref().unwrap(), service.name());
                methods.extend(service.method.iter().map(|m| (name.clone(), m.name().to_owned())));
            }
        }
        methods
    }

    #[test]
    fn every_rpc_of_the_contract_has_exactly_one_row_and_no_row_is_left_over() {
        let rows: Vec<(String, String)> = TABLE
            .iter()
            .filter(|row| row.0.starts_with("rolecall."))
            .map(|row| (row.0.to_owned(), row.1.to_owned()))
            .collect();
        assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), contract());
        assert_eq!(rows.len(), contract().len(), "a row stands twice");
    }

    #[test]
    fn a_viewer_may_call_nothing_that_changes_anything() {
        let reads = ["Get", "List", "Watch", "Plan", "Read", "Verify"];
        for (service, method) in contract() {
            let required = required(&format!("/{service}/{method}")).unwrap();
            let reading = reads.iter().any(|prefix| method.starts_with(prefix));
            assert_eq!(required == Viewer, reading, "{service}/{method}");
        }
    }

    #[test]
    fn an_rpc_without_a_row_is_for_nobody() {
        assert_eq!(required("/rolecall.v1.OrderService/Nothing"), None);
        assert_eq!(required("nonsense"), None);
    }

    #[test]
    fn only_user_0_is_administrator_by_itself() {
        assert_eq!(Grant::of_local(0, Viewer), Administrator);
        assert_eq!(Grant::of_local(1_000, Viewer), Viewer);
    }
}
