//! What an administrator does at the server itself, and what a slip gets.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall_tests::{AgentProcess, Output, Site, program, run};

#[test]
fn a_console_command_of_another_user_is_refused_and_leaves_no_file_behind() {
    let site = Site::standard_edition();
    let (site, _) = AgentProcess::start(site).stop();
    let files = everything(&site.state());
    for path in &files {
        chown(path, Some(SOMEBODY), Some(SOMEBODY)).expect("these tests run as root");
    }

    let root = site.path().join("root.pem");
    site.write("passphrase", "correct horse battery staple");
    let passphrase = site.path().join("passphrase");
    let (root, passphrase) = (root.to_str().unwrap(), passphrase.to_str().unwrap());
    for arguments in [
        &["ca", "init"][..],
        &["ca", "init", "--subordinate", "--output", root],
        &["ca", "export-root", root, "--passphrase-file", passphrase],
        &["store", "repair", "--yes"],
    ] {
        let refused = console(&site, arguments);
        assert_eq!(refused.code, Some(77), "{arguments:?}: {refused:?}");
        let typed = format!("rolecall-agent {} {}", arguments[0], arguments[1]);
        let line = refused.stderr.lines().find(|line| line.contains(&typed));
        let line = line.unwrap_or_else(|| panic!("no command in {refused:?}"));
        assert!(line.trim().starts_with("sudo -u "), "{line}");
        assert!(line.contains(site.config_file().to_str().unwrap()), "{line}");
    }
    // These two only read.
    console(&site, &["store", "verify"]).success();
    console(&site, &["store", "export"]).success();
    assert_eq!(everything(&site.state()), files, "nothing came and nothing went");
    for path in files {
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), SOMEBODY, "{}", path.display());
    }
}

#[test]
fn what_a_user_mistypes_is_no_defect_of_ours() {
    let site = Site::standard_edition();
    console(&site, &["ca", "init"]).success();
    site.write("short", "too short\n");
    site.write("long-enough", "correct horse battery staple\n");
    let path = |name: &str| site.path().join(name).display().to_string();
    let (short, enough, out) = (path("short"), path("long-enough"), path("root.pem"));
    let missing = path("nosuch.pem");
    let export = ["ca", "export-root"];
    let cases = [
        ([&export[..], &[&out, "--passphrase-file", &short]].concat(), 64, "12 are needed"),
        ([&export[..], &[&out, "--passphrase-file", &missing]].concat(), 66, "nosuch.pem"),
        (
            [&export[..], &["/nonexistent/x", "--passphrase-file", &enough]].concat(),
            77,
            "cannot write",
        ),
        ([&export[..], &[&enough, "--passphrase-file", &enough]].concat(), 65, "exists already"),
        (vec!["ca", "install", &missing], 66, "nosuch.pem"),
        (vec!["ca", "install", &short], 65, "no certificates"),
        (vec!["store", "repair"], 64, "--yes"),
    ];
    for (arguments, status, expected) in cases {
        let refused = console(&site, &arguments);
        assert_eq!(refused.code, Some(status), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?}: {refused:?}");
        assert!(!refused.stderr.contains("INTERNAL"), "{refused:?}");
    }
    console(&site, &["ca", "export-root", &out, "--passphrase-file", &enough]).success();
    let again = console(&site, &["ca", "export-root", &missing, "--passphrase-file", &enough]);
    assert_eq!(again.stderr.matches("CA_MISSING").count(), 1, "said once: {again:?}");
}

#[test]
fn an_output_that_cannot_be_written_is_told_as_such() {
    let site = Site::standard_edition();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut check = Command::new(program("rolecall-agent"));
    check.arg("check").arg("--config").arg(site.config_file());
    let mut ctl = Command::new(program("rolecallctl"));
    ctl.args(["topology", "check"]).arg(site.topology_file());
    for mut command in [check, ctl] {
        let output = command.stdout(full()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{said}");
        assert!(said.contains("(OUTPUT_UNWRITABLE)"), "{said}");
    }
}

#[test]
fn a_passphrase_is_asked_for_twice_on_a_terminal_and_never_shown() {
    let site = Site::standard_edition();
    console(&site, &["ca", "init"]).success();
    let file = site.path().join("root.pem");

    let (status, shown) = at_a_terminal(&site, &file, ["correct horse battery", "correct horse"]);
    assert_eq!(status, Some(64), "{shown}");
    assert!(shown.contains("differ"), "{shown}");
    assert!(!file.exists());

    let (status, shown) = at_a_terminal(&site, &file, ["correct horse battery"; 2]);
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains("horse"), "{shown}");
    let read = Command::new("openssl")
        .args(["pkey", "-noout", "-passin", "pass:correct horse battery", "-in"])
        .arg(&file)
        .output();
    assert!(read.unwrap().status.success(), "the line's end is no part of the passphrase");
}

/// Exports the root at a terminal, on which each of `answers` is typed when it is asked for.
fn at_a_terminal(site: &Site, file: &Path, answers: [&str; 2]) -> (Option<i32>, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap().into_string().unwrap();
    let inner = || std::fs::File::options().read(true).write(true).open(&name).unwrap();
    let mut child = Command::new(program("rolecall-agent"))
        .args(["ca", "export-root"])
        .arg(file)
        .arg("--config")
        .arg(site.config_file())
        .stdin(inner())
        .stdout(inner())
        .stderr(inner())
        .spawn()
        .unwrap();
    let mut outer = std::fs::File::from(outer);
    let mut shown = String::new();
    let mut answers = answers.into_iter();
    let mut byte = [0];
    // The terminal says EIO when the program has closed it.
    while matches!(std::io::Read::read(&mut outer, &mut byte), Ok(1)) {
        shown.push(char::from(byte[0]));
        if shown.ends_with(": ") && (shown.ends_with("more): ") || shown.ends_with("again: ")) {
            let answer = answers.next().unwrap();
            std::io::Write::write_all(&mut outer, format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    (child.wait().unwrap().code(), shown)
}

#[test]
fn an_agent_without_a_list_is_told_so_when_it_is_made() {
    let site = Site::standard_edition();
    let init = |folder: &str, more: &[&str]| {
        run(Command::new(program("rolecall-agent"))
            .args(["init", "--server", "se01.contoso.com", "--topology"])
            .arg(site.topology_file())
            .arg("--directory")
            .arg(site.path().join(folder))
            .args(more))
        .success()
    };
    let without = init("without", &[]);
    assert_eq!(without.matches("no revocation list").count(), 1, "{without}");
    let with = init("with", &["--ca-listen", "127.0.0.1:8089"]);
    assert!(!with.contains("revocation list"), "{with}");
}

#[test]
fn the_manuals_recipe_takes_every_certificate_out_of_an_export() {
    let agent = AgentProcess::start(Site::standard_edition());
    agent.ctl(&["apply"]).success();
    let listed = agent.ctl(&["certificate", "list", "-o", "json"]).json();
    let count = listed["certificates"].as_array().unwrap().len();
    let (site, _) = agent.stop();
    let manual = include_str!("../../src/manual/operations.md");
    let (_, recipe) = manual.split_once("```sh\nrolecall-agent store export").unwrap();
    let (recipe, _) = recipe.split_once("```").unwrap();
    let script = format!(
        "{} store export --config {}{recipe}",
        program("rolecall-agent").display(),
        site.config_file().display()
    );
    let text = run(Command::new("sh").args(["-c", &script])).success();
    assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), count, "{text}");
}

fn console(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("rolecall-agent"));
    run(command.args(arguments).arg("--config").arg(site.config_file()))
}

/// The folder, and everything in it.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

/// A user who is not the one that runs the tests.
const SOMEBODY: u32 = 65_000;
