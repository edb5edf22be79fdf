//! Where an order stands, and what may happen to it next.

use crate::actor::Actor;
use crate::certificate::{Fingerprint, Thumbprint};
use crate::finding::Finding;
use crate::time::Timestamp;

/// Where an order stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Key and request are durable; nothing has left the server.
    KeyReady,
    /// The request may have reached the issuer.
    Submitting {
        /// How often it has been sent, this time included.
        attempt: u32,
    },
    /// The issuer has it and has not decided.
    Submitted {
        /// How the issuer calls the request.
        ca_request_id: Box<str>,
        /// What it waits for, in words.
        waiting_for: Box<str>,
        /// When to ask; absent where the issuer tells by itself.
        ask_again_at: Option<Timestamp>,
    },
    /// An administrator carries the request and brings the response.
    AwaitingResponse,
    /// The issuer answered with a certificate, which is durable.
    Issued {
        /// The certificate.
        fingerprint: Fingerprint,
    },
    /// The certificate can be used by nobody yet.
    Installed {
        /// The certificate.
        fingerprint: Fingerprint,
        /// Why the goal is not reached.
        waiting_for: Vec<Finding>,
    },
    /// The goal is reached.
    Done {
        /// The certificate.
        fingerprint: Fingerprint,
        /// The same, as administrators know it.
        thumbprint: Thumbprint,
    },
    /// The issuer, or the check of its answer, said no for good.
    Refused {
        /// Why.
        findings: Vec<Finding>,
    },
    /// A person said no.
    Denied {
        /// Who.
        denied_by: Box<str>,
        /// What they said.
        reason: Box<str>,
    },
    /// The issuer could not be asked.
    Failed {
        /// What happened.
        error: Box<str>,
        /// How often it has been tried.
        attempt: u32,
        /// When it is tried again; absent: held until an operator acts.
        retry_at: Option<Timestamp>,
        /// Since when it fails.
        failing_since: Timestamp,
    },
    /// An operator ended it.
    Cancelled {
        /// Who.
        cancelled_by: Actor,
    },
}

/// What an order needs next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Record the intent, then send the request.
    Submit,
    /// The intent is recorded: send the identical request, or ask what became of it.
    Send,
    /// Ask the issuer what became of the request.
    Ask,
    /// Install what was issued.
    Install(Fingerprint),
    /// Verify again, and assign if that is the goal.
    ReachGoal(Fingerprint),
    /// Come back then.
    WaitUntil(Timestamp),
    /// Somebody outside must act.
    WaitForOthers,
    /// Nothing: it has settled.
    Nothing,
}

/// An event that cannot happen to an order in its state.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an order that is {state} cannot be {event}")]
pub struct Misplaced {
    /// The state's word.
    pub state: &'static str,
    /// The event's word.
    pub event: &'static str,
}

impl State {
    /// Returns the word for this state on the wire and in listings.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::KeyReady => "key-ready",
            Self::Submitting { .. } => "submitting",
            Self::Submitted { .. } => "submitted",
            Self::AwaitingResponse => "awaiting-response",
            Self::Issued { .. } => "issued",
            Self::Installed { .. } => "installed",
            Self::Done { .. } => "done",
            Self::Refused { .. } => "refused",
            Self::Denied { .. } => "denied",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Returns how the order stands for somebody who wants its certificate, in half a sentence.
    pub fn standing(&self) -> String {
        match self {
            Self::KeyReady | Self::Submitting { .. } | Self::Issued { .. } => {
                "it is on its way".to_owned()
            }
            Self::Submitted { waiting_for, .. } => format!("it waits for {waiting_for}"),
            Self::AwaitingResponse => "it waits for the response to be brought".to_owned(),
            Self::Installed { waiting_for, .. } => {
                let codes: Vec<&str> =
                    waiting_for.iter().map(|finding| finding.code.as_str()).collect();
                format!("its certificate is installed and waits for: {}", codes.join(", "))
            }
            Self::Failed { error, retry_at: Some(at), .. } => {
                format!("it failed, and is tried again at {at}: {error}")
            }
            Self::Failed { error, retry_at: None, .. } => {
                format!("it failed, and is held until an operator acts: {error}")
            }
            Self::Done { .. } => "it is done".to_owned(),
            Self::Refused { .. } => "it was refused".to_owned(),
            Self::Denied { denied_by, reason } if reason.is_empty() => {
                format!("it was denied by {denied_by}")
            }
            Self::Denied { denied_by, reason } => format!("it was denied by {denied_by}: {reason}"),
            Self::Cancelled { cancelled_by } => format!("it was cancelled by {cancelled_by}"),
        }
    }

    /// Returns whether nothing will ever happen to the order again.
    pub const fn is_settled(&self) -> bool {
        match self {
            Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => true,
            Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Returns how often the request has been sent, as far as that still matters.
    pub const fn attempt(&self) -> u32 {
        match self {
            Self::Submitting { attempt } | Self::Failed { attempt, .. } => *attempt,
            Self::KeyReady
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => 0,
        }
    }

    /// Returns the certificate, once there is one.
    pub const fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Issued { fingerprint }
            | Self::Installed { fingerprint, .. }
            | Self::Done { fingerprint, .. } => Some(*fingerprint),
            Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// Returns what to do next at `now`.
    pub fn next_step(&self, now: Timestamp) -> Step {
        match self {
            Self::KeyReady => Step::Submit,
            Self::Submitting { .. } => Step::Send,
            Self::Submitted { ask_again_at: Some(at), .. } if *at <= now => Step::Ask,
            Self::Submitted { ask_again_at: Some(at), .. } => Step::WaitUntil(*at),
            Self::Failed { retry_at: Some(at), .. } if *at <= now => Step::Submit,
            Self::Failed { retry_at: Some(at), .. } => Step::WaitUntil(*at),
            Self::Issued { fingerprint } => Step::Install(*fingerprint),
            Self::Installed { fingerprint, .. } => Step::ReachGoal(*fingerprint),
            Self::AwaitingResponse
            | Self::Submitted { ask_again_at: None, .. }
            | Self::Failed { retry_at: None, .. } => Step::WaitForOthers,
            Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => Step::Nothing,
        }
    }

    /// The intent to send the request is about to be recorded.
    pub fn handle_submitting(&self) -> Result<Self, Misplaced> {
        match self {
            Self::KeyReady => Ok(Self::Submitting { attempt: 1 }),
            Self::Failed { attempt, .. } | Self::Submitting { attempt } => {
                Ok(Self::Submitting { attempt: attempt.saturating_add(1) })
            }
            Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => self.misplaced("sent"),
        }
    }

    /// The issuer took the request and has not decided.
    pub fn handle_pending(
        &self,
        ca_request_id: Box<str>,
        waiting_for: Box<str>,
        ask_again_at: Option<Timestamp>,
    ) -> Result<Self, Misplaced> {
        self.undecided("pending")?;
        Ok(Self::Submitted { ca_request_id, waiting_for, ask_again_at })
    }

    /// The request was given to an administrator.
    pub fn handle_handed_over(&self) -> Result<Self, Misplaced> {
        match self {
            Self::KeyReady => Ok(Self::AwaitingResponse),
            Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => self.misplaced("handed over"),
        }
    }

    /// The issuer answered with a certificate.
    pub fn handle_issued(&self, fingerprint: Fingerprint) -> Result<Self, Misplaced> {
        self.undecided("issued")?;
        Ok(Self::Issued { fingerprint })
    }

    /// The certificate is in the store; `waiting_for` says what still stands before the goal.
    pub fn handle_installed(&self, waiting_for: Vec<Finding>) -> Result<Self, Misplaced> {
        match self {
            Self::Issued { fingerprint } | Self::Installed { fingerprint, .. } => {
                Ok(Self::Installed { fingerprint: *fingerprint, waiting_for })
            }
            Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => self.misplaced("installed"),
        }
    }

    /// What the order was for is done.
    pub fn handle_goal_reached(&self, thumbprint: Thumbprint) -> Result<Self, Misplaced> {
        match self {
            Self::Installed { fingerprint, .. } => {
                Ok(Self::Done { fingerprint: *fingerprint, thumbprint })
            }
            Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => self.misplaced("done"),
        }
    }

    /// The issuer, or the check of its answer, said no for good.
    pub fn handle_refused(&self, findings: Vec<Finding>) -> Result<Self, Misplaced> {
        self.undecided("refused")?;
        Ok(Self::Refused { findings })
    }

    /// A person said no.
    pub fn handle_denied(&self, denied_by: Box<str>, reason: Box<str>) -> Result<Self, Misplaced> {
        self.undecided("denied")?;
        Ok(Self::Denied { denied_by, reason })
    }

    /// The issuer could not be asked; `retry_at` is absent when only an operator can help.
    pub fn handle_unavailable(
        &self,
        error: Box<str>,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Misplaced> {
        match self {
            Self::Submitting { attempt } => {
                Ok(Self::Failed { error, attempt: *attempt, retry_at, failing_since: now })
            }
            Self::Failed { attempt, failing_since, .. } => Ok(Self::Failed {
                error,
                attempt: *attempt,
                retry_at,
                failing_since: *failing_since,
            }),
            Self::KeyReady
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => self.misplaced("failed"),
        }
    }

    /// An operator wants the issuer asked now instead of later.
    pub fn handle_hurried(&self, now: Timestamp) -> Result<Self, Misplaced> {
        match self.clone() {
            Self::Failed { error, attempt, failing_since, .. } => {
                Ok(Self::Failed { error, attempt, retry_at: Some(now), failing_since })
            }
            Self::Submitted { ca_request_id, waiting_for, ask_again_at: Some(_) } => {
                Ok(Self::Submitted { ca_request_id, waiting_for, ask_again_at: Some(now) })
            }
            unchanged @ (Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { ask_again_at: None, .. }
            | Self::AwaitingResponse
            | Self::Issued { .. }
            | Self::Installed { .. }) => Ok(unchanged),
            Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => self.misplaced("hurried"),
        }
    }

    /// An operator ends the order; what has been issued can only be removed.
    pub fn handle_cancelled(&self, cancelled_by: Actor) -> Result<Self, Misplaced> {
        self.undecided("cancelled")?;
        Ok(Self::Cancelled { cancelled_by })
    }

    const fn undecided(&self, event: &'static str) -> Result<(), Misplaced> {
        match self {
            Self::KeyReady
            | Self::Submitting { .. }
            | Self::Submitted { .. }
            | Self::AwaitingResponse
            | Self::Failed { .. } => Ok(()),
            Self::Issued { .. }
            | Self::Installed { .. }
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. } => self.misplaced(event),
        }
    }

    const fn misplaced<T>(&self, event: &'static str) -> Result<T, Misplaced> {
        Err(Misplaced { state: self.as_str(), event })
    }
}
