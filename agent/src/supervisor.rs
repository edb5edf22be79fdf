//! Runs named tasks that only make sense together.
//!
//! The first to end, by returning or by panicking, ends the others: a daemon that has lost its
//! engine must not keep answering as if it worked. Tasks that overstay the grace period are aborted
//! and named in the error.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The result of a task; the error is for the log and the exit status.
pub type TaskResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Named tasks that end together.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<(&'static str, TaskResult)>,
    running: BTreeSet<&'static str>,
    shutdown: CancellationToken,
    grace: Duration,
}

/// How a set of tasks came to an end that was not asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A task failed.
    #[error("task `{task}` failed")]
    Failed {
        /// The task.
        task: &'static str,
        /// Its error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task ended although nobody asked.
    #[error("task `{task}` ended by itself")]
    Ended {
        /// The task.
        task: &'static str,
    },
    /// A task panicked.
    #[error("a task panicked")]
    Panicked(#[source] tokio::task::JoinError),
    /// Tasks did not end in time.
    #[error("tasks did not end within {grace:?}: {tasks}")]
    Overran {
        /// The grace period.
        grace: Duration,
        /// Their names.
        tasks: String,
    },
}

impl Supervisor {
    /// Returns a supervisor whose tasks end when `shutdown` is cancelled, within `grace`.
    pub fn new(shutdown: CancellationToken, grace: Duration) -> Self {
        Self { tasks: JoinSet::new(), running: BTreeSet::new(), shutdown, grace }
    }

    /// Starts a task.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = TaskResult> + Send + 'static,
    ) {
        self.running.insert(name);
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits until all tasks have ended.
    ///
    /// # Errors
    /// The first reason why the end was not an orderly one.
    pub async fn join(mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {}
            Some(ended) = self.tasks.join_next() => {
                outcome = self.note(ended).and_then(|task| Err(Error::Ended { task }));
                self.shutdown.cancel();
            }
        }
        let drained = tokio::time::timeout(self.grace, async {
            while let Some(ended) = self.tasks.join_next().await {
                let noted = self.note(ended).map(|_task| ());
                if outcome.is_ok() {
                    outcome = noted;
                }
            }
        })
        .await;
        if drained.is_err() {
            self.tasks.abort_all();
            let tasks = self.running.iter().copied().collect::<Vec<_>>().join(", ");
            return outcome.and(Err(Error::Overran { grace: self.grace, tasks }));
        }
        outcome
    }

    fn note(
        &mut self,
        ended: Result<(&'static str, TaskResult), tokio::task::JoinError>,
    ) -> Result<&'static str, Error> {
        let (task, result) = ended.map_err(Error::Panicked)?;
        self.running.remove(task);
        match result {
            Ok(()) => Ok(task),
            Err(source) => Err(Error::Failed { task, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervisor(shutdown: &CancellationToken) -> Supervisor {
        Supervisor::new(shutdown.clone(), Duration::from_secs(5))
    }

    #[tokio::test]
    async fn asked_to_stop_all_tasks_end_and_that_is_a_success() {
        let shutdown = CancellationToken::new();
        let mut supervisor = supervisor(&shutdown);
        for name in ["one", "two"] {
            let stop = shutdown.clone();
            supervisor.spawn(name, async move {
                stop.cancelled().await;
                Ok(())
            });
        }
        shutdown.cancel();
        supervisor.join().await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_fails_ends_the_others_and_is_named() {
        let shutdown = CancellationToken::new();
        let mut supervisor = supervisor(&shutdown);
        let stop = shutdown.clone();
        supervisor.spawn("patient", async move {
            stop.cancelled().await;
            Ok(())
        });
        supervisor.spawn("broken", async { Err("no disk".into()) });
        let error = supervisor.join().await.unwrap_err();
        assert_eq!(error.to_string(), "task `broken` failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_overstays_is_named() {
        let shutdown = CancellationToken::new();
        let mut supervisor = supervisor(&shutdown);
        supervisor.spawn("deaf", std::future::pending());
        shutdown.cancel();
        let error = supervisor.join().await.unwrap_err();
        assert_eq!(error.to_string(), "tasks did not end within 5s: deaf");
    }
}
