//! A projection for tests: lists that grow, rows that come and go, and keys.

use std::path::Path;
use std::sync::Arc;

use rolecall::key::KeyId;
use zeroize::Zeroizing;

use crate::store::codec::Reader;
use crate::store::disk::Disk;
use crate::store::engine::{CheckpointPolicy, Engine, OpenReport, Options};
use crate::store::error::Error;
use crate::store::keys::{MasterKey, SealedKey, Sealer};
use crate::store::rows::{
    CheckpointRecord, KeyFate, Projection, ProjectionError, RowWrite, Rows, Scan, successor,
};

pub(crate) const LISTS: u8 = 0x10;
pub(crate) const KEYS: u8 = 0x50;

/// Appends the entry's sequence number to the list `name`: order and losses show.
pub(crate) fn append(name: &str) -> Vec<u8> {
    [b"A", name.as_bytes()].concat()
}

/// Sets a row to a value.
pub(crate) fn put(name: &str, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [b"P", &[length][..], name.as_bytes(), value].concat()
}

/// Removes a row.
pub(crate) fn remove(name: &str) -> Vec<u8> {
    [b"D", name.as_bytes()].concat()
}

/// Refers to a key.
pub(crate) fn refer(id: KeyId) -> Vec<u8> {
    [b"K", id.as_bytes().as_slice()].concat()
}

pub(crate) fn row(name: &str) -> Vec<u8> {
    [&[LISTS], name.as_bytes()].concat()
}

/// Returns the sequence numbers in a list.
pub(crate) fn list(rows: &dyn Rows, name: &str) -> Vec<u64> {
    let value = rows.get(&row(name)).unwrap().unwrap_or_default();
    value.chunks_exact(8).map(|number| u64::from_le_bytes(number.try_into().unwrap())).collect()
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Toy;

impl Projection for Toy {
    fn rows(
        &self,
        sequence: u64,
        payload: &[u8],
        view: &dyn Rows,
    ) -> Result<Vec<RowWrite>, ProjectionError> {
        let mut reader = Reader::new(payload);
        let named = |name: &[u8]| [&[LISTS], name].concat();
        Ok(match reader.u8() {
            Some(b'A') => {
                let key = named(reader.rest());
                let mut value = view.get(&key)?.unwrap_or_default();
                value.extend_from_slice(&sequence.to_le_bytes());
                vec![RowWrite::put(key, value)]
            }
            Some(b'P') => {
                let length = reader.u8().expect("tests write it");
                let key = named(reader.bytes(length.into()).expect("tests write it"));
                vec![RowWrite::put(key, reader.rest())]
            }
            Some(b'D') => vec![RowWrite::remove(named(reader.rest()))],
            Some(b'K') => vec![RowWrite::put([&[KEYS], reader.rest()].concat(), [])],
            Some(b'C') => Vec::new(),
            Some(b'0') => vec![RowWrite::put([0, 1], [])],
            _ => return Err(ProjectionError::new("no such entry")),
        })
    }

    fn checkpoint_entry(&self, record: &CheckpointRecord) -> Vec<u8> {
        [b"C", record.sequence.to_le_bytes().as_slice(), &record.digest].concat()
    }

    fn checkpoint_record(&self, payload: &[u8]) -> Option<CheckpointRecord> {
        let mut reader = Reader::new(payload);
        (reader.u8()? == b'C').then_some(())?;
        Some(CheckpointRecord { sequence: reader.u64()?, digest: reader.array()? })
    }

    fn key_ids(
        &self,
        view: &dyn Rows,
        found: &mut dyn FnMut(KeyId, KeyFate),
    ) -> Result<(), ProjectionError> {
        for row in Scan::new(view, vec![KEYS], successor(&[KEYS])) {
            let (key, _) = row?;
            let id = Reader::new(&key[1..]).array();
            let id = id.map(KeyId::new).ok_or_else(|| ProjectionError::new("no key id"))?;
            found(id, KeyFate::Held);
        }
        Ok(())
    }
}

pub(crate) fn sealer() -> Sealer {
    Sealer::new(MasterKey::from_bytes(Zeroizing::new([9; 32])))
}

pub(crate) fn key(number: u64) -> SealedKey {
    sealer().seal(key_id(number), [3; 32], false, &[5; 700])
}

pub(crate) fn key_id(number: u64) -> KeyId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    KeyId::new(id)
}

pub(crate) fn options(disk: impl Disk + 'static, index: &Path, boot: &str) -> Options {
    Options {
        disk: Arc::new(disk),
        index_path: index.join("index"),
        boot_id: boot.into(),
        projection: Arc::new(Toy),
        on_fatal: Box::new(|| {}),
        checkpoints: CheckpointPolicy::default(),
    }
}

pub(crate) fn open(
    disk: impl Disk + 'static,
    index: &Path,
    boot: &str,
) -> Result<(Engine, OpenReport), Error> {
    Engine::open(options(disk, index, boot))
}

/// Records one entry and returns its sequence number.
pub(crate) fn record(engine: &Engine, payload: Vec<u8>) -> Result<u64, Error> {
    engine.change_blocking(move |transaction| transaction.record(payload))
}

/// Records an entry that is for a full disk.
pub(crate) fn record_essential(engine: &Engine, payload: Vec<u8>) -> Result<u64, Error> {
    engine.change_blocking(move |transaction| {
        transaction.essential();
        transaction.record(payload)
    })
}

/// Waits until the index answers.
pub(crate) fn until_indexed(engine: &Engine) {
    for _ in 0..20_000 {
        if engine.is_indexed() && engine.key_audit().is_some() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("the index was not rebuilt");
}
