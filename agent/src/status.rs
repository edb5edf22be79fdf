//! How every role stands, and everything that is wrong.
//!
//! Both are computed when asked for, from applied state: nothing here is stored, so nothing here can
//! be stale.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::api::convert::timestamp;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::assignment::Assignment;
use rolecall::certificate::Certificate;
use rolecall::enrollment::Enrollment;
use rolecall::finding::{Acceptance, Finding, FindingCode, FindingSubject};
use rolecall::inventory::StoredCertificate;
use rolecall::order::{Order, OrderId, State};
use rolecall::renewal::{Courier, RenewalPolicy, Schedule, Spread};
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::topology::{IssuerKind, RoleNeed};

use crate::agent::{Agent, LoadedTopology};
use crate::store::engine::KeyAudit;
use crate::store::error::ReadOnly;
use crate::store::view::View;

/// A finding, what it is about, and whether somebody has accepted it.
#[derive(Clone, Debug)]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// The role; absent: the agent itself.
    pub role: Option<Role>,
    /// The certificate, if it is about one.
    pub certificate: Option<Certificate>,
    /// Who tolerates it, and until when.
    pub accepted: Option<Acceptance>,
}

impl Agent {
    /// Returns how the roles of this server stand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, now: Timestamp) -> Result<pb::ServerStatus, Failure> {
        let loaded = self.topology();
        let known = self.known()?;
        let acceptances = self.store.read(|view| view.acceptances())?;
        let mut roles = Vec::new();
        for need in &loaded.needs {
            let role = self.role(need, &known, now)?;
            roles.push(role.into_message(&acceptances, now));
        }
        let pool = loaded.topology.pool_of(&self.server);
        Ok(pb::ServerStatus {
            server: self.server.to_string(),
            pool: pool.map(|pool| pool.name().to_string()).unwrap_or_default(),
            pool_kind: pool.map(|pool| pool.kind().to_string()).unwrap_or_default(),
            as_of: Some(timestamp(now)),
            roles,
            findings: self
                .own_findings()
                .into_iter()
                .map(|finding| message(&located(finding, None, None, &acceptances, now)))
                .collect(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Returns everything that is wrong, the accepted included.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn findings(&self, now: Timestamp) -> Result<Vec<Located>, Failure> {
        let loaded = self.topology();
        let known = self.known()?;
        let acceptances = self.store.read(|view| view.acceptances())?;
        let mut found: Vec<Located> = self
            .own_findings()
            .into_iter()
            .map(|finding| located(finding, None, None, &acceptances, now))
            .collect();
        for need in &loaded.needs {
            let standing = self.role(need, &known, now)?;
            let certificate = standing.stored.as_ref().map(|stored| &stored.certificate);
            found.extend(standing.findings.iter().map(|finding| {
                located(finding.clone(), Some(&need.role), certificate, &acceptances, now)
            }));
        }
        Ok(found)
    }

    /// What concerns no single role.
    fn own_findings(&self) -> Vec<Finding> {
        let mut findings = self.recovered.clone();
        findings.extend(self.ca.findings());
        if let Some(why) = self.store.engine().read_only() {
            let verify = "rolecall-agent store verify";
            if let ReadOnly::JournalShortened { .. } = why {
                let lost = FindingCode::JournalShortened;
                findings.push(Finding::new(lost, why.to_string(), verify));
            }
            findings.push(Finding::new(FindingCode::StoreReadOnly, why.to_string(), verify));
        }
        findings.extend(unsupported(&self.topology()));
        if self.store.engine().is_full() {
            findings.push(Finding::new(
                FindingCode::DiskFull,
                "the disk of the state directory is full: only cancelling and cleaning up are recorded",
                crate::store::view::make_room(),
            ));
        }
        findings.extend(self.topology_problem());
        findings.extend(self.store.engine().key_audit().into_iter().flat_map(audited));
        findings
    }

    /// Returns what all roles are looked at with.
    fn known(&self) -> Result<Known, Failure> {
        let loaded = self.topology();
        self.store.read(|view| {
            Ok(Known {
                enrollments: view.enrollments()?,
                open: view.open_orders()?,
                last: last_orders(view, &loaded.needs)?,
            })
        })
    }

    fn role(&self, need: &RoleNeed, known: &Known, now: Timestamp) -> Result<Standing, Failure> {
        let assignment = self.store.read(|view| view.assignment(&need.role, &need.instance))?;
        let stored = self.current_of(&assignment)?;
        let enrollment = known.enrollments.iter().find(|one| one.roles.contains(&need.role));
        let open = known.open.iter().rev().find(|order| order.roles.contains(&need.role));
        let last = known.last.get(&need.role).filter(|order| was_in_vain(order, &assignment));
        let order = open.or(last).cloned();
        let mut standing = Standing {
            role: need.role.clone(),
            assignment,
            stored: None,
            order,
            schedule: None,
            findings: Vec::new(),
            is_expired: false,
        };
        if let Some(stored) = stored {
            let schedule = self.schedule(&stored, enrollment)?;
            standing.findings =
                self.verify_stored(&stored, std::slice::from_ref(&need.role), now)?.findings;
            if enrollment.is_none() && open.is_none() {
                standing.findings.push(Finding::new(
                    FindingCode::Unenrolled,
                    "no enrollment renews it",
                    "rolecallctl apply  # for one that has an enrollment",
                ));
            }
            standing.findings.extend(schedule.findings(&renew(&need.role, enrollment), now));
            standing.is_expired = stored.certificate.not_after() < now;
            standing.schedule = Some(schedule);
            standing.stored = Some(stored);
        }
        standing.explain_order();
        Ok(standing)
    }

    /// Returns when a stored certificate is renewed.
    pub(crate) fn schedule(
        &self,
        stored: &StoredCertificate,
        enrollment: Option<&Enrollment>,
    ) -> Result<Schedule, Failure> {
        let policy = RenewalPolicy {
            courier: Courier::Online,
            renew_before: enrollment.and_then(|enrollment| enrollment.renew_before),
        };
        let issuers = self.issuers_of(stored)?;
        Ok(policy.schedule(
            stored.certificate.validity(),
            issuers.iter().map(Certificate::validity),
            None,
            Spread::from_fingerprint(&stored.certificate.fingerprint()),
        ))
    }
}

/// What all roles are looked at with.
struct Known {
    enrollments: Vec<Enrollment>,
    /// The orders that have not settled.
    open: Vec<Order>,
    /// The last order of each role, from among the newest.
    last: BTreeMap<Role, Order>,
}

/// Returns the last order of each role, as far as it is one of the newest.
fn last_orders(view: View<'_>, needs: &[RoleNeed]) -> Result<BTreeMap<Role, Order>, Failure> {
    let mut last: BTreeMap<Role, Order> = BTreeMap::new();
    let numbers = (1..view.next_order_id()?.get()).rev().take(NEWEST);
    for id in numbers.filter_map(OrderId::new) {
        if needs.iter().all(|need| last.contains_key(&need.role)) {
            break;
        }
        let Some(order) = view.order(id)? else { continue };
        for role in &order.roles {
            last.entry(role.clone()).or_insert_with(|| order.clone());
        }
    }
    Ok(last)
}

/// Returns whether an order ended without a certificate, and nothing was assigned since.
fn was_in_vain(order: &Order, assignment: &Assignment) -> bool {
    matches!(order.state, State::Denied { .. } | State::Refused { .. })
        && assignment.next.is_none()
        && assignment.current.is_none_or(|slot| slot.effective < order.updated_at)
}

/// Returns which issuers this server's roles have that this version cannot use.
fn unsupported(loaded: &LoadedTopology) -> Vec<Finding> {
    let wanted: BTreeSet<_> = loaded.needs.iter().map(|need| &need.issuer).collect();
    wanted
        .into_iter()
        .filter_map(|name| loaded.topology.issuer(name))
        .filter(|issuer| !matches!(issuer.kind(), IssuerKind::Embedded { .. }))
        .map(|issuer| {
            let roles = loaded.needs.iter().filter(|need| need.issuer == *issuer.name());
            let roles: Vec<&str> = roles.map(|need| need.role.as_str()).collect();
            let evidence = format!(
                "issuer {} of {} is of the kind `{}`",
                issuer.name(),
                roles.join(", "),
                issuer.kind().as_str()
            );
            let remedy = "rolecallctl issuer list  # name one of the kind embedded with --issuer";
            Finding::new(FindingCode::IssuerUnsupported, evidence, remedy)
        })
        .collect()
}

/// Returns what the start found about keys.
fn audited(audit: &KeyAudit) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !audit.unreferenced.is_empty() {
        findings.push(Finding::new(
            FindingCode::KeysUnreferenced,
            format!("{} keys that nothing refers to were set aside", audit.unreferenced.len()),
            "look into keys/unreferenced in the state directory",
        ));
    }
    if let Some(first) = audit.missing.first() {
        findings.push(Finding::new(
            FindingCode::KeyUnreadable,
            format!("{} keys that are needed are not there, such as {first}", audit.missing.len()),
            "rolecall-agent store verify",
        ));
    }
    findings
}

/// How one role stands.
struct Standing {
    role: Role,
    assignment: Assignment,
    stored: Option<StoredCertificate>,
    /// The open order, or the last one if it ended in vain.
    order: Option<Order>,
    schedule: Option<Schedule>,
    findings: Vec<Finding>,
    is_expired: bool,
}

impl Standing {
    fn state(&self) -> &'static str {
        match (&self.assignment.current, &self.order) {
            (Some(_), _) if self.is_expired => "expired",
            (Some(_), _) => "assigned",
            (None, Some(order)) => match order.state {
                State::Failed { .. } | State::Refused { .. } | State::Denied { .. } => "failed",
                State::Installed { .. } | State::Submitted { .. } | State::AwaitingResponse => {
                    "waiting"
                }
                State::KeyReady
                | State::Submitting { .. }
                | State::Issued { .. }
                | State::Done { .. }
                | State::Cancelled { .. } => "ordered",
            },
            (None, None) if self.assignment.next.is_some() => "waiting",
            (None, None) => "missing",
        }
    }

    /// Says why there is no certificate, or what the open order waits for.
    fn explain_order(&mut self) {
        let Some(order) = &self.order else {
            if self.assignment.current.is_none() && self.assignment.next.is_none() {
                self.findings.push(Finding::new(
                    FindingCode::RoleMissing,
                    format!("{} has no certificate", self.role),
                    "rolecallctl apply",
                ));
            }
            return;
        };
        let show = format!("rolecallctl order show {}", order.id);
        match &order.state {
            State::Failed { error, attempt, failing_since, .. } => {
                self.findings.push(Finding::new(
                    FindingCode::OrderFailed,
                    format!(
                        "order {} fails since {failing_since} ({attempt} attempts): {error}",
                        order.id
                    ),
                    format!("rolecallctl order retrieve {}", order.id),
                ));
            }
            State::Submitted { ca_request_id, waiting_for, .. } => {
                self.findings.push(Finding::new(
                    FindingCode::OrderPendingApproval,
                    format!("order {} waits for {waiting_for}", order.id),
                    format!("rolecallctl issuer approve {ca_request_id}"),
                ));
            }
            State::Installed { waiting_for, .. } => {
                let codes: Vec<&str> =
                    waiting_for.iter().map(|finding| finding.code.as_str()).collect();
                self.findings.push(Finding::new(
                    FindingCode::AssignmentWaiting,
                    format!("order {} is installed and waits for: {}", order.id, codes.join(", ")),
                    show,
                ));
                self.findings.extend(waiting_for.iter().cloned());
            }
            State::Denied { .. } | State::Refused { .. } => {
                self.findings.push(in_vain(order, self.assignment.current.is_some()));
            }
            State::KeyReady
            | State::Submitting { .. }
            | State::AwaitingResponse
            | State::Issued { .. }
            | State::Done { .. }
            | State::Cancelled { .. } => {}
        }
    }

    fn into_message(self, acceptances: &[Acceptance], now: Timestamp) -> pb::RoleStatus {
        let certificate = self.stored.as_ref().map(|stored| stored.certificate.clone());
        let slot = self.assignment.current.or(self.assignment.next);
        let slot_name = match (self.assignment.current, self.assignment.next) {
            (Some(_), _) => "current",
            (None, Some(_)) => "next",
            (None, None) => "",
        };
        let findings = self
            .findings
            .iter()
            .map(|finding| {
                let role = Some(&self.role);
                message(&located(finding.clone(), role, certificate.as_ref(), acceptances, now))
            })
            .collect();
        pb::RoleStatus {
            role: self.role.to_string(),
            state: self.state().to_owned(),
            slot: slot_name.to_owned(),
            generation: slot.map_or(0, |slot| slot.generation.get()),
            thumbprint: slot.map(|slot| slot.thumbprint.as_bytes().to_vec()).unwrap_or_default(),
            fingerprint: slot.map(|slot| slot.fingerprint.as_bytes().to_vec()).unwrap_or_default(),
            not_before: certificate.as_ref().map(|one| timestamp(one.not_before())),
            not_after: certificate.as_ref().map(|one| timestamp(one.not_after())),
            renewal_due: self.schedule.map(|schedule| timestamp(schedule.due)),
            next_effective: self.assignment.next.map(|slot| timestamp(slot.effective)),
            issuer: self
                .stored
                .as_ref()
                .and_then(|stored| stored.issuer.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
            issuer_dn: certificate.as_ref().map(|one| one.issuer().to_string()).unwrap_or_default(),
            findings,
            open_order_id: self
                .order
                .as_ref()
                .filter(|order| !order.state.is_settled())
                .map_or(0, |order| order.id.get()),
        }
    }
}

/// Returns the finding about an order that was denied or refused, for a role that has a certificate
/// or not.
fn in_vain(order: &Order, has_certificate: bool) -> Finding {
    let show = format!("rolecallctl order show {}", order.id);
    let evidence = format!("order {}: {}", order.id, order.state.standing());
    if let State::Refused { findings } = &order.state {
        let why: Vec<&str> = findings.iter().map(|one| one.evidence.as_str()).collect();
        let evidence = format!("{evidence}: {}", why.join("; "));
        return Finding::new(FindingCode::OrderFailed, evidence, show);
    }
    let remedy = if has_certificate {
        show
    } else {
        "rolecallctl apply  # once it is settled with whoever denied it".to_owned()
    };
    Finding::new(FindingCode::OrderDenied, evidence, remedy)
}

/// Returns the command that renews the certificate of a role: `apply` asks as the enrollment says.
fn renew(role: &Role, enrollment: Option<&Enrollment>) -> String {
    match enrollment {
        Some(_) => "rolecallctl apply".to_owned(),
        None => format!("rolecallctl request --role {role}"),
    }
}

fn located(
    finding: Finding,
    role: Option<&Role>,
    certificate: Option<&Certificate>,
    acceptances: &[Acceptance],
    now: Timestamp,
) -> Located {
    let mut subjects = vec![match role {
        Some(role) => FindingSubject::Role(role.clone()),
        None => FindingSubject::Agent,
    }];
    subjects.extend(certificate.map(|one| FindingSubject::Certificate(one.thumbprint())));
    let accepted = acceptances
        .iter()
        .find(|acceptance| acceptance.covers(finding.code, &subjects, now))
        .cloned();
    Located { finding, role: role.cloned(), certificate: certificate.cloned(), accepted }
}

/// Returns a located finding as its message.
pub(crate) fn message(located: &Located) -> pb::Finding {
    pb::Finding {
        role: located.role.as_ref().map(ToString::to_string).unwrap_or_default(),
        fingerprint: located
            .certificate
            .as_ref()
            .map(|one| one.fingerprint().as_bytes().to_vec())
            .unwrap_or_default(),
        acceptance: located.accepted.as_ref().map(Into::into),
        ..pb::Finding::from(&located.finding)
    }
}

/// Orders that are looked through for the last one of each role: a server needs a dozen roles, so what
/// is older than this has been followed by others.
const NEWEST: usize = 256;
