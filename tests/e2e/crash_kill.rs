//! The real agent under SIGKILL at random moments of a request storm.
//!
//! `ROLECALL_KILLS` says how often, `ROLECALL_SEED` which moments; both are printed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::key::KeyId;
use rolecall::order::State;
use rolecall::reason::Reason;
use rolecall_agent::store::disk::simulated::Random;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::crash::{
    Frozen, Lab, Ledger, Process, from_environment, keys_on, order, order_to_approve, violations,
};

/// Kills in every run of the tests; a thousand take a quarter of an hour.
const KILLS: u64 = 60;
/// The whole store is looked over after every so many kills, and at the end.
const THOROUGH: u64 = 20;
/// After so many kills an empty store takes the place of one that takes long to look over.
const ONE_STORE: u64 = 60;
/// An order takes some ten milliseconds: every moment of several is hit.
const LONGEST_STORM: u64 = 120;
/// Every sixth agent is killed while it starts.
const LONGEST_START: u64 = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_has_lost_nothing_and_done_nothing_by_half() {
    let kills = from_environment("ROLECALL_KILLS", KILLS);
    let seed = from_environment("ROLECALL_SEED", u64::from(std::process::id()));
    let began = Instant::now();
    let mut storms = Storms::new(seed);
    for kill in 1..=kills {
        storms.survive(kill).await;
        if kill.is_multiple_of(ONE_STORE) || kill == kills {
            storms.finish().await;
            storms.begin_anew();
        }
    }
    storms.report(kills, seed, began.elapsed());
}

/// One state directory, and what was said about it.
struct Storms {
    lab: Lab,
    random: Random,
    ledger: Arc<Mutex<Ledger>>,
    /// Requests that are repeated: those without an answer, and some of the others.
    repeat: Vec<String>,
    /// Keys that were found without an order after the last kill.
    strays: BTreeSet<KeyId>,
    counts: Counts,
}

/// What the storms came to.
#[derive(Debug, Default)]
struct Counts {
    orders: usize,
    sent: u64,
    unanswered: u64,
    repeated: u64,
    placed_unanswered: u64,
    stray_keys: usize,
    torn: u64,
}

impl Storms {
    fn new(seed: u64) -> Self {
        Self {
            lab: Lab::new(),
            random: Random::new(seed),
            ledger: Arc::default(),
            repeat: Vec::new(),
            strays: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// Starts, asks what became of the last storm, raises another one and kills in the middle.
    async fn survive(&mut self, kill: u64) {
        let mut agent = self.lab.start("warn");
        if self.random.below(6) == 0 {
            let moment = Duration::from_micros(self.random.below(LONGEST_START * 1_000));
            tokio::time::sleep(moment).await;
            agent.kill();
            return self.look_over_the_dead(kill);
        }
        let client = agent.answering(&self.lab).await;
        self.strays_are_set_aside(kill).await;
        self.repeat_requests(&client, kill).await;
        let moment = Duration::from_micros(self.random.below(LONGEST_STORM * 1_000));
        let sent = self.storm(&client, kill, moment, &mut agent).await;
        self.look_over_the_dead(kill);
        for request_id in sent {
            self.counts.sent += 1;
            let answered = self.ledger.lock().unwrap().orders.contains_key(&request_id);
            self.counts.unanswered += u64::from(!answered);
            if !answered || self.random.below(4) == 0 {
                self.repeat.push(request_id);
            }
        }
    }

    /// Several clients place orders until the agent is gone; returns their request ids.
    async fn storm(
        &mut self,
        client: &Client,
        kill: u64,
        moment: Duration,
        agent: &mut Process,
    ) -> Vec<String> {
        let mut clients = JoinSet::new();
        for number in 0..4 + self.random.below(5) {
            let random = Random::new(self.random.next());
            let name = format!("{kill}-{number}");
            clients.spawn(place_until_refused(
                client.clone(),
                name,
                random,
                Arc::clone(&self.ledger),
            ));
        }
        tokio::time::sleep(moment).await;
        agent.kill();
        let mut sent = Vec::new();
        while let Some(ids) = clients.join_next().await {
            sent.extend(ids.unwrap());
        }
        sent
    }

    /// Keys that a kill left without an order are out of the way once the agent has looked.
    async fn strays_are_set_aside(&self, kill: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let disk = Frozen::new(&self.lab.state());
        while !self.strays.is_disjoint(&keys_on(&disk)) {
            assert!(Instant::now() < deadline, "kill {kill}: {:?} are still there", self.strays);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A request that is repeated is the order it was, or becomes one now.
    async fn repeat_requests(&mut self, client: &Client, kill: u64) {
        for request_id in std::mem::take(&mut self.repeat) {
            let answer = client.orders().place_order(request(&request_id, true)).await;
            let answer = answer.map_err(Failure::from).unwrap().into_inner();
            self.counts.repeated += 1;
            let mut ledger = self.ledger.lock().unwrap();
            let known = ledger.orders.contains_key(&request_id);
            assert!(answer.replayed || !known, "kill {kill}: {request_id} was forgotten");
            self.counts.placed_unanswered += u64::from(answer.replayed && !known);
            ledger.note_message(&request_id, answer.order);
            let rests = ledger.is_done(&request_id) || is_to_cancel(&request_id);
            assert!(rests, "kill {kill}: {request_id} rests");
        }
    }

    /// Looks at what the killed process left, before anybody repairs it.
    fn look_over_the_dead(&mut self, kill: u64) {
        let disk = Frozen::new(&self.lab.state());
        let report = disk.verified();
        assert!(report.is_sound(), "kill {kill}: {report:?}");
        self.counts.torn += u64::from(report.unfinished > 0);
        let store = disk.store();
        assert_eq!(
            store.engine().read_only().map(ToString::to_string).as_deref(),
            Some("its file system is mounted read-only"),
        );
        // A key is durable before its order: one that was to come has no order yet. And it is
        // destroyed after its order was cancelled.
        self.strays = store.read(|view| {
            let mut strays = keys_on(&disk);
            for order in view.orders() {
                let order = order.unwrap();
                if !matches!(order.state, State::Cancelled { .. }) {
                    strays.remove(&order.key_id);
                }
            }
            let authority = view.authority().unwrap().unwrap_or_default();
            for id in [authority.issuing_key_id, authority.root_key_id] {
                strays.retain(|key| key.as_bytes() != id.as_slice());
            }
            strays
        });
        self.counts.stray_keys += self.strays.len();
        if kill.is_multiple_of(THOROUGH) {
            let ledger = self.ledger.lock().unwrap();
            let mut wrong = violations(&store, &disk, &self.lab.sealer(), &ledger);
            let is_stray = |what: &String| {
                self.strays.iter().any(|id| *what == format!("key {id} has no order"))
            };
            wrong.retain(|what| !is_stray(what));
            assert!(wrong.is_empty(), "kill {kill}: {wrong:#?}");
        }
    }

    /// Everything open is done after one more start, and a clean stop leaves a whole store.
    async fn finish(&mut self) {
        let mut agent = self.lab.start("warn");
        let client = agent.answering(&self.lab).await;
        self.repeat_requests(&client, 0).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let request = pb::ListOrdersRequest { open_only: true };
            let open = client.orders().list_orders(request).await.unwrap().into_inner().orders;
            if open.iter().all(|order| order.approval_required) {
                break;
            }
            assert!(Instant::now() < deadline, "still open: {open:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.strays_are_set_aside(0).await;
        agent.stop();
        let disk = Frozen::new(&self.lab.state());
        let ledger = self.ledger.lock().unwrap();
        let wrong = violations(&disk.store(), &disk, &self.lab.sealer(), &ledger);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn begin_anew(&mut self) {
        let placed = std::mem::take(&mut *self.ledger.lock().unwrap()).orders.len();
        self.counts.orders += placed;
        self.lab = Lab::new();
        self.strays.clear();
    }

    #[expect(clippy::print_stderr, reason = "the figures, and the seed that repeats them")]
    fn report(&self, kills: u64, seed: u64, took: Duration) {
        eprintln!("{kills} kills in {took:?}, seed {seed}: {:?}", self.counts);
    }
}

/// Places orders one after the other until the agent is gone; returns the request ids it sent.
async fn place_until_refused(
    client: Client,
    name: String,
    mut random: Random,
    ledger: Arc<Mutex<Ledger>>,
) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        let kind = if random.below(4) == 0 { CANCEL } else { "" };
        let request_id = format!("{name}-{}{kind}", sent.len());
        sent.push(request_id.clone());
        let wait = random.below(2) == 0;
        if let Err(status) = place(&client, &request_id, wait, &ledger).await {
            let failure = Failure::from(status);
            assert_eq!(failure.reason, Reason::AgentUnreachable, "{failure:?}");
            return sent;
        }
    }
}

/// Places an order, and cancels it if it is one of those.
async fn place(
    client: &Client,
    request_id: &str,
    wait: bool,
    ledger: &Mutex<Ledger>,
) -> Result<(), tonic::Status> {
    let answer = client.orders().place_order(request(request_id, wait)).await?.into_inner();
    let order_id = answer.order.as_ref().map_or(0, |order| order.id);
    ledger.lock().unwrap().note_message(request_id, answer.order);
    if is_to_cancel(request_id) {
        let name = format!("{request_id}-it");
        let request = pb::CancelOrderRequest { request_id: name, order_id, what_if: false };
        let answer = client.orders().cancel_order(request).await?.into_inner();
        ledger.lock().unwrap().note_message(request_id, answer.order);
    }
    Ok(())
}

/// What the request ids of orders that are cancelled end in.
const CANCEL: &str = "-cancel";

fn is_to_cancel(request_id: &str) -> bool {
    request_id.ends_with(CANCEL)
}

/// The same id always asks for the same.
fn request(request_id: &str, wait: bool) -> pb::PlaceOrderRequest {
    if is_to_cancel(request_id) { order_to_approve(request_id) } else { order(request_id, wait) }
}
