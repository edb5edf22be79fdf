//! Connections to the socket, counted by user (`security.md` §10).
//!
//! A user beyond the bound finds the connection closed at once. All together take at most half of
//! the file descriptors that the process may have, so that the store can always open its files, and
//! root always finds a place: whoever has to end a flood must be able to get in.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tonic::transport::server::{Connected, UdsConnectInfo};

/// Accepts connections for ever.
pub(super) fn incoming(
    listener: UnixListener,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files / 2).unwrap_or(usize::MAX);
    let places = Arc::new(Places { most, taken: Mutex::default() });
    let door = Door { listener, places, failing: false };
    stream::unfold(door, |mut door| async {
        let connection = door.next().await;
        Some((Ok(connection), door))
    })
}

struct Door {
    listener: UnixListener,
    places: Arc<Places>,
    failing: bool,
}

impl Door {
    async fn next(&mut self) -> Connection {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    self.failing = false;
                    if let Some(connection) = self.admit(stream) {
                        return connection;
                    }
                }
                Err(error) => {
                    if !self.failing {
                        tracing::warn!(%error, "the socket cannot accept connections");
                    }
                    self.failing = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Finds a place for the connection; without one it is closed.
    fn admit(&self, stream: UnixStream) -> Option<Connection> {
        // Where the kernel does not say who connects, no call is answered either.
        let uid = stream.peer_cred().ok()?.uid();
        let place = self.places.take(uid)?;
        Some(Connection { stream, _place: place })
    }
}

/// How many connections there are, and whose.
#[derive(Debug)]
struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_user: BTreeMap<u32, OfUser>,
    of_others: usize,
}

#[derive(Debug, Default)]
struct OfUser {
    connections: usize,
    /// Said once, until all of these connections are gone.
    noted: bool,
}

impl Places {
    fn take(self: &Arc<Self>, uid: u32) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Taken { by_user, of_others } = &mut *taken;
        // Root has places of its own: it is bounded by them, and nobody else gets them.
        let all = uid != 0 && *of_others >= self.most.saturating_sub(MOST_OF_USER);
        if all && !by_user.contains_key(&uid) {
            return None;
        }
        let user = by_user.entry(uid).or_default();
        if all || user.connections >= MOST_OF_USER {
            if !user.noted {
                tracing::warn!(uid, connections = user.connections, "a connection was refused");
            }
            user.noted = true;
            return None;
        }
        user.connections = user.connections.saturating_add(1);
        if uid != 0 {
            *of_others = of_others.saturating_add(1);
        }
        Some(Place { places: Arc::clone(self), uid })
    }
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    uid: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if self.uid != 0 {
            taken.of_others = taken.of_others.saturating_sub(1);
        }
        if let Some(user) = taken.by_user.get_mut(&self.uid) {
            user.connections = user.connections.saturating_sub(1);
            if user.connections == 0 {
                taken.by_user.remove(&self.uid);
            }
        }
    }
}

/// A connection that has its place.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    _place: Place,
}

impl Connected for Connection {
    type ConnectInfo = UdsConnectInfo;

    fn connect_info(&self) -> UdsConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// `security.md` §10: connections of one identity. For root they are kept free.
const MOST_OF_USER: usize = 32;
/// Out of file descriptors: others need the moment to give theirs back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize) -> Arc<Places> {
        Arc::new(Places { most, taken: Mutex::default() })
    }

    fn fill(places: &Arc<Places>, uid: u32) -> Vec<Place> {
        std::iter::from_fn(|| places.take(uid)).collect()
    }

    #[test]
    fn one_user_gets_32_connections_and_they_are_free_again_when_closed() {
        let places = places(1_000);
        let mut held = fill(&places, 7);
        assert_eq!(held.len(), 32);
        assert!(places.take(8).is_some());
        held.pop();
        assert!(places.take(7).is_some());
        drop(held);
        assert_eq!(fill(&places, 7).len(), 32);
        assert!(places.taken.lock().unwrap().by_user.is_empty());
    }

    #[test]
    fn all_users_together_leave_root_its_connections() {
        let places = places(80);
        let held: Vec<Vec<Place>> = (1..9).map(|uid| fill(&places, uid)).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 80 - 32);
        assert_eq!(fill(&places, 0).len(), 32);
        assert!(places.take(9).is_none());
        drop(held);
        assert!(places.take(9).is_some());
    }
}
