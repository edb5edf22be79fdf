//! Making keys takes seconds; nobody else waits for it.

use rolecall::api::pb;
use rolecall_tests::{Call, TestAgent, request_id, spec};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_answers_while_keys_are_being_made() {
    let agent = TestAgent::standard_edition().await;
    let mut placings = JoinSet::new();
    for _ in 0..12 {
        let client = agent.client.clone();
        let mut spec = spec(&["OAuthTokenIssuer"]);
        spec.key_algorithm = "rsa-4096".into();
        let request = pb::PlaceOrderRequest {
            request_id: request_id(),
            spec: Some(spec),
            wait: false,
            beside_open: true,
        };
        placings.spawn(async move { client.place_as(request).await });
    }
    // One of them has been made, so the others are in the making.
    placings.join_next().await.unwrap().unwrap().unwrap();

    for _ in 0..3 {
        agent.client.status().get_status(pb::GetStatusRequest {}).await.unwrap();
    }
    let mut p256 = spec(&["Default"]);
    p256.key_algorithm = "p-256".into();
    agent.place(p256).await.unwrap();

    let made = std::iter::from_fn(|| placings.try_join_next()).count();
    assert!(made < 11, "all other keys were made before the status was told");
}
