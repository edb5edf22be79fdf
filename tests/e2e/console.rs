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
