//! Stored certificates, and the facts that are read from their octets.

use crate::api::pb;
use crate::api::status::Violation;
use crate::certificate::{Certificate, ExtendedKeyUsage, Fingerprint};
use crate::inventory::{Revocation, StoredCertificate};
use crate::key::KeyId;
use crate::order::OrderId;

use super::{Fields, moment, timestamp};

impl From<&StoredCertificate> for pb::Certificate {
    /// Leaves `facts` and `uses` empty, as stored rows have them.
    fn from(stored: &StoredCertificate) -> Self {
        Self {
            fingerprint: stored.certificate.fingerprint().as_bytes().to_vec(),
            thumbprint: stored.certificate.thumbprint().as_bytes().to_vec(),
            der: stored.certificate.der().to_vec(),
            chain: stored.chain.iter().map(|issuer| issuer.as_bytes().to_vec()).collect(),
            friendly_name: stored.friendly_name.to_string(),
            enrollment: stored.enrollment.as_ref().map(ToString::to_string).unwrap_or_default(),
            order_id: stored.order.map_or(0, OrderId::get),
            issuer: stored.issuer.as_ref().map(ToString::to_string).unwrap_or_default(),
            key_id: stored.key_id.map(|key| key.as_bytes().to_vec()).unwrap_or_default(),
            exportable: stored.exportable,
            installed_at: Some(timestamp(stored.installed_at)),
            revoked_at: stored.revoked.as_ref().map(|revoked| timestamp(revoked.at)),
            revocation_reason: stored
                .revoked
                .as_ref()
                .map(|revoked| revoked.reason.to_string())
                .unwrap_or_default(),
            asked_digest: stored.asked_digest.map(|digest| digest.to_string()).unwrap_or_default(),
            facts: None,
            uses: Vec::new(),
        }
    }
}

impl TryFrom<pb::Certificate> for StoredCertificate {
    type Error = Vec<Violation>;

    fn try_from(message: pb::Certificate) -> Result<Self, Self::Error> {
        let mut fields = Fields::default();
        let stored = read(&mut fields, message);
        fields.finish(stored)
    }
}

fn read(fields: &mut Fields, message: pb::Certificate) -> Option<StoredCertificate> {
    let certificate = match Certificate::from_der(&message.der) {
        Ok(certificate) => Some(certificate),
        Err(error) => fields.wrong("der", error),
    };
    let chain: Vec<Option<Fingerprint>> = message
        .chain
        .iter()
        .map(|issuer| fields.octets("chain", issuer).map(Fingerprint::new))
        .collect();
    let friendly_name = fields.parse("friendly_name", &message.friendly_name);
    let enrollment = fields.parse_optional("enrollment", &message.enrollment);
    let issuer = fields.parse_optional("issuer", &message.issuer);
    let asked_digest = fields.parse_optional("asked_digest", &message.asked_digest);
    let key_id = if message.key_id.is_empty() {
        Some(None)
    } else {
        fields.octets("key_id", &message.key_id).map(|id| Some(KeyId::new(id)))
    };
    let installed_at = fields.required("installed_at", message.installed_at);
    Some(StoredCertificate {
        certificate: certificate?,
        chain: chain.into_iter().collect::<Option<_>>()?,
        friendly_name: friendly_name?,
        enrollment: enrollment?,
        order: OrderId::new(message.order_id),
        issuer: issuer?,
        key_id: key_id?,
        exportable: message.exportable,
        installed_at: moment(installed_at?),
        revoked: message
            .revoked_at
            .map(|at| Revocation { at: moment(at), reason: message.revocation_reason.into() }),
        asked_digest: asked_digest?,
    })
}

/// Returns what a certificate's octets say, for answers.
pub fn facts(certificate: &Certificate) -> pb::CertificateFacts {
    let names = certificate
        .dns_names()
        .iter()
        .map(ToString::to_string)
        .chain(certificate.other_names().iter().map(ToString::to_string))
        .collect();
    pb::CertificateFacts {
        serial_number: certificate.serial_number().to_string(),
        subject: certificate.subject().to_string(),
        issuer_dn: certificate.issuer().to_string(),
        not_before: Some(timestamp(certificate.not_before())),
        not_after: Some(timestamp(certificate.not_after())),
        names,
        public_key: certificate.public_key().algorithm().to_string(),
        signature_algorithm: certificate.signature_algorithm().to_string(),
        extended_key_usages: certificate.extended_key_usage().map(usages).unwrap_or_default(),
        crl_distribution_points: certificate
            .crl_distribution_points()
            .iter()
            .map(ToString::to_string)
            .collect(),
        is_ca: certificate.is_ca(),
    }
}

fn usages(usage: &ExtendedKeyUsage) -> Vec<String> {
    [(usage.server_auth, "serverAuth"), (usage.client_auth, "clientAuth"), (usage.any, "any")]
        .into_iter()
        .filter(|(present, _)| *present)
        .map(|(_, name)| name.to_owned())
        .chain(usage.others.iter().map(ToString::to_string))
        .collect()
}
