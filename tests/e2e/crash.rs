//! What the crash tests share: an agent's process, orders, and what must be true of every store.
//!
//! The invariant they all look for: what was acknowledged is there, nothing is there by half, and
//! keys and orders belong together, whatever was pulled out from under the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::certificate::Thumbprint;
use rolecall::key::KeyId;
use rolecall::order::{Order, OrderId, State};
use rolecall_agent::args;
use rolecall_agent::config::Config;
use rolecall_agent::init::init;
use rolecall_agent::issuer::embedded::PrivateKey;
use rolecall_agent::start;
use rolecall_agent::store::disk::{Disk, DiskFile, RealDisk};
use rolecall_agent::store::engine::{CheckpointPolicy, Engine, Options};
use rolecall_agent::store::keys::{Sealer, list};
use rolecall_agent::store::lock;
use rolecall_agent::store::projection::Entries;
use rolecall_agent::store::verify::{VerifyReport, verify};
use rolecall_agent::store::view::{Store, View};
use tokio::time::Instant;

/// One Standard Edition server, and a template whose orders stay open until somebody approves.
pub(crate) const TOPOLOGY: &str = r#"
sip_domains = ["contoso.com"]

[issuers.ca]
kind = "embedded"

[issuers.ca.templates.Checked]
display_name = "Checked by hand"
approval = true

[pools."se01.contoso.com"]
kind = "StandardEdition"
web_external = "web.contoso.com"
"#;

/// An agent's folder, with everything a process needs to run in it.
pub(crate) struct Lab {
    directory: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let topology = directory.path().join("topology.toml");
        #[expect(clippy::disallowed_methods, reason = "nobody reads it yet")]
        fs::write(&topology, TOPOLOGY).unwrap();
        let options = args::Init {
            directory: directory.path().to_owned(),
            server: "se01.contoso.com".parse().unwrap(),
            topology,
            config: None,
            state: None,
            master_key: None,
            socket: None,
            local_grant: rolecall::access::Grant::Administrator,
            ca_listen: None,
        };
        init(&options, &mut Vec::new()).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(&self.path("agent.toml")).unwrap()
    }

    pub(crate) fn sealer(&self) -> Arc<Sealer> {
        start::sealer(&self.config()).unwrap()
    }

    /// Runs `rolecall-agent` with `arguments` and the lab's configuration to its end.
    pub(crate) fn console(&self, arguments: &[&str]) -> Output {
        Command::new(agent_binary())
            .args(arguments)
            .arg("--config")
            .arg(self.path("agent.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Starts the agent; what it logs is added to `agent.log`.
    pub(crate) fn start(&self, log_filter: &str) -> Process {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.path("agent.log")).unwrap();
        let child = Command::new(agent_binary())
            .args(["run", "--config"])
            .arg(self.path("agent.toml"))
            .env("ROLECALL_LOG", log_filter)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process { child, socket: self.path("agent.sock") }
    }

    /// The end of the agent's log, for whoever wonders why it did not answer.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(self.path("agent.log")).unwrap_or_default();
        let from = log.len().saturating_sub(4_000);
        String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned()
    }
}

/// The agent's binary as it was built beside the tests.
pub(crate) fn agent_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ROLECALL_TEST_AGENT") {
        return path.into();
    }
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join("rolecall-agent");
    assert!(binary.exists(), "build it first: cargo build -p rolecall-agent ({binary:?})");
    binary
}

/// A number from the environment, for runs that are longer than those of every day.
pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A running agent; it is killed when this goes.
pub(crate) struct Process {
    child: Child,
    socket: PathBuf,
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Knocks until the agent answers.
    pub(crate) async fn answering(&mut self, lab: &Lab) -> Client {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match answering(&self.socket).await {
                Ok(client) => return client,
                Err(failure) => {
                    let ended = self.child.try_wait().unwrap();
                    let log = lab.log_tail();
                    assert!(ended.is_none(), "the agent ended: {ended:?}\n{log}");
                    assert!(Instant::now() < deadline, "{failure:?}\n{log}");
                }
            }
            tokio::time::sleep(KNOCK_EVERY).await;
        }
    }

    /// Kills the agent as a power cut of the process would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether the agent has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Stops the agent and waits until it has ended.
    pub(crate) fn stop(&mut self) {
        let pid = self.pid().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn answering(socket: &Path) -> Result<Client, Failure> {
    let client = Client::connect_unix(socket).await?;
    client.status().get_status(pb::GetStatusRequest {}).await?;
    Ok(client)
}

const PATIENCE: Duration = Duration::from_secs(30);
const KNOCK_EVERY: Duration = Duration::from_millis(2);

/// A P-256 order for the role Default that may stand beside others.
pub(crate) fn order(request_id: &str, wait: bool) -> pb::PlaceOrderRequest {
    let spec = pb::OrderSpec {
        roles: vec!["Default".to_owned()],
        key_algorithm: "p-256".to_owned(),
        ..pb::OrderSpec::default()
    };
    let request_id = request_id.to_owned();
    pb::PlaceOrderRequest { request_id, spec: Some(spec), wait, beside_open: true }
}

/// Like [`order`], but it stays open until somebody approves it.
pub(crate) fn order_to_approve(request_id: &str) -> pb::PlaceOrderRequest {
    let mut request = order(request_id, true);
    if let Some(spec) = &mut request.spec {
        "Checked".clone_into(&mut spec.template);
        spec.set_goal(pb::Goal::Install);
    }
    request
}

/// What an agent has acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) orders: BTreeMap<String, Acknowledged>,
}

/// What is known of one order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) order: OrderId,
    /// What it is done with.
    pub(crate) done: Option<Thumbprint>,
    pub(crate) cancelled: bool,
}

impl Ledger {
    /// Notes an answer; a second one for the same request must say the same.
    pub(crate) fn note(&mut self, request_id: &str, order: &Order) {
        let mut done = None;
        if let State::Done { thumbprint, .. } = &order.state {
            done = Some(*thumbprint);
        }
        let cancelled = matches!(order.state, State::Cancelled { .. });
        let new = Acknowledged { order: order.id, done, cancelled };
        let known = self.orders.entry(request_id.to_owned()).or_insert(new);
        assert_eq!(known.order, order.id, "request {request_id} became another order");
        assert!(known.done.is_none() || known.done == done, "{request_id}: {known:?} {new:?}");
        assert!(!known.cancelled || cancelled, "{request_id}: {known:?} {new:?}");
        *known = new;
    }

    /// Whether it is known that the order of a request is done.
    pub(crate) fn is_done(&self, request_id: &str) -> bool {
        self.orders.get(request_id).is_some_and(|known| known.done.is_some())
    }

    /// Whether it is known that the order of a request was cancelled.
    pub(crate) fn is_cancelled(&self, request_id: &str) -> bool {
        self.orders.get(request_id).is_some_and(|known| known.cancelled)
    }

    /// Notes the answer of an RPC.
    pub(crate) fn note_message(&mut self, request_id: &str, order: Option<pb::Order>) {
        let order = Order::try_from(order.unwrap()).unwrap();
        self.note(request_id, &order);
    }
}

/// Everything that is wrong with a store, in words.
///
/// `disk` is what the store was opened on, once the keys that nothing refers to were set aside.
pub(crate) fn violations(
    store: &Store,
    disk: &dyn Disk,
    sealer: &Sealer,
    ledger: &Ledger,
) -> Vec<String> {
    let mut wrong = store.read(|view| lost(view, ledger));
    let (live, found) = store.read(|view| halves(view, store, sealer));
    wrong.extend(found);
    let there = keys_on(disk);
    wrong.extend(there.difference(&live).map(|id| format!("key {id} has no order")));
    wrong.extend(live.difference(&there).map(|id| format!("key {id} is gone")));
    let report = verify(disk, &Entries).unwrap();
    if !report.is_sound() {
        wrong.push(format!("store verify: {report:?}"));
    }
    wrong
}

/// A state directory that is looked at and left as it is: it says that it is read-only.
#[derive(Clone, Debug)]
pub(crate) struct Frozen(RealDisk);

impl Frozen {
    pub(crate) fn new(state: &Path) -> Self {
        Self(RealDisk::new(state).unwrap())
    }

    /// Opens what a dead process left, without repairing anything.
    pub(crate) fn store(&self) -> Store {
        let options = Options {
            disk: Arc::new(self.clone()),
            index_path: PathBuf::new(),
            boot_id: String::new(),
            projection: Arc::new(Entries),
            on_fatal: Box::new(|| unreachable!("nothing is written")),
            checkpoints: CheckpointPolicy::default(),
        };
        Store::new(Engine::open(options).unwrap().0)
    }

    pub(crate) fn verified(&self) -> VerifyReport {
        verify(self, &Entries).unwrap()
    }
}

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for Frozen {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(path)
    }

    fn create(&self, _path: &str) -> io::Result<Box<dyn DiskFile>> {
        refused()
    }

    fn create_dir(&self, _path: &str) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &str) -> io::Result<()> {
        refused()
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.0.list(directory)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn sync_dir(&self, _directory: &str) -> io::Result<()> {
        refused()
    }

    fn sync_all(&self) -> io::Result<()> {
        refused()
    }

    fn lock(&self, _path: &str) -> Result<Box<dyn lock::Held>, lock::Error> {
        Err(lock::Error::Io(io::ErrorKind::ReadOnlyFilesystem.into()))
    }
}

/// The keys that are where keys are.
pub(crate) fn keys_on(disk: &dyn Disk) -> BTreeSet<KeyId> {
    if disk.exists("keys").unwrap() { list(disk).unwrap() } else { BTreeSet::new() }
}

/// What was acknowledged and is not as it was said.
fn lost(view: View<'_>, ledger: &Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    for (request_id, known) in &ledger.orders {
        let Some(order) = view.order(known.order).unwrap() else {
            wrong.push(format!("order {} of {request_id} is lost", known.order));
            continue;
        };
        if order.request_id.as_str() != request_id {
            wrong.push(format!("order {} is another's: {}", order.id, order.request_id));
        }
        if view.request(&order.request_id).unwrap() != Some(Some(order.id)) {
            wrong.push(format!("request {request_id} does not lead to order {}", order.id));
        }
        if let Some(thumbprint) = known.done
            && !matches!(&order.state, State::Done { thumbprint: now, .. } if *now == thumbprint)
        {
            wrong.push(format!("order {} was done and is {:?}", order.id, order.state));
        }
        if known.cancelled && !matches!(order.state, State::Cancelled { .. }) {
            wrong.push(format!("order {} was cancelled and is {:?}", order.id, order.state));
        }
    }
    wrong
}

/// What is there by half; and the keys that something needs.
fn halves(view: View<'_>, store: &Store, sealer: &Sealer) -> (BTreeSet<KeyId>, Vec<String>) {
    let (mut live, mut wrong) = (authority_keys(view), Vec::new());
    let (mut open, mut requests) = (Vec::new(), BTreeSet::new());
    for (number, order) in (1_u64..).zip(view.orders()) {
        let order = order.unwrap();
        if order.id.get() != number {
            wrong.push(format!("order {number} is missing before {}", order.id));
        }
        if !requests.insert(order.request_id.clone()) {
            wrong.push(format!("request {} made a second order", order.request_id));
        }
        if !order.state.is_settled() {
            open.push(order.id);
        }
        if let State::Cancelled { .. } | State::Refused { .. } | State::Denied { .. } = &order.state
        {
            continue;
        }
        live.insert(order.key_id);
        if let Err(what) = check_key(&order, store, sealer) {
            wrong.push(format!("order {}: {what}", order.id));
        }
        if let Err(what) = check_certificate(view, &order) {
            wrong.push(format!("order {}: {what}", order.id));
        }
    }
    let listed: Vec<OrderId> = view.open_orders().unwrap().iter().map(|one| one.id).collect();
    if listed != open {
        wrong.push(format!("open are {open:?}, listed are {listed:?}"));
    }
    for slot in view.assignments().unwrap().into_iter().filter_map(|one| one.current) {
        if view.certificate(slot.fingerprint).unwrap().is_none() {
            wrong.push(format!("{} is assigned and missing", slot.thumbprint));
        }
    }
    (live, wrong)
}

fn authority_keys(view: View<'_>) -> BTreeSet<KeyId> {
    let authority = view.authority().unwrap().unwrap_or_default();
    [authority.issuing_key_id, authority.root_key_id]
        .into_iter()
        .filter_map(|id| Some(KeyId::new(id.try_into().ok()?)))
        .collect()
}

fn check_key(order: &Order, store: &Store, sealer: &Sealer) -> Result<(), String> {
    let sealed = store.engine().key(&order.key_id).map_err(|error| error.to_string())?;
    let pkcs8 = sealer.open(&sealed).map_err(|error| error.to_string())?;
    let key = PrivateKey::from_pkcs8(&pkcs8).map_err(|error| error.to_string())?;
    if key.spki_sha256() == *sealed.spki_sha256() {
        Ok(())
    } else {
        Err("the key is not what its file says".to_owned())
    }
}

/// An order with a certificate has it, with its key, and the CA remembers it.
fn check_certificate(view: View<'_>, order: &Order) -> Result<(), String> {
    let Some(fingerprint) = order.state.fingerprint() else { return Ok(()) };
    let stored = view.certificate(fingerprint).map_err(|failure| failure.to_string())?;
    let stored = stored.ok_or("its certificate is missing")?;
    if stored.key_id != Some(order.key_id) || stored.order != Some(order.id) {
        return Err("its certificate has another key or order".to_owned());
    }
    let selector = stored.certificate.thumbprint().into();
    view.find_certificate(&selector).map_err(|failure| failure.to_string())?;
    let serial = stored.certificate.serial_number().as_bytes();
    match view.ca_issued(serial).map_err(|failure| failure.to_string())? {
        Some(issued) if issued.order_id == order.id.get() => Ok(()),
        other => Err(format!("the CA remembers {other:?}")),
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) {
    rolecall_agent::init::write_new(path, bytes, 0o600).unwrap();
}
