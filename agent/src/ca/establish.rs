//! How the embedded CA comes to be: its own root, or an enterprise CA above it.

use std::path::PathBuf;

use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::error_chain::Chain;
use rolecall::key::{KeyAlgorithm, KeyId};
use rolecall::name::Fqdn;
use rolecall::reason::Reason;

use crate::agent::Agent;
use crate::issuer::embedded::constraints::PermittedNames;
use crate::issuer::embedded::{
    HierarchyOptions, PrivateKey, PublicationUrl, SerialNumber, SubordinateChain, create_hierarchy,
    subordinate_csr,
};
use crate::store::keys::{SealedKey, Sealer};
use crate::store::view::{Cause, Store};

/// What the CA will be.
#[derive(Clone, Debug)]
pub struct EstablishOptions {
    /// The organization in its names.
    pub organization: String,
    /// The domains it may issue for.
    pub permitted: Vec<Fqdn>,
    /// The algorithm of its keys.
    pub key_algorithm: KeyAlgorithm,
    /// Where its list and certificates are published.
    pub publication: Option<PublicationUrl>,
    /// The configuration's file, for commands that are suggested.
    pub config: PathBuf,
}

impl EstablishOptions {
    fn permitted(&self) -> PermittedNames {
        PermittedNames { domains: self.permitted.clone(), addresses: Vec::new() }
    }

    fn hierarchy(&self) -> HierarchyOptions {
        let serials = [(); 2].map(|()| SerialNumber::from_random(Agent::random()));
        let mut options =
            HierarchyOptions::new(self.organization.clone(), self.permitted(), serials);
        options.publication.clone_from(&self.publication);
        options.issuing_algorithm = self.key_algorithm;
        if self.key_algorithm.is_rsa() {
            // Clients that know no ECDSA need RSA all the way up.
            options.root_algorithm = self.key_algorithm;
        }
        options
    }
}

/// What becomes of a request that waits for an enterprise CA's signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PendingRequest {
    /// It stands: no CA is made beside it.
    Keep,
    /// It is given up, with its key.
    Discard,
}

/// Makes root and issuing CA, and records them; blocks while keys are generated.
///
/// # Errors
/// When it exists already, an enterprise CA's signature is awaited, or it cannot be made or recorded.
pub fn establish(
    store: &Store,
    sealer: &Sealer,
    options: &EstablishOptions,
    cause: Cause,
    request: PendingRequest,
) -> Result<(), Failure> {
    let made = create_hierarchy(&options.hierarchy(), cause.now).map_err(|error| {
        Failure::new(
            Reason::ConfigurationInvalid,
            format!("the embedded CA cannot be made: {}", Chain(&error)),
        )
    })?;
    let (root_id, issuing_id) = (KeyId::new(Agent::random()), KeyId::new(Agent::random()));
    let keys = [seal(sealer, root_id, &made.root.key), seal(sealer, issuing_id, &made.issuing.key)];
    let established = pb::CaEstablished {
        certificates: vec![made.issuing.certificate, made.root.certificate],
        issuing_key_id: issuing_id.as_bytes().to_vec(),
        root_key_id: root_id.as_bytes().to_vec(),
        subordinate_to: String::new(),
        root_crl: made.root_crl,
    };
    store.change_blocking(cause, move |record| {
        refuse_second(record)?;
        if request == PendingRequest::Keep {
            refuse_beside_request(record)?;
        }
        for key in keys {
            record.key(key)?;
        }
        record.entry(Change::CaEstablished(established))
    })
}

/// Makes a key for a CA below an enterprise's, and returns the request for its certificate, DER.
///
/// # Errors
/// When a CA exists already, or the request cannot be made or recorded.
pub fn establish_subordinate(
    store: &Store,
    sealer: &Sealer,
    options: &EstablishOptions,
    cause: Cause,
) -> Result<Vec<u8>, Failure> {
    if let Some(pending) = store.read(|view| view.pending_authority_key())? {
        return Ok(pending.csr);
    }
    let key = PrivateKey::generate(options.key_algorithm).map_err(|error| made_no(&error))?;
    let csr = subordinate_csr(&key, &options.organization, &options.permitted())
        .map_err(|error| made_no(&error))?;
    let id = KeyId::new(Agent::random());
    let sealed = seal(sealer, id, &key);
    let created = pb::CaKeyCreated { key_id: id.as_bytes().to_vec(), csr: csr.clone() };
    store.change_blocking(cause, move |record| {
        refuse_second(record)?;
        record.key(sealed)?;
        record.entry(Change::CaKeyCreated(created))
    })?;
    Ok(csr)
}

/// Records the certificates that an enterprise CA gave for the key that waits.
///
/// # Errors
/// When no key waits, or the change cannot be recorded.
pub fn install_subordinate(
    store: &Store,
    chain: SubordinateChain,
    cause: Cause,
) -> Result<(), Failure> {
    store.change_blocking(cause, move |record| {
        refuse_second(record)?;
        let pending = record.read(|view| view.pending_authority_key())?.ok_or_else(|| {
            Failure::new(Reason::CaMissing, "no key waits for an enterprise CA's signature")
                .with_remedy("rolecall-agent ca init --subordinate --output CSR.pem")
        })?;
        let mut certificates = vec![chain.issuing];
        certificates.extend(chain.intermediates);
        let subordinate_to = rolecall::certificate::Certificate::from_der(&chain.root)
            .map(|root| root.subject().to_string())
            .unwrap_or_default();
        certificates.push(chain.root);
        record.entry(Change::CaEstablished(pb::CaEstablished {
            certificates,
            issuing_key_id: pending.key_id,
            root_key_id: Vec::new(),
            subordinate_to,
            root_crl: Vec::new(),
        }))
    })
}

fn refuse_second(record: &crate::store::view::Record<'_, '_>) -> Result<(), Failure> {
    match record.read(|view| view.authority())? {
        Some(_) => Err(Failure::new(
            Reason::ConfigurationInvalid,
            "the embedded CA has been established already",
        )
        .with_remedy("rolecallctl issuer list")),
        None => Ok(()),
    }
}

/// An own root now would throw away a key that an enterprise CA may have signed already.
fn refuse_beside_request(record: &crate::store::view::Record<'_, '_>) -> Result<(), Failure> {
    match record.read(|view| view.pending_authority_key())? {
        Some(_) => Err(Failure::new(
            Reason::CaMissing,
            "a request of the embedded CA waits for an enterprise CA's signature",
        )
        .with_remedy(
            "when it is signed: rolecall-agent ca install FILE…\n\
             the request once more: rolecall-agent ca init --subordinate --output CSR.pem\n\
             to give it up for an own root: rolecall-agent ca init --discard-request",
        )),
        None => Ok(()),
    }
}

fn seal(sealer: &Sealer, id: KeyId, key: &PrivateKey) -> SealedKey {
    sealer.seal(id, key.spki_sha256(), false, key.pkcs8())
}

fn made_no(error: &dyn std::error::Error) -> Failure {
    Failure::new(Reason::Internal, format!("the CA's request cannot be made: {}", Chain(error)))
}
