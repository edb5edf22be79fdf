//! Certificates made by rcgen, and what is read out of them.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};

use super::*;

fn made(names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "fe01.contoso.com");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn a_certificate_is_read() {
    let der = made(&["FE01.contoso.com", "*.contoso.com", "192.0.2.1"]);
    let certificate = Certificate::from_der(&der).unwrap();
    let names: Vec<_> = certificate.dns_names().iter().map(DnsName::as_str).collect();
    assert_eq!(names, ["fe01.contoso.com", "*.contoso.com"]);
    assert_eq!(certificate.other_names(), ["IP:192.0.2.1".into()]);
    assert_eq!(certificate.subject().common_name(), Some("fe01.contoso.com"));
    assert!(certificate.is_self_signed());
    assert_eq!(certificate.version(), 3);
    assert_eq!(certificate.signature_algorithm().to_string(), "ecdsa with sha-256");
    assert_eq!(certificate.public_key().algorithm().to_string(), "p-256");
    assert_eq!(Certificate::from_pem(certificate.to_pem()).unwrap(), certificate);
}
