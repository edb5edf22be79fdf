//! Who calls: the peer that the kernel vouches for, and whether it may.
//!
//! A layer in front of all services looks the RPC up in the [access table](rolecall::access) before
//! a byte of the message is read, and gives the call a [`Place`] among those of its user; handlers
//! find the [`Caller`] in the request. A refusal is journalled, at most once a minute for each user
//! and RPC.

mod places;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};
use rolecall::access::{Grant, required};
use rolecall::actor::Actor;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall::time::Timestamp;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::UdsConnectInfo;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) use self::places::{Place, Share};
use self::places::{Places, is_stream};

/// Who calls, and what they may do.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) grant: Grant,
    /// What else they may begin.
    pub(crate) share: Arc<Share>,
}

impl Caller {
    /// Returns the caller that the layer found.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Failure> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| {
            Failure::new(Reason::PeerForbidden, "the connection does not say who calls")
        })
    }
}

impl Place {
    /// Returns the place that the layer gave the call.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

/// Called with each refusal that is worth a journal entry.
pub(crate) type OnRefusal = Arc<dyn Fn(Actor, String) + Send + Sync>;

/// Puts the access table in front of services.
#[derive(Clone)]
pub(crate) struct AccessLayer {
    local_grant: Grant,
    names: Arc<UserNames>,
    places: Arc<Places>,
    refusals: Arc<Refusals>,
}

impl AccessLayer {
    pub(crate) fn new(
        local_grant: Grant,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        on_refusal: OnRefusal,
    ) -> Self {
        let refusals = Refusals { seen: Mutex::default(), now, on_refusal };
        Self {
            local_grant,
            names: Arc::default(),
            places: Arc::default(),
            refusals: Arc::new(refusals),
        }
    }

    fn admit<B>(&self, request: &Request<B>) -> Result<Caller, Failure> {
        let uid = request
            .extensions()
            .get::<UdsConnectInfo>()
            .and_then(|peer| peer.peer_cred)
            .map(|credentials| credentials.uid());
        let Some(uid) = uid else {
            return Err(Failure::new(Reason::PeerForbidden, "the kernel does not say who calls"));
        };
        let caller = Caller {
            actor: Actor::Local { uid, name: self.names.of(uid) },
            grant: Grant::of_local(uid, self.local_grant),
            share: self.places.of(uid),
        };
        let path = request.uri().path();
        match required(path) {
            Some(needed) if needed <= caller.grant => Ok(caller),
            Some(needed) => {
                self.refusals.note(uid, &caller.actor, path);
                Err(forbidden(&caller, path, needed))
            }
            None => Err(Failure::new(
                Reason::PeerForbidden,
                format!("`{path}` is not an operation of this agent"),
            )),
        }
    }
}

fn forbidden(caller: &Caller, path: &str, needed: Grant) -> Failure {
    let operation = path.rsplit('/').next().unwrap_or(path);
    Failure::new(
        Reason::PeerForbidden,
        format!("{operation} needs the grant `{needed}`; {} has `{}`", caller.actor, caller.grant),
    )
    .with_remedy("run the command as root, or set local_grant in the agent's configuration")
}

struct Refusals {
    seen: Mutex<BTreeMap<(u32, String), Timestamp>>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    on_refusal: OnRefusal,
}

impl Refusals {
    fn note(&self, uid: u32, actor: &Actor, path: &str) {
        let now = (self.now)();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| now.since(*at).as_secs() < 60);
        if seen.insert((uid, path.to_owned()), now).is_none() {
            (self.on_refusal)(actor.clone(), path.to_owned());
        }
    }
}

/// The names of users, as `/etc/passwd` has them.
#[derive(Debug, Default)]
struct UserNames {
    known: Mutex<BTreeMap<u32, Box<str>>>,
}

impl UserNames {
    fn of(&self, uid: u32) -> Box<str> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(uid).or_insert_with(|| user_name(uid)).clone()
    }
}

/// Returns the name of the user `uid` in `/etc/passwd`; the number if it is not there.
pub(crate) fn user_name(uid: u32) -> Box<str> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.into())
    });
    found.unwrap_or_else(|| format!("uid {uid}").into())
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Access { inner, layer: self.clone() }
    }
}

/// A service behind the access table.
#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let caller = match self.layer.admit(&request) {
            Ok(caller) => caller,
            Err(failure) => return refuse(failure),
        };
        let share = Arc::clone(&caller.share);
        request.extensions_mut().insert(caller);
        if is_stream(request.uri().path()) {
            let place = match share.stream() {
                Ok(place) => place,
                Err(failure) => return refuse(failure),
            };
            request.extensions_mut().insert(place.clone());
            let answering = self.inner.call(request);
            return Box::pin(async move { Ok(held(answering.await?, Some(place))) });
        }
        // The clone has not been asked whether it is ready; the one that was, is used up here.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let place = share.call().await;
            if let Some(place) = &place {
                request.extensions_mut().insert(place.clone());
            }
            Ok(held(inner.call(request).await?, place))
        })
    }
}

fn refuse<E: Send + 'static>(failure: Failure) -> Answering<E> {
    let response = tonic::Status::from(failure).into_http();
    Box::pin(std::future::ready(Ok(response)))
}

/// Keeps `place` until the answer has been taken.
fn held(response: Response<Body>, place: Option<Place>) -> Response<Body> {
    response.map(|body| Body::new(HeldBody { body, place }))
}

/// The body of an answer, which counts until its end.
#[derive(Debug)]
struct HeldBody {
    body: Body,
    place: Option<Place>,
}

impl hyper::body::Body for HeldBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let ended = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            Poll::Ready(Some(Err(_)) | None) => true,
        };
        if ended {
            // Before the client learns that it has ended: it may begin the next at once.
            self.place = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;
