//! No secret leaves its place: every key an agent made is looked for wherever it writes or answers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::hex;
use x509_parser::der_parser::ber::BerObjectContent;
use x509_parser::der_parser::der::parse_der;

use crate::crash::{Frozen, Lab, keys_on, order, order_to_approve};

const PASSPHRASE: &str = "correct horse battery staple 7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_passphrase_or_master_key_is_anywhere_but_where_it_belongs() {
    let lab = Lab::new();
    let mut agent = lab.start("trace");
    let client = agent.answering(&lab).await;
    let mut secrets = Secrets::of(&lab);
    let mut said = exercise(&client).await;
    for file in ["cmdline", "environ"] {
        said.insert(file.to_owned(), fs::read(format!("/proc/{}/{file}", agent.pid())).unwrap());
    }
    secrets.add_keys(&lab);
    said.extend(journal(&client).await);
    agent.stop();

    let passphrase = lab.path("passphrase");
    crate::crash::write_private(&passphrase, PASSPHRASE.as_bytes());
    let root = lab.path("root.pem");
    for arguments in [
        &["store", "export"][..],
        &["store", "verify"],
        &["ca", "export-root", root.to_str().unwrap(), "--passphrase-file", "/nonexistent"],
        &[
            "ca",
            "export-root",
            root.to_str().unwrap(),
            "--passphrase-file",
            passphrase.to_str().unwrap(),
        ],
        &[
            "ca",
            "export-root",
            root.to_str().unwrap(),
            "--passphrase-file",
            passphrase.to_str().unwrap(),
        ],
    ] {
        let output = lab.console(arguments);
        let name = arguments.join(" ");
        said.insert(name, [output.stdout, output.stderr].concat());
    }
    assert!(root.exists(), "{}", String::from_utf8_lossy(&said["store verify"]));
    said.insert("the exported root".to_owned(), fs::read(&root).unwrap());
    for path in files(lab.path("").as_path()) {
        if path != lab.path("master.key") && path != passphrase {
            said.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    assert!(said.len() > 20, "{:?}", said.keys());
    assert!(said.iter().any(|(name, text)| name.ends_with("agent.log") && text.len() > 10_000));
    secrets.are_in_none_of(&said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_writes_is_its_own_users_only() {
    let lab = Lab::new();
    let mut agent = lab.start("info");
    let client = agent.answering(&lab).await;
    client.orders().place_order(order("one", true)).await.unwrap();
    agent.stop();
    // The index is sled's, which sets no modes: the folders above it keep others out.
    for path in everything(&lab.state()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let in_index = path.starts_with(lab.state().join("index"));
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(in_index || mode == expected, "{} has mode {mode:o}", path.display());
    }
    let state = fs::metadata(lab.state()).unwrap().permissions().mode() & 0o777;
    assert_eq!(state, 0o700);
    let master = lab.path("master.key");
    assert_eq!(fs::metadata(&master).unwrap().permissions().mode() & 0o777, 0o600);

    fs::set_permissions(&master, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = lab.console(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("others can read it"), "{said}");
}

/// What a day brings, good and bad; returns every answer in words.
async fn exercise(client: &Client) -> BTreeMap<String, Vec<u8>> {
    let mut said = BTreeMap::new();
    let mut note = |what: &str, answer: String| {
        said.insert(what.to_owned(), answer.into_bytes());
    };
    for (id, algorithm) in [("a", "p-256"), ("b", "p-384"), ("c", "rsa-2048"), ("d", "rsa-3072")] {
        let mut request = order(id, true);
        if let Some(spec) = &mut request.spec {
            algorithm.clone_into(&mut spec.key_algorithm);
            spec.exportable = Some(true);
        }
        let answer = client.orders().place_order(request).await.unwrap();
        note(algorithm, format!("{answer:?}"));
    }
    let mut wrong = order("e", true);
    if let Some(spec) = &mut wrong.spec {
        "rsa-1024".clone_into(&mut spec.key_algorithm);
    }
    note("weak key", refusal(client.orders().place_order(wrong).await));
    note("reused id", refusal(client.orders().place_order(order_to_approve("a")).await));
    let waiting = client.orders().place_order(order_to_approve("f")).await.unwrap().into_inner();
    let order_id = waiting.order.unwrap().id;
    for request_id in ["g", "h"] {
        let request =
            pb::CancelOrderRequest { request_id: request_id.to_owned(), order_id, what_if: false };
        note(request_id, format!("{:?}", client.orders().cancel_order(request).await));
    }
    let listed = client.orders().list_orders(pb::ListOrdersRequest { open_only: false }).await;
    note("orders", format!("{listed:?}"));
    note("status", format!("{:?}", client.status().get_status(pb::GetStatusRequest {}).await));
    said
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> String {
    let failure = Failure::from(answer.unwrap_err());
    format!("{failure:?} {failure}")
}

/// The journal as it is told.
async fn journal(client: &Client) -> BTreeMap<String, Vec<u8>> {
    let request = pb::ReadJournalRequest::default();
    let mut entries = client.journal().read_journal(request).await.unwrap().into_inner();
    let mut said = Vec::new();
    while let Some(part) = entries.message().await.unwrap() {
        said.extend(format!("{part:?}").into_bytes());
    }
    assert!(!said.is_empty());
    BTreeMap::from([("the journal".to_owned(), said)])
}

/// Everything that must not be found, each in the forms that somebody might write it in: by the
/// first octets, what to look for and what it is.
#[derive(Default)]
struct Secrets {
    forms: BTreeMap<[u8; FIRST], Vec<(Vec<u8>, String)>>,
}

const FIRST: usize = 8;
/// A part betrays as much as the whole.
const PART: usize = 24;

impl Secrets {
    fn of(lab: &Lab) -> Self {
        let mut secrets = Self::default();
        secrets.add("the master key", &fs::read(lab.path("master.key")).unwrap());
        secrets.look_for("the passphrase", PASSPHRASE.as_bytes());
        secrets
    }

    /// Adds every private key in the store: as it is sealed, and its numbers alone.
    fn add_keys(&mut self, lab: &Lab) {
        let disk = Frozen::new(&lab.state());
        let store = disk.store();
        let ids = keys_on(&disk);
        assert!(ids.len() >= 6, "four orders and two authorities: {ids:?}");
        for id in ids {
            let pkcs8 = lab.sealer().open(&store.engine().key(&id).unwrap()).unwrap();
            let numbers = private_numbers(&pkcs8);
            assert!(!numbers.is_empty(), "key {id} has private numbers");
            for number in numbers {
                self.add(&format!("a number of key {id}"), &number);
            }
            // Its end is the public key, its beginning that of every key: no key is anywhere.
            self.look_for(&format!("key {id}"), &pkcs8);
        }
    }

    fn add(&mut self, name: &str, octets: &[u8]) {
        let decimal = octets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut forms = vec![
            octets.to_vec(),
            hex::lower(octets).into_bytes(),
            hex::lower(octets).to_uppercase().into_bytes(),
            decimal.into_bytes(),
        ];
        // Inside of other base64 it may begin at any of three places.
        forms.extend((0..3).map(|skip| base64(octets.get(skip..).unwrap())));
        for form in forms {
            self.look_for(name, &form);
            let end = form.get(form.len().saturating_sub(PART)..).unwrap();
            self.look_for(&format!("the end of {name}"), end);
        }
    }

    fn look_for(&mut self, name: &str, form: &[u8]) {
        let part = form.get(..form.len().min(PART)).unwrap();
        let first = part.first_chunk().copied().unwrap();
        self.forms.entry(first).or_default().push((part.to_vec(), name.to_owned()));
    }

    fn are_in_none_of(&self, said: &BTreeMap<String, Vec<u8>>) {
        for (place, text) in said {
            let found = self.found_in(text);
            assert!(found.is_empty(), "{found:?} in {place}");
        }
    }

    fn found_in(&self, text: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, window) in text.array_windows::<FIRST>().enumerate() {
            for (part, name) in self.forms.get(window).into_iter().flatten() {
                if text.get(at..).unwrap().starts_with(part) {
                    found.push(name.as_str());
                }
            }
        }
        found
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    let secret: Vec<u8> = (100..132).collect();
    secrets.add("it", &secret);
    let listed = format!("{secret:?}").into_bytes();
    let encoded = base64(&[b"ab".as_slice(), &secret, b"c"].concat());
    for text in [secret.clone(), hex::lower(&secret).into_bytes(), listed, encoded] {
        let text = [b"before".as_slice(), &text, b"after"].concat();
        assert!(!secrets.found_in(&text).is_empty(), "{}", String::from_utf8_lossy(&text));
    }
    assert!(secrets.found_in(b"before and after").is_empty());
}

/// The numbers of a PKCS#8 private key that are private: an EC scalar; RSA's exponent and primes.
fn private_numbers(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let (_, outer) = parse_der(pkcs8).unwrap();
    let key = outer.as_sequence().unwrap().get(2).unwrap().as_slice().unwrap();
    let (_, key) = parse_der(key).unwrap();
    let fields = key.as_sequence().unwrap();
    // RFC 5915: version, privateKey, …
    if let BerObjectContent::OctetString(scalar) = &fields.get(1).unwrap().content {
        return vec![scalar.to_vec()];
    }
    // RFC 8017 A.1.2: version, n, e, d, p, q, d mod p-1, d mod q-1, q^-1 mod p.
    let numbers = fields.iter().skip(3).filter_map(|field| field.as_slice().ok());
    numbers.map(|one| one.iter().copied().skip_while(|octet| *octet == 0).collect()).collect()
}

/// Base64 without the last, incomplete group.
fn base64(octets: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (groups, _) = octets.as_chunks::<3>();
    let digits = groups.iter().flat_map(|[a, b, c]| {
        let bits = u32::from_be_bytes([0, *a, *b, *c]);
        [18, 12, 6, 0].map(|shift| {
            let index = usize::try_from((bits >> shift) & 63).unwrap();
            ALPHABET.get(index).copied().unwrap()
        })
    });
    digits.collect()
}

/// Every folder and file below `folder`.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() { everything(&path) } else { Vec::new() };
            std::iter::once(path).chain(below)
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = everything(folder);
    files.retain(|path| path.is_file());
    files
}
