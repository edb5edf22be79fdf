//! How much one user may have under way (`security.md` §10).
//!
//! Streams are refused beyond the bound: a client may leave one open for days. So are runs, which
//! occupy a core. Ordinary calls wait for their turn instead, and count until their answer has been
//! taken: an answer that nobody reads is memory of ours. A [`Place`] is given back when its last
//! clone is dropped; what works on a blocking thread takes one along, for the work goes on there
//! after the client has gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each user has under way.
#[derive(Debug, Default)]
pub(super) struct Places {
    shares: Mutex<BTreeMap<u32, Weak<Share>>>,
}

impl Places {
    /// Returns what `uid` may still begin.
    pub(super) fn of(&self, uid: u32) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&uid).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new(uid));
        shares.insert(uid, Arc::downgrade(&share));
        share
    }
}

/// What one user may still begin.
#[derive(Debug)]
pub(crate) struct Share {
    calls: Arc<Semaphore>,
    runs: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Share {
    fn new(uid: u32) -> Self {
        let calls = if uid == 0 { MOST_CALLS_OF_ROOT } else { MOST_CALLS };
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            runs: Arc::new(Semaphore::new(MOST_RUNS)),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        }
    }

    /// Begins a stream.
    pub(super) fn stream(self: &Arc<Self>) -> Result<Place, Failure> {
        self.try_begin(&self.streams).ok_or_else(|| {
            busy(format!("{MOST_STREAMS} streams of this caller are open already"))
                .with_remedy("end one of them, such as a `rolecallctl log --follow`")
        })
    }

    /// Begins work on everything that is stored.
    pub(crate) fn run(self: &Arc<Self>) -> Result<Place, Failure> {
        self.try_begin(&self.runs).ok_or_else(|| {
            busy(format!("{MOST_RUNS} verifications or listings of this caller run already"))
                .with_remedy("try again when they have ended")
        })
    }

    /// Begins an ordinary call when it is its turn.
    pub(super) async fn call(self: Arc<Self>) -> Option<Place> {
        let permit = Arc::clone(&self.calls).acquire_owned().await.ok()?;
        Some(self.place(permit))
    }

    fn try_begin(self: &Arc<Self>, places: &Arc<Semaphore>) -> Option<Place> {
        let permit = Arc::clone(places).try_acquire_owned().ok()?;
        Some(Arc::clone(self).place(permit))
    }

    fn place(self: Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        Place { _held: Arc::new(Held { _permit: permit, _share: self }) }
    }
}

/// The right to have something under way.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
    // As long as something is under way, the next call finds the same share.
    _share: Arc<Share>,
}

/// Returns whether the RPC at `path` answers until its client has enough of it.
pub(super) fn is_stream(path: &str) -> bool {
    STREAMS.contains(&path)
}

fn busy(message: String) -> Failure {
    Failure::new(Reason::CallerBusy, message)
}

/// A person follows the journal and an order or two; a monitor does as much.
const MOST_STREAMS: usize = 8;
/// Each reads everything there is.
const MOST_RUNS: usize = 2;
/// More than the keys that a caller may have in the making, so that this is said and not waited for.
const MOST_CALLS: usize = 128;
/// Root could stop the agent anyway, and places orders for a whole pool at once.
const MOST_CALLS_OF_ROOT: usize = 1_024;
const STREAMS: &[&str] = &[
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/rolecall.v1.CertificateService/ListCertificates",
    "/rolecall.v1.JournalService/ReadJournal",
    "/rolecall.v1.OrderService/WatchOrder",
];

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use prost::Message;
    use rolecall::access::Grant;
    use rolecall::time::Timestamp;
    use tokio::net::UnixStream;
    use tokio::sync::Notify;
    use tonic::body::Body;
    use tonic::codegen::http::{Request, Response};
    use tonic::transport::server::Connected;
    use tower_layer::Layer;
    use tower_service::Service;

    use super::*;
    use crate::server::finish::FinishLayer;
    use crate::server::peer::AccessLayer;

    /// Says that it has begun, and ends when it is told to.
    #[derive(Clone, Default)]
    struct Slow {
        begun: Arc<Notify>,
        end: Arc<Notify>,
    }

    impl Service<Request<Body>> for Slow {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            let Self { begun, end } = self.clone();
            Box::pin(async move {
                begun.notify_one();
                end.notified().await;
                Ok(Response::new(Body::empty()))
            })
        }
    }

    #[tokio::test]
    async fn a_call_whose_caller_left_goes_on_and_counts_until_its_end() {
        let never = Arc::new(|actor, path| panic!("{actor} may not call {path}"));
        let access = AccessLayer::new(Grant::Viewer, Arc::new(|| Timestamp::EPOCH), never);
        let slow = Slow::default();
        let mut service = access.clone().layer(FinishLayer.layer(slow.clone()));
        let (stream, _other) = UnixStream::pair().unwrap();
        let uid = stream.peer_cred().unwrap().uid();
        let share = access.places.of(uid);
        let all = share.calls.available_permits();
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "/rolecall.v1.StatusService/GetStatus".parse().unwrap();
        request.extensions_mut().insert(stream.connect_info());

        let mut answering = service.call(request);
        tokio::select! {
            answer = &mut answering => panic!("{answer:?}"),
            () = slow.begun.notified() => {}
        }
        drop(answering);
        tokio::task::yield_now().await;

        assert_eq!(share.calls.available_permits(), all - 1);
        slow.end.notify_one();
        let all = u32::try_from(all).unwrap();
        drop(share.calls.acquire_many(all).await.unwrap());
    }

    #[test]
    fn every_rpc_that_streams_is_counted_as_a_stream() {
        let mut streaming = Vec::new();
        for described in [rolecall::api::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET] {
            let set = prost_types::FileDescriptorSet::decode(described).unwrap();
            for file in &set.file {
                for service in &file.service {
                    for method in service.method.iter().filter(|one| one.server_streaming()) {
                        let service = format!("{}.{}", file.package(), service.name());
                        streaming.push(format!("/{service}/{}", method.name()));
                    }
                }
            }
        }
        assert!(streaming.len() >= 4, "{streaming:?}");
        for path in streaming {
            assert!(is_stream(&path), "{path}");
        }
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_last_clone_is_gone_and_users_do_not_share() {
        let places = Places::default();
        let held: Vec<Place> = (0..MOST_STREAMS).map(|_| places.of(7).stream().unwrap()).collect();
        let clone = held.first().cloned();

        let refused = places.of(7).stream().unwrap_err();

        assert_eq!(refused.reason, Reason::CallerBusy, "{refused}");
        places.of(8).stream().unwrap();
        drop(held);
        let again: Vec<Place> = (1..MOST_STREAMS).map(|_| places.of(7).stream().unwrap()).collect();
        places.of(7).stream().unwrap_err();
        drop((clone, again));
        places.of(7).stream().unwrap();
        assert!(places.shares.lock().unwrap().len() <= 2, "{places:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_third_run_is_refused_and_a_call_beyond_the_bound_waits_for_its_turn() {
        let places = Places::default();
        let mut runs = vec![places.of(7).run().unwrap(), places.of(7).run().unwrap()];
        let refused = places.of(7).run().unwrap_err();
        assert_eq!(refused.reason, Reason::CallerBusy, "{refused}");
        runs.pop();
        places.of(7).run().unwrap();

        let mut calls = Vec::new();
        for _ in 0..MOST_CALLS {
            calls.push(places.of(7).call().await.unwrap());
        }
        let mut turn = std::pin::pin!(places.of(7).call());
        let early = tokio::time::timeout(std::time::Duration::from_secs(60), &mut turn).await;
        assert!(early.is_err(), "{early:?}");
        calls.pop();
        turn.await.unwrap();
    }
}
