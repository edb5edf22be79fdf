//! Assignments: which certificate a role uses.

use rolecall::api::pb;
use serde::Serialize;

use super::finding::{FindingView, paragraphs};
use super::table::{Table, plain};
use super::text::{clean, digits, short, some, thumbprint, time};
use super::{Look, View};

/// The assignments a command touched.
#[derive(Debug, Serialize)]
pub(crate) struct AssignmentsView {
    assignments: Vec<AssignmentView>,
    findings: Vec<FindingView>,
    /// Roles that had this certificate already.
    unchanged_roles: Vec<String>,
    what_if: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct AssignmentView {
    role: String,
    scope: Option<String>,
    scope_name: Option<String>,
    current: Option<SlotView>,
    next: Option<SlotView>,
    previous: Vec<SlotView>,
    highest_generation: u64,
}

#[derive(Debug, Serialize)]
struct SlotView {
    generation: u64,
    thumbprint: Option<String>,
    fingerprint: Option<String>,
    effective: Option<String>,
    not_after: Option<String>,
}

impl AssignmentsView {
    pub(crate) fn of(assignments: &[pb::Assignment], what_if: bool) -> Self {
        Self {
            assignments: assignments.iter().map(AssignmentView::of).collect(),
            findings: Vec::new(),
            unchanged_roles: Vec::new(),
            what_if,
        }
    }

    pub(crate) fn with(self, findings: &[pb::Finding], unchanged_roles: Vec<String>) -> Self {
        Self { findings: FindingView::all(findings), unchanged_roles, ..self }
    }
}

impl AssignmentView {
    pub(crate) fn of(assignment: &pb::Assignment) -> Self {
        Self {
            role: assignment.role.clone(),
            scope: some(&assignment.scope),
            scope_name: some(&assignment.scope_name),
            current: assignment.current.as_ref().map(SlotView::of),
            next: assignment.next.as_ref().map(SlotView::of),
            previous: assignment.previous.iter().map(SlotView::of).collect(),
            highest_generation: assignment.highest_generation,
        }
    }
}

impl SlotView {
    fn of(slot: &pb::Slot) -> Self {
        Self {
            generation: slot.generation,
            thumbprint: thumbprint(&slot.thumbprint),
            fingerprint: digits(&slot.fingerprint),
            effective: time(slot.effective.as_ref()),
            not_after: time(slot.not_after.as_ref()),
        }
    }

    fn words(&self, look: &Look) -> String {
        let thumbprint = self.thumbprint.as_deref().unwrap_or("-");
        let shown = if look.wide { thumbprint } else { short(thumbprint) };
        format!("{shown}, generation {}", self.generation)
    }
}

impl View for AssignmentsView {
    const SCHEMA: &'static str = "rolecall/assignments/v1";

    fn human(&self, look: &Look) -> String {
        let mut table = Table::new(["ROLE", "CURRENT", "NEXT", "PREVIOUS"], look);
        for assignment in &self.assignments {
            let slot = |slot: &Option<SlotView>| {
                slot.as_ref().map_or_else(|| "-".to_owned(), |slot| slot.words(look))
            };
            let next = match assignment.next.as_ref().and_then(|next| next.effective.as_deref()) {
                Some(effective) => format!("{} from {effective}", slot(&assignment.next)),
                None => slot(&assignment.next),
            };
            table.row([
                plain(&assignment.role),
                plain(slot(&assignment.current)),
                plain(next),
                plain(assignment.previous.len().to_string()),
            ]);
        }
        let mut text = match self.unchanged_roles.is_empty() {
            false if self.assignments.is_empty() => String::new(),
            _ => table.render("Nothing changes."),
        };
        if !self.unchanged_roles.is_empty() {
            let roles = clean(&self.unchanged_roles.join(", "));
            text.push_str(&format!("Unchanged: {roles}.\n"));
        }
        if self.what_if {
            text.push_str(super::NOT_DONE);
        }
        text + &paragraphs(&self.findings, "", look)
    }
}
