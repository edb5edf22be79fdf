//! Plans: what an order would ask for, and why.

use std::time::Duration;

use rolecall::api::pb;
use serde::Serialize;

use super::enrollment::EnrollmentView;
use super::finding::{FindingView, paragraphs};
use super::order::yes_no;
use super::table::{Facts, Table, paragraph, plain};
use super::text::{clean, length, some};
use super::{Look, View};

/// What an order would ask for, and why.
#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    enrollment: Option<EnrollmentView>,
    subject: Option<String>,
    names: Vec<NameView>,
    missing_names: Vec<String>,
    extra_names: Vec<String>,
    client_eku: bool,
    exportable_forced: Option<String>,
    friendly_name: Option<String>,
    lifetime_seconds: u64,
    approval_required: bool,
    findings: Vec<FindingView>,
    notes: Vec<String>,
    regrouped: Vec<String>,
    /// Orders for one of these roles that have not settled.
    open_order_ids: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct NameView {
    name: String,
    why: Option<String>,
}

impl PlanView {
    pub(crate) fn of(plan: &pb::Plan, open_order_ids: &[u64]) -> Self {
        Self {
            enrollment: plan.enrollment.as_ref().map(EnrollmentView::of),
            subject: subject(plan.subject.as_ref()),
            names: plan
                .names
                .iter()
                .map(|name| NameView { name: name.name.clone(), why: some(&name.why) })
                .collect(),
            missing_names: plan.missing_names.clone(),
            extra_names: plan.extra_names.clone(),
            client_eku: plan.client_eku,
            exportable_forced: some(&plan.exportable_forced),
            friendly_name: some(&plan.friendly_name),
            lifetime_seconds: plan.lifetime_seconds,
            approval_required: plan.approval_required,
            findings: FindingView::all(&plan.findings),
            notes: plan.notes.clone(),
            regrouped: plan.regrouped.clone(),
            open_order_ids: open_order_ids.to_vec(),
        }
    }

    /// Returns whether an order of this plan would be refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.findings.iter().any(FindingView::refuses)
    }

    fn facts(&self) -> String {
        let mut facts = Facts::new();
        if let Some(enrollment) = &self.enrollment {
            facts
                .add("Roles", Some(&enrollment.roles.join(", ")))
                .add("Enrollment", Some(&enrollment.name))
                .add("Issuer", enrollment.issuer.as_deref())
                .add("Template", enrollment.template.as_deref())
                .add("Key", enrollment.key_algorithm.as_deref())
                .add("Digest", enrollment.digest.as_deref())
                .add("Exportable", Some(&self.exportable(enrollment.exportable)));
        }
        let lifetime = length(Duration::from_secs(self.lifetime_seconds));
        let approval = self.approval_required.then_some("needed before it is issued");
        facts
            .add("Client EKU", Some(yes_no(self.client_eku)))
            .add("Lifetime", (self.lifetime_seconds != 0).then_some(lifetime.as_str()))
            .add("Approval", approval)
            .add("Friendly name", self.friendly_name.as_deref())
            .add("Subject", self.subject.as_deref());
        facts.render()
    }

    fn exportable(&self, exportable: bool) -> String {
        match (&self.exportable_forced, exportable) {
            (Some(why), _) => format!("yes: {why}"),
            (None, flag) => yes_no(flag).to_owned(),
        }
    }

    fn changes(&self) -> String {
        let mut text = String::new();
        let mut add = |what: &str, values: &[String]| {
            if !values.is_empty() {
                text.push_str(&format!("{what}: {}\n", clean(&values.join(", "))));
            }
        };
        add("Names the current certificate lacks", &self.missing_names);
        add("Names of the current certificate without a reason", &self.extra_names);
        add("Enrollments that this one takes roles from", &self.regrouped);
        let open: Vec<String> = self.open_order_ids.iter().map(u64::to_string).collect();
        add("Open orders for these roles", &open);
        text
    }
}

impl View for PlanView {
    const SCHEMA: &'static str = "rolecall/plan/v1";

    fn human(&self, look: &Look) -> String {
        let mut names = Table::new(["NAME", "WHY"], look);
        for NameView { name, why } in &self.names {
            names.row([plain(name), plain(why.as_deref().unwrap_or_default())]);
        }
        let notes: String =
            self.notes.iter().map(|note| paragraph(&format!("note: {note}"), "", look)).collect();
        self.facts()
            + &names.render("No names.")
            + &self.changes()
            + &notes
            + &paragraphs(&self.findings, "", look)
    }
}

/// What `apply` would do.
#[derive(Debug, Serialize)]
pub(crate) struct ApplyView {
    server: Option<String>,
    steps: Vec<StepView>,
}

#[derive(Debug, Serialize)]
struct StepView {
    roles: Vec<String>,
    why: Option<String>,
    open_order_id: Option<u64>,
    plan: Option<PlanView>,
}

impl ApplyView {
    pub(crate) fn of(apply: &pb::PlanApplyResponse) -> Self {
        Self { server: some(&apply.server), steps: apply.steps.iter().map(StepView::of).collect() }
    }
}

impl StepView {
    fn of(step: &pb::ApplyStep) -> Self {
        Self {
            roles: step.spec.as_ref().map(|spec| spec.roles.clone()).unwrap_or_default(),
            why: some(&step.why),
            open_order_id: (step.open_order_id != 0).then_some(step.open_order_id),
            plan: step.plan.as_ref().map(|plan| PlanView::of(plan, &[])),
        }
    }
}

/// Returns what a step of `apply` is for, on one line.
pub(crate) fn step_line(step: &pb::ApplyStep) -> String {
    let roles = step.spec.as_ref().map(|spec| spec.roles.join(", ")).unwrap_or_default();
    let why = if step.why.is_empty() { String::new() } else { format!(": {}", step.why) };
    let order = match step.open_order_id {
        0 => String::new(),
        order => format!(" (order {order} is open and will do it)"),
    };
    clean(&format!("{roles}{why}{order}"))
}

impl View for ApplyView {
    const SCHEMA: &'static str = "rolecall/apply/v1";

    fn human(&self, look: &Look) -> String {
        if self.steps.is_empty() {
            return NOTHING_TO_DO.to_owned();
        }
        let mut text = String::new();
        for (index, step) in self.steps.iter().enumerate() {
            let roles = step.roles.join(", ");
            let why = step.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            text.push_str(&paragraph(&format!("{}. {roles}{why}", index + 1), "", look));
            if let Some(order) = step.open_order_id {
                text.push_str(&format!("Order {order} is open and will do it.\n"));
            }
            text.push_str(&step.plan.as_ref().map(|plan| plan.human(look)).unwrap_or_default());
            text.push('\n');
        }
        text
    }
}

/// What `apply` says when every role has its certificate and no order is open.
pub(crate) const NOTHING_TO_DO: &str =
    "Nothing to do: every role has the certificate that the topology asks for.\n";

/// Returns a subject in the order of RFC 4514's examples.
pub(crate) fn subject(subject: Option<&pb::Subject>) -> Option<String> {
    let subject = subject?;
    let name = some(&subject.common_name).map(|name| format!("CN={name}"));
    let rest = subject.attributes.as_ref().and_then(attributes);
    match (name, rest) {
        (Some(name), Some(rest)) => Some(format!("{name}, {rest}")),
        (name, rest) => name.or(rest),
    }
}

/// Returns the attributes of a subject beside its common name.
pub(crate) fn attributes(attributes: &pb::SubjectAttributes) -> Option<String> {
    let parts: Vec<String> = [
        ("OU", &attributes.organizational_unit),
        ("O", &attributes.organization),
        ("L", &attributes.locality),
        ("ST", &attributes.state),
        ("C", &attributes.country),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| format!("{key}={value}"))
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
