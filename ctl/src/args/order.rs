//! `request` and `order`.

use clap::{Args, Subcommand};

use super::values::{DIGESTS, KEY_ALGORITHMS, RoleName, Trimmed};

pub(crate) const REQUEST_EXAMPLES: &str = "\
Examples:
  rolecallctl request --role Default,WebServicesInternal,WebServicesExternal
  rolecallctl request --role Default --what-if
  thumbprint=$(rolecallctl request --role OAuthTokenIssuer --key-algorithm rsa-3072)
  rolecallctl request --role Default --domain-name 'sip1.contoso.com, sip2.contoso.com'

Exit status: 0 when the goal is reached, 65 when it was refused or denied, 75 when it waits
for somebody or the agent will try again.";

#[derive(Args, Debug)]
pub(crate) struct Request {
    /// The roles, by name or tile name; those given together share one certificate.
    #[arg(
        long = "role",
        value_name = "ROLE",
        required = true,
        value_delimiter = ',',
        value_parser = RoleName,
        hide_possible_values = true
    )]
    pub(crate) roles: Vec<String>,
    /// Shows the plan; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
    /// Installs the certificate without assigning it.
    #[arg(long)]
    pub(crate) no_assign: bool,
    /// Returns when the order is placed, and prints its number.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Places the order although one for these roles is open.
    #[arg(long)]
    pub(crate) beside_open: bool,
    /// Names this attempt: the same id again returns the same order.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) wish: Wish,
}

/// What is asked for beyond what the topology computes.
#[derive(Args, Debug)]
pub(crate) struct Wish {
    /// The issuer, by its name in the topology.
    #[arg(long, value_name = "NAME", help_heading = "Certificate")]
    pub(crate) issuer: Option<String>,
    /// The template's name.
    #[arg(long, value_name = "NAME", help_heading = "Certificate")]
    pub(crate) template: Option<String>,
    /// What listings call the certificate; unique in the store.
    #[arg(long, value_name = "TEXT", help_heading = "Certificate")]
    pub(crate) friendly_name: Option<String>,
    /// The key to make.
    #[arg(
        long,
        value_name = "ALGORITHM",
        value_parser = KEY_ALGORITHMS,
        help_heading = "Certificate"
    )]
    pub(crate) key_algorithm: Option<String>,
    /// The digest the CA is asked to sign with.
    #[arg(long, value_name = "DIGEST", value_parser = DIGESTS, help_heading = "Certificate")]
    pub(crate) digest: Option<String>,
    /// The key may leave the server; shared roles need that.
    #[arg(long, help_heading = "Certificate")]
    pub(crate) exportable: bool,
    /// Asks for client authentication too.
    #[arg(long, conflicts_with = "no_client_eku", help_heading = "Certificate")]
    pub(crate) client_eku: bool,
    /// Asks for server authentication only.
    #[arg(long, help_heading = "Certificate")]
    pub(crate) no_client_eku: bool,
    #[command(flatten)]
    pub(crate) subject: Subject,
    #[command(flatten)]
    pub(crate) names: Names,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Subject")]
pub(crate) struct Subject {
    /// Organization (O).
    #[arg(long, value_name = "TEXT")]
    pub(crate) organization: Option<String>,
    /// Organizational unit (OU).
    #[arg(long, value_name = "TEXT")]
    pub(crate) ou: Option<String>,
    /// Country, two letters (C).
    #[arg(long, value_name = "CC")]
    pub(crate) country: Option<String>,
    /// State or province, spelled out (ST).
    #[arg(long, value_name = "TEXT")]
    pub(crate) state: Option<String>,
    /// City, spelled out (L).
    #[arg(long, value_name = "TEXT")]
    pub(crate) city: Option<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Names")]
pub(crate) struct Names {
    /// SIP domains to name, instead of the computed ones.
    #[arg(
        long = "sip-domain",
        value_name = "DOMAIN",
        value_delimiter = ',',
        value_parser = Trimmed,
        conflicts_with = "all_sip_domains"
    )]
    pub(crate) sip_domains: Vec<String>,
    /// Names every SIP domain of the topology.
    #[arg(long)]
    pub(crate) all_sip_domains: bool,
    /// Names to add to the computed ones; renewals keep them.
    #[arg(
        long = "domain-name",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = Trimmed
    )]
    pub(crate) domain_names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists orders, the newest first.
    #[command(after_help = "\
Examples:
  rolecallctl order list
  rolecallctl order list --open             only those that have not settled")]
    List {
        /// Only those that have not settled.
        #[arg(long)]
        open: bool,
    },
    /// Shows one order.
    #[command(after_help = "\
Examples:
  rolecallctl order show 7
  rolecallctl order show 7 --wait           follow it until it settles or waits for somebody")]
    Show {
        /// The order's number.
        #[arg(value_name = "NUMBER")]
        order: u64,
        /// Follows it, and prints the thumbprint as `request` does.
        #[arg(long)]
        wait: bool,
    },
    /// Asks the issuer now instead of at the next planned time.
    #[command(after_help = "\
Examples:
  rolecallctl order retrieve 7")]
    Retrieve {
        /// The order's number.
        #[arg(value_name = "NUMBER")]
        order: u64,
    },
    /// Ends an order that has not been issued, and destroys its key.
    #[command(after_help = "\
Examples:
  rolecallctl order cancel 7
  rolecallctl order cancel 7 --what-if")]
    Cancel {
        /// The order's number.
        #[arg(value_name = "NUMBER")]
        order: u64,
        /// Shows what would be ended; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
}
