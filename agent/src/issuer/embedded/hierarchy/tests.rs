use std::error::Error as _;

use super::*;
use crate::issuer::embedded::constraints::AddressRange;
use crate::issuer::embedded::issue;
use crate::issuer::embedded::testing::{
    Fixture, NOW, openssl, options, profile, rsa_options, serial, shown, text,
};

#[test]
fn openssl_accepts_the_issuing_ca_below_the_root() {
    let fixture = Fixture::new(&options());
    let issuing = fixture.path("issuing.pem");
    let verdict = fixture.verify(&fixture.new.issuing.certificate, &[]);
    assert!(verdict.unwrap().contains("OK"), "{}", shown(&issuing));
}

#[test]
fn the_root_may_have_one_authority_below_it_and_the_issuing_ca_none() {
    let fixture = Fixture::new(&options());

    let root = text(&fixture, &fixture.new.root.certificate);
    assert!(
        root.contains("Basic Constraints: critical\n                CA:TRUE, pathlen:1"),
        "{root}"
    );
    assert!(
        root.contains("Key Usage: critical\n                Certificate Sign, CRL Sign"),
        "{root}"
    );
    assert!(root.contains("ecdsa-with-SHA384"), "{root}");
    assert!(root.contains("Subject: O = Contoso, CN = Rolecall Root CA "), "{root}");
    assert!(!root.contains("CRL Distribution"), "{root}");

    let issuing = text(&fixture, &fixture.new.issuing.certificate);
    assert!(issuing.contains("CA:TRUE, pathlen:0"), "{issuing}");
    assert!(issuing.contains("ASN1 OID: prime256v1"), "{issuing}");
    let root_id = &fixture.new.root.key_id;
    for url in [
        format!("URI:http://pki.contoso.com:7480/crl/{root_id}.crl"),
        format!("CA Issuers - URI:http://pki.contoso.com:7480/ca/{root_id}.cer"),
    ] {
        assert!(issuing.contains(&url), "{issuing}");
    }
}

#[test]
fn name_constraints_are_critical_and_exclude_every_address_by_default() {
    let fixture = Fixture::new(&options());
    let issuing = text(&fixture, &fixture.new.issuing.certificate);
    let (_, constraints) = issuing.split_once("X509v3 Name Constraints: critical").unwrap();
    for line in
        ["DNS:contoso.com", "DNS:fabrikam.com", "IP:0.0.0.0/0.0.0.0", "IP:0:0:0:0:0:0:0:0/0"]
    {
        assert!(constraints.contains(line), "{line}: {issuing}");
    }
}

#[test]
fn a_permitted_range_lets_addresses_of_that_range_pass() {
    let mut options = options();
    options.permitted.addresses =
        vec![AddressRange { address: "10.0.0.0".parse().unwrap(), prefix: 8 }];
    let fixture = Fixture::new(&options);

    let mut profile = profile(&["se01.contoso.com"]);
    profile.addresses = vec!["10.1.2.3".parse().unwrap()];
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let issued = issue(&fixture.ca, &profile, key.spki_der(), serial(3), NOW).unwrap();
    fixture.verify(&issued.certificate, &["-verify_ip", "10.1.2.3"]).unwrap();

    profile.addresses = vec!["192.0.2.1".parse().unwrap()];
    let refusal = issue(&fixture.ca, &profile, key.spki_der(), serial(3), NOW).unwrap_err();
    assert!(refusal.to_string().contains("192.0.2.1"), "{refusal}");
}

#[test]
fn a_hierarchy_of_rsa_keys_is_accepted_too() {
    let fixture = Fixture::new(&rsa_options());
    fixture.verify(&fixture.new.issuing.certificate, &[]).unwrap();
    assert!(text(&fixture, &fixture.new.root.certificate).contains("sha256WithRSAEncryption"));
}

#[test]
fn the_roots_own_list_lasts_as_long_as_the_issuing_ca() {
    let fixture = Fixture::new(&options());
    let list = fixture.write("root.crl", &fixture.new.root_crl);
    let root = fixture.path("root.pem");
    let shown_list = openssl(&[
        "crl",
        "-inform",
        "DER",
        "-in",
        shown(&list),
        "-CAfile",
        shown(&root),
        "-noout",
        "-nextupdate",
        "-verify",
    ])
    .unwrap();
    assert!(shown_list.contains("verify OK"), "{shown_list}");
    let end = fixture.ca.validity().not_after.date();
    let (year, _) = end.split_once('-').unwrap();
    assert!(shown_list.contains(year), "{end}: {shown_list}");
}

#[test]
fn the_issuing_ca_never_outlives_the_root() {
    let options = HierarchyOptions { issuing_lifetime: 100 * YEAR, ..options() };
    let new = create_hierarchy(&options, NOW).unwrap();
    let end = |authority: &NewAuthority| {
        IssuingCa::new(&authority.key, authority.certificate.clone(), None)
            .unwrap()
            .validity()
            .not_after
    };
    assert_eq!(end(&new.issuing), end(&new.root));
}

#[test]
fn an_authority_without_domains_is_not_made() {
    let mut empty = options();
    empty.permitted.domains.clear();
    assert!(matches!(create_hierarchy(&empty, NOW), Err(HierarchyError::NoDomains)));

    let long = HierarchyOptions { organization: "x".repeat(65), ..options() };
    let refusal = create_hierarchy(&long, NOW).unwrap_err();
    assert!(refusal.source().unwrap().to_string().contains("at most 64"), "{refusal}");
}

#[test]
fn a_key_and_the_certificate_of_another_make_no_authority() {
    let new = create_hierarchy(&options(), NOW).unwrap();
    let refusal = IssuingCa::new(&new.root.key, new.issuing.certificate, None).unwrap_err();
    assert!(matches!(refusal, InvalidAuthority::OtherKey));
}

#[test]
fn no_secret_is_in_the_debug_output_of_a_hierarchy() {
    let fixture = Fixture::new(&options());
    let shown = format!("{:?} {:?}", fixture.new, fixture.ca);
    let pkcs8 = fixture.new.issuing.key.pkcs8();
    let listed = format!("{:?}", pkcs8.get(40..56).unwrap());
    assert!(!shown.contains(listed.trim_matches(['[', ']'])));
    assert!(!shown.contains("BEGIN"));
}

#[test]
fn a_second_issuing_ca_below_the_same_root_may_name_more() {
    let fixture = Fixture::new(&options());
    let root = &fixture.new.root;
    let authority = IssuingCa::new(&root.key, root.certificate.clone(), None).unwrap();
    let mut options = options();
    options.permitted.domains.push("tailspin.example".parse().unwrap());
    let second = create_issuing(&options, &authority, NOW).unwrap();
    fixture.verify(&second.certificate, &[]).unwrap();

    let ca = IssuingCa::new(&second.key, second.certificate, None).unwrap();
    assert!(ca.constraints().permits_name(&"a.tailspin.example".parse().unwrap()));
    assert_ne!(ca.key_id(), fixture.ca.key_id());
}

#[test]
fn an_authority_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<IssuingCa>();
    is_shared::<PrivateKey>();
}
