//! The listener that publishes revocation lists and CA certificates.
//!
//! Strangers talk to it (`security.md` §10), so it does one thing: it answers GET and HEAD for the
//! paths of the current [`Published`] snapshot with the bytes found there. It has its own port, no
//! other state, reads no request body, and everything a client can make it hold is bounded: the
//! number of connections, of all and of one host, the size and the time of a request's head, the time of a whole exchange.
//! One connection carries one request; a list is fetched once in hours.
//!
//! Which lists are current is decided elsewhere and arrives through a watch channel.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, LAST_MODIFIED,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rolecall::hex;
use rolecall::time::Timestamp;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::embedded::AuthorityKeyId;
use super::embedded::root_export::certificate_pem;

/// What is published: a fixed body for each path.
#[derive(Clone, Debug, Default)]
pub struct Published {
    documents: BTreeMap<String, Document>,
}

impl Published {
    /// Publishes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the revocation list that `authority` signed at `signed_at`, in DER.
    #[must_use]
    pub fn with_crl(self, authority: &AuthorityKeyId, der: Vec<u8>, signed_at: Timestamp) -> Self {
        self.with(authority.crl_path(), "application/pkix-crl", der, signed_at)
    }

    /// Adds the certificate of `authority`, in DER, valid since `not_before`.
    #[must_use]
    pub fn with_certificate(
        self,
        authority: &AuthorityKeyId,
        der: Vec<u8>,
        not_before: Timestamp,
    ) -> Self {
        self.with(authority.certificate_path(), PKIX_CERT, der, not_before)
    }

    /// Adds the root's certificate under `/ca/root.cer` and, for Unix trust stores, `/ca/root.pem`.
    #[must_use]
    pub fn with_root(self, der: Vec<u8>, not_before: Timestamp) -> Self {
        let pem = certificate_pem(&der);
        let published = self.with("/ca/root.cer".into(), PKIX_CERT, der, not_before);
        match pem {
            Some(pem) => published.with(
                "/ca/root.pem".into(),
                "application/x-pem-file",
                pem.into_bytes(),
                not_before,
            ),
            None => published,
        }
    }

    /// Returns the paths that are answered, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    fn with(mut self, path: String, kind: &'static str, body: Vec<u8>, at: Timestamp) -> Self {
        self.documents.insert(path, Document::new(kind, body, at));
        self
    }

    fn answer(&self, request: &Request<impl Sized>) -> Response<Full<Bytes>> {
        let Some(document) = self.documents.get(request.uri().path()) else {
            return plain(StatusCode::NOT_FOUND);
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let seen = request.headers().get_all(IF_NONE_MATCH).iter();
        document.response(seen.into_iter().any(|tags| document.is_among(tags)))
    }
}

/// Publishes until `shutdown`, then lets exchanges under way finish for a few seconds.
///
/// `listener` is bound by the caller, so that a port in use is known before anything starts.
pub async fn serve(
    listener: TcpListener,
    published: watch::Receiver<Arc<Published>>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let hosts = Arc::new(Hosts::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            (place, accepted) = accept(&listener, &places) => match accepted {
                Ok((stream, peer)) => {
                    // Beyond its bound a host finds the connection closed.
                    let Some(of_host) = hosts.take(peer.ip()) else { continue };
                    let published = published.clone();
                    connections.spawn(async move {
                        exchange(stream, published).await;
                        drop((place, of_host));
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "publication listener cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }

    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, finished).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits for a place first: who finds none waits in the kernel's queue, and holds nothing here.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, std::io::Result<(TcpStream, SocketAddr)>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, listener.accept().await)
}

/// How many connections each host has.
#[derive(Debug, Default)]
struct Hosts {
    connections: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Hosts {
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<OfHost> {
        let host = host(peer);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connections.entry(host).or_default();
        if *count >= MAX_OF_HOST {
            return None;
        }
        *count = count.saturating_add(1);
        Some(OfHost { hosts: Arc::clone(self), host })
    }
}

/// A connection's place among those of its host, given back when dropped.
#[derive(Debug)]
struct OfHost {
    hosts: Arc<Hosts>,
    host: IpAddr,
}

impl Drop for OfHost {
    fn drop(&mut self) {
        let mut connections = self.hosts.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connections.get_mut(&self.host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                connections.remove(&self.host);
            }
        }
    }
}

/// Returns what counts as one host: an IPv4 address, or the /64 that an IPv6 host has for itself.
fn host(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Carries one request and its answer.
async fn exchange<S>(stream: S, published: watch::Receiver<Arc<Published>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = published.borrow().answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_LEN)
        .serve_connection(TokioIo::new(stream), answer);

    match tokio::time::timeout(EXCHANGE_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "publication exchange ended early"),
        Err(_) => tracing::debug!("publication exchange took too long"),
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "publication exchange panicked");
    }
}

#[derive(Clone, Debug)]
struct Document {
    kind: HeaderValue,
    body: Bytes,
    tag: HeaderValue,
    modified: HeaderValue,
}

impl Document {
    fn new(kind: &'static str, body: Vec<u8>, at: Timestamp) -> Self {
        let hash = digest::digest(&digest::SHA256, &body);
        let tag = format!("\"{}\"", hex::lower(hash.as_ref()));
        Self {
            kind: HeaderValue::from_static(kind),
            tag: HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a header"),
            modified: HeaderValue::try_from(http_date(at)).expect("an HTTP date is ASCII"),
            body: body.into(),
        }
    }

    /// Returns whether `tags` has this document's, weakly compared (RFC 9110 §13.1.2).
    fn is_among(&self, tags: &HeaderValue) -> bool {
        tags.to_str().is_ok_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| {
                tag == "*"
                    || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.tag.as_bytes()
            })
        })
    }

    fn response(&self, is_known: bool) -> Response<Full<Bytes>> {
        let (status, body) = if is_known {
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, self.body.clone())
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if !is_known {
            headers.insert(CONTENT_TYPE, self.kind.clone());
            headers.insert(CONTENT_LENGTH, self.body.len().into());
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        headers.insert(ETAG, self.tag.clone());
        headers.insert(LAST_MODIFIED, self.modified.clone());
        response
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// Returns the moment as RFC 9110 §5.6.7 writes it.
fn http_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::from_unix_timestamp(at.as_seconds())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

const PKIX_CERT: &str = "application/pkix-cert";
/// An exchange takes milliseconds: these serve thousands of clients a second, in a few megabytes.
const MAX_CONNECTIONS: usize = 64;
/// `security.md` §10: no host keeps the lists from the others.
const MAX_OF_HOST: usize = 16;
/// A head is one packet.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// Long enough for the largest list (10 MiB, `security.md` §10) over a slow line.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// The smallest buffer hyper allows; CryptoAPI's and curl's heads have a few hundred bytes.
const MAX_HEAD_LEN: usize = 8 * 1024;
const MAX_HEADERS: usize = 32;
/// Out of file descriptors: others need the moment to give theirs back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
