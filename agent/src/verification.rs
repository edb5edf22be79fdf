//! Verifies stored certificates for roles of this server.

use std::collections::BTreeMap;

use rolecall::api::status::Failure;
use rolecall::certificate::{Certificate, Chain, Fingerprint};
use rolecall::enrollment::Enrollment;
use rolecall::inventory::StoredCertificate;
use rolecall::key::{DigestAlgorithm, KeyId};
use rolecall::name::DnsName;
use rolecall::reason::Reason;
use rolecall::role::{KeyPolicy, Role};
use rolecall::time::Timestamp;
use rolecall::topology::Topology;
use rolecall::verify::{
    CrlState, KeyState, RoleRequirement, Subject, TrustStore, Verification, verify,
};

use crate::agent::Agent;

/// What is to be verified.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its issuers, the nearest first.
    pub issuers: &'a [Certificate],
    /// Whether its key is here.
    pub key: KeyState,
    /// The digest that was asked for.
    pub asked_digest: Option<DigestAlgorithm>,
    /// When it was revoked here, if it was.
    pub revoked: Option<&'a rolecall::inventory::Revocation>,
    /// The roles that have it, whose names are no surplus.
    pub shared_with: Vec<Role>,
}

impl Agent {
    /// Returns the roots and intermediates that this agent trusts.
    pub fn trust(&self) -> TrustStore {
        let mut trust =
            TrustStore { anchors: self.topology().anchors.clone(), ..TrustStore::default() };
        if let Some(ca) = self.ca.get()
            && let Some((root, intermediates)) = ca.certificates.split_last()
        {
            trust.anchors.push(root.clone());
            trust.intermediates.extend_from_slice(intermediates);
            trust.proven.extend(ca.proven.get().cloned());
        }
        trust
    }

    /// Verifies a stored certificate for `roles`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify_stored(
        &self,
        stored: &StoredCertificate,
        roles: &[Role],
        now: Timestamp,
    ) -> Result<Verification, Failure> {
        let issuers = self.issuers_of(stored)?;
        let candidate = Candidate {
            certificate: &stored.certificate,
            issuers: &issuers,
            key: self.key_state(stored.key_id, &stored.certificate),
            asked_digest: stored.asked_digest,
            revoked: stored.revoked.as_ref(),
            shared_with: self.users_of(stored)?,
        };
        self.verify_candidate(&candidate, roles, &self.enrollments()?, now)
    }

    /// Verifies a certificate for `roles`.
    ///
    /// # Errors
    /// When its chain is malformed or the store cannot be read.
    pub fn verify_candidate(
        &self,
        candidate: &Candidate<'_>,
        roles: &[Role],
        enrollments: &[Enrollment],
        now: Timestamp,
    ) -> Result<Verification, Failure> {
        let loaded = self.topology();
        let requirements: Vec<RoleRequirement> =
            roles.iter().map(|role| requirement(&loaded.topology, role)).collect();
        let expected = self.names_of(roles, enrollments);
        let shared = self.names_of(&candidate.shared_with, enrollments);
        let chain = Chain::new(candidate.certificate.clone(), candidate.issuers.to_vec())
            .map_err(|error| Failure::new(Reason::RequestInvalid, error.to_string()))?;
        let crl = revocation(candidate);
        let subject = Subject {
            chain: &chain,
            roles: &requirements,
            expected_names: &expected,
            shared_names: &shared,
            key: candidate.key,
            enrollments: &enrollments_of(roles, enrollments),
            asked_digest: candidate.asked_digest,
            previous: None,
            crl: &crl,
        };
        Ok(verify(&subject, &self.trust(), now))
    }

    /// Returns the names that certificates of `roles` must have, together.
    fn names_of(&self, roles: &[Role], enrollments: &[Enrollment]) -> Vec<DnsName> {
        let loaded = self.topology();
        let needs = &loaded.needs;
        let mut names: Vec<DnsName> = Vec::new();
        for need in needs.iter().filter(|need| roles.contains(&need.role)) {
            for name in self.expected_names(need, enrollments) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Returns the roles that have a stored certificate now or next.
    fn users_of(&self, stored: &StoredCertificate) -> Result<Vec<Role>, Failure> {
        let uses = self.store.read(|view| view.uses(stored.certificate.fingerprint()))?;
        Ok(uses
            .iter()
            .filter(|each| each.slot != "previous")
            .filter_map(|each| each.role.parse().ok())
            .collect())
    }

    /// Returns whether the key that a certificate is said to have is here.
    pub fn key_state(&self, id: Option<KeyId>, certificate: &Certificate) -> KeyState {
        let Some(id) = id else { return KeyState::Missing };
        let certified = certificate.public_key().spki_sha256();
        match self.store.engine().key(&id) {
            Ok(sealed) if sealed.spki_sha256() == certified => KeyState::Held,
            Ok(_) => KeyState::Foreign,
            Err(_) => KeyState::Missing,
        }
    }

    /// Returns the issuers that came with a stored certificate, the nearest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn issuers_of(&self, stored: &StoredCertificate) -> Result<Vec<Certificate>, Failure> {
        self.store.read(|view| {
            let found: Result<Vec<Option<Certificate>>, Failure> =
                stored.chain.iter().map(|issuer| view.issuer_certificate(*issuer)).collect();
            Ok(found?.into_iter().flatten().collect())
        })
    }
}

/// Returns the enrollment of each role, as far as there is one.
pub(crate) fn enrollments_of<'a>(
    roles: &[Role],
    enrollments: &'a [Enrollment],
) -> Vec<&'a Enrollment> {
    let mut found: Vec<&Enrollment> = Vec::new();
    for role in roles {
        let enrollment = enrollments.iter().find(|one| one.roles.contains(role));
        found.extend(enrollment.filter(|one| !found.contains(one)));
    }
    found
}

fn requirement(topology: &Topology, role: &Role) -> RoleRequirement {
    if let Some(facts) = role.facts() {
        return facts.into();
    }
    let usages = topology.usages(role);
    RoleRequirement {
        role: role.clone(),
        names_matter: true,
        client_auth: usages.client,
        wildcards: false,
        keys: KeyPolicy::Any,
        wants_crl: true,
        public_facing: false,
    }
}

fn revocation(candidate: &Candidate<'_>) -> BTreeMap<Fingerprint, CrlState> {
    candidate
        .revoked
        .map(|revoked| {
            let state = CrlState::Revoked { at: revoked.at, reason: revoked.reason.clone() };
            (candidate.certificate.fingerprint(), state)
        })
        .into_iter()
        .collect()
}
