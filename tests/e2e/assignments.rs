//! Assignments over time: what takes effect when, what stays, and what a clock cannot undo.

use std::time::Duration;

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;
use rolecall_tests::{Call, Seen, Site, TestAgent, request_id, spec};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn start() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

async fn agent() -> TestAgent {
    TestAgent::start_at(Site::standard_edition(), start()).await
}

/// Orders a certificate that is not assigned, and returns its thumbprint.
async fn install(agent: &TestAgent) -> String {
    let mut spec = spec(&["Default"]);
    spec.set_goal(pb::Goal::Install);
    done(agent.place(spec).await.unwrap())
}

fn done(order: pb::Order) -> String {
    let Some(pb::order_state::State::Done(done)) = order.state.clone().unwrap().state else {
        panic!("{order:?}")
    };
    done.thumbprint.iter().map(|octet| format!("{octet:02X}")).collect()
}

async fn assign(
    agent: &TestAgent,
    certificate: &str,
    role: &str,
    effective: Option<Timestamp>,
    force: bool,
) -> Result<pb::AssignResponse, Failure> {
    let request = pb::AssignRequest {
        request_id: request_id(),
        certificate: certificate.to_owned(),
        roles: vec![role.to_owned()],
        effective: effective.map(timestamp),
        force,
        what_if: false,
    };
    Ok(agent.client.assignments().assign(request).await?.into_inner())
}

fn slots(seen: &Seen, role: &str) -> (Option<String>, Option<String>, Vec<String>) {
    let hex = |slot: &pb::Slot| -> String {
        slot.thumbprint.iter().map(|octet| format!("{octet:02X}")).collect()
    };
    let found = seen.assignments.iter().find(|assignment| assignment.role == role);
    let Some(found) = found else { return (None, None, Vec::new()) };
    (
        found.current.as_ref().map(hex),
        found.next.as_ref().map(hex),
        found.previous.iter().map(hex).collect(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_takes_over_at_its_time_and_the_old_one_stays_until_it_expires() {
    let agent = agent().await;
    let old = agent.obtain(&["Default"]).await;
    agent.set_clock(start() + HOUR);
    let new = install(&agent).await;
    let effective = start() + DAY;

    assign(&agent, &new, "Default", Some(effective), false).await.unwrap();

    let seen = agent.look().await;
    assert_eq!(slots(&seen, "Default"), (Some(old.clone()), Some(new.clone()), vec![]));
    assert_eq!(seen.role("Default").next_effective, Some(timestamp(effective)));
    agent.set_clock(effective);
    let seen =
        agent.wait_for("the next one takes over", |seen| slots(seen, "Default").1.is_none()).await;
    assert_eq!(slots(&seen, "Default"), (Some(new.clone()), None, vec![old.clone()]));

    // A clock that goes back undoes nothing.
    let journal = agent.journal().await;
    agent.set_clock(start() + HOUR);
    let seen = agent.look().await;
    assert_eq!(slots(&seen, "Default"), (Some(new.clone()), None, vec![old.clone()]));
    assert_eq!(agent.journal().await, journal);

    // The old one is valid until a year after its issue; then it is forgotten, within an hour.
    let expired = start() + 366 * DAY;
    agent.set_clock(expired);
    let seen = agent
        .wait_for("the previous one is dropped", |seen| slots(seen, "Default").2.is_empty())
        .await;
    assert_eq!(slots(&seen, "Default").0, Some(new));
    assert_eq!(seen.certificates.len(), 2, "it is no longer referred to, and still stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_change_survives_a_restart_and_is_made_up_for() {
    let agent = agent().await;
    let old = agent.obtain(&["Default"]).await;
    let new = install(&agent).await;
    assign(&agent, &new, "Default", Some(start() + DAY), false).await.unwrap();

    let agent = TestAgent::start_at(agent.stop().await, start() + 2 * DAY).await;

    let seen = agent.wait_for("it takes over", |seen| slots(seen, "Default").1.is_none()).await;
    assert_eq!(slots(&seen, "Default"), (Some(new), None, vec![old]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_change_can_be_called_off() {
    let agent = agent().await;
    let old = agent.obtain(&["Default"]).await;
    let new = install(&agent).await;
    assign(&agent, &new, "Default", Some(start() + DAY), false).await.unwrap();

    agent.ctl(&["unassign", "--role", "Default", "--next"]).await.success();

    assert_eq!(slots(&agent.look().await, "Default"), (Some(old.clone()), None, vec![]));
    agent.set_clock(start() + 2 * DAY);
    // Whatever the engine did at that time was done before it did this.
    agent.obtain(&["OAuthTokenIssuer"]).await;
    assert_eq!(slots(&agent.look().await, "Default"), (Some(old), None, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_cannot_take_over_when_it_has_expired() {
    let agent = agent().await;
    let thumbprint = install(&agent).await;
    let journal = agent.journal().await;

    let refused = assign(&agent, &thumbprint, "Default", Some(start() + 400 * DAY), true).await;

    let refused = refused.unwrap_err();
    assert_eq!(refused.reason, Reason::RequestInvalid);
    assert!(refused.message.contains("the certificate is valid from"), "{refused}");
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_are_overridden_by_force_and_errors_are_not() {
    let agent = agent().await;
    // It lacks the names of the web roles, which clients ask for.
    let thumbprint = install(&agent).await;
    let journal = agent.journal().await;

    let refused = assign(&agent, &thumbprint, "WebServicesExternal", None, true).await.unwrap_err();

    assert_eq!(refused.reason, Reason::AssignmentRefused);
    assert!(refused.message.contains("lyncdiscover.contoso.com"), "{refused}");
    assert_eq!(agent.journal().await, journal);

    // Default dials out to its peers, which takes clientAuth.
    let mut server_only = spec(&["Default"]);
    server_only.set_goal(pb::Goal::Install);
    server_only.client_eku = Some(false);
    let server_only = done(agent.place(server_only).await.unwrap());
    let warned = assign(&agent, &server_only, "Default", None, false).await.unwrap_err();
    assert_eq!(warned.reason, Reason::AssignmentRefused);
    assert!(warned.message.contains("client-auth-missing"), "{warned}");
    assert!(warned.remedy.contains("--force"), "{warned:?}");
    assign(&agent, &server_only, "Default", None, true).await.unwrap();

    agent.set_clock(start() + 366 * DAY);
    let expired = assign(&agent, &thumbprint, "Default", None, true).await.unwrap_err();
    assert_eq!(expired.reason, Reason::AssignmentRefused);
    assert!(expired.message.contains("expired"), "{expired}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assigning_what_is_assigned_changes_no_assignment() {
    let agent = agent().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let before = agent.look().await;

    let answer = assign(&agent, &thumbprint, "Default", None, false).await.unwrap();

    assert_eq!(answer.unchanged_roles, ["Default"]);
    assert!(answer.assignments.is_empty());
    assert_eq!(agent.look().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_counts_the_previous_certificates_and_a_listing_names_a_role_once() {
    let agent = agent().await;
    let first = agent.obtain(&["Default"]).await;
    let second = agent.obtain(&["Default"]).await;

    assign(&agent, &first, "Default", None, false).await.unwrap();
    let answer = assign(&agent, &second, "Default", None, false).await.unwrap();
    assert_eq!(answer.assignments[0].previous.len(), 3, "{answer:?}");
    let taken = agent.ctl(&["unassign", "--role", "Default", "-o", "json"]).await;
    let taken = taken.json();
    assert_eq!(taken["assignments"][0]["previous"].as_array().unwrap().len(), 3, "{taken}");

    let again = agent.ctl(&["unassign", "--role", "Default"]).await.success();
    assert!(again.contains("Nothing changes."), "{again}");
    let listed = agent.ctl(&["certificate", "list"]).await.success();
    assert_eq!(listed.matches("Default (previous)").count(), 2, "{listed}");
}
