//! A small world with which nothing is wrong, to be changed one thing at a time.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ::time::OffsetDateTime;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData,
    SanType, SignatureAlgorithm,
};
use rustls_pki_types::alg_id;

use crate::certificate::{Certificate, Chain, Fingerprint};
use crate::enrollment::{Enrollment, RoleSet};
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::DnsName;
use crate::request::{SipDomainChoice, SubjectAttributes};
use crate::role::BuiltInRole;
use crate::time::Timestamp;
use crate::topology::ScopeInstance;
use crate::verify::{
    CrlState, KeyState, RoleRequirement, Subject, TrustStore, Verification, verify,
};

/// Noon of 24 November 2026.
pub(super) fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_521_600)
}

/// Noon, `offset` days from [`now`].
pub(super) fn day(offset: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now().as_seconds() + offset * 86_400).unwrap()
}

/// A certification authority: its certificate, and the means to sign.
pub(super) struct Authority {
    pub(super) certificate: Certificate,
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    pub(super) fn root(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = parsed(&params.self_signed(&key).unwrap());
        Self { certificate, params, key }
    }

    pub(super) fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        self.below_with(name, key, change)
    }

    fn below_with(
        &self,
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let certificate = self.sign(&params, &key);
        Self { certificate, params, key }
    }

    /// Signs another authority's name and key, as for cross-certification.
    pub(super) fn certify_authority(&self, other: &Self) -> Certificate {
        self.sign(&other.params, &other.key)
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Certificate {
        let issuer = Issuer::from_params(&self.params, &self.key);
        parsed(&params.signed_by(key, &issuer).unwrap())
    }
}

/// A chain, what it is verified against, and when.
pub(super) struct World {
    pub(super) root: Authority,
    pub(super) issuing: Authority,
    pub(super) leaf: Certificate,
    pub(super) issuers: Vec<Certificate>,
    pub(super) trust: TrustStore,
    pub(super) roles: Vec<RoleRequirement>,
    pub(super) expected_names: Vec<DnsName>,
    pub(super) key: KeyState,
    pub(super) enrollments: Vec<Enrollment>,
    pub(super) asked_digest: Option<DigestAlgorithm>,
    pub(super) previous: Option<Certificate>,
    pub(super) crl: BTreeMap<Fingerprint, CrlState>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::below(Authority::root("Contoso Root", |_| {}))
    }

    pub(super) fn below(root: Authority) -> Self {
        let issuing = root.below("Contoso Issuing", |_| {});
        let leaf = issuing.sign(&leaf_params(), &leaf_key());
        Self {
            trust: TrustStore { anchors: vec![root.certificate.clone()], ..TrustStore::default() },
            issuers: vec![issuing.certificate.clone()],
            root,
            issuing,
            leaf,
            roles: vec![BuiltInRole::Default.into()],
            expected_names: vec!["fe01.contoso.com".parse().unwrap()],
            key: KeyState::Held,
            enrollments: Vec::new(),
            asked_digest: Some(DigestAlgorithm::Sha256),
            previous: None,
            crl: BTreeMap::new(),
        }
    }

    /// Returns a leaf of this world's authority with which nothing is wrong.
    pub(super) fn sound_leaf(&self) -> Certificate {
        self.issuing.sign(&leaf_params(), &leaf_key())
    }

    pub(super) fn verify(&self) -> Verification {
        self.verify_at(now())
    }

    pub(super) fn verify_at(&self, now: Timestamp) -> Verification {
        let chain = Chain::new(self.leaf.clone(), self.issuers.clone()).unwrap();
        let subject = Subject {
            chain: &chain,
            roles: &self.roles,
            expected_names: &self.expected_names,
            shared_names: &[],
            key: self.key,
            enrollments: &self.enrollments.iter().collect::<Vec<_>>(),
            asked_digest: self.asked_digest,
            previous: self.previous.as_ref(),
            crl: &self.crl,
        };
        verify(&subject, &self.trust, now)
    }

    /// Has an enrollment renew one certificate for these roles.
    pub(super) fn enroll(&mut self, roles: &[BuiltInRole]) {
        self.enrollments.push(Enrollment {
            instance: ScopeInstance::Server("fe01.contoso.com".parse().unwrap()),
            roles: RoleSet::new(roles.iter().map(|role| (*role).into())).unwrap(),
            issuer: "embedded".parse().unwrap(),
            template: None,
            key_algorithm: KeyAlgorithm::default(),
            digest: DigestAlgorithm::default(),
            exportable: false,
            subject: SubjectAttributes::default(),
            client_eku: None,
            sip_domains: SipDomainChoice::Computed,
            added_names: Vec::new(),
            friendly_name: None,
            renew_before: None,
        });
    }

    pub(super) fn reissue(&mut self, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = leaf_params();
        change(&mut params);
        self.leaf = self.issuing.sign(&params, &leaf_key());
    }

    /// Makes another issuing authority and another leaf below it.
    pub(super) fn reissue_below(&mut self, change: impl FnOnce(&mut CertificateParams)) {
        self.issuing = self.root.below("Contoso Issuing", change);
        self.issuers = vec![self.issuing.certificate.clone()];
        self.reissue(|_| {});
    }

    pub(super) fn deepen(&mut self, levels: usize) {
        for level in 0..levels {
            self.issuing = self.issuing.below(&format!("Contoso Issuing {level}"), |_| {});
            self.issuers.insert(0, self.issuing.certificate.clone());
        }
        self.reissue(|_| {});
    }

    pub(super) fn self_sign(&mut self, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = leaf_params();
        change(&mut params);
        self.leaf = parsed(&params.self_signed(&leaf_key()).unwrap());
        self.issuers.clear();
    }

    pub(super) fn certify(&mut self, key: &impl PublicKeyData) {
        self.leaf = self.issuing.sign(&leaf_params(), key);
    }

    pub(super) fn issue_by_rsa(&mut self) {
        self.issuing = self.root.below_with("Contoso Issuing", rsa_key(), |_| {});
        self.issuers = vec![self.issuing.certificate.clone()];
        self.reissue(|_| {});
    }

    /// Signs the leaf anew with RSASSA-PSS, which rcgen cannot.
    pub(super) fn sign_with_pss(&mut self) {
        self.issue_by_rsa();
        let old = self.leaf.der();
        let tbs_len = usize::from(u16::from_be_bytes([old[6], old[7]]));
        let rsa_sha256 = der(0x30, &alg_id::RSA_PKCS1_SHA256);
        let pss = der(0x30, &alg_id::RSA_PSS_SHA256);
        let contents = &old[8..8 + tbs_len];
        let start = contents.windows(rsa_sha256.len()).position(|w| w == rsa_sha256).unwrap();
        let (before, after) = (&contents[..start], &contents[start + rsa_sha256.len()..]);
        let tbs = der(0x30, &[before, &pss, after].concat());

        let key = RsaKeyPair::from_pkcs8(&rsa_key().serialize_der()).unwrap();
        let mut bits = vec![0; 1 + key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &tbs, &mut bits[1..]).unwrap();
        let made = der(0x30, &[tbs, pss, der(0x03, &bits)].concat());
        self.leaf = Certificate::from_der(&made).unwrap();
    }

    pub(super) fn patch_leaf(&mut self, from: &[u8], to: &[u8]) {
        let der = replace_all(self.leaf.der(), from, to);
        self.leaf = Certificate::from_der(&der).unwrap();
    }

    pub(super) fn alter_signature(&mut self) {
        let mut der = self.leaf.der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        self.leaf = Certificate::from_der(&der).unwrap();
    }

    pub(super) fn expect(&mut self, name: &str) {
        self.expected_names.push(name.parse().unwrap());
    }

    /// Adds a name to the leaf that is expected, too.
    pub(super) fn add_name(&mut self, name: &str) {
        self.reissue(|params| {
            params.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
        });
    }
}

/// An RSA key that nobody holds the private half of.
pub(super) struct WeakRsa(Vec<u8>);

impl WeakRsa {
    pub(super) fn of(bits: usize) -> Self {
        let mut modulus = vec![0x00, 0xc5];
        modulus.resize(bits / 8 + 1, 0x5b);
        let mut integers = der(0x02, &modulus);
        integers.extend(der(0x02, &[1, 0, 1]));
        Self(der(0x30, &integers))
    }
}

impl PublicKeyData for WeakRsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut result = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(len) if len < 0x80 => result.push(len),
        Ok(len) => result.extend([0x81, len]),
        Err(_) => {
            let len = u16::try_from(contents.len()).unwrap().to_be_bytes();
            result.extend([0x82, len[0], len[1]]);
        }
    }
    result.extend(contents);
    result
}

pub(super) fn replace_all(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut result = bytes.to_vec();
    let mut position = 0;
    while position + from.len() <= result.len() {
        if result[position..].starts_with(from) {
            result[position..position + from.len()].copy_from_slice(to);
        }
        position += 1;
    }
    result
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = day(-400);
    params.not_after = day(4_000);
    params.use_authority_key_identifier_extension = true;
    params
}

pub(super) fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::new(vec!["fe01.contoso.com".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "fe01.contoso.com");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = day(-10);
    params.not_after = day(80);
    params.use_authority_key_identifier_extension = true;
    let uris = vec!["http://crl.contoso.com/issuing.crl".to_owned()];
    params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
    params
}

/// The one RSA key of all tests: making another takes long.
fn rsa_key() -> KeyPair {
    static KEY: OnceLock<String> = OnceLock::new();
    let pem = KEY.get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_pem());
    KeyPair::from_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).unwrap()
}

fn leaf_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn parsed(made: &rcgen::Certificate) -> Certificate {
    Certificate::from_der(made.der()).unwrap()
}
