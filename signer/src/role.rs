//! What callers may do: five roles, none of which implies another.

use std::fmt;

/// A role of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Asks for locked profiles.
    Issue,
    /// Asks for overwrites, approves others' tickets for them, and fetches their bytes again.
    Overwrite,
    /// Tells what devices have and what they answered.
    Report,
    /// Reads the record.
    Read,
    /// Looks after the daemon. It issues and frees nothing.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Issue, Role::Overwrite, Role::Report, Role::Read, Role::Admin];

    /// The word for it, as in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Role::Issue => "issue",
            Role::Overwrite => "overwrite",
            Role::Report => "report",
            Role::Read => "read",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A role as a type, so that a permit for one cannot pass for a permit for another.
pub trait RoleType {
    /// The role.
    const ROLE: Role;
}

macro_rules! role_types {
    ($($(#[doc = $doc:literal])+ $name:ident)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl RoleType for $name {
            const ROLE: Role = Role::$name;
        }
    )+};
}

role_types! {
    /// [`Role::Issue`].
    Issue
    /// [`Role::Overwrite`].
    Overwrite
    /// [`Role::Report`].
    Report
    /// [`Role::Read`].
    Read
    /// [`Role::Admin`].
    Admin
}
