use super::*;
use crate::store::disk::Disk;
use crate::store::disk::simulated::SimDisk;
use crate::store::rows::{Rows, Scan};

fn rows(count: u32) -> Vec<Row> {
    let key = |number: u32| [&[1], number.to_be_bytes().as_slice()].concat();
    (0..count).map(|number| (key(number * 2), vec![7; (number % 900) as usize])).collect()
}

fn write_rows(disk: &SimDisk, rows: &[Row]) -> Anchor {
    let anchor = Anchor { sequence: 42, hash: [8; 32] };
    write(disk, &anchor, &mut rows.iter().cloned().map(Ok)).unwrap();
    anchor
}

#[test]
fn rows_are_found_in_place() {
    for count in [0, 1, 2, 500, 2_000] {
        let disk = SimDisk::new();
        let rows = rows(count);
        let anchor = write_rows(&disk, &rows);
        let checkpoint = Checkpoint::load(&disk, 42).unwrap();
        assert_eq!(checkpoint.anchor(), anchor);
        assert_eq!(super::anchor(&disk, 42).unwrap(), anchor);
        assert_eq!(checkpoint.count(), u64::from(count));
        assert_eq!(checkpoint.length(), disk.open(&path(42)).unwrap().length().unwrap());
        for (key, value) in rows.iter().step_by(7) {
            assert_eq!(checkpoint.get(key).unwrap().as_ref(), Some(value));
            let mut between = key.clone();
            between[4] |= 1;
            assert_eq!(checkpoint.get(&between).unwrap(), None);
        }
        assert_eq!(checkpoint.get(&[0]).unwrap(), None);
        assert_eq!(checkpoint.get(&[9]).unwrap(), None);
        let all: Vec<Row> =
            Scan::new(&checkpoint, Vec::new(), None).collect::<Result<_, _>>().unwrap();
        assert_eq!(all, rows);
        let from = [1, 0, 0, 0, 101];
        let part: Vec<Row> = Scan::new(&checkpoint, from.to_vec(), Some(vec![1, 0, 0, 3]))
            .collect::<Result<_, _>>()
            .unwrap();
        let wanted = rows.iter().filter(|(key, _)| **key >= from[..] && **key < [1, 0, 0, 3][..]);
        assert!(part.iter().eq(wanted));
    }
}

#[test]
fn a_changed_or_missing_byte_anywhere_is_noticed() {
    let disk = SimDisk::new();
    write_rows(&disk, &rows(12));
    let length = disk.read(&path(42)).unwrap().len();
    for at in 0..length {
        let damaged = disk.copy();
        damaged.tamper(&path(42), |bytes| bytes[at] ^= 4);
        let found = Checkpoint::load(&damaged, 42);
        assert!(matches!(found, Err(Error::Checkpoint { .. })), "byte {at}");
        damaged.tamper(&path(42), |bytes| {
            bytes[at] ^= 4;
            bytes.truncate(at);
        });
        let found = Checkpoint::load(&damaged, 42);
        assert!(matches!(found, Err(Error::Checkpoint { .. })), "cut at {at}");
    }
    disk.tamper(&path(42), |bytes| bytes.push(0));
    Checkpoint::load(&disk, 42).unwrap_err();
}

#[test]
fn an_interrupted_write_leaves_the_name_free() {
    let disk = SimDisk::new();
    let broken: [Result<Row, Error>; 2] = [Ok((vec![1], vec![2])), Err(Error::Poisoned)];
    let anchor = Anchor { sequence: 42, hash: [8; 32] };
    write(&disk, &anchor, &mut broken.into_iter()).unwrap_err();
    assert_eq!(disk.list("").unwrap(), Vec::<String>::new());
    for sequence in [7, 8, 9] {
        write(&disk, &Anchor { sequence, ..anchor }, &mut std::iter::empty()).unwrap();
    }
    drop(disk.create("checkpoint-00000000000000000010.partial").unwrap());
    prune(&disk).unwrap();
    assert_eq!(list(&disk).unwrap(), [9, 8]);
    assert_eq!(disk.list("").unwrap().len(), 2);
}
