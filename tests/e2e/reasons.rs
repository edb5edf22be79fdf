//! Every reason that can be answered is reached by a test; the few others have an excuse.

use rolecall::reason::Reason;

/// Each reason, and the tests that reach it: the file and the test's name.
const REACHED: &[(Reason, &str, &str)] = &[
    (Reason::AgentUnreachable, COMMAND_LINE, "an_agent_that_is_not_there_is_69"),
    (Reason::AssignmentRefused, ASSIGNMENTS, "warnings_are_overridden_by_force"),
    (Reason::CallerBusy, LIMITS, "a_viewer_who_opens_streams_stops_nobody_else_and"),
    (Reason::CaMissing, FOREIGN, "a_ca_that_waits_for_the_enterprise_signs_nothing"),
    (Reason::CaQueueFull, FOREIGN, "a_thousand_requests_wait_and_no_more"),
    (Reason::CaRequestDecided, APPROVALS, "an_approved_order_is_issued_and_assigned"),
    (Reason::CaRequestUnknown, REFUSALS, "what_does_not_exist_is_not_found"),
    (Reason::CertificateInUse, REVOCATION, "a_certificate_that_serves_a_role_is_revoked_only"),
    (Reason::CertificateUnknown, REFUSALS, "a_thumbprint_is_understood_as"),
    (Reason::ConfigurationInvalid, PROCESS, "every_problem_of_a_configuration_is_told"),
    (Reason::CsrRefused, FOREIGN, "a_request_that_asks_for_more_than_a_key"),
    (Reason::EnrollmentUnknown, REFUSALS, "what_does_not_exist_is_not_found"),
    (Reason::FindingUnknown, REFUSALS, "what_does_not_exist_is_not_found"),
    (Reason::IssuerUnknown, REFUSALS, "a_request_that_contradicts_the_topology"),
    (Reason::IssuerUnsupported, FLOW, "a_role_whose_issuer_is_of_a_later_kind"),
    (Reason::KeyQueueFull, REFUSALS, "a_caller_who_asks_for_more_keys"),
    (Reason::OrderOpen, REFUSALS, "a_second_order_for_a_role_shows_the_open_one"),
    (Reason::OrderSettled, REFUSALS, "an_order_that_is_done_cannot_be_cancelled"),
    (Reason::OrderUnknown, REFUSALS, "what_does_not_exist_is_not_found"),
    (Reason::OwnRequest, APPROVALS, "an_order_that_needs_approval_waits"),
    (Reason::PeerForbidden, ACCESS, "every_rpc_that_changes_something_refuses_a_viewer"),
    (Reason::PlanRefused, REFUSALS, "a_request_that_contradicts_the_topology"),
    (Reason::RequestIdReused, REQUEST_IDS, "a_request_id_with_other_contents_is_refused"),
    (Reason::RequestInvalid, REFUSALS, "a_request_that_contradicts_the_topology"),
    (Reason::RoleNotNeeded, REFUSALS, "a_request_that_contradicts_the_topology"),
    (Reason::RoleUnknown, REFUSALS, "a_request_that_contradicts_the_topology"),
    (Reason::ServerUnknown, REFUSALS, "what_does_not_exist_is_not_found"),
    (Reason::ShuttingDown, PROCESS, "a_stop_ends_streams_removes_the_socket"),
    (Reason::StoreInUse, PROCESS, "a_second_agent_on_one_state_directory_refuses"),
    (Reason::TemplateUnknown, REFUSALS, "a_request_that_contradicts_the_topology"),
];

/// Each reason that no test here reaches, and why.
const EXCUSED: &[(Reason, &str)] = &[
    (Reason::CertificateAmbiguous, "takes two certificates whose digests share 24 bits"),
    (Reason::Internal, "a defect; there is none to be had on purpose"),
    (Reason::IssuerUnavailable, "the embedded CA is always there; other kinds come later"),
    (Reason::NotRevocable, "takes an imported certificate, and imports come later"),
    (Reason::StoreCorrupt, "takes a damaged disk: the tests of the store"),
    (Reason::StoreFull, "takes a full disk: the tests of the store"),
    (Reason::StoreReadOnly, "takes a damaged disk: the tests of the store"),
];

const ACCESS: &str = include_str!("access.rs");
const APPROVALS: &str = include_str!("approvals.rs");
const ASSIGNMENTS: &str = include_str!("assignments.rs");
const COMMAND_LINE: &str = include_str!("command_line.rs");
const FLOW: &str = include_str!("flow.rs");
const FOREIGN: &str = include_str!("foreign_requests.rs");
const LIMITS: &str = include_str!("limits.rs");
const PROCESS: &str = include_str!("process.rs");
const REFUSALS: &str = include_str!("refusals.rs");
const REQUEST_IDS: &str = include_str!("request_ids.rs");
const REVOCATION: &str = include_str!("revocation.rs");

#[test]
fn every_reason_is_reached_by_a_test_or_excused() {
    let mut known: Vec<Reason> = REACHED.iter().map(|row| row.0).collect();
    known.extend(EXCUSED.iter().map(|row| row.0));
    known.sort_unstable();
    assert_eq!(known, Reason::ALL);
}

#[test]
fn the_tests_that_reach_a_reason_exist_and_name_it() {
    for (reason, file, test) in REACHED {
        let start = file.find(&format!("fn {test}")).unwrap_or_else(|| panic!("no test {test}"));
        let rest = file.get(start..).unwrap();
        let body = rest.find("\n}\n").map_or(rest, |end| rest.get(..end).unwrap());
        let named = body.contains(reason.as_str()) || body.contains(&format!("Reason::{reason:?}"));
        assert!(named, "{test} does not name {reason}");
    }
}
