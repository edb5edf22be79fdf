//! The embedded CA with its state: keys in the key files, everything else in the journal.
//!
//! Signing itself is [`crate::issuer::embedded`], which keeps nothing. Here is what a CA has to
//! remember: its own certificates, what it signed, what it revoked, which list is the newest. It is
//! established at the first order that needs it, or by `rolecall-agent ca init`.

mod establish;
mod revoke;

pub use self::establish::{
    EstablishOptions, PendingRequest, establish, establish_subordinate, install_subordinate,
};

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::certificate::Certificate;
use rolecall::error_chain::Chain;
use rolecall::finding::{Finding, FindingCode};
use rolecall::key::KeyId;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;
use rolecall::verify::ProvenAuthority;
use tokio::sync::{Mutex, watch};

use crate::console::as_owner;
use crate::issuer::embedded::{
    IssuingCa, PrivateKey, Profile, PublicationUrl, SerialNumber, issue,
};
use crate::issuer::publish::Published;
use crate::store::keys::Sealer;
use crate::store::view::Store;

/// The embedded CA of this agent.
#[derive(Debug)]
pub struct Ca {
    options: EstablishOptions,
    open: RwLock<Option<Arc<OpenCa>>>,
    /// Held while the CA is being established or its list is being made.
    busy: Mutex<()>,
    published: watch::Sender<Arc<Published>>,
}

/// A CA that is ready to sign.
#[derive(Debug)]
pub struct OpenCa {
    /// Signs.
    pub issuing: IssuingCa,
    /// Its certificate, and those above it, the root last.
    pub certificates: Vec<Certificate>,
    /// The same, once a certificate below them was verified.
    pub proven: OnceLock<ProvenAuthority>,
    /// Whether the root's key is on this machine.
    pub has_root_key: bool,
    /// The root's list, which needs the root's key to be made again.
    pub root_crl: Option<Vec<u8>>,
}

impl OpenCa {
    /// Returns the root.
    pub fn root(&self) -> Option<&Certificate> {
        self.certificates.last()
    }

    /// Signs `spki_der` as `profile` says; the serial number is random.
    ///
    /// # Errors
    /// What of the profile stands in the way.
    pub fn sign(
        &self,
        profile: &Profile,
        spki_der: &[u8],
        serial: [u8; 16],
        now: Timestamp,
    ) -> Result<Certificate, Failure> {
        let serial = SerialNumber::from_random(serial);
        let issued = issue(&self.issuing, profile, spki_der, serial, now).map_err(|error| {
            Failure::new(Reason::CsrRefused, format!("the embedded CA refuses: {}", Chain(&error)))
        })?;
        Certificate::from_der(&issued.certificate).map_err(|error| {
            tracing::error!(error = %Chain(&error), "the embedded CA issued what cannot be read");
            Failure::new(Reason::Internal, "the embedded CA issued what cannot be read")
        })
    }
}

impl Ca {
    /// Returns a CA that has not been opened.
    pub fn new(options: EstablishOptions) -> Self {
        let (published, _) = watch::channel(Arc::new(Published::new()));
        Self { options, open: RwLock::default(), busy: Mutex::default(), published }
    }

    /// Returns what is served over HTTP, and every later change.
    pub fn published(&self) -> watch::Receiver<Arc<Published>> {
        self.published.subscribe()
    }

    /// Returns the CA, if it has been established.
    pub fn get(&self) -> Option<Arc<OpenCa>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the URL that certificates name.
    pub const fn publication(&self) -> Option<&PublicationUrl> {
        self.options.publication.as_ref()
    }

    /// Opens the CA from the store, if it has been established, and publishes what it has.
    ///
    /// # Errors
    /// When its key cannot be read or does not belong to its certificate.
    pub fn load(&self, store: &Store, sealer: &Sealer) -> Result<(), Failure> {
        let Some(authority) = store.read(|view| view.authority())? else { return Ok(()) };
        let open = open(&authority, store, sealer, self.publication())?;
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(open));
        Ok(())
    }

    /// Returns the CA, establishing it if this is its first use.
    ///
    /// # Errors
    /// When it cannot be established, or waits for an enterprise CA's signature.
    pub async fn get_or_establish(
        &self,
        store: &Store,
        sealer: &Arc<Sealer>,
        now: Timestamp,
    ) -> Result<Arc<OpenCa>, Failure> {
        if let Some(open) = self.get() {
            return Ok(open);
        }
        let one_at_a_time = self.busy.lock().await;
        if let Some(open) = self.get() {
            return Ok(open);
        }
        if store.read(|view| view.pending_authority_key())?.is_some() {
            return Err(Failure::new(
                Reason::CaMissing,
                "the embedded CA waits for the enterprise CA to sign its request",
            )
            .with_remedy("rolecall-agent ca install CHAIN.pem"));
        }
        let (options, store_too, sealer_too) =
            (self.options.clone(), store.clone(), Arc::clone(sealer));
        let cause = crate::store::view::Cause::agent(now);
        let establishing =
            move || establish(&store_too, &sealer_too, &options, cause, PendingRequest::Keep);
        tokio::task::spawn_blocking(establishing)
            .await
            .map_err(|_cancelled| Failure::new(Reason::ShuttingDown, "the agent is stopping"))??;
        self.load(store, sealer)?;
        drop(one_at_a_time);
        // Certificates name the list's address: it answers before the first of them is handed out.
        self.publish_crl(store, crate::store::view::Cause::agent(now)).await?;
        self.get().ok_or_else(|| Failure::new(Reason::Internal, "the embedded CA is not open"))
    }

    /// Returns what an administrator should know about the CA.
    pub fn findings(&self) -> Vec<Finding> {
        let Some(open) = self.get() else { return Vec::new() };
        let mut findings = Vec::new();
        if open.has_root_key {
            findings.push(Finding::new(
                FindingCode::RootKeyOnline,
                "the root key of the embedded CA is on this server",
                format!(
                    "stop the agent, then: {}",
                    as_owner("ca export-root FILE", &self.options.config)
                ),
            ));
        }
        findings
    }
}

fn open(
    authority: &pb::CaEstablished,
    store: &Store,
    sealer: &Sealer,
    publication: Option<&PublicationUrl>,
) -> Result<OpenCa, Failure> {
    let certificates: Vec<Certificate> = authority
        .certificates
        .iter()
        .map(|der| Certificate::from_der(der).map_err(|error| broken(&error)))
        .collect::<Result<_, _>>()?;
    let issuing = authority.certificates.first().cloned().unwrap_or_default();
    let key = unseal(store, sealer, &authority.issuing_key_id)?;
    let issuing = IssuingCa::new(&key, issuing, publication).map_err(|error| broken(&error))?;
    Ok(OpenCa {
        issuing,
        proven: OnceLock::new(),
        certificates,
        has_root_key: !authority.root_key_id.is_empty(),
        root_crl: (!authority.root_crl.is_empty()).then(|| authority.root_crl.clone()),
    })
}

/// Reads a private key of the CA.
pub(crate) fn unseal(store: &Store, sealer: &Sealer, key_id: &[u8]) -> Result<PrivateKey, Failure> {
    let id = key_id
        .try_into()
        .map(KeyId::new)
        .map_err(|_malformed| no_key("its key id is malformed"))?;
    let sealed = store.engine().key(&id).map_err(|error| no_key(&Chain(&error).to_string()))?;
    let pkcs8 = sealer.open(&sealed).map_err(|error| no_key(&Chain(&error).to_string()))?;
    PrivateKey::from_pkcs8(&pkcs8).map_err(|error| broken(&error))
}

fn no_key(why: &str) -> Failure {
    Failure::new(Reason::StoreCorrupt, format!("the embedded CA's key cannot be read: {why}"))
        .with_remedy(
            "check that master_key in the configuration is the file this store was made with",
        )
}

fn broken(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        Reason::StoreCorrupt,
        format!("the embedded CA cannot be opened: {}", Chain(error)),
    )
}
