//! An agent inside the test's process, behind its real socket.

use std::ffi::OsStr;
use std::sync::Arc;

use rolecall::api::client::Client;
use rolecall::key::KeyId;
use rolecall::time::Timestamp;
use rolecall_agent::Error;
use rolecall_agent::agent::Agent;
use rolecall_agent::clock::{Clock, ManualClock, SystemClock};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Output, Site, ctl};

/// An agent that serves inside this process; it ends when this is dropped.
#[derive(Debug)]
pub struct TestAgent {
    /// A connection to it, as root if the test is.
    pub client: Client,
    agent: Arc<Agent>,
    site: Site,
    clock: Option<Arc<ManualClock>>,
    shutdown: CancellationToken,
    task: JoinSet<Result<(), Error>>,
}

impl TestAgent {
    /// Starts the agent of `site` by the system's clock.
    pub async fn start(site: Site) -> Self {
        Self::with_clock(site, Arc::new(SystemClock), None).await
    }

    /// Starts an agent on the lone Standard Edition server.
    pub async fn standard_edition() -> Self {
        Self::start(Site::standard_edition()).await
    }

    /// Starts the agent of `site` by a clock that stands at `now`.
    pub async fn start_at(site: Site, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        Self::with_clock(site, shared, Some(clock)).await
    }

    async fn with_clock(
        site: Site,
        shared: Arc<dyn Clock>,
        clock: Option<Arc<ManualClock>>,
    ) -> Self {
        let shutdown = CancellationToken::new();
        let (announce, ready) = oneshot::channel();
        let mut task = JoinSet::new();
        let (config, stop) = (site.config(), shutdown.clone());
        task.spawn(async move {
            let announce = |agent: &Arc<Agent>| drop(announce.send(Arc::clone(agent)));
            rolecall_agent::run::run(config, shared, stop, announce).await
        });
        let Ok(agent) = ready.await else {
            panic!("the agent did not start: {:?}", task.join_next().await);
        };
        let client = Client::connect_unix(&site.socket()).await.unwrap();
        Self { client, agent, site, clock, shutdown, task }
    }

    /// Returns its files.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Returns whether its store has the key of this id.
    pub fn has_key(&self, id: &[u8]) -> bool {
        let id = KeyId::new(id.try_into().unwrap());
        self.agent.store.engine().key(&id).is_ok()
    }

    /// Returns how many keys its store has.
    pub fn keys(&self) -> usize {
        let report = self.agent.store.engine().verify().unwrap();
        assert!(report.is_sound(), "{report:?}");
        report.keys
    }

    /// Moves its clock.
    ///
    /// # Panics
    /// When it runs by the system's.
    pub fn set_clock(&self, now: Timestamp) {
        self.clock.as_ref().expect("the agent has a clock that can be moved").set(now);
    }

    /// Runs `rolecallctl` against it.
    pub async fn ctl(&self, args: &[&str]) -> Output {
        let mut all = vec![OsStr::new("--socket").to_owned(), self.site.socket().into_os_string()];
        all.extend(args.iter().map(|arg| OsStr::new(arg).to_owned()));
        tokio::task::spawn_blocking(move || ctl(all)).await.unwrap()
    }

    /// Stops it; another can be started on its files.
    ///
    /// # Panics
    /// When it does not end as it should.
    pub async fn stop(mut self) -> Site {
        self.shutdown.cancel();
        self.task.join_next().await.unwrap().unwrap().unwrap();
        self.site
    }
}
