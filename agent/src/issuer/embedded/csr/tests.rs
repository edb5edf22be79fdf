use rcgen::{
    BasicConstraints, CustomExtension, DistinguishedName, DnType, IsCa, KeyPair, SigningKey,
};
use rolecall::key::KeyAlgorithm;

use super::*;
use crate::issuer::embedded::testing::{Fixture, openssl, options, shown};

fn allowed() -> AllowedNames {
    AllowedNames {
        dns_names: ["se01.contoso.com", "dialin.contoso.com"].map(|it| it.parse().unwrap()).into(),
        addresses: ["10.0.0.1".parse().unwrap()].into(),
    }
}

fn request(edit: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    edit(&mut params);
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn refusal(der: &[u8]) -> CsrRefusal {
    check_csr(der, &allowed()).unwrap_err()
}

fn san(san: SanType) -> CsrRefusal {
    refusal(&request(|params| params.subject_alt_names = vec![san]))
}

fn ia5<T: TryFrom<&'static str, Error: std::fmt::Debug>>(text: &'static str) -> T {
    text.try_into().unwrap()
}

#[test]
fn our_own_requests_pass_our_own_check_and_openssls() {
    let fixture = Fixture::new(&options());
    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Rsa2048,
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let subject =
            Subject { common_name: Some("se01.contoso.com".into()), ..Subject::default() };
        let names: Vec<_> = allowed().dns_names.into_iter().collect();
        let purposes = [Purpose::ServerAuth, Purpose::ClientAuth];
        for digest in DigestAlgorithm::ALL {
            let der = create_csr(&key, &subject, &names, digest, &purposes).unwrap();
            let facts = check_csr(&der, &allowed()).unwrap();
            assert_eq!(facts.spki_der, key.spki_der(), "{algorithm}");
            assert_eq!(facts.spki_sha256, key.spki_sha256(), "{algorithm}");
            assert_eq!(facts.key.to_string(), algorithm.as_str());

            let path = fixture.write("own.csr", &der);
            let shown = openssl(&[
                "req",
                "-inform",
                "DER",
                "-in",
                shown(&path),
                "-verify",
                "-noout",
                "-text",
            ])
            .unwrap();
            assert!(shown.contains("verify OK"), "{shown}");
            assert!(shown.contains("DNS:dialin.contoso.com, DNS:se01.contoso.com"), "{shown}");
        }
    }
}

#[test]
fn a_request_that_asks_for_nothing_is_accepted() {
    assert_eq!(check_csr(&request(|_| ()), &allowed()).unwrap().key, SubjectKey::EcdsaP256);
}

#[test]
fn whoever_asks_for_power_is_refused() {
    let ca = |constraints| request(|params| params.is_ca = IsCa::Ca(constraints));
    assert_eq!(refusal(&ca(BasicConstraints::Unconstrained)), CsrRefusal::AsksForCa);
    assert_eq!(refusal(&ca(BasicConstraints::Constrained(0))), CsrRefusal::AsksForCa);
    for (usage, name) in
        [(KeyUsagePurpose::KeyCertSign, "keyCertSign"), (KeyUsagePurpose::CrlSign, "cRLSign")]
    {
        let der = request(|params| params.key_usages = vec![usage]);
        assert_eq!(refusal(&der), CsrRefusal::AsksForCaKeyUsage { usage: name });
    }
    let sid = request(|params| {
        params.custom_extensions.push(CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 4, 1, 311, 25, 2],
            vec![0x30, 0x00],
        ));
    });
    assert_eq!(refusal(&sid), CsrRefusal::CarriesSecurityIdentifier);
}

#[test]
fn names_of_other_kinds_are_refused_with_their_text() {
    let upn =
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "root@contoso.com".into()));
    assert_eq!(san(upn), CsrRefusal::CarriesUserPrincipalName);
    for (name, text) in [
        (SanType::OtherName((vec![1, 2, 3], "x".into())), "a otherName `1.2.3`"),
        (SanType::Rfc822Name(ia5("root@contoso.com")), "rfc822Name `root@contoso.com`"),
        (SanType::URI(ia5("https://contoso.com")), "`https://contoso.com`"),
        (SanType::DnsName(ia5("evil.contoso.com")), "foreign name `evil.contoso.com`"),
        (SanType::DnsName(ia5("*.contoso.com")), "foreign name `*.contoso.com`"),
        (SanType::DnsName(ia5("a\u{7}b")), r"foreign name `a\u{7}b`"),
        (SanType::IpAddress("10.0.0.2".parse().unwrap()), "address 10.0.0.2"),
        (SanType::IpAddress("fd00::1".parse().unwrap()), "address fd00::1"),
    ] {
        let refused = san(name).to_string();
        assert!(refused.contains(text), "{text}: {refused}");
    }
}

#[test]
fn names_of_the_order_are_accepted_in_any_case() {
    let der = request(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName(ia5("SE01.contoso.com")),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
        ];
        params.distinguished_name.push(DnType::CommonName, "My first server");
    });
    check_csr(&der, &allowed()).unwrap();
}

#[test]
fn a_subject_is_judged_as_well() {
    let foreign = request(|params| {
        params.distinguished_name.push(DnType::CommonName, "dc01.contoso.com");
    });
    assert_eq!(refusal(&foreign), CsrRefusal::ForeignName { name: "dc01.contoso.com".into() });
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    let mailed = request(|params| params.distinguished_name.push(email, "root@contoso.com"));
    assert!(refusal(&mailed).to_string().contains("emailAddress `root@contoso.com`"));
}

#[test]
fn evidence_is_bounded_and_escaped() {
    let long: &'static str = Box::leak(format!("\u{1b}{}", "x".repeat(3_000)).into_boxed_str());
    let refused = san(SanType::DnsName(ia5(long))).to_string();
    assert!(refused.len() < 400, "{}", refused.len());
    assert!(!refused.contains('\u{1b}'));
}

#[test]
fn a_second_extension_request_hides_nothing() {
    // Two values under one attribute: readers that look at the first one alone would miss it.
    let plain = [0x30, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x04, 0x01, 0x00];
    let ca = [
        0x30, 0x11, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30,
        0x03, 0x01, 0x01, 0xff,
    ];
    let harmless = [
        0x30, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x02, 0x30,
        0x00,
    ];
    let twice = [harmless.as_slice(), ca.as_slice()].concat();
    for oid in [NEW_EXTENSION_REQUEST, OLD_EXTENSION_REQUEST] {
        assert_eq!(refusal(&with_attribute(oid, &twice)), CsrRefusal::AsksForCa);
        let refused = refusal(&with_attribute(oid, &plain));
        assert!(matches!(refused, CsrRefusal::MalformedExtension { .. }), "{refused}");
    }
}

const NEW_EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113_549, 1, 9, 14];
const OLD_EXTENSION_REQUEST: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 2, 1, 14];

fn with_attribute(oid: &'static [u64], values: &[u8]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let set = crate::issuer::embedded::der::tlv(0x31, values);
    let attribute = rcgen::Attribute { oid, values: set };
    params
        .serialize_request_with_attributes(&KeyPair::generate().unwrap(), vec![attribute])
        .unwrap()
        .der()
        .to_vec()
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    assert_eq!(refusal(b""), CsrRefusal::Malformed);
    assert_eq!(refusal(b"-----BEGIN CERTIFICATE REQUEST-----"), CsrRefusal::Malformed);
    assert_eq!(refusal(&[0x30; 20_000]), CsrRefusal::TooLarge { len: 20_000 });
    let mut trailing = request(|_| ());
    trailing.extend(b"xy");
    assert_eq!(refusal(&trailing), CsrRefusal::TrailingBytes { len: 2 });
}

#[test]
fn a_request_cut_anywhere_is_refused_and_one_with_a_flipped_bit_never_passes_unnoticed() {
    let good = request(|params| {
        params.subject_alt_names = vec![SanType::DnsName(ia5("se01.contoso.com"))];
    });
    let key = check_csr(&good, &allowed()).unwrap();
    for at in 0..good.len() {
        assert!(check_csr(&good[..at], &allowed()).is_err(), "cut at {at}");
        let mut bad = good.clone();
        bad[at] ^= 1;
        // Bits outside what is signed may flip without effect, but never change the key.
        if let Ok(facts) = check_csr(&bad, &allowed()) {
            assert_eq!(facts, key, "flipped at {at}");
        }
    }
}

#[test]
fn whoever_does_not_hold_the_key_is_refused() {
    struct Thief(KeyPair, KeyPair);
    impl rcgen::PublicKeyData for Thief {
        fn der_bytes(&self) -> &[u8] {
            self.0.der_bytes()
        }
        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            self.0.algorithm()
        }
    }
    impl SigningKey for Thief {
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            self.1.sign(message)
        }
    }
    let thief = Thief(KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let der = CertificateParams::default().serialize_request(&thief).unwrap();
    assert_eq!(refusal(der.der()), CsrRefusal::Unverified(Unverified::Mismatch));
}

#[test]
fn a_request_for_a_key_in_our_own_hands_is_judged_by_all_but_its_signature() {
    let names =
        |name| request(|params| params.subject_alt_names = vec![SanType::DnsName(ia5(name))]);
    let mut good = names("se01.contoso.com");
    let facts = check_csr(&good, &allowed()).unwrap();
    let ours = |spki_sha256: &[u8; 32]| *spki_sha256 == facts.spki_sha256;
    *good.last_mut().unwrap() ^= 1;
    assert!(matches!(refusal(&good), CsrRefusal::Unverified(_)));
    assert_eq!(check_own_csr(&good, &allowed(), ours).as_ref(), Ok(&facts));

    let foreign = names("www.fabrikam.com");
    let always = |_spki_sha256: &[u8; 32]| true;
    assert_eq!(check_own_csr(&foreign, &allowed(), always), Err(refusal(&foreign)));
}

#[test]
fn weak_huge_and_foreign_keys_are_refused_before_use() {
    let fixture = Fixture::new(&options());
    let made = |arguments: &[&str]| {
        let (key, csr) = (fixture.path("weak.key"), fixture.path("weak.csr"));
        let generate = [&["genpkey", "-out", shown(&key)], arguments].concat();
        openssl(&generate).unwrap();
        openssl(&[
            "req",
            "-new",
            "-key",
            shown(&key),
            "-subj",
            "/CN=x",
            "-outform",
            "DER",
            "-out",
            shown(&csr),
        ])
        .unwrap();
        refusal(&std::fs::read(csr).unwrap())
    };
    let rsa =
        |bits: &str| made(&["-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")]);
    let ec = |curve: &str| {
        made(&["-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")])
    };

    assert_eq!(rsa("1024"), CsrRefusal::Key(UnacceptableKey::RsaTooSmall { bits: 1_024 }));
    assert_eq!(rsa("2047"), CsrRefusal::Key(UnacceptableKey::RsaTooSmall { bits: 2_047 }));
    assert!(matches!(ec("secp256k1"), CsrRefusal::Key(UnacceptableKey::UnknownCurve { .. })));
    assert!(matches!(
        made(&["-algorithm", "ED25519"]),
        CsrRefusal::Key(UnacceptableKey::UnknownAlgorithm { .. })
    ));
}

#[test]
fn a_modulus_above_the_bound_is_refused_without_computing_with_it() {
    // A modulus of 16,384 bits needs no prime factors to be refused.
    struct Huge(Vec<u8>);
    impl rcgen::PublicKeyData for Huge {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }
        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            &rcgen::PKCS_RSA_SHA256
        }
    }
    impl SigningKey for Huge {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(vec![0; 2_048])
        }
    }
    use crate::issuer::embedded::der::tlv;
    let modulus = tlv(0x02, &[vec![0], vec![0xff; 2_048]].concat());
    let key = Huge(tlv(0x30, &[modulus, vec![0x02, 0x03, 0x01, 0x00, 0x01]].concat()));
    let der = CertificateParams::default().serialize_request(&key).unwrap();
    assert_eq!(refusal(der.der()), CsrRefusal::Key(UnacceptableKey::RsaTooLarge { bits: 16_384 }));
}

#[test]
fn a_request_signed_with_sha_1_is_refused() {
    let fixture = Fixture::new(&options());
    let (key, csr) = (fixture.path("k.pem"), fixture.path("c.der"));
    openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-sha1",
        "-keyout",
        shown(&key),
        "-subj",
        "/CN=x",
        "-outform",
        "DER",
        "-out",
        shown(&csr),
    ])
    .unwrap();
    let refused = refusal(&std::fs::read(&csr).unwrap());
    assert!(
        matches!(refused, CsrRefusal::Unverified(Unverified::UnknownAlgorithm { .. })),
        "{refused}"
    );

    openssl(&[
        "req",
        "-new",
        "-key",
        shown(&key),
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:digest",
        "-sha256",
        "-subj",
        "/CN=x",
        "-outform",
        "DER",
        "-out",
        shown(&csr),
    ])
    .unwrap();
    check_csr(&std::fs::read(&csr).unwrap(), &allowed()).unwrap();
}
