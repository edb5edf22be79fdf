//! The journal.

mod filter;

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use prost::Message;
use rolecall::api::pb;
use rolecall::api::pb::journal_service_server::JournalService;
use rolecall::api::status::Failure;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use self::filter::Filter;
use super::peer::{Caller, Place};
use super::pieces::on_a_thread;
use super::{Services, stopping};
use crate::store::journal::Entries;
use crate::store::view::failure;

#[tonic::async_trait]
impl JournalService for Services {
    type ReadJournalStream =
        Pin<Box<dyn Stream<Item = Result<pb::ReadJournalResponse, Status>> + Send>>;

    async fn read_journal(
        &self,
        request: Request<pb::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let place = Place::of(&request);
        let message = request.into_inner();
        let (last, follow) = (message.last.min(MOST_LAST), message.follow);
        let engine = self.agent.store.engine();
        let reader = Reader {
            entries: engine.entries(1),
            filter: Filter::new(message)?,
            last: usize::try_from(last).unwrap_or(usize::MAX),
            gathered: VecDeque::new(),
            octets: 0,
            _place: place,
        };
        let changes = engine.watch_sequence();
        let following = Following { reader, follow, changes, shutdown: self.shutdown.clone() };
        Ok(Response::new(stream::unfold(Some(following), Following::step).boxed()))
    }

    async fn verify_journal(
        &self,
        request: Request<pb::VerifyJournalRequest>,
    ) -> Result<Response<pb::VerifyJournalResponse>, Status> {
        let place = Caller::of(&request)?.share.run()?;
        let engine = self.agent.store.engine().clone();
        let verifying = tokio::task::spawn_blocking(move || {
            let _place = place;
            engine.verify()
        });
        let report =
            verifying.await.map_err(|_cancelled| stopping())?.map_err(|error| failure(&error))?;
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

/// Sends what a [`Reader`] finds, and waits for more where that is wanted.
struct Following {
    reader: Reader,
    follow: bool,
    changes: watch::Receiver<u64>,
    shutdown: CancellationToken,
}

impl Following {
    async fn step(
        following: Option<Self>,
    ) -> Option<(Result<pb::ReadJournalResponse, Status>, Option<Self>)> {
        match following?.next().await {
            Ok((entries, rest)) if !entries.is_empty() => {
                Some((Ok(pb::ReadJournalResponse { entries }), rest))
            }
            Ok(_) => None,
            Err(failure) => Some((Err(failure.into()), None)),
        }
    }

    /// Returns the next entries, and what goes on after them; no entries when it has ended.
    async fn next(mut self) -> Result<(Vec<pb::JournalEntry>, Option<Self>), Failure> {
        loop {
            // Before reading: what is recorded meanwhile has been read, or is a change.
            self.changes.mark_unchanged();
            let (reader, found) = on_a_thread(self.reader, Reader::read).await?;
            self.reader = reader;
            match found {
                Found::Entries(entries) => return Ok((entries, Some(self))),
                Found::NothingYet => {}
                Found::End if !self.follow => return Ok((Vec::new(), None)),
                Found::End => tokio::select! {
                    biased;
                    () = self.shutdown.cancelled() => return Err(stopping()),
                    changed = self.changes.changed() => if changed.is_err() {
                        return Ok((Vec::new(), None));
                    },
                },
            }
        }
    }
}

/// Reads entries and keeps those that pass the filter.
struct Reader {
    entries: Entries,
    filter: Filter,
    /// Only so many of those that are there now; zero for all, and once they were found.
    last: usize,
    gathered: VecDeque<pb::JournalEntry>,
    octets: usize,
    /// The reading of a piece goes on when the client has left.
    _place: Option<Place>,
}

/// What one piece of reading came to.
enum Found {
    /// Entries to send.
    Entries(Vec<pb::JournalEntry>),
    /// None passed the filter so far.
    NothingYet,
    /// Everything that is acknowledged has been read, and sent.
    End,
}

impl Reader {
    /// Reads a piece.
    fn read(&mut self) -> Result<Found, Failure> {
        for _ in 0..READ_AT_ONCE {
            let Some(entry) = self.entries.next() else {
                self.last = 0;
                let entries = self.take();
                return Ok(if entries.is_empty() { Found::End } else { Found::Entries(entries) });
            };
            let entry = entry.map_err(|error| failure(&error))?;
            let Some(entry) = self.filter.pass(entry.sequence, &entry.payload)? else { continue };
            self.octets = self.octets.saturating_add(entry.encoded_len());
            self.gathered.push_back(entry);
            if self.last > 0 {
                if self.gathered.len() > self.last {
                    self.gathered.pop_front();
                }
            } else if self.gathered.len() >= CHUNK || self.octets >= CHUNK_OCTETS {
                return Ok(Found::Entries(self.take()));
            }
        }
        Ok(Found::NothingYet)
    }

    /// Takes what makes one message.
    fn take(&mut self) -> Vec<pb::JournalEntry> {
        let mut octets = 0_usize;
        let fits = |entry: &&pb::JournalEntry| {
            octets = octets.saturating_add(entry.encoded_len());
            octets <= CHUNK_OCTETS
        };
        let count = self.gathered.iter().take(CHUNK).take_while(fits).count();
        self.octets = 0;
        // An entry that is larger than a message should be goes alone.
        self.gathered.drain(..count.max(1).min(self.gathered.len())).collect()
    }
}

/// Entries of 1 KiB each make a chunk far below the limit of a message.
const CHUNK: usize = 200;
/// Some entries carry certificate requests or a topology; a message takes 4 MiB.
const CHUNK_OCTETS: usize = 1024 * 1024;
/// A few milliseconds, where nothing passes the filter.
const READ_AT_ONCE: usize = 2_000;
/// Ten megabytes that a reader of the last entries can have us hold.
const MOST_LAST: u32 = 10_000;
