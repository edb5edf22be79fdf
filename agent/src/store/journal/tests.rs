use super::*;
use crate::store::disk::simulated::{Faults, SimDisk};

const SEGMENT: &str = "journal/segment-00000000000000000001";

fn new_disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir("journal").unwrap();
    disk.sync_dir("").unwrap();
    disk
}

fn read(disk: &SimDisk) -> (Vec<Vec<u8>>, Tail) {
    let mut entries = Vec::new();
    let tail = walk(disk, Anchor::START, None, &mut |entry| {
        entries.push(entry.payload.to_vec());
        assert_eq!(entry.sequence, offset(entries.len()));
        Ok(())
    })
    .unwrap();
    (entries, tail)
}

fn open(disk: &SimDisk) -> Journal {
    let (_, tail) = read(disk);
    assert_eq!(tail.damage, None);
    Journal::open(Arc::new(disk.clone()), &tail).unwrap()
}

fn group(number: u8) -> Vec<Vec<u8>> {
    vec![vec![number; 30], vec![number; 5]]
}

#[test]
fn a_tear_at_any_byte_of_the_last_frame_is_cut_and_kept() {
    let disk = new_disk();
    let mut journal = open(&disk);
    for number in 1..=3 {
        journal.append(&group(number)).unwrap();
    }
    let end = usize::try_from(journal.end).unwrap();
    let length = HEADER_AND_PAYLOAD + 4;
    for written in 0..length {
        let torn = disk.copy();
        torn.tamper(SEGMENT, |bytes| bytes[end - length + written..].fill(0));
        let (entries, tail) = read(&torn);
        assert_eq!(entries.len(), 4, "{written} bytes written");
        assert_eq!(tail.torn.is_some(), written > 0, "{written} bytes written");

        let mut journal = open(&torn);
        journal.append(&group(9)).unwrap();
        let (entries, tail) = read(&torn);
        assert_eq!(entries.last(), Some(&vec![9; 5]), "{written} bytes written");
        assert_eq!((tail.torn, tail.head.sequence), (None, 6));
        let kept = torn.exists("journal/torn-00000000000000000004-0").unwrap();
        assert_eq!(kept, written > 0);
    }
}

const HEADER_AND_PAYLOAD: usize = 56 + 30 + 5 + 8;

#[test]
fn damage_before_a_whole_frame_is_no_tear() {
    let disk = new_disk();
    let mut journal = open(&disk);
    for number in 1..=3 {
        journal.append(&group(number)).unwrap();
    }
    let frame = HEADER_AND_PAYLOAD + 4;
    for at in frame..2 * frame {
        let damaged = disk.copy();
        damaged.tamper(SEGMENT, |bytes| bytes[at] ^= 1);
        let (entries, tail) = read(&damaged);
        assert_eq!(entries.len(), 2, "byte {at}");
        let damage = tail.damage.unwrap_or_else(|| panic!("byte {at}"));
        assert_eq!(damage.offset, offset(frame));
    }
}

#[test]
fn damage_in_an_ended_segment_is_no_tear_even_at_its_end() {
    let disk = new_disk();
    let mut journal = open(&disk);
    journal.append(&group(1)).unwrap();
    journal.append(&group(2)).unwrap();
    journal.roll().unwrap();
    let frame = HEADER_AND_PAYLOAD + 4;
    let (_, tail) = read(&disk);
    assert_eq!((tail.damage, tail.head.sequence), (None, 4));
    disk.tamper(SEGMENT, |bytes| bytes[frame + 70] ^= 1);
    assert!(read(&disk).1.damage.is_some());
    // Nor is a segment that is gone.
    let disk = new_disk();
    let mut journal = open(&disk);
    for number in 1..=3 {
        journal.append(&group(number)).unwrap();
        journal.roll().unwrap();
    }
    disk.remove("journal/segment-00000000000000000003").unwrap();
    let damage = read(&disk).1.damage.unwrap();
    assert_eq!(&*damage.segment, "journal/segment-00000000000000000005");
}

#[test]
fn the_chain_goes_on_over_segments_and_from_an_anchor() {
    let disk = new_disk();
    let mut journal = open(&disk);
    journal.append(&group(1)).unwrap();
    let first = journal.head();
    journal.roll().unwrap();
    journal.append(&group(2)).unwrap();
    let (entries, tail) = read(&disk);
    assert_eq!((entries.len(), tail.head), (4, journal.head()));

    // The first segment may be archived: what is left is checked from its first frame on.
    disk.remove(SEGMENT).unwrap();
    let mut count = 0;
    let mut each = |_: EntryRef<'_>| {
        count += 1;
        Ok(())
    };
    assert_eq!(walk(&disk, first, None, &mut each).unwrap().head, journal.head());
    assert_eq!(walk_from_first(&disk, &mut each).unwrap().head, journal.head());
    assert_eq!(count, 4);
    let other = Anchor { hash: [1; 32], ..first };
    assert!(walk(&disk, other, None, &mut |_| Ok(())).unwrap().damage.is_some());
    let gap = walk(&disk, Anchor::START, None, &mut |_| Ok(()));
    assert!(matches!(gap, Err(Error::Unanchored { first: 3 })), "{gap:?}");
}

#[test]
fn a_full_disk_leaves_the_journal_as_it_was() {
    for first in 0..6 {
        let disk = new_disk();
        let mut journal = open(&disk);
        journal.append(&group(1)).unwrap();
        let writes = disk.counts().writes + first;
        disk.set_faults(Faults { full_from_write: Some(writes), ..Faults::default() });
        // Larger than what is allocated ahead.
        let refused = journal.append(&[vec![1; 2_000_000]]);
        disk.set_faults(Faults::default());
        if let Err(refused) = refused {
            let AppendError::Refused(error) = refused else { panic!("{refused:?}") };
            assert!(error.is_full(), "{error}");
        }
        journal.append(&group(2)).unwrap();
        let (entries, tail) = read(&disk);
        assert_eq!(entries.last(), Some(&vec![2; 5]));
        assert_eq!((tail.torn, tail.head), (None, journal.head()));
    }
}

#[test]
fn steady_appends_write_into_what_is_allocated() {
    let disk = new_disk();
    let mut journal = open(&disk);
    journal.append(&group(1)).unwrap();
    let before = disk.counts();
    for _ in 0..100 {
        journal.append(&group(2)).unwrap();
    }
    let after = disk.counts();
    assert_eq!((after.syncs - before.syncs, after.writes - before.writes), (100, 100));
}
