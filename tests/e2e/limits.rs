//! What one caller can use up: its own places, and nobody else's.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rolecall::api::pb;
use rolecall::api::pb::journal_service_client::JournalServiceClient;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_tests::{AgentProcess, Call, Site, channel_as, eventually, request_id, spec};
use rustix::process::Uid;
use tonic::Streaming;
use tonic::transport::Channel;

/// `nobody`, who is a viewer by the default.
const VIEWER: u32 = 65_534;

/// Follows the journal, and reads its first part.
async fn follow(channel: &Channel) -> Result<Streaming<pb::ReadJournalResponse>, Failure> {
    let request = pb::ReadJournalRequest { follow: true, ..pb::ReadJournalRequest::default() };
    let mut client = JournalServiceClient::new(channel.clone());
    let mut followed = client.read_journal(request).await?.into_inner();
    followed.message().await?.expect("the journal has a beginning");
    Ok(followed)
}

/// Connects as a viewer and keeps the connection without a word.
fn knock(site: &Site) -> UnixStream {
    let socket = site.socket();
    let connecting = std::thread::spawn(move || {
        rustix::thread::set_thread_uid(Uid::from_raw(VIEWER)).expect("these tests run as root");
        UnixStream::connect(socket).unwrap()
    });
    let stream = connecting.join().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream
}

/// Returns whether the agent has closed the connection instead of greeting.
fn is_closed(mut stream: &UnixStream) -> bool {
    // Who says nothing is told the server's settings, or that it has ended.
    !matches!(stream.read(&mut [0; 64]), Ok(1..))
}

fn threads(agent: &AgentProcess) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_who_opens_streams_stops_nobody_else_and_holds_no_thread() {
    let agent = AgentProcess::start(Site::standard_edition());
    let channels = [channel_as(VIEWER, agent.site()).await, channel_as(VIEWER, agent.site()).await];
    let mut open = vec![follow(&channels[0]).await.unwrap()];
    let threads_of_one = threads(&agent);
    for number in 1..8 {
        open.push(follow(&channels[number % 2]).await.unwrap());
    }

    for channel in &channels {
        let refused = follow(channel).await.unwrap_err();
        assert_eq!(refused.reason, Reason::CallerBusy, "{refused}");
        assert!(refused.message.contains("8 streams"), "{refused}");
    }

    let root = agent.client().await;
    root.obtain(&["Default"]).await;
    assert!(!Call::journal(&root).await.is_empty());
    // A thread that read something stays for ten seconds, for whoever is next.
    eventually("no stream holds a thread", || async {
        let count = threads(&agent);
        if count < threads_of_one + 4 { Ok(()) } else { Err(format!("{count} threads")) }
    })
    .await;
    drop(open);
    eventually("the places are free again", || async {
        follow(&channels[0]).await.map(drop).map_err(|failure| failure.to_string())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_after_the_other_a_caller_reads_as_often_as_it_likes() {
    let agent = AgentProcess::start(Site::standard_edition());
    let client = agent.client().await;
    for _ in 0..40 {
        assert!(!Call::journal(&client).await.is_empty());
        assert!(Call::certificates(&client).await.is_empty());
        client.journal().verify_journal(pb::VerifyJournalRequest {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_entries_are_followed_by_those_that_come() {
    let agent = AgentProcess::start(Site::standard_edition());
    let client = agent.client().await;
    client.obtain(&["Default"]).await;
    let all = Call::journal(&client).await;
    let request =
        pb::ReadJournalRequest { follow: true, last: 2, ..pb::ReadJournalRequest::default() };
    let mut followed = client.journal().read_journal(request).await.unwrap().into_inner();
    let first = followed.message().await.unwrap().unwrap().entries;
    assert_eq!(first, all[all.len() - 2..]);

    client.obtain(&["Default"]).await;

    let mut later = Vec::new();
    let new = Call::journal(&client).await.split_off(all.len());
    while later.len() < new.len() {
        later.extend(followed.message().await.unwrap().unwrap().entries);
    }
    assert_eq!(later, new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_32_connections_and_the_next_one_is_closed_at_once() {
    let agent = AgentProcess::start(Site::standard_edition());
    let site = agent.site();
    // It also lets every user reach the socket.
    let channel = channel_as(VIEWER, site).await;
    follow(&channel).await.unwrap();
    let knocks: Vec<UnixStream> = (1..32).map(|_| knock(site)).collect();
    tokio::task::block_in_place(|| {
        assert!(knocks.iter().all(|stream| !is_closed(stream)));
        assert!(is_closed(&knock(site)));
        assert!(is_closed(&knock(site)));
    });

    agent.client().await.obtain(&["Default"]).await;
    follow(&channel).await.unwrap();
    assert_eq!(agent.log().matches("a connection was refused").count(), 1, "{}", agent.log());
    drop(knocks);
    eventually("the places are free again", || async {
        if is_closed(&knock(site)) { Err("it is closed".to_owned()) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_more_than_64_kib_is_not_read() {
    let agent = AgentProcess::start(Site::standard_edition());
    let client = agent.client().await;
    let request =
        pb::SubmitCsrRequest { csr: vec![0; 64 * 1024], ..pb::SubmitCsrRequest::default() };

    let refused = Failure::from(client.issuers().submit_csr(request).await.unwrap_err());

    assert_eq!(refused.reason, Reason::RequestInvalid, "{refused}");
    client.obtain(&["Default"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_values_than_a_request_may_have_are_refused_by_their_field_at_once() {
    let agent = AgentProcess::start(Site::standard_edition());
    let client = agent.client().await;
    client.obtain(&["Default"]).await;
    // As many as a message of 64 KiB has room for.
    let roles: Vec<String> = (0..6_000).map(|number| format!("role{number}")).collect();
    let long = "a".repeat(60_000);

    let placed = client.place(pb::OrderSpec { roles: roles.clone(), ..spec(&[]) }).await;
    let assign = pb::AssignRequest {
        request_id: request_id(),
        roles: roles.clone(),
        ..pb::AssignRequest::default()
    };
    let assigned = client.assignments().assign(assign).await.map_err(Failure::from);
    let many = pb::ReadJournalRequest { kinds: roles, ..pb::ReadJournalRequest::default() };
    let read = client.journal().read_journal(many).await.map_err(Failure::from);
    let one = pb::ReadJournalRequest { kinds: vec![long], ..pb::ReadJournalRequest::default() };
    let unknown = client.journal().read_journal(one).await.map_err(Failure::from);
    let set = |names: std::ops::Range<u32>| pb::SetEnrollmentRequest {
        request_id: request_id(),
        name: "Default@se01.contoso.com".into(),
        add_names: names.map(|number| format!("n{number}.contoso.com")).collect(),
        ..pb::SetEnrollmentRequest::default()
    };
    client.enrollments().set_enrollment(set(0..150)).await.unwrap();
    let grown = client.enrollments().set_enrollment(set(150..201)).await.map_err(Failure::from);

    for (refused, field) in [
        (placed.unwrap_err(), "spec.roles"),
        (assigned.unwrap_err(), "roles"),
        (read.map(drop).unwrap_err(), "kinds"),
        (unknown.map(drop).unwrap_err(), "kinds[0]"),
        (grown.map(drop).unwrap_err(), "add_names"),
    ] {
        assert_eq!(refused.reason, Reason::RequestInvalid, "{refused}");
        assert_eq!(refused.violations[0].field, field, "{refused:?}");
        assert!(refused.message.len() <= 1024, "{refused}");
    }
}
