//! Plans orders with what this agent knows: its topology, its store, its issuers.

use std::collections::BTreeMap;

use rolecall::access::Grant;
use rolecall::api::status::{Failure, Violation};
use rolecall::assignment::Assignment;
use rolecall::enrollment::Enrollment;
use rolecall::inventory::StoredCertificate;
use rolecall::naming::{NamingOptions, names};
use rolecall::plan::{
    ApplyStep, CurrentCertificate, FriendlyNames, IssuerFacts, Plan, PlanInput, Refusal, Refusals,
    RoleStatus, apply_steps, plan,
};
use rolecall::reason::Reason;
use rolecall::request::{IssuerName, RequestSpec};
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::topology::{Issuer, IssuerKind, RoleNeed, Topology};

use crate::agent::Agent;

impl Agent {
    /// Plans a request of somebody with `grant`.
    ///
    /// # Errors
    /// Every reason why it cannot be planned, as one failure with the fields named.
    pub fn plan(&self, spec: &RequestSpec, grant: Grant, now: Timestamp) -> Result<Plan, Failure> {
        self.plan_among(&self.store, spec, grant, now)
    }

    /// Plans as [`Self::plan`] does, with other names taken than the store's.
    pub(crate) fn plan_among(
        &self,
        friendly_names: &dyn FriendlyNames,
        spec: &RequestSpec,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Plan, Failure> {
        let loaded = self.topology();
        let enrollments = self.enrollments()?;
        let current = self.current_certificates(&loaded.topology, &spec.roles)?;
        let issuers = self.issuer_facts(&loaded.topology);
        let approved: Vec<_> =
            current.iter().flat_map(|certificate| certificate.names.iter().cloned()).collect();
        let input = PlanInput {
            topology: &loaded.topology,
            server: &self.server,
            spec,
            issuers: &issuers,
            enrollments: &enrollments,
            current: &current,
            friendly_names,
            fresh_number: self.store.read(|view| view.next_order_id())?.get(),
            may_add_names: grant == Grant::Administrator,
            approved_names: &approved,
            now,
        };
        plan(input).map_err(|refusals| refused(&refusals))
    }

    /// Returns the requests that would give every role its certificate.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn apply_steps(&self, now: Timestamp) -> Result<Vec<ApplyStep>, Failure> {
        let loaded = self.topology();
        let enrollments = self.enrollments()?;
        let mut status = BTreeMap::new();
        for need in &loaded.needs {
            status.insert(need.role.clone(), self.role_status(need, &enrollments, now)?);
        }
        Ok(apply_steps(&loaded.topology, &self.server, &enrollments, &status))
    }

    /// Returns the enrollments of this server.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn enrollments(&self) -> Result<Vec<Enrollment>, Failure> {
        self.store.read(|view| view.enrollments())
    }

    fn role_status(
        &self,
        need: &RoleNeed,
        enrollments: &[Enrollment],
        now: Timestamp,
    ) -> Result<RoleStatus, Failure> {
        let assignment = self.store.read(|view| view.assignment(&need.role, &need.instance))?;
        let open = self.store.read(|view| view.open_orders())?;
        if let Some(order) = open.iter().rev().find(|order| order.roles.contains(&need.role)) {
            return Ok(RoleStatus::UnderWay { order: order.id, stands: order.state.standing() });
        }
        let Some(stored) = self.current_of(&assignment)? else { return Ok(RoleStatus::Missing) };
        if stored.certificate.not_after() < now {
            return Ok(RoleStatus::Differs { why: "it has expired".into() });
        }
        let enrollment = enrollments.iter().find(|one| one.roles.contains(&need.role));
        if enrollment.is_none() {
            return Ok(RoleStatus::Differs { why: "no enrollment renews it".into() });
        }
        let schedule = self.schedule(&stored, enrollment)?;
        if schedule.is_due(now) {
            return Ok(RoleStatus::Differs {
                why: format!("its renewal is due since {}", schedule.due),
            });
        }
        let expected = self.expected_names(need, enrollments);
        let missing: Vec<String> = expected
            .iter()
            .filter(|name| !stored.certificate.dns_names().iter().any(|held| held.matches(name)))
            .map(ToString::to_string)
            .collect();
        Ok(if missing.is_empty() {
            RoleStatus::Satisfied
        } else {
            RoleStatus::Differs { why: format!("it lacks {}", missing.join(", ")) }
        })
    }

    /// Returns the names that the certificate of a role must have.
    pub fn expected_names(
        &self,
        need: &RoleNeed,
        enrollments: &[Enrollment],
    ) -> Vec<rolecall::name::DnsName> {
        let loaded = self.topology();
        let Some(place) = loaded.topology.place(&self.server) else { return Vec::new() };
        let enrollment = enrollments.iter().find(|one| one.roles.contains(&need.role));
        let issuer = enrollment.map_or(&need.issuer, |one| &one.issuer);
        let mut options = NamingOptions {
            public_issuer: loaded.topology.issuer(issuer).is_some_and(Issuer::is_public),
            ..NamingOptions::default()
        };
        if let Some(enrollment) = enrollment {
            options.sip_domains = &enrollment.sip_domains;
            options.added_names = &enrollment.added_names;
        }
        names(&loaded.topology, place, std::slice::from_ref(&need.role), options).dns_names()
    }

    /// Returns the certificate that an assignment's role uses now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn current_of(
        &self,
        assignment: &Assignment,
    ) -> Result<Option<StoredCertificate>, Failure> {
        match assignment.current {
            Some(slot) => self.store.read(|view| view.certificate(slot.fingerprint)),
            None => Ok(None),
        }
    }

    fn current_certificates(
        &self,
        topology: &Topology,
        roles: &[Role],
    ) -> Result<Vec<CurrentCertificate>, Failure> {
        let mut current: Vec<CurrentCertificate> = Vec::new();
        let Some(place) = topology.place(&self.server) else { return Ok(current) };
        for role in roles {
            let instance = topology.instance(place, role);
            let assignment = self.store.read(|view| view.assignment(role, &instance))?;
            let Some(stored) = self.current_of(&assignment)? else { continue };
            let thumbprint = stored.certificate.thumbprint().to_string();
            match current.iter_mut().find(|known| known.thumbprint == thumbprint) {
                Some(known) => known.roles.push(role.clone()),
                None => current.push(CurrentCertificate {
                    roles: vec![role.clone()],
                    thumbprint,
                    names: stored.certificate.dns_names().to_vec(),
                }),
            }
        }
        Ok(current)
    }

    /// Returns what the issuers of the topology are known to give.
    pub fn issuer_facts(&self, topology: &Topology) -> BTreeMap<IssuerName, IssuerFacts> {
        topology
            .issuers()
            .iter()
            .map(|issuer| {
                let mut facts = IssuerFacts::of(issuer);
                if let IssuerKind::Embedded { .. } = issuer.kind() {
                    // A CA that is yet to be established will have the topology's constraints.
                    facts.permitted = match self.ca.get() {
                        Some(ca) => permitted(&ca),
                        None => Some(topology.name_constraints()),
                    };
                }
                (issuer.name().clone(), facts)
            })
            .collect()
    }
}

/// The domains that the CA's certificate permits, as far as it has constraints.
fn permitted(ca: &crate::ca::OpenCa) -> Option<Vec<rolecall::name::Fqdn>> {
    let constraints = ca.certificates.first()?.name_constraints()?;
    Some(constraints.permitted.iter().filter_map(|domain| domain.parse().ok()).collect())
}

/// Returns refusals as one failure, every field named.
fn refused(refusals: &Refusals) -> Failure {
    let first = refusals.iter().next();
    let reason = first.map_or(Reason::PlanRefused, reason);
    let mut failure = Failure::new(reason, refusals.to_string())
        .with_remedy(first.map(Refusal::remedy).unwrap_or_default());
    failure.violations = refusals
        .iter()
        .map(|refusal| Violation::new(format!("spec.{}", refusal.field()), refusal))
        .collect();
    failure
}

fn reason(refusal: &Refusal) -> Reason {
    if let Refusal::ServerUnknown { .. } = refusal {
        Reason::ServerUnknown
    } else if let Refusal::RoleUnknown { .. } = refusal {
        Reason::RoleUnknown
    } else if let Refusal::RoleNotNeeded { .. } = refusal {
        Reason::RoleNotNeeded
    } else if let Refusal::IssuerUnknown { .. } = refusal {
        Reason::IssuerUnknown
    } else if let Refusal::TemplateUnknown { .. } | Refusal::TemplateDisplayName { .. } = refusal {
        Reason::TemplateUnknown
    } else {
        Reason::PlanRefused
    }
}
