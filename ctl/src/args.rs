//! The command line.
//!
//! Every command explains itself with examples; whatever an administrator types that only the agent
//! can judge (names, roles, thumbprints) is passed on as typed, so that one place answers with the
//! nearest names.

pub(crate) mod certificate;
pub(crate) mod enrollment;
pub(crate) mod issuer;
pub(crate) mod journal;
pub(crate) mod order;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::values::{FindingCode, RoleName};

/// Requests, assigns and inspects the certificates of a server, role by role.
///
/// Talks to the rolecall-agent of this computer over its socket. Results are on the output stream,
/// everything said about them on the error stream.
#[derive(Debug, Parser)]
#[command(name = "rolecallctl", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rolecallctl status                        how every role stands, worst first
  rolecallctl apply                         request and assign whatever is missing
  rolecallctl request --role Default        one certificate, with the topology's names

Exit status: 0 done, 1 findings, 64 usage, 65 refused, 66 not found, 69 no agent,
70 defect, 75 try again or waiting, 77 not allowed, 78 configuration.";

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The agent's socket.
    #[arg(
        long,
        global = true,
        env = "ROLECALL_SOCKET",
        value_name = "PATH",
        default_value = "/run/rolecall/agent.sock"
    )]
    pub(crate) socket: PathBuf,
    /// How results are shown.
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
    /// When tables are coloured; NO_COLOR is honoured.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Does not ask before what cannot be undone.
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people; fits 80 columns.
    #[default]
    Table,
    /// For people; nothing shortened.
    Wide,
    /// For programs.
    Json,
    /// The same as JSON, as YAML.
    Yaml,
}

impl Format {
    /// Returns whether people read it.
    pub(crate) const fn is_human(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// When tables are coloured.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows how every role stands, worst first, and the command that helps.
    #[command(after_help = "\
Examples:
  rolecallctl status
  rolecallctl status -o wide                full thumbprints and every column
  rolecallctl status --strict               exit status 1 even for notices

Exit status: 0 when nothing needs a human, 1 when there are errors or warnings that nobody accepted.")]
    Status(Status),
    /// Requests and assigns what is missing or differs; a second time changes nothing.
    ///
    /// An order that is open already is shown and followed, and no other is placed.
    #[command(after_help = "\
Examples:
  rolecallctl apply --what-if               what would be requested, and why
  rolecallctl apply

Exit status: 0 when every role has its certificate, 75 when an order waits or is tried again.")]
    Apply(Apply),
    /// Requests a certificate for roles: plan, key, issue, install, verify, assign.
    ///
    /// Shows the plan, then follows the order and prints the certificate's thumbprint alone on the
    /// output stream. Roles in one request share one certificate.
    #[command(after_help = order::REQUEST_EXAMPLES)]
    Request(Box<order::Request>),
    /// Lists, follows and ends orders.
    #[command(subcommand)]
    Order(order::Command),
    /// Lists and adjusts enrollments: the standing wishes that renewals read.
    #[command(subcommand)]
    Enrollment(enrollment::Command),
    /// Lists, explains, verifies, revokes and removes certificates.
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Makes a certificate the current one of roles, at once or at a later time.
    #[command(after_help = certificate::ASSIGN_EXAMPLES)]
    Assign(certificate::Assign),
    /// Takes the certificate away from roles; it stays in the store.
    #[command(after_help = certificate::UNASSIGN_EXAMPLES)]
    Unassign(certificate::Unassign),
    /// Lists issuers, and decides requests at the embedded CA.
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Lists findings, and accepts them for a time.
    #[command(subcommand)]
    Finding(Finding),
    /// Shows and checks topologies.
    #[command(subcommand)]
    Topology(Topology),
    /// Shows the journal: who did what, when, and what came of it.
    #[command(after_help = journal::EXAMPLES)]
    Log(Box<journal::Log>),
    /// Prints a completion script for a shell.
    #[command(after_help = "\
Examples:
  rolecallctl completion bash > /etc/bash_completion.d/rolecallctl
  rolecallctl completion zsh > /usr/share/zsh/site-functions/_rolecallctl
  rolecallctl completion fish > ~/.config/fish/completions/rolecallctl.fish")]
    Completion(Completion),
    /// Prints the manual page, or writes one page for each command into a folder.
    #[command(after_help = "\
Examples:
  rolecallctl man | man -l -
  rolecallctl man /usr/local/share/man/man1")]
    Man(Man),
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Ends with status 1 for any finding that nobody accepted, notices too.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Apply {
    /// Shows what would be requested; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
    /// Returns when the orders are placed.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Finding {
    /// Lists what was diagnosed, errors first.
    #[command(after_help = "\
Examples:
  rolecallctl finding list
  rolecallctl finding list -o json")]
    List,
    /// Records that a finding is known and tolerated for a time.
    ///
    /// It is still listed, as accepted; `status` no longer fails because of it.
    #[command(after_help = "\
Examples:
  rolecallctl finding accept crl-ldap-only --until +90d --reason 'CA moves in spring'
  rolecallctl finding accept names-extra --role Default --until 2027-01-31 --reason 'old alias'")]
    Accept(Accept),
}

#[derive(Args, Debug)]
pub(crate) struct Accept {
    /// The finding's code, as listings show it.
    #[arg(value_name = "CODE", value_parser = FindingCode, hide_possible_values = true)]
    pub(crate) code: String,
    /// Until when: a time, a date or +90d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: String,
    /// Why, for whoever reads the journal.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Only for this role.
    #[arg(long, value_name = "ROLE", value_parser = RoleName, hide_possible_values = true)]
    pub(crate) role: Option<String>,
    /// Shows what would be recorded; changes nothing.
    #[arg(long)]
    pub(crate) what_if: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Topology {
    /// Checks a topology file here, without an agent: every problem at once.
    #[command(after_help = "\
Examples:
  rolecallctl topology check topology.toml
  rolecallctl topology check deploy/examples/standard-edition.toml && echo sound")]
    Check {
        /// The topology, in TOML.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Shows the topology the agent works from.
    #[command(after_help = "\
Examples:
  rolecallctl topology show
  rolecallctl topology show --explain       every inferred value, and why")]
    Show {
        /// Shows every value nobody wrote, and why it is so.
        #[arg(long)]
        explain: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder to write a page for each command into.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("rolecallctl "), "{path} has no examples");
            }
            for inner in command.get_subcommands() {
                check(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        check(&Cli::command(), "rolecallctl");
    }

    #[test]
    fn names_in_one_argument_may_be_followed_by_spaces() {
        let cli = Cli::try_parse_from([
            "rolecallctl",
            "request",
            "--role",
            "Default, Web services internal",
            "--domain-name",
            "a.contoso.com, b.contoso.com",
            "--domain-name",
            "c.contoso.com",
        ]);
        let Command::Request(request) = cli.unwrap().command else { panic!("another command") };
        assert_eq!(request.roles, ["Default", "Web services internal"]);
        assert_eq!(
            request.wish.names.domain_names,
            ["a.contoso.com", "b.contoso.com", "c.contoso.com"]
        );
    }

    #[test]
    fn a_time_may_begin_with_a_sign() {
        let cli = Cli::try_parse_from(["rolecallctl", "log", "--since", "-1h"]).unwrap();
        let Command::Log(log) = cli.command else { panic!("another command") };
        assert_eq!(log.since.as_deref(), Some("-1h"));
    }
}
