//! Certificates made by rcgen, what is read out of them, and what damaged bytes get.

use std::sync::OnceLock;

use proptest::prelude::*;
use rcgen::{
    CertificateParams, CrlDistributionPoint, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};

use super::*;

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "fe01.contoso.com");
    params
}

fn der_of(params: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn made(params: &CertificateParams) -> Certificate {
    Certificate::from_der(&der_of(params)).unwrap()
}

/// A certificate with every extension that is read.
fn full() -> &'static [u8] {
    static FULL: OnceLock<Vec<u8>> = OnceLock::new();
    FULL.get_or_init(|| {
        let mut params = params(&["FE01.contoso.com", "*.contoso.com", "192.0.2.1", "2001:db8::1"]);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::CodeSigning,
            ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 311, 10, 3, 4]),
        ];
        params.crl_distribution_points = vec![CrlDistributionPoint {
            uris: vec!["http://crl.contoso.com/a.crl".into(), "ldap:///CN=a".into()],
        }];
        params.use_authority_key_identifier_extension = true;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(3));
        params.custom_extensions = vec![
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], ca_issuers()),
            CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 24],
                vec![0x30, 3, 2, 1, 5],
            ),
        ];
        der_of(&params)
    })
}

/// `AuthorityInfoAccessSyntax` with one `caIssuers`, whose URI is `http://ca/a`.
fn ca_issuers() -> Vec<u8> {
    let mut value = vec![0x30, 25, 0x30, 23, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, 11];
    value.extend(b"http://ca/a");
    value
}

#[test]
fn every_field_is_read() {
    let certificate = Certificate::from_der(full()).unwrap();
    let names: Vec<_> = certificate.dns_names().iter().map(DnsName::as_str).collect();
    assert_eq!(names, ["fe01.contoso.com", "*.contoso.com"]);
    assert_eq!(certificate.other_names(), ["IP:192.0.2.1".into(), "IP:2001:db8::1".into()]);
    assert_eq!(certificate.subject().as_str(), "CN=fe01.contoso.com");
    assert_eq!(certificate.subject().common_name(), Some("fe01.contoso.com"));
    assert_eq!(certificate.version(), 3);
    assert_eq!(certificate.signature_algorithm().to_string(), "ecdsa with sha-256");
    assert_eq!(certificate.public_key().algorithm().to_string(), "p-256");
    assert!(certificate.is_self_issued() && certificate.is_self_signed());
}

#[test]
fn every_extension_that_matters_is_read() {
    let certificate = Certificate::from_der(full()).unwrap();
    let usage = certificate.extended_key_usage().unwrap();
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    assert_eq!(usage.others, ["1.3.6.1.5.5.7.3.3".into(), "1.3.6.1.4.1.311.10.3.4".into()]);
    assert!(certificate.key_usage().unwrap().digital_signature());
    assert!(!certificate.key_usage().unwrap().key_cert_sign());
    assert_eq!((certificate.is_ca(), certificate.path_len()), (true, Some(3)));
    assert_eq!(certificate.subject_key_id(), certificate.authority_key_id());
    assert_eq!(
        certificate.crl_distribution_points(),
        ["http://crl.contoso.com/a.crl".into(), "ldap:///CN=a".into()]
    );
    assert_eq!(certificate.ca_issuers(), ["http://ca/a".into()]);
    assert!(certificate.must_staple());
}

#[test]
fn a_certificate_survives_its_own_pem() {
    let certificate = Certificate::from_der(full()).unwrap();
    let pem = certificate.to_pem();
    assert_eq!(Certificate::from_pem(&pem).unwrap(), certificate);
    assert!(pem.lines().all(|line| line.len() <= 64));
    let windows = format!("\u{feff}subject=fe01\r\n{}", pem.replace('\n', "\r\n"));
    assert_eq!(Certificate::from_pem(windows).unwrap(), certificate);
}

#[test]
fn several_blocks_are_read_in_order_and_others_passed_over() {
    let (one, two) = (made(&params(&["a.b"])), made(&params(&["c.d"])));
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let text = format!("{key}s:/CN=a\n{}\n{key}{}", one.to_pem(), two.to_pem());
    assert_eq!(Certificate::many_from_pem(&text).unwrap(), [one, two]);
}

#[test]
fn a_damaged_text_is_refused_with_the_line_and_never_with_a_key() {
    let pem = made(&params(&["a.b"])).to_pem();
    let unfinished: String = pem.lines().take(3).map(|line| format!("{line}\n")).collect();
    let damaged = pem.replacen("MII", "M!I", 1);
    let zeros = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, part) in [
        (format!("\n\n{unfinished}"), "line 3 has no"),
        (format!("{unfinished}{pem}"), "line 1 has no"),
        (format!("# a comment\n{damaged}"), "line 2 is not Base64"),
        (format!("{pem}{zeros}"), "is not a certificate"),
        (String::new(), "no `-----BEGIN CERTIFICATE-----` was found"),
    ] {
        let refusal = Certificate::many_from_pem(&text).unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
    let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let refusal = Certificate::from_pem(key).unwrap_err();
    assert!(refusal.to_string().ends_with("; the text holds: PRIVATE KEY"), "{refusal}");
    assert!(!format!("{refusal:?}").contains("c2VjcmV0"));
}

#[test]
fn bytes_after_the_certificate_are_refused_with_their_place() {
    let mut der = full().to_vec();
    let offset = der.len();
    der.extend(b"abc");
    assert_eq!(
        Certificate::from_der(&der),
        Err(InvalidCertificate::TrailingBytes { offset, extra: 3 })
    );
}

#[test]
fn what_is_no_certificate_is_refused_with_what_was_expected() {
    let pem = made(&params(&["a.b"])).to_pem();
    for (bytes, text) in [
        (&b""[..], "there are no bytes; a certificate in DER was expected"),
        (pem.as_bytes(), "these bytes are PEM text; a certificate in DER was expected"),
        (b"hello", "at byte 0 of 5, a SEQUENCE (30) was expected"),
        (
            b"\x30\x80\x00\x00",
            "at byte 1 of 4, a definite length of at most three bytes was expected",
        ),
        (b"\x30\x05ab", "at byte 4 of 4, more bytes: the element is cut short was expected"),
        (b"\x30\x00", "at byte 0 of 2, a SEQUENCE of three elements was expected"),
    ] {
        assert_eq!(Certificate::from_der(bytes).unwrap_err().to_string(), text);
    }
}

#[test]
fn every_truncation_is_refused() {
    let der = full();
    for len in 0..der.len() {
        let refusal = Certificate::from_der(&der[..len]).unwrap_err();
        assert!(
            matches!(refusal, InvalidCertificate::Structure { .. } | InvalidCertificate::Empty),
            "{len}: {refusal}"
        );
    }
}

#[test]
fn a_certificate_of_more_than_64_kib_is_refused() {
    let mut big = params(&["a.b"]);
    let filler = CustomExtension::from_oid_content(&[1, 2, 3], vec![0; Certificate::MAX_LEN]);
    big.custom_extensions = vec![filler];
    let refusal = Certificate::from_der(&der_of(&big)).unwrap_err();
    assert!(matches!(refusal, InvalidCertificate::TooLarge { .. }), "{refusal}");
}

#[test]
fn ten_thousand_names_are_read() {
    let mut many = params(&[]);
    let name = |number: usize| format!("{number:04}").as_str().try_into().map(SanType::DnsName);
    many.subject_alt_names = (0..10_000).map(|number| name(number).unwrap()).collect();
    assert_eq!(made(&many).dns_names().len(), 10_000);
}

#[test]
fn an_extension_that_stands_twice_is_refused() {
    let mut twice = params(&["a.b"]);
    let value = vec![0x30, 3, 2, 1, 5];
    let feature =
        || CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], value.clone());
    twice.custom_extensions = vec![feature(), feature()];
    let refusal = Certificate::from_der(&der_of(&twice)).unwrap_err();
    assert_eq!(refusal.to_string(), "extension 1.3.6.1.5.5.7.1.24 stands more than once");
}

#[test]
fn a_malformed_extension_is_refused_with_its_place_if_it_is_read_and_passed_over_if_not() {
    let mut read = params(&[]);
    read.custom_extensions =
        vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x04, 1, 0])];
    let refusal = Certificate::from_der(&der_of(&read)).unwrap_err();
    let InvalidCertificate::Extension { oid, offset } = refusal else { panic!("{refusal}") };
    assert_eq!(&*oid, "2.5.29.17");
    assert!(offset > 100, "{offset}");
    let mut unread = params(&["a.b"]);
    unread.custom_extensions =
        vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x04, 1, 0])];
    assert_eq!(made(&unread).dns_names().len(), 1);
}

#[test]
fn names_that_are_no_dns_names_are_kept_as_printable_text() {
    let mut odd = params(&[]);
    odd.subject_alt_names = vec![
        SanType::DnsName("fe_01.contoso.com".try_into().unwrap()),
        SanType::Rfc822Name("a\u{1b}[2J@b".try_into().unwrap()),
        SanType::URI("sip:fe01.contoso.com".try_into().unwrap()),
    ];
    assert_eq!(
        made(&odd).other_names(),
        [
            "DNS:fe_01.contoso.com".into(),
            "email:a\\u{1b}[2J@b".into(),
            "URI:sip:fe01.contoso.com".into()
        ]
    );
}

#[test]
fn a_distinguished_name_is_printed_as_rfc_4514_has_it_and_cannot_move_the_text_around_it() {
    let mut named = params(&["a.b"]);
    named.distinguished_name = rcgen::DistinguishedName::new();
    named.distinguished_name.push(DnType::CountryName, "DE");
    named.distinguished_name.push(DnType::OrganizationName, " Contoso, \"R+D\"; #1 ");
    named.distinguished_name.push(DnType::OrganizationalUnitName, "#1 <a>\\");
    named.distinguished_name.push(DnType::CommonName, "safe\u{202e}moc.live\n\u{1b}");
    let subject = made(&named).subject().clone();
    assert_eq!(
        subject.as_str(),
        "CN=safe\\E2\\80\\AEmoc.live\\0A\\1B,OU=\\#1 \\<a\\>\\\\,\
         O=\\ Contoso\\, \\\"R\\+D\\\"\\; #1\\ ,C=DE"
    );
    assert_eq!(subject.common_name(), Some("safe\\u{202e}moc.live\\u{a}\\u{1b}"));
}

#[test]
fn names_in_other_encodings_are_read() {
    let mut named = params(&["a.b"]);
    named.distinguished_name = rcgen::DistinguishedName::new();
    let bmp = rcgen::string::BmpString::try_from("Köln").unwrap();
    named.distinguished_name.push(DnType::CommonName, rcgen::DnValue::BmpString(bmp));
    assert_eq!(made(&named).subject().as_str(), "CN=Köln");
}

#[test]
fn a_chain_is_sorted_from_the_leaf_upwards() {
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let authority = |name: &str| {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    };
    let (root_params, root_key) = (authority("root"), key());
    let (middle_params, middle_key) = (authority("middle"), key());
    let parsed = |made: &rcgen::Certificate| Certificate::from_der(made.der()).unwrap();
    let root = parsed(&root_params.self_signed(&root_key).unwrap());
    let issuer = rcgen::Issuer::from_params(&root_params, &root_key);
    let middle = parsed(&middle_params.signed_by(&middle_key, &issuer).unwrap());
    let issuer = rcgen::Issuer::from_params(&middle_params, &middle_key);
    let leaf = parsed(&params(&["a.b"]).signed_by(&key(), &issuer).unwrap());

    let mixed = vec![root.clone(), leaf.clone(), middle.clone()];
    let chain = Chain::from_certificates(mixed).unwrap();
    assert_eq!(chain.leaf(), &leaf);
    assert_eq!(chain.issuers(), [middle.clone(), root.clone()]);
    assert_eq!(Chain::from_pem(chain.to_pem()).unwrap(), chain);
    let authorities = Chain::from_certificates(vec![root.clone(), middle.clone()]).unwrap();
    assert_eq!(authorities.leaf(), &middle);

    assert_eq!(Chain::from_certificates(vec![]), Err(InvalidChain::Empty));
    let long = Chain::new(leaf, vec![root; 11]);
    assert_eq!(long, Err(InvalidChain::TooLong { issuers: 11 }));
}

#[test]
fn a_changed_certificate_is_not_signed_by_its_key_any_more() {
    let mut der = full().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let altered = Certificate::from_der(&der).unwrap();
    assert!(altered.is_self_issued() && !altered.is_self_signed());
    assert_eq!(altered.check_signature(altered.public_key()), SignatureCheck::Invalid);
}

/// Uses everything that a certificate offers.
fn exercise(certificate: &Certificate) {
    let text = format!(
        "{certificate:?} {} {:?} {} {:?} {:?}",
        certificate.serial_number(),
        certificate.public_key(),
        certificate.signature_algorithm(),
        certificate.other_names(),
        certificate.crl_distribution_points(),
    );
    assert!(text.chars().all(|character| !character.is_control()), "{text:?}");
    assert!(!certificate.is_self_signed() || certificate.is_self_issued());
    assert_eq!(Certificate::from_pem(certificate.to_pem()).unwrap(), *certificate);
}

#[test]
fn no_flipped_bit_makes_the_parser_panic_or_leaves_the_signature_valid() {
    let mut der = full().to_vec();
    for position in 0..der.len() {
        for bit in 0..8 {
            der[position] ^= 1 << bit;
            if let Ok(certificate) = Certificate::from_der(&der) {
                assert_eq!(certificate.der(), der);
                let check = certificate.check_signature(certificate.public_key());
                assert_ne!(check, SignatureCheck::Valid, "bit {bit} of byte {position}");
            }
            der[position] ^= 1 << bit;
        }
    }
}

proptest! {
    #[test]
    fn damaged_certificates_never_make_the_parser_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut der = full().to_vec();
        for (index, octet) in damage {
            *index.get_mut(&mut der) = octet;
        }
        if let Some(cut) = cut {
            let start = cut.index(der.len());
            der.remove(start);
        }
        if let Ok(certificate) = Certificate::from_der(&der) {
            exercise(&certificate);
        }
    }

    #[test]
    fn any_bytes_never_make_the_parsers_panic(bytes: Vec<u8>) {
        prop_assert!(Certificate::from_der(&bytes).is_err());
        prop_assert!(Certificate::many_from_pem(&bytes).is_err());
    }

    #[test]
    fn any_text_never_makes_the_digit_parsers_panic(text: String) {
        if let Ok(thumbprint) = text.parse::<Thumbprint>() {
            prop_assert_eq!(thumbprint.to_string().parse(), Ok(thumbprint));
        }
        if let Ok(serial) = text.parse::<SerialNumber>() {
            prop_assert_eq!(serial.to_string().parse(), Ok(serial));
        }
        if let Ok(selector) = text.parse::<CertificateSelector>() {
            prop_assert!(selector.as_str().len() >= CertificateSelector::MIN_DIGITS);
        }
    }
}
