//! The real programs, and what they say.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Site;

/// What a program said, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its output stream.
    pub stdout: String,
    /// What it wrote to its error stream.
    pub stderr: String,
}

impl Output {
    /// Returns what was written to the output stream.
    ///
    /// # Panics
    /// When the program did not end with 0.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Returns the output stream as JSON, whatever the exit status.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Returns the path of one of our programs: the one that was built together with this test.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/e2e-… → target/debug
    let folder = test.parent().unwrap().parent().unwrap();
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build -p rolecall-agent -p rolecallctl",
        path.display()
    );
    path
}

/// Runs `rolecallctl` with `args`.
pub fn ctl<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(program("rolecallctl"));
    command.args(args).env_remove("ROLECALL_SOCKET").env_remove("COLUMNS");
    run(&mut command)
}

/// Runs `rolecallctl` against the agent of `site` as the user `uid`, who may use its socket.
///
/// # Panics
/// When the tests do not run as root: who calls is then always the same user.
pub fn as_user<S: AsRef<OsStr>>(
    uid: u32,
    site: &Site,
    args: impl IntoIterator<Item = S>,
) -> Output {
    let copy = site.path().join("rolecallctl");
    // The checkout may lie where only root can go.
    if !copy.exists() {
        std::fs::copy(program("rolecallctl"), &copy).unwrap();
    }
    crate::channel::open_to_all(site);
    let mut command = Command::new(copy);
    command.arg("--socket").arg(site.socket()).args(args).current_dir("/").uid(uid).gid(uid);
    command.stdin(Stdio::null());
    // A process that another test forked meanwhile may hold the copy open for writing until it execs.
    let output = crate::until("the copy can be run", || match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
            Err(error.to_string())
        }
        other => Ok(other),
    });
    text(output.unwrap_or_else(|error| {
        panic!("cannot become user {uid}: {error}; these tests run as root")
    }))
}

/// Runs a program to its end, without input.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    text(output.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
}

fn text(output: std::process::Output) -> Output {
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
