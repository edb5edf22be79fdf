//! `log`.

use std::path::PathBuf;

use clap::Args;

use super::values::{RoleName, Suggested};

pub(crate) const EXAMPLES: &str = "\
Examples:
  rolecallctl log --last 20
  rolecallctl log --order 7                 everything about one order
  rolecallctl log --since -24h --follow -o json
  rolecallctl log --order 7 --report order-7.html
  rolecallctl log --verify                  reads every frame again, checks the chain

Exit status: with --verify 0 when the journal is sound, 1 when it is damaged.";

/// The kinds of entries, as `--kind` takes them.
pub(crate) const KINDS: Suggested = Suggested(&rolecall::api::kind::ALL);

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// Only entries of this order.
    #[arg(long, value_name = "NUMBER", help_heading = "Which entries")]
    pub(crate) order: Option<u64>,
    /// Only entries that concern this role.
    #[arg(
        long,
        value_name = "ROLE",
        value_parser = RoleName,
        hide_possible_values = true,
        help_heading = "Which entries"
    )]
    pub(crate) role: Option<String>,
    /// Only entries that concern this certificate.
    #[arg(long, value_name = "THUMBPRINT", help_heading = "Which entries")]
    pub(crate) certificate: Option<String>,
    /// Only entries of these kinds, such as order-placed.
    #[arg(
        long = "kind",
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = KINDS,
        hide_possible_values = true,
        help_heading = "Which entries"
    )]
    pub(crate) kinds: Vec<String>,
    /// Only the last so many.
    #[arg(long, value_name = "COUNT", help_heading = "Which entries")]
    pub(crate) last: Option<u32>,
    /// Only entries from then on: a time, a date, -24h or 02:00.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which entries")]
    pub(crate) since: Option<String>,
    /// Only entries up to then.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which entries")]
    pub(crate) until: Option<String>,
    /// Goes on showing entries as they are written.
    #[arg(long, short, conflicts_with_all = ["until", "report", "verify"])]
    pub(crate) follow: bool,
    /// Reads every frame of the journal again and checks its chain.
    #[arg(long, conflicts_with = "report")]
    pub(crate) verify: bool,
    /// Writes a page to read and file, for one operation or a period.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// With --report: replaces the file if it exists.
    #[arg(long, requires = "report")]
    pub(crate) force: bool,
}
