use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::*;

const AT: Timestamp = Timestamp::from_seconds(1_795_000_000);
const LIST: &[u8] = b"not a list, but nobody looks";

fn published() -> watch::Sender<Arc<Published>> {
    let published = Published::new()
        .with_crl(&id(), LIST.into(), AT)
        .with_certificate(&id(), b"certificate".to_vec(), AT)
        .with_root(b"\x30\x00".to_vec(), AT);
    watch::Sender::new(Arc::new(published))
}

fn id() -> AuthorityKeyId {
    AuthorityKeyId::new(&[0xab, 0xcd])
}

/// Sends `request` over an exchange of its own and returns all that comes back.
async fn ask(request: impl AsRef<[u8]>) -> String {
    let sender = published();
    let (mut client, server) = duplex(64 * 1024);
    let talk = async {
        client.write_all(request.as_ref()).await.unwrap();
        read_all(&mut client).await
    };
    tokio::join!(exchange(server, sender.subscribe()), talk).1
}

async fn read_all(client: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: pki\r\n\r\n")
}

#[tokio::test]
async fn a_list_is_given_with_its_type_its_length_and_its_age() {
    let answer = ask(head("GET", "/crl/abcd.crl")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in [
        "content-type: application/pkix-crl\r\n",
        "content-length: 28\r\n",
        "last-modified: Wed, 18 Nov 2026 11:06:40 GMT\r\n",
        "connection: close\r\n",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    assert!(answer.ends_with("\r\n\r\nnot a list, but nobody looks"), "{answer}");
}

#[tokio::test]
async fn certificates_are_given_under_their_key_id_and_the_root_under_its_name() {
    for (path, kind, body) in [
        ("/ca/abcd.cer", "application/pkix-cert", "certificate"),
        ("/ca/root.cer", "application/pkix-cert", "\x30\x00"),
        ("/ca/root.pem", "application/x-pem-file", "-----END CERTIFICATE-----\n"),
    ] {
        let answer = ask(head("GET", path)).await;
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{answer}");
        assert!(answer.ends_with(body), "{answer}");
    }
    let sender = published();
    let snapshot = Arc::clone(&sender.borrow());
    let paths: Vec<_> = snapshot.paths().collect();
    assert_eq!(paths, ["/ca/abcd.cer", "/ca/root.cer", "/ca/root.pem", "/crl/abcd.crl"]);
}

#[tokio::test]
async fn head_says_the_length_and_gives_no_body() {
    let answer = ask(head("HEAD", "/crl/abcd.crl")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 28\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_list_that_the_client_has_is_not_sent_again() {
    let first = ask(head("GET", "/crl/abcd.crl")).await;
    let tag = first.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    for condition in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let request = format!(
            "GET /crl/abcd.crl HTTP/1.1\r\nHost: pki\r\nIf-None-Match: {condition}\r\n\r\n"
        );
        let answer = ask(request).await;
        assert!(answer.starts_with("HTTP/1.1 304 "), "{condition}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn everything_else_is_not_found() {
    for path in ["/", "/crl/", "/crl/abcd", "/crl/../crl/abcd.crl", "/crl/ABCD.crl", "/etc/passwd"]
    {
        let answer = ask(head("GET", path)).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {answer}");
        assert!(answer.contains("content-length: 0\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed_and_their_bodies_not_read() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = format!(
            "{method} /crl/abcd.crl HTTP/1.1\r\nHost: pki\r\nContent-Length: 9999999999\r\n\r\nx"
        );
        let answer = ask(request).await;
        assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{method}: {answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn garbage_and_oversized_heads_end_the_connection() {
    let oversized = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    for garbage in
        [b"\x16\x03\x01\x02\x00\x01\x00".as_slice(), b"\0\0\0\0\r\n", oversized.as_bytes()]
    {
        let answer = ask(garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

/// With time paused, waiting for anything jumps to the next deadline.
async fn time_until_ended(exchange: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    exchange.await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_ends_its_head_is_dropped_after_two_seconds() {
    for sent in ["", "GET /crl/abcd.crl HTTP/1.1\r\nHost:"] {
        let sender = published();
        let (mut client, server) = duplex(1024);
        client.write_all(sent.as_bytes()).await.unwrap();
        let elapsed = time_until_ended(exchange(server, sender.subscribe())).await;
        assert!(elapsed >= HEAD_TIMEOUT && elapsed < 2 * HEAD_TIMEOUT, "{sent}: {elapsed:?}");
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_answer_is_dropped_after_a_minute() {
    let sender = published();
    let (mut client, server) = duplex(128);
    client.write_all(head("GET", "/crl/abcd.crl").as_bytes()).await.unwrap();
    let elapsed = time_until_ended(exchange(server, sender.subscribe())).await;
    assert!(elapsed >= EXCHANGE_TIMEOUT && elapsed < 2 * EXCHANGE_TIMEOUT, "{elapsed:?}");
    drop(client);
}

async fn fetch(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head("GET", "/crl/abcd.crl").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_listener_gives_the_newest_list_and_ends_when_told() {
    let sender = published();
    let shutdown = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, sender.subscribe(), shutdown.clone()));

    assert!(fetch(address).await.ends_with("nobody looks"));
    sender.send_replace(Arc::new(Published::new().with_crl(&id(), b"newer".to_vec(), AT)));
    assert!(fetch(address).await.ends_with("newer"));

    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn idle_clients_beyond_the_bound_wait_and_the_others_are_served_after_them() {
    let sender = published();
    let shutdown = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, sender.subscribe(), shutdown.clone()));

    let mut idle = Vec::new();
    for number in 0..MAX_CONNECTIONS {
        let host = u8::try_from(number / MAX_OF_HOST).unwrap() + 2;
        idle.push(connect_from(host, address).await);
    }
    let mut waiting = std::pin::pin!(fetch(address));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");

    drop(idle);
    assert!(waiting.await.ends_with("nobody looks"));
    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

/// Connects as another host of the loopback network.
async fn connect_from(host: u8, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

#[tokio::test]
async fn a_host_that_takes_all_it_can_get_takes_the_lists_from_nobody_else() {
    let sender = published();
    let shutdown = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, sender.subscribe(), shutdown.clone()));

    let mut greedy = Vec::new();
    for _ in 0..2 * MAX_CONNECTIONS {
        greedy.push(connect_from(9, address).await);
    }

    let others = tokio::time::timeout(HEAD_TIMEOUT / 2, fetch(address)).await;
    assert!(others.unwrap().ends_with("nobody looks"));
    for refused in greedy.iter_mut().skip(MAX_OF_HOST) {
        // Closed, with or without a reset.
        assert!(!matches!(refused.read(&mut [0]).await, Ok(1..)));
    }
    drop(greedy);
    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[test]
fn a_host_is_an_ipv4_address_or_a_64_of_ipv6() {
    let same = |one: &str, other: &str| host(one.parse().unwrap()) == host(other.parse().unwrap());
    assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
    assert!(!same("192.0.2.1", "192.0.2.2"));
    assert!(same("2001:db8::1", "2001:db8::ffff:0:0:1"));
    assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
}
