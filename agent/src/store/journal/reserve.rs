//! Room kept free for what must still be recorded when the disk is full.

use std::io;
use std::sync::Arc;

use crate::store::disk::Disk;
use crate::store::error::{Error, io_at};
use crate::store::journal::DIRECTORY;

const PATH: &str = "journal/reserve";
/// Some hundred aborts and cancellations: a group of them is a few KiB.
pub(crate) const SIZE: u64 = 1 << 20;

/// A file whose only purpose is to be removed.
#[derive(Debug)]
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    held: bool,
}

impl Reserve {
    /// Takes the reserve, if there is room for it.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, Error> {
        let held = disk.exists(PATH).map_err(io_at("read", PATH))?;
        let mut reserve = Self { disk, held };
        // One that was cut short while it was written is no reserve.
        if held && reserve.length()? != SIZE {
            reserve.release()?;
        }
        reserve.restore();
        Ok(reserve)
    }

    /// Frees the room of a store that is not open.
    pub(crate) fn discard(disk: &dyn Disk) -> Result<(), Error> {
        match disk.remove(PATH) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_at("remove", PATH)(error))
            }
            _removed => Ok(()),
        }
    }

    /// Returns whether the room is there.
    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// Frees the room.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        if self.held {
            self.disk.remove(PATH).map_err(io_at("remove", PATH))?;
            self.held = false;
        }
        Ok(())
    }

    /// Takes the room again, if there is enough; returns whether it is held now.
    pub(crate) fn restore(&mut self) -> bool {
        self.restore_beside(0);
        self.held
    }

    /// Takes the room again, if as much as `more` is left then.
    pub(crate) fn restore_beside(&mut self, more: u64) {
        if self.held {
            return;
        }
        self.held = self.take(SIZE.saturating_add(more)).is_ok();
        if !self.held {
            // What could be taken is needed for something better.
            drop(self.disk.remove(PATH));
        }
    }

    /// Takes `length` bytes, and keeps the reserve's of them.
    fn take(&self, length: u64) -> io::Result<()> {
        let file = self.disk.create(PATH)?;
        file.allocate(0, length)?;
        file.write_at(&vec![0; usize::try_from(length).unwrap_or(0)], 0)?;
        file.set_length(SIZE)?;
        file.sync_data()?;
        self.disk.sync_dir(DIRECTORY)
    }

    fn length(&self) -> Result<u64, Error> {
        let file = self.disk.open(PATH).map_err(io_at("open", PATH))?;
        file.length().map_err(io_at("read", PATH))
    }
}
