//! Who may do what: roles, and the users and groups of the operating system that have them.

use std::fmt;

use super::read::Values;

/// What somebody is to the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Reads channels other than audit and security.
    Reader,
    /// Reads, verifies and exports everything, and changes nothing.
    Auditor,
    /// Archives, restores, purges and sets holds.
    Operator,
    /// Does everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Reader, Role::Auditor, Role::Operator, Role::Admin];

    /// The name used in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Auditor => "auditor",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who has which role. Empty: whoever can reach the files may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles([Vec<Principal>; Role::ALL.len()]);

impl Roles {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Role, &[Principal])> {
        Role::ALL.into_iter().zip(self.0.iter().map(Vec::as_slice))
    }

    /// The roles of a user with these groups.
    pub(crate) fn of(&self, user: &str, groups: &[String]) -> Vec<Role> {
        let is = |who: &Principal| match who {
            Principal::User(name) => name == user,
            Principal::Group(name) => groups.contains(name),
        };
        self.iter().filter(|(_, who)| who.iter().any(is)).map(|(role, _)| role).collect()
    }
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    User(String),
    Group(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::User(name) => write!(f, "user:{name}"),
            Principal::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// The table `[roles]`. The reader has checked the form of each name.
pub(super) fn read(values: &Values) -> Roles {
    Roles(Role::ALL.map(|role| {
        let names = values.texts(&format!("roles.{}", role.name())).unwrap_or_default();
        let principal = |text: &String| {
            let user = text.strip_prefix("user:").map(|name| Principal::User(name.to_owned()));
            user.or_else(|| text.strip_prefix("group:").map(|name| Principal::Group(name.to_owned())))
        };
        names.iter().filter_map(principal).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn roles(text: &str) -> Roles {
        Policy::parse(&format!("[storage]\nroot = \"logs\"\n[roles]\n{text}"), "p").unwrap().roles
    }

    #[test]
    fn a_user_has_the_roles_of_the_name_and_of_the_groups() {
        let roles = roles("reader = [\"group:dev\", \"user:eve\"]\nadmin = [\"user:ada\"]");
        let of = |user, groups: &[&str]| {
            roles.of(user, &groups.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of("ada", &["dev"]), [Role::Reader, Role::Admin]);
        assert_eq!(of("eve", &[]), [Role::Reader]);
        assert_eq!(of("dev", &["ada"]), [], "a group is not a user of that name");
    }

    #[test]
    fn a_name_without_its_kind_is_refused() {
        let text = "[storage]\nroot = \"logs\"\n[roles]\nadmin = [\"ada\", \"user:-x\", \"group:\"]";
        let error = Policy::parse(text, "p").unwrap_err();
        assert_eq!(error.problems().len(), 3);
    }
}
