//! A full disk: the real agent on a small tmpfs, filled up to different levels.
//!
//! Mounting needs root; without it nothing is tested here, and that is said.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;

use crate::crash::{Frozen, Lab, Ledger, Process, order, order_to_approve, violations};

/// KiB left free: what fails first is another write at each of them.
const LEVELS: [u64; 4] = [0, 8, 40, 400];
/// More orders than fit into what is left and what was allocated ahead.
const ORDERS: u64 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_acknowledged_that_is_not_kept() {
    let lab = Lab::new();
    let Some(_mounted) = Mounted::tmpfs(&lab.state(), "24m") else { return };
    let mut run =
        Run { agent: lab.start("info"), lab: &lab, ledger: Ledger::default(), ended: 0, orders: 0 };
    for level in LEVELS {
        run.at(level).await;
    }
    run.report();
}

/// An agent on its disk, and what it acknowledged.
struct Run<'a> {
    lab: &'a Lab,
    agent: Process,
    ledger: Ledger,
    /// How often the agent ended by itself, and was started again.
    ended: u64,
    orders: u64,
}

impl Run<'_> {
    /// Fills the disk up to `level` KiB, until orders are refused, and goes on when there is room.
    async fn at(&mut self, level: u64) {
        let client = self.agent.answering(self.lab).await;
        let waiting = format!("{level}-waiting");
        let open = self.placed(&client, &waiting, order_to_approve(&waiting)).await.unwrap();
        let filler = Filler::leaving(&self.lab.state(), level << 10);

        let failure = self.fill(&client, level).await;
        let ended = self.ended;
        let client = self.started_again(client, &failure).await;
        assert_eq!(failure.reason, Reason::StoreFull, "{level} KiB: {failure:?}");
        // A start may have found room for the reserve again.
        assert!(is_found(&client).await || self.ended > ended, "{level} KiB: not a finding");
        self.cancel(&client, level, &waiting, open).await;
        self.agent.kill();
        self.look_over(level);

        // Whoever starts on the full disk is served as well.
        self.agent = self.lab.start("info");
        let client = self.agent.answering(self.lab).await;
        let refused = self.cramped(&client, level).await;
        let client = self.started_again(client, &refused).await;
        drop(filler);
        let after = format!("{level}-after");
        self.placed(&client, &after, order(&after, true)).await.unwrap();
        no_longer_found(&client).await;
        assert!(self.ledger.is_done(&after), "{level} KiB: not done");
    }

    /// What a start found room for may hold some orders; then they are refused.
    async fn cramped(&mut self, client: &Client, level: u64) -> Failure {
        let refused = self.fill(client, level + 1_000_000).await;
        assert_eq!(refused.reason, Reason::StoreFull, "{level} KiB: {refused:?}");
        refused
    }

    /// Places orders until one is refused.
    async fn fill(&mut self, client: &Client, level: u64) -> Failure {
        for number in 0..ORDERS {
            let request_id = format!("{level}-{number}");
            if let Err(failure) = self.placed(client, &request_id, order(&request_id, true)).await {
                return failure;
            }
        }
        panic!("{level} KiB: {ORDERS} orders fit");
    }

    async fn placed(
        &mut self,
        client: &Client,
        request_id: &str,
        request: pb::PlaceOrderRequest,
    ) -> Result<u64, Failure> {
        let answer = client.orders().place_order(request).await?.into_inner();
        let number = answer.order.as_ref().map_or(0, |order| order.id);
        self.ledger.note_message(request_id, answer.order);
        self.orders += 1;
        Ok(number)
    }

    async fn cancel(&mut self, client: &Client, level: u64, waiting: &str, order_id: u64) {
        let request_id = format!("{level}-cancel");
        let request = pb::CancelOrderRequest { request_id, order_id, what_if: false };
        let cancelled = client.orders().cancel_order(request).await.map_err(Failure::from);
        self.ledger.note_message(waiting, cancelled.unwrap().into_inner().order);
        assert!(self.ledger.is_cancelled(waiting));
    }

    async fn started_again(&mut self, client: Client, failure: &Failure) -> Client {
        if failure.reason != Reason::AgentUnreachable && !self.agent.has_ended() {
            return client;
        }
        self.ended += 1;
        self.agent.kill();
        self.agent = self.lab.start("info");
        self.agent.answering(self.lab).await
    }

    /// Looks at what is on the disk: keys of orders that were refused may have to go yet.
    fn look_over(&self, level: u64) {
        let disk = Frozen::new(&self.lab.state());
        let mut wrong = violations(&disk.store(), &disk, &self.lab.sealer(), &self.ledger);
        wrong.retain(|what| !what.ends_with("has no order"));
        assert!(wrong.is_empty(), "{level} KiB: {wrong:#?}");
    }

    #[expect(clippy::print_stderr, reason = "the figures")]
    fn report(&self) {
        let Self { ended, orders, .. } = self;
        eprintln!("{} levels: {orders} orders, the agent ended {ended} times", LEVELS.len());
    }
}

/// Returns whether the full disk is among the findings, with how much room is needed.
async fn is_found(client: &Client) -> bool {
    let status = client.status().get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    let mut findings = status.servers.iter().flat_map(|server| &server.findings);
    findings.any(|one| one.code == "disk-full" && one.remedy.starts_with("free 2 MiB"))
}

async fn no_longer_found(client: &Client) {
    rolecall_tests::eventually("the finding is gone", || async {
        if is_found(client).await { Err("it stands".to_owned()) } else { Ok(()) }
    })
    .await;
}

/// A file that takes the room.
struct Filler {
    path: PathBuf,
}

impl Filler {
    fn leaving(state: &Path, bytes: u64) -> Self {
        let path = state.join("filler");
        let file = fs::File::create(&path).unwrap();
        let mut length = 0;
        while file.write_all_at(&[1; 4 << 10], length).is_ok() {
            length += 4 << 10;
        }
        file.set_len(length.saturating_sub(bytes)).unwrap();
        Self { path }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Something that is mounted until this goes.
pub(crate) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// Mounts an empty file system of `size` bytes.
    pub(crate) fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        Self::mount(at, &["-t", "tmpfs", "-o", &options, "tmpfs"])
    }

    /// Mounts a folder over itself, for reading only.
    pub(crate) fn read_only(at: &Path) -> Option<Self> {
        let path = at.to_str()?;
        let mounted = Self::mount(at, &["--bind", path])?;
        let again = Command::new("mount").args(["-o", "remount,bind,ro", path]).status();
        assert!(again.is_ok_and(|status| status.success()), "{at:?} cannot be made read-only");
        Some(mounted)
    }

    #[expect(clippy::print_stderr, reason = "nothing else says that nothing was tested")]
    fn mount(at: &Path, arguments: &[&str]) -> Option<Self> {
        let output = Command::new("mount").args(arguments).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Some(Self { at: at.to_owned() }),
            other => {
                eprintln!("NOT TESTED: nothing can be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.at).status());
    }
}
