//! The quickstart, as somebody who tries Rolecall runs it.

use std::path::Path;
use std::process::Command;

use rolecall_tests::{Output, ctl, run};

fn quickstart(folder: &Path, args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/quickstart");
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let mut command = Command::new(script);
    command.args(args).env("ROLECALL_PROFILE", "dev").env("CARGO_TARGET_DIR", target);
    run(command.env("ROLECALL_QUICKSTART_DIR", folder))
}

/// Stops the agent whatever becomes of the test.
struct Stopped<'a>(&'a Path);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        quickstart(self.0, &["stop"]);
    }
}

#[test]
fn the_quickstart_assigns_every_role_is_harmless_twice_and_stops() {
    let folder = tempfile::Builder::new().prefix("rolecall-").tempdir().unwrap();
    let folder = folder.path().join("quickstart");
    let _stopped = Stopped(&folder);

    let first = quickstart(&folder, &[]);

    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stderr.contains("openssl verifies"), "{first:?}");
    assert!(first.stdout.contains("rolecallctl log --last 20"), "{first:?}");
    let socket = folder.join("agent.sock");
    let status = || {
        ctl([
            "--socket".as_ref(),
            socket.as_os_str(),
            "status".as_ref(),
            "-o".as_ref(),
            "json".as_ref(),
        ])
    };
    let thumbprints = |status: Output| -> Vec<String> {
        let roles = status.json()["servers"][0]["roles"].clone();
        let roles = roles.as_array().unwrap().clone();
        assert!(roles.iter().all(|role| role["state"] == "assigned"), "{roles:?}");
        roles.iter().map(|role| role["thumbprint"].to_string()).collect()
    };
    let assigned = thumbprints(status());
    assert_eq!(assigned.len(), 4);

    let second = quickstart(&folder, &[]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.stderr.contains("the agent is running already"), "{second:?}");
    assert_eq!(thumbprints(status()), assigned);

    let stopped = quickstart(&folder, &["stop"]);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(!socket.exists());
    assert_eq!(status().code, Some(69));
    assert_eq!(quickstart(&folder, &["stop"]).code, Some(0), "stopping twice is harmless");
}
