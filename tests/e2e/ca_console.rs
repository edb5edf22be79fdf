//! The embedded CA at the console: its root key moves away, or an enterprise CA stands above it.

use std::path::Path;
use std::process::Command;

use rolecall_tests::{AgentProcess, Output, Site, program, run, until};

const PASSPHRASE: &str = "correct horse battery staple";

#[test]
fn the_root_key_moves_into_a_file_that_openssl_reads_and_the_ca_goes_on_issuing() {
    let agent = AgentProcess::start(Site::standard_edition());
    agent.ctl(&["apply"]).success();
    assert!(findings(&agent).contains(&"root-key-online".to_owned()));
    let told = agent.ctl(&["finding", "list", "-o", "json"]).stdout;
    let config = agent.site().config_file();
    let typed = format!("rolecall-agent ca export-root FILE --config {}", config.display());
    assert!(told.contains(&typed) && told.contains("stop the agent"), "{told}");

    let exported = agent.site().path().join("root.key.pem");
    let passphrase = agent.site().path().join("passphrase");
    agent.site().write("passphrase", PASSPHRASE);
    let arguments = ["ca", "export-root", text(&exported), "--passphrase-file", text(&passphrase)];
    let refused = console(agent.site(), &arguments);
    assert_eq!(refused.code, Some(75), "the running agent holds the store");
    assert!(refused.stderr.contains(&agent.pid().to_string()), "{}", refused.stderr);
    assert!(!exported.exists());

    let (site, _) = agent.stop();
    let keys = key_files(&site);
    console(&site, &arguments).success();
    assert_eq!(key_files(&site), keys - 1, "the root key's file is gone, and no other");
    let read = run(Command::new("openssl")
        .args(["pkey", "-in", text(&exported), "-passin", &format!("file:{}", text(&passphrase))])
        .args(["-noout", "-text"]));
    assert!(read.success().contains("secp384r1"), "openssl reads the key");
    let again = console(&site, &arguments);
    assert_eq!(again.code, Some(78), "{}", again.stderr);

    let agent = AgentProcess::start(site);
    assert!(!findings(&agent).contains(&"root-key-online".to_owned()));
    agent.ctl(&["request", "--role", "Default", "--key-algorithm", "p-256"]).success();
}

#[test]
fn an_enterprise_ca_above_the_embedded_one_is_installed_and_trusted() {
    let site = Site::standard_edition();
    let folder = site.path().to_owned();
    openssl_root(&folder);
    let csr = folder.join("ca.csr.pem");
    let output = text(&csr);
    console(&site, &["ca", "init", "--subordinate", "--output", output]).success();

    let agent = AgentProcess::start(site);
    let waiting = agent.ctl(&["request", "--role", "Default", "--no-wait"]).success();
    let order = waiting.trim().to_owned();
    until("the order says what it waits for", || {
        let shown = agent.ctl(&["order", "show", &order, "-o", "json"]).json().to_string();
        if shown.contains("enterprise CA") { Ok(()) } else { Err(shown) }
    });
    let (site, _) = agent.stop();

    let constraints = folder.join("ca.ext");
    site.write(
        "ca.ext",
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
         subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
         nameConstraints=critical,permitted;DNS:contoso.com\n",
    );
    let issued = folder.join("issuing.pem");
    run(Command::new("openssl")
        .args(["x509", "-req", "-days", "365", "-in", output, "-out", text(&issued)])
        .args(["-CA", text(&folder.join("root.pem")), "-CAkey", text(&folder.join("root.key"))])
        .args(["-CAcreateserial", "-extfile", text(&constraints)]))
    .success();
    let root = folder.join("root.pem");
    let alone = console(&site, &["ca", "install", text(&issued)]);
    assert_ne!(alone.code, Some(0), "a chain without its root is refused");
    console(&site, &["ca", "install", text(&issued), text(&root)]).success();

    let agent = AgentProcess::start(site);
    agent.ctl(&["order", "retrieve", &order]).success();
    let status = agent.ctl(&["status", "-o", "json"]).json();
    let roles = status["servers"][0]["roles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["role"] == "Default").unwrap();
    assert_eq!(role["state"], "assigned", "{status}");
    assert!(!findings(&agent).contains(&"root-key-online".to_owned()), "its root is elsewhere");
    let thumbprint = role["thumbprint"].as_str().unwrap();
    let pem = agent.ctl(&["certificate", "show", thumbprint, "--pem"]).success();
    agent.site().write("leaf.pem", &pem);
    let leaf = folder.join("leaf.pem");
    run(Command::new("openssl").args([
        "verify",
        "-CAfile",
        text(&root),
        "-untrusted",
        text(&issued),
        text(&leaf),
    ]))
    .success();
}

#[test]
fn an_own_root_does_not_silently_replace_a_request_that_waits_for_its_signature() {
    let site = Site::standard_edition();
    let [first, second] = ["first.pem", "second.pem"].map(|name| site.path().join(name));
    console(&site, &["ca", "init", "--subordinate", "--output", text(&first)]).success();

    let refused = console(&site, &["ca", "init"]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    for expected in ["ca install", "--subordinate", "--discard-request"] {
        assert!(refused.stderr.contains(expected), "{expected}: {refused:?}");
    }

    console(&site, &["ca", "init", "--subordinate", "--output", text(&second)]).success();
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&first), read(&second), "the key that waits is the same");
    console(&site, &["ca", "init", "--discard-request"]).success();
    let again = console(&site, &["ca", "init", "--subordinate", "--output", text(&second)]);
    assert_ne!(again.code, Some(0), "there is a CA now: {again:?}");
}

#[test]
fn a_refused_console_command_is_no_crash() {
    let agent = AgentProcess::start(Site::standard_edition());
    agent.ctl(&["apply"]).success();
    let (site, _) = agent.stop();
    for arguments in [&["ca", "init"][..], &["ca", "export-root", "/dev/null/x"]] {
        let refused = console(&site, arguments);
        assert_ne!(refused.code, Some(0), "{refused:?}");
    }

    let agent = AgentProcess::start(site);

    assert!(!findings(&agent).contains(&"index-rebuilt".to_owned()));
    let log = agent.log();
    let opened = log.lines().rfind(|line| line.contains("store opened")).unwrap();
    assert!(opened.contains("Trusted"), "{opened}");
}

fn openssl_root(folder: &Path) {
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "3650", "-subj", "/O=Contoso/CN=Contoso Root"])
        .args(["-keyout", text(&folder.join("root.key")), "-out", text(&folder.join("root.pem"))]))
    .success();
}

fn console(site: &Site, arguments: &[&str]) -> Output {
    run(Command::new(program("rolecall-agent"))
        .args(arguments)
        .arg("--config")
        .arg(site.config_file()))
}

fn findings(agent: &AgentProcess) -> Vec<String> {
    let listed = agent.ctl(&["finding", "list", "-o", "json"]).json();
    let listed = listed["findings"].as_array().unwrap().clone();
    listed.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn key_files(site: &Site) -> usize {
    let entries = std::fs::read_dir(site.state().join("keys")).unwrap();
    entries
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            Path::new(&name).extension().is_some_and(|extension| extension == "key")
        })
        .count()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
