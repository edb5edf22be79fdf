//! Who may call what: the kernel says who calls, the table says what they may.

use std::os::unix::fs::PermissionsExt;

use prost::Message;
use rolecall::access::{Grant, required};
use rolecall::api::DESCRIPTORS;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_tests::{Call, Site, TestAgent, as_user, channel_as};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

/// `nobody`, who is a viewer by the default.
const VIEWER: u32 = 65_534;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_for_its_owner_and_group() {
    let agent = TestAgent::standard_edition().await;
    let mode = std::fs::metadata(agent.site().socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_reads_everything_and_changes_nothing() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let before = agent.look().await;
    let site = agent.site();
    let run = |args: &[&str]| tokio::task::block_in_place(|| as_user(VIEWER, site, args));

    for reading in [
        ["status"].as_slice(),
        &["apply", "--what-if"],
        &["request", "--role", "Default", "--what-if"],
        &["order", "list"],
        &["order", "show", "1"],
        &["enrollment", "list"],
        &["enrollment", "show", "Default@se01.contoso.com"],
        &["certificate", "list"],
        &["certificate", "show", &thumbprint],
        &["certificate", "verify", &thumbprint],
        &["issuer", "list"],
        &["issuer", "requests"],
        &["finding", "list"],
        &["topology", "show"],
        &["log"],
        &["log", "--verify"],
    ] {
        let output = run(reading);
        assert!(matches!(output.code, Some(0 | 1)), "{reading:?}: {output:?}");
        assert!(!output.stderr.contains("PEER_FORBIDDEN"), "{reading:?}: {output:?}");
    }
    for changing in [
        ["request", "--role", "OAuthTokenIssuer"].as_slice(),
        &["apply"],
        &["assign", &thumbprint, "--role", "Default"],
        &["unassign", "--role", "Default"],
        &["--yes", "order", "cancel", "1"],
        &["order", "retrieve", "1"],
        &["enrollment", "set", "Default@se01.contoso.com", "--key-algorithm", "rsa-3072"],
        &["--yes", "enrollment", "remove", "Default@se01.contoso.com"],
        &["--yes", "certificate", "revoke", &thumbprint, "--force"],
        &["--yes", "certificate", "remove", &thumbprint],
        &["issuer", "approve", "1"],
        &["issuer", "deny", "1", "--reason", "no"],
        &["finding", "accept", "root-key-online", "--until", "+1d", "--reason", "lab"],
    ] {
        let output = run(changing);
        assert_eq!(output.code, Some(77), "{changing:?}: {output:?}");
        assert!(output.stderr.contains("(PEER_FORBIDDEN)"), "{changing:?}: {output:?}");
    }

    let after = agent.look().await;
    assert_eq!((after.orders, after.assignments), (before.orders, before.assignments));
    assert_eq!(after.certificates, before.certificates);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_that_changes_something_refuses_a_viewer() {
    let agent = TestAgent::start(Site::standard_edition()).await;
    let before = agent.look().await;
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut paths = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    paths.push("/rolecall.v1.OrderService/Nothing".to_owned());
    paths.push("/nonsense/Nothing".to_owned());
    let refused: Vec<String> =
        paths.into_iter().filter(|path| required(path) != Some(Grant::Viewer)).collect();
    assert!(refused.len() > 12, "{refused:?}");

    let channel = channel_as(VIEWER, agent.site()).await;
    for path in &refused {
        let mut caller = Grpc::new(channel.clone());
        caller.ready().await.unwrap();
        let empty = tonic::Request::new(());
        let path = PathAndQuery::try_from(path.as_str()).unwrap();
        let codec = ProstCodec::<(), ()>::default();
        let status = caller.unary(empty, path.clone(), codec).await.unwrap_err();
        assert_eq!(Failure::from(status).reason, Reason::PeerForbidden, "{path}");
    }

    let after = agent.look().await;
    assert_eq!((after.orders, after.assignments), (before.orders, before.assignments));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_journalled_once_a_minute_for_each_user_and_rpc() {
    let now = "2026-03-02T08:00:00Z".parse().unwrap();
    let agent = TestAgent::start_at(Site::standard_edition(), now).await;
    let site = agent.site();
    let knock =
        || tokio::task::block_in_place(|| as_user(VIEWER, site, ["order", "retrieve", "1"]));

    for _ in 0..3 {
        assert_eq!(knock().code, Some(77));
    }
    let count = async |expected: usize| {
        rolecall_tests::eventually("the refusal is journalled", || async {
            let entries = agent.journal().await;
            let refusals: Vec<_> = entries
                .into_iter()
                .filter(|entry| matches!(entry.change, Some(Change::Refusal(_))))
                .collect();
            if refusals.len() >= expected { Ok(refusals) } else { Err(format!("{refusals:?}")) }
        })
        .await
    };
    let refusals = count(1).await;
    let [entry] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!(entry.actor.as_ref().unwrap().uid, VIEWER);
    let Some(Change::Refusal(refusal)) = &entry.change else { panic!("{entry:?}") };
    assert_eq!(refusal.reason, "PEER_FORBIDDEN");
    assert!(refusal.operation.ends_with("OrderService/RetrieveOrder"), "{refusal:?}");

    agent.set_clock(now + std::time::Duration::from_secs(61));
    knock();
    assert_eq!(count(2).await.len(), 2);
}
