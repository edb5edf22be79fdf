//! The key files of one state directory.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use rolecall::key::KeyId;

use crate::store::disk::Disk;
use crate::store::keys::seal::parse_file;
use crate::store::keys::slots::{SIZE, Slot, Slots, number};
use crate::store::keys::{DIRECTORY, Error, SealedKey, io_at, path};

const ASIDE: &str = "keys/unreferenced";
/// From so many keys in a group on a second thread pays for itself.
const PARALLEL: usize = 4;

/// All sealed keys.
#[derive(Debug)]
pub struct KeyFiles {
    disk: Arc<dyn Disk>,
    slots: Slots,
}

/// What a start found among the key files.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every key there is.
    pub(crate) ids: BTreeSet<KeyId>,
    /// Slots a crash left with something in them that is no whole key, and where they are now.
    pub(crate) torn: Vec<String>,
}

impl KeyFiles {
    /// Finishes what a crash left half done, and lists the keys.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<(Self, Found), Error> {
        disk.create_dir(DIRECTORY).map_err(io_at("create", DIRECTORY))?;
        disk.create_dir(ASIDE).map_err(io_at("create", ASIDE))?;
        let mut found = Found::default();
        let mut ready = Vec::new();
        let mut next = 0;
        let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
        found.ids = names.iter().filter_map(|name| key_of(name)).collect();
        for name in &names {
            if let Some(number) = number(name) {
                next = next.max(number.saturating_add(1));
                ready.extend(recover_slot(&*disk, name, &mut found)?);
            }
        }
        for directory in ["", DIRECTORY, ASIDE] {
            disk.sync_dir(directory).map_err(io_at("sync", directory))?;
        }
        let slots = Slots::new(Arc::clone(&disk), ready, next);
        Ok((Self { disk, slots }, found))
    }

    /// Reads keys without repairing or preparing anything.
    pub(crate) fn read_only(disk: Arc<dyn Disk>) -> Self {
        let slots = Slots::new(Arc::clone(&disk), Vec::new(), 0);
        Self { disk, slots }
    }

    /// Reads one key.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Damaged`], else what the system says.
    pub fn read(&self, id: &KeyId) -> Result<SealedKey, Error> {
        read(&*self.disk, id)
    }

    /// Returns whether there is a key of that id.
    ///
    /// # Errors
    /// What the system says.
    pub fn contains(&self, id: &KeyId) -> Result<bool, Error> {
        let path = path(id);
        self.disk.exists(&path).map_err(io_at("read", &path))
    }

    /// Returns the ids of all keys.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> Result<BTreeSet<KeyId>, Error> {
        list(&*self.disk)
    }

    /// Writes keys and makes them durable; all or none are there when this returns.
    pub(crate) fn write(&self, keys: &[SealedKey]) -> Result<(), Error> {
        for key in keys {
            if self.contains(&key.id())? {
                return Err(Error::Exists { id: key.id() });
            }
        }
        let written = self.write_all(keys);
        if written.is_err() {
            self.take_back(keys);
        }
        written
    }

    /// Removes keys that nothing refers to, because the group that brought them failed.
    pub(crate) fn take_back(&self, keys: &[SealedKey]) {
        for key in keys {
            // What stays is unreferenced, and the next start sets it aside.
            drop(self.disk.remove(&path(&key.id())));
        }
    }

    /// Overwrites a key with zeros and removes it; a key that is not there is destroyed already.
    ///
    /// # Errors
    /// What the system says.
    pub fn destroy(&self, id: &KeyId) -> Result<(), Error> {
        let path = path(id);
        let file = match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(io_at("open", &path))?,
        };
        let length = file.length().map_err(io_at("read", &path))?;
        let zeros = vec![0; usize::try_from(length).unwrap_or(SIZE)];
        file.write_at(&zeros, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.disk.remove(&path))
            .and_then(|()| self.disk.sync_dir(DIRECTORY))
            .map_err(io_at("destroy", &path))
    }

    /// Moves a key that nothing refers to out of the way.
    pub(crate) fn set_aside(&self, id: &KeyId) -> Result<(), Error> {
        let path = path(id);
        match self.disk.rename(&path, &format!("{ASIDE}/{id}.key")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_at("set aside", &path)(error))
            }
            _moved => Ok(()),
        }
    }

    /// Keeps slots ready until [`Self::stop`]: the body of a thread.
    pub(crate) fn refill(&self) {
        self.slots.refill();
    }

    /// Ends [`Self::refill`].
    pub(crate) fn stop(&self) {
        self.slots.stop();
    }

    fn write_all(&self, keys: &[SealedKey]) -> Result<(), Error> {
        let (small, large): (Vec<_>, Vec<_>) =
            keys.iter().partition(|key| key.as_bytes().len() <= SIZE);
        for key in large {
            self.write_large(key)?;
        }
        let slots = self.slots.take(small.len())?;
        let pairs: Vec<(Slot, &SealedKey)> = slots.into_iter().zip(small).collect();
        let (first, second) =
            pairs.split_at(if pairs.len() < PARALLEL { 0 } else { pairs.len() / 2 });
        let outcomes = if first.is_empty() {
            [Ok(()), fill(second)]
        } else {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| fill(first));
                let own = fill(second);
                [other.join().expect("filling a slot does not panic"), own]
            })
        };
        let mut outcome = outcomes.into_iter().collect::<Result<Vec<()>, Error>>().map(drop);
        for (slot, key) in &pairs {
            if outcome.is_err() {
                drop(self.disk.remove(&slot.path));
            } else {
                let path = path(&key.id());
                outcome = self.disk.rename(&slot.path, &path).map_err(io_at("rename", &path));
            }
        }
        outcome
    }

    /// Writes a key that fits into no slot.
    fn write_large(&self, key: &SealedKey) -> Result<(), Error> {
        let path = path(&key.id());
        let file = self.disk.create(&path).map_err(io_at("create", &path))?;
        file.write_at(key.as_bytes(), 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.disk.sync_dir(DIRECTORY))
            .map_err(io_at("write", &path))
    }
}

/// Reads one key.
pub(crate) fn read(disk: &dyn Disk, id: &KeyId) -> Result<SealedKey, Error> {
    let path = path(id);
    match disk.read(&path) {
        Ok(bytes) => parse_file(id, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound { id: *id }),
        Err(error) => Err(io_at("read", &path)(error)),
    }
}

/// Returns the ids of all keys.
pub(crate) fn list(disk: &dyn Disk) -> Result<BTreeSet<KeyId>, Error> {
    let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
    Ok(names.iter().filter_map(|name| key_of(name)).collect())
}

fn key_of(name: &str) -> Option<KeyId> {
    name.strip_suffix(".key")?.parse().ok()
}

fn fill(pairs: &[(Slot, &SealedKey)]) -> Result<(), Error> {
    for (slot, key) in pairs {
        let written = slot.file.write_at(key.as_bytes(), 0);
        written.and_then(|()| slot.file.sync_data()).map_err(io_at("write", &slot.path))?;
    }
    Ok(())
}

/// Returns an empty slot for use; gives a filled one the name of its key.
fn recover_slot(disk: &dyn Disk, name: &str, found: &mut Found) -> Result<Option<Slot>, Error> {
    let slot = format!("{DIRECTORY}/{name}");
    let bytes = disk.read(&slot).map_err(io_at("read", &slot))?;
    if bytes.len() == SIZE && bytes.iter().all(|byte| *byte == 0) {
        let file = disk.open(&slot).map_err(io_at("open", &slot))?;
        // The process before may have ended between writing the zeros and syncing them.
        file.sync_data().map_err(io_at("sync", &slot))?;
        return Ok(Some(Slot { path: slot, file }));
    }
    match SealedKey::parse(&bytes, &slot) {
        Ok(key) if !found.ids.contains(&key.id()) => {
            let path = path(&key.id());
            disk.rename(&slot, &path).map_err(io_at("rename", &path))?;
            found.ids.insert(key.id());
        }
        Ok(_) | Err(_) => {
            let aside = free_name(disk, name)?;
            disk.rename(&slot, &aside).map_err(io_at("set aside", &slot))?;
            found.torn.push(aside);
        }
    }
    Ok(None)
}

fn free_name(disk: &dyn Disk, name: &str) -> Result<String, Error> {
    let mut attempt = 0_u32;
    loop {
        let aside = format!("{ASIDE}/{name}-{attempt}");
        if !disk.exists(&aside).map_err(io_at("read", &aside))? {
            return Ok(aside);
        }
        attempt = attempt.saturating_add(1);
    }
}
