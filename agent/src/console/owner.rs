//! Whoever writes into the state directory has to be its owner.
//!
//! What root writes there belongs to root, and the agent, which runs as another user, could then not
//! open its own store. So a console command refuses before it touches anything.

use std::path::Path;

use crate::config::Config;
use crate::error::Error;
use crate::server::peer::user_name;
use crate::start;

/// Refuses unless this process is the owner of the state directory; `command` is what it was asked.
///
/// # Errors
/// [`Error::NotOwner`], with the command to type instead.
pub(super) fn require(config: &Config, command: &'static str) -> Result<(), Error> {
    let path = &config.state_directory;
    let Some(owner) = start::foreign_owner(path)? else { return Ok(()) };
    Err(Error::NotOwner {
        path: path.clone(),
        owner: user_name(owner),
        remedy: as_user(owner, command, &config.file),
    })
}

/// Returns how `command` is typed at the console for the store of the user that this process is.
pub(crate) fn as_owner(command: &str, config: &Path) -> String {
    match rustix::process::geteuid().as_raw() {
        0 => format!("rolecall-agent {command} --config {}", config.display()),
        uid => as_user(uid, command, config),
    }
}

fn as_user(uid: u32, command: &str, config: &Path) -> String {
    let name = user_name(uid);
    let user = if name.contains(' ') { format!("'#{uid}'") } else { name.into_string() };
    format!("sudo -u {user} rolecall-agent {command} --config {}", config.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_sudo_takes_it() {
        let config = Path::new("/etc/rolecall/agent.toml");
        assert_eq!(
            as_user(0, "ca init", config),
            "sudo -u root rolecall-agent ca init --config /etc/rolecall/agent.toml"
        );
        assert_eq!(
            as_user(4_000_000_000, "ca init", config),
            "sudo -u '#4000000000' rolecall-agent ca init --config /etc/rolecall/agent.toml"
        );
    }
}
