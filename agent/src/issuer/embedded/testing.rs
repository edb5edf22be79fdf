//! What the tests of this module share: one hierarchy, and the real OpenSSL as the judge.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rolecall::key::{DigestAlgorithm, KeyAlgorithm};
use rolecall::time::Timestamp;
use tempfile::TempDir;

use super::constraints::PermittedNames;
use super::{
    HierarchyOptions, IssuingCa, NewHierarchy, Profile, Purpose, SerialNumber, Subject,
    create_hierarchy,
};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// OpenSSL judges at this moment too (`-attime`), so no test reads a clock.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(super) fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_random([number; 16])
}

pub(super) fn permitted(domains: &[&str]) -> PermittedNames {
    PermittedNames {
        domains: domains.iter().map(|domain| domain.parse().unwrap()).collect(),
        addresses: Vec::new(),
    }
}

pub(super) fn options() -> HierarchyOptions {
    HierarchyOptions {
        publication: Some("http://pki.contoso.com:7480".parse().unwrap()),
        ..HierarchyOptions::new(
            "Contoso".into(),
            permitted(&["contoso.com", "fabrikam.com"]),
            [serial(1), serial(2)],
        )
    }
}

pub(super) fn rsa_options() -> HierarchyOptions {
    HierarchyOptions {
        root_algorithm: KeyAlgorithm::Rsa2048,
        issuing_algorithm: KeyAlgorithm::Rsa2048,
        ..options()
    }
}

pub(super) fn profile(names: &[&str]) -> Profile {
    Profile {
        subject: Subject {
            common_name: names.first().map(|name| (*name).to_owned()),
            organization: Some("Contoso".into()),
            country: Some("de".into()),
            ..Subject::default()
        },
        dns_names: names.iter().map(|name| name.parse().unwrap()).collect(),
        addresses: Vec::new(),
        purposes: vec![Purpose::ServerAuth, Purpose::ClientAuth],
        digest: DigestAlgorithm::Sha256,
        lifetime: 90 * DAY,
    }
}

/// A hierarchy, its issuing CA ready to sign, and a folder for OpenSSL.
pub(super) struct Fixture {
    pub(super) new: NewHierarchy,
    pub(super) ca: IssuingCa,
    folder: TempDir,
}

impl Fixture {
    pub(super) fn new(options: &HierarchyOptions) -> Self {
        let new = create_hierarchy(options, NOW).unwrap();
        let ca = IssuingCa::new(
            &new.issuing.key,
            new.issuing.certificate.clone(),
            options.publication.as_ref(),
        )
        .unwrap();
        let fixture = Self { new, ca, folder: TempDir::new().unwrap() };
        for (name, der) in
            [("root", &fixture.new.root.certificate), ("issuing", &fixture.new.issuing.certificate)]
        {
            fixture
                .write(&format!("{name}.pem"), super::root_export::certificate_pem(der).unwrap());
        }
        fixture
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().write_all(content.as_ref()).unwrap();
        path
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets `openssl verify` judge a leaf under the root and the issuing CA.
    pub(super) fn verify(&self, leaf: &[u8], more: &[&str]) -> Result<String, String> {
        let leaf = self.write("leaf.pem", super::root_export::certificate_pem(leaf).unwrap());
        let moment = NOW.as_seconds().to_string();
        let mut arguments = vec!["verify", "-x509_strict", "-attime", &moment];
        let (root, issuing) = (self.path("root.pem"), self.path("issuing.pem"));
        arguments.extend(["-CAfile", root.to_str().unwrap()]);
        arguments.extend(["-untrusted", issuing.to_str().unwrap()]);
        arguments.extend(more);
        arguments.push(leaf.to_str().unwrap());
        openssl(&arguments)
    }
}

/// Returns `openssl x509 -text` of a certificate.
pub(super) fn text(folder: &Fixture, certificate: &[u8]) -> String {
    let path = folder.write("shown.der", certificate);
    openssl(&["x509", "-inform", "DER", "-noout", "-text", "-in", shown(&path)]).unwrap()
}

pub(super) fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs OpenSSL: its output if it is content, else its complaint.
pub(super) fn openssl(arguments: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } = run(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if status.success() {
        Ok(text(stdout) + &text(stderr))
    } else {
        Err(text(stderr) + &text(stdout))
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).output().expect("openssl is installed")
}
