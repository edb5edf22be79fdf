use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::store::checkpoint;
use crate::store::disk::RealDisk;
use crate::store::disk::simulated::{Faults, Random, SimDisk};
use crate::store::index::trust::Rebuild;
use crate::store::rows::Row;
use crate::store::toy;
use crate::store::verify::{export, verify};

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn rows(engine: &Engine) -> Vec<Row> {
    engine.scan(&[]).collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_is_recorded_is_read_back_after_a_clean_stop() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, report) = toy::open(disk.clone(), index.path(), "one").unwrap();
    assert_eq!(report.index, IndexStart::Rebuilding(Rebuild::Missing));
    for name in ["a", "b", "a"] {
        toy::record(&engine, toy::append(name)).unwrap();
    }
    toy::until_indexed(&engine);
    engine.close_blocking().unwrap();

    let (engine, report) = toy::open(disk.clone(), index.path(), "two").unwrap();
    assert_eq!(report.index, IndexStart::Trusted { applied: 0 });
    assert_eq!(report.sequence, 3);
    assert_eq!(toy::list(&engine, "a"), [1, 3]);
    assert_eq!(toy::list(&engine, "b"), [2]);
    let entries: Vec<_> = engine.entries(2).map(|entry| entry.unwrap().sequence).collect();
    assert_eq!(entries, [2, 3]);
    engine.close_blocking().unwrap();
    assert!(verify(&disk, &toy::Toy).unwrap().is_sound());
}

#[test]
fn a_refusal_records_nothing_and_says_why() {
    let index = directory();
    let (engine, _) = toy::open(SimDisk::new(), index.path(), "one").unwrap();
    let refusal: Result<(), ChangeError<&str>> = engine.change_blocking(|transaction| {
        transaction.record(toy::append("a"))?;
        assert_eq!(toy::list(transaction, "a"), [1]);
        Err(ChangeError::Refused("no"))
    });
    assert!(matches!(refusal, Err(ChangeError::Refused("no"))), "{refusal:?}");
    assert_eq!(*engine.watch_sequence().borrow(), 0);
    assert_eq!(rows(&engine), []);
    engine.close_blocking().unwrap();
}

#[test]
fn an_entry_outside_the_projections_tables_is_refused() {
    let index = directory();
    let (engine, _) = toy::open(SimDisk::new(), index.path(), "one").unwrap();
    let refused = toy::record(&engine, b"0".to_vec());
    assert!(matches!(refused, Err(Error::ReservedTable { sequence: 1 })), "{refused:?}");
    let refused = toy::record(&engine, b"?".to_vec());
    assert!(matches!(refused, Err(Error::Projection { sequence: 1, .. })), "{refused:?}");
    assert_eq!(toy::record(&engine, toy::append("a")).unwrap(), 1);
    engine.close_blocking().unwrap();
}

#[test]
fn the_second_opener_is_refused() {
    let directory = directory();
    let disk = RealDisk::new(directory.path().join("state")).unwrap();
    let (engine, _) = toy::open(disk.clone(), directory.path(), "one").unwrap();
    let second = toy::open(disk.clone(), directory.path(), "one").unwrap_err();
    assert!(matches!(second, Error::InUse { pid } if pid == std::process::id()), "{second}");
    engine.close_blocking().unwrap();
    let (engine, _) = toy::open(disk, directory.path(), "one").unwrap();
    engine.close_blocking().unwrap();
}

#[test]
fn an_index_of_the_same_boot_is_caught_up() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::until_indexed(&engine);
    toy::record(&engine, toy::append("a")).unwrap();
    engine.kill();
    let (engine, report) = toy::open(disk.clone(), index.path(), "one").unwrap();
    assert!(matches!(report.index, IndexStart::Trusted { .. }), "{report:?}");
    assert_eq!(toy::list(&engine, "a"), [1]);
    engine.kill();

    let (engine, report) = toy::open(disk, index.path(), "two").unwrap();
    assert_eq!(report.index, IndexStart::Rebuilding(Rebuild::OtherBoot));
    assert_eq!(toy::list(&engine, "a"), [1]);
    toy::until_indexed(&engine);
    assert_eq!(toy::list(&engine, "a"), [1]);
    engine.close_blocking().unwrap();
}

#[test]
fn repeated_crashes_have_the_index_rebuilt() {
    let index = directory();
    let disk = SimDisk::new();
    let mut starts = Vec::new();
    for _ in 0..4 {
        let (engine, report) = toy::open(disk.clone(), index.path(), "one").unwrap();
        starts.push(report.index);
        toy::until_indexed(&engine);
        engine.kill();
    }
    assert_eq!(starts.first(), Some(&IndexStart::Rebuilding(Rebuild::Missing)));
    assert_eq!(starts.get(1), Some(&IndexStart::Trusted { applied: 0 }));
    assert_eq!(starts.last(), Some(&IndexStart::Rebuilding(Rebuild::RepeatedCrashes)));
}

#[test]
fn garbage_in_the_index_has_it_rebuilt() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::until_indexed(&engine);
    for number in 0..200_u32 {
        toy::record(&engine, toy::put(&number.to_string(), &[7; 900])).unwrap();
    }
    let expected = rows(&engine);
    engine.close_blocking().unwrap();
    for file in std::fs::read_dir(index.path().join("index")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(17));
            #[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let (engine, report) = toy::open(disk, index.path(), "one").unwrap();
    assert!(matches!(report.index, IndexStart::Rebuilding(_)), "{report:?}");
    assert_eq!(rows(&engine), expected);
    toy::until_indexed(&engine);
    assert_eq!(rows(&engine), expected);
    engine.close_blocking().unwrap();
}

#[test]
fn an_index_ahead_of_the_journal_waits_for_a_human() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::until_indexed(&engine);
    toy::record(&engine, toy::append("a")).unwrap();
    let older = disk.copy();
    toy::record(&engine, toy::append("a")).unwrap();
    engine.close_blocking().unwrap();
    // The journal as it was, under markers and an index as they are.
    for marker in ["index-clean", "index-opened"] {
        let text = disk.read(marker).unwrap();
        if older.exists(marker).unwrap() {
            older.tamper(marker, |bytes| *bytes = text);
        } else {
            drop(older.create(marker).unwrap());
            older.tamper(marker, |bytes| *bytes = text);
        }
    }
    for boot in ["one", "two"] {
        let (engine, report) = toy::open(older.clone(), index.path(), boot).unwrap();
        let shortened = ReadOnly::JournalShortened { seen: 2, journal: 1 };
        assert_eq!(report.read_only, Some(shortened), "{boot}");
        let second = toy::open(older.clone(), index.path(), boot);
        assert!(
            matches!(second, Err(Error::InUse { .. })),
            "reading only, it is in use all the same"
        );
        let refused = toy::record(&engine, toy::append("a"));
        assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
        drop(engine);
    }
    let repaired = repair(&older, &index.path().join("index")).unwrap();
    assert_eq!(repaired, Repaired { sequence: 1, set_aside: Vec::new() });
    let (engine, report) = toy::open(older, index.path(), "two").unwrap();
    assert_eq!(report.read_only, None);
    assert_eq!(toy::record(&engine, toy::append("a")).unwrap(), 2);
    engine.close_blocking().unwrap();
}

#[test]
fn damage_in_the_middle_opens_read_only_until_repaired() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    for _ in 0..3 {
        toy::record(&engine, toy::append("a")).unwrap();
    }
    engine.kill();
    let segment = "journal/segment-00000000000000000001";
    disk.tamper(segment, |bytes| bytes[80] ^= 1);

    let (engine, report) = toy::open(disk.clone(), index.path(), "two").unwrap();
    let Some(ReadOnly::Damaged(damage)) = report.read_only else { panic!("{report:?}") };
    assert_eq!((&*damage.segment, damage.offset), (segment, 66));
    assert_eq!(toy::list(&engine, "a"), [1]);
    assert!(matches!(toy::record(&engine, toy::append("a")), Err(Error::ReadOnly(_))));
    drop(engine);
    assert_eq!(verify(&disk, &toy::Toy).unwrap().damage, Some(damage));

    let repaired = repair(&disk, &index.path().join("index")).unwrap();
    assert_eq!(repaired.sequence, 1);
    assert_eq!(repaired.set_aside.len(), 1);
    let (engine, report) = toy::open(disk, index.path(), "two").unwrap();
    assert_eq!(report.read_only, None);
    assert_eq!(toy::record(&engine, toy::append("a")).unwrap(), 2);
    engine.close_blocking().unwrap();
}

#[test]
fn a_read_only_file_system_is_served_without_writing() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::record(&engine, toy::append("a")).unwrap();
    engine.close_blocking().unwrap();
    disk.set_faults(Faults { read_only: true, ..Faults::default() });
    let before = disk.counts();
    let (engine, report) = toy::open(disk.clone(), index.path(), "two").unwrap();
    assert_eq!(report.read_only, Some(ReadOnly::FileSystem));
    assert_eq!(toy::list(&engine, "a"), [1]);
    drop(engine);
    assert_eq!(disk.counts(), before);
}

#[test]
fn a_failed_sync_ends_everything() {
    let index = directory();
    let disk = SimDisk::new();
    let fatal = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&fatal);
    let mut options = toy::options(disk.clone(), index.path(), "one");
    options.on_fatal = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let (engine, _) = Engine::open(options).unwrap();
    toy::until_indexed(&engine);
    toy::record(&engine, toy::append("a")).unwrap();
    let fail_sync = Some(disk.counts().syncs);
    disk.set_faults(Faults { fail_sync, ..Faults::default() });

    // Longer than a page, so that what comes next does not write all of it again by chance.
    let failed = toy::record(&engine, toy::put("long", &[1; 9_000]));
    assert!(matches!(failed, Err(Error::Poisoned)), "{failed:?}");
    disk.set_faults(Faults::default());
    assert!(matches!(toy::record(&engine, toy::append("a")), Err(Error::Poisoned)));
    assert_eq!(fatal.load(Ordering::SeqCst), 1);
    engine.kill();

    // The frame may be there or not; what comes after it is safe either way.
    let (engine, report) = toy::open(disk.clone(), index.path(), "one").unwrap();
    let next = toy::record(&engine, toy::append("b")).unwrap();
    assert_eq!(next, report.sequence + 1);
    engine.kill();
    for seed in 0..20 {
        let index = directory();
        let (engine, report) = toy::open(disk.cut(seed), index.path(), "two").unwrap();
        assert_eq!(report.read_only, None, "seed {seed}");
        assert_eq!(toy::list(&engine, "b"), [next], "seed {seed}");
        engine.kill();
    }
}

#[test]
fn a_full_disk_still_records_what_is_essential() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::until_indexed(&engine);
    toy::record(&engine, toy::append("a")).unwrap();
    // Fill what is allocated ahead, then find the disk full.
    let full_from_write = Some(disk.counts().writes);
    disk.set_faults(Faults { full_from_write, full_only_growing: true, ..Faults::default() });
    let mut recorded = 1;
    let full = loop {
        match toy::record(&engine, toy::put("big", &[1; 200_000])) {
            Ok(_) => recorded += 1,
            Err(error) => break error,
        }
    };
    assert!(full.is_full(), "{full}");
    assert!((4..8).contains(&recorded), "{recorded}");
    assert!(matches!(toy::record(&engine, toy::append("a")), Err(Error::Full)));
    assert!(!disk.exists("journal/reserve").unwrap());
    assert!(engine.is_full());

    // What the reserve gave back is there for the essential.
    disk.set_faults(Faults {
        full_from_write: Some(disk.counts().writes + 3),
        full_only_growing: true,
        ..Faults::default()
    });
    toy::record_essential(&engine, toy::put("essential", &[1; 200_000])).unwrap();
    assert!(matches!(toy::record(&engine, toy::append("a")), Err(Error::Full)));
    disk.set_faults(Faults::default());
    // Asking for nothing is enough to find out that there is room again.
    engine.change_blocking(|_| Ok::<_, Error>(())).unwrap();
    toy::record(&engine, toy::append("a")).unwrap();
    assert!(disk.exists("journal/reserve").unwrap());
    assert!(!engine.is_full());
    engine.kill();
    let (engine, report) = toy::open(disk, index.path(), "two").unwrap();
    assert_eq!((report.read_only, report.torn), (None, None));
    assert_eq!(toy::list(&engine, "a").len(), 2);
    engine.kill();
}

#[test]
fn a_disk_full_at_any_write_loses_nothing() {
    for only_growing in [false, true] {
        for first in 0..24 {
            let index = directory();
            let disk = SimDisk::new();
            let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
            toy::until_indexed(&engine);
            let full_from_write = Some(disk.counts().writes + first);
            let full_only_growing = only_growing;
            disk.set_faults(Faults { full_from_write, full_only_growing, ..Faults::default() });
            let mut model = Model::default();
            for number in 0..12 {
                model.step(&engine, number);
            }
            engine.kill();
            let (engine, report) = toy::open(disk.copy(), directory().path(), "two").unwrap();
            assert_eq!(report.read_only, None);
            model.check(&engine, &format!("full from write {first}"));
            engine.kill();
        }
    }
}

/// What was acknowledged, and what must then be there.
#[derive(Debug, Default)]
struct Model {
    lists: BTreeMap<String, Vec<u64>>,
    keys: Vec<u64>,
}

impl Model {
    fn step(&mut self, engine: &Engine, number: u64) {
        let name = format!("list-{}", number % 3);
        let recorded: Result<u64, Error> = engine.change_blocking({
            let name = name.clone();
            move |transaction| {
                if number.is_multiple_of(2) {
                    transaction.put_key(toy::key(number))?;
                    transaction.record(toy::refer(toy::key_id(number)))?;
                }
                if number.is_multiple_of(5) {
                    transaction.essential();
                }
                // Two entries that are there together or not at all.
                transaction.record(toy::put(&format!("pair-{number}"), &[1]))?;
                transaction.record(toy::append(&name))
            }
        });
        if let Ok(sequence) = recorded {
            self.lists.entry(name).or_default().push(sequence);
            if number.is_multiple_of(2) {
                self.keys.push(number);
            }
        }
    }

    fn check(&self, engine: &Engine, case: &str) {
        for (name, acknowledged) in &self.lists {
            let there = toy::list(engine, name);
            for sequence in acknowledged {
                assert!(there.contains(sequence), "{case}: {name} has {there:?}, not {sequence}");
            }
        }
        for number in &self.keys {
            let key = engine.key(&toy::key_id(*number));
            let key = key.unwrap_or_else(|error| panic!("{case}: {error}"));
            toy::sealer().open(&key).unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        let pairs = engine.scan(&toy::row("pair-")).count();
        let listed: usize = (0..3).map(|n| toy::list(engine, &format!("list-{n}")).len()).sum();
        assert_eq!(pairs, listed, "{case}: half a change is there");
        for row in engine.scan(&[toy::KEYS]) {
            let (row, _) = row.unwrap();
            let id = KeyId::new(row[1..].try_into().unwrap());
            assert!(engine.key(&id).is_ok(), "{case}: {id} is referred to and not there");
        }
    }
}

#[test]
fn a_power_cut_anywhere_loses_nothing_acknowledged() {
    let mut random = Random::new(0x0dd5);
    for round in 0..60 {
        let index = directory();
        let disk = SimDisk::new();
        // Some cuts hit the start, most the work.
        let last = random.below(if round % 4 == 0 { 60 } else { 700 });
        disk.set_faults(Faults { power_off_after: Some(last), ..Faults::default() });
        let mut options = toy::options(disk.clone(), index.path(), "one");
        options.checkpoints = CheckpointPolicy { least: 600, at_close: 600 };
        let mut model = Model::default();
        if let Ok((engine, _)) = Engine::open(options) {
            for number in 0..14 {
                model.step(&engine, number);
            }
            if round % 3 == 0 {
                drop(engine.close_blocking());
            } else {
                engine.kill();
            }
        }
        for seed in 0..3 {
            let case = format!("round {round}, power off after {last}, seed {seed}");
            let survivor = disk.cut(random.next().wrapping_add(seed));
            let fresh = directory();
            let (engine, report) = toy::open(survivor.clone(), fresh.path(), "two")
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(report.read_only, None, "{case}");
            model.check(&engine, &case);
            let before = rows(&engine);
            toy::until_indexed(&engine);
            assert_eq!(rows(&engine), before, "{case}");
            assert_eq!(engine.key_audit().unwrap().missing.len(), 0, "{case}");
            engine.close_blocking().unwrap();
            let exported: Vec<Row> =
                export(&survivor, &toy::Toy).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(exported, before, "{case}");
        }
    }
}

#[test]
fn checkpoints_shorten_the_start_and_survive_their_own_damage() {
    let index = directory();
    let disk = SimDisk::new();
    let small = CheckpointPolicy { least: 2_000, at_close: u64::MAX };
    let mut options = toy::options(disk.clone(), index.path(), "one");
    options.checkpoints = small;
    let (engine, _) = Engine::open(options).unwrap();
    toy::until_indexed(&engine);
    let mut number = 0_u32;
    while number < 300 || checkpoint::list(&disk).unwrap().len() < 2 {
        toy::record(&engine, toy::put(&(number % 90).to_string(), &number.to_le_bytes())).unwrap();
        toy::record(&engine, toy::remove(&(number % 7).to_string())).unwrap();
        number += 1;
    }
    let expected = rows(&engine);
    engine.close_blocking().unwrap();
    let sound = verify(&disk, &toy::Toy).unwrap();
    assert!(sound.is_sound(), "{sound:?}");
    assert_eq!(sound.checkpoints.len(), 2);
    assert!(sound.segments > 2, "{sound:?}");

    let newest = format!("checkpoint-{:020}", sound.checkpoints[0]);
    let damaged = disk.copy();
    damaged.tamper(&newest, |bytes| bytes[60] ^= 1);
    assert_eq!(verify(&damaged, &toy::Toy).unwrap().damaged_checkpoints.len(), 1);
    for (disk, base) in [(disk, 0), (damaged, 1)] {
        let (engine, report) = toy::open(disk.copy(), directory().path(), "two").unwrap();
        assert_eq!(report.checkpoint, Some(sound.checkpoints[base]));
        assert_eq!(report.checkpoints_set_aside.len(), base);
        assert_eq!(rows(&engine), expected);
        engine.kill();
    }
}

#[test]
fn unreferenced_keys_are_set_aside_and_missing_ones_named() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    let stored: Result<u64, Error> = engine.change_blocking(|transaction| {
        transaction.put_key(toy::key(1))?;
        transaction.put_key(toy::key(2))?;
        transaction.record(toy::refer(toy::key_id(2)))?;
        transaction.record(toy::refer(toy::key_id(3)))
    });
    assert_eq!(stored.unwrap(), 2);
    let again: Result<(), Error> =
        engine.change_blocking(|transaction| transaction.put_key(toy::key(2)));
    assert!(matches!(again, Err(Error::Key(crate::store::keys::Error::Exists { .. }))));
    engine.kill();

    let (engine, _) = toy::open(disk.clone(), index.path(), "two").unwrap();
    toy::until_indexed(&engine);
    let audit = engine.key_audit().unwrap();
    assert_eq!(audit.unreferenced.iter().copied().collect::<Vec<_>>(), [toy::key_id(1)]);
    assert_eq!(audit.missing.iter().copied().collect::<Vec<_>>(), [toy::key_id(3)]);
    assert!(disk.exists(&format!("keys/unreferenced/{}.key", toy::key_id(1))).unwrap());
    engine.destroy_key(&toy::key_id(2)).unwrap();
    engine.key(&toy::key_id(2)).unwrap_err();
    engine.close_blocking().unwrap();
}

#[test]
fn changes_in_flight_share_groups() {
    let index = directory();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    toy::until_indexed(&engine);
    let before = disk.counts().syncs;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    toy::record(&engine, toy::append("a")).unwrap();
                }
            });
        }
    });
    assert_eq!(toy::list(&engine, "a"), (1..=400).collect::<Vec<u64>>());
    assert!(disk.counts().syncs - before <= 410);
    engine.close_blocking().unwrap();
}
