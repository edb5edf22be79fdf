//! A new hierarchy: a root, and an issuing CA that the root binds to the fleet's own names.
//!
//! The root signs one certificate and one list and can then leave the machine
//! ([`root_export`](super::root_export)); only the issuing CA works every day. It cannot make
//! another CA (`pathLenConstraint` 0) and its critical name constraints make verifiers refuse names
//! outside the SIP and server domains (`security.md` §8).

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, IsCa, KeyIdMethod, KeyUsagePurpose,
};
use rolecall::hex;
use rolecall::key::{DigestAlgorithm, KeyAlgorithm};
use rolecall::time::Timestamp;

use super::authority::{InvalidAuthority, IssuingCa, moment};
use super::constraints::PermittedNames;
use super::issuance::backdated;
use super::keys::{self, PrivateKey};
use super::publication::{AuthorityKeyId, PublicationUrl};
use super::revocation::{CrlError, crl};
use super::serial::SerialNumber;
use super::subject::{InvalidSubject, Subject};

/// What a new hierarchy shall be.
#[derive(Clone, Debug)]
pub struct HierarchyOptions {
    /// The organization, or the fleet's name: the `O` of both CAs, at most 64 characters.
    pub organization: String,
    /// The root's key.
    pub root_algorithm: KeyAlgorithm,
    /// The issuing CA's key.
    pub issuing_algorithm: KeyAlgorithm,
    /// What the issuing CA may name.
    pub permitted: PermittedNames,
    /// How long the root is valid.
    pub root_lifetime: Duration,
    /// How long the issuing CA is valid; never longer than the root.
    pub issuing_lifetime: Duration,
    /// Where lists and CA certificates are published, if anywhere.
    pub publication: Option<PublicationUrl>,
    /// The root's serial number.
    pub root_serial: SerialNumber,
    /// The issuing CA's serial number.
    pub issuing_serial: SerialNumber,
}

impl HierarchyOptions {
    /// Returns the defaults: P-384 above P-256, 20 years above 10.
    ///
    /// The root's key must last longest and signs twice; the issuing CA's signs every day, and
    /// every client verifies it. Clients that know no ECDSA need RSA for both.
    pub fn new(
        organization: String,
        permitted: PermittedNames,
        serials: [SerialNumber; 2],
    ) -> Self {
        let [root_serial, issuing_serial] = serials;
        Self {
            organization,
            root_algorithm: KeyAlgorithm::EcdsaP384,
            issuing_algorithm: KeyAlgorithm::EcdsaP256,
            permitted,
            root_lifetime: 20 * YEAR,
            issuing_lifetime: 10 * YEAR,
            publication: None,
            root_serial,
            issuing_serial,
        }
    }
}

/// Makes both keys, both certificates and the root's first revocation list.
///
/// Blocks for as long as two keys take; see [`PrivateKey::generate`].
///
/// # Errors
/// [`HierarchyError`] says what of the options cannot be.
pub fn create_hierarchy(
    options: &HierarchyOptions,
    now: Timestamp,
) -> Result<NewHierarchy, HierarchyError> {
    let root = create_root(options, now)?;
    // The root's certificate names no list, so it needs no URL; what it signs does.
    let authority =
        IssuingCa::new(&root.key, root.certificate.clone(), options.publication.as_ref())?;
    let issuing = create_issuing(options, &authority, now)?;
    let next_update = issuing_end(options, &authority, now);
    let number = u64::try_from(now.as_seconds()).unwrap_or_default();
    let root_crl = crl(&authority, &[], number, now, next_update)?;

    Ok(NewHierarchy { root, issuing, root_crl })
}

/// Makes another issuing CA below a root that exists: for a new SIP domain, or after a takeover.
///
/// Of `options`, those of the root are not used. `root` was made with the same publication URL.
///
/// # Errors
/// [`HierarchyError::NoDomains`], or whatever the key or the signature meets.
pub fn create_issuing(
    options: &HierarchyOptions,
    root: &IssuingCa,
    now: Timestamp,
) -> Result<NewAuthority, HierarchyError> {
    if options.permitted.domains.is_empty() {
        return Err(HierarchyError::NoDomains);
    }
    let key = PrivateKey::generate(options.issuing_algorithm)?;
    let key_id = new_key_id(&key);
    let mut params = authority_params("Issuing", &options.organization, &key_id, 0)?;
    params.serial_number = Some(options.issuing_serial.as_bytes().to_vec().into());
    params.not_before = moment(backdated(now).max(root.validity().not_before));
    params.not_after = moment(issuing_end(options, root, now));
    params.name_constraints = Some(options.permitted.to_rcgen());
    params.crl_distribution_points = root.distribution_points();
    params.custom_extensions = root.information_access();
    params.use_authority_key_identifier_extension = true;

    let signing = key.signing_key(CA_DIGEST)?;
    let certificate = params.signed_by(&signing, root.issuer(CA_DIGEST))?.der().to_vec();
    Ok(NewAuthority { key, certificate, key_id })
}

/// A CA's key and certificate.
#[derive(Debug)]
pub struct NewAuthority {
    /// The key.
    pub key: PrivateKey,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// The key id under which its list and certificate are published.
    pub key_id: AuthorityKeyId,
}

/// A new root and its issuing CA.
#[derive(Debug)]
pub struct NewHierarchy {
    /// The root, self-signed.
    pub root: NewAuthority,
    /// The issuing CA.
    pub issuing: NewAuthority,
    /// The root's revocation list: empty, and good for as long as the issuing CA.
    ///
    /// It must outlive the root key's stay on the machine, or an outage would follow the export. An
    /// issuing CA that is taken over is replaced by a pushed, root-signed list, not by this one.
    pub root_crl: Vec<u8>,
}

/// Why there is no hierarchy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// What was signed is no authority.
    #[error("the new authority cannot be used")]
    Authority(#[from] InvalidAuthority),
    /// A key could not be made.
    #[error("a key of the new authority could not be made")]
    Key(#[from] keys::Error),
    /// Nothing is permitted: such a CA could name the whole world.
    #[error("an issuing authority needs at least one domain that it may name")]
    NoDomains,
    /// A signature failed.
    #[error("a certificate of the new authority could not be signed")]
    NotSigned(#[from] rcgen::Error),
    /// The root signed no list.
    #[error("the root's revocation list could not be made")]
    Revocation(#[from] CrlError),
    /// The organization fits into no certificate.
    #[error("the organization fits into no certificate")]
    Subject(#[from] InvalidSubject),
}

fn create_root(options: &HierarchyOptions, now: Timestamp) -> Result<NewAuthority, HierarchyError> {
    let key = PrivateKey::generate(options.root_algorithm)?;
    let key_id = new_key_id(&key);
    let mut params = authority_params("Root", &options.organization, &key_id, 1)?;
    params.serial_number = Some(options.root_serial.as_bytes().to_vec().into());
    params.not_before = moment(backdated(now));
    params.not_after = moment(backdated(now) + options.root_lifetime);

    let certificate = params.self_signed(&key.signing_key(CA_DIGEST)?)?.der().to_vec();
    Ok(NewAuthority { key, certificate, key_id })
}

/// Returns the parameters that every CA of ours has.
///
/// The common name ends in the key's first octets: two CAs of one fleet never share a name, so no
/// verifier confuses the chains of an old and a new one.
pub(super) fn authority_params(
    kind: &'static str,
    organization: &str,
    key_id: &AuthorityKeyId,
    path_len: u8,
) -> Result<CertificateParams, InvalidSubject> {
    let mut params = CertificateParams::default();
    params.distinguished_name = authority_name(kind, organization, key_id)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(key_id.as_bytes().to_vec());
    Ok(params)
}

/// Names a new CA's key: the first 160 bits of its SHA-256 (RFC 7093 §2, method 1 over the whole
/// `SubjectPublicKeyInfo`).
pub(super) fn new_key_id(key: &PrivateKey) -> AuthorityKeyId {
    let digest = key.spki_sha256();
    AuthorityKeyId::new(digest.get(..20).expect("SHA-256 has 32 octets"))
}

fn authority_name(
    kind: &'static str,
    organization: &str,
    key_id: &AuthorityKeyId,
) -> Result<DistinguishedName, InvalidSubject> {
    let mark = key_id.as_bytes().get(..4).map(hex::lower).unwrap_or_default();
    Subject {
        common_name: Some(format!("Rolecall {kind} CA {mark}")),
        organization: Some(organization.to_owned()),
        ..Subject::default()
    }
    .distinguished_name()
}

fn issuing_end(options: &HierarchyOptions, root: &IssuingCa, now: Timestamp) -> Timestamp {
    (backdated(now) + options.issuing_lifetime).min(root.validity().not_after)
}

/// What the CAs' own certificates are signed with where the key leaves a choice.
const CA_DIGEST: DigestAlgorithm = DigestAlgorithm::Sha256;
/// A Gregorian year on average, so that ten of them end on the same day.
const YEAR: Duration = Duration::from_secs(31_556_952);

#[cfg(test)]
mod tests;
