use super::*;
use crate::store::disk::Disk;
use crate::store::disk::simulated::SimDisk;
use crate::store::toy;

#[test]
fn an_export_beside_a_running_engine_has_every_row() {
    let index = tempfile::tempdir().unwrap();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    for number in 0..50_u32 {
        toy::record(&engine, toy::put(&number.to_string(), &[1; 50])).unwrap();
    }
    let exported = export(&disk, &toy::Toy).unwrap();
    assert_eq!(exported.sequence(), 50);
    let exported: Vec<Row> = exported.collect::<Result<_, _>>().unwrap();
    assert_eq!(exported, engine.scan(&[]).collect::<Result<Vec<_>, _>>().unwrap());
    engine.close_blocking().unwrap();
}

#[test]
fn a_check_counts_and_names_what_is_wrong() {
    let index = tempfile::tempdir().unwrap();
    let disk = SimDisk::new();
    let (engine, _) = toy::open(disk.clone(), index.path(), "one").unwrap();
    let recorded: Result<u64, Error> = engine.change_blocking(|transaction| {
        transaction.put_key(toy::key(1))?;
        transaction.put_key(toy::key(2))?;
        for number in 1..=3 {
            transaction.record(toy::refer(toy::key_id(number)))?;
        }
        Ok(transaction.next_sequence())
    });
    assert_eq!(recorded.unwrap(), 4);
    engine.close_blocking().unwrap();

    disk.tamper(&format!("keys/{}.key", toy::key_id(2)), |bytes| bytes[40] ^= 1);
    let report = verify(&disk, &toy::Toy).unwrap();
    assert_eq!((report.segments, report.first, report.last, report.entries), (1, 1, 3, 3));
    assert_eq!((report.keys, report.damaged_keys.len()), (1, 1));
    assert_eq!(report.missing_keys.into_iter().collect::<Vec<_>>(), [toy::key_id(3)]);
    let before = disk.counts();
    assert!(!verify(&disk, &toy::Toy).unwrap().is_sound());
    assert_eq!(disk.counts(), before, "a check writes nothing");
    assert!(disk.exists("index-clean").unwrap());
}
