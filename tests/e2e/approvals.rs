//! Templates that need an approval: another administrator decides, never the requester.

use rolecall::access::Grant;
use rolecall::api::pb;
use rolecall::api::pb::order_state::State;
use rolecall::api::status::Failure;
use rolecall::key::KeyId;
use rolecall::reason::Reason;
use rolecall_tests::{Call, Site, TestAgent, as_user, request_id, spec};

use crate::refusals::WITH_APPROVAL;

/// `nobody`, who is administrator here by `local_grant`.
const ANOTHER: u32 = 65_534;

async fn agent() -> TestAgent {
    TestAgent::start(Site::with_grant("se01.contoso.com", WITH_APPROVAL, Grant::Administrator))
        .await
}

async fn order(agent: &TestAgent) -> pb::Order {
    let mut spec = spec(&["Default"]);
    spec.template = "Checked".into();
    agent.place(spec).await.unwrap()
}

fn state(order: &pb::Order) -> State {
    order.state.clone().unwrap().state.unwrap()
}

async fn approve(agent: &TestAgent) -> Result<pb::ApproveCaRequestResponse, Failure> {
    let request =
        pb::ApproveCaRequestRequest { request_id: request_id(), ca_request_id: 1, what_if: false };
    Ok(agent.client.issuers().approve_ca_request(request).await?.into_inner())
}

fn by_another(agent: &TestAgent, args: &'static [&'static str]) -> rolecall_tests::Output {
    let site = agent.site();
    tokio::task::block_in_place(|| as_user(ANOTHER, site, args))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_needs_approval_waits_and_its_requester_cannot_decide_it() {
    let agent = agent().await;
    let order = order(&agent).await;
    let State::Submitted(submitted) = state(&order) else { panic!("{order:?}") };
    assert_eq!(submitted.waiting_for, "approval of request 1 by another administrator");
    let journal = agent.journal().await;

    let approved = approve(&agent).await.unwrap_err();
    let deny = pb::DenyCaRequestRequest {
        request_id: request_id(),
        ca_request_id: 1,
        reason: "no".into(),
        what_if: false,
    };
    let denied = Failure::from(agent.client.issuers().deny_ca_request(deny).await.unwrap_err());

    assert_eq!((approved.reason, denied.reason), (Reason::OwnRequest, Reason::OwnRequest));
    assert_eq!(agent.journal().await, journal);
    assert_eq!(agent.look().await.role("Default").state, "waiting");
}

/// Lists the enrollments as `name: roles, added names`.
async fn enrollments(agent: &TestAgent) -> Vec<String> {
    let request = pb::ListEnrollmentsRequest {};
    let listed = agent.client.enrollments().list_enrollments(request).await.unwrap().into_inner();
    let shown = listed
        .enrollments
        .iter()
        .map(|one| format!("{}: {}; {}", one.name, one.roles.join(","), one.added_names.join(",")));
    shown.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_ends_without_a_certificate_leaves_the_enrollments_as_they_were() {
    let agent = agent().await;
    let roles = ["Default", "WebServicesInternal"];
    let mut named = spec(&roles);
    named.added_names = vec!["approved.contoso.com".into()];
    named.template = "Checked".into();
    agent.place(named).await.unwrap();
    assert_eq!(enrollments(&agent).await, [""; 0], "nothing is enrolled before it is issued");
    by_another(&agent, &["issuer", "approve", "1"]).success();
    agent.wait_for("it is assigned", |seen| seen.role("Default").state == "assigned").await;
    let approved =
        ["Default@se01.contoso.com: Default,WebServicesInternal; approved.contoso.com".to_owned()];
    assert_eq!(enrollments(&agent).await, approved);

    // It would split the enrollment and give up the name.
    order(&agent).await;
    assert_eq!(enrollments(&agent).await, approved);
    let set = agent.ctl(&["enrollment", "remove", "Default@se01.contoso.com"]).await;
    assert_eq!(set.code, Some(65), "{set:?}");
    assert!(set.stderr.contains("(ORDER_OPEN)"), "{set:?}");
    by_another(&agent, &["issuer", "deny", "2", "--reason", "no"]).success();
    assert_eq!(enrollments(&agent).await, approved);

    order(&agent).await;
    agent.ctl(&["--yes", "order", "cancel", "3"]).await.success();
    assert_eq!(enrollments(&agent).await, approved);
    let seen = agent.look().await;
    assert!(
        seen.role("WebServicesInternal").findings.iter().all(|one| one.code != "names-missing"),
        "{seen:?}"
    );

    order(&agent).await;
    by_another(&agent, &["issuer", "approve", "4"]).success();
    agent
        .wait_for("the order is done", |seen| {
            seen.orders.iter().any(|order| order.id == 4 && matches!(state(order), State::Done(_)))
        })
        .await;
    assert_eq!(
        enrollments(&agent).await,
        [
            "Default@se01.contoso.com: Default; ",
            "WebServicesInternal@se01.contoso.com: WebServicesInternal; approved.contoso.com",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_while_an_order_waits_names_it_and_ends_with_75() {
    let agent = agent().await;
    order(&agent).await;
    agent.ctl(&["apply", "--what-if"]).await.success();
    for _ in 0..2 {
        let applied = agent.ctl(&["apply"]).await;
        assert_eq!(applied.code, Some(75), "{applied:?}");
        let waits = "Default: it waits for approval of request 1 by another administrator (order 1 \
                     is open and will do it)";
        assert!(applied.stderr.contains(waits), "{applied:?}");
        assert!(!applied.stdout.contains("Nothing to do"), "{applied:?}");
    }
    let seen = agent.look().await;
    let for_default = seen.orders.iter().filter(|order| order.roles.contains(&"Default".into()));
    assert_eq!(for_default.count(), 1, "{seen:?}");

    by_another(&agent, &["issuer", "approve", "1"]).success();
    agent.wait_for("Default is assigned", |seen| seen.role("Default").state == "assigned").await;
    let applied = agent.ctl(&["apply"]).await.success();
    assert!(applied.contains("Nothing to do"), "{applied}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_is_only_considered_is_shown_as_none() {
    let agent = agent().await;
    order(&agent).await;
    let considered = [
        by_another(&agent, &["issuer", "approve", "1", "--what-if"]),
        by_another(&agent, &["issuer", "deny", "1", "--reason", "no", "--what-if"]),
    ];
    for output in considered {
        let said = output.success();
        assert!(said.contains("waiting") && !said.contains("Decided"), "{said}");
    }
    let invalid = ["request", "--role", "Default", "--what-if", "--request-id", "with space"];
    let refused = agent.ctl(&invalid).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(refused.stderr.contains("--request-id"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_order_is_issued_and_assigned() {
    let agent = agent().await;
    let placed = order(&agent).await;

    by_another(&agent, &["issuer", "approve", "1"]).success();

    let seen = agent.wait_for("the order is done", |seen| {
        seen.orders.iter().all(|order| matches!(state(order), State::Done(_)))
    });
    let seen = seen.await;
    assert_eq!(seen.role("Default").state, "assigned");
    assert_eq!(seen.certificates.len(), 1);
    assert!(agent.has_key(&placed.key_id));
    let requests = pb::ListCaRequestsRequest { waiting_only: false };
    let requests =
        agent.client.issuers().list_ca_requests(requests).await.unwrap().into_inner().requests;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request.state(), pb::ca_request::State::Issued);
    let (by, decided) = (request.requested_by.clone(), request.decided_by.clone());
    assert_eq!((by.unwrap().uid, decided.unwrap().uid), (0, ANOTHER));
    let again = approve(&agent).await.unwrap_err();
    assert_eq!(again.reason, Reason::CaRequestDecided);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_order_names_who_denied_it_and_its_key_is_destroyed() {
    let agent = agent().await;
    let placed = order(&agent).await;
    assert!(agent.has_key(&placed.key_id));

    by_another(&agent, &["issuer", "deny", "1", "--reason", "ask for the pool"]).success();

    let seen = agent.look().await;
    let State::Denied(denied) = state(&seen.orders[0]) else { panic!("{seen:?}") };
    assert_eq!((denied.denied_by.as_str(), denied.reason.as_str()), ("nobody", "ask for the pool"));
    assert!(!agent.has_key(&placed.key_id));
    assert!(seen.certificates.is_empty());
    let role = seen.role("Default");
    assert_eq!((role.state.as_str(), role.open_order_id), ("failed", 0));
    let [finding] = role.findings.as_slice() else { panic!("{role:?}") };
    assert_eq!(finding.code, "order-denied");
    assert_eq!(finding.evidence, "order 1: it was denied by nobody: ask for the pool");
    assert!(finding.remedy.starts_with("rolecallctl apply"), "{finding:?}");

    agent.ctl(&["apply"]).await.success();
    let seen = agent.look().await;
    assert_eq!(seen.role("Default").state, "assigned");
    assert!(seen.role("Default").findings.iter().all(|one| one.code != "order-denied"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_waits_can_be_cancelled_and_its_key_is_destroyed() {
    let agent = agent().await;
    let placed = order(&agent).await;

    let what_if = agent.ctl(&["order", "cancel", "1", "--what-if"]).await;
    what_if.success();
    assert!(agent.has_key(&placed.key_id));
    agent.ctl(&["--yes", "order", "cancel", "1"]).await.success();

    let seen = agent.look().await;
    assert!(matches!(state(&seen.orders[0]), State::Cancelled(_)), "{seen:?}");
    assert!(!agent.has_key(&placed.key_id));
    let decided = by_another(&agent, &["issuer", "approve", "1"]);
    assert_eq!(decided.code, Some(65), "{decided:?}");
    assert!(decided.stderr.contains("(CA_REQUEST_DECIDED)"), "{decided:?}");
    assert!(agent.look().await.certificates.is_empty());
}

/// A crash between the record of the destruction and the deed leaves the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destruction_that_was_recorded_is_done_by_the_next_start() {
    let agent = agent().await;
    let placed = order(&agent).await;
    let id = KeyId::new(placed.key_id.as_slice().try_into().unwrap());
    let state = agent.site().path().join("state");
    let site = agent.stop().await;
    let file = state.join(format!("keys/{id}.key"));
    let copy = site.path().join("copy.key");
    std::fs::copy(&file, &copy).unwrap();
    let agent = TestAgent::start(site).await;
    agent.ctl(&["--yes", "order", "cancel", "1"]).await.success();
    let site = agent.stop().await;
    assert!(!file.exists());
    std::fs::rename(&copy, &file).unwrap();

    let agent = TestAgent::start(site).await;
    let audited = rolecall_tests::eventually("the keys are looked over", || async {
        if file.exists() { Err("the key is still there".to_owned()) } else { Ok(()) }
    });
    audited.await;
    assert!(!state.join(format!("keys/unreferenced/{id}.key")).exists());
    drop(agent.stop().await);
}
