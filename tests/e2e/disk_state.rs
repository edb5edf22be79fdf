//! State directories in every condition that a start may find them in.
//!
//! One agent's directory is copied, the copy is hurt, and another agent is started on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_agent::store::disk::Disk;
use rolecall_agent::store::disk::simulated::SimDisk;

use crate::crash::{Frozen, Lab, Ledger, from_environment, order, violations};
use crate::crash_power::open;
use crate::disk_full::Mounted;

const SEGMENT: &str = "journal/segment-00000000000000000001";

/// A lab whose agent has done some orders and was stopped.
async fn worked(orders: u32) -> (Lab, Ledger) {
    let lab = Lab::new();
    let mut ledger = Ledger::default();
    work(&lab, &mut ledger, 0..orders).await;
    (lab, ledger)
}

/// Starts the agent, places orders, and stops it.
async fn work(lab: &Lab, ledger: &mut Ledger, numbers: std::ops::Range<u32>) {
    let mut agent = lab.start("info");
    let client = agent.answering(lab).await;
    for number in numbers {
        let id = format!("order-{number}");
        let answer = client.orders().place_order(order(&id, true)).await.unwrap();
        ledger.note_message(&id, answer.into_inner().order);
    }
    agent.stop();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "hurts a file on purpose")]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Everything acknowledged is there, and an agent goes on from it.
async fn goes_on(lab: &Lab, ledger: &mut Ledger, what: &str) {
    let mut agent = lab.start("info");
    let client = agent.answering(lab).await;
    let answer = client.orders().place_order(order(what, true)).await;
    ledger.note_message(what, answer.unwrap().into_inner().order);
    assert!(ledger.is_done(what), "{what}");
    agent.stop();
    let disk = Frozen::new(&lab.state());
    let wrong = violations(&disk.store(), &disk, &lab.sealer(), ledger);
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

async fn status(client: &Client) -> pb::ServerStatus {
    let answer = client.status().get_status(pb::GetStatusRequest {}).await.unwrap();
    answer.into_inner().servers.into_iter().next().unwrap()
}

/// Status answers and says that nothing can be changed; changes are refused.
async fn is_read_only(client: &Client, what: &str) {
    let status = status(client).await;
    let assigned = status.roles.iter().find(|role| role.role == "Default").unwrap();
    assert_eq!(assigned.state, "assigned", "{what}");
    let codes: Vec<&str> = status.findings.iter().map(|one| one.code.as_str()).collect();
    assert!(codes.contains(&"store-read-only"), "{what}: {codes:?}");
    let refused = client.orders().place_order(order("refused", true)).await.unwrap_err();
    let failure = Failure::from(refused);
    assert_eq!(failure.reason, Reason::StoreReadOnly, "{what}: {failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_gone_or_garbage_or_old_is_made_anew() {
    let (lab, mut ledger) = worked(3).await;
    let old = lab.path("old-index");
    copy(&lab.state().join("index"), &old);
    work(&lab, &mut ledger, 3..6).await;

    let index = lab.state().join("index");
    fs::remove_dir_all(&index).unwrap();
    goes_on(&lab, &mut ledger, "index-deleted").await;

    for path in files(&index) {
        let garbage: Vec<u8> =
            fs::read(&path).unwrap().iter().map(|byte| byte.wrapping_mul(31) ^ 0x5a).collect();
        write(&path, &garbage);
    }
    goes_on(&lab, &mut ledger, "index-garbage").await;

    fs::remove_dir_all(&index).unwrap();
    copy(&old, &index);
    goes_on(&lab, &mut ledger, "index-older").await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_ahead_of_the_journal_waits_for_a_human() {
    let (lab, mut ledger) = worked(3).await;
    let journal = lab.path("old-journal");
    copy(&lab.state().join("journal"), &journal);
    let old = ledger.clone();
    work(&lab, &mut ledger, 3..5).await;
    fs::remove_dir_all(lab.state().join("journal")).unwrap();
    copy(&journal, &lab.state().join("journal"));

    let mut agent = lab.start("info");
    let client = agent.answering(&lab).await;
    is_read_only(&client, "index ahead").await;
    let said = status(&client).await.findings;
    assert!(said.iter().any(|one| one.evidence.contains("was acknowledged")), "{said:#?}");
    assert!(said.iter().any(|one| one.code == "journal-shortened"), "{said:#?}");
    agent.stop();

    let unconfirmed = lab.console(&["store", "repair"]);
    assert!(!unconfirmed.status.success(), "{unconfirmed:?}");
    let repaired = lab.console(&["store", "repair", "--yes"]);
    assert!(repaired.status.success(), "{repaired:?}");
    // What was given up is gone, and its keys are set aside; the rest is whole.
    ledger = old;
    let mut agent = lab.start("info");
    agent.answering(&lab).await;
    agent.stop();
    goes_on(&lab, &mut ledger, "after-repair").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_directory_is_served_and_exported() {
    let (lab, _ledger) = worked(2).await;
    let Some(_mounted) = Mounted::read_only(&lab.state()) else { return };
    let mut agent = lab.start("info");
    let client = agent.answering(&lab).await;
    is_read_only(&client, "read-only mount").await;
    for arguments in [["store", "verify"], ["store", "export"]] {
        let output = lab.console(&arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
    agent.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_the_middle_is_named_and_given_up_only_by_a_human() {
    let (lab, _) = worked(4).await;
    let path = lab.state().join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let frames = frames(&bytes);
    let (offset, length) = frames[frames.len() / 2];
    bytes[offset + length / 2] ^= 1;
    write(&path, &bytes);

    let verified = lab.console(&["store", "verify"]);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("`{SEGMENT}` is damaged at byte {offset}")), "{said}");
    let mut agent = lab.start("info");
    let client = agent.answering(&lab).await;
    is_read_only(&client, "damaged").await;
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was written");
    agent.stop();

    let asked = lab.console(&["store", "repair"]);
    let said = String::from_utf8(asked.stdout).unwrap();
    assert_eq!(asked.status.code(), Some(64), "{said}");
    assert!(said.contains("would be given up") && said.contains(SEGMENT), "{said}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was cut");
    let repaired = lab.console(&["store", "repair", "--yes"]);
    assert!(repaired.status.success(), "{repaired:?}");
    let said = String::from_utf8(repaired.stdout).unwrap();
    assert!(said.starts_with("the journal now ends with entry "), "{said}");
    let mut agent = lab.start("info");
    agent.answering(&lab).await;
    agent.stop();
    goes_on(&lab, &mut Ledger::default(), "after-repair").await;
    assert!(lab.console(&["store", "verify"]).status.success());
}

/// The offset and length of each frame: magic, sequence, length and so on, found by the magic.
fn frames(segment: &[u8]) -> Vec<(usize, usize)> {
    let magic = segment.get(..4).unwrap();
    let starts: Vec<usize> =
        (0..segment.len() - 4).filter(|at| segment.get(*at..at + 4) == Some(magic)).collect();
    let end = segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let ends = starts.iter().copied().skip(1).chain([end]);
    starts.iter().zip(ends).map(|(start, end)| (*start, end - start)).collect()
}

/// Opens what a killed agent left, its journal ending at each byte of the last frames.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_ends_anywhere_in_its_last_frames_is_a_tear_and_no_damage() {
    let lab = Lab::new();
    // Each order is one frame; `ledgers[n]` is what the first n of them promise.
    let mut ledgers = vec![Ledger::default()];
    let mut agent = lab.start("info");
    let client = agent.answering(&lab).await;
    for id in ["first", "second", "third"] {
        let mut ledger = ledgers.last().unwrap().clone();
        let answer = client.orders().place_order(order(id, true)).await.unwrap();
        ledger.note_message(id, answer.into_inner().order);
        ledgers.push(ledger);
    }
    agent.kill();
    let (disk, bytes) = (simulated(&lab.state()), fs::read(lab.state().join(SEGMENT)).unwrap());
    let frames = frames(&bytes);
    let (last, length) = *frames.last().unwrap();
    let (before, _) = frames[frames.len() - 2];
    let step = usize::try_from(from_environment("ROLECALL_TEAR_STEP", STEP)).unwrap();
    for end in
        (before..last + length).step_by(step).chain([last - 1, last, last + 1, last + length])
    {
        for zeroed in [false, true] {
            let mut torn = bytes.get(..end).unwrap().to_vec();
            if zeroed {
                torn.resize(bytes.len(), 0);
            }
            let disk = disk.copy();
            disk.tamper(SEGMENT, |journal| *journal = torn);
            let opened = open(Arc::new(disk.clone()));
            assert_eq!(opened.report.read_only, None, "ends at {end}: {:?}", opened.report);
            let whole = 1 + usize::from(end >= last) + usize::from(end >= last + length);
            let what = format!("ends at {end}, after {whole} whole orders");
            opened.is_whole(&disk, &lab.sealer(), &ledgers[whole], &what).await;
            opened.kill();
        }
    }
}

/// Every byte takes a minute (`ROLECALL_TEAR_STEP=1`); a prime step hits every field somewhere.
const STEP: u64 = 31;

/// The journal and the keys of a state directory, in memory.
fn simulated(state: &Path) -> SimDisk {
    let disk = SimDisk::new();
    for folder in ["journal", "keys"] {
        disk.create_dir(folder).unwrap();
        for path in files(&state.join(folder)) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let file = disk.create(&format!("{folder}/{name}")).unwrap();
            file.write_at(&fs::read(&path).unwrap(), 0).unwrap();
            file.sync_data().unwrap();
        }
        disk.sync_dir(folder).unwrap();
    }
    disk.sync_dir("").unwrap();
    disk
}
