//! `certificate`, `assign` and `unassign`.

use clap::{Args, Subcommand};

use super::values::{REVOCATION_REASONS, RoleName};

pub(crate) const ASSIGN_EXAMPLES: &str = "\
Examples:
  rolecallctl assign 5D0A8B41C7F2 --role Default,WebServicesInternal
  rolecallctl assign 5D0A8B41C7F2 --role OAuthTokenIssuer --effective 02:00
  rolecallctl assign 5D0A8B41C7F2 --role Default --what-if";

pub(crate) const UNASSIGN_EXAMPLES: &str = "\
Examples:
  rolecallctl unassign --role Default
  rolecallctl unassign --role OAuthTokenIssuer --next       call off a scheduled change
  rolecallctl unassign --role OAuthTokenIssuer --previous   forget the replaced ones";

/// How a certificate is named on the command line.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// A thumbprint, a SHA-256, or its first 6 digits or more, if only one certificate has them;
    /// as `openssl` and dialogs show it, with spaces, colons or dashes.
    #[arg(value_name = "THUMBPRINT")]
    pub(crate) certificate: String,
}

#[derive(Args, Debug)]
pub(crate) struct Assign {
    #[command(flatten)]
    pub(crate) named: Named,
    /// The roles.
    #[arg(
        long = "role",
        value_name = "ROLE",
        required = true,
        value_delimiter = ',',
        value_parser = RoleName,
        hide_possible_values = true
    )]
    pub(crate) roles: Vec<String>,
    /// When it takes effect: a time, +10m or 02:00; at once if not given.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) effective: Option<String>,
    /// Overrides warnings, never errors.
    #[arg(long)]
    pub(crate) force: bool,
    /// Shows what would be assigned; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Unassign {
    /// The roles.
    #[arg(
        long = "role",
        value_name = "ROLE",
        required = true,
        value_delimiter = ',',
        value_parser = RoleName,
        hide_possible_values = true
    )]
    pub(crate) roles: Vec<String>,
    /// Only the previous certificates.
    #[arg(long, conflicts_with = "next")]
    pub(crate) previous: bool,
    /// Only the next certificate, before it takes effect.
    #[arg(long)]
    pub(crate) next: bool,
    /// Shows what would be taken away; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists certificates: every one in the store, assigned or not.
    #[command(after_help = "\
Examples:
  rolecallctl certificate list
  rolecallctl certificate list --for Default    usable ones first, the others with the reason
  rolecallctl certificate list -o wide")]
    List {
        /// Usable ones for this role first, then the others, each with its reason.
        #[arg(
            long = "for",
            value_name = "ROLE",
            value_parser = RoleName,
            hide_possible_values = true
        )]
        role: Option<String>,
    },
    /// Shows one certificate.
    #[command(after_help = "\
Examples:
  rolecallctl certificate show 5D0A8B41C7F2
  rolecallctl certificate show 5D0A8B41C7F2 --pem --chain > fullchain.pem")]
    Show {
        #[command(flatten)]
        named: Named,
        /// Prints the certificate alone, as PEM.
        #[arg(long)]
        pem: bool,
        /// With --pem: the issuers' certificates too, the nearest first.
        #[arg(long)]
        chain: bool,
    },
    /// Verifies a certificate for roles, or for those it is assigned to.
    #[command(after_help = "\
Examples:
  rolecallctl certificate verify 5D0A8B41C7F2
  rolecallctl certificate verify 5D0A8B41C7F2 --role Default

Exit status: 0 when there are no errors or warnings, 1 when there are.")]
    Verify {
        #[command(flatten)]
        named: Named,
        /// Verifies for these roles.
        #[arg(
            long = "role",
            value_name = "ROLE",
            value_delimiter = ',',
            value_parser = RoleName,
            hide_possible_values = true
        )]
        roles: Vec<String>,
    },
    /// Revokes a certificate that the embedded CA issued.
    #[command(after_help = "\
Examples:
  rolecallctl certificate revoke 5D0A8B41C7F2 --reason superseded
  rolecallctl certificate revoke 5D0A8B41C7F2 --reason keyCompromise --force --yes")]
    Revoke {
        #[command(flatten)]
        named: Named,
        /// Why, in the words of RFC 5280.
        #[arg(long, value_name = "REASON", value_parser = REVOCATION_REASONS)]
        reason: Option<String>,
        /// Revokes it although roles use it.
        #[arg(long)]
        force: bool,
        /// Shows what would be revoked; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
    /// Removes a certificate that no role uses, and its key.
    #[command(after_help = "\
Examples:
  rolecallctl certificate remove 5D0A8B41C7F2
  rolecallctl certificate remove 5D0A8B41C7F2 --what-if")]
    Remove {
        #[command(flatten)]
        named: Named,
        /// Shows what would be removed; changes nothing.
        #[arg(long)]
        what_if: bool,
    },
}
