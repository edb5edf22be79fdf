//! Where a passphrase comes from: a file, a terminal, or another program.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::issuer::embedded::Passphrase;

/// Returns the passphrase in `file`; without one it is asked for twice on a terminal, and is the
/// first line of a standard input that is none.
///
/// # Errors
/// When it cannot be read, is too weak, or was typed in two ways.
pub(super) fn read(file: Option<&Path>) -> Result<Passphrase, Error> {
    let Some(path) = file else { return from_input() };
    let mut secret = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut secret))
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    taken(secret)
}

fn from_input() -> Result<Passphrase, Error> {
    let stdin = io::stdin();
    // Without a buffer, of which a copy would stay in memory.
    let mut input = File::from(stdin.as_fd().try_clone_to_owned().map_err(Error::Input)?);
    if !stdin.is_terminal() {
        return taken(line(&mut input).map_err(Error::Input)?);
    }
    let [first, second] = asked(&mut input).map_err(Error::Input)?;
    if first != second {
        return Err(Error::PassphrasesDiffer);
    }
    taken(first)
}

fn asked(terminal: &mut File) -> io::Result<[Zeroizing<Vec<u8>>; 2]> {
    let descriptor = terminal.as_fd().try_clone_to_owned()?;
    let quiet = Quiet::new(descriptor.as_fd())?;
    let first = ask(terminal, "Passphrase for the root key's file (12 characters or more): ")?;
    let second = ask(terminal, "The same again: ")?;
    drop(quiet);
    Ok([first, second])
}

fn ask(terminal: &mut File, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut err = io::stderr().lock();
    err.write_all(question.as_bytes())?;
    err.flush()?;
    let answer = line(terminal)?;
    // The line feed that was typed was not shown either.
    err.write_all(b"\n")?;
    Ok(answer)
}

/// Reads up to the end of a line.
fn line(input: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    let mut octet = 0;
    while line.len() < MAX_LINE && input.read(std::slice::from_mut(&mut octet))? == 1 {
        if octet == b'\n' {
            break;
        }
        line.push(octet);
    }
    Ok(line)
}

fn taken(mut secret: Zeroizing<Vec<u8>>) -> Result<Passphrase, Error> {
    while secret.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        secret.pop();
    }
    Ok(Passphrase::new(secret)?)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: BorrowedFd<'a>) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // What was typed before the question was shown, and is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // The terminal has gone, or it is as it was.
        drop(
            tcsetattr(self.terminal, OptionalActions::Flush, &self.before).map_err(io::Error::from),
        );
    }
}

/// More than any passphrase that is taken, so that too long a one is seen to be.
const MAX_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_what_another_program_writes_is_the_passphrase() {
        let mut input = &b"correct horse battery\r\nsomething else\n"[..];
        let first = line(&mut input).unwrap();
        assert_eq!(*first, b"correct horse battery\r");
        taken(first).unwrap();
        assert_eq!(*line(&mut &b"no end"[..]).unwrap(), b"no end");
    }
}
