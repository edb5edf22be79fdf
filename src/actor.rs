//! Who did something.

use std::fmt;
use std::str::FromStr;

/// Whoever caused a change; every journal entry names one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Actor {
    /// Somebody on the local socket, by the user id that the kernel vouches for.
    Local {
        /// The peer's user id.
        uid: u32,
        /// The user's name on this server; the number where it has none.
        name: Box<str>,
    },
    /// Somebody at the server's console, through `rolecall-agent` itself.
    Console {
        /// The process's user id.
        uid: u32,
        /// The user's name on this server; the number where it has none.
        name: Box<str>,
    },
    /// The agent: a retry, a schedule, a repair.
    Agent,
}

impl Actor {
    /// Returns whether `other` is the same person, however they came in.
    pub fn is_same_person(&self, other: &Self) -> bool {
        match (self.uid(), other.uid()) {
            (Some(left), Some(right)) => left == right,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// Returns the user id, if this is a person.
    pub const fn uid(&self) -> Option<u32> {
        match self {
            Self::Local { uid, .. } | Self::Console { uid, .. } => Some(*uid),
            Self::Agent => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { name, .. } => f.write_str(name),
            Self::Console { name, .. } => write!(f, "{name} (console)"),
            Self::Agent => f.write_str("the agent"),
        }
    }
}

/// The name a client gives to one attempt: 1 to 64 visible ASCII characters.
///
/// A call repeated with the same name answers what the first one did and does nothing.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidRequestId)
        }
    }
}

/// A text that cannot name an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a request id has 1 to 64 visible ASCII characters")]
pub struct InvalidRequestId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_recognised_at_the_socket_and_at_the_console_and_the_agent_is_nobody() {
        let local = Actor::Local { uid: 0, name: "root".into() };
        let console = Actor::Console { uid: 0, name: "root".into() };
        let other = Actor::Local { uid: 7, name: "alice".into() };
        assert!(local.is_same_person(&console));
        assert!(!local.is_same_person(&other));
        assert!(!Actor::Agent.is_same_person(&Actor::Agent));
    }
}
