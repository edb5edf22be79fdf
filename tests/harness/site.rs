//! Everything one agent owns on disk, in a temporary folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rolecall::access::Grant;
use rolecall::name::Fqdn;
use rolecall_agent::args::Init;
use rolecall_agent::config::Config;
use tempfile::TempDir;

/// A lone Standard Edition server, `se01.contoso.com`.
pub const STANDARD_EDITION: &str =
    "sip_domains = [\"contoso.com\"]\n\n[pools.\"se01.contoso.com\"]\nkind = \"StandardEdition\"\n";

/// Everything one agent owns on disk; it goes when this is dropped.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    server: Fqdn,
}

impl Site {
    /// Makes an agent's files for `server` of `topology`; callers other than root are viewers.
    pub fn new(server: &str, topology: &str) -> Self {
        Self::with_grant(server, topology, Grant::Viewer)
    }

    /// Makes an agent's files for `server` of `topology`.
    pub fn with_grant(server: &str, topology: &str, local_grant: Grant) -> Self {
        let folder = tempfile::Builder::new().prefix("rolecall-").tempdir().unwrap();
        let path = folder.path();
        write(&path.join("topology.toml"), topology);
        let server: Fqdn = server.parse().unwrap();
        let options = Init {
            directory: path.to_owned(),
            server: server.clone(),
            topology: path.join("topology.toml"),
            config: None,
            state: None,
            master_key: None,
            socket: None,
            local_grant,
            ca_listen: Some(free_address()),
        };
        rolecall_agent::init::init(&options, &mut std::io::sink()).unwrap();
        Self { folder, server }
    }

    /// Makes the files of the lone Standard Edition server.
    pub fn standard_edition() -> Self {
        Self::new("se01.contoso.com", STANDARD_EDITION)
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the server the agent is.
    pub const fn server(&self) -> &Fqdn {
        &self.server
    }

    /// Returns the configuration's file.
    pub fn config_file(&self) -> PathBuf {
        self.path().join("agent.toml")
    }

    /// Returns the configuration.
    pub fn config(&self) -> Config {
        Config::load(&self.config_file()).unwrap()
    }

    /// Returns the topology's file.
    pub fn topology_file(&self) -> PathBuf {
        self.path().join("topology.toml")
    }

    /// Returns the state directory.
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Returns the socket.
    pub fn socket(&self) -> PathBuf {
        self.path().join("agent.sock")
    }

    /// Replaces one of the files, whole.
    pub fn write(&self, name: &str, content: &str) {
        write(&self.path().join(name), content);
    }
}

/// Reads an example topology; its enterprise CA becomes the embedded one.
pub fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join("deploy/examples").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    text.lines()
        .filter(|line| !line.starts_with("ca = ") && !line.starts_with("template = "))
        .map(|line| if line == "kind = \"adcs\"" { "kind = \"embedded\"" } else { line })
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Writes a file that readers never see half.
fn write(path: &Path, content: &str) {
    let partial = path.with_extension("partial");
    let mut file = std::fs::File::create(&partial).unwrap();
    std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
    std::fs::rename(&partial, path).unwrap();
}

/// Returns an address where nothing listens: the kernel's choice of port, on a loopback address that
/// no other test uses, so that nobody takes it meanwhile.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let [.., last] = number.to_be_bytes();
    // 127.0 is left to everybody else.
    let address = Ipv4Addr::new(127, high | 128, low, last.clamp(1, 254));
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}
