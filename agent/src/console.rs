//! What an administrator does at the server itself, beside or instead of a running agent.

mod ca;
mod owner;
mod passphrase;

pub use self::ca::ca;
pub(crate) use self::owner::as_owner;

use std::io::Write;
use std::process::ExitCode;

use rolecall::hex;

use crate::args::StoreCommand;
use crate::config::Config;
use crate::error::Error;
use crate::start;
use crate::store::engine::{preview, repair};
use crate::store::projection::Entries;
use crate::store::verify;

/// Checks configuration and topology.
///
/// # Errors
/// Everything that is wrong.
pub fn check(options: &crate::args::Config, out: &mut dyn Write) -> Result<(), Error> {
    let config = Config::load(&options.config)?;
    let loaded = start::topology(&config)?;
    start::ca_options(&config, &loaded.topology)?;
    start::sealer(&config)?;
    writeln!(out, "{} is sound", options.config.display())?;
    Ok(())
}

/// Looks into a store.
///
/// # Errors
/// When it cannot be read; a store that is not sound is no error but an exit status of 1.
pub fn store(command: StoreCommand, out: &mut dyn Write) -> Result<ExitCode, Error> {
    match command {
        StoreCommand::Verify(options) => verify_store(&Config::load(&options.config)?, out),
        StoreCommand::Export(options) => {
            export(&Config::load(&options.config)?, out).map(|()| ExitCode::SUCCESS)
        }
        StoreCommand::Repair(options) => {
            let config = Config::load(&options.config.config)?;
            let disk = start::disk(&config)?;
            if !options.yes {
                writeln!(out, "{}", preview(&disk)?)?;
                return Err(Error::NotConfirmed);
            }
            owner::require(&config, "store repair --yes")?;
            let repaired = repair(&disk, &config.state_directory.join("index"))?;
            writeln!(out, "{repaired}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify_store(config: &Config, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let report = verify::verify(&start::disk(config)?, &Entries)?;
    writeln!(
        out,
        "journal: entries {} to {} in {} segments, head {}",
        report.first,
        report.last,
        report.segments,
        hex::lower(&report.head)
    )?;
    if let Some(damage) = &report.damage {
        writeln!(out, "journal: DAMAGED: {damage}")?;
    }
    if report.unfinished > 0 {
        writeln!(out, "journal: {} bytes of an unfinished frame at the end", report.unfinished)?;
    }
    writeln!(out, "checkpoints: {} whole", report.checkpoints.len())?;
    for damaged in &report.damaged_checkpoints {
        writeln!(out, "checkpoints: DAMAGED: {damaged}")?;
    }
    writeln!(out, "keys: {} whole", report.keys)?;
    for key in &report.missing_keys {
        writeln!(out, "keys: MISSING: {key}")?;
    }
    for damaged in &report.damaged_keys {
        writeln!(out, "keys: DAMAGED: {damaged}")?;
    }
    if let Some(error) = &report.unreadable {
        writeln!(out, "rows: UNREADABLE: {error}")?;
    }
    let sound = report.is_sound();
    writeln!(out, "{}", if sound { "the store is sound" } else { "the store is NOT sound" })?;
    Ok(ExitCode::from(u8::from(!sound)))
}

/// Writes rows as they are: keys in the table's hexadecimal digits, values likewise, a line each.
fn export(config: &Config, out: &mut dyn Write) -> Result<(), Error> {
    let rows = verify::export(&start::disk(config)?, &Entries)?;
    writeln!(
        out,
        "{}",
        serde_json::json!({ "format": "rolecall-export-1", "sequence": rows.sequence() })
    )?;
    for row in rows {
        let (key, value) = row?;
        let line = crate::store::export::line(&key, &value);
        writeln!(out, "{line}")?;
    }
    Ok(())
}
