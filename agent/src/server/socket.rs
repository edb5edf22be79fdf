//! The Unix socket, which is nobody's but its owner's before it is found.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::Error;
use crate::config::Socket;

/// Makes the Unix socket, readable and writable for owner and group only.
///
/// It is made in a folder that only the owner may enter, gets its mode and its group there, and is
/// then moved to its place: nobody can connect to it in between. It takes the place of a stale one.
///
/// # Errors
/// When the path is taken by something else, or the folder does not allow it.
pub fn bind(socket: &Socket) -> Result<UnixListener, Error> {
    let path = &socket.path;
    let failed = |source| Error::Bind { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let making = Making::new(path).map_err(failed)?;
    let listener = UnixListener::bind(making.socket()).map_err(failed)?;
    let mode = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(making.socket(), mode).map_err(failed)?;
    if let Some(group) = &socket.group {
        let gid = group_id(group);
        gid.and_then(|gid| std::os::unix::fs::chown(making.socket(), None, Some(gid)))
            .map_err(|source| Error::Group { path: path.clone(), group: group.clone(), source })?;
    }
    // Whoever holds the state directory's lock is the only agent: a socket that is here is stale.
    std::fs::rename(making.socket(), path).map_err(failed)?;
    making.remove().map_err(failed)?;
    Ok(listener)
}

fn group_id(group: &str) -> io::Result<u32> {
    let groups = std::fs::read_to_string("/etc/group")?;
    let gid = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?.parse().ok()?;
        (name == group).then_some(number)
    });
    gid.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "there is no such group"))
}

/// The folder beside the socket's place in which it is made.
struct Making {
    folder: PathBuf,
}

impl Making {
    fn new(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or_else(|| Path::new("")).join(FOLDER);
        let making = Self { folder };
        // A start that was killed between two lines leaves it behind.
        making.remove()?;
        std::fs::DirBuilder::new().mode(0o700).create(&making.folder)?;
        Ok(making)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    fn remove(&self) -> io::Result<()> {
        absent(std::fs::remove_file(self.socket()))?;
        absent(std::fs::remove_dir(&self.folder))
    }
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Short: a socket's path may have 107 octets.
const FOLDER: &str = ".new";

#[cfg(test)]
mod tests {
    use rolecall::access::Grant;

    use super::*;

    fn at(path: &Path) -> Socket {
        Socket { path: path.to_owned(), group: None, local_grant: Grant::Viewer }
    }

    #[tokio::test]
    async fn the_socket_takes_the_place_of_a_stale_one_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        // As a start leaves things that was killed at the worst moment.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let making = Making::new(&path).unwrap();
        drop(std::os::unix::net::UnixListener::bind(making.socket()).unwrap());

        let listener = bind(&at(&path)).unwrap();

        let (connected, accepted) =
            tokio::join!(tokio::net::UnixStream::connect(&path), listener.accept());
        connected.unwrap();
        accepted.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let names: Vec<_> =
            folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["agent.sock"]);
    }

    #[tokio::test]
    async fn until_it_has_its_mode_and_group_only_its_owner_can_reach_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let making = Making::new(&path).unwrap();
        let mode = std::fs::metadata(&making.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        making.remove().unwrap();

        let group = Some("there is no such group".into());
        let refused = bind(&Socket { group, ..at(&path) }).unwrap_err();

        assert!(matches!(refused, Error::Group { .. }), "{refused}");
        assert!(!path.exists(), "a socket that cannot be given to its group is not there at all");
    }
}
