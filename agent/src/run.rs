//! The agent at work: starts everything in order, and stops it in the reverse one.

use std::sync::Arc;
use std::time::Duration;

use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::error_chain::Chain;
use rolecall::finding::{Finding, FindingCode};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, Parts};
use crate::ca::Ca;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::Error;
use crate::issuer::publish;
use crate::store::view::{Cause, Store};
use crate::supervisor::Supervisor;
use crate::{server, start};

/// Runs an agent until `shutdown`; `ready` is called when it serves.
///
/// # Errors
/// When something it needs cannot be had, or a task ends by itself.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    ready: impl FnOnce(&Arc<Agent>),
) -> Result<(), Error> {
    let topology = start::topology(&config)?;
    start::check_owner(&config.state_directory)?;
    let sealer = start::sealer(&config)?;
    let ca_options = start::ca_options(&config, &topology.topology)?;
    let fatal = shutdown.clone();
    let (store, report) = start::store(
        &config,
        Box::new(move || {
            tracing::error!("a write could not be made durable: the agent stops");
            fatal.cancel();
        }),
    )?;
    start::log(&report);
    // After the store: a second agent is told about the first one, not about a port.
    let ca_listener = match listen_for_ca(&config).await {
        Ok(listener) => listener,
        Err(error) => {
            close(store).await;
            return Err(error);
        }
    };
    let ca = Ca::new(ca_options);
    ca.load(&store, &sealer)?;
    let published = ca.published();
    let parts = Parts {
        server: config.server.clone(),
        clock,
        store: store.clone(),
        sealer,
        ca,
        topology,
        recovered: start::recovered(&report),
    };
    let (agent, drives) = Agent::new(parts);
    note_start(&agent).await?;
    let listener = server::bind(&config.socket)?;

    let mut tasks = Supervisor::new(shutdown.clone(), GRACE);
    let engine = Engine::new(Arc::clone(&agent), drives);
    let stop = shutdown.clone();
    tasks.spawn("engine", async move { Ok(engine.run(stop).await?) });
    if let Some(ca_listener) = ca_listener {
        let stop = shutdown.clone();
        tasks.spawn("publication", async move {
            publish::serve(ca_listener, published, stop).await;
            Ok(())
        });
    }
    let (serving, socket, stop) = (Arc::clone(&agent), config.socket.clone(), shutdown.clone());
    tasks
        .spawn("server", async move { Ok(server::serve(serving, listener, &socket, stop).await?) });
    ready(&agent);
    let outcome = tasks.join().await;
    stop_store(&agent, store).await;
    drop(std::fs::remove_file(&config.socket.path));
    Ok(outcome?)
}

async fn listen_for_ca(config: &Config) -> Result<Option<TcpListener>, Error> {
    let Some(address) = config.ca.listen else { return Ok(None) };
    let listener =
        TcpListener::bind(address).await.map_err(|source| Error::CaListen { address, source })?;
    Ok(Some(listener))
}

/// Records the start, and the topology if it is another one than before.
async fn note_start(agent: &Arc<Agent>) -> Result<(), Error> {
    if agent.store.engine().read_only().is_some() {
        return Ok(());
    }
    let started = pb::AgentStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        recovered: agent.recovered.iter().map(Finding::to_string).collect(),
    };
    let cause = Cause::agent(agent.now());
    let entry = Change::AgentStarted(started);
    let noted = agent.store.change(cause, move |record| record.entry(entry)).await;
    let noted = match noted {
        Ok(()) => note_topology(agent).await,
        Err(failure) => Err(failure),
    };
    match noted {
        // Status and findings are worth having on a full disk too.
        Err(failure) if failure.reason == rolecall::reason::Reason::StoreFull => {
            tracing::error!(%failure, "the start could not be journalled");
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Records the topology in force if it is another one than before.
async fn note_topology(agent: &Arc<Agent>) -> Result<(), Failure> {
    let loaded = agent.topology();
    let topology =
        pb::TopologyLoaded { digest: loaded.topology.digest().to_vec(), text: loaded.text.clone() };
    agent
        .store
        .change(Cause::agent(agent.now()), move |record| {
            let known = record.read(|view| view.topology())?;
            if known.is_some_and(|known| known.digest == topology.digest) {
                return Ok(());
            }
            record.entry(Change::TopologyLoaded(topology))
        })
        .await
}

async fn stop_store(agent: &Arc<Agent>, store: Store) {
    let stopped = Change::AgentStopped(pb::AgentStopped {});
    let cause = Cause::agent(agent.now());
    if let Err(failure) = store.change(cause, move |record| record.entry(stopped)).await {
        tracing::warn!(%failure, "the stop could not be journalled");
    }
    close(store).await;
}

async fn close(store: Store) {
    if let Err(error) = store.engine().clone().close().await {
        tracing::warn!(error = %Chain(&error), "the index was not closed cleanly and is rebuilt");
    }
}

/// Runs an agent until SIGTERM or SIGINT; SIGHUP reads the topology again.
///
/// # Errors
/// As [`run`].
pub async fn run_until_signal(config: Config, clock: Arc<dyn Clock>) -> Result<(), Error> {
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Error::Runtime)?;
    let (announce, announced) = tokio::sync::oneshot::channel();
    let stop = shutdown.clone();
    let reloading = config.clone();
    let signals = async move {
        let mut agent: Option<Arc<Agent>> = None;
        let mut announced = std::pin::pin!(announced);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = stop.cancelled() => break,
                ready = &mut announced, if agent.is_none() => match ready {
                    Ok(ready) => agent = Some(ready),
                    Err(_) => break,
                },
                _ = hangup.recv() => {
                    if let Some(agent) = &agent {
                        reload(agent, &reloading).await;
                    }
                }
            }
        }
        notify(&[sd_notify::NotifyState::Stopping]);
        stop.cancel();
    };
    let running = run(config, clock, shutdown, |agent| {
        tracing::info!(server = %agent.server, "agent is ready");
        notify(&[sd_notify::NotifyState::Ready]);
        drop(announce.send(Arc::clone(agent)));
    });
    let (outcome, ()) = tokio::join!(running, signals);
    outcome
}

/// Reads the topology again; one with problems changes nothing, and stands as a finding.
async fn reload(agent: &Arc<Agent>, config: &Config) {
    match start::topology(config) {
        Ok(topology) => {
            agent.set_topology(topology);
            if let Err(error) = note_topology(agent).await {
                tracing::warn!(error = %Chain(&error), "the topology could not be journalled");
            }
            tracing::info!("the topology was read again");
            for order in agent.store.read(|view| view.open_orders()).unwrap_or_default() {
                // A new trust anchor may be what an installed certificate waits for.
                drop(agent.drive(order.id).await);
            }
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the topology was not read again");
            let problems = Chain(&error).to_string();
            let problems: Vec<&str> = problems.lines().map(str::trim).collect();
            agent.keep_topology(Finding::new(
                FindingCode::TopologyInvalid,
                format!("the one of before stays in force: {}", problems.join(" ")),
                format!("rolecallctl topology check {}", config.topology.display()),
            ));
        }
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// An embedded order takes milliseconds, a stream ends at once; what takes longer is aborted.
const GRACE: Duration = Duration::from_secs(10);
