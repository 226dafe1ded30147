//! Who does something to a log, and whether they may.

use std::fmt;

use super::Kind;
use crate::policy::{Policy, Role};

/// Who calls, as the operating system knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's name, or the number where there is none.
    pub user: String,
    /// Names of the user's groups.
    pub groups: Vec<String>,
    /// The service itself, whose policy it is: no role is asked for.
    service: bool,
}

impl Caller {
    /// A user of the operating system.
    pub fn new(user: impl Into<String>, groups: Vec<String>) -> Caller {
        Caller { user: user.into(), groups, service: false }
    }

    /// The service itself.
    pub(crate) fn service(name: &str) -> Caller {
        Caller { user: name.to_owned(), groups: Vec::new(), service: true }
    }

    /// Whether the policy's roles let the caller do this.
    ///
    /// # Errors
    /// Why not, and who may.
    pub fn may(&self, kind: Kind, policy: &Policy) -> Result<(), Denied> {
        if self.service || policy.roles.is_empty() {
            return Ok(());
        }
        let has = policy.roles.of(&self.user, &self.groups);
        if has.iter().any(|role| kind.roles().contains(role)) {
            return Ok(());
        }
        Err(Denied { kind, user: self.user.clone(), has })
    }
}

/// The policy's roles do not allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    kind: Kind,
    user: String,
    has: Vec<Role>,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let has =
            if self.has.is_empty() { "no role".to_owned() } else { format!("only {}", words(&self.has)) };
        write!(
            f,
            "user {} has {has} in the policy's [roles], and `{}` needs one of {}; whoever keeps the policy can add \
             \"user:{}\" to one of these",
            self.user,
            self.kind,
            words(self.kind.roles()),
            self.user
        )
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Sector;

    fn policy(roles: &str) -> Policy {
        Policy::parse(&format!("[storage]\nroot = \"logs\"\n[roles]\n{roles}"), "p").unwrap()
    }

    #[test]
    fn each_role_may_what_it_is_for_and_no_more() {
        let may = |role: &str, kind: Kind| {
            let policy = policy(&format!("{role} = [\"user:ada\"]"));
            Caller::new("ada", vec![]).may(kind, &policy).is_ok()
        };
        assert!(may("reader", Kind::Query) && !may("reader", Kind::QueryEvidence));
        assert!(may("auditor", Kind::QueryEvidence) && !may("auditor", Kind::Purge));
        assert!(may("operator", Kind::Purge) && !may("operator", Kind::QueryEvidence));
        assert!(may("operator", Kind::HoldAdd) && !may("operator", Kind::HoldRelease));
        for kind in [Kind::Purge, Kind::HoldRelease, Kind::RotateKey, Kind::QueryEvidence, Kind::Status] {
            assert!(may("admin", kind), "{kind}");
        }
    }

    #[test]
    fn without_any_role_the_files_decide_and_the_service_needs_none() {
        let plain = Policy::sector(Sector::Generic);
        assert!(Caller::new("ada", vec![]).may(Kind::Purge, &plain).is_ok());
        let strict = policy("admin = [\"user:ada\"]");
        assert!(Caller::new("service", vec![]).may(Kind::Purge, &strict).is_err());
        assert!(Caller::service("service").may(Kind::Purge, &strict).is_ok());
    }
}
