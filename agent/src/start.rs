//! Opens what an agent works with, in order: configuration, topology, master key, store, CA.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rolecall::finding::{Finding, FindingCode};
use rolecall::topology::{IssuerKind, Topology};

use crate::agent::LoadedTopology;
use crate::ca::EstablishOptions;
use crate::config::Config;
use crate::error::Error;
use crate::issuer::embedded::PublicationUrl;
use crate::store::disk::RealDisk;
use crate::store::engine::{CheckpointPolicy, Engine, IndexStart, OpenReport, Options};
use crate::store::keys::{MasterKey, Sealer};
use crate::store::projection::Entries;
use crate::store::view::Store;

/// Reads the topology that the configuration names, and checks that this server is in it.
///
/// # Errors
/// When it cannot be read, or everything that is wrong with it.
pub fn topology(config: &Config) -> Result<LoadedTopology, Error> {
    let path = &config.topology;
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::TopologyUnreadable { path: path.clone(), source })?;
    let loaded = LoadedTopology::parse(text, &config.server)
        .map_err(|problems| Error::TopologyInvalid { path: path.clone(), problems })?;
    if loaded.topology.place(&config.server).is_none() {
        let servers = loaded.topology.servers().map(|server| server.name().to_string());
        return Err(Error::NotInTopology {
            server: config.server.to_string(),
            servers: servers.collect::<Vec<_>>().join(", "),
        });
    }
    Ok(loaded)
}

/// Loads the master key.
///
/// # Errors
/// When it is not there, or others can read it.
pub fn sealer(config: &Config) -> Result<Arc<Sealer>, Error> {
    let master = MasterKey::load(&config.master_key, &config.state_directory)?;
    Ok(Arc::new(Sealer::new(master)))
}

/// Opens the store; `on_fatal` is called when the process has to end.
///
/// # Errors
/// When another process has it, others can enter its directory, or nothing can be read.
pub fn store(
    config: &Config,
    on_fatal: Box<dyn Fn() + Send + Sync>,
) -> Result<(Store, OpenReport), Error> {
    let disk = disk(config)?;
    check_mode(&config.state_directory)?;
    let (engine, report) = Engine::open(Options {
        disk: Arc::new(disk),
        index_path: config.state_directory.join("index"),
        boot_id: boot_id(),
        projection: Arc::new(Entries),
        on_fatal,
        checkpoints: CheckpointPolicy::default(),
    })?;
    Ok((Store::new(engine), report))
}

/// Returns the state directory, for reading beside a running agent.
///
/// # Errors
/// When it is not there.
pub fn disk(config: &Config) -> Result<RealDisk, Error> {
    let path = &config.state_directory;
    if !path.is_dir() {
        return Err(Error::NoState { path: path.clone() });
    }
    RealDisk::new(path).map_err(|source| Error::State { path: path.clone(), source })
}

/// Checks that nobody but its owner can enter the state directory: who did so could have exchanged
/// files in it. An administrator looks first, so this mends nothing.
///
/// # Errors
/// When others can, or it is not there.
pub fn check_mode(path: &Path) -> Result<(), Error> {
    let mode = state_metadata(path)?.mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::StateOpen { path: path.to_owned(), mode }) }
}

/// Checks that the state directory belongs to the user that the agent runs as. What root leaves in
/// another user's directory, that user's agent cannot read later.
///
/// # Errors
/// When it belongs to another, or is not there.
pub fn check_owner(path: &Path) -> Result<(), Error> {
    let Some(owner) = foreign_owner(path)? else { return Ok(()) };
    let user = rustix::process::geteuid().as_raw();
    Err(Error::StateForeign { path: path.to_owned(), owner, user })
}

/// Returns the user whose the state directory is, if that is not the one this process runs as.
///
/// # Errors
/// When it is not there.
pub(crate) fn foreign_owner(path: &Path) -> Result<Option<u32>, Error> {
    let owner = state_metadata(path)?.uid();
    Ok(Some(owner).filter(|owner| *owner != rustix::process::geteuid().as_raw()))
}

fn state_metadata(path: &Path) -> Result<std::fs::Metadata, Error> {
    if !path.is_dir() {
        return Err(Error::NoState { path: path.to_owned() });
    }
    std::fs::metadata(path).map_err(|source| Error::State { path: path.to_owned(), source })
}

/// Returns what the embedded CA will be when it is established.
///
/// # Errors
/// When the configured URL is none.
pub fn ca_options(config: &Config, topology: &Topology) -> Result<EstablishOptions, Error> {
    let from_topology = topology.issuers().iter().find_map(|issuer| match issuer.kind() {
        IssuerKind::Embedded { crl_url } => crl_url.clone(),
        IssuerKind::Adcs { .. }
        | IssuerKind::Acme { .. }
        | IssuerKind::Helper { .. }
        | IssuerKind::File => None,
    });
    let url = config.ca.url.as_ref().map(ToString::to_string).or(from_topology);
    let publication = url
        .map(|url| url.parse::<PublicationUrl>().map_err(|source| Error::CaUrl { url, source }))
        .transpose()?;
    let organization = config
        .ca
        .organization
        .as_ref()
        .map_or_else(|| topology.primary_sip_domain().to_string(), ToString::to_string);
    Ok(EstablishOptions {
        organization,
        permitted: topology.name_constraints(),
        key_algorithm: config.ca.key_algorithm,
        publication,
        config: config.file.clone(),
    })
}

/// Returns what the start found that an administrator should know.
pub fn recovered(report: &OpenReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(torn) = &report.torn {
        findings.push(Finding::new(
            FindingCode::JournalTorn,
            format!(
                "the last write to {} was unfinished; {} bytes were set aside",
                torn.segment,
                torn.bytes.len()
            ),
            "nothing: what was acknowledged is there",
        ));
    }
    if let IndexStart::Rebuilding(why) = report.index
        && report.sequence > 0
    {
        findings.push(Finding::new(
            FindingCode::IndexRebuilt,
            format!("the index is made again from the journal: {why}"),
            "nothing: meanwhile everything is read from the journal",
        ));
    }
    findings
}

/// The kernel's boot id; empty where it is not known, and then no crash is survived by the index.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// Logs what the start did.
pub fn log(report: &OpenReport) {
    tracing::info!(
        sequence = report.sequence,
        checkpoint = report.checkpoint,
        tail = report.tail_entries,
        index = ?report.index,
        took = ?report.timings.total,
        "store opened"
    );
    if let Some(why) = &report.read_only {
        tracing::error!(%why, "the store is read-only");
    }
}

/// Makes the state directory, readable by this user only.
///
/// # Errors
/// When it cannot be made.
pub fn create_state(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::State { path: path.to_owned(), source })
}
