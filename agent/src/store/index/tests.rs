use super::trust::{Rebuild, Trust, judge};
use super::*;
use crate::store::disk::simulated::SimDisk;
use crate::store::rows::{Row, RowWrite, Scan};

fn pending(writes: impl IntoIterator<Item = RowWrite>) -> Pending {
    let mut pending = Pending::default();
    writes.into_iter().for_each(|write| pending.write(write));
    pending
}

#[test]
fn a_group_is_applied_with_the_number_it_leads_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let index = Index::open(Arc::new(SimDisk::new()), &path).unwrap();
    assert_eq!(index.applied().unwrap(), 0);
    index.apply(&pending([RowWrite::put([1], [2]), RowWrite::put([3], [4])]), 7).unwrap();
    index.apply(&pending([RowWrite::remove([1]), RowWrite::put([5], [6])]), 9).unwrap();

    assert_eq!(index.applied().unwrap(), 9);
    assert_eq!(index.get(&[1]).unwrap(), None);
    // The store's own row is in no range, however it is asked for.
    let all: Vec<Row> = Scan::new(&index, Vec::new(), None).collect::<Result<_, _>>().unwrap();
    assert_eq!(all, [(vec![3], vec![4]), (vec![5], vec![6])]);
    let none = Scan::new(&index, vec![0], Some(vec![1])).count();
    assert_eq!(none, 0);
    index.sync().unwrap();
}

#[test]
fn only_what_the_markers_vouch_for_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let disk = SimDisk::new();
    let judged = |boot: &str| judge(&disk, &path, boot).unwrap();
    assert_eq!(judged("one"), Trust::Rebuild(Rebuild::Missing));
    fs::create_dir(&path).unwrap();
    assert_eq!(judged("one"), Trust::Rebuild(Rebuild::Unmarked));
    trust::opening(&disk, "one", 1).unwrap();
    assert_eq!(judged("one"), Trust::Rebuild(Rebuild::DiedOpening));
    trust::opened(&disk).unwrap();
    assert_eq!(judged("one"), Trust::Trusted { clean: None, starts: 2 });
    assert_eq!(judged("two"), Trust::Rebuild(Rebuild::OtherBoot));
    trust::clean(&disk, 12).unwrap();
    assert_eq!(judged("two"), Trust::Trusted { clean: Some(12), starts: 1 });
    trust::opening(&disk, "", 3).unwrap();
    trust::opened(&disk).unwrap();
    assert_eq!(judged(""), Trust::Rebuild(Rebuild::OtherBoot), "an unknown boot is no boot");
    trust::opening(&disk, "two", 3).unwrap();
    trust::opened(&disk).unwrap();
    assert_eq!(judged("two"), Trust::Rebuild(Rebuild::RepeatedCrashes));
    trust::suspect(&disk).unwrap();
    assert_eq!(judged("two"), Trust::Rebuild(Rebuild::Suspect));
    trust::discard(&disk, &path).unwrap();
    assert_eq!(judged("two"), Trust::Rebuild(Rebuild::Missing));
}

#[test]
fn a_marker_is_durable_before_what_it_warns_of() {
    let directory = tempfile::tempdir().unwrap();
    let disk = SimDisk::new();
    trust::clean(&disk, 12).unwrap();
    trust::opening(&disk, "one", 1).unwrap();
    for seed in 0..8 {
        let judged = judge(&disk.cut(seed), directory.path(), "one").unwrap();
        assert_eq!(judged, Trust::Rebuild(Rebuild::DiedOpening));
    }
}
