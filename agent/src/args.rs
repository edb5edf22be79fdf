//! The command line of `rolecall-agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rolecall::access::Grant;
use rolecall::name::Fqdn;

use crate::config::DEFAULT_CONFIG;

/// Keeps the right certificate in every role of this server.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-agent",
    version,
    about,
    after_help = "Examples:\n  \
        rolecall-agent init --directory /etc/rolecall --server se01.contoso.com \\\n      \
        --topology topology.toml --state /var/lib/rolecall\n  \
        rolecall-agent check\n  \
        rolecall-agent run"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `rolecall-agent` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration, a master key and an empty state directory
    Init(Init),
    /// Run the agent until it is told to stop
    Run(Config),
    /// Check configuration and topology, and say everything that is wrong with them
    Check(Config),
    /// Look into the store without the agent
    #[command(subcommand)]
    Store(StoreCommand),
    /// Establish the embedded CA, or move its root key away; as the agent's user, with it stopped
    #[command(subcommand)]
    Ca(CaCommand),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
}

/// The options of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rolecall-agent init --directory ./lab --server se01.contoso.com --topology se.toml\n\n\
    Nothing that exists is overwritten. The master key protects every private key in the store:\n\
    keep a copy of it where no backup of the state directory goes.")]
pub struct Init {
    /// The folder for everything that has no option of its own
    #[arg(long, value_name = "DIR", default_value = "/etc/rolecall")]
    pub directory: PathBuf,
    /// The server this agent is, as the topology names it
    #[arg(long, value_name = "FQDN")]
    pub server: Fqdn,
    /// The topology
    #[arg(long, value_name = "FILE")]
    pub topology: PathBuf,
    /// The configuration to write [default: DIR/agent.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The state directory [default: DIR/state]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The master key to write, outside the state directory [default: DIR/master.key]
    #[arg(long, value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// The socket [default: DIR/agent.sock]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// What callers other than root may do: viewer, server-administrator or administrator
    #[arg(long, value_name = "GRANT", default_value_t = Grant::Viewer)]
    pub local_grant: Grant,
    /// Where the embedded CA serves its CRL; certificates name this address, or no CRL without it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub ca_listen: Option<SocketAddr>,
}

/// What can be done with a store from outside.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Check every frame, checkpoint and key file; works beside a running agent
    Verify(Config),
    /// Write every row as a line of JSON, without keys; works beside a running agent
    Export(Config),
    /// Give up what cannot be read in a damaged journal; as the agent's user, with it stopped
    Repair(Repair),
}

/// The options of `store repair`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    systemctl stop rolecall-agent\n  \
    sudo -u rolecall rolecall-agent store repair --yes")]
pub struct Repair {
    /// The configuration
    #[command(flatten)]
    pub config: Config,
    /// Yes, give up what is damaged; without it, say what that is. It is kept beside the journal
    #[arg(long)]
    pub yes: bool,
}

/// What can be done with the embedded CA at the console.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Establish the CA now, or make a request for an enterprise CA to sign
    Init(CaInit),
    /// Install the certificates that an enterprise CA gave for the request
    Install(CaInstall),
    /// Move the root key into a file protected by a passphrase
    ExportRoot(CaExportRoot),
}

/// The options of `ca init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    systemctl stop rolecall-agent\n  \
    sudo -u rolecall rolecall-agent ca init\n  \
    sudo -u rolecall rolecall-agent ca init --subordinate --output /var/tmp/ca.csr.pem")]
pub struct CaInit {
    /// The configuration
    #[command(flatten)]
    pub config: Config,
    /// Below an enterprise CA instead of an own root
    #[arg(long, requires = "output")]
    pub subordinate: bool,
    /// Give up a request that waits for the enterprise CA, with its key, and make an own root
    #[arg(long, conflicts_with = "subordinate")]
    pub discard_request: bool,
    /// The file to write the request to
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The options of `ca install`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sudo -u rolecall rolecall-agent ca install issuing.pem enterprise-root.pem\n\n\
    The files hold the new CA's certificate and everything above it up to the self-signed root,\n\
    in any order. Naming the root here is the consent to trust it.")]
pub struct CaInstall {
    /// The configuration
    #[command(flatten)]
    pub config: Config,
    /// Certificates in PEM
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// The options of `ca export-root`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    systemctl stop rolecall-agent\n  \
    sudo -u rolecall rolecall-agent ca export-root /media/safe/root.pem\n\n\
    The passphrase is asked for twice; it is the first line of a standard input that is no\n\
    terminal. The file is encrypted PKCS#8 with the certificate beside it; OpenSSL reads it. It is read back\n\
    and compared before the key is destroyed here.")]
pub struct CaExportRoot {
    /// The configuration
    #[command(flatten)]
    pub config: Config,
    /// The file to write; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Read the passphrase from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}
