use super::*;
use crate::issuer::embedded::issue;
use crate::issuer::embedded::testing::{
    DAY, Fixture, NOW, openssl, options, permitted, profile, serial, shown,
};
use rolecall::key::KeyAlgorithm;

/// An enterprise's CA, played by OpenSSL: root, policy CA, and what they make of our request.
struct Enterprise {
    fixture: Fixture,
    key: PrivateKey,
}

impl Enterprise {
    fn new() -> Self {
        let fixture = Fixture::new(&options());
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let csr = subordinate_csr(&key, "Contoso", &permitted(&["contoso.com"])).unwrap();
        fixture.write("sub.csr", csr);
        fixture.write("ca.cnf", CA_EXTENSIONS);
        let enterprise = Self { fixture, key };
        enterprise.openssl("req -x509 -newkey rsa:2048 -nodes -sha256 -days 7300 -subj /DC=com/DC=contoso/CN=Root -config @ca.cnf -extensions root -keyout @e.key -out @e.pem");
        enterprise
    }

    /// Runs OpenSSL with `@name` standing for a file of the folder.
    fn openssl(&self, line: &str) -> String {
        let arguments: Vec<String> = line
            .split(' ')
            .map(|word| match word.strip_prefix('@') {
                Some(name) => shown(&self.fixture.path(name)).to_owned(),
                None => word.to_owned(),
            })
            .collect();
        openssl(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    }

    fn sign(&self, extensions: &str) -> Vec<u8> {
        self.openssl(&format!("x509 -req -inform DER -in @sub.csr -CA @e.pem -CAkey @e.key -days 3650 -sha256 -copy_extensions copy -extfile @ca.cnf -extensions {extensions} -outform DER -out @sub.der"));
        std::fs::read(self.fixture.path("sub.der")).unwrap()
    }

    fn root(&self) -> Vec<u8> {
        self.openssl("x509 -in @e.pem -outform DER -out @e.der");
        std::fs::read(self.fixture.path("e.der")).unwrap()
    }

    /// OpenSSL signs with the clock of the machine; the tests follow it from its certificate.
    fn now(&self) -> Timestamp {
        validity(&parse(&self.root()).unwrap()).not_before + DAY
    }

    fn check(&self, certificates: &[Vec<u8>]) -> Result<SubordinateChain, SubordinateRefusal> {
        check_subordinate(certificates, &self.key, self.now())
    }
}

const CA_EXTENSIONS: &str = "
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[copy]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[bare]
subjectKeyIdentifier = hash
";

#[test]
fn the_request_asks_for_what_an_issuing_ca_needs() {
    let enterprise = Enterprise::new();
    let shown = enterprise.openssl("req -inform DER -in @sub.csr -noout -verify -text");
    for line in [
        "verify OK",
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "X509v3 Name Constraints: critical",
        "DNS:contoso.com",
        "IP:0.0.0.0/0.0.0.0",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn a_chain_is_put_in_order_and_its_ca_can_issue() {
    let enterprise = Enterprise::new();
    let (own, root) = (enterprise.sign("copy"), enterprise.root());
    let chain = enterprise.check(&[root.clone(), own.clone()]).unwrap();
    assert_eq!((&chain.issuing, &chain.root), (&own, &root));
    assert_eq!(chain.intermediates, [] as [Vec<u8>; 0]);
    assert!(chain.is_constrained);

    let ca = IssuingCa::new(&enterprise.key, own, None).unwrap();
    let leaf = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let at = ca.validity().not_before + DAY;
    let issued = issue(&ca, &profile(&["a.contoso.com"]), leaf.spki_der(), serial(9), at).unwrap();
    let folder = &enterprise.fixture;
    for (name, der) in [("leaf", &issued.certificate), ("sub", &chain.issuing)] {
        let pem = crate::issuer::embedded::root_export::certificate_pem(der).unwrap();
        folder.write(&format!("{name}.pem"), pem);
    }
    let verdict = enterprise.openssl(&format!(
        "verify -x509_strict -attime {} -CAfile @e.pem -untrusted @sub.pem @leaf.pem",
        at.as_seconds()
    ));
    assert!(verdict.contains("OK"), "{verdict}");
    issue(&ca, &profile(&["a.fabrikam.com"]), leaf.spki_der(), serial(9), at).unwrap_err();
}

#[test]
fn what_is_not_a_usable_chain_is_refused_with_the_certificate_at_fault() {
    let enterprise = Enterprise::new();
    let (own, root) = (enterprise.sign("copy"), enterprise.root());
    let refusal = |certificates: &[Vec<u8>]| enterprise.check(certificates).unwrap_err();

    let incomplete = refusal(std::slice::from_ref(&own)).to_string();
    assert!(incomplete.contains("CN=Root` is missing"), "{incomplete}");
    assert!(matches!(
        refusal(std::slice::from_ref(&root)),
        SubordinateRefusal::NoCertificateOfOurs
    ));
    assert!(matches!(refusal(&vec![own.clone(); 11]), SubordinateRefusal::TooLong { len: 11 }));
    assert!(matches!(
        refusal(&[b"garbage".to_vec()]),
        SubordinateRefusal::Authority(InvalidAuthority::Malformed)
    ));
    let late = check_subordinate(&[own, root], &enterprise.key, NOW + 36_500 * DAY).unwrap_err();
    assert!(matches!(late, SubordinateRefusal::NotValid { .. }), "{late}");
}

#[test]
fn a_certificate_that_may_not_sign_is_refused() {
    let enterprise = Enterprise::new();
    enterprise.openssl("x509 -req -inform DER -in @sub.csr -CA @e.pem -CAkey @e.key -days 3650 -sha256 -extfile @ca.cnf -extensions bare -outform DER -out @sub.der");
    let leaf = std::fs::read(enterprise.fixture.path("sub.der")).unwrap();
    let refusal = enterprise.check(&[leaf, enterprise.root()]).unwrap_err();
    assert!(matches!(
        refusal,
        SubordinateRefusal::Authority(InvalidAuthority::NotAnAuthority { missing: "CA:TRUE" })
    ));
}

#[test]
fn a_root_of_another_key_with_the_same_name_does_not_complete_the_chain() {
    let (enterprise, other) = (Enterprise::new(), Enterprise::new());
    let refusal = enterprise.check(&[enterprise.sign("copy"), other.root()]).unwrap_err();
    assert!(matches!(refusal, SubordinateRefusal::Unsigned { source: Unverified::Mismatch, .. }));
    enterprise.check(&[other.root(), enterprise.root(), enterprise.sign("copy")]).unwrap();
}

#[test]
fn a_self_signed_certificate_is_no_subordinate() {
    let fixture = Fixture::new(&options());
    let refusal = check_subordinate(
        std::slice::from_ref(&fixture.new.root.certificate),
        &fixture.new.root.key,
        NOW,
    );
    assert!(matches!(refusal, Err(SubordinateRefusal::SelfSigned)));
}

#[test]
fn a_subject_that_could_not_be_repeated_in_what_it_issues_is_refused() {
    // AD CS may put its own domain components into the subject of a CA; the second would be lost.
    let fixture = Fixture::new(&options());
    fixture.write("ca.cnf", CA_EXTENSIONS);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let der = fixture.write("k.der", key.pkcs8());
    let (config, out) = (fixture.path("ca.cnf"), fixture.path("c.der"));
    openssl(&[
        "req",
        "-x509",
        "-key",
        shown(&der),
        "-keyform",
        "DER",
        "-days",
        "10",
        "-subj",
        "/DC=com/DC=contoso/CN=Issuing",
        "-config",
        shown(&config),
        "-extensions",
        "root",
        "-outform",
        "DER",
        "-out",
        shown(&out),
    ])
    .unwrap();
    let refusal = IssuingCa::new(&key, std::fs::read(out).unwrap(), None).unwrap_err();
    assert!(matches!(refusal, InvalidAuthority::SubjectNotReproducible), "{refusal}");
}
