//! Rows as lines of JSON, for people and scripts that look into a store from outside.
//!
//! The table's name, the rest of the key, and the row's message in protobuf's octets, both in
//! hexadecimal digits: lossless, and readable by anything that has `proto/`.

use rolecall::hex;

use super::tables;

/// Returns one row as a line of JSON.
pub fn line(key: &[u8], value: &[u8]) -> String {
    let (table, rest) = key.split_first().map_or((0, key), |(table, rest)| (*table, rest));
    serde_json::json!({
        "table": name(table),
        "message": message(table),
        "key": hex::lower(rest),
        "value": hex::lower(value),
    })
    .to_string()
}

const fn name(table: u8) -> &'static str {
    match table {
        tables::META => "meta",
        tables::ASSIGNMENTS => "assignments",
        tables::ENROLLMENTS => "enrollments",
        tables::EXPIRY => "expiry",
        tables::ACCEPTANCES => "acceptances",
        tables::REVOKED => "revoked",
        tables::WAITING_CA_REQUESTS => "waiting-ca-requests",
        tables::ISSUERS => "issuers",
        tables::ORDERS => "orders",
        tables::CERTIFICATES => "certificates",
        tables::THUMBPRINTS => "thumbprints",
        tables::USES => "uses",
        tables::PREVIOUS => "previous",
        tables::FRIENDLY_NAMES => "friendly-names",
        tables::REQUESTS => "requests",
        tables::CA_REQUESTS => "ca-requests",
        tables::CA_ISSUED => "ca-issued",
        tables::ISSUED_ELSEWHERE => "issued-elsewhere",
        tables::KEYS => "keys",
        _ => "store",
    }
}

/// The message of `rolecall.v1` that a table's rows are; empty where they are plain octets.
const fn message(table: u8) -> &'static str {
    match table {
        tables::ASSIGNMENTS => "Assignment",
        tables::ENROLLMENTS => "Enrollment",
        tables::ACCEPTANCES => "Acceptance",
        tables::REVOKED | tables::CERTIFICATES => "Certificate",
        tables::ORDERS => "Order",
        tables::USES => "Use",
        tables::PREVIOUS => "Slot",
        tables::CA_REQUESTS => "CaRequest",
        tables::CA_ISSUED => "CaIssued",
        _ => "",
    }
}
