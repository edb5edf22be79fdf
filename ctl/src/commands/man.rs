//! `man`.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::{Cli, Man};
use crate::console::Console;
use crate::error::Error;
use crate::session::Outcome;

/// Prints the manual page, or writes one for each command into a folder.
pub(super) fn run(arguments: &Man, console: &mut Console) -> Result<Outcome, Error> {
    match arguments.folder.as_deref() {
        Some(folder) => write(folder, console)?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Error::Output)?;
            console.print_bytes(&page)?;
        }
    }
    Ok(Outcome::Done)
}

fn write(folder: &Path, console: &mut Console) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(unwritable)?;
    console.note(&format!("manual pages are in {}", folder.display()));
    Ok(())
}
