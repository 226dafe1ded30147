//! A callsite compiled once into a plan: where its events go, and what happens to each field.
//!
//! Static metadata tells target, level and field names, so the route, the action for each field and the escaped JSON
//! keys are computed on the first event and looked up by the metadata's address from then on. Every thread has a small
//! cache of its own in front of the shared map; a racing thread, or a sibling's filter that skipped our
//! `register_callsite`, only meets the slower path.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tracing_core::{LevelFilter, Metadata};

use crate::channel::Channel;
use crate::metrics::{LEVELS, level_label};
use crate::policy::Policy;
use crate::record::{ENVELOPE_MAX, escape};
use crate::redact::allow::{self, Allowance, Allowed};
use crate::redact::keys::{KeyAction, KeyRules};
use crate::redact::label::Label;
use crate::redact::scan::{Found, Scanner};
use crate::route;
use crate::values::Values;

/// What is known of a callsite before any of its events.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) channel: Channel,
    /// False for events less severe than their channel's level.
    pub(crate) enabled: bool,
    /// Index into [`LEVELS`].
    pub(crate) level: usize,
    /// `,"channel":"audit","level":"AUDIT"`, and `,"event_name":"…"` where the macro fixed it.
    pub(crate) head: Box<[u8]>,
    /// `,"target":"ehr::records"`.
    pub(crate) target: Box<[u8]>,
    /// By index of the field.
    pub(crate) fields: Box<[FieldPlan]>,
}

/// What is known of a field before any of its values.
#[derive(Clone, Debug)]
pub(crate) struct FieldPlan {
    pub(crate) slot: Slot,
    pub(crate) action: Action,
    /// `,"key":`, escaped.
    pub(crate) key: Box<[u8]>,
    /// What the policy allows to be found in it.
    pub(crate) allowed: Box<[Allowed]>,
}

/// Where in the record a field goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// `event_name`, `outcome`, `tenant_id`, `user_id`, `subject_id`, `message`: the index is their order.
    Envelope(usize),
    TraceId,
    SpanId,
    Attribute,
}

/// What happens to a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Written, after the scan.
    Scan,
    /// Replaced without being formatted at all.
    Mask(Label),
    /// Left out.
    Drop,
}

/// Fields that have a place of their own at the top of the record, in its order.
pub(crate) const ENVELOPE: [&str; 6] =
    ["event_name", "outcome", "tenant_id", "user_id", "subject_id", "message"];
pub(crate) const MESSAGE: usize = 5;

/// What the plans of one policy are compiled from.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) keys: KeyRules,
    pub(crate) scanner: Scanner,
    plans: Plans,
}

impl Rules {
    pub(crate) fn new(policy: Policy) -> Rules {
        let keys = KeyRules::new(&policy.redact);
        let scanner = Scanner::new(&policy.redact);
        Rules { policy, keys, scanner, plans: Plans::default() }
    }

    /// The plan of a callsite.
    pub(crate) fn event(&self, metadata: &'static Metadata<'static>) -> Arc<Plan> {
        get_or_insert(&self.plans.events, address(metadata), usize::MAX, |_| self.plan(metadata))
    }

    /// The plan of `log` records of one target and level; `fields` are those of the callsite they share.
    pub(crate) fn log(&self, fields: &Metadata<'_>, normal: &Metadata<'_>) -> Arc<Plan> {
        let compile = |_: &_| {
            let channel = route::by_rules(&self.policy, normal.target(), normal.level());
            let names = || fields.fields().iter().map(|field| field.name());
            let mut plan = self.compile(channel, *normal.level(), None, normal.target(), names());
            // They repeat what the normalised metadata already gave.
            for (field, _) in
                plan.fields.iter_mut().zip(names()).filter(|(_, name)| LOG_FIELDS.contains(name))
            {
                field.action = Action::Drop;
            }
            plan
        };
        let bound = if normal.target().len() > ENVELOPE_MAX { 0 } else { LOG_PLANS };
        get_or_insert(&self.plans.logs, (normal.target().to_owned(), *normal.level()), bound, compile)
    }

    /// The plan of a record made by hand.
    pub(crate) fn direct(&self, direct: Direct) -> Arc<Plan> {
        let compile = |direct: &Direct| {
            let names = direct.names.iter().copied();
            self.compile(direct.channel, direct.level, Some(direct.event_name), direct.target, names)
        };
        get_or_insert(&self.plans.direct, direct, DIRECT_PLANS, compile)
    }

    /// Plans of a span's fields.
    pub(crate) fn span(&self, metadata: &'static Metadata<'static>) -> Arc<[FieldPlan]> {
        let spans = &self.plans.spans;
        if let Some(plan) = spans.read().unwrap_or_else(PoisonError::into_inner).get(&address(metadata)) {
            return Arc::clone(plan);
        }
        let names = metadata.fields().iter().map(|f| f.name());
        let plan: Arc<[FieldPlan]> = self.span_fields(metadata.target(), names).into();
        let mut spans = spans.write().unwrap_or_else(PoisonError::into_inner);
        spans.insert(address(metadata), Arc::clone(&plan));
        plan
    }

    pub(crate) fn plan(&self, metadata: &Metadata<'_>) -> Plan {
        let names = metadata.fields().iter().map(|field| field.name());
        let Some((channel, name)) = route::macro_name(metadata.name()) else {
            let channel = route::by_rules(&self.policy, metadata.target(), metadata.level());
            return self.compile(channel, *metadata.level(), None, metadata.target(), names);
        };
        // The target is the channel's, for filters to name; the record tells the module.
        let target = metadata.module_path().unwrap_or(metadata.target());
        let mut plan = self.compile(channel, *metadata.level(), Some(name), target, names);
        // The layer's macros for audit and security are a decision to record: no level silences them.
        plan.enabled |= matches!(channel, Channel::AUDIT | Channel::SECURITY);
        plan
    }

    pub(crate) fn compile<'a>(
        &self,
        channel: Channel,
        level: tracing_core::Level,
        event_name: Option<&str>,
        target: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Plan {
        let rules = &self.policy.channels[channel.index()];
        let level_index = LEVELS.iter().position(|(_, l)| *l == level).unwrap_or_default();
        let mut head = Vec::with_capacity(96);
        head.extend_from_slice(b",\"channel\":");
        escape::string(&mut head, &rules.name);
        head.extend_from_slice(b",\"level\":");
        escape::string(&mut head, level_label(channel, LEVELS[level_index].0));
        if let Some(name) = event_name {
            head.extend_from_slice(b",\"event_name\":");
            self.name(name, &mut head);
        }
        let mut written_target = Vec::with_capacity(64);
        written_target.extend_from_slice(b",\"target\":");
        self.name(target, &mut written_target);
        let fields = self.fields(channel, target, names, event_name.is_some());
        Plan {
            channel,
            enabled: LevelFilter::from_level(level) <= rules.level,
            level: level_index,
            head: head.into(),
            target: written_target.into(),
            fields,
        }
    }

    /// The fields that a strict channel declares.
    #[inline]
    pub(crate) fn strict(&self, channel: Channel) -> Option<&[String]> {
        self.policy.channels[channel.index()].strict.as_deref()
    }

    /// They become attributes of the span, whatever they are called.
    fn span_fields<'a>(&self, target: &str, names: impl Iterator<Item = &'a str>) -> Box<[FieldPlan]> {
        let mut seen = Vec::new();
        let field = |name| FieldPlan {
            allowed: self.allowed(None, target, name),
            ..self.field(Slot::Attribute, name, &mut seen, None)
        };
        names.map(field).collect()
    }

    fn fields<'a>(
        &self,
        channel: Channel,
        target: &str,
        names: impl Iterator<Item = &'a str>,
        named: bool,
    ) -> Box<[FieldPlan]> {
        let strict = self.strict(channel);
        let mut taken = [false; ENVELOPE.len() + 2];
        taken[0] = named;
        let mut seen = Vec::new();
        names
            .map(|name| {
                let slot = slot(name, &mut taken);
                let channel = Some(self.policy.channels[channel.index()].name.as_str());
                FieldPlan {
                    allowed: self.allowed(channel, target, name),
                    ..self.field(slot, name, &mut seen, strict)
                }
            })
            .collect()
    }

    fn field(&self, slot: Slot, name: &str, seen: &mut Vec<Vec<u8>>, strict: Option<&[String]>) -> FieldPlan {
        let key = self.key(name, seen);
        let undeclared =
            strict.is_some_and(|declared| slot == Slot::Attribute && !declared.iter().any(|d| d == name));
        let action = match self.keys.action(name) {
            KeyAction::Drop => Action::Drop,
            _ if undeclared => Action::Mask(Label::STRICT),
            KeyAction::Mask(class) => Action::Mask(Label::key(class)),
            KeyAction::Keep => Action::Scan,
        };
        FieldPlan { slot, action, key: [b",", &key[..]].concat().into(), allowed: Box::default() }
    }

    fn allowed(&self, channel: Option<&str>, target: &str, field: &str) -> Box<[Allowed]> {
        let concerns = |allowance: &&Allowance| allowance.concerns(channel, target, field);
        let allowed = self.policy.redact.allow.iter().filter(concerns);
        allowed
            .map(|allowance| Allowed {
                label: Label::named(&allowance.detector),
                text: allowance.text.clone(),
            })
            .collect()
    }

    /// Takes out of `found` what the policy allows.
    #[inline]
    pub(crate) fn allow(&self, fields: &[FieldPlan], values: &Values, found: &mut Found) {
        if !found.hits.is_empty() && !self.policy.redact.allow.is_empty() {
            allow::apply(values, found, |field| fields.get(field).map_or(&[], |field| &field.allowed));
        }
    }

    /// `"name":`, with a number behind a name that stands there already: JSON readers keep one of two equal keys, and
    /// which one varies. Names are compared as written, since two may be masked into one.
    fn key(&self, name: &str, seen: &mut Vec<Vec<u8>>) -> Vec<u8> {
        let mut first = Vec::with_capacity(name.len() + 3);
        // A field's name is static, but nothing keeps a secret out of it.
        self.scanner.write_text(&self.keys, name, &mut first);
        let mut key = first.clone();
        let mut number = 1;
        while seen.contains(&key) {
            number += 1;
            key.truncate(first.len() - 1);
            key.extend_from_slice(format!("#{number}\"").as_bytes());
        }
        seen.push(key.clone());
        key.push(b':');
        key
    }

    /// A name of the envelope. Those of `log` records are made at run time, and may be of any length.
    fn name(&self, name: &str, to: &mut Vec<u8>) {
        let before = to.len();
        self.scanner.write_text(&self.keys, name, to);
        if to.len() - before > ENVELOPE_MAX {
            to.truncate(before);
            to.push(b'"');
            Label::OVERRUN.write_marker(to);
            to.push(b'"');
        }
    }
}

/// The plans made so far, shared by all threads. A part of the rules they follow: a thread that still follows the old
/// rules while the policy changes cannot leave a plan of theirs to the new ones.
#[derive(Debug, Default)]
struct Plans {
    /// By the address of the static metadata.
    events: RwLock<HashMap<usize, Arc<Plan>>>,
    spans: RwLock<HashMap<usize, Arc<[FieldPlan]>>>,
    /// `log` records share five callsites, so that theirs go by target and level.
    logs: RwLock<HashMap<(String, tracing_core::Level), Arc<Plan>>>,
    /// Records made by hand have no callsite.
    direct: RwLock<HashMap<Direct, Arc<Plan>>>,
}

/// What the plan of a record made by hand depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Direct {
    pub(crate) channel: Channel,
    pub(crate) level: tracing_core::Level,
    pub(crate) event_name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) names: Vec<&'static str>,
}

pub(crate) fn address(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata) as usize
}

fn get_or_insert<K: Eq + std::hash::Hash>(
    map: &RwLock<HashMap<K, Arc<Plan>>>,
    key: K,
    bound: usize,
    compile: impl FnOnce(&K) -> Plan,
) -> Arc<Plan> {
    if let Some(plan) = map.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(plan);
    }
    let plan = Arc::new(compile(&key));
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    if map.len() < bound {
        map.insert(key, Arc::clone(&plan));
    }
    plan
}

/// A target of a `log` record may be made at run time: past this many, plans are compiled per event.
const LOG_PLANS: usize = 1024;

/// Names are static, but a program may leak as many as it likes.
const DIRECT_PLANS: usize = 1024;

const LOG_FIELDS: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

/// Only the first field of a name gets its place in the envelope; a second stays an attribute.
fn slot(name: &str, taken: &mut [bool; ENVELOPE.len() + 2]) -> Slot {
    let (index, slot) = match ENVELOPE.iter().position(|known| *known == name) {
        Some(index) => (index, Slot::Envelope(index)),
        None if name == "trace_id" => (ENVELOPE.len(), Slot::TraceId),
        None if name == "span_id" => (ENVELOPE.len() + 1, Slot::SpanId),
        None => return Slot::Attribute,
    };
    if std::mem::replace(&mut taken[index], true) { Slot::Attribute } else { slot }
}
