//! The real agent, as a process that can be signalled and killed.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};

use rolecall::api::client::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::{Output, Site, ctl, program, until};

/// The real agent; it is killed when this is dropped.
#[derive(Debug)]
pub struct AgentProcess {
    child: Child,
    /// Its files; its log is `agent.log` among them.
    site: Option<Site>,
}

impl AgentProcess {
    /// Starts the agent of `site` and waits until it listens.
    ///
    /// # Panics
    /// When it ends instead; the message has its log.
    pub fn start(site: Site) -> Self {
        let mut agent = Self::spawn(site);
        agent.wait_until_it_listens();
        agent
    }

    /// Starts the agent of `site`, and does not wait for anything.
    pub fn spawn(site: Site) -> Self {
        let log =
            File::options().append(true).create(true).open(site.path().join("agent.log")).unwrap();
        let child = Command::new(program("rolecall-agent"))
            .args([OsStr::new("run"), OsStr::new("--config"), site.config_file().as_os_str()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, site: Some(site) }
    }

    /// Waits until somebody listens on the socket.
    ///
    /// # Panics
    /// When the process ends first, or does not listen in time.
    pub fn wait_until_it_listens(&mut self) {
        let socket = self.site().socket();
        until("the agent listens", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the agent ended with {status}: {}", self.log());
            }
            UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        });
    }

    /// Returns its files.
    pub fn site(&self) -> &Site {
        self.site.as_ref().unwrap()
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.site().path().join("agent.log")).unwrap()
    }

    /// Connects to it.
    pub async fn client(&self) -> Client {
        Client::connect_unix(&self.site().socket()).await.unwrap()
    }

    /// Runs `rolecallctl` against it.
    pub fn ctl(&self, args: &[&str]) -> Output {
        let socket = self.site().socket();
        let global = [OsStr::new("--socket"), socket.as_os_str()];
        ctl(global.into_iter().chain(args.iter().map(OsStr::new)))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        until("the agent ends", || {
            self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        })
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(mut self) -> (Site, ExitStatus) {
        self.signal(Signal::TERM);
        let status = self.wait();
        (self.site.take().unwrap(), status)
    }

    /// Kills it at this instant.
    pub fn kill(mut self) -> Site {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.site.take().unwrap()
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        // It has ended already, or it is killed here; a test that failed has more to say than this.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
