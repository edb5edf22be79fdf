//! The key files of one state directory.
//!
//! The writer's way to durability is the spool; a thread of its own gives each key its file. Both
//! meet in what is *spooled*: a key without a file yet is read from memory. A spool is used again
//! only when the files of all its keys, and their names, are durable.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rolecall::key::KeyId;

use crate::store::disk::{Disk, DiskFile};
use crate::store::keys::seal::parse_file;
use crate::store::keys::spool::{self, Place, Spool};
use crate::store::keys::{DIRECTORY, Error, SealedKey, io_at, path};

const ASIDE: &str = "keys/unreferenced";
/// Keys that get their files together: with 700 bytes each, no burden on memory while they wait.
const BATCH: usize = 4_096;
/// From so many on, one sync of everything is cheaper than one for each.
const MANY: usize = 16;
/// How long keys wait for company on their way out of the spool.
const LINGER: Duration = Duration::from_secs(1);
/// When files could not be written, because the disk is full, it is tried again after this time.
const RETRY: Duration = Duration::from_secs(5);

/// All sealed keys.
#[derive(Debug)]
pub struct KeyFiles {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// Held while files are written, so that a key is not destroyed and written at once.
    filing: Mutex<()>,
    /// Something for the thread that writes files.
    work: Condvar,
    /// What room is left is for something better: keys wait in their spools.
    sparing: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Keys without a durable file.
    unfiled: BTreeMap<KeyId, SealedKey>,
    /// Keys that are in a spool, whether they have a file or not.
    places: BTreeMap<KeyId, Place>,
    /// The spool that groups are appended to.
    active: Option<Spool>,
    /// One made ahead of need.
    ready: Option<Spool>,
    /// Full, or from before the start.
    full: Vec<Spool>,
    next: u64,
    stop: Option<Stop>,
}

/// How the thread that writes files ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// After every key has its file.
    Finish,
    /// At once, as if killed.
    Abandon,
}

impl KeyFiles {
    /// Finds what a process before left, and returns the ids of all keys.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<(Self, BTreeSet<KeyId>), Error> {
        disk.create_dir(DIRECTORY).map_err(io_at("create", DIRECTORY))?;
        disk.create_dir(ASIDE).map_err(io_at("create", ASIDE))?;
        for directory in ["", DIRECTORY] {
            disk.sync_dir(directory).map_err(io_at("sync", directory))?;
        }
        let keys = Self { state: Mutex::new(State::read(&*disk)?), ..Self::new(disk) };
        let ids = keys.list()?;
        Ok((keys, ids))
    }

    /// Reads keys without repairing or preparing anything.
    pub(crate) fn read_only(disk: Arc<dyn Disk>) -> Self {
        let state = State::read(&*disk).unwrap_or_default();
        Self { state: Mutex::new(state), ..Self::new(disk) }
    }

    fn new(disk: Arc<dyn Disk>) -> Self {
        let (state, filing) = (Mutex::default(), Mutex::default());
        let sparing = AtomicBool::new(false);
        Self { disk, state, filing, work: Condvar::new(), sparing }
    }

    /// Reads one key.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Damaged`], else what the system says.
    pub fn read(&self, id: &KeyId) -> Result<SealedKey, Error> {
        if let Some(key) = self.lock().unfiled.get(id) {
            return Ok(key.clone());
        }
        read_file(&*self.disk, id)
    }

    /// Returns whether there is a key of that id.
    ///
    /// # Errors
    /// What the system says.
    pub fn contains(&self, id: &KeyId) -> Result<bool, Error> {
        let path = path(id);
        let unfiled = self.lock().unfiled.contains_key(id);
        Ok(unfiled || self.disk.exists(&path).map_err(io_at("read", &path))?)
    }

    /// Returns the ids of all keys.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> Result<BTreeSet<KeyId>, Error> {
        let unfiled: Vec<KeyId> = self.lock().unfiled.keys().copied().collect();
        let mut ids = files(&*self.disk)?;
        ids.extend(unfiled);
        Ok(ids)
    }

    /// Makes keys durable; all or none are there when this returns.
    ///
    /// Only the writer calls this: there is one, and it has seen that the ids are new.
    pub(crate) fn write(&self, keys: &[SealedKey]) -> Result<(), Error> {
        let length: usize = keys.iter().map(|key| key.as_bytes().len()).sum();
        if length == 0 {
            return Ok(());
        }
        let mut spool = self.spool_with_room(length)?;
        let appended = spool.append(keys);
        let mut state = self.lock();
        match appended {
            Ok(places) => {
                state.active = Some(spool);
                for (key, place) in keys.iter().zip(places) {
                    state.places.insert(key.id(), place);
                    state.unfiled.insert(key.id(), key.clone());
                }
                self.work.notify_one();
                Ok(())
            }
            Err(error) => {
                // Nobody knows what is in the file now, so nothing is appended to it any more.
                state.active = None;
                state.full.push(spool);
                Err(error)
            }
        }
    }

    /// Withdraws keys that nothing refers to, because the group that brought them failed.
    pub(crate) fn take_back(&self, keys: &[SealedKey]) {
        for key in keys {
            // What stays is unreferenced, and the next start sets it aside.
            drop(self.destroy(&key.id()));
        }
    }

    /// Overwrites a key with zeros and removes it; a key that is not there is destroyed already.
    ///
    /// # Errors
    /// What the system says.
    pub fn destroy(&self, id: &KeyId) -> Result<(), Error> {
        let _filing = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        self.withdraw(id)?;
        let path = path(id);
        let file = match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(io_at("open", &path))?,
        };
        let length = file.length().map_err(io_at("read", &path))?;
        let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
        file.write_at(&zeros, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.disk.remove(&path))
            .and_then(|()| self.disk.sync_dir(DIRECTORY))
            .map_err(io_at("destroy", &path))
    }

    /// Moves keys that nothing refers to out of the way.
    pub(crate) fn set_aside(&self, ids: &BTreeSet<KeyId>) -> Result<(), Error> {
        while !self.lock().unfiled.is_empty() {
            self.file_batch()?;
        }
        let _filing = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            let path = path(id);
            match self.disk.rename(&path, &format!("{ASIDE}/{id}.key")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_at("set aside", &path)(error));
                }
                _moved => {}
            }
        }
        for directory in [ASIDE, DIRECTORY] {
            self.disk.sync_dir(directory).map_err(io_at("sync", directory))?;
        }
        ids.iter().try_for_each(|id| self.withdraw(id))
    }

    /// Gives keys their files until [`Self::stop`]: the body of a thread.
    pub(crate) fn run(&self) {
        loop {
            let done = if self.is_sparing() {
                Ok(())
            } else {
                self.file_batch().and_then(|()| self.turn_over())
            };
            if let Some(stop) = self.wait(&done) {
                if stop == Stop::Finish && done.is_ok() {
                    self.clear();
                }
                return;
            }
        }
    }

    /// Has [`Self::run`] take no room on a disk that is full, or take it again.
    pub(crate) fn spare(&self, sparing: bool) {
        if self.sparing.swap(sparing, Ordering::AcqRel) != sparing {
            let _state = self.lock();
            self.work.notify_all();
        }
    }

    /// Returns whether it takes no room, because the disk is full.
    pub(crate) fn is_sparing(&self) -> bool {
        self.sparing.load(Ordering::Acquire)
    }

    /// Ends [`Self::run`].
    pub(crate) fn stop(&self, stop: Stop) {
        self.lock().stop = Some(stop);
        self.work.notify_all();
    }

    /// Returns when there is something to do, or how to stop.
    fn wait(&self, done: &Result<(), Error>) -> Option<Stop> {
        let mut state = self.lock();
        if let (Err(error), None) = (done, state.stop) {
            tracing::warn!(%error, "keys wait in the spool for their files");
            let waited = self.work.wait_timeout(state, RETRY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut lingered = false;
        loop {
            let sparing = self.is_sparing();
            let idle = sparing || state.unfiled.is_empty() && state.ready.is_some();
            match state.stop {
                // In the spool they are durable: waiting a moment has many share the syncs, and
                // keeps the disk free for whoever waits for an answer.
                None if !idle && state.unfiled.len() < BATCH && !lingered => {
                    lingered = true;
                    let waited = self.work.wait_timeout_while(state, LINGER, |state| {
                        state.stop.is_none() && state.unfiled.len() < BATCH
                    });
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Some(Stop::Abandon) => return Some(Stop::Abandon),
                Some(Stop::Finish) if done.is_err() || sparing || state.unfiled.is_empty() => {
                    return Some(Stop::Finish);
                }
                Some(Stop::Finish) => return None,
                None if !idle => return None,
                None => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn spool_with_room(&self, length: usize) -> Result<Spool, Error> {
        let mut state = self.lock();
        if let Some(spool) = state.active.as_ref().filter(|spool| spool.has_room(length)) {
            return Ok(spool.clone());
        }
        let full = state.active.take();
        state.full.extend(full);
        if let Some(spool) = state.ready.take() {
            state.active = Some(spool.clone());
            return Ok(spool);
        }
        let number = state.take_number();
        drop(state);
        let spool = Spool::create(&*self.disk, number)?;
        self.lock().active = Some(spool.clone());
        Ok(spool)
    }

    /// Writes the files of some keys that have none.
    pub(super) fn file_batch(&self) -> Result<(), Error> {
        let _filing = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        let batch: Vec<SealedKey> = self.lock().unfiled.values().take(BATCH).cloned().collect();
        if batch.is_empty() {
            return Ok(());
        }
        let mut written = Vec::with_capacity(batch.len());
        for key in &batch {
            written.push((key, write_file(&*self.disk, key)?));
        }
        if batch.len() >= MANY {
            self.disk.sync_all().map_err(io_at("sync", DIRECTORY))?;
        } else {
            for (key, file) in written {
                file.sync_data().map_err(io_at("sync", &path(&key.id())))?;
            }
            self.disk.sync_dir(DIRECTORY).map_err(io_at("sync", DIRECTORY))?;
        }
        let mut state = self.lock();
        for key in &batch {
            state.unfiled.remove(&key.id());
        }
        Ok(())
    }

    /// Makes one spool ready, from one that is done with if there is any; removes the others.
    fn turn_over(&self) -> Result<(), Error> {
        loop {
            let (done, number) = {
                let mut state = self.lock();
                let done = state.take_done();
                if done.is_none() && state.ready.is_some() {
                    return Ok(());
                }
                (done, state.take_number())
            };
            let has_ready = self.lock().ready.is_some();
            match done {
                Some(spool) if has_ready => spool.remove(&*self.disk),
                Some(spool) => self.lock().ready = Some(spool.recycle()?),
                None => {
                    let made = Spool::create(&*self.disk, number)?;
                    self.lock().ready = Some(made);
                }
            }
        }
    }

    /// Leaves no spool behind once every key has its file.
    fn clear(&self) {
        let mut state = self.lock();
        if !state.unfiled.is_empty() {
            return;
        }
        let spools = std::mem::take(&mut state.full).into_iter();
        let (active, ready) = (state.active.take(), state.ready.take());
        for spool in spools.chain(active).chain(ready) {
            spool.remove(&*self.disk);
        }
    }

    /// Has a spool forget a key.
    fn withdraw(&self, id: &KeyId) -> Result<(), Error> {
        let mut state = self.lock();
        state.unfiled.remove(id);
        if let Some(place) = state.places.remove(id) {
            let mut spools = state.full.iter().chain(&state.active);
            if let Some(spool) = spools.find(|spool| spool.number == place.spool) {
                spool.withdraw(&place)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(disk: &dyn Disk) -> Result<Self, Error> {
        let mut state = Self::default();
        for (spool, keys) in Spool::open_all(disk)? {
            state.next = state.next.max(spool.number.saturating_add(1));
            state.full.push(spool);
            for (key, place) in keys {
                state.places.insert(key.id(), place);
                state.unfiled.insert(key.id(), key);
            }
        }
        Ok(state)
    }

    const fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// Takes a spool whose keys all have files, and forgets what was in it.
    fn take_done(&mut self) -> Option<Spool> {
        let waiting: BTreeSet<u64> = self
            .unfiled
            .keys()
            .filter_map(|id| self.places.get(id))
            .map(|place| place.spool)
            .collect();
        let done = self.full.iter().position(|spool| !waiting.contains(&spool.number))?;
        let spool = self.full.swap_remove(done);
        self.places.retain(|_, place| place.spool != spool.number);
        Some(spool)
    }
}

/// Reads one key, from its file or, before it has one, from a spool.
pub(crate) fn read(disk: &dyn Disk, id: &KeyId) -> Result<SealedKey, Error> {
    match read_file(disk, id) {
        // A file that is not whole is one being written: its spool has the key.
        Err(error @ (Error::NotFound { .. } | Error::Damaged { .. })) => {
            spool::read_all(disk)?.remove(id).ok_or(error)
        }
        read => read,
    }
}

/// Returns the ids of all keys, those in spools too.
///
/// # Errors
/// What the system says.
pub fn list(disk: &dyn Disk) -> Result<BTreeSet<KeyId>, Error> {
    let mut ids: BTreeSet<KeyId> = spool::read_all(disk)?.into_keys().collect();
    ids.extend(files(disk)?);
    Ok(ids)
}

fn files(disk: &dyn Disk) -> Result<BTreeSet<KeyId>, Error> {
    let names = disk.list(DIRECTORY).map_err(io_at("read", DIRECTORY))?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".key")?.parse().ok()).collect())
}

fn read_file(disk: &dyn Disk, id: &KeyId) -> Result<SealedKey, Error> {
    let path = path(id);
    match disk.read(&path) {
        Ok(bytes) => parse_file(id, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound { id: *id }),
        Err(error) => Err(io_at("read", &path)(error)),
    }
}

/// Writes the file of a key; one that a crash left behind is made whole.
fn write_file(disk: &dyn Disk, key: &SealedKey) -> Result<Box<dyn DiskFile>, Error> {
    let path = path(&key.id());
    let bytes = key.as_bytes();
    let file = match disk.create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = disk.open(&path).map_err(io_at("open", &path))?;
            let there = disk.read(&path).map_err(io_at("read", &path))?;
            if there != bytes {
                file.set_length(0).map_err(io_at("cut", &path))?;
                file.write_at(bytes, 0).map_err(io_at("write", &path))?;
            }
            return Ok(file);
        }
        created => created.map_err(io_at("create", &path))?,
    };
    file.write_at(bytes, 0).map_err(io_at("write", &path))?;
    Ok(file)
}
