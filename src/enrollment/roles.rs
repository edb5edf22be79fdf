//! The roles that share one certificate.

use std::fmt;

use crate::role::Role;

/// At least one role, each once, in catalogue order.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RoleSet {
    lead: Role,
    others: Vec<Role>,
}

impl RoleSet {
    /// Returns `roles` in catalogue order.
    ///
    /// # Errors
    /// No role is given, or one is given twice.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Self, InvalidRoleSet> {
        let mut roles: Vec<Role> = roles.into_iter().collect();
        roles.sort();
        let twice = roles.iter().zip(roles.iter().skip(1)).find(|(role, next)| role == next);
        if let Some((role, _)) = twice {
            return Err(InvalidRoleSet::Twice { role: role.clone() });
        }
        let mut roles = roles.into_iter();
        let lead = roles.next().ok_or(InvalidRoleSet::Empty)?;
        Ok(Self { lead, others: roles.collect() })
    }

    /// Returns the first role, which names the enrollment.
    pub const fn lead(&self) -> &Role {
        &self.lead
    }

    /// Returns the roles in catalogue order.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        std::iter::once(&self.lead).chain(&self.others)
    }

    /// Returns the roles as a list.
    pub fn to_vec(&self) -> Vec<Role> {
        self.iter().cloned().collect()
    }

    /// Returns whether `role` is one of them.
    pub fn contains(&self, role: &Role) -> bool {
        self.iter().any(|member| member == role)
    }
}

impl fmt::Display for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lead.fmt(f)?;
        self.others.iter().try_for_each(|role| write!(f, ", {role}"))
    }
}

/// Why roles are no [`RoleSet`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRoleSet {
    /// There is none.
    #[error("at least one role is needed")]
    Empty,
    /// One is there twice.
    #[error("{role} is named twice")]
    Twice {
        /// The role.
        role: Role,
    },
}
