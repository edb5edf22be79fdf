//! The agent's configuration: one TOML file, read strictly, all problems at once.
//!
//! Paths in it may be relative to the file's own folder. What the server *is* stands in the
//! topology; this file says only where things are on this machine and who may connect.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rolecall::access::Grant;
use rolecall::document::{Document, Problems, Section};
use rolecall::key::KeyAlgorithm;
use rolecall::name::Fqdn;

/// Where things are on this machine, and who may connect.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file this was read from, for commands that are suggested.
    pub file: PathBuf,
    /// The server this agent is, as the topology names it.
    pub server: Fqdn,
    /// The topology's file.
    pub topology: PathBuf,
    /// The folder that holds the store.
    pub state_directory: PathBuf,
    /// The file with the master key, outside the state directory.
    pub master_key: PathBuf,
    /// The socket.
    pub socket: Socket,
    /// The embedded CA.
    pub ca: Ca,
    /// What is logged, and how.
    pub log: Log,
}

/// The Unix socket that operators on this server use.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Its path.
    pub path: PathBuf,
    /// The group that may connect; absent: the agent's own.
    pub group: Option<Box<str>>,
    /// What callers other than root may do.
    pub local_grant: Grant,
}

/// What the embedded CA needs to know about this machine.
#[derive(Clone, Debug)]
pub struct Ca {
    /// Where the CRL and the CA's certificates are served; absent: nowhere.
    pub listen: Option<SocketAddr>,
    /// The address that certificates name, such as `http://pki.contoso.com:8089`.
    pub url: Option<Box<str>>,
    /// The algorithm of the CA's keys, on first use.
    pub key_algorithm: KeyAlgorithm,
    /// The organization in the CA's names, on first use.
    pub organization: Option<Box<str>>,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// A filter such as `info` or `rolecall_agent=debug,info`.
    pub filter: Box<str>,
    /// The form of each line.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = InvalidLogFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(InvalidLogFormat),
        }
    }
}

/// A text that is no [`LogFormat`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a log format is `text` or `json`")]
pub struct InvalidLogFormat;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has problems.
    #[error("the configuration {} has problems:\n{problems}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of them.
        problems: Problems,
    },
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        let base = path.parent().unwrap_or_else(|| Path::new("."));
        let config = Self::parse(&text, base)
            .map_err(|problems| Error::Invalid { path: path.to_owned(), problems })?;
        let file = std::path::absolute(path).unwrap_or_else(|_unknown| path.to_owned());
        Ok(Self { file, ..config })
    }

    /// Reads `text`; relative paths begin at `base`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Problems> {
        let document = Document::read(text)?;
        let config = read(document.root(), base);
        match (document.into_problems(), config) {
            (None, Some(config)) => Ok(config),
            (Some(problems), _) => Err(problems),
            (None, None) => unreachable!("a key that cannot be read always leaves a problem"),
        }
    }

    /// Returns the text of a configuration that `rolecall-agent init` writes.
    pub fn template(server: &Fqdn, options: &Template<'_>) -> String {
        let listen = options
            .ca_listen
            .map(|listen| format!("listen = \"{listen}\"\nurl = \"http://{listen}\"\n"))
            .unwrap_or_default();
        format!(
            "# Rolecall agent. `rolecall-agent check` says what is wrong with this file.\n\
             server = \"{server}\"\n\
             topology = \"{topology}\"\n\
             state_directory = \"{state}\"\n\
             master_key = \"{master}\"\n\
             \n\
             [socket]\n\
             path = \"{socket}\"\n\
             # What callers other than root may do: viewer, server-administrator, administrator.\n\
             local_grant = \"{grant}\"\n\
             \n\
             # The embedded CA: where its CRL and certificates are served, and the address that the\n\
             # certificates name. It is fixed when the CA is established.\n\
             [ca]\n\
             {listen}",
            topology = options.topology.display(),
            state = options.state_directory.display(),
            master = options.master_key.display(),
            socket = options.socket.display(),
            grant = options.local_grant,
        )
    }
}

/// What [`Config::template`] fills in.
#[derive(Clone, Debug)]
pub struct Template<'a> {
    /// The topology's file.
    pub topology: &'a Path,
    /// The state directory.
    pub state_directory: &'a Path,
    /// The master key's file.
    pub master_key: &'a Path,
    /// The socket.
    pub socket: &'a Path,
    /// What callers other than root may do.
    pub local_grant: Grant,
    /// Where the CRL is served.
    pub ca_listen: Option<SocketAddr>,
}

fn read(root: Section<'_, '_>, base: &Path) -> Option<Config> {
    let server = required(&root, "server", root.parse("server"), "server = \"se01.contoso.com\"");
    let path = |key: &'static str, default: &str| {
        base.join(root.text(key).map_or_else(|| PathBuf::from(default), PathBuf::from))
    };
    let topology = path("topology", "topology.toml");
    let state_directory = path("state_directory", DEFAULT_STATE);
    let master_key = path("master_key", "master.key");
    if master_key.starts_with(&state_directory) {
        root.problem(
            "master_key",
            "the master key lies inside the state directory, which backups copy",
            "keep it outside, such as /etc/rolecall/master.key",
        );
    }
    let socket = read_socket(&root, base);
    let ca = read_ca(&root);
    let log = read_log(&root);
    root.finish();
    let file = base.join("agent.toml");
    let server = server?;
    Some(Config { file, server, topology, state_directory, master_key, socket, ca, log })
}

fn read_socket(root: &Section<'_, '_>, base: &Path) -> Socket {
    let mut socket =
        Socket { path: PathBuf::from(DEFAULT_SOCKET), group: None, local_grant: Grant::Viewer };
    if let Some(section) = root.section("socket") {
        if let Some(path) = section.text("path") {
            socket.path = base.join(path);
        }
        socket.group = section.text("group").map(Into::into);
        socket.local_grant = section.parse("local_grant").unwrap_or(Grant::Viewer);
        section.finish();
    }
    socket
}

fn read_ca(root: &Section<'_, '_>) -> Ca {
    let mut ca =
        Ca { listen: None, url: None, key_algorithm: KeyAlgorithm::EcdsaP256, organization: None };
    if let Some(section) = root.section("ca") {
        ca.listen = section.parse("listen");
        ca.url = section.text("url").map(Into::into);
        ca.organization = section.text("organization").map(Into::into);
        if let Some(algorithm) = section.parse("key_algorithm") {
            ca.key_algorithm = algorithm;
        }
        section.finish();
    }
    ca
}

fn read_log(root: &Section<'_, '_>) -> Log {
    let mut log = Log { filter: "info".into(), format: LogFormat::Text };
    if let Some(section) = root.section("log") {
        if let Some(filter) = section.text("filter") {
            match filter.parse::<tracing_subscriber::filter::EnvFilter>() {
                Ok(_) => log.filter = filter.into(),
                Err(error) => section.problem(
                    "filter",
                    error,
                    "write it such as \"info\" or \"rolecall_agent=debug,info\"",
                ),
            }
        }
        log.format = section.parse("format").unwrap_or(LogFormat::Text);
        section.finish();
    }
    log
}

fn required<T>(
    section: &Section<'_, '_>,
    key: &'static str,
    value: Option<T>,
    example: &str,
) -> Option<T> {
    if value.is_none() && !section.has(key) {
        section.problem_here(format!("the key `{key}` is missing"), format!("write {example}"));
    }
    value
}

/// The socket of an agent that was installed as a package.
pub const DEFAULT_SOCKET: &str = "/run/rolecall/agent.sock";
/// The configuration of an agent that was installed as a package.
pub const DEFAULT_CONFIG: &str = "/etc/rolecall/agent.toml";
const DEFAULT_STATE: &str = "/var/lib/rolecall";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_configuration_gets_every_default() {
        let config = Config::parse("server = \"se01.contoso.com\"", Path::new("/etc/rolecall"));
        let config = config.unwrap();
        assert_eq!(config.topology, Path::new("/etc/rolecall/topology.toml"));
        assert_eq!(config.state_directory, Path::new("/var/lib/rolecall"));
        assert_eq!(config.socket.local_grant, Grant::Viewer);
        assert_eq!(config.ca.listen, None);
    }

    #[test]
    fn all_problems_are_reported_at_once_with_key_and_line() {
        let text = "servr = \"se01\"\n[socket]\nlocal_grant = \"king\"\n[log]\nformat = \"xml\"\n";
        let problems = Config::parse(text, Path::new("/etc")).unwrap_err();
        let found: Vec<(usize, &str)> =
            problems.iter().map(|problem| (problem.line, problem.path.as_str())).collect();
        assert_eq!(
            found,
            [(1, ""), (1, "servr"), (3, "socket.local_grant"), (5, "log.format")],
            "{problems}"
        );
        assert!(problems.to_string().contains("did you mean `server`"), "{problems}");
    }

    #[test]
    fn the_master_key_may_not_lie_in_the_state_directory() {
        let text = "server = \"se01.contoso.com\"\nmaster_key = \"/var/lib/rolecall/m.key\"";
        let problems = Config::parse(text, Path::new("/etc")).unwrap_err();
        assert!(problems.to_string().contains("inside the state directory"), "{problems}");
    }

    #[test]
    fn the_template_is_a_valid_configuration() {
        let server: Fqdn = "se01.contoso.com".parse().unwrap();
        let options = Template {
            topology: Path::new("topology.toml"),
            state_directory: Path::new("state"),
            master_key: Path::new("master.key"),
            socket: Path::new("agent.sock"),
            local_grant: Grant::Administrator,
            ca_listen: Some("127.0.0.1:8089".parse().unwrap()),
        };
        let text = Config::template(&server, &options);
        let config = Config::parse(&text, Path::new("/x")).unwrap();
        assert_eq!(config.server, server);
        assert_eq!(config.socket.local_grant, Grant::Administrator);
        assert_eq!(config.ca.url.as_deref(), Some("http://127.0.0.1:8089"));
    }
}
