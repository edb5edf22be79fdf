//! `enrollment`.

use clap::{Args, Subcommand};

use super::values::{DIGESTS, KEY_ALGORITHMS, Trimmed};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists enrollments.
    #[command(after_help = "\
Examples:
  rolecallctl enrollment list
  rolecallctl enrollment list -o wide")]
    List,
    /// Shows one enrollment, and what its next order will ask for.
    #[command(after_help = "\
Examples:
  rolecallctl enrollment show Default@se01.contoso.com")]
    Show {
        /// The enrollment's name.
        #[arg(value_name = "ENROLLMENT")]
        name: String,
    },
    /// Changes what the next order will ask for.
    #[command(after_help = "\
Examples:
  rolecallctl enrollment set Default@se01.contoso.com --renew-before 30d
  rolecallctl enrollment set Default@se01.contoso.com --add-name sip2.contoso.com --what-if")]
    Set(Box<Set>),
    /// Ends the wish; certificates and assignments stay.
    #[command(after_help = "\
Examples:
  rolecallctl enrollment remove Default@se01.contoso.com")]
    Remove {
        /// The enrollment's name.
        #[arg(value_name = "ENROLLMENT")]
        name: String,
        /// Shows what would be ended; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Set {
    /// The enrollment's name.
    #[arg(value_name = "ENROLLMENT")]
    pub(crate) name: String,
    /// The issuer, by its name in the topology.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(crate) issuer: Option<String>,
    /// The template's name.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(crate) template: Option<String>,
    /// The key to make.
    #[arg(long, value_name = "ALGORITHM", value_parser = KEY_ALGORITHMS, group = "change")]
    pub(crate) key_algorithm: Option<String>,
    /// The digest the CA is asked to sign with.
    #[arg(long, value_name = "DIGEST", value_parser = DIGESTS, group = "change")]
    pub(crate) digest: Option<String>,
    /// Whether the key may leave the server.
    #[arg(long, value_name = "BOOL", group = "change")]
    pub(crate) exportable: Option<bool>,
    /// Names to add to the computed ones.
    #[arg(
        long = "add-name",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = Trimmed,
        group = "change"
    )]
    pub(crate) add_names: Vec<String>,
    /// Added names to take away.
    #[arg(
        long = "remove-name",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = Trimmed,
        group = "change"
    )]
    pub(crate) remove_names: Vec<String>,
    /// How long before expiry it is renewed, such as 30d; `default` for the rule.
    #[arg(long, value_name = "LENGTH", group = "change")]
    pub(crate) renew_before: Option<String>,
    /// Shows what would change; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
}
