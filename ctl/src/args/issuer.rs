//! `issuer`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::values::RoleName;

/// Which of an issuer's certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Pem {
    /// The root alone: what others are to trust.
    Root,
    /// All, the issuing CA first.
    Chain,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists issuers.
    #[command(after_help = "\
Examples:
  rolecallctl issuer list")]
    List,
    /// Shows one issuer and its templates, or exports its certificates.
    #[command(after_help = "\
Examples:
  rolecallctl issuer show embedded
  rolecallctl issuer show embedded --pem root > root.pem
  rolecallctl issuer show embedded --pem chain > chain.pem")]
    Show {
        /// The issuer's name.
        #[arg(value_name = "ISSUER")]
        name: String,
        /// Prints certificates alone, as PEM.
        #[arg(long, value_name = "WHICH", value_enum)]
        pem: Option<Pem>,
    },
    /// Lists requests at the embedded CA, those that wait first.
    #[command(after_help = "\
Examples:
  rolecallctl issuer requests
  rolecallctl issuer requests --waiting")]
    Requests {
        /// Only those that wait for a decision.
        #[arg(long)]
        waiting: bool,
    },
    /// Approves a request at the embedded CA; never one's own.
    #[command(after_help = "\
Examples:
  rolecallctl issuer approve 12
  rolecallctl issuer approve 12 --what-if")]
    Approve {
        /// The request's number.
        #[arg(value_name = "NUMBER")]
        request: u64,
        /// Shows the request; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
    /// Denies a request at the embedded CA; never one's own.
    #[command(after_help = "\
Examples:
  rolecallctl issuer deny 12 --reason 'ask for the pool name instead'")]
    Deny {
        /// The request's number.
        #[arg(value_name = "NUMBER")]
        request: u64,
        /// Why, for whoever asked.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Shows the request; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
    /// Has the embedded CA sign a foreign request for a server of the topology.
    ///
    /// Only its key is taken; names and usages are planned from the topology.
    #[command(after_help = "\
Examples:
  rolecallctl issuer submit edge01.csr --role Internal --server edge01.contoso.com > edge01.pem
  rolecallctl issuer submit - --role Default --server fe02.contoso.com < fe02.csr")]
    Submit {
        /// The request: one PKCS#10, as PEM or DER; `-` reads the input stream.
        #[arg(value_name = "CSR-FILE")]
        file: PathBuf,
        /// What the certificate is for.
        #[arg(
            long = "role",
            value_name = "ROLE",
            required = true,
            value_delimiter = ',',
            value_parser = RoleName,
            hide_possible_values = true
        )]
        roles: Vec<String>,
        /// The server it is for; this one if not given.
        #[arg(long, value_name = "FQDN")]
        server: Option<String>,
        /// The template's name.
        #[arg(long, value_name = "NAME")]
        template: Option<String>,
    },
}
