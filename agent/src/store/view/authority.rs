//! What the embedded CA has, and what it signed.

use rolecall::api::convert::moment;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::certificate::{Certificate, CertificateSelector};
use rolecall::inventory::{Revocation, StoredCertificate};
use rolecall::time::Timestamp;

use super::{View, ambiguous, damaged, unknown};
use crate::store::tables::{self, Meta};

impl<'a> View<'a> {
    /// Returns the embedded CA as it was established.
    pub fn authority(&self) -> Result<Option<pb::CaEstablished>, Failure> {
        self.get(&tables::meta(Meta::Authority))
    }

    /// Returns the key that waits for an enterprise CA's signature.
    pub fn pending_authority_key(&self) -> Result<Option<pb::CaKeyCreated>, Failure> {
        self.get(&tables::meta(Meta::PendingAuthorityKey))
    }

    /// Returns the last CRL's number and times.
    pub fn crl(&self) -> Result<Option<pb::CrlPublished>, Failure> {
        self.get(&tables::meta(Meta::Crl))
    }

    /// Returns every revoked serial number with when and why.
    pub fn revocations(&self) -> Result<Vec<(Vec<u8>, pb::Certificate)>, Failure> {
        self.scan::<pb::Certificate>(&[tables::REVOKED])
            .map(|row| row.map(|(key, row)| (key.get(1..).unwrap_or_default().to_vec(), row)))
            .collect()
    }

    /// Returns what the embedded CA signed under a serial number.
    pub fn ca_issued(&self, serial_number: &[u8]) -> Result<Option<pb::CaIssued>, Failure> {
        self.get(&tables::ca_issued(serial_number))
    }

    /// Returns a certificate that the embedded CA signed and the store does not have, as if it had.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find_issued_elsewhere(
        &self,
        selector: &CertificateSelector,
    ) -> Result<StoredCertificate, Failure> {
        let mut found = None;
        for row in self.raw(&[tables::ISSUED_ELSEWHERE]) {
            let (_, serial_number) = row?;
            let issued = self.ca_issued(&serial_number)?.ok_or_else(|| damaged("an issuance"))?;
            let certificate =
                Certificate::from_der(&issued.der).map_err(|_malformed| damaged("an issuance"))?;
            if selector.matches(&certificate) && found.replace(certificate).is_some() {
                return Err(ambiguous(selector));
            }
        }
        let certificate = found.ok_or_else(|| unknown(selector))?;
        let revoked = self.get(&tables::revoked(certificate.serial_number().as_bytes()))?;
        let revoked = revoked.map(|row: pb::Certificate| Revocation {
            at: row.revoked_at.map_or(Timestamp::EPOCH, moment),
            reason: row.revocation_reason.into(),
        });
        Ok(StoredCertificate {
            friendly_name: "not in this store".parse().map_err(|_malformed| damaged("a name"))?,
            installed_at: certificate.not_before(),
            certificate,
            chain: Vec::new(),
            enrollment: None,
            order: None,
            issuer: None,
            key_id: None,
            exportable: false,
            revoked,
            asked_digest: None,
        })
    }

    /// Returns how many certificates the embedded CA has signed.
    pub fn issued_count(&self) -> Result<u64, Failure> {
        self.number(Meta::IssuedCount)
    }

    /// Returns the number of the next request at the embedded CA.
    pub fn next_ca_request_id(&self) -> Result<u64, Failure> {
        Ok(self.number(Meta::LastCaRequest)?.saturating_add(1))
    }

    /// Returns a request at the embedded CA.
    pub fn ca_request(&self, id: u64) -> Result<Option<pb::CaRequest>, Failure> {
        self.get(&tables::ca_request(id))
    }

    /// Returns the requests at the embedded CA, the oldest first.
    pub fn ca_requests(&self) -> impl Iterator<Item = Result<pb::CaRequest, Failure>> + use<'a> {
        self.scan::<pb::CaRequest>(&[tables::CA_REQUESTS]).map(|row| Ok(row?.1))
    }

    /// Returns how many requests wait at the embedded CA.
    pub fn waiting_ca_requests(&self) -> Result<usize, Failure> {
        self.raw(&[tables::WAITING_CA_REQUESTS])
            .try_fold(0_usize, |count, row| row.map(|_row| count.saturating_add(1)))
    }
}
