//! The spool: where a group's keys are made durable by one sync, before each has its file.
//!
//! A spool file is sealed keys, one after the other, in zeros written ahead. A record that was
//! withdrawn begins with `RCKX` and has only its length left. Reading stops at the first thing that
//! is neither: what follows it was never acknowledged. A file is used again, zeroed, only when every
//! key in it has a durable file of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use rolecall::key::KeyId;

use crate::store::codec::{length32, offset};
use crate::store::disk::{Disk, DiskFile};
use crate::store::keys::seal::{LENGTH_AT, MAGIC};
use crate::store::keys::{DIRECTORY, Error, SealedKey, io_at};

/// Some 1,300 keys: at the fastest, a second's.
pub(super) const SIZE: usize = 1 << 20;
const PREFIX: &str = "spool-";
const WITHDRAWN: [u8; 4] = *b"RCKX";

/// Where in which spool file a key is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) spool: u64,
    at: u64,
    length: usize,
}

/// A spool file that a process before left, and the keys in it.
pub(super) type Found = (Spool, Vec<(SealedKey, Place)>);

/// One spool file.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    pub(super) number: u64,
    path: String,
    file: Arc<dyn DiskFile>,
    end: u64,
}

impl Spool {
    /// Makes a new file of durable zeros.
    pub(super) fn create(disk: &dyn Disk, number: u64) -> Result<Self, Error> {
        let path = format!("{DIRECTORY}/{PREFIX}{number:06}");
        let file: Arc<dyn DiskFile> = disk.create(&path).map_err(io_at("create", &path))?.into();
        let spool = Self { number, path, file, end: 0 };
        let made = spool.file.allocate(0, offset(SIZE)).map_err(io_at("extend", &spool.path));
        let made = made.and_then(|()| spool.zero());
        let made = made.and_then(|()| disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY)));
        if let Err(error) = made {
            spool.remove(disk);
            return Err(error);
        }
        Ok(spool)
    }

    /// Opens the files that a process before left, with the keys in them.
    pub(super) fn open_all(disk: &dyn Disk) -> Result<Vec<Found>, Error> {
        let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
        let mut spools = Vec::new();
        for name in names {
            let Some(number) = name.strip_prefix(PREFIX).and_then(|digits| digits.parse().ok())
            else {
                continue;
            };
            let path = format!("{DIRECTORY}/{name}");
            let bytes = disk.read(&path).map_err(io_at("read", &path))?;
            let file: Arc<dyn DiskFile> = disk.open(&path).map_err(io_at("open", &path))?.into();
            let keys = read_records(&bytes, number);
            // Never appended to again: what follows its records is unknown.
            let end = offset(bytes.len());
            spools.push((Self { number, path, file, end }, keys));
        }
        Ok(spools)
    }

    /// Returns whether a group of so many bytes goes into what was written ahead.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.end.saturating_add(offset(length)) <= offset(SIZE) || self.end == 0
    }

    /// Writes keys and makes them durable.
    pub(super) fn append(&mut self, keys: &[SealedKey]) -> Result<Vec<Place>, Error> {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        for key in keys {
            let at = self.end.saturating_add(offset(bytes.len()));
            bytes.extend_from_slice(key.as_bytes());
            places.push(Place { spool: self.number, at, length: key.as_bytes().len() });
        }
        let written = self.file.write_at(&bytes, self.end);
        written.and_then(|()| self.file.sync_data()).map_err(io_at("write", &self.path))?;
        self.end = self.end.saturating_add(offset(bytes.len()));
        Ok(places)
    }

    /// Overwrites one key, so that no start finds it here.
    pub(super) fn withdraw(&self, place: &Place) -> Result<(), Error> {
        let sealed = place.length.saturating_sub(LENGTH_AT).saturating_sub(8);
        let mut bytes = WITHDRAWN.to_vec();
        bytes.resize(LENGTH_AT, 0);
        bytes.extend_from_slice(&length32(sealed).to_le_bytes());
        bytes.resize(place.length, 0);
        let written = self.file.write_at(&bytes, place.at);
        written.and_then(|()| self.file.sync_data()).map_err(io_at("write", &self.path))
    }

    /// Makes the file one of durable zeros again.
    pub(super) fn recycle(mut self) -> Result<Self, Error> {
        self.file.set_length(offset(SIZE)).map_err(io_at("cut", &self.path))?;
        self.zero()?;
        self.end = 0;
        Ok(self)
    }

    /// Overwrites the file and removes it; what fails is found again by the next start.
    pub(super) fn remove(&self, disk: &dyn Disk) {
        drop(self.zero());
        drop(disk.remove(&self.path));
    }

    fn zero(&self) -> Result<(), Error> {
        let written = self.file.write_at(&vec![0; SIZE], 0);
        written.and_then(|()| self.file.sync_data()).map_err(io_at("write", &self.path))
    }
}

/// Returns the keys that are only in spools so far, or also there.
pub(super) fn read_all(disk: &dyn Disk) -> Result<BTreeMap<KeyId, SealedKey>, Error> {
    let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
    let mut keys = BTreeMap::new();
    for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
        let path = format!("{DIRECTORY}/{name}");
        match disk.read(&path) {
            Ok(bytes) => {
                let records = read_records(&bytes, 0);
                keys.extend(records.into_iter().map(|(key, _)| (key.id(), key)));
            }
            // Every key in it has its file now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_at("read", &path)(error)),
        }
    }
    Ok(keys)
}

fn read_records(bytes: &[u8], spool: u64) -> Vec<(SealedKey, Place)> {
    let mut keys = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = bytes.get(at..) {
        let length = if rest.starts_with(&WITHDRAWN) {
            SealedKey::length(rest)
        } else if rest.starts_with(&MAGIC) {
            let parsed = SealedKey::parse(rest, PREFIX).ok();
            let length = parsed.as_ref().map(|key| key.as_bytes().len());
            if let Some((key, length)) = parsed.zip(length) {
                keys.push((key, Place { spool, at: offset(at), length }));
            }
            length
        } else {
            None
        };
        let Some(length) = length else { break };
        at = at.saturating_add(length);
    }
    keys
}
