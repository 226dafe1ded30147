//! Records on their way, as one request.

use std::collections::HashMap;

use prost::Message as _;

use super::cursor::{Position, Step};
use super::map;
use super::message::{KeyValue, Request, Resource, ResourceLogs, Scope, ScopeLogs};
use crate::ledger;

/// Some of one shard's records, encoded.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Of all entries together.
    pub(super) bytes: usize,
    /// Where the batch begins.
    pub(super) from: Position,
    /// How far the shard is read with all of them.
    pub(super) end: Step,
}

/// One record.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    /// Microseconds since 1970.
    pub(super) time: i64,
    encoded: Vec<u8>,
    group: usize,
    /// How far the shard is read with this one.
    pub(super) end: Step,
}

impl Batch {
    pub(super) fn new(from: Position) -> Batch {
        let end = Step::at(from.offset, from.records);
        Batch { entries: Vec::new(), bytes: 0, from, end }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.len();
        self.end = entry.end;
        self.entries.push(entry);
    }

    /// Without its first records: the rest, which is still to be sent.
    pub(super) fn rest(mut self, done: usize) -> Option<Batch> {
        self.from = self.position(done);
        self.entries.drain(..done);
        self.bytes = self.entries.iter().map(Entry::len).sum();
        (!self.entries.is_empty()).then_some(self)
    }

    /// How far the shard is exported once so many of the records are.
    pub(super) fn position(&self, done: usize) -> Position {
        let Some(last) = self.entries[..done].last() else { return self.from.clone() };
        let end = if done == self.entries.len() { self.end } else { last.end };
        Position {
            shard: self.from.shard.clone(),
            offset: end.offset,
            records: end.records,
            line: end.line,
            mark: end.mark(),
            time: Some(ledger::time(last.time)),
        }
    }
}

/// Who logged: what records of one resource and scope share. They are numbered, and few.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: HashMap<(String, String), usize>,
    groups: Vec<Group>,
    /// Attributes that the policy gives every resource.
    own: Vec<KeyValue>,
}

#[derive(Debug)]
struct Group {
    resource: Vec<KeyValue>,
    service: String,
    target: String,
}

impl Groups {
    pub(super) fn new(own: Vec<KeyValue>) -> Groups {
        Groups { own, ..Groups::default() }
    }

    fn number(&mut self, service: &str, target: &str) -> usize {
        if let Some(last) = self.groups.last()
            && last.service == service
            && last.target == target
        {
            return self.groups.len() - 1;
        }
        let key = (service.to_owned(), target.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let mut resource = map::service(service);
        // What the record says of its service is true; an attribute of that name in the policy would only hide it.
        let more: Vec<_> =
            self.own.iter().filter(|own| resource.iter().all(|a| a.key != own.key)).cloned().collect();
        resource.extend(more);
        self.groups.push(Group { resource, service: key.0.clone(), target: key.1.clone() });
        self.numbers.insert(key, self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// Forgets what was met when it is much: targets are names in programs, but a log may be anybody's.
    pub(super) fn tidy(&mut self) {
        if self.groups.len() > MANY {
            *self = Groups::new(std::mem::take(&mut self.own));
        }
    }
}

impl Entry {
    /// A line's record. `None` if it is none.
    pub(super) fn new(line: &[u8], groups: &mut Groups, end: Step) -> Option<Entry> {
        let mapped = map::record(line)?;
        let group = groups.number(mapped.service, &mapped.target);
        let encoded = mapped.record.encode_to_vec();
        Some(Entry { id: mapped.id.into_owned(), time: mapped.time, encoded, group, end })
    }

    pub(super) fn len(&self) -> usize {
        // Its tag and its length.
        self.encoded.len() + 4
    }
}

/// The request for some entries. Records of one resource and scope stand together, in their order.
pub(super) fn request(entries: &[Entry], groups: &Groups) -> Vec<u8> {
    let mut scopes: Vec<(usize, Vec<Vec<u8>>)> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for entry in entries {
        let place = *places.entry(entry.group).or_insert_with(|| {
            scopes.push((entry.group, Vec::new()));
            scopes.len() - 1
        });
        scopes[place].1.push(entry.encoded.clone());
    }
    let mut request = Request::default();
    let mut resources: HashMap<&str, usize> = HashMap::new();
    for (group, log_records) in scopes {
        let group = &groups.groups[group];
        let place = *resources.entry(&group.service).or_insert_with(|| {
            let resource = Some(Resource { attributes: group.resource.clone() });
            request.resource_logs.push(ResourceLogs { resource, scope_logs: Vec::new() });
            request.resource_logs.len() - 1
        });
        let scope = Some(Scope { name: group.target.clone() });
        request.resource_logs[place].scope_logs.push(ScopeLogs { scope, log_records });
    }
    request.encode_to_vec()
}

const MANY: usize = 4096;
