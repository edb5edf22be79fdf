//! Places orders with an agent and measures how long they take: the load generator of the benches.
//!
//! `tests/benches/run` builds it, starts it against an agent's socket, and reads the one JSON object
//! it prints. One connection serves the whole run, as it would in a management tool, and one thread,
//! so that on two cores the agent keeps most of the machine. An order counts only when it is Done:
//! a run in which a single order ends otherwise has no figures.

#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::print_stderr, reason = "nothing else tells why there are no figures")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
};
use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::pb::order_state::State;
use rolecall::api::status::Failure;
use rolecall::key::KeyAlgorithm;
use rolecall::reason::Reason;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().all(|argument| argument == "--bench") {
        println!("nothing measured: tests/benches/run starts this\n{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<Value, Error> {
    let command = Command::parse(arguments).ok_or(USAGE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command.run())
}

/// What to measure.
enum Command {
    /// One order after the other.
    Sequential { socket: PathBuf, count: usize, algorithm: KeyAlgorithm },
    /// One order after the other, and a key generated here after each.
    Paired { socket: PathBuf, count: usize, algorithm: KeyAlgorithm },
    /// Always the same number of orders under way.
    Concurrent { socket: PathBuf, count: usize, in_flight: usize, goal: pb::Goal },
    /// The whole listing, again and again.
    List { socket: PathBuf, count: usize },
    /// The first answer and the first order of an agent that is just starting.
    Served { socket: PathBuf, patience: Duration },
    /// Keys, generated here.
    Keygen { count: usize, algorithm: KeyAlgorithm },
}

impl Command {
    fn parse(arguments: &[String]) -> Option<Self> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Some(match *words.as_slice() {
            ["sequential", socket, count, algorithm] => Self::Sequential {
                socket: socket.into(),
                count: count.parse().ok()?,
                algorithm: algorithm.parse().ok()?,
            },
            ["paired", socket, count, algorithm] => Self::Paired {
                socket: socket.into(),
                count: count.parse().ok()?,
                algorithm: algorithm.parse().ok()?,
            },
            ["concurrent", socket, count, in_flight, goal] => Self::Concurrent {
                socket: socket.into(),
                count: count.parse().ok()?,
                in_flight: in_flight.parse().ok()?,
                goal: goal_named(goal)?,
            },
            ["list", socket, count] => {
                Self::List { socket: socket.into(), count: count.parse().ok()? }
            }
            ["served", socket, seconds] => Self::Served {
                socket: socket.into(),
                patience: Duration::from_secs(seconds.parse().ok()?),
            },
            ["keygen", count, algorithm] => {
                Self::Keygen { count: count.parse().ok()?, algorithm: algorithm.parse().ok()? }
            }
            _ => return None,
        })
    }

    async fn run(self) -> Result<Value, Error> {
        match self {
            Self::Sequential { socket, count, algorithm } => {
                sequential(&connect(&socket).await?, count, algorithm).await
            }
            Self::Paired { socket, count, algorithm } => {
                paired(&connect(&socket).await?, count, algorithm).await
            }
            Self::Concurrent { socket, count, in_flight, goal } => {
                concurrent(&connect(&socket).await?, count, in_flight, goal).await
            }
            Self::List { socket, count } => list(&connect(&socket).await?, count).await,
            Self::Served { socket, patience } => served(&socket, patience).await,
            Self::Keygen { count, algorithm } => keygen(count, algorithm),
        }
    }
}

fn goal_named(name: &str) -> Option<pb::Goal> {
    match name {
        "assign" => Some(pb::Goal::Assign),
        "install" => Some(pb::Goal::Install),
        _ => None,
    }
}

async fn sequential(
    client: &Client,
    count: usize,
    algorithm: KeyAlgorithm,
) -> Result<Value, Error> {
    let ids = RequestIds::new();
    let mut orders = Vec::with_capacity(count);
    for number in 0..count {
        orders.push(timed_order(client, ids.order(number, algorithm, pb::Goal::Assign)).await?);
    }
    Ok(json!({ "orders": count, "order_ms": spread(orders) }))
}

/// Orders and keys alternate, so that whatever else the machine does slows down both.
async fn paired(client: &Client, count: usize, algorithm: KeyAlgorithm) -> Result<Value, Error> {
    let ids = RequestIds::new();
    let (mut orders, mut keys) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for number in 0..count {
        orders.push(timed_order(client, ids.order(number, algorithm, pb::Goal::Assign)).await?);
        keys.push(timed_key(algorithm)?);
    }
    Ok(json!({ "orders": count, "order_ms": spread(orders), "key_ms": spread(keys) }))
}

async fn concurrent(
    client: &Client,
    count: usize,
    in_flight: usize,
    goal: pb::Goal,
) -> Result<Value, Error> {
    let ids = RequestIds::new();
    let mut requests = (0..count).map(|number| ids.order(number, KeyAlgorithm::EcdsaP256, goal));
    let mut running = JoinSet::new();
    let mut orders = Vec::with_capacity(count);

    let start = Instant::now();
    for request in requests.by_ref().take(in_flight) {
        running.spawn(order_of(client.clone(), request));
    }
    while let Some(done) = running.join_next().await {
        orders.push(done??);
        if let Some(request) = requests.next() {
            running.spawn(order_of(client.clone(), request));
        }
    }
    let seconds = start.elapsed().as_secs_f64();

    let per_second = f64::from(u32::try_from(orders.len())?) / seconds;
    Ok(json!({
        "orders": count,
        "in_flight": in_flight,
        "seconds": seconds,
        "per_second": per_second,
        "order_ms": spread(orders),
    }))
}

async fn list(client: &Client, count: usize) -> Result<Value, Error> {
    let mut listings = Vec::with_capacity(count);
    let mut certificates = 0;
    for _ in 0..count {
        let start = Instant::now();
        certificates = listed(client).await?;
        listings.push(start.elapsed());
    }
    Ok(json!({ "certificates": certificates, "listing_ms": spread(listings) }))
}

async fn listed(client: &Client) -> Result<usize, Error> {
    let request = pb::ListCertificatesRequest::default();
    let mut rows =
        client.certificates().list_certificates(request).await.map_err(Failure::from)?.into_inner();
    let mut certificates = 0;
    while let Some(part) = rows.message().await.map_err(Failure::from)? {
        certificates += part.rows.len();
    }
    Ok(certificates)
}

/// Knocks until the agent answers; the first order is the proof that it works, not only listens.
async fn served(socket: &Path, patience: Duration) -> Result<Value, Error> {
    let start = Instant::now();
    let request = RequestIds::new().order(0, KeyAlgorithm::EcdsaP256, pb::Goal::Assign);
    let client = loop {
        match Client::connect_unix(socket).await {
            Ok(client) => break client,
            Err(failure) => knock_again(start, patience, failure).await?,
        }
    };
    let connected = start.elapsed();

    while let Err(status) = client.status().get_status(pb::GetStatusRequest {}).await {
        knock_again(start, patience, status.into()).await?;
    }
    let answered = start.elapsed();

    while let Err(error) = timed_order(&client, request.clone()).await {
        match error.downcast::<Failure>() {
            Ok(failure) => knock_again(start, patience, *failure).await?,
            Err(other) => return Err(other),
        }
    }
    Ok(json!({
        "connected_ms": milliseconds(connected),
        "answered_ms": milliseconds(answered),
        "order_done_ms": milliseconds(start.elapsed()),
    }))
}

async fn knock_again(start: Instant, patience: Duration, failure: Failure) -> Result<(), Error> {
    let is_starting =
        matches!(failure.reason, Reason::AgentUnreachable | Reason::IssuerUnavailable);
    if !is_starting || start.elapsed() > patience {
        return Err(failure.into());
    }
    tokio::time::sleep(KNOCK_EVERY).await;
    Ok(())
}

fn keygen(count: usize, algorithm: KeyAlgorithm) -> Result<Value, Error> {
    let keys = (0..count).map(|_| timed_key(algorithm)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "keys": count, "key_ms": spread(keys) }))
}

fn timed_key(algorithm: KeyAlgorithm) -> Result<Duration, Error> {
    let start = Instant::now();
    match algorithm {
        KeyAlgorithm::Rsa2048 => drop(RsaKeyPair::generate(KeySize::Rsa2048)?),
        KeyAlgorithm::Rsa3072 => drop(RsaKeyPair::generate(KeySize::Rsa3072)?),
        KeyAlgorithm::Rsa4096 => drop(RsaKeyPair::generate(KeySize::Rsa4096)?),
        KeyAlgorithm::EcdsaP256 => drop(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?),
        KeyAlgorithm::EcdsaP384 => drop(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING)?),
        KeyAlgorithm::EcdsaP521 => return Err("no P-521 key is generated here".into()),
    }
    Ok(start.elapsed())
}

async fn connect(socket: &Path) -> Result<Client, Failure> {
    Client::connect_unix(socket).await
}

async fn order_of(client: Client, request: pb::PlaceOrderRequest) -> Result<Duration, Error> {
    timed_order(&client, request).await
}

/// Places an order and returns how long it took until its goal was reached.
async fn timed_order(client: &Client, request: pb::PlaceOrderRequest) -> Result<Duration, Error> {
    let start = Instant::now();
    let answer = client.orders().place_order(request).await.map_err(Failure::from)?.into_inner();
    let took = start.elapsed();
    match answer.order.and_then(|order| order.state).and_then(|state| state.state) {
        Some(State::Done(_)) => Ok(took),
        other => Err(format!("an order ended as {other:?}").into()),
    }
}

/// Request ids that no other run of this program has drawn.
struct RequestIds {
    run: String,
}

impl RequestIds {
    #[expect(clippy::disallowed_methods, reason = "a name for this run, not a decision")]
    fn new() -> Self {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { run: format!("load-{}-{}", std::process::id(), since_epoch.as_nanos()) }
    }

    fn order(
        &self,
        number: usize,
        algorithm: KeyAlgorithm,
        goal: pb::Goal,
    ) -> pb::PlaceOrderRequest {
        let spec = pb::OrderSpec {
            roles: vec!["Default".to_owned()],
            key_algorithm: algorithm.as_str().to_owned(),
            goal: goal.into(),
            ..pb::OrderSpec::default()
        };
        pb::PlaceOrderRequest {
            request_id: format!("{}-{number}", self.run),
            spec: Some(spec),
            wait: true,
            beside_open: true,
        }
    }
}

/// Returns median, least, most and the 95th percentile in milliseconds.
fn spread(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().map(milliseconds);
    json!({
        "median": at(times.len() / 2),
        "min": at(0),
        "max": at(times.len().saturating_sub(1)),
        "p95": at(times.len() * 95 / 100),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A hundredth of the shortest start worth telling from another.
const KNOCK_EVERY: Duration = Duration::from_millis(1);
const USAGE: &str = "\
usage: load sequential SOCKET COUNT ALGORITHM
       load paired SOCKET COUNT ALGORITHM
       load concurrent SOCKET COUNT IN_FLIGHT assign|install
       load list SOCKET COUNT
       load served SOCKET SECONDS
       load keygen COUNT ALGORITHM";
