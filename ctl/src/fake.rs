//! An agent that answers from a script, over a real socket.
//!
//! It records every call that changes something; what the script does not know it refuses.

mod services;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rolecall::api::pb;
use rolecall::api::status::Failure;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnixListenerStream;

use crate::console::Console;
use crate::output::testing;
use crate::{Surroundings, run};

/// What the agent will answer, and what it was asked.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) status: pb::GetStatusResponse,
    pub(crate) plan: pb::PlanOrderResponse,
    pub(crate) apply: pb::PlanApplyResponse,
    /// One answer for each call; then the last order again.
    pub(crate) place: VecDeque<Placing>,
    /// The order that `place` returns.
    pub(crate) order: pb::Order,
    /// The states each watch sends before its stream ends.
    pub(crate) watches: VecDeque<Vec<Watched>>,
    pub(crate) certificates: Vec<pb::CertificateRow>,
    pub(crate) journal: Vec<pb::JournalEntry>,
    pub(crate) damage: String,
    pub(crate) issuer_certificates: Vec<Vec<u8>>,
    pub(crate) findings: Vec<pb::Finding>,
    pub(crate) calls: Vec<String>,
}

/// How a call to place an order ends.
pub(crate) enum Placing {
    Placed,
    /// The order is placed, and the answer lost.
    Lost,
    Refused(Failure),
}

/// One message of a watch.
pub(crate) enum Watched {
    State(pb::order_state::State),
    /// The connection breaks.
    Lost,
}

/// A fake agent that listens until it is dropped.
pub(crate) struct Agent {
    script: Arc<Mutex<Script>>,
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// What a run wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Agent {
    pub(crate) fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let script = Arc::new(Mutex::new(script));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let fake = services::Fake(Arc::clone(&script));
        let listen_on = socket.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = UnixListener::bind(listen_on).unwrap();
                ready.send(()).unwrap();
                services::serve(fake, UnixListenerStream::new(listener), stopped).await;
            });
        });
        is_ready.recv().unwrap();
        Self { script, socket, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.script().calls.clone()
    }

    /// Runs a command line against this agent, without a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run_on(&self.socket, arguments, Console::captured())
    }

    /// Runs a command line whose user types `answer`.
    pub(crate) fn run_answering(&self, arguments: &[&str], answer: &str) -> Ran {
        run_on(&self.socket, arguments, Console::captured_with(Some(answer)))
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

type Captured = (Console, crate::console::captured::Written, crate::console::captured::Written);

/// Runs a command line against whatever is at `socket`.
pub(crate) fn run_on(socket: &Path, arguments: &[&str], captured: Captured) -> Ran {
    let (mut console, out, err) = captured;
    let line = ["rolecallctl", "--socket"]
        .into_iter()
        .map(OsString::from)
        .chain([socket.as_os_str().to_owned()])
        .chain(arguments.iter().map(OsString::from));
    let surroundings = Surroundings { now: testing::now(), seed: [7; 16] };
    let status = run(line, surroundings, &mut console);
    let hide = |text: String| text.replace(&socket.display().to_string(), "SOCKET");
    Ran { status, out: hide(out.text()), err: hide(err.text()) }
}
