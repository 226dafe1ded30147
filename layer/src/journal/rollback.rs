//! What an operator does who knows why a log is shorter than it was: accept it, on record.

use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::{Fact, first_key};
use crate::operation::{Caller, Kind, Operation, Outcome};
use crate::policy::Policy;
use crate::storage::Storage;

use super::error::OpenError;
use super::past::Past;
use super::place::{self, Place, io_error};
use super::recover::{self, Found};

/// A log that was accepted as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// A shard's id, or `ledger`.
    pub log: String,
    /// Lines it was known to have.
    pub known: u64,
    /// Lines it has now; 0 if it is gone.
    pub found: u64,
}

/// Accepts every log that [`OpenError::Rollback`] would be told of, and enters each in the ledger. The files stay as they
/// are, and nothing is added to them any more. No service may have the log open.
///
/// # Errors
/// If the caller may not, which is then in the ledger; and as when a log is opened, but for the rollbacks themselves.
pub fn accept_rollback(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    (caller, operator): (&Caller, Option<&str>),
    reason: &str,
) -> Result<Vec<Accepted>, OpenError> {
    let policy = &as_the_log_is_named(policy, &**storage);
    let broken = place::prepare(policy, storage, clock).err();
    let places = place::prepare_with(policy, storage, clock, false)?;
    let mut accepted = Vec::new();
    for place in &places {
        let ledger = place.books.ledger();
        if place.books.read(&place.base, &place.state)?.entries.is_empty() {
            continue;
        }
        let kind = Kind::AcceptRollback;
        let mut operation = Operation::begin(kind, policy, ledger, clock, caller, operator, Some(reason))
            .map_err(|source| OpenError::Refused { source })?;
        let here = match &broken {
            Some(OpenError::Rollback { log, id, known, found }) if log.starts_with(&place.base) => {
                Some(Accepted { log: id.clone(), known: *known, found: found.unwrap_or(0) })
            }
            _ => None,
        };
        let before = accepted.len();
        if let Some(what) = here {
            accept(place, &operation, what, &mut accepted)?;
        }
        for channel in &policy.channels {
            loop {
                let past = Past::new(&place.books.read(&place.base, &place.state)?);
                let looked =
                    recover::recover(&**storage, place, &past, &channel.name, None, &mut Found::default());
                let Err(OpenError::Rollback { id, known, found, .. }) = looked else {
                    looked?;
                    break;
                };
                let what = Accepted { log: id, known, found: found.unwrap_or(0) };
                accept(place, &operation, what, &mut accepted)?;
            }
        }
        operation.add("logs", (accepted.len() - before) as u64);
        operation
            .end(Outcome::Success)
            .and_then(|()| place.books.lock_in_with(ledger))
            .map_err(io_error("enter in the ledger in", &place.base))?;
    }
    Ok(accepted)
}

fn accept(
    place: &Place,
    operation: &Operation<'_>,
    what: Accepted,
    accepted: &mut Vec<Accepted>,
) -> Result<(), OpenError> {
    let Accepted { log, known, found } = what.clone();
    operation
        .record(Fact::RollbackAccepted { log, known, found })
        .and_then(|_| place.books.accepted(&what.log))
        .map_err(io_error("enter in the ledger in", &place.base))?;
    accepted.push(what);
    Ok(())
}

/// The policy with the service's name as the ledger knows it: without one in the file it would be this program's own, and
/// what is sealed under that would be another log's.
pub(super) fn as_the_log_is_named(policy: &Policy, storage: &dyn Storage) -> Policy {
    let mut named = policy.clone();
    for root in &policy.roots {
        let base = policy.service.instance.as_ref().map_or(root.clone(), |instance| root.join(instance));
        let name = first_key(storage, &base).ok().and_then(|(origin, _)| {
            let (service, _instance) = origin.strip_suffix("/ledger")?.rsplit_once('/')?;
            Some(service.to_owned())
        });
        if let Some(name) = name {
            named.service.name = name;
            break;
        }
    }
    named
}
