//! The instance of a scope: which server, which pool, or the whole deployment.

use std::fmt;

use crate::name::Fqdn;
use crate::role::Scope;

/// Where one certificate is good for: one server, one pool, or everywhere.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ScopeInstance {
    /// One server.
    Server(Fqdn),
    /// Every member of one pool.
    Pool(Fqdn),
    /// Every server that needs the role.
    Global,
}

impl ScopeInstance {
    /// Returns the scope this is an instance of.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Server(_) => Scope::Server,
            Self::Pool(_) => Scope::Pool,
            Self::Global => Scope::Global,
        }
    }

    /// Returns the server or the pool, or nothing for the whole deployment.
    pub const fn fqdn(&self) -> Option<&Fqdn> {
        match self {
            Self::Server(name) | Self::Pool(name) => Some(name),
            Self::Global => None,
        }
    }
}

impl fmt::Display for ScopeInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) | Self::Pool(name) => name.fmt(f),
            Self::Global => f.write_str(Scope::Global.as_str()),
        }
    }
}
