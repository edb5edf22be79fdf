//! A request id names one attempt: repeating it, at once or later, does the thing once.

use rolecall::api::pb;
use rolecall::reason::Reason;
use rolecall_tests::{Call, TestAgent, spec};
use tokio::task::JoinSet;

fn placing(request_id: &str, roles: &[&str]) -> pb::PlaceOrderRequest {
    pb::PlaceOrderRequest {
        request_id: request_id.to_owned(),
        spec: Some(spec(roles)),
        wait: true,
        beside_open: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_id_returns_the_same_order_and_makes_one_key() {
    let agent = TestAgent::standard_edition().await;
    let first = agent.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap();
    let journal = agent.journal().await;

    let second = agent.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap();

    assert!(!first.replayed && second.replayed);
    assert_eq!(first.order, second.order);
    assert_eq!(agent.journal().await, journal);
    assert_eq!(order_keys(&agent), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_id_returns_the_same_order_after_a_restart() {
    let agent = TestAgent::standard_edition().await;
    let first = agent.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap();

    let agent = TestAgent::start(agent.stop().await).await;
    let second = agent.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap();

    assert!(second.replayed);
    assert_eq!(first.order, second.order);
    assert_eq!(order_keys(&agent), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_with_other_contents_is_refused() {
    let agent = TestAgent::standard_edition().await;
    agent.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap();
    let journal = agent.journal().await;

    let other_role = placing("attempt-1", &["Default"]);
    let mut other_goal = placing("attempt-1", &["OAuthTokenIssuer"]);
    other_goal.spec.as_mut().unwrap().set_goal(pb::Goal::Install);
    let mut other_key = placing("attempt-1", &["OAuthTokenIssuer"]);
    other_key.spec.as_mut().unwrap().key_algorithm = "rsa-3072".to_owned();
    let mut other_names = placing("attempt-1", &["OAuthTokenIssuer"]);
    other_names.spec.as_mut().unwrap().added_names = vec!["more.contoso.com".to_owned()];
    for other in [other_role, other_goal, other_key, other_names] {
        let refused = agent.place_as(other.clone()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::RequestIdReused, "{other:?}");
    }

    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_duplicates_place_one_order() {
    let agent = TestAgent::standard_edition().await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let client = agent.client.clone();
        calls.spawn(async move {
            client.place_as(placing("attempt-1", &["OAuthTokenIssuer"])).await.unwrap()
        });
    }

    let answers = calls.join_all().await;

    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let seen = agent.look().await;
    assert_eq!((seen.orders.len(), seen.certificates.len()), (1, 1));
    assert!(answers.iter().all(|answer| answer.order.as_ref() == seen.orders.first()));
    assert_eq!(order_keys(&agent), 1);
}

/// Returns how many keys the store holds beside those of the embedded CA's root and issuing CA.
fn order_keys(agent: &TestAgent) -> usize {
    agent.keys() - 2
}
