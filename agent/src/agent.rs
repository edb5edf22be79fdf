//! The agent's parts, and what every operation needs of them.

use std::sync::{Arc, PoisonError, RwLock};

use rolecall::actor::{Actor, RequestId};
use rolecall::api::status::Failure;
use rolecall::certificate::Certificate;
use rolecall::finding::Finding;
use rolecall::name::Fqdn;
use rolecall::order::Order;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;
use rolecall::topology::{RoleNeed, Topology};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::ca::Ca;
use crate::clock::Clock;
use crate::keygen::KeyPool;
use crate::store::keys::Sealer;
use crate::store::view::{Cause, Store};

/// The topology in force, and its text.
#[derive(Debug)]
pub struct LoadedTopology {
    /// The topology.
    pub topology: Topology,
    /// The text it was read from.
    pub text: String,
    /// Its trust anchors.
    pub anchors: Vec<Certificate>,
    /// What it has this server need; every order asks, so it is worked out once.
    pub needs: Vec<RoleNeed>,
}

/// Everything an operation works with. Shared by all services and the engine.
#[derive(Debug)]
pub struct Agent {
    /// The server this agent is.
    pub server: Fqdn,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store.
    pub store: Store,
    /// Seals and unseals keys.
    pub sealer: Arc<Sealer>,
    /// Generates keys.
    pub keys: KeyPool,
    /// The embedded CA.
    pub ca: Ca,
    /// What the start found and an administrator should know.
    pub recovered: Vec<Finding>,
    topology: RwLock<Arc<LoadedTopology>>,
    /// Why the topology's file is not the topology in force.
    topology_problem: RwLock<Option<Finding>>,
    engine: mpsc::Sender<Drive>,
    /// Told when an assignment was scheduled or is no longer.
    pub(crate) rescheduled: Notify,
}

/// An order that is to be moved on, and who wants to know when it rests.
#[derive(Debug)]
pub struct Drive {
    pub(crate) order: rolecall::order::OrderId,
    pub(crate) done: Option<oneshot::Sender<Result<Order, Failure>>>,
}

/// What [`Agent::new`] puts together.
#[derive(Debug)]
pub struct Parts {
    /// The server this agent is.
    pub server: Fqdn,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store.
    pub store: Store,
    /// Seals and unseals keys.
    pub sealer: Arc<Sealer>,
    /// The embedded CA.
    pub ca: Ca,
    /// The topology in force.
    pub topology: LoadedTopology,
    /// What the start found.
    pub recovered: Vec<Finding>,
}

impl Agent {
    /// Puts an agent together; the receiver is for [`crate::engine::Engine`].
    pub fn new(parts: Parts) -> (Arc<Self>, mpsc::Receiver<Drive>) {
        let (engine, drives) = mpsc::channel(DRIVES);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let agent = Self {
            server: parts.server,
            clock: parts.clock,
            store: parts.store,
            sealer: parts.sealer,
            keys: KeyPool::new(cores),
            ca: parts.ca,
            recovered: parts.recovered,
            topology: RwLock::new(Arc::new(parts.topology)),
            topology_problem: RwLock::new(None),
            engine,
            rescheduled: Notify::new(),
        };
        (Arc::new(agent), drives)
    }

    /// Returns the topology in force.
    pub fn topology(&self) -> Arc<LoadedTopology> {
        Arc::clone(&self.topology.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another topology in force.
    pub fn set_topology(&self, topology: LoadedTopology) {
        *self.topology.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(topology);
        *self.topology_problem.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Remembers why the topology's file could not be put in force, until another one is.
    pub fn keep_topology(&self, problem: Finding) {
        *self.topology_problem.write().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    /// Returns why the topology's file is not the topology in force, if that is so.
    pub fn topology_problem(&self) -> Option<Finding> {
        self.topology_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the cause of a change that `actor` asks for.
    pub fn cause(&self, actor: &Actor, request: Option<RequestId>) -> Cause {
        Cause { actor: actor.clone(), now: self.now(), request }
    }

    /// Has the engine move an order on.
    pub async fn drive(&self, order: rolecall::order::OrderId) -> Result<(), Failure> {
        self.send(Drive { order, done: None }).await
    }

    /// Has the engine move an order on, and returns it when it rests.
    pub async fn drive_to_rest(&self, order: rolecall::order::OrderId) -> Result<Order, Failure> {
        let (done, rested) = oneshot::channel();
        self.send(Drive { order, done: Some(done) }).await?;
        rested.await.map_err(|_dropped| stopping())?
    }

    async fn send(&self, drive: Drive) -> Result<(), Failure> {
        self.engine.send(drive).await.map_err(|_closed| stopping())
    }

    /// Draws 16 random octets.
    pub fn random() -> [u8; 16] {
        let mut octets = [0; 16];
        aws_lc_rs::rand::fill(&mut octets).expect("the system gives random bytes");
        octets
    }
}

impl LoadedTopology {
    /// Reads a topology, its trust anchors, and what `server` needs.
    ///
    /// # Errors
    /// Everything that is wrong with it, as one text.
    pub fn parse(text: String, server: &Fqdn) -> Result<Self, String> {
        let topology = Topology::parse(&text).map_err(|problems| problems.to_string())?;
        let mut anchors = Vec::new();
        for anchor in topology.trust_anchors() {
            let certificates = Certificate::many_from_pem(anchor.pem())
                .map_err(|error| format!("trust_anchors.{}: {error}", anchor.name()))?;
            anchors.extend(certificates);
        }
        let needs = topology.roles_needed(server);
        Ok(Self { topology, text, anchors, needs })
    }
}

fn stopping() -> Failure {
    Failure::new(Reason::ShuttingDown, "the agent is stopping")
        .with_remedy("try again when it is back: an order that was placed goes on by itself")
}

/// As many orders as may wait for the engine to take notice; beyond them callers wait.
const DRIVES: usize = 1_024;
