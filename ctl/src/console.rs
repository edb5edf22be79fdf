//! Where a run writes and reads: the process's own streams, or a test's buffers.
//!
//! Results go to the output stream, everything said *about* them to the error stream, so that a
//! pipe receives results only. A reader that went away ([`std::io::ErrorKind::BrokenPipe`]) is no
//! failure.

use std::fmt;
use std::io::{self, BufRead, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};

use rolecall::time::Timestamp;

use crate::args::{Color, Format};
use crate::error::Error;
use crate::output::Look;
use crate::output::table::WIDTH;

/// The streams of one run.
pub struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn BufRead>,
    /// Whether somebody can be asked.
    interactive: bool,
    /// Whether progress may be animated on the error stream.
    animated: bool,
    /// Whether the output stream would show colours, were it left to decide.
    colourful: bool,
    color: bool,
    /// The columns that tables and paragraphs keep.
    width: u16,
}

impl Console {
    /// Returns the process's own streams.
    pub fn of_process() -> Self {
        let colourful = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            interactive: io::stdin().is_terminal(),
            animated: io::stderr().is_terminal(),
            colourful,
            color: colourful,
            width: width_of(
                terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0),
                std::env::var("COLUMNS").ok().as_deref(),
            ),
        }
    }

    /// Returns how people are shown something in `format`.
    pub(crate) fn look(&self, format: Format, now: Timestamp) -> Look {
        Look { wide: format == Format::Wide, width: self.width, color: self.color, now }
    }

    /// Returns whether a moving line on the error stream helps anybody.
    pub(crate) const fn is_animated(&self) -> bool {
        self.animated
    }

    pub(crate) const fn set_color(&mut self, color: Color) {
        self.color = match color {
            Color::Auto => self.colourful,
            Color::Always => true,
            Color::Never => false,
        };
    }

    /// Writes a piece of the result.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(Error::Output)
    }

    /// Writes octets of the result, such as a manual page.
    pub(crate) fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(Error::Output)
    }

    /// Writes a line about the result; a closed error stream changes nothing about it.
    pub(crate) fn note(&mut self, line: &str) {
        let written = writeln!(self.err, "{line}").and_then(|()| self.err.flush());
        drop(written);
    }

    /// Asks a question that only `y` or `yes` affirms.
    ///
    /// Returns nothing when there is nobody to ask.
    pub(crate) fn ask(&mut self, question: &str) -> Result<Option<bool>, Error> {
        if !self.interactive {
            return Ok(None);
        }
        write!(self.err, "{question} [y/N] ")
            .and_then(|()| self.err.flush())
            .map_err(Error::Output)?;
        let mut answer = String::new();
        self.input.read_line(&mut answer).map_err(Error::Input)?;
        let answer = answer.trim().to_ascii_lowercase();
        Ok(Some(answer == "y" || answer == "yes"))
    }

    /// Reads the whole input stream.
    pub(crate) fn read_input(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut self.input, &mut bytes).map_err(Error::Input)?;
        Ok(bytes)
    }

    /// Shows help, the version or a wrong command line; returns the exit status.
    pub(crate) fn usage(&mut self, error: &clap::Error) -> u8 {
        let text = error.render();
        if error.use_stderr() {
            self.note(text.to_string().trim_end());
            return crate::error::USAGE;
        }
        let shown = if self.color { text.ansi().to_string() } else { text.to_string() };
        match self.print(&shown) {
            Ok(()) => 0,
            Err(error) => self.failure(&error),
        }
    }

    /// Says what went wrong and what to do; returns the exit status.
    pub(crate) fn failure(&mut self, error: &Error) -> u8 {
        if error.is_reader_gone() {
            return 0;
        }
        for line in error.lines() {
            self.note(&line);
        }
        error.exit_status()
    }
}

/// The terminal's width, else what `COLUMNS` says, else [`WIDTH`].
fn width_of(terminal: Option<u16>, columns: Option<&str>) -> u16 {
    let said = || columns?.trim().parse().ok();
    terminal.or_else(said).filter(|width| *width > 0).map_or(WIDTH, |width| width.max(NARROWEST))
}

/// Below this nothing can be read, and a width of a few columns is a mistake.
const NARROWEST: u16 = 40;

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("interactive", &self.interactive)
            .field("animated", &self.animated)
            .field("color", &self.color)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod captured {
    //! A console that remembers what was written.

    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;

    use super::{Console, WIDTH};

    #[derive(Clone, Default)]
    pub(crate) struct Written(Rc<RefCell<Vec<u8>>>);

    impl Written {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Console {
        /// A console without a terminal, and what it wrote: output, then errors.
        pub(crate) fn captured() -> (Self, Written, Written) {
            Self::captured_with(None)
        }

        /// A console whose user types `answer`.
        pub(crate) fn captured_with(answer: Option<&str>) -> (Self, Written, Written) {
            let (out, err) = (Written::default(), Written::default());
            let console = Self {
                out: Box::new(out.clone()),
                err: Box::new(err.clone()),
                input: Box::new(io::Cursor::new(answer.unwrap_or_default().to_owned())),
                interactive: answer.is_some(),
                animated: false,
                colourful: false,
                color: false,
                width: WIDTH,
            };
            (console, out, err)
        }

        /// A console whose reader has gone.
        pub(crate) fn closed() -> (Self, Written) {
            let (console, _, err) = Self::captured();
            (Self { out: Box::new(Closed), ..console }, err)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_the_terminals_then_what_columns_says_then_eighty() {
        assert_eq!(width_of(Some(132), Some("100")), 132);
        assert_eq!(width_of(None, Some("100")), 100);
        for nonsense in [None, Some(""), Some("wide"), Some("0"), Some("-1")] {
            assert_eq!(width_of(None, nonsense), 80, "{nonsense:?}");
        }
        assert_eq!(width_of(Some(3), None), 40);
    }
}
