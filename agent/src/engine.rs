//! One owner of the schedule: act on what is due, then wait for one thing.
//!
//! The engine moves orders on, lets scheduled assignments take effect, keeps the revocation list
//! fresh and forgets previous certificates once they have expired. It sleeps half a minute at most
//! and decides anew, so that a suspended host or a stepped clock makes it late by no more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::status::Failure;
use rolecall::order::{Order, OrderId};
use rolecall::time::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, Drive};
use crate::orders::Rest;
use crate::store::view::Cause;

type Done = oneshot::Sender<Result<Order, Failure>>;

/// Acts on what is due.
#[derive(Debug)]
pub struct Engine {
    agent: Arc<Agent>,
    drives: mpsc::Receiver<Drive>,
    running: JoinSet<(OrderId, Result<Rest, Failure>)>,
    /// Orders that are being driven, each with whoever waits for it.
    driving: BTreeMap<OrderId, Vec<Done>>,
    /// Orders that were asked for again while they were being driven.
    again: BTreeSet<OrderId>,
    /// Orders that wait for a time.
    waiting: BTreeMap<OrderId, Timestamp>,
    housekeeping_due: Timestamp,
    /// When the next scheduled assignment takes effect.
    switch_due: Option<Timestamp>,
}

impl Engine {
    /// Returns an engine that has nothing to do yet.
    pub fn new(agent: Arc<Agent>, drives: mpsc::Receiver<Drive>) -> Self {
        Self {
            agent,
            drives,
            running: JoinSet::new(),
            driving: BTreeMap::new(),
            again: BTreeSet::new(),
            waiting: BTreeMap::new(),
            housekeeping_due: Timestamp::EPOCH,
            switch_due: None,
        }
    }

    /// Runs until `shutdown`; orders under way are finished or left as they are recorded.
    ///
    /// # Errors
    /// When the store cannot be read at the start.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Failure> {
        for order in self.agent.store.read(|view| view.open_orders())? {
            self.drive(order.id, None);
        }
        self.reschedule();
        let agent = Arc::clone(&self.agent);
        loop {
            self.act().await;
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.park().await,
                Some(outcome) = self.running.join_next() => self.settle(outcome),
                Some(drive) = self.drives.recv() => self.drive(drive.order, drive.done),
                () = agent.rescheduled.notified() => self.reschedule(),
                () = agent.clock.sleep_until(wake) => {}
            }
        }
    }

    fn drive(&mut self, id: OrderId, done: Option<Done>) {
        self.waiting.remove(&id);
        if let Some(others) = self.driving.get_mut(&id) {
            others.extend(done);
            self.again.insert(id);
            return;
        }
        self.driving.insert(id, done.into_iter().collect());
        let agent = Arc::clone(&self.agent);
        self.running.spawn(async move { (id, agent.drive_order(id).await) });
    }

    fn settle(
        &mut self,
        outcome: Result<(OrderId, Result<Rest, Failure>), tokio::task::JoinError>,
    ) {
        let (id, result) = match outcome {
            Ok(settled) => settled,
            Err(error) => {
                tracing::error!(%error, "an order's task panicked");
                return;
            }
        };
        let waiters = self.driving.remove(&id).unwrap_or_default();
        if self.again.remove(&id) {
            self.drive(id, None);
            if let Some(others) = self.driving.get_mut(&id) {
                others.extend(waiters);
            }
            return;
        }
        match &result {
            Ok(rest) => {
                if let Some(until) = rest.until {
                    self.waiting.insert(id, until);
                }
            }
            Err(failure) => {
                tracing::warn!(order = %id, %failure, "an order could not be moved on");
                self.waiting.insert(id, self.agent.now() + RETRY);
            }
        }
        for waiter in waiters {
            let answer = result.as_ref().map(|rest| rest.order.clone()).map_err(Clone::clone);
            // Whoever asked may have gone away.
            drop(waiter.send(answer));
        }
    }

    /// Does everything that is due.
    async fn act(&mut self) {
        let now = self.agent.now();
        let due: Vec<OrderId> =
            self.waiting.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.drive(id, None);
        }
        if self.switch_due.is_some_and(|due| due <= now) {
            match self.switch(now).await {
                Ok(()) => self.reschedule(),
                Err(failure) => {
                    self.switch_due = Some(now + RETRY);
                    tracing::warn!(%failure, "a scheduled assignment could not take effect");
                }
            }
        }
        if self.agent.store.engine().is_full() {
            // Nothing is recorded; the store looks whether there is room again.
            drop(self.agent.store.change(Cause::agent(now), |_record| Ok(())).await);
        }
        if now >= self.housekeeping_due {
            self.housekeeping_due = now + HOUSEKEEPING;
            if let Err(failure) = self.keep_house(now).await {
                tracing::warn!(%failure, "housekeeping failed");
            }
        }
    }

    /// Looks anew for the next scheduled assignment.
    fn reschedule(&mut self) {
        let assignments = self.agent.store.read(|view| view.assignments()).unwrap_or_default();
        self.switch_due = assignments.iter().filter_map(|one| one.poll_timeout()).min();
    }

    async fn switch(&self, now: Timestamp) -> Result<(), Failure> {
        self.agent
            .store
            .change(Cause::agent(now), |record| {
                let now = record.cause().now;
                for assignment in record.read(|view| view.assignments())? {
                    if let Some(change) = assignment.handle_timeout(now) {
                        record.assignment_changed(
                            &change.assignment,
                            change.cause.as_str(),
                            change.retired.as_ref(),
                            &[],
                        )?;
                    }
                }
                Ok(())
            })
            .await
    }

    async fn keep_house(&self, now: Timestamp) -> Result<(), Failure> {
        if self.agent.store.engine().read_only().is_some() {
            return Ok(());
        }
        if self.agent.ca.crl_due(&self.agent.store)?.is_some_and(|due| due <= now) {
            self.agent.ca.publish_crl(&self.agent.store, Cause::agent(now)).await?;
        }
        self.agent
            .store
            .change(Cause::agent(now), |record| {
                let now = record.cause().now;
                for assignment in record.read(|view| view.assignments())? {
                    let previous = record.read(|view| view.previous(&assignment))?;
                    let expired: Vec<_> = previous
                        .iter()
                        .filter(|slot| slot.not_after < now)
                        .map(|slot| slot.generation)
                        .collect();
                    if !expired.is_empty() {
                        record.assignment_changed(
                            &assignment,
                            "previous-removed",
                            None,
                            &expired,
                        )?;
                    }
                }
                Ok(())
            })
            .await
    }

    fn next_wake(&self) -> Option<Timestamp> {
        let waiting = self.waiting.values().copied();
        waiting.chain(self.switch_due).chain([self.housekeeping_due]).min()
    }

    /// Stops: what is under way is recorded at every step, so leaving it is safe.
    async fn park(mut self) -> Result<(), Failure> {
        self.drives.close();
        while let Some(drive) = self.drives.recv().await {
            drop(drive);
        }
        let finished = tokio::time::timeout(PARKING, async {
            while let Some(outcome) = self.running.join_next().await {
                self.settle(outcome);
            }
        });
        if finished.await.is_err() {
            tracing::info!("orders are left under way and go on at the next start");
            self.running.abort_all();
        }
        Ok(())
    }
}

/// An order whose change could not be recorded, on a full disk say, is tried again after this long.
const RETRY: Duration = Duration::from_secs(10);
/// How often expired previous certificates are forgotten and the list's age is looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);
/// An embedded order takes milliseconds; whatever takes longer goes on after the restart.
const PARKING: Duration = Duration::from_secs(2);
