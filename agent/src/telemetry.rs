//! Logging: to stderr, which systemd takes to its journal.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Starts logging. `ROLECALL_LOG` overrides the configured filter.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_from_env("ROLECALL_LOG")
        .or_else(|_| EnvFilter::try_new(log.filter.as_ref()))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process, as tests do, keeps the first one's subscriber.
    let started = match log.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
}
