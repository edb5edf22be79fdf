//! The store in domain types: what rows say, and how changes are recorded.
//!
//! A [`View`] reads, from applied state or from inside a decision; a [`Record`] is one decision of
//! one actor, which adds entries. Whoever decides does so inside [`Store::change`], on the writer's
//! thread, and does nothing there but read, decide and record.

mod authority;
mod record;

pub use self::record::Record;

use std::fmt;

use prost::Message;
use rolecall::actor::{Actor, RequestId};
use rolecall::api::convert::instance_parts;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::assignment::{Assignment, Slot};
use rolecall::certificate::{Certificate, CertificateSelector, Fingerprint, Thumbprint};
use rolecall::enrollment::{Enrollment, EnrollmentName};
use rolecall::error_chain::Chain;
use rolecall::finding::Acceptance;
use rolecall::inventory::StoredCertificate;
use rolecall::order::{Order, OrderId};
use rolecall::plan::FriendlyNames;
use rolecall::reason::Reason;
use rolecall::request::FriendlyName;
use rolecall::role::Role;
use rolecall::time::Timestamp;
use rolecall::topology::ScopeInstance;

use crate::error::store_reason;

use super::engine::Engine;
use super::error::Error;
use super::journal::ROOM;
use super::projection::numbers;
use super::rows::{Rows, Scan, successor};
use super::tables::{self, Meta};

/// The store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
}

impl Store {
    /// Returns the engine in domain types.
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Returns the engine itself, for journal entries and key files.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Calls `read` with what is applied.
    pub fn read<R>(&self, read: impl FnOnce(View<'_>) -> R) -> R {
        read(View { rows: &self.engine })
    }

    /// Decides a change in the name of `actor` and records it; see [`Engine::change`].
    ///
    /// # Errors
    /// What `decide` says, or why it could not be recorded.
    pub async fn change<R: Send + 'static>(
        &self,
        cause: Cause,
        decide: impl FnOnce(&mut Record<'_, '_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let result: Result<R, Refused> = self
            .engine
            .change(move |transaction| {
                decide(&mut Record { transaction, cause: &cause }).map_err(Refused::Decision)
            })
            .await;
        result.map_err(Refused::into_failure)
    }

    /// Does what [`Self::change`] does, for threads that may block.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn change_blocking<R: Send + 'static>(
        &self,
        cause: Cause,
        decide: impl FnOnce(&mut Record<'_, '_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let result: Result<R, Refused> = self.engine.change_blocking(move |transaction| {
            decide(&mut Record { transaction, cause: &cause }).map_err(Refused::Decision)
        });
        result.map_err(Refused::into_failure)
    }
}

impl FriendlyNames for Store {
    fn is_taken(&self, name: &FriendlyName) -> bool {
        // A name that cannot be looked up counts as taken: the order is then refused with a reason,
        // and nothing is recorded under a name that may belong to something else.
        self.read(|view| view.is_friendly_name_taken(name)).unwrap_or(true)
    }
}

/// Who changes something, when, and for which request.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Who.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
    /// The attempt it belongs to; absent for what the agent does by itself.
    pub request: Option<RequestId>,
}

impl Cause {
    /// Returns the cause of what the agent does by itself.
    pub const fn agent(now: Timestamp) -> Self {
        Self { actor: Actor::Agent, now, request: None }
    }
}

enum Refused {
    Decision(Failure),
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Refused {
    fn into_failure(self) -> Failure {
        match self {
            Self::Decision(failure) => failure,
            Self::Store(error) => failure(&error),
        }
    }
}

/// Returns what a caller is told when the store fails; the log gets the whole of it.
pub fn failure(error: &Error) -> Failure {
    let reason = store_reason(error);
    if reason.is_our_fault() {
        tracing::error!(error = %Chain(error), "the store failed");
    }
    let remedy = if reason == Reason::StoreFull {
        make_room()
    } else if reason == Reason::StoreReadOnly {
        "rolecall-agent store verify".to_owned()
    } else {
        String::new()
    };
    Failure::new(reason, error.to_string()).with_remedy(remedy)
}

/// Returns how much room a full disk must have again.
pub(crate) fn make_room() -> String {
    format!(
        "free {} MiB on the file system of the state directory; the agent then goes on by itself",
        ROOM >> 20
    )
}

/// Reads rows as domain types.
#[derive(Clone, Copy)]
pub struct View<'a> {
    rows: &'a dyn Rows,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    /// Returns an order.
    pub fn order(&self, id: OrderId) -> Result<Option<Order>, Failure> {
        self.get::<pb::Order>(&tables::order(id))?.map(domain).transpose()
    }

    /// Returns the order of this number, or says that there is none.
    pub fn expect_order(&self, id: OrderId) -> Result<Order, Failure> {
        self.order(id)?.ok_or_else(|| {
            Failure::new(Reason::OrderUnknown, format!("there is no order {id}"))
                .with_remedy("rolecallctl order list")
        })
    }

    /// Returns every order, the oldest first.
    pub fn orders(&self) -> impl Iterator<Item = Result<Order, Failure>> + use<'a> {
        self.scan::<pb::Order>(&[tables::ORDERS]).map(|row| domain(row?.1))
    }

    /// Returns the orders that have not settled, the oldest first.
    pub fn open_orders(&self) -> Result<Vec<Order>, Failure> {
        let mut open = Vec::new();
        let row =
            self.rows.get(&tables::meta(Meta::OpenOrders)).map_err(|error| failure(&error))?;
        for number in numbers(&row.unwrap_or_default()) {
            let id = OrderId::new(number).ok_or_else(|| damaged("an open order"))?;
            open.push(self.expect_order(id)?);
        }
        Ok(open)
    }

    /// Returns the number of the next order.
    pub fn next_order_id(&self) -> Result<OrderId, Failure> {
        let last = self.number(Meta::LastOrder)?;
        Ok(OrderId::new(last).map_or(OrderId::FIRST, OrderId::next))
    }

    /// Returns an enrollment.
    pub fn enrollment(&self, name: &EnrollmentName) -> Result<Option<Enrollment>, Failure> {
        self.get::<pb::Enrollment>(&tables::enrollment(name))?.map(domain).transpose()
    }

    /// Returns every enrollment.
    pub fn enrollments(&self) -> Result<Vec<Enrollment>, Failure> {
        self.scan::<pb::Enrollment>(&[tables::ENROLLMENTS]).map(|row| domain(row?.1)).collect()
    }

    /// Returns a certificate.
    pub fn certificate(&self, id: Fingerprint) -> Result<Option<StoredCertificate>, Failure> {
        self.get::<pb::Certificate>(&tables::certificate(id))?.map(domain).transpose()
    }

    /// Returns the certificate that somebody names by its digits.
    pub fn find_certificate(
        &self,
        selector: &CertificateSelector,
    ) -> Result<StoredCertificate, Failure> {
        let unknown = || unknown(selector);
        let found = match (selector.fingerprint(), selector.thumbprint()) {
            (Some(fingerprint), _) => Some(fingerprint),
            (None, Some(thumbprint)) => self.fingerprint_of(thumbprint)?,
            (None, None) => self.search(selector)?,
        };
        match found {
            Some(fingerprint) => self.certificate(fingerprint)?.ok_or_else(unknown),
            None => Err(unknown()),
        }
    }

    fn fingerprint_of(&self, thumbprint: Thumbprint) -> Result<Option<Fingerprint>, Failure> {
        let row =
            self.rows.get(&tables::thumbprint(thumbprint)).map_err(|error| failure(&error))?;
        row.map(|row| fingerprint(&row)).transpose()
    }

    fn search(&self, selector: &CertificateSelector) -> Result<Option<Fingerprint>, Failure> {
        let mut found = None;
        for row in self.raw(&[tables::THUMBPRINTS]) {
            let (key, value) = row?;
            let digest = key.get(1..).and_then(|octets| octets.try_into().ok());
            let thumbprint = Thumbprint::new(digest.ok_or_else(|| damaged("a thumbprint"))?);
            let fingerprint = fingerprint(&value)?;
            if selector.matches_digests(thumbprint, fingerprint)
                && found.replace(fingerprint).is_some()
            {
                return Err(ambiguous(selector));
            }
        }
        Ok(found)
    }

    /// Returns every certificate.
    pub fn certificates(
        &self,
    ) -> impl Iterator<Item = Result<StoredCertificate, Failure>> + use<'a> {
        self.scan::<pb::Certificate>(&[tables::CERTIFICATES]).map(|row| domain(row?.1))
    }

    /// Returns the certificates that follow `after` in the order of fingerprints.
    pub fn certificates_after(
        &self,
        after: Option<Fingerprint>,
    ) -> impl Iterator<Item = Result<StoredCertificate, Failure>> + use<'a> {
        let from = match after {
            Some(after) => [tables::certificate(after), vec![0]].concat(),
            None => vec![tables::CERTIFICATES],
        };
        Scan::new(self.rows, from, successor(&[tables::CERTIFICATES])).map(|row| {
            let (_, value) = row.map_err(|error| failure(&error))?;
            domain(decode::<pb::Certificate>(&value)?)
        })
    }

    /// Returns the certificates that expire before `moment`, the earliest first.
    pub fn expiring_before(
        &self,
        moment: Timestamp,
    ) -> impl Iterator<Item = Result<Fingerprint, Failure>> + use<'a> {
        let to = tables::expiry_until(moment);
        Scan::new(self.rows, vec![tables::EXPIRY], Some(to)).map(|row| {
            let (key, _) = row.map_err(|error| failure(&error))?;
            fingerprint(key.get(9..).unwrap_or_default())
        })
    }

    /// Returns the certificate of an authority.
    pub fn issuer_certificate(&self, id: Fingerprint) -> Result<Option<Certificate>, Failure> {
        let row = self.rows.get(&tables::issuer(id)).map_err(|error| failure(&error))?;
        row.map(|der| Certificate::from_der(&der).map_err(|_malformed| damaged("an issuer")))
            .transpose()
    }

    /// Returns whether the certificate of an authority is here.
    pub fn has_issuer_certificate(&self, id: Fingerprint) -> Result<bool, Failure> {
        let row = self.rows.get(&tables::issuer(id)).map_err(|error| failure(&error))?;
        Ok(row.is_some())
    }

    /// Returns the assignment of a role; vacant if it never had a certificate.
    pub fn assignment(&self, role: &Role, instance: &ScopeInstance) -> Result<Assignment, Failure> {
        let (scope, name) = instance_parts(instance);
        match self.get::<pb::Assignment>(&tables::assignment(role, &name))? {
            Some(row) => domain(row),
            None => Ok(Assignment::vacant(role.clone(), scope, name.into())),
        }
    }

    /// Returns every assignment.
    pub fn assignments(&self) -> Result<Vec<Assignment>, Failure> {
        self.scan::<pb::Assignment>(&[tables::ASSIGNMENTS]).map(|row| domain(row?.1)).collect()
    }

    /// Returns what an assignment's role used before, the oldest first.
    pub fn previous(&self, assignment: &Assignment) -> Result<Vec<Slot>, Failure> {
        let prefix = tables::previous_of(&assignment.role, &assignment.scope_name);
        self.scan::<pb::Slot>(&prefix).map(|row| domain(row?.1)).collect()
    }

    /// Returns what a certificate is used for.
    pub fn uses(&self, id: Fingerprint) -> Result<Vec<pb::Use>, Failure> {
        self.scan::<pb::Use>(&tables::uses(id)).map(|row| Ok(row?.1)).collect()
    }

    /// Returns whether a certificate or an open order has this name.
    pub fn is_friendly_name_taken(&self, name: &FriendlyName) -> Result<bool, Failure> {
        let row = self.rows.get(&tables::friendly_name(name.as_str()));
        Ok(row.map_err(|error| failure(&error))?.is_some())
    }

    /// Returns what an earlier request of this id did: an order, or something else.
    pub fn request(&self, id: &RequestId) -> Result<Option<Option<OrderId>>, Failure> {
        let row = self.rows.get(&tables::request(id.as_str())).map_err(|error| failure(&error))?;
        Ok(row.map(|row| number(row).and_then(OrderId::new)))
    }

    /// Returns the findings that operators have accepted.
    pub fn acceptances(&self) -> Result<Vec<Acceptance>, Failure> {
        self.scan::<pb::Acceptance>(&[tables::ACCEPTANCES]).map(|row| domain(row?.1)).collect()
    }

    /// Returns the topology that was in force when the agent last started.
    pub fn topology(&self) -> Result<Option<pb::TopologyLoaded>, Failure> {
        self.get(&tables::meta(Meta::Topology))
    }

    fn number(&self, which: Meta) -> Result<u64, Failure> {
        let row = self.rows.get(&tables::meta(which)).map_err(|error| failure(&error))?;
        match row {
            Some(row) => number(row).ok_or_else(|| damaged("a counter")),
            None => Ok(0),
        }
    }

    fn get<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, Failure> {
        let row = self.rows.get(key).map_err(|error| failure(&error))?;
        row.map(|row| decode(&row)).transpose()
    }

    fn scan<M: Message + Default>(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, M), Failure>> + use<'a, M> {
        self.raw(prefix).map(|row| {
            let (key, value) = row?;
            Ok((key, decode(&value)?))
        })
    }

    fn raw(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Failure>> + use<'a> {
        self.rows.scan(prefix).map(|row| row.map_err(|error| failure(&error)))
    }
}

fn unknown(selector: &CertificateSelector) -> Failure {
    Failure::new(
        Reason::CertificateUnknown,
        format!("no certificate in the store begins with `{selector}`"),
    )
    .with_remedy("rolecallctl certificate list")
}

fn ambiguous(selector: &CertificateSelector) -> Failure {
    Failure::new(
        Reason::CertificateAmbiguous,
        format!("more than one certificate begins with `{selector}`"),
    )
    .with_remedy("type more digits")
}

fn domain<M, D: TryFrom<M, Error = Vec<rolecall::api::status::Violation>>>(
    message: M,
) -> Result<D, Failure> {
    D::try_from(message).map_err(|violations| {
        let detail = violations
            .first()
            .map(|violation| format!("{}: {}", violation.field, violation.what))
            .unwrap_or_default();
        damaged(&detail)
    })
}

fn decode<M: Message + Default>(row: &[u8]) -> Result<M, Failure> {
    M::decode(row).map_err(|error| damaged(&error.to_string()))
}

fn fingerprint(octets: &[u8]) -> Result<Fingerprint, Failure> {
    octets.try_into().map(Fingerprint::new).map_err(|_malformed| damaged("a fingerprint"))
}

fn number(octets: Vec<u8>) -> Option<u64> {
    octets.try_into().ok().map(u64::from_be_bytes)
}

fn damaged(what: &str) -> Failure {
    tracing::error!(what, "a row of the index cannot be read");
    Failure::new(Reason::StoreCorrupt, format!("a row of the index cannot be read: {what}"))
        .with_remedy("stop the agent, delete the folder `index` in its state directory, start it")
}
