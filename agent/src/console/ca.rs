//! The embedded CA at the console: established, put below an enterprise's, its root key moved away.

use std::io::Write;
use std::path::Path;

use rolecall::actor::Actor;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::certificate::Certificate;
use rolecall::reason::Reason;
use zeroize::Zeroizing;

use crate::args::{CaCommand, CaExportRoot, CaInit, CaInstall};
use crate::ca::{
    EstablishOptions, PendingRequest, establish, establish_subordinate, install_subordinate, unseal,
};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::console::{as_owner, owner, passphrase};
use crate::error::Error;
use crate::init::write_new;
use crate::issuer::embedded::{check_subordinate, export_root, verify_export};
use crate::server::peer::user_name;
use crate::start;
use crate::store::keys::Sealer;
use crate::store::view::{Cause, Store};

/// Establishes the embedded CA, or moves its root key away.
///
/// # Errors
/// When the agent is running, or what was asked cannot be done.
pub fn ca(command: CaCommand, out: &mut dyn Write) -> Result<(), Error> {
    match command {
        CaCommand::Init(options) => ca_init(&options, out),
        CaCommand::Install(options) => ca_install(&options, out),
        CaCommand::ExportRoot(options) => ca_export_root(&options, out),
    }
}

/// What a console command works with: the store, held exclusively.
struct Console {
    store: Store,
    sealer: std::sync::Arc<Sealer>,
    options: EstablishOptions,
    cause: Cause,
}

impl Console {
    /// Does `work` with the store, which `command` needs, and closes it whatever comes of that: a
    /// store that is merely dropped looks like a crash to the next one who opens it.
    fn with(
        config: &Path,
        command: &'static str,
        work: impl FnOnce(&Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let console = Self::open(&Config::load(config)?, command)?;
        let worked = work(&console);
        let closed = console.store.engine().clone().close_blocking();
        worked.and_then(|()| Ok(closed?))
    }

    fn open(config: &Config, command: &'static str) -> Result<Self, Error> {
        owner::require(config, command)?;
        let loaded = start::topology(config)?;
        let options = start::ca_options(config, &loaded.topology)?;
        let sealer = start::sealer(config)?;
        let (store, _report) = start::store(config, Box::new(|| ()))?;
        let uid = rustix::process::getuid().as_raw();
        let actor = Actor::Console { uid, name: user_name(uid) };
        let cause = Cause { actor, now: SystemClock.now(), request: None };
        Ok(Self { store, sealer, options, cause })
    }
}

fn ca_init(options: &CaInit, out: &mut dyn Write) -> Result<(), Error> {
    Console::with(&options.config.config, "ca init", |console| match &options.output {
        Some(output) if options.subordinate => request_subordinate(console, output, out),
        _ => establish_root(console, options.discard_request, out),
    })
}

fn request_subordinate(console: &Console, output: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let Console { store, sealer, options, cause } = console;
    let csr = establish_subordinate(store, sealer, options, cause.clone())?;
    write_new(output, pem_csr(&csr)?.as_bytes(), 0o644)?;
    writeln!(out, "wrote {}", output.display())?;
    writeln!(out, "have the enterprise CA sign it, then:")?;
    writeln!(out, "  {}", as_owner("ca install FILE…", &options.config))?;
    Ok(())
}

fn establish_root(console: &Console, discard: bool, out: &mut dyn Write) -> Result<(), Error> {
    let Console { store, sealer, options, cause } = console;
    let request = if discard { PendingRequest::Discard } else { PendingRequest::Keep };
    establish(store, sealer, options, cause.clone(), request)?;
    writeln!(out, "the embedded CA is established; move its root key away with:")?;
    writeln!(out, "  {}", as_owner("ca export-root FILE", &options.config))?;
    Ok(())
}

fn ca_install(options: &CaInstall, out: &mut dyn Write) -> Result<(), Error> {
    let mut certificates = Vec::new();
    for path in &options.files {
        let text = std::fs::read(path)
            .map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        let found = Certificate::many_from_pem(&text)
            .map_err(|source| Error::Malformed { path: path.clone(), source })?;
        certificates.extend(found.iter().map(|certificate| certificate.der().to_vec()));
    }
    Console::with(&options.config.config, "ca install FILE…", |console| {
        install(console, &certificates, out)
    })
}

fn install(console: &Console, certificates: &[Vec<u8>], out: &mut dyn Write) -> Result<(), Error> {
    let Console { store, sealer, options, cause } = console;
    let pending = store.read(|view| view.pending_authority_key())?.ok_or_else(|| {
        Failure::new(Reason::CaMissing, "no key waits for an enterprise CA's signature")
            .with_remedy(as_owner("ca init --subordinate --output CSR.pem", &options.config))
    })?;
    let key = unseal(store, sealer, &pending.key_id)?;
    let chain = check_subordinate(certificates, &key, cause.now)
        .map_err(|error| Error::Subordinate(Box::new(error)))?;
    let constrained = chain.is_constrained;
    install_subordinate(store, chain, cause.clone())?;
    writeln!(out, "the embedded CA is established below the enterprise's")?;
    if !constrained {
        writeln!(out, "note: the enterprise CA left out the name constraints that were asked for")?;
    }
    Ok(())
}

fn ca_export_root(options: &CaExportRoot, out: &mut dyn Write) -> Result<(), Error> {
    Console::with(&options.config.config, "ca export-root FILE", |console| {
        move_root(console, options, out)
    })
}

fn move_root(console: &Console, options: &CaExportRoot, out: &mut dyn Write) -> Result<(), Error> {
    let Console { store, sealer, cause, .. } = console;
    let authority = store.read(|view| view.authority())?.ok_or_else(|| {
        Failure::new(Reason::CaMissing, "the embedded CA has not been established yet")
            .with_remedy(as_owner("ca init", &console.options.config))
    })?;
    if authority.root_key_id.is_empty() {
        return Err(Failure::new(Reason::CaMissing, "the root key is not in this store").into());
    }
    let passphrase = passphrase::read(options.passphrase_file.as_deref())?;
    let key = unseal(store, sealer, &authority.root_key_id)?;
    let root = authority.certificates.last().cloned().unwrap_or_default();
    let exported =
        export_root(&key, &root, &passphrase).map_err(|error| Error::Export(Box::new(error)))?;
    write_new(&options.file, exported.as_bytes(), 0o600)?;
    // Only what can be read back from the file is destroyed here.
    let written = std::fs::read_to_string(&options.file)
        .map(Zeroizing::new)
        .map_err(|source| Error::Unreadable { path: options.file.clone(), source })?;
    verify_export(&written, &passphrase, &key, &root)
        .map_err(|error| Error::Export(Box::new(error)))?;
    let key_id = authority.root_key_id.clone();
    store.change_blocking(cause.clone(), move |record| {
        record.entry(Change::RootKeyExported(pb::RootKeyExported { key_id }))
    })?;
    if let Ok(id) = authority.root_key_id.try_into().map(rolecall::key::KeyId::new) {
        store.engine().destroy_key(&id)?;
    }
    writeln!(out, "the root key is in {} and no longer in the store", options.file.display())?;
    Ok(())
}

fn pem_csr(der: &[u8]) -> Result<String, Error> {
    use pkcs8::der::Document;
    use pkcs8::der::pem::LineEnding;
    Document::try_from(der)
        .and_then(|document| document.to_pem("CERTIFICATE REQUEST", LineEnding::LF))
        .map_err(|error| Error::Export(Box::new(error)))
}
