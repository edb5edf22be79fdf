//! What is missing or differs, as requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::enrollment::Enrollment;
use crate::name::Fqdn;
use crate::order::OrderId;
use crate::request::{Goal, RequestSpec};
use crate::role::Role;
use crate::topology::{RoleNeed, Topology};

/// How the certificate of a role stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RoleStatus {
    /// It has the certificate it should have.
    Satisfied,
    /// An order for it is open, and will do what is needed.
    UnderWay {
        /// The order.
        order: OrderId,
        /// How that order stands, in half a sentence.
        stands: String,
    },
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
    /// The order that is open already and will do it: nothing is to be placed.
    pub open_order: Option<OrderId>,
}

/// Returns the requests that are needed so that `server` has what it should have, in catalogue
/// order.
///
/// A role that an enrollment speaks for is asked for as that enrollment says, with the roles it
/// shares the certificate with; the others are grouped as the topology computes. A role without a
/// status has no certificate. Roles under way come back with their order, which places nothing; when
/// every role is satisfied nothing is returned. So applying twice changes nothing, and nobody is told
/// that all is well while an order waits.
pub fn apply_steps(
    topology: &Topology,
    server: &Fqdn,
    enrollments: &[Enrollment],
    status: &BTreeMap<Role, RoleStatus>,
) -> Vec<ApplyStep> {
    let needs = topology.roles_needed(server);
    let mut steps = under_way(&needs, status);
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

/// Returns a step for each open order, with the roles it is for.
fn under_way(needs: &[RoleNeed], status: &BTreeMap<Role, RoleStatus>) -> Vec<ApplyStep> {
    let mut orders: BTreeMap<OrderId, Vec<(Role, String)>> = BTreeMap::new();
    for need in needs {
        if let Some(RoleStatus::UnderWay { order, stands }) = status.get(&need.role) {
            orders.entry(*order).or_default().push((need.role.clone(), stands.clone()));
        }
    }
    orders
        .into_iter()
        .map(|(order, why)| ApplyStep {
            spec: RequestSpec::for_roles(why.iter().map(|(role, _)| role.clone())),
            why,
            open_order: Some(order),
        })
        .collect()
}

/// Returns the step, unless nothing is open or an order for one of the roles is under way: the roles
/// that order leaves over are asked for when it has ended.
fn step(
    spec: RequestSpec,
    needs: &[&RoleNeed],
    status: &BTreeMap<Role, RoleStatus>,
) -> Option<ApplyStep> {
    let why: Vec<_> =
        needs.iter().filter_map(|need| Some((need.role.clone(), state(need, status)?))).collect();
    let is_under_way =
        |need: &&RoleNeed| matches!(status.get(&need.role), Some(RoleStatus::UnderWay { .. }));
    if why.is_empty() || needs.iter().any(is_under_way) {
        return None;
    }
    Some(ApplyStep { spec, why, open_order: None })
}

/// Returns what is open about a role.
fn state(need: &RoleNeed, status: &BTreeMap<Role, RoleStatus>) -> Option<String> {
    match status.get(&need.role) {
        Some(RoleStatus::Satisfied | RoleStatus::UnderWay { .. }) => None,
        Some(RoleStatus::Differs { why }) => Some(why.clone()),
        Some(RoleStatus::Missing) | None => Some(format!("no certificate, and {}", need.why)),
    }
}
