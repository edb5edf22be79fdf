//! The clock of the agent, so that tests can set it.
//!
//! Decisions take `now` as an argument; this is where it comes from. Sleeps are bounded by half a
//! minute and decide anew: a suspended host or a stepped clock must not make the agent late.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use rolecall::time::Timestamp;
use tokio::sync::Notify;

/// Tells the time and waits for it.
#[tonic::async_trait]
pub trait Clock: Debug + Send + Sync {
    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Waits until `deadline`, or for half a minute, whichever is sooner; without a deadline for
    /// half a minute.
    async fn sleep_until(&self, deadline: Option<Timestamp>);
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[tonic::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, deadline: Option<Timestamp>) {
        let wait = deadline.map_or(LONGEST_SLEEP, |deadline| deadline.since(self.now()));
        tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Timestamp>,
    moved: Notify,
}

impl ManualClock {
    /// Returns a clock that says `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Mutex::new(now), moved: Notify::new() }
    }

    /// Moves the clock, forwards or back, and wakes whoever sleeps by it.
    pub fn set(&self, now: Timestamp) {
        *self.lock() = now;
        self.moved.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Timestamp> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }

    async fn sleep_until(&self, deadline: Option<Timestamp>) {
        let moved = self.moved.notified();
        if deadline.is_some_and(|deadline| deadline <= self.now()) {
            return;
        }
        moved.await;
    }
}

/// `design.md` §8: sleeps are bounded and decide anew.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
