//! The tables of the index, and how their keys are built.
//!
//! All rows stand in one ordered map; the first octet of a key names the table. The [hot](HOT)
//! ones are what every decision looks at, and small. Numbers are never reused.

use rolecall::assignment::Generation;
use rolecall::certificate::{Fingerprint, Thumbprint};
use rolecall::enrollment::EnrollmentName;
use rolecall::key::KeyId;
use rolecall::order::OrderId;
use rolecall::role::Role;
use rolecall::time::Timestamp;

/// Counters and single values.
pub(crate) const META: u8 = 0x01;
/// Role and scope name → assignment.
pub(crate) const ASSIGNMENTS: u8 = 0x02;
/// Name → enrollment.
pub(crate) const ENROLLMENTS: u8 = 0x03;
/// Expiry and fingerprint → nothing, in the order of expiry.
pub(crate) const EXPIRY: u8 = 0x05;
/// Code and role → acceptance.
pub(crate) const ACCEPTANCES: u8 = 0x06;
/// Serial number → revocation, for the CRL.
pub(crate) const REVOKED: u8 = 0x07;
/// Number of each request that waits at the embedded CA → nothing.
pub(crate) const WAITING_CA_REQUESTS: u8 = 0x08;
/// Fingerprint → DER of an issuer's certificate.
pub(crate) const ISSUERS: u8 = 0x09;

/// Number → order.
pub(crate) const ORDERS: u8 = 0x41;
/// Fingerprint → certificate.
pub(crate) const CERTIFICATES: u8 = 0x42;
/// SHA-1 → fingerprint.
pub(crate) const THUMBPRINTS: u8 = 0x43;
/// Fingerprint, role, slot and generation → use.
pub(crate) const USES: u8 = 0x44;
/// Role, scope name and generation → slot that was current once.
pub(crate) const PREVIOUS: u8 = 0x45;
/// Folded friendly name → who has it.
pub(crate) const FRIENDLY_NAMES: u8 = 0x46;
/// Request id → what it did.
pub(crate) const REQUESTS: u8 = 0x47;
/// Number → request at the embedded CA.
pub(crate) const CA_REQUESTS: u8 = 0x48;
/// Serial number → what the embedded CA signed.
pub(crate) const CA_ISSUED: u8 = 0x49;
/// Key id → nothing for every key that something refers to, one octet for every destroyed one.
pub(crate) const KEYS: u8 = 0x4a;
/// SHA-1 → serial number, for what the embedded CA signed and the store does not have.
pub(crate) const ISSUED_ELSEWHERE: u8 = 0x4b;

/// The tables that are kept in memory.
pub(crate) const HOT: &[u8] =
    &[META, ASSIGNMENTS, ENROLLMENTS, ACCEPTANCES, WAITING_CA_REQUESTS, ISSUERS];

/// The single values of [`META`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meta {
    LastOrder,
    LastCaRequest,
    Authority,
    PendingAuthorityKey,
    Crl,
    IssuedCount,
    Topology,
    OpenOrders,
}

/// The key of a single value.
pub(crate) fn meta(which: Meta) -> Vec<u8> {
    let number = match which {
        Meta::LastOrder => 1,
        Meta::LastCaRequest => 2,
        Meta::Authority => 3,
        Meta::PendingAuthorityKey => 4,
        Meta::Crl => 5,
        Meta::IssuedCount => 6,
        Meta::Topology => 7,
        Meta::OpenOrders => 8,
    };
    vec![META, number]
}

pub(crate) fn assignment(role: &Role, scope_name: &str) -> Vec<u8> {
    text(ASSIGNMENTS, &format!("{}\n{scope_name}", folded(role)))
}

pub(crate) fn enrollment(name: &EnrollmentName) -> Vec<u8> {
    text(ENROLLMENTS, &name.to_string().to_ascii_lowercase())
}

pub(crate) fn order(id: OrderId) -> Vec<u8> {
    number(ORDERS, id.get())
}

pub(crate) fn expiry(not_after: Timestamp, fingerprint: Fingerprint) -> Vec<u8> {
    let mut key = expiry_until(not_after);
    key.extend(fingerprint.as_bytes());
    key
}

/// The first key of [`EXPIRY`] that is not before `moment`.
pub(crate) fn expiry_until(moment: Timestamp) -> Vec<u8> {
    // The sign bit is flipped so that octets sort like numbers.
    let sortable = moment.as_millis() ^ i64::MIN;
    octets(EXPIRY, &sortable.to_be_bytes())
}

pub(crate) fn acceptance(code: &str, role: &str) -> Vec<u8> {
    text(ACCEPTANCES, &format!("{code}\n{}", role.to_ascii_lowercase()))
}

pub(crate) fn revoked(serial_number: &[u8]) -> Vec<u8> {
    octets(REVOKED, serial_number)
}

pub(crate) fn issued_elsewhere(thumbprint: Thumbprint) -> Vec<u8> {
    octets(ISSUED_ELSEWHERE, thumbprint.as_bytes())
}

pub(crate) fn ca_issued(serial_number: &[u8]) -> Vec<u8> {
    octets(CA_ISSUED, serial_number)
}

pub(crate) fn ca_request(id: u64) -> Vec<u8> {
    number(CA_REQUESTS, id)
}

pub(crate) fn waiting_ca_request(id: u64) -> Vec<u8> {
    number(WAITING_CA_REQUESTS, id)
}

pub(crate) fn issuer(fingerprint: Fingerprint) -> Vec<u8> {
    octets(ISSUERS, fingerprint.as_bytes())
}

pub(crate) fn certificate(fingerprint: Fingerprint) -> Vec<u8> {
    octets(CERTIFICATES, fingerprint.as_bytes())
}

pub(crate) fn thumbprint(thumbprint: Thumbprint) -> Vec<u8> {
    octets(THUMBPRINTS, thumbprint.as_bytes())
}

/// The beginning of the keys of [`USES`] for one certificate.
pub(crate) fn uses(fingerprint: Fingerprint) -> Vec<u8> {
    octets(USES, fingerprint.as_bytes())
}

pub(crate) fn use_of(
    fingerprint: Fingerprint,
    role: &Role,
    scope_name: &str,
    generation: Generation,
) -> Vec<u8> {
    let mut key = uses(fingerprint);
    key.extend(format!("{}\n{scope_name}\n", folded(role)).as_bytes());
    key.extend(generation.get().to_be_bytes());
    key
}

/// The beginning of the keys of [`PREVIOUS`] for one role and scope.
pub(crate) fn previous_of(role: &Role, scope_name: &str) -> Vec<u8> {
    text(PREVIOUS, &format!("{}\n{scope_name}\n", folded(role)))
}

pub(crate) fn previous(role: &Role, scope_name: &str, generation: Generation) -> Vec<u8> {
    let mut key = previous_of(role, scope_name);
    key.extend(generation.get().to_be_bytes());
    key
}

pub(crate) fn friendly_name(name: &str) -> Vec<u8> {
    text(FRIENDLY_NAMES, &name.to_lowercase())
}

pub(crate) fn request(id: &str) -> Vec<u8> {
    text(REQUESTS, id)
}

pub(crate) fn key(id: KeyId) -> Vec<u8> {
    octets(KEYS, id.as_bytes())
}

fn folded(role: &Role) -> String {
    role.as_str().to_ascii_lowercase()
}

fn text(table: u8, text: &str) -> Vec<u8> {
    octets(table, text.as_bytes())
}

fn number(table: u8, number: u64) -> Vec<u8> {
    octets(table, &number.to_be_bytes())
}

fn octets(table: u8, octets: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(octets.len().saturating_add(1));
    key.push(table);
    key.extend(octets);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_sort_by_expiry_even_across_the_epoch() {
        let fingerprint = Fingerprint::of(b"x");
        let keys: Vec<Vec<u8>> = [i64::MIN, -1, 0, 1, i64::MAX]
            .into_iter()
            .map(|millis| expiry(Timestamp::from_millis(millis), fingerprint))
            .collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn roles_that_differ_in_case_share_a_row() {
        let (a, b): (Role, Role) = ("Turn".parse().unwrap(), "TURN".parse().unwrap());
        assert_eq!(assignment(&a, "se01.contoso.com"), assignment(&b, "se01.contoso.com"));
    }
}
