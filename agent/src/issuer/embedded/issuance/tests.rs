use rolecall::key::KeyAlgorithm;

use super::*;
use crate::issuer::embedded::PrivateKey;
use crate::issuer::embedded::testing::{
    DAY, Fixture, NOW, options, profile, rsa_options, serial, text,
};

fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

#[test]
fn what_is_issued_passes_openssl_as_server_and_as_client() {
    let fixture = Fixture::new(&options());
    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let profile = profile(&["se01.contoso.com", "*.fabrikam.com"]);
        let issued = issue(&fixture.ca, &profile, key.spki_der(), serial(3), NOW).unwrap();
        for check in [
            ["-purpose", "sslserver", "-verify_hostname", "se01.contoso.com"],
            ["-purpose", "sslclient", "-verify_hostname", "meet.fabrikam.com"],
        ] {
            fixture.verify(&issued.certificate, &check).unwrap();
        }
        assert_eq!(issued.digest, DigestAlgorithm::Sha256);
    }
}

#[test]
fn a_certificate_says_what_its_profile_says() {
    let fixture = Fixture::new(&options());
    let profile = profile(&["se01.contoso.com", "dialin.contoso.com"]);
    let issued = issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap();

    let shown = text(&fixture, &issued.certificate);
    let id = fixture.ca.key_id();
    for line in [
        "Version: 3 (0x2)",
        "43:03:03:03:03:03:03:03:03:03:03:03:03:03:03:03",
        "Subject: C = DE, O = Contoso, CN = se01.contoso.com",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "DNS:se01.contoso.com, DNS:dialin.contoso.com",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        &format!("URI:http://pki.contoso.com:7480/crl/{id}.crl"),
        &format!("CA Issuers - URI:http://pki.contoso.com:7480/ca/{id}.cer"),
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(issued.validity.lifetime(), 90 * DAY);
    assert_eq!(issued.validity.not_before, NOW - CLOCK_SKEW);
}

#[test]
fn an_rsa_subject_may_also_encipher_keys() {
    let fixture = Fixture::new(&options());
    let key = PrivateKey::generate(KeyAlgorithm::Rsa2048).unwrap();
    let issued =
        issue(&fixture.ca, &profile(&["a.contoso.com"]), key.spki_der(), serial(3), NOW).unwrap();
    assert!(text(&fixture, &issued.certificate).contains("Digital Signature, Key Encipherment"));
}

#[test]
fn an_empty_subject_makes_the_names_critical() {
    let fixture = Fixture::new(&options());
    let profile = Profile { subject: Subject::default(), ..profile(&["a.contoso.com"]) };
    let issued = issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap();
    fixture.verify(&issued.certificate, &[]).unwrap();
    assert!(text(&fixture, &issued.certificate).contains("Alternative Name: critical"));
}

#[test]
fn an_rsa_authority_signs_with_the_digest_that_was_asked_for() {
    let fixture = Fixture::new(&rsa_options());
    for (digest, name) in [
        (DigestAlgorithm::Sha256, "sha256WithRSAEncryption"),
        (DigestAlgorithm::Sha384, "sha384WithRSAEncryption"),
        (DigestAlgorithm::Sha512, "sha512WithRSAEncryption"),
    ] {
        let profile = Profile { digest, ..profile(&["a.contoso.com"]) };
        let issued = issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap();
        assert_eq!(issued.digest, digest);
        assert!(text(&fixture, &issued.certificate).contains(name));
        fixture.verify(&issued.certificate, &[]).unwrap();
    }
}

#[test]
fn an_ecdsa_authority_says_which_digest_its_curve_gave() {
    for (algorithm, asked, given) in [
        (KeyAlgorithm::EcdsaP256, DigestAlgorithm::Sha512, DigestAlgorithm::Sha256),
        (KeyAlgorithm::EcdsaP384, DigestAlgorithm::Sha256, DigestAlgorithm::Sha384),
        (KeyAlgorithm::EcdsaP521, DigestAlgorithm::Sha384, DigestAlgorithm::Sha384),
        (KeyAlgorithm::EcdsaP521, DigestAlgorithm::Sha512, DigestAlgorithm::Sha512),
    ] {
        let mut options = options();
        options.issuing_algorithm = algorithm;
        let fixture = Fixture::new(&options);
        let profile = Profile { digest: asked, ..profile(&["a.contoso.com"]) };
        let issued = issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap();
        assert_eq!(issued.digest, given, "{algorithm}");
        fixture.verify(&issued.certificate, &[]).unwrap();
        let name = format!("ecdsa-with-{}", given.as_str().replace('-', "").to_uppercase());
        assert!(text(&fixture, &issued.certificate).contains(&name), "{algorithm}");
    }
}

#[test]
fn a_certificate_never_outlives_its_authority() {
    let fixture = Fixture::new(&options());
    let profile = Profile { lifetime: 36_500 * DAY, ..profile(&["a.contoso.com"]) };
    let issued = issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap();
    assert_eq!(issued.validity.not_after, fixture.ca.validity().not_after);
}

#[test]
fn an_authority_signs_neither_before_nor_after_its_time() {
    let fixture = Fixture::new(&options());
    let at = |now| {
        issue(&fixture.ca, &profile(&["a.contoso.com"]), new_key().spki_der(), serial(3), now)
    };
    assert!(matches!(at(NOW - DAY), Err(IssueError::AuthorityNotYetValid { .. })));
    let end = fixture.ca.validity().not_after;
    assert!(matches!(at(end), Err(IssueError::AuthorityExpired { .. })));
    at(end - Duration::from_secs(1)).unwrap();
}

#[test]
fn profiles_that_make_no_certificate_are_refused() {
    let fixture = Fixture::new(&options());
    let refusal = |profile: Profile| {
        issue(&fixture.ca, &profile, new_key().spki_der(), serial(3), NOW).unwrap_err().to_string()
    };
    assert!(refusal(profile(&["a.example.com"])).contains("do not permit `a.example.com`"));
    assert!(refusal(profile(&["notcontoso.com"])).contains("notcontoso.com"));
    assert!(refusal(profile(&[])).contains("neither"));
    let mut addressed = profile(&["a.contoso.com"]);
    addressed.addresses = vec!["10.0.0.1".parse().unwrap()];
    assert!(refusal(addressed).contains("10.0.0.1"));
    let short = Profile { lifetime: Duration::from_secs(60), ..profile(&["a.contoso.com"]) };
    assert!(refusal(short).contains("60 s"));
}

#[test]
fn openssl_refuses_a_name_outside_the_constraints_that_the_key_signed_anyway() {
    let fixture = Fixture::new(&options());
    let mut params = CertificateParams::default();
    params.not_before = moment(NOW - CLOCK_SKEW);
    params.not_after = moment(NOW + DAY);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.subject_alt_names = vec![dns_san(&"www.example.com".parse().unwrap())];
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    let key = new_key();
    let signing = key.signing_key(DigestAlgorithm::Sha256).unwrap();
    let forged = params.signed_by(&signing, fixture.ca.issuer(DigestAlgorithm::Sha256)).unwrap();

    let verdict = fixture.verify(forged.der(), &[]).unwrap_err();
    assert!(verdict.contains("permitted subtree violation"), "{verdict}");
}

#[test]
fn garbage_is_no_public_key() {
    let fixture = Fixture::new(&options());
    let mut trailing = new_key().spki_der().to_vec();
    trailing.push(0);
    for spki in [b"".as_slice(), b"garbage", &trailing] {
        let refusal = issue(&fixture.ca, &profile(&["a.contoso.com"]), spki, serial(3), NOW);
        assert!(matches!(refusal, Err(IssueError::Key(UnacceptableKey::Malformed))));
    }
}

#[test]
fn without_a_publication_url_nothing_is_named() {
    let mut options = options();
    options.publication = None;
    let fixture = Fixture::new(&options);
    let issued =
        issue(&fixture.ca, &profile(&["a.contoso.com"]), new_key().spki_der(), serial(3), NOW);
    let shown = text(&fixture, &issued.unwrap().certificate);
    assert!(!shown.contains("URI:"), "{shown}");
}
