//! What `deploy/` ships is as the manual says.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall_agent::config::Config;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

#[test]
fn the_example_configuration_is_valid_as_it_is_and_with_every_key_taken_in() {
    let text = std::fs::read_to_string(shipped("agent.toml")).unwrap();
    Config::parse(&text, Path::new("/etc/rolecall")).unwrap();
    let is_key = |line: &str| {
        let key = |text: &str| text.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'_'));
        line.split_once(" = ").is_some_and(|(before, _)| key(before))
    };
    let full: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line))
        .collect();
    assert!(full.iter().filter(|line| is_key(line)).count() > 10, "{full:#?}");
    let config = Config::parse(&full.join("\n"), Path::new("/etc/rolecall")).unwrap();
    let short = Config::parse("server = \"se01.contoso.com\"", Path::new("/etc/rolecall")).unwrap();
    assert_eq!(config.topology, short.topology, "what is commented out is the default");
    assert_eq!(config.state_directory, short.state_directory);
    assert_eq!(config.master_key, short.master_key);
    assert_eq!(config.socket.path, short.socket.path);
    assert_eq!(config.log.filter, short.log.filter);
}

#[test]
fn everything_in_the_state_directory_can_be_given_back_to_the_agent() {
    let text = std::fs::read_to_string(shipped("systemd/tmpfiles.d/rolecall.conf")).unwrap();
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    // Modes are left alone: the master key's folder is elsewhere, and the agent sets its own.
    let expected = ["Z", "/var/lib/rolecall", "-", "rolecall", "rolecall"];
    assert!(lines.iter().any(|line| *line == expected), "{text}");
}

#[test]
fn a_reload_is_the_hangup_that_reads_the_topology_again() {
    let unit = std::fs::read_to_string(shipped("systemd/rolecall-agent.service")).unwrap();
    // `+`: in the unit's sandbox nothing but the agent can be executed.
    assert!(unit.lines().any(|line| line == "ExecReload=+kill -HUP $MAINPID"), "{unit}");
    assert!(unit.lines().any(|line| line.starts_with("NoExecPaths=/")), "{unit}");
}

/// Runs systemd-analyze over the unit: whether it was content, and what it said on stderr; nothing
/// where systemd is not installed.
fn analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let unit = shipped("systemd/rolecall-agent.service").canonicalize().unwrap();
    match Command::new("systemd-analyze").args(arguments).arg(unit).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        output => {
            let output = output.unwrap();
            Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

#[test]
fn the_unit_exposes_no_more_than_it_must() {
    // Tenths: 1.5 is the ceiling of `security.md` §9.
    if let Some((content, said)) = analyze(&["security", "--offline=true", "--threshold=15"]) {
        assert!(content, "the exposure is above 1.5; {said}");
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_but_that_it_is_not_installed() {
    if let Some((_, said)) = analyze(&["verify", "--man=no"]) {
        let wrong: Vec<&str> =
            said.lines().filter(|line| !line.contains("is not executable")).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
