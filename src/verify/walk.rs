//! The walk from the leaf upwards, which names what is missing.
//!
//! ```text
//!   leaf ──issuer name──▶ candidates: the chain's, the store's
//!                           │ signature by its key?
//!                           ├─ yes, or not checkable ─▶ one step up
//!                           └─ no: the same key identifier ─▶ altered
//!                                  another one             ─▶ the name has another key here
//! ```
//!
//! It is walked only when the verifier refuses, so it may take its time, within bounds.

use super::{Subject, TrustStore};
use crate::certificate::{Certificate, Chain, SignatureCheck};
use crate::finding::{Finding, FindingCode};
use crate::time::Timestamp;

/// How far the walk came, and why no further.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) certificates: Vec<Certificate>,
    ending: Ending,
}

#[derive(Clone, Debug)]
enum Ending {
    /// At a trust anchor.
    Anchored,
    /// At a root that is not trusted.
    SelfSigned,
    /// Nobody of the issuer's name is known.
    Unknown,
    /// This one has the issuer's name, but not its key.
    OtherKey(Certificate),
    /// This one has the issuer's name and key identifier, but did not sign what is here.
    Altered(Certificate),
}

impl Path {
    pub(super) fn anchored(certificates: Vec<Certificate>) -> Self {
        Self { certificates, ending: Ending::Anchored }
    }

    pub(super) fn is_anchored(&self) -> bool {
        matches!(self.ending, Ending::Anchored)
    }

    /// Returns the finding that says why the walk ended where it did.
    pub(super) fn findings(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let top = self.certificates.last().unwrap_or_else(|| subject.chain.leaf());
        let is_leaf = self.certificates.len() <= 1;
        let add = "systemctl reload rolecall-agent  # after adding its root to [trust_anchors] in the topology";
        let finding = match &self.ending {
            Ending::Anchored => return Vec::new(),
            Ending::SelfSigned if is_leaf => Finding::new(
                FindingCode::SelfSigned,
                format!("{} is signed by its own key", top.subject()),
                subject.request(),
            ),
            Ending::SelfSigned => Finding::new(
                FindingCode::RootMissing,
                format!("the root {} ({}) is not trusted here", top.subject(), top.thumbprint()),
                add,
            ),
            Ending::Unknown => {
                let code = if is_leaf {
                    FindingCode::IntermediateMissing
                } else {
                    FindingCode::RootMissing
                };
                Finding::new(code, missing(top), add)
            }
            Ending::OtherKey(candidate) => Finding::new(
                FindingCode::IssuerKeyDiffers,
                format!(
                    "{} was signed by {}{}, but the authority of that name known here ({}) has \
                     another key",
                    top.subject(),
                    top.issuer(),
                    key_id(top.authority_key_id()),
                    candidate.thumbprint()
                ),
                add,
            ),
            Ending::Altered(candidate) => Finding::new(
                FindingCode::SignatureInvalid,
                format!(
                    "{} names the key of {} ({}), which did not sign it: it was altered",
                    top.subject(),
                    candidate.subject(),
                    candidate.thumbprint()
                ),
                subject.request(),
            ),
        };
        vec![finding]
    }
}

fn missing(top: &Certificate) -> String {
    let mut text = format!(
        "{} was signed by {}{}, which is not known here",
        top.subject(),
        top.issuer(),
        key_id(top.authority_key_id())
    );
    if let Some(uri) = top.ca_issuers().first() {
        text.push_str(&format!("; its certificate is at {uri}"));
    }
    text
}

fn key_id(id: Option<&[u8]>) -> String {
    id.map(|id| format!(" (key {})", crate::hex::lower(id))).unwrap_or_default()
}

/// Finds the best path: to an anchor with everything valid, else to an anchor, else the longest.
pub(super) fn walk(chain: &Chain, trust: &TrustStore, now: Timestamp) -> Path {
    let mut outdated: Option<Path> = None;
    let mut dead_end: Option<Path> = None;
    let mut pending = vec![vec![chain.leaf()]];
    let mut steps = 0;
    while let Some(path) = pending.pop() {
        steps += 1;
        let Some(top) = path.last().copied() else { continue };
        if trust.is_anchor(top) {
            let found = Path::anchored(path.iter().copied().cloned().collect());
            if path.iter().all(|step| step.validity().contains(now)) {
                return found;
            }
            outdated.get_or_insert(found);
            continue;
        }
        match steps_up(&path, top, chain, trust, now) {
            Ok(issuers) if steps < MAX_STEPS => {
                pending.extend(issuers.into_iter().rev().map(|issuer| {
                    let mut longer = path.clone();
                    longer.push(issuer);
                    longer
                }));
            }
            Ok(_) => {}
            Err(ending) => {
                if dead_end.as_ref().is_none_or(|known| known.certificates.len() < path.len()) {
                    let certificates = path.into_iter().cloned().collect();
                    dead_end = Some(Path { certificates, ending });
                }
            }
        }
    }
    outdated.or(dead_end).unwrap_or_else(|| Path {
        certificates: vec![chain.leaf().clone()],
        ending: Ending::Unknown,
    })
}

/// Returns the possible issuers of `top`, the best first, or why there are none.
fn steps_up<'a>(
    path: &[&Certificate],
    top: &Certificate,
    chain: &'a Chain,
    trust: &'a TrustStore,
    now: Timestamp,
) -> Result<Vec<&'a Certificate>, Ending> {
    let named = trust
        .anchors
        .iter()
        .chain(chain.issuers())
        .chain(&trust.intermediates)
        .filter(|candidate| candidate.subject() == top.issuer() && *candidate != top);
    let (mut issuers, others): (Vec<_>, Vec<_>) = named.partition(|candidate| {
        top.check_signature(candidate.public_key()) != SignatureCheck::Invalid
            && fits(top, candidate)
    });
    issuers.retain(|candidate| !path.iter().any(|step| is_same_authority(step, candidate)));
    issuers.sort_by_key(|candidate| !candidate.validity().contains(now));
    if !issuers.is_empty() {
        return Ok(issuers);
    }
    let altered = others.iter().copied().find(|other| has_named_key(top, other));
    Err(match (altered, others.first()) {
        (Some(issuer), _) => Ending::Altered(issuer.clone()),
        (None, Some(other)) => Ending::OtherKey((*other).clone()),
        (None, None) if top.is_self_signed() => Ending::SelfSigned,
        (None, None) => Ending::Unknown,
    })
}

/// Returns whether the key identifiers allow the step, where the signature cannot decide.
fn fits(top: &Certificate, candidate: &Certificate) -> bool {
    match (top.authority_key_id(), candidate.subject_key_id()) {
        (Some(wanted), Some(own)) => {
            wanted == own || top.check_signature(candidate.public_key()) == SignatureCheck::Valid
        }
        _ => true,
    }
}

fn has_named_key(top: &Certificate, candidate: &Certificate) -> bool {
    top.authority_key_id().is_some() && top.authority_key_id() == candidate.subject_key_id()
}

/// RFC 4158 §5.2: a path that meets an authority twice is a loop.
fn is_same_authority(one: &Certificate, other: &Certificate) -> bool {
    one.subject() == other.subject() && one.public_key() == other.public_key()
}

/// Bounds the work for chains that were made to branch.
const MAX_STEPS: usize = 64;
