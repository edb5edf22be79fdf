//! The journal.

mod filter;

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use rolecall::api::pb;
use rolecall::api::pb::journal_service_server::JournalService;
use rolecall::api::status::Failure;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use self::filter::Filter;
use super::Services;
use crate::store::engine::Engine;
use crate::store::view::failure;

type Sender = mpsc::Sender<Result<pb::ReadJournalResponse, Status>>;

#[tonic::async_trait]
impl JournalService for Services {
    type ReadJournalStream =
        Pin<Box<dyn Stream<Item = Result<pb::ReadJournalResponse, Status>> + Send>>;

    async fn read_journal(
        &self,
        request: Request<pb::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let message = request.into_inner();
        let (last, follow) = (message.last, message.follow);
        let filter = Filter::new(message)?;
        let (sender, receiver) = mpsc::channel(2);
        let services = self.clone();
        drop(tokio::task::spawn_blocking(move || {
            let reader = Reader { services: &services, filter, sender: &sender };
            if let Err(failure) = reader.send(last, follow) {
                // The client may have gone away, which is no failure of ours.
                drop(sender.blocking_send(Err(failure.into())));
            }
        }));
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn verify_journal(
        &self,
        _request: Request<pb::VerifyJournalRequest>,
    ) -> Result<Response<pb::VerifyJournalResponse>, Status> {
        let engine = self.agent.store.engine().clone();
        let report = tokio::task::spawn_blocking(move || engine.verify())
            .await
            .map_err(|_cancelled| super::stopping())?
            .map_err(|error| failure(&error))?;
        Ok(Response::new(pb::VerifyJournalResponse {
            first_sequence: report.first,
            last_sequence: report.last,
            entries: report.entries,
            segments: u64::try_from(report.segments).unwrap_or(u64::MAX),
            head: report.head.to_vec(),
            damage: report.damage.map(|damage| damage.to_string()).unwrap_or_default(),
        }))
    }
}

/// Reads entries and sends those that pass the filter.
struct Reader<'a> {
    services: &'a Services,
    filter: Filter,
    sender: &'a Sender,
}

impl Reader<'_> {
    fn send(mut self, last: u32, follow: bool) -> Result<(), Failure> {
        let engine: Engine = self.services.agent.store.engine().clone();
        let mut changes = engine.watch_sequence();
        let mut entries = engine.entries(1);
        let last = usize::try_from(last).unwrap_or(usize::MAX);
        let mut chunk = std::collections::VecDeque::new();
        loop {
            changes.mark_unchanged();
            for entry in &mut entries {
                let entry = entry.map_err(|error| failure(&error))?;
                let Some(entry) = self.filter.pass(entry.sequence, &entry.payload)? else {
                    continue;
                };
                chunk.push_back(entry);
                if last > 0 && chunk.len() > last {
                    chunk.pop_front();
                } else if last == 0 && chunk.len() == CHUNK && !self.flush(&mut chunk) {
                    return Ok(());
                }
            }
            if !self.flush(&mut chunk) || !follow {
                return Ok(());
            }
            if !self.wait(&mut changes)? {
                return Ok(());
            }
        }
    }

    /// Sends what has gathered; returns whether the client is still there.
    fn flush(&self, chunk: &mut std::collections::VecDeque<pb::JournalEntry>) -> bool {
        while !chunk.is_empty() {
            let entries = chunk.drain(..chunk.len().min(CHUNK)).collect();
            if self.sender.blocking_send(Ok(pb::ReadJournalResponse { entries })).is_err() {
                return false;
            }
        }
        true
    }

    /// Waits for more entries; returns whether there can be any.
    fn wait(&self, changes: &mut tokio::sync::watch::Receiver<u64>) -> Result<bool, Failure> {
        let shutdown = &self.services.shutdown;
        tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => Err(super::stopping()),
                () = self.sender.closed() => Ok(false),
                changed = changes.changed() => Ok(changed.is_ok()),
            }
        })
    }
}

/// Entries of 1 KiB each make a chunk far below the limit of a message.
const CHUNK: usize = 200;
