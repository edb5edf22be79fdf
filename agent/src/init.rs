//! Writes what an agent needs to start: configuration, master key, state directory.
//!
//! Nothing that exists is overwritten: a master key that was lost is every key that was lost.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::args::Init;
use crate::config::{Config, Template};
use crate::error::Error;
use crate::start;
use crate::store::keys::MasterKey;

/// Makes a new agent.
///
/// # Errors
/// When something exists already, or cannot be written.
pub fn init(options: &Init, out: &mut dyn Write) -> Result<(), Error> {
    let directory = absolute(&options.directory)?;
    let or = |given: &Option<PathBuf>, name: &str| match given {
        Some(path) => absolute(path),
        None => Ok(directory.join(name)),
    };
    let config = or(&options.config, "agent.toml")?;
    let state = or(&options.state, "state")?;
    let master_key = or(&options.master_key, "master.key")?;
    let socket = or(&options.socket, "agent.sock")?;
    let topology = absolute(&options.topology)?;
    for path in [&config, &master_key] {
        if path.exists() {
            return Err(Error::Exists { path: path.clone() });
        }
    }
    let text = Config::template(
        &options.server,
        &Template {
            topology: &topology,
            state_directory: &state,
            master_key: &master_key,
            socket: &socket,
            local_grant: options.local_grant,
            ca_listen: options.ca_listen,
        },
    );
    // What will be written is read first, so that nothing is left behind by a mistake.
    let base = config.parent().unwrap_or_else(|| Path::new("/"));
    let parsed = Config::parse(&text, base).map_err(|problems| {
        Error::Config(crate::config::Error::Invalid { path: config.clone(), problems })
    })?;
    start::topology(&parsed)?;

    start::create_state(&directory)?;
    start::create_state(&state)?;
    start::check_mode(&state)?;
    MasterKey::create(&master_key, &state)?;
    write_new(&config, text.as_bytes(), 0o644)?;
    writeln!(out, "wrote {}", config.display())?;
    writeln!(out, "wrote {} (keep a copy apart from every backup)", master_key.display())?;
    if options.ca_listen.is_none() {
        writeln!(
            out,
            "certificates of the embedded CA will name no revocation list until `url` and `listen` \
             under [ca] are set"
        )?;
    }
    writeln!(out, "start the agent with: rolecall-agent run --config {}", config.display())?;
    Ok(())
}

/// Writes a file that must not exist, and syncs it with its folder.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |source| Error::Unwritable { path: path.to_owned(), source };
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists { path: path.to_owned() });
        }
        opened => opened.map_err(failed)?,
    };
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}
