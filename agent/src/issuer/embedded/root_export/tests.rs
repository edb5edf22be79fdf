use super::*;
use crate::issuer::embedded::testing::{Fixture, openssl, options, rsa_options, shown};

const SECRET: &str = "correct horse battery";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn weak(secret: &[u8]) -> WeakPassphrase {
    Passphrase::new(Zeroizing::new(secret.to_vec())).unwrap_err()
}

#[test]
fn an_export_opens_with_its_passphrase_and_with_openssl() {
    for options in [options(), rsa_options()] {
        let fixture = Fixture::new(&options);
        let root = &fixture.new.root;
        let text = export_root(&root.key, &root.certificate, &passphrase(SECRET)).unwrap();
        verify_export(&text, &passphrase(SECRET), &root.key, &root.certificate).unwrap();

        let file = fixture.write("root.key", text.as_str());
        let argument = format!("pass:{SECRET}");
        let opened = ["pkey", "-in", shown(&file), "-passin", &argument, "-outform", "DER"];
        let public = fixture.path("public.der");
        openssl(&[&opened[..], &["-pubout", "-out", shown(&public)]].concat()).unwrap();
        assert_eq!(std::fs::read(&public).unwrap(), root.key.spki_der());
        openssl(&["pkey", "-in", shown(&file), "-passin", "pass:another passphrase"]).unwrap_err();
        let subject = openssl(&["x509", "-in", shown(&file), "-noout", "-subject"]).unwrap();
        assert!(subject.contains("Rolecall Root CA"), "{subject}");
    }
}

#[test]
fn what_openssl_encrypted_again_is_read_back() {
    let fixture = Fixture::new(&options());
    let root = &fixture.new.root;
    let text = export_root(&root.key, &root.certificate, &passphrase(SECRET)).unwrap();
    let file = fixture.write("root.key", text.as_str());
    let again = fixture.path("again.key");
    openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        shown(&file),
        "-passin",
        &format!("pass:{SECRET}"),
        "-out",
        shown(&again),
        "-passout",
        "pass:tr0ub4dor and three",
        "-v2",
        "aes-256-cbc",
        "-v2prf",
        "hmacWithSHA256",
    ])
    .unwrap();
    let key_pem = std::fs::read_to_string(again).unwrap();
    let text = key_pem + &certificate_pem(&root.certificate).unwrap();
    let passphrase = passphrase("tr0ub4dor and three");
    verify_export(&text, &passphrase, &root.key, &root.certificate).unwrap();
}

#[test]
fn the_wrong_passphrase_and_the_wrong_file_are_told_apart() {
    let (ours, other) = (Fixture::new(&options()), Fixture::new(&options()));
    let (root, foreign) = (&ours.new.root, &other.new.root);
    let text = export_root(&root.key, &root.certificate, &passphrase(SECRET)).unwrap();
    let check =
        |text: &str, secret| verify_export(text, &passphrase(secret), &root.key, &root.certificate);

    assert!(matches!(check(&text, "another passphrase"), Err(ExportError::WrongPassphrase)));
    let foreign_text =
        export_root(&foreign.key, &foreign.certificate, &passphrase(SECRET)).unwrap();
    assert!(matches!(check(&foreign_text, SECRET), Err(ExportError::OtherRoot)));
    assert!(matches!(check("", SECRET), Err(ExportError::Missing { label: KEY_LABEL })));
    let (key_only, _) = text.split_once("-----BEGIN CERTIFICATE").unwrap();
    assert!(matches!(check(key_only, SECRET), Err(ExportError::Missing { .. })));
    let damaged = text.replacen("MI", "@@", 1);
    assert!(matches!(check(&damaged, SECRET), Err(ExportError::Malformed { .. })));
    let mixed = [key_only, &certificate_pem(&foreign.certificate).unwrap()].concat();
    assert!(matches!(
        check(&mixed, SECRET),
        Err(ExportError::Authority(InvalidAuthority::OtherKey))
    ));
}

#[test]
fn a_file_that_demands_too_much_work_is_not_opened() {
    let fixture = Fixture::new(&options());
    let root = &fixture.new.root;
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: Salt::new([0; 16]).unwrap(),
            cost_parameter: 1 << 30,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        }),
        encryption: Cipher::Aes256Cbc { iv: [0; 16] },
    };
    assert!(matches!(check_cost(&parameters.into()), Err(ExportError::TooExpensive)));
    export_root(&root.key, &fixture.new.issuing.certificate, &passphrase(SECRET)).unwrap_err();
}

#[test]
fn short_passphrases_are_refused_by_characters_not_bytes() {
    assert_eq!(weak(b"eleven char"), WeakPassphrase::TooShort { characters: 11 });
    assert_eq!(weak("ääääääääääa".as_bytes()), WeakPassphrase::TooShort { characters: 11 });
    let message = weak(b"short").to_string();
    assert!(message.contains("at least 12"), "{message}");
    assert_eq!(weak(&[0xff; 20]), WeakPassphrase::NotText);
    assert_eq!(weak(b"with a newline at the end\n"), WeakPassphrase::NotText);
    assert_eq!(weak(&[b'x'; 1_024]), WeakPassphrase::TooLong);
    assert_eq!(format!("{:?}", passphrase(SECRET)), "Passphrase { .. }");
}
