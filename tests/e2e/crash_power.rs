//! Power cuts: the real orders over a disk that loses what was not synced.
//!
//! An agent works on a simulated disk. At random operations, whatever they do, the disk is kept as a
//! power cut right then may leave it: a random part of the pages and names that were not synced is
//! gone. Each such disk is opened under another boot, and must hold what had been acknowledged by
//! then. Some agents go on from such a disk, so that cuts fall into the recovery as well.
//!
//! `ROLECALL_CUTS` says how many at least, `ROLECALL_SEED` which; both are printed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::access::Grant;
use rolecall::actor::Actor;
use rolecall::order::State;
use rolecall::request::RequestSpec;
use rolecall_agent::agent::{Agent, LoadedTopology, Parts};
use rolecall_agent::ca::Ca;
use rolecall_agent::clock::SystemClock;
use rolecall_agent::config::Config;
use rolecall_agent::engine::Engine as OrderEngine;
use rolecall_agent::orders::Placing;
use rolecall_agent::start;
use rolecall_agent::store::disk::simulated::{Random, SimDisk};
use rolecall_agent::store::disk::{Disk, DiskFile};
use rolecall_agent::store::engine::{CheckpointPolicy, Engine, OpenReport, Options};
use rolecall_agent::store::keys::Sealer;
use rolecall_agent::store::lock;
use rolecall_agent::store::projection::Entries;
use rolecall_agent::store::view::Store;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::crash::{Lab, Ledger, TOPOLOGY, from_environment, order, order_to_approve, violations};

/// Cuts in every run of the tests.
const CUTS: u64 = 1_000;
/// A disk is worked on in so many lives before an empty one takes its place.
const LIVES: u64 = 4;
/// Clients at once, and the orders that each places in one life.
const CLIENTS: u64 = 4;
const ORDERS: u64 = 4;
/// One in so many operations is cut.
const KEPT: u64 = 5;
/// One in so many cut disks has its open orders brought to their end.
const REVIVED: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged() {
    let wanted = from_environment("ROLECALL_CUTS", CUTS);
    let seed = from_environment("ROLECALL_SEED", u64::from(std::process::id()));
    let began = Instant::now();
    let mut world = World::new(seed);
    let (mut disk, mut ledger) = (SimDisk::new(), Ledger::default());
    let mut life = 0;
    while world.cuts < wanted {
        life += 1;
        let cuts = world.live(disk, ledger, life).await;
        for (number, cut) in cuts.iter().enumerate() {
            world.check(cut, number % REVIVED == 0).await;
        }
        let next = usize::try_from(world.random.below(u64::try_from(cuts.len()).unwrap())).unwrap();
        (disk, ledger) = match cuts.get(next) {
            Some(cut) if life % LIVES != 0 => (cut.disk.copy(), cut.ledger.clone()),
            _ => (SimDisk::new(), Ledger::default()),
        };
    }
    world.report(seed, life, began.elapsed());
}

/// What all agents have in common.
struct World {
    sealer: Arc<Sealer>,
    config: Config,
    random: Random,
    cuts: u64,
    /// The orders that were acknowledged by the time of their cut, over all cuts.
    acknowledged: usize,
    torn: u64,
    during: BTreeMap<String, u64>,
}

/// A disk as a power cut left it, and what had been acknowledged by then.
struct Cut {
    disk: SimDisk,
    ledger: Ledger,
    during: String,
}

/// A store, and the folder of its index.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) report: OpenReport,
    _index: tempfile::TempDir,
}

/// Opens a disk under another boot than before.
pub(crate) fn open(disk: Arc<dyn Disk>) -> Opened {
    let index = tempfile::tempdir().unwrap();
    let (engine, report) = Engine::open(Options {
        disk,
        index_path: index.path().join("index"),
        boot_id: "another boot".to_owned(),
        projection: Arc::new(Entries),
        on_fatal: Box::new(|| panic!("a write could not be made durable")),
        checkpoints: CheckpointPolicy { least: 24 << 10, at_close: 4 << 10 },
    })
    .unwrap();
    Opened { store: Store::new(engine), report, _index: index }
}

impl Opened {
    /// Checks everything, once the keys that nothing refers to are out of the way.
    pub(crate) async fn is_whole(
        &self,
        disk: &SimDisk,
        sealer: &Sealer,
        ledger: &Ledger,
        what: &str,
    ) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let audited = self.store.engine().key_audit().is_some();
            if audited {
                let wrong = violations(&self.store, disk, sealer, ledger);
                if wrong.is_empty() {
                    return;
                }
                // A spool whose keys all have files may be about to be emptied.
                let strays = wrong.iter().all(|what| what.ends_with("has no order"));
                assert!(strays && Instant::now() < deadline, "{what}: {wrong:#?}");
            }
            assert!(Instant::now() < deadline, "{what}: nobody looked over the keys");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    pub(crate) fn kill(&self) {
        tokio::task::block_in_place(|| self.store.engine().clone().kill());
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let lab = Lab::new();
        Self {
            sealer: lab.sealer(),
            config: lab.config(),
            random: Random::new(seed),
            cuts: 0,
            acknowledged: 0,
            torn: 0,
            during: BTreeMap::new(),
        }
    }

    fn agent(&self, store: &Store) -> (Arc<Agent>, OrderEngine) {
        let topology = LoadedTopology::parse(TOPOLOGY.to_owned(), &self.config.server).unwrap();
        let ca = Ca::new(start::ca_options(&self.config, &topology.topology).unwrap());
        ca.load(store, &self.sealer).unwrap();
        let (agent, drives) = Agent::new(Parts {
            server: self.config.server.clone(),
            clock: Arc::new(SystemClock),
            store: store.clone(),
            sealer: Arc::clone(&self.sealer),
            ca,
            topology,
            recovered: Vec::new(),
        });
        (Arc::clone(&agent), OrderEngine::new(agent, drives))
    }

    /// Works on `disk` and returns it as it was at random moments.
    async fn live(&mut self, disk: SimDisk, ledger: Ledger, life: u64) -> Vec<Cut> {
        let tape = Arc::new(Tape::new(ledger, self.random.next()));
        let opened = open(Arc::new(Recorder { disk, tape: Arc::clone(&tape) }));
        let (agent, orders) = self.agent(&opened.store);
        let (stop, mut running, mut clients) =
            (CancellationToken::new(), JoinSet::new(), JoinSet::new());
        running.spawn(orders.run(stop.clone()));
        for number in 0..CLIENTS {
            let (agent, tape) = (Arc::clone(&agent), Arc::clone(&tape));
            let random = Random::new(self.random.next());
            clients.spawn(work(agent, tape, format!("{life}-{number}"), random));
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
        stop.cancel();
        running.join_next().await.unwrap().unwrap().unwrap();
        opened.kill();
        std::mem::take(&mut *tape.cuts.lock().unwrap())
    }

    /// Opens a disk that lost power, and looks for what is lost or there by half.
    async fn check(&mut self, cut: &Cut, revive: bool) {
        self.cuts += 1;
        self.acknowledged += cut.ledger.orders.len();
        *self.during.entry(cut.during.clone()).or_default() += 1;
        let during = format!("cut {} during {}", self.cuts, cut.during);
        let disk = cut.disk.copy();
        let opened = open(Arc::new(disk.clone()));
        self.torn += u64::from(opened.report.torn.is_some());
        assert_eq!(opened.report.read_only, None, "{during}");
        if revive {
            self.finish_orders(&opened.store, &during).await;
        }
        opened.is_whole(&disk, &self.sealer, &cut.ledger, &during).await;
        opened.kill();
    }

    /// What the cut left open is done, except what waits for an approval.
    async fn finish_orders(&self, store: &Store, during: &str) {
        let (agent, orders) = self.agent(store);
        let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
        running.spawn(orders.run(stop.clone()));
        for order in store.read(|view| view.open_orders()).unwrap() {
            let rested = agent.drive_to_rest(order.id).await.unwrap();
            let waits = matches!(rested.state, State::Submitted { .. });
            let done = matches!(rested.state, State::Done { .. });
            assert!(done || waits && rested.approval_required, "{during}: {rested:?}");
        }
        stop.cancel();
        running.join_next().await.unwrap().unwrap().unwrap();
    }

    #[expect(clippy::print_stderr, reason = "the figures, and the seed that repeats them")]
    fn report(&self, seed: u64, lives: u64, took: Duration) {
        let Self { cuts, acknowledged, torn, during, .. } = self;
        eprintln!(
            "{cuts} power cuts in {lives} lives in {took:?}, seed {seed}: {acknowledged} \
             acknowledged orders looked for, {torn} torn frames, cuts by operation: {during:?}"
        );
    }
}

/// One client: places orders, and cancels those that wait for an approval.
async fn work(agent: Arc<Agent>, tape: Arc<Tape>, name: String, mut random: Random) {
    for number in 0..ORDERS {
        let request_id = format!("{name}-{number}");
        let cancel = random.below(3) == 0;
        let request = if cancel { order_to_approve(&request_id) } else { order(&request_id, true) };
        let placing = Placing {
            request_id: request_id.parse().unwrap(),
            spec: RequestSpec::try_from(request.spec.unwrap()).unwrap(),
            beside_open: true,
            actor: Actor::Agent,
            grant: Grant::Administrator,
        };
        let placed = agent.place(placing).await.unwrap();
        let order = agent.store.read(|view| view.expect_order(placed.order)).unwrap();
        tape.ledger.lock().unwrap().note(&request_id, &order);
        if random.below(4) == 0 {
            agent.drive(placed.order).await.unwrap();
            continue;
        }
        let rested = agent.drive_to_rest(placed.order).await.unwrap();
        tape.ledger.lock().unwrap().note(&request_id, &rested);
        if cancel {
            let cause = agent.cause(&Actor::Agent, None);
            let cancelled = agent.cancel_order(placed.order, cause, false).await.unwrap();
            tape.ledger.lock().unwrap().note(&request_id, &cancelled);
        }
    }
}

/// What is kept while an agent works.
struct Tape {
    ledger: Mutex<Ledger>,
    random: Mutex<Random>,
    cuts: Mutex<Vec<Cut>>,
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

impl Tape {
    fn new(ledger: Ledger, seed: u64) -> Self {
        let (ledger, random) = (Mutex::new(ledger), Mutex::new(Random::new(seed)));
        Self { ledger, random, cuts: Mutex::default() }
    }

    /// Keeps the disk as it is now, sometimes.
    fn operation(&self, disk: &SimDisk, what: &str, path: &str) {
        let mut random = self.random.lock().unwrap();
        if random.below(KEPT) != 0 {
            return;
        }
        // Before the disk is looked at: what is acknowledged from here on may be lost.
        let ledger = self.ledger.lock().unwrap().clone();
        let disk = disk.cut(random.next());
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        let kind: String = folder.chars().filter(|one| !one.is_ascii_digit()).collect();
        self.cuts.lock().unwrap().push(Cut { disk, ledger, during: format!("{what} {kind}") });
    }
}

/// The simulated disk, on tape.
#[derive(Debug)]
struct Recorder {
    disk: SimDisk,
    tape: Arc<Tape>,
}

impl Recorder {
    fn file(&self, path: &str, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let (disk, tape) = (self.disk.clone(), Arc::clone(&self.tape));
        Box::new(RecordedFile { file, path: path.to_owned(), disk, tape })
    }

    fn done<T>(&self, what: &str, path: &str, done: io::Result<T>) -> io::Result<T> {
        self.tape.operation(&self.disk, what, path);
        done
    }
}

impl Disk for Recorder {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(path, self.disk.open(path)?))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.done("create", path, self.disk.create(path))?;
        Ok(self.file(path, file))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.done("create_dir", path, self.disk.create_dir(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.done("rename", from, self.disk.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.done("remove", path, self.disk.remove(path))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn sync_dir(&self, directory: &str) -> io::Result<()> {
        self.done("sync_dir", directory, self.disk.sync_dir(directory))
    }

    fn sync_all(&self) -> io::Result<()> {
        self.done("sync_all", "", self.disk.sync_all())
    }

    fn lock(&self, path: &str) -> Result<Box<dyn lock::Held>, lock::Error> {
        self.disk.lock(path)
    }
}

#[derive(Debug)]
struct RecordedFile {
    file: Box<dyn DiskFile>,
    path: String,
    disk: SimDisk,
    tape: Arc<Tape>,
}

impl RecordedFile {
    fn done(&self, what: &str, done: io::Result<()>) -> io::Result<()> {
        self.tape.operation(&self.disk, what, &self.path);
        done
    }
}

impl DiskFile for RecordedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.done("write", self.file.write_at(bytes, offset))
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.done("set_length", self.file.set_length(length))
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.done("allocate", self.file.allocate(offset, length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.done("sync", self.file.sync_data())
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
