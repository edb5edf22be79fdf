//! What is missing or differs, as requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::enrollment::Enrollment;
use crate::name::Fqdn;
use crate::request::{Goal, RequestSpec};
use crate::role::Role;
use crate::topology::{RoleNeed, Topology};

/// How the certificate of a role stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RoleStatus {
    /// It has the certificate it should have.
    Satisfied,
    /// An order for it is open, and will do what is needed.
    UnderWay,
    /// It has none.
    Missing,
    /// It has one that differs from the wish.
    Differs {
        /// How, in half a sentence.
        why: String,
    },
}

/// One request that brings a server nearer to what the topology wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplyStep {
    /// The request.
    pub spec: RequestSpec,
    /// The roles it is for, each with the reason.
    pub why: Vec<(Role, String)>,
}

/// Returns the requests that are needed so that `server` has what it should have, in catalogue
/// order.
///
/// A role that an enrollment speaks for is asked for as that enrollment says, with the roles it
/// shares the certificate with; the others are grouped as the topology computes. A role without a
/// status has no certificate. When every role is satisfied or under way nothing is returned, so
/// that applying twice changes nothing.
pub fn apply_steps(
    topology: &Topology,
    server: &Fqdn,
    enrollments: &[Enrollment],
    status: &BTreeMap<Role, RoleStatus>,
) -> Vec<ApplyStep> {
    let needs = topology.roles_needed(server);
    let mut steps = Vec::new();
    let mut enrolled = BTreeSet::new();
    for enrollment in enrollments {
        let speaks_for: Vec<_> = needs
            .iter()
            .filter(|need| enrollment.roles.contains(&need.role))
            .filter(|need| is_about(topology, enrollment, need))
            .collect();
        enrolled.extend(speaks_for.iter().map(|need| need.role.clone()));
        let mut spec = enrollment.renewal(Goal::Assign);
        spec.roles = speaks_for.iter().map(|need| need.role.clone()).collect();
        steps.extend(step(spec, &speaks_for, status));
    }
    let groups = needs.iter().map(|need| need.group).max().map_or(0, |last| last.saturating_add(1));
    for group in 0..groups {
        let open: Vec<_> = needs
            .iter()
            .filter(|need| need.group == group && !enrolled.contains(&need.role))
            .filter(|need| state(need, status).is_some())
            .collect();
        let spec = RequestSpec::for_roles(open.iter().map(|need| need.role.clone()));
        steps.extend(step(spec, &open, status));
    }
    steps.sort_by(|a, b| a.spec.roles.cmp(&b.spec.roles));
    steps
}

/// Returns whether the certificate of `enrollment` is the one that `need` is about.
///
/// It is not when the topology has made the role shared, or single again, since.
fn is_about(topology: &Topology, enrollment: &Enrollment, need: &RoleNeed) -> bool {
    enrollment.instance == need.instance
        || topology.members(&need.role, &enrollment.instance)
            == topology.members(&need.role, &need.instance)
}

/// Returns the step, unless nothing is open or an order for one of the roles is under way.
fn step(
    spec: RequestSpec,
    needs: &[&RoleNeed],
    status: &BTreeMap<Role, RoleStatus>,
) -> Option<ApplyStep> {
    let why: Vec<_> =
        needs.iter().filter_map(|need| Some((need.role.clone(), state(need, status)?))).collect();
    let under_way = needs.iter().any(|need| status.get(&need.role) == Some(&RoleStatus::UnderWay));
    if why.is_empty() || under_way { None } else { Some(ApplyStep { spec, why }) }
}

/// Returns what is open about a role.
fn state(need: &RoleNeed, status: &BTreeMap<Role, RoleStatus>) -> Option<String> {
    match status.get(&need.role) {
        Some(RoleStatus::Satisfied | RoleStatus::UnderWay) => None,
        Some(RoleStatus::Differs { why }) => Some(why.clone()),
        Some(RoleStatus::Missing) | None => Some(format!("no certificate, and {}", need.why)),
    }
}
