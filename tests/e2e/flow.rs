//! The main flow: every role of a server gets its certificate, and nothing else happens.

use rolecall_tests::{Call, TestAgent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apply_gives_every_role_of_a_standard_edition_server_its_certificate() {
    let agent = TestAgent::standard_edition().await;

    agent.ctl(&["apply"]).await.success();

    let seen = agent.look().await;
    assert!(seen.states().iter().all(|(_, state)| *state == "assigned"), "{:?}", seen.states());
    assert_eq!((seen.orders.len(), seen.certificates.len()), (2, 2), "{seen:#?}");
}
