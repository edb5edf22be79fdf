use super::*;
use crate::issuer::embedded::testing::{
    DAY, Fixture, NOW, openssl, options, profile, rsa_options, serial, shown, text,
};
use crate::issuer::embedded::{PrivateKey, issue};
use rolecall::key::KeyAlgorithm;

fn entry(number: u8, reason: RevocationReason) -> RevokedEntry {
    RevokedEntry { serial: serial(number), at: NOW - DAY, reason }
}

#[test]
fn openssl_verifies_the_list_and_reads_every_reason() {
    for options in [options(), rsa_options()] {
        let fixture = Fixture::new(&options);
        let revoked: Vec<_> =
            (10..).zip(RevocationReason::ALL).map(|(number, it)| entry(number, it)).collect();
        let list = crl(&fixture.ca, &revoked, 4_711, NOW, NOW + 7 * DAY).unwrap();

        let path = fixture.write("list.crl", &list);
        let issuing = fixture.path("issuing.pem");
        let shown = openssl(&[
            "crl",
            "-inform",
            "DER",
            "-in",
            shown(&path),
            "-CAfile",
            shown(&issuing),
            "-verify",
            "-noout",
            "-text",
        ])
        .unwrap();
        for line in [
            "verify OK",
            "X509v3 CRL Number: \n                4711",
            "X509v3 Authority Key Identifier",
            "Serial Number: 4A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A",
            "Key Compromise",
            "CA Compromise",
            "Affiliation Changed",
            "Superseded",
            "Cessation Of Operation",
            "Certificate Hold",
            "Privilege Withdrawn",
        ] {
            assert!(shown.contains(line), "{line}: {shown}");
        }
        assert!(!shown.contains("Unspecified"), "{shown}");
    }
}

#[test]
fn openssl_refuses_a_revoked_certificate_and_accepts_its_neighbour() {
    let fixture = Fixture::new(&options());
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let issued = |number| {
        issue(&fixture.ca, &profile(&["a.contoso.com"]), key.spki_der(), serial(number), NOW)
            .unwrap()
            .certificate
    };
    let revoked = [entry(7, RevocationReason::KeyCompromise)];
    let list = crl(&fixture.ca, &revoked, 1, NOW - DAY, NOW + DAY).unwrap();
    let der = fixture.write("list.crl", &list);
    let pem = fixture.path("list.pem");
    openssl(&["crl", "-inform", "DER", "-in", shown(&der), "-out", shown(&pem)]).unwrap();

    let check = ["-crl_check", "-CRLfile", shown(&pem)];
    fixture.verify(&issued(8), &check).unwrap();
    let verdict = fixture.verify(&issued(7), &check).unwrap_err();
    assert!(verdict.contains("certificate revoked"), "{verdict}");
    assert!(text(&fixture, &issued(7)).contains(&fixture.ca.key_id().crl_path()));
}

#[test]
fn an_empty_list_is_a_list() {
    let fixture = Fixture::new(&options());
    let list = crl(&fixture.ca, &[], 1, NOW, NOW + DAY).unwrap();
    let path = fixture.write("list.crl", &list);
    let shown = openssl(&["crl", "-inform", "DER", "-in", shown(&path), "-noout", "-text"]);
    assert!(shown.unwrap().contains("No Revoked Certificates"));
}

#[test]
fn a_list_that_ends_before_it_begins_is_not_signed() {
    let fixture = Fixture::new(&options());
    assert!(matches!(crl(&fixture.ca, &[], 1, NOW, NOW), Err(CrlError::EndsBeforeItBegins { .. })));
}

#[test]
fn every_reason_is_parsed_from_its_own_name_and_from_a_hyphenated_one() {
    for reason in RevocationReason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
    }
    assert_eq!("key-compromise".parse(), Ok(RevocationReason::KeyCompromise));
    let unknown = "keyCompromised".parse::<RevocationReason>().unwrap_err().to_string();
    assert!(unknown.contains("keyCompromise"), "{unknown}");
}
