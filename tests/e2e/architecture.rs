//! The structure that the documents promise, held against the sources.
//!
//! Text is enough: a word that may not stand in a file does not stand in it.

use std::fs;
use std::path::{Path, PathBuf};

use rolecall::finding::FindingCode;

/// A word, and the only places under the root that may say it.
const ONLY: &[(&str, &[&str])] = &[
    ("sled::", &["agent/src/store/", "tests/"]),
    ("rcgen::", &["agent/src/issuer/", "src/verify/tests", "src/certificate/", "tests/"]),
    ("tonic::", &["src/api", "agent/src/server", "agent/src/clock.rs", "ctl/src/", "tests/"]),
    ("prost::", &["src/api", "src/access.rs", "agent/src/store/", "agent/src/server/", "tests/"]),
    ("Status::with_error_details", &["src/api/status.rs"]),
    ("SystemTime::now", &["agent/src/clock.rs", "ctl/src/main.rs", "tests/"]),
];

/// What the deciding crate never names: runtimes, clocks, files, randomness.
const NOT_IN_CORE: &[&str] = &[
    "tokio::",
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "Instant::now",
    "SystemTime",
    "rand::",
    "sled",
    "std::env",
];

#[test]
fn only_the_places_that_the_design_names_know_a_library() {
    let mut strangers = Vec::new();
    for (path, text) in sources(&["src", "agent/src", "ctl/src"]) {
        for (word, places) in ONLY {
            let allowed = places.iter().any(|place| path.starts_with(place));
            if !allowed && code(&text).any(|line| line.contains(word)) {
                strangers.push(format!("{path} names {word}"));
            }
        }
    }
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn the_deciding_crate_has_no_runtime_clock_file_or_randomness() {
    let mut found = Vec::new();
    for (path, text) in sources(&["src"]) {
        if path.contains("/tests") || path.starts_with("src/api/gen") {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap();
        for word in NOT_IN_CORE {
            if code(product).any(|line| line.contains(word)) {
                found.push(format!("{path} names {word}"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_source_begins_by_saying_what_it_is() {
    let silent: Vec<String> =
        sources(&["src", "agent/src", "ctl/src", "tests/e2e", "tests/harness"])
            .into_iter()
            .filter(|(path, text)| {
                !text.starts_with("//!") && !path.contains("/gen/") && !path.contains("tests")
            })
            .map(|(path, _)| path)
            .collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["util", "utils", "common", "helpers", "misc", "types", "manager", "mod"];
    let found: Vec<String> = sources(&["src", "agent/src", "ctl/src"])
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
            drawers.contains(&stem) && path != "src/api/convert/common.rs"
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

/// An administrator who reads of a finding can rely on the agent to raise it.
#[test]
fn a_finding_that_nothing_raises_yet_is_marked_so_in_the_manual() {
    let sources: Vec<_> = sources(&["agent/src", "src"])
        .into_iter()
        .filter(|(path, _)| !path.contains("/tests") && path != "src/finding/code.rs")
        .collect();
    let manual = include_str!("../../src/manual/findings.md");
    for code in FindingCode::ALL {
        let name = format!("FindingCode::{code:?}");
        let is_it = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric());
        let is_raised = sources
            .iter()
            .flat_map(|(_, text)| self::code(text))
            .any(|line| line.split(&name).skip(1).any(is_it));
        let section = manual.split("\n## ").find(|section| {
            section.lines().next().is_some_and(|title| title.trim() == code.as_str())
        });
        let section = section.unwrap_or_else(|| panic!("{code} has no section"));
        let is_marked = section.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_marked = is_marked.contains("Raised once");
        assert!(is_raised != is_marked, "{code}: raised {is_raised}, marked {is_marked}");
    }
}

/// Lines that are no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    assert!(paths.len() > 20, "the sources are found");
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}
