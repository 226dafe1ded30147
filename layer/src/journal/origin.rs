//! Origins: the names that logs sign under.
//!
//! A shard's is `<service>/<instance>/<channel>/2026-11-20[.N]`, a ledger's `<service>/<instance>/ledger`; without an
//! instance a `-` stands in its place. No seal, and no checkpoint, can be passed off as another log's.

use crate::policy::Policy;

use super::shard::Name;

/// What the origins of one base begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    prefix: String,
}

impl Origin {
    /// Of a service, or one instance of it.
    pub fn new(service: &str, instance: Option<&str>) -> Origin {
        Origin { prefix: format!("{service}/{}", instance.unwrap_or("-")) }
    }

    /// Of the service that a policy names.
    pub fn of(policy: &Policy) -> Origin {
        Origin::new(&policy.service.name, policy.service.instance.as_deref())
    }

    /// The ledger's.
    pub fn ledger(&self) -> String {
        format!("{}/{}", self.prefix, crate::ledger::FOLDER)
    }

    /// A shard's, by its id: `<channel>/2026-11-20[.N]`.
    pub fn shard(&self, id: &str) -> String {
        format!("{}/{id}", self.prefix)
    }
}

/// A shard's id, as the ledger and the command line name it.
pub(crate) fn shard_id(channel: &str, name: Name) -> String {
    let file = name.to_string();
    format!("{channel}/{}", file.strip_suffix(".jsonl").unwrap_or(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_log_has_a_name_of_its_own() {
        let name = Name::parse("2026-11-20.3.jsonl", false).unwrap();
        let id = shard_id("audit", name);
        assert_eq!(id, "audit/2026-11-20.3");
        assert_eq!(Origin::new("clinic", None).shard(&id), "clinic/-/audit/2026-11-20.3");
        assert_eq!(Origin::new("clinic", Some("i1")).shard(&id), "clinic/i1/audit/2026-11-20.3");
        assert_eq!(Origin::new("clinic", None).ledger(), "clinic/-/ledger");
    }
}
