//! A layer in a controlled world: a disk in memory, a clock that stands still, the same ids in every run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use dihya::{Clock, CommitError, DihyaLayer, Guard, Handle, Options, Policy, Rng, storage::Memory};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

/// 2026-11-20T12:00:00Z
pub(crate) const NOON: i64 = 1_795_176_000_000_000;

pub(crate) struct World {
    pub(crate) guard: Guard,
    pub(crate) handle: Handle,
    pub(crate) dispatch: Dispatch,
    pub(crate) clock: Clock,
    disk: Memory,
    policy: Policy,
}

impl World {
    /// The layer alone.
    pub(crate) fn new() -> World {
        World::with("")
    }

    /// The layer alone, with a policy that says this too.
    pub(crate) fn with(policy: &str) -> World {
        World::among(policy, |layer| Dispatch::new(tracing_subscriber::registry().with(layer)))
    }

    /// The layer in a subscriber of the test's own.
    pub(crate) fn among(policy: &str, subscriber: impl FnOnce(DihyaLayer) -> Dispatch) -> World {
        let policy = policy_of(policy);
        let (disk, clock) = (Memory::new(), Clock::manual(NOON));
        let (layer, guard) = options(&policy, &disk, &clock).open().unwrap();
        let handle = guard.handle();
        World { guard, handle, dispatch: subscriber(layer), clock, disk, policy }
    }

    /// The layer alone, opened with other options.
    pub(crate) fn opened(policy: &str, set: impl FnOnce(Options) -> Options) -> World {
        let policy = policy_of(policy);
        let (disk, clock) = (Memory::new(), Clock::manual(NOON));
        let (layer, guard) = set(options(&policy, &disk, &clock)).open().unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        World { handle: guard.handle(), guard, dispatch, clock, disk, policy }
    }

    /// Runs `f` with the world's subscriber.
    pub(crate) fn log<R>(&self, f: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, f)
    }

    /// A channel's records as stored, a line each; without the seals.
    pub(crate) fn stored(&self, channel: &str) -> String {
        match self.handle.commit(self.policy.channel(channel).unwrap()) {
            // The test's own filter: what did reach the channel is on disk.
            Ok(()) | Err(CommitError::Silenced { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        self.written(channel)
    }

    /// The same without a commit.
    pub(crate) fn written(&self, channel: &str) -> String {
        let folder = format!("/logs/{channel}/");
        let files = self.disk.files();
        let of_channel = files
            .iter()
            .filter(|(path, _)| path.starts_with(&folder) && path.extension().is_some_and(|e| e == "jsonl"));
        of_channel.map(|(_, bytes)| without_seals(bytes)).collect()
    }

    /// A file's text.
    pub(crate) fn file(&self, path: &str) -> String {
        let files = self.disk.files();
        let bytes =
            files.into_iter().find_map(|(name, bytes)| (name.to_str() == Some(path)).then_some(bytes));
        String::from_utf8(bytes.unwrap_or_else(|| panic!("no file {path}"))).unwrap()
    }

    /// A channel's records, each line checked to be one.
    pub(crate) fn records(&self, channel: &str) -> Vec<Value> {
        parse(&self.stored(channel))
    }

    /// The only record of a channel.
    pub(crate) fn record(&self, channel: &str) -> Value {
        let mut records = self.records(channel);
        assert_eq!(records.len(), 1, "records on {channel}");
        records.remove(0)
    }

    /// A metric's value, named with its labels as exposed.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.handle.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name}")).parse().unwrap()
    }
}

/// The records of a file, a line each.
pub(crate) fn without_seals(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("a file that is no UTF-8"));
    text.split_inclusive('\n').filter(|line| !dihya::seal::Seal::is(line.as_bytes())).collect()
}

/// The test's policy over a base: everything is recorded from INFO on, panics of tests are not.
pub(crate) fn policy_of(text: &str) -> Policy {
    let base = "panic_hook = false\nservice = { name = \"clinic\", version = \"1.4.2\" }\nstorage = { root = \"/logs\" }\n";
    // Keys before tables, as TOML wants it.
    Policy::parse(&format!("{base}{text}"), "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn options(policy: &Policy, disk: &Memory, clock: &Clock) -> Options {
    Options::new(policy.clone()).storage(Arc::new(disk.clone())).clock(clock.clone()).rng(Rng::seeded(7))
}

/// One record per line, none too long, no control character, no key twice.
pub(crate) fn parse(lines: &str) -> Vec<Value> {
    assert!(lines.is_empty() || lines.ends_with('\n'), "the last line is whole");
    lines
        .split_terminator('\n')
        .map(|line| {
            assert!(line.len() < 65_535, "a record has {} bytes", line.len());
            assert!(!line.chars().any(char::is_control), "a control character in a line");
            let strict: Strict = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}"));
            strict.0
        })
        .collect()
}

/// Waits for a future on this thread.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// `record[key]` of an attribute.
pub(crate) fn attribute<'a>(record: &'a Value, key: &str) -> &'a Value {
    &record["attributes"][key]
}

/// A value that no detector knows: only what its field is called hides it.
pub(crate) fn canary(number: u32) -> String {
    format!("sword{}-{number}", "fish")
}

/// JSON in which no object has a key twice.
struct Strict(Value);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Strict, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(Strict(item)) = seq.next_element()? {
                    items.push(item);
                }
                Ok(items.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let (mut seen, mut object) = (BTreeSet::new(), Map::new());
                while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                    object.insert(key, value);
                }
                Ok(object.into())
            }
        }
        from.deserialize_any(Any).map(Strict)
    }
}
