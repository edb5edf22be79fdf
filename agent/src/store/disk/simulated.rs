//! A disk in memory that can lose power, fill up, fail a sync, or turn read-only.
//!
//! It keeps only what a file system must: the pages of a file that were synced, and the names of a
//! directory that was synced. [`SimDisk::cut`] gives the disk as it may be found after a power
//! cut: of each file a random part of the pages written since, of each directory a random
//! beginning of the changes to its names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::disk::{Disk, DiskFile};
use crate::store::lock;

const PAGE: usize = 4 << 10;

/// What goes wrong; counts are of operations since the disk was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// From this write on there is no room.
    pub full_from_write: Option<u64>,
    /// Only writes that make a file longer need room.
    pub full_only_growing: bool,
    /// This sync of a file fails, and what it should have made durable is not.
    pub fail_sync: Option<u64>,
    /// Nothing can be written.
    pub read_only: bool,
    /// The power goes right after this operation, and every later one fails.
    pub power_off_after: Option<u64>,
}

/// How many operations of each kind were done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Writes and allocations.
    pub writes: u64,
    /// Syncs of files.
    pub syncs: u64,
    /// Everything that changes something.
    pub operations: u64,
}

/// A state directory in memory; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, File>,
    directories: BTreeMap<String, Directory>,
    next_file: u64,
    faults: Faults,
    counts: Counts,
    locked: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Node {
    File(u64),
    Directory,
}

#[derive(Clone, Debug, Default)]
struct Directory {
    now: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    /// Changes to names since the last sync, each with the number of the operation.
    changes: Vec<(u64, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Put(String, Node),
    Remove(String),
    Rename(String, String, Node),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Put(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

/// A small generator: the same seed, the same cut.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins a sequence.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number of the sequence (SplitMix64).
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, or 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

impl SimDisk {
    /// Makes an empty disk.
    pub fn new() -> Self {
        let disk = Self::default();
        disk.state().directories.insert(String::new(), Directory::default());
        disk
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Returns how much was done so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Returns the disk as a power cut now may leave it.
    pub fn cut(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let state = self.state();
        let files = state.files.iter().map(|(id, file)| (*id, file.cut(&mut random))).collect();
        let kept = kept_changes(&state.directories, &mut random);
        let mut directories = BTreeMap::new();
        for (path, directory) in &state.directories {
            let mut names = directory.durable.clone();
            for (_, change) in directory.changes.iter().filter(|(number, _)| kept.contains(number))
            {
                change.apply(&mut names);
            }
            let after = Directory { now: names.clone(), durable: names, changes: Vec::new() };
            directories.insert(path.clone(), after);
        }
        let exists = |path: &str, all: &BTreeMap<String, Directory>| {
            let (parent, name) = split(path);
            path.is_empty() || all.get(parent).is_some_and(|d| d.now.contains_key(name))
        };
        let all = directories.clone();
        directories.retain(|path, _| exists(path, &all));
        let survivor = State { files, directories, next_file: state.next_file, ..State::default() };
        Self { state: Arc::new(Mutex::new(survivor)) }
    }

    /// Returns the disk as the next process finds it when this one is killed: nothing is lost.
    pub fn copy(&self) -> Self {
        let state = self.state();
        let copy = State {
            files: state.files.clone(),
            directories: state.directories.clone(),
            next_file: state.next_file,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    /// Changes a file behind everybody's back.
    pub fn tamper(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let id = state.file(path).expect("the file exists");
        let file = state.files.get_mut(&id).expect("names point at files");
        change(&mut file.now);
        file.durable = file.now.clone();
        file.dirty.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one operation that changes something.
    fn operate<T>(&self, operate: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        if state.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let number = state.counts.operations;
        if state.faults.power_off_after.is_some_and(|last| number > last) {
            return Err(io::Error::other("the power is off"));
        }
        state.counts.operations = number.saturating_add(1);
        let done = operate(&mut state)?;
        if state.faults.power_off_after == Some(number) {
            return Err(io::Error::other("the power went off"));
        }
        Ok(done)
    }
}

/// Draws which changes to names survive: of each directory those up to a random one, and a rename
/// between two directories as soon as one of them has it.
fn kept_changes(directories: &BTreeMap<String, Directory>, random: &mut Random) -> BTreeSet<u64> {
    let mut kept = BTreeSet::new();
    for directory in directories.values() {
        let count = u64::try_from(directory.changes.len()).unwrap_or(u64::MAX);
        let keep = usize::try_from(random.below(count.saturating_add(1))).unwrap_or(0);
        kept.extend(directory.changes.iter().take(keep).map(|(number, _)| *number));
    }
    kept
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl State {
    fn directory(&mut self, path: &str) -> io::Result<&mut Directory> {
        self.directories.get_mut(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn node(&self, path: &str) -> Option<Node> {
        let (parent, name) = split(path);
        self.directories.get(parent)?.now.get(name).copied()
    }

    fn file(&self, path: &str) -> io::Result<u64> {
        match self.node(path) {
            Some(Node::File(id)) => Ok(id),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn change(&mut self, parent: &str, change: Change) -> io::Result<()> {
        let number = self.counts.operations;
        let directory = self.directory(parent)?;
        change.apply(&mut directory.now);
        directory.changes.push((number, change));
        Ok(())
    }

    fn needs_room(&mut self, grows: bool) -> io::Result<()> {
        let number = self.counts.writes;
        self.counts.writes = number.saturating_add(1);
        let full = self.faults.full_from_write.is_some_and(|first| number >= first);
        if full && (grows || !self.faults.full_only_growing) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl File {
    fn touch(&mut self, start: usize, end: usize) {
        self.dirty.extend((start / PAGE)..end.div_ceil(PAGE));
    }

    fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            copy_page(&self.now, &mut self.durable, page);
        }
    }

    fn cut(&self, random: &mut Random) -> Self {
        let mut after = self.durable.clone();
        if random.below(2) == 0 {
            after.resize(self.now.len(), 0);
        }
        for page in &self.dirty {
            if random.below(2) == 0 {
                copy_page(&self.now, &mut after, *page);
            }
        }
        Self { now: after.clone(), durable: after, dirty: BTreeSet::new() }
    }
}

fn copy_page(from: &[u8], to: &mut [u8], page: usize) {
    let start = page.saturating_mul(PAGE);
    let end = start.saturating_add(PAGE).min(from.len()).min(to.len());
    if let (Some(from), Some(to)) = (from.get(start..end), to.get_mut(start..end)) {
        to.copy_from_slice(from);
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    id: u64,
}

impl Handle {
    fn with<T>(&self, act: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        self.disk.operate(|state| act(state, self.id))
    }
}

fn open_file(state: &mut State, id: u64) -> io::Result<&mut File> {
    state.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
}

impl DiskFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let file = open_file(&mut state, self.id)?;
        let rest = file.now.get(index(offset)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(|state, id| {
            let (start, end) = (index(offset), index(offset).saturating_add(bytes.len()));
            let grows = open_file(state, id)?.now.len() < end;
            state.needs_room(grows)?;
            let file = open_file(state, id)?;
            if grows {
                file.now.resize(end, 0);
            }
            if let Some(to) = file.now.get_mut(start..end) {
                to.copy_from_slice(bytes);
            }
            file.touch(start, end);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        let length = open_file(&mut state, self.id)?.now.len();
        u64::try_from(length).map_err(io::Error::other)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.with(|state, id| {
            let file = open_file(state, id)?;
            let (before, after) = (file.now.len(), index(length));
            file.now.resize(after, 0);
            file.touch(before.min(after), before.max(after));
            Ok(())
        })
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.with(|state, id| {
            let end = index(offset.saturating_add(length));
            let grows = open_file(state, id)?.now.len() < end;
            state.needs_room(grows)?;
            let file = open_file(state, id)?;
            let before = file.now.len();
            file.now.resize(before.max(end), 0);
            file.touch(before, end);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, id| {
            let number = state.counts.syncs;
            state.counts.syncs = number.saturating_add(1);
            let fails = state.faults.fail_sync == Some(number);
            let file = open_file(state, id)?;
            if fails {
                // The kernel has given up these pages: the next sync will not write them.
                file.dirty.clear();
                return Err(io::Error::other("input/output error"));
            }
            file.sync();
            Ok(())
        })
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let id = self.state().file(path)?;
        Ok(Box::new(Handle { disk: self.clone(), id }))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let id = self.operate(|state| {
            let (parent, name) = split(path);
            if state.node(path).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.directory(parent)?;
            let id = state.next_file;
            state.next_file = id.saturating_add(1);
            state.files.insert(id, File::default());
            state.change(parent, Change::Put(name.into(), Node::File(id)))?;
            Ok(id)
        })?;
        Ok(Box::new(Handle { disk: self.clone(), id }))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.operate(|state| {
            let (parent, name) = split(path);
            if state.node(path).is_some() {
                return Ok(());
            }
            state.change(parent, Change::Put(name.into(), Node::Directory))?;
            state.directories.insert(path.into(), Directory::default());
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state| {
            let node = Node::File(state.file(from)?);
            let ((parent, name), (new_parent, new_name)) = (split(from), split(to));
            if parent == new_parent {
                return state.change(parent, Change::Rename(name.into(), new_name.into(), node));
            }
            state.directory(new_parent)?;
            state.change(parent, Change::Remove(name.into()))?;
            state.change(new_parent, Change::Put(new_name.into(), node))
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operate(|state| {
            state.file(path)?;
            let (parent, name) = split(path);
            state.change(parent, Change::Remove(name.into()))
        })
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        Ok(self.state().directory(directory)?.now.keys().cloned().collect())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.state().node(path).is_some())
    }

    fn sync_dir(&self, directory: &str) -> io::Result<()> {
        self.operate(|state| {
            let directory = state.directory(directory)?;
            directory.durable = directory.now.clone();
            directory.changes.clear();
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.operate(|state| {
            state.files.values_mut().for_each(File::sync);
            for directory in state.directories.values_mut() {
                directory.durable = directory.now.clone();
                directory.changes.clear();
            }
            Ok(())
        })
    }

    fn lock(&self, _path: &str) -> Result<Box<dyn lock::Held>, lock::Error> {
        let mut state = self.state();
        if state.faults.read_only {
            return Err(lock::Error::Io(io::ErrorKind::ReadOnlyFilesystem.into()));
        }
        if std::mem::replace(&mut state.locked, true) {
            return Err(lock::Error::InUse { pid: std::process::id() });
        }
        drop(state);
        Ok(Box::new(SimLock(self.clone())))
    }
}

#[derive(Debug)]
struct SimLock(SimDisk);

impl lock::Held for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}
