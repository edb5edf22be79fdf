use std::os::unix::fs::PermissionsExt;

use zeroize::Zeroizing;

use super::*;
use crate::store::disk::Disk;
use crate::store::disk::simulated::SimDisk;
use crate::store::toy;

fn files(disk: &SimDisk) -> KeyFiles {
    KeyFiles::open(Arc::new(disk.clone())).unwrap().0
}

#[test]
fn a_key_is_unsealed_with_what_was_sealed() {
    let sealed = toy::sealer().seal(toy::key_id(1), [3; 32], true, b"private");
    let parsed = SealedKey::parse(sealed.as_bytes(), "keys/x").unwrap();
    assert_eq!(parsed, sealed);
    assert!(parsed.is_exportable());
    assert_eq!(parsed.spki_sha256(), &[3; 32]);
    assert_eq!(toy::sealer().open(&parsed).unwrap().as_slice(), b"private");
    let clear = b"private".as_slice();
    assert!(!sealed.as_bytes().windows(clear.len()).any(|window| window == clear));
}

#[test]
fn a_changed_byte_anywhere_does_not_unseal() {
    let sealed = toy::sealer().seal(toy::key_id(1), [3; 32], true, b"private");
    let length = sealed.as_bytes().len();
    for at in 0..length {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] ^= 1;
        assert!(SealedKey::parse(&bytes, "keys/x").is_err(), "byte {at}");
        // Whoever changes a file on purpose also sets the checksum right.
        let checksum = crc32fast::hash(&bytes[..length - 4]).to_le_bytes();
        bytes[length - 4..].copy_from_slice(&checksum);
        let opened = SealedKey::parse(&bytes, "keys/x").and_then(|key| toy::sealer().open(&key));
        assert!(opened.is_err() || bytes == sealed.as_bytes(), "byte {at}");
    }
}

#[test]
fn a_key_of_another_master_says_which() {
    let sealed = toy::key(1);
    let other = Sealer::new(MasterKey::from_bytes(Zeroizing::new([1; 32])));
    let refused = other.open(&sealed).unwrap_err();
    assert!(matches!(refused, Error::WrongMaster { .. }), "{refused}");
    assert!(refused.to_string().contains(&toy::sealer().master_id().to_string()), "{refused}");
}

#[test]
fn nothing_that_is_printed_holds_a_key() {
    let master = MasterKey::from_bytes(Zeroizing::new([0xab; 32]));
    let shown = format!("{master:?}");
    let text = format!("{shown} {:?} {:?}", Sealer::new(master), toy::key(1));
    assert!(!text.contains("171") && !text.contains("abab"), "{text}");
}

#[test]
fn keys_are_written_once_read_and_destroyed() {
    let disk = SimDisk::new();
    let files = files(&disk);
    let keys: Vec<SealedKey> = (0..20).map(toy::key).collect();
    files.write(&keys).unwrap();
    let large = toy::sealer().seal(toy::key_id(99), [3; 32], true, &[1; 9_000]);
    files.write(std::slice::from_ref(&large)).unwrap();

    assert_eq!(files.read(&large.id()).unwrap(), large);
    assert_eq!(files.list().unwrap().len(), 21);
    for key in &keys {
        assert_eq!(&files.read(&key.id()).unwrap(), key);
    }
    files.destroy(&keys[4].id()).unwrap();
    files.destroy(&keys[4].id()).unwrap();
    assert!(matches!(files.read(&keys[4].id()), Err(Error::NotFound { .. })));
}

/// Gives every key its file, as the thread does, and stops.
fn finish(files: &KeyFiles) {
    files.stop(Stop::Finish);
    files.run();
}

#[test]
fn every_key_ends_in_a_file_of_its_own_and_no_spool_is_left() {
    let disk = SimDisk::new();
    let files = files(&disk);
    // More than one spool holds.
    for group in 0..100 {
        let keys: Vec<SealedKey> = (0..16).map(|n| toy::key(group * 16 + n)).collect();
        files.write(&keys).unwrap();
    }
    assert!(disk.list("keys").unwrap().len() < 10, "nothing has a file yet");
    assert_eq!(list(&disk).unwrap().len(), 1_600);
    finish(&files);
    let names = disk.list("keys").unwrap();
    assert_eq!(names.iter().filter(|name| name.ends_with(".key")).count(), 1_600);
    assert!(!names.iter().any(|name| name.starts_with("spool")), "{names:?}");
    assert_eq!(files.read(&toy::key_id(7)).unwrap().id(), toy::key_id(7));
}

#[test]
fn what_was_spooled_survives_a_power_cut_and_what_was_destroyed_does_not() {
    for seed in 0..60 {
        let disk = SimDisk::new();
        let keys: Vec<SealedKey> = (0..6).map(toy::key).collect();
        let first = files(&disk);
        first.write(&keys).unwrap();
        if seed % 2 == 0 {
            first.file_batch().unwrap();
        }
        first.destroy(&toy::key_id(3)).unwrap();
        if seed % 3 == 0 {
            finish(&first);
        }
        let survivor = disk.cut(seed);
        let files = files(&survivor);
        finish(&files);
        for (number, key) in (0..).zip(&keys) {
            match files.read(&key.id()) {
                Ok(read) => assert_eq!((&read, number != 3), (key, true), "seed {seed}"),
                Err(error) => assert_eq!(number, 3, "seed {seed}: {error}"),
            }
        }
    }
}

#[test]
fn a_group_that_failed_leaves_no_key() {
    let disk = SimDisk::new();
    let files = files(&disk);
    files.write(&[toy::key(1)]).unwrap();
    files.write(&[toy::key(2), toy::key(3)]).unwrap();
    files.take_back(&[toy::key(2)]);
    drop(files);
    assert_eq!(list(&disk).unwrap().len(), 2, "what follows a withdrawn key is still found");
    assert!(matches!(read(&disk, &toy::key_id(2)), Err(Error::NotFound { .. })));
    assert_eq!(read(&disk, &toy::key_id(3)).unwrap().id(), toy::key_id(3));
}

#[test]
fn a_file_that_holds_another_key_is_damaged() {
    let disk = SimDisk::new();
    let files = files(&disk);
    files.write(&[toy::key(1)]).unwrap();
    finish(&files);
    disk.rename(&path(&toy::key_id(1)), &path(&toy::key_id(2))).unwrap();
    let refused = files.read(&toy::key_id(2)).unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
}

#[test]
fn a_master_key_file_is_refused_unless_it_is_safe() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let path = directory.path().join("master");
    let created = MasterKey::create(&path, &state).unwrap();
    assert_eq!(MasterKey::load(&path, &state).unwrap().id(), created.id());
    assert!(matches!(MasterKey::create(&path, &state), Err(MasterError::Io { .. })));

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = MasterKey::load(&path, &state).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(31).unwrap();
    let refused = MasterKey::load(&path, &state).unwrap_err();
    assert!(matches!(refused, MasterError::Length { length: 31, .. }), "{refused}");

    for inside in [state.join("master"), state.join("../state/master")] {
        let refused = MasterKey::create(&inside, &state).unwrap_err();
        assert!(matches!(refused, MasterError::InStateDirectory { .. }), "{refused}");
    }
}
