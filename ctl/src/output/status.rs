//! The status of every role, worst first.
//!
//! The JSON form is the contract of `design.md` §10: fields are only ever added, and those that a
//! later version fills are null.

use rolecall::api::pb;
use serde::Serialize;

use super::finding::{FindingView, paragraphs};
use super::table::{Table, Tone, maybe, plain, toned};
use super::text::{clean, date_and_distance, digits, short, some, thumbprint, time};
use super::{Look, View};

/// How every role stands.
#[derive(Debug, Serialize)]
pub(crate) struct StatusView {
    as_of: Option<String>,
    servers: Vec<ServerView>,
}

#[derive(Debug, Serialize)]
struct ServerView {
    server: String,
    pool: Option<String>,
    as_of: Option<String>,
    roles: Vec<RoleView>,
    pool_kind: Option<String>,
    agent_version: Option<String>,
    /// Those that concern no single role.
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize)]
struct RoleView {
    role: String,
    state: String,
    slot: Option<String>,
    generation: Option<u64>,
    thumbprint: Option<String>,
    served_thumbprint: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    renewal_due: Option<String>,
    next_effective: Option<String>,
    issuer: Option<String>,
    issuer_dn: Option<String>,
    deployment: Option<String>,
    findings: Vec<FindingView>,
    fingerprint: Option<String>,
    open_order_id: Option<u64>,
}

impl StatusView {
    pub(crate) fn of(status: &pb::GetStatusResponse) -> Self {
        let mut servers: Vec<ServerView> = status.servers.iter().map(ServerView::of).collect();
        servers.sort_by_key(ServerView::rank);
        Self { as_of: time(status.as_of.as_ref()), servers }
    }

    /// Returns whether a human should act; with `strict`, on anything nobody accepted.
    pub(crate) fn has_findings(&self, strict: bool) -> bool {
        // A role that stands badly counts even if the agent diagnosed nothing.
        let unexplained = |role: &RoleView| role.rank().0 == 0 && role.findings.is_empty();
        self.servers.iter().any(|server| server.roles.iter().any(unexplained))
            || self
                .findings()
                .any(|finding| finding.needs_a_human() || strict && finding.accepted.is_none())
    }

    fn findings(&self) -> impl Iterator<Item = &FindingView> {
        self.servers.iter().flat_map(|server| {
            server.findings.iter().chain(server.roles.iter().flat_map(|role| &role.findings))
        })
    }

    fn summary(&self) -> String {
        let roles = self.servers.iter().map(|server| server.roles.len()).sum::<usize>();
        let assigned = self
            .servers
            .iter()
            .flat_map(|server| &server.roles)
            .filter(|role| role.state == "assigned")
            .count();
        let count = |severity: &str| {
            self.findings()
                .filter(|finding| finding.accepted.is_none() && finding.severity == severity)
                .count()
        };
        let accepted = self.findings().filter(|finding| finding.accepted.is_some()).count();
        let parts: Vec<String> = [
            counted(count("error"), "error"),
            counted(count("warning"), "warning"),
            counted(count("notice"), "notice"),
            counted(accepted, "accepted finding"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let findings = if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") };
        format!("{assigned} of {roles} roles assigned; {findings}.\n")
    }
}

fn counted(count: usize, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    }
}

impl ServerView {
    fn of(server: &pb::ServerStatus) -> Self {
        let mut roles: Vec<RoleView> = server.roles.iter().map(RoleView::of).collect();
        roles.sort_by_key(RoleView::rank);
        Self {
            server: server.server.clone(),
            pool: some(&server.pool),
            as_of: time(server.as_of.as_ref()),
            roles,
            pool_kind: some(&server.pool_kind),
            agent_version: some(&server.agent_version),
            findings: FindingView::all(&server.findings),
        }
    }

    fn rank(&self) -> (u8, u8) {
        let findings = self.findings.iter().map(FindingView::rank).min().unwrap_or(u8::MAX);
        self.roles.iter().map(RoleView::rank).min().unwrap_or((u8::MAX, u8::MAX)).min((findings, 0))
    }

    fn human(&self, look: &Look) -> String {
        let pool = self.pool.as_deref().map(|pool| format!(", pool {pool}")).unwrap_or_default();
        let kind = self.pool_kind.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        let mut text = format!("{}\n", clean(&format!("{}{pool}{kind}", self.server)));
        text.push_str(&if look.wide { self.wide(look) } else { self.table(look) });
        for role in &self.roles {
            if !role.findings.is_empty() {
                text.push_str(&format!("\n{}\n", clean(&role.role)));
                text.push_str(&paragraphs(&role.findings, "  ", look));
            }
        }
        if !self.findings.is_empty() {
            text.push_str("\nNeeds a human\n");
            text.push_str(&paragraphs(&self.findings, "  ", look));
        }
        text
    }

    fn table(&self, look: &Look) -> String {
        let mut table =
            Table::new(["ROLE", "STATE", "CERTIFICATE", "EXPIRES", "RENEWAL", "ISSUER"], look);
        for role in &self.roles {
            table.row([
                plain(&role.role),
                toned(role.standing(), role.tone()),
                maybe(role.thumbprint.as_deref().map(short)),
                plain(date_and_distance(role.not_after.as_deref(), look.now)),
                maybe(role.renewal_due.as_deref().and_then(date)),
                maybe(role.issuer.as_deref()),
            ]);
        }
        table.render("This server needs no certificate.")
    }

    fn wide(&self, look: &Look) -> String {
        let mut table = Table::new(
            [
                "ROLE",
                "STATE",
                "SLOT",
                "GENERATION",
                "THUMBPRINT",
                "FINGERPRINT",
                "NOT BEFORE",
                "EXPIRES",
                "RENEWAL",
                "NEXT EFFECTIVE",
                "ISSUER",
                "ISSUER DN",
            ],
            look,
        );
        for role in &self.roles {
            table.row([
                plain(&role.role),
                toned(role.standing(), role.tone()),
                maybe(role.slot.as_deref()),
                maybe(role.generation.map(|number| number.to_string()).as_deref()),
                maybe(role.thumbprint.as_deref()),
                maybe(role.fingerprint.as_deref()),
                maybe(role.not_before.as_deref()),
                maybe(role.not_after.as_deref()),
                maybe(role.renewal_due.as_deref()),
                maybe(role.next_effective.as_deref()),
                maybe(role.issuer.as_deref()),
                maybe(role.issuer_dn.as_deref()),
            ]);
        }
        table.render("This server needs no certificate.")
    }
}

impl RoleView {
    fn of(role: &pb::RoleStatus) -> Self {
        Self {
            role: role.role.clone(),
            state: role.state.clone(),
            slot: some(&role.slot),
            generation: (role.generation != 0).then_some(role.generation),
            thumbprint: thumbprint(&role.thumbprint),
            served_thumbprint: None,
            not_before: time(role.not_before.as_ref()),
            not_after: time(role.not_after.as_ref()),
            renewal_due: time(role.renewal_due.as_ref()),
            next_effective: time(role.next_effective.as_ref()),
            issuer: some(&role.issuer),
            issuer_dn: some(&role.issuer_dn),
            deployment: None,
            findings: FindingView::all(&role.findings),
            fingerprint: digits(&role.fingerprint),
            open_order_id: (role.open_order_id != 0).then_some(role.open_order_id),
        }
    }

    /// Worst first: the state, then the worst finding; the agent's order decides the rest.
    fn rank(&self) -> (u8, u8) {
        let state = match self.state.as_str() {
            "expired" | "failed" | "missing" => 0,
            "waiting" => 1,
            "ordered" => 2,
            _ => 3,
        };
        let finding = self.findings.iter().map(FindingView::rank).min().unwrap_or(u8::MAX);
        (state, finding)
    }

    fn tone(&self) -> Tone {
        match self.rank() {
            (0, _) | (_, 0) => Tone::Bad,
            (1 | 2, _) | (_, 1) => Tone::Doubtful,
            _ => Tone::Good,
        }
    }

    fn standing(&self) -> String {
        match (self.open_order_id, self.next_effective.as_deref()) {
            (Some(order), _) => format!("{}, order {order}", self.state),
            (None, Some(effective)) => format!("{}, next from {effective}", self.state),
            (None, None) => self.state.clone(),
        }
    }
}

fn date(time: &str) -> Option<&str> {
    time.get(..10)
}

impl View for StatusView {
    const SCHEMA: &'static str = "rolecall/status/v1";

    fn human(&self, look: &Look) -> String {
        let mut text: String =
            self.servers.iter().map(|server| server.human(look) + "\n").collect();
        text.push_str(&self.summary());
        text
    }
}

#[cfg(test)]
mod tests;
