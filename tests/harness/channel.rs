//! A connection as another user: the kernel vouches for whoever connects.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use hyper_util::rt::TokioIo;
use rustix::process::Uid;
use tonic::transport::{Channel, Endpoint};

use crate::Site;

/// Connects to the agent of `site` as the user `uid`, who may use its socket.
///
/// # Panics
/// When the tests do not run as root: who calls is then always the same user.
pub async fn channel_as(uid: u32, site: &Site) -> Channel {
    open_to_all(site);
    let socket = site.socket();
    // On Linux a thread has credentials of its own; this one ends with them.
    let connecting = std::thread::spawn(move || {
        rustix::thread::set_thread_uid(Uid::from_raw(uid)).expect("these tests run as root");
        UnixStream::connect(socket).unwrap()
    });
    let stream = connecting.join().unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = Mutex::new(Some(tokio::net::UnixStream::from_std(stream).unwrap()));
    let connector = tower::service_fn(move |_uri| {
        let stream = stream.lock().unwrap().take();
        std::future::ready(stream.map(TokioIo::new).ok_or_else(|| std::io::Error::other("used")))
    });
    Endpoint::from_static("http://agent").connect_with_connector(connector).await.unwrap()
}

/// Lets every user reach the socket, as the group that owns it would.
pub(crate) fn open_to_all(site: &Site) {
    for (path, mode) in [(site.path().to_owned(), 0o755), (site.socket(), 0o666)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}
