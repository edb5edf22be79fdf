//! The connection to one agent, and what every command needs beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::hex;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;

use crate::Surroundings;
use crate::args::{Format, Global};
use crate::console::Console;
use crate::error::Error;
use crate::moment::{self, Side};
use crate::output::text::{clean, to_wire};
use crate::output::{self, Look, View};

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Done,
    /// Something was found that a human should see to.
    Findings,
}

impl Outcome {
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
        }
    }

    pub(crate) const fn of_findings(found: bool) -> Self {
        if found { Self::Findings } else { Self::Done }
    }
}

/// Ids for the placing calls of one run: each names an attempt, not a call.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: [u8; 16],
    drawn: u32,
}

impl RequestIds {
    pub(crate) const fn new(seed: [u8; 16]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Returns an id that no other run draws.
    pub(crate) fn draw(&mut self) -> String {
        self.drawn = self.drawn.saturating_add(1);
        format!("{}-{}", hex::lower(&self.seed), self.drawn)
    }
}

/// One run against one agent.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    pub(crate) console: &'a mut Console,
    pub(crate) now: Timestamp,
    pub(crate) request_ids: RequestIds,
    pub(crate) format: Format,
    socket: PathBuf,
    yes: bool,
}

impl<'a> Session<'a> {
    /// Connects to the agent.
    pub(crate) async fn open(
        global: Global,
        surroundings: Surroundings,
        console: &'a mut Console,
    ) -> Result<Self, Error> {
        let client = connect(&global.socket).await?;
        Ok(Self {
            client,
            console,
            now: surroundings.now,
            request_ids: RequestIds::new(surroundings.seed),
            format: global.output,
            socket: global.socket,
            yes: global.yes,
        })
    }

    /// Connects again after the connection was lost: an agent that restarts is back within seconds.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Error> {
        let mut last = connect(&self.socket).await;
        for _ in 0..RECONNECTS {
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
            last = connect(&self.socket).await;
        }
        self.client = last?;
        Ok(())
    }

    pub(crate) fn look(&self) -> Look {
        self.console.look(self.format, self.now)
    }

    /// Returns the server's name and how it was reached.
    async fn target(&self) -> Result<String, Error> {
        let answer = self.client.topology().get_topology(pb::GetTopologyRequest {}).await;
        let server = match answer.map_err(Failure::from) {
            Ok(answer) => answer.into_inner().server,
            Err(failure) if failure.reason == Reason::AgentUnreachable => {
                return Err(unreachable(&self.socket, failure));
            }
            Err(_) => "this server".to_owned(),
        };
        Ok(clean(&format!("{server} over {}", self.socket.display())))
    }

    /// Shows a result, below the name of its target where people read it.
    pub(crate) async fn show<V: View>(&mut self, view: &V) -> Result<(), Error> {
        if self.format.is_human() {
            let target = self.target().await?;
            self.console.print(&format!("{target}\n"))?;
        }
        let text = output::render(view, self.format, &self.look())?;
        self.console.print(&text)
    }

    /// Names the target on the error stream, where the result itself is to stand alone.
    pub(crate) async fn announce(&mut self) -> Result<(), Error> {
        let target = self.target().await?;
        self.console.note(&target);
        Ok(())
    }

    /// Asks before what cannot be undone.
    pub(crate) fn confirm(&mut self, what: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        match self.console.ask(&format!("{what}?"))? {
            Some(true) => Ok(()),
            Some(false) => Err(Error::Declined { what: what.to_owned() }),
            None => Err(Error::Unconfirmed { what: what.to_owned() }),
        }
    }

    /// Reads a time, and says what was understood unless it was written out.
    pub(crate) fn moment(
        &mut self,
        text: Option<&str>,
        side: Side,
    ) -> Result<Option<prost_types::Timestamp>, Error> {
        let Some(text) = text else { return Ok(None) };
        let moment = moment::parse(text, self.now, side)?;
        if moment.to_string() != text {
            self.console.note(&format!("{} is {moment}", clean(text)));
        }
        Ok(Some(to_wire(moment)))
    }
}

/// Returns the part of an answer that every agent fills.
pub(crate) fn filled<T>(part: Option<T>, what: &'static str) -> Result<T, Error> {
    part.ok_or(Error::Incomplete(what))
}

async fn connect(socket: &Path) -> Result<Client, Error> {
    Client::connect_unix(socket).await.map_err(|failure| unreachable(socket, failure))
}

/// Adds what can be seen from here: whether the socket is there, and ours to use.
fn unreachable(socket: &Path, failure: Failure) -> Error {
    let shown = socket.display();
    let hint = match std::os::unix::net::UnixStream::connect(socket).map_err(|why| why.kind()) {
        Ok(_) => format!("something listens on {shown} but does not answer as an agent"),
        Err(io::ErrorKind::NotFound) => {
            format!("{shown} does not exist; is the agent running? systemctl status rolecall-agent")
        }
        Err(io::ErrorKind::PermissionDenied) => {
            format!("you may not use {shown}; become root, or a member of the group that owns it")
        }
        Err(io::ErrorKind::ConnectionRefused) => format!(
            "{shown} exists but nobody listens; start the agent: systemctl start rolecall-agent"
        ),
        Err(_) => "see what the agent says: systemctl status rolecall-agent".to_owned(),
    };
    Error::Unreachable { failure, hint }
}

/// With the pause, five seconds: longer than an agent of ten thousand certificates takes to start.
const RECONNECTS: u32 = 20;
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
