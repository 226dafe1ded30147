//! A layer in a world without chance: its own clock, random bits and disk, and nothing that leaves unseen.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dihya::seal::Seal;
use dihya::storage::Memory;
use dihya::{Channel, Clock, Handle, Options, Policy, Record, Rng};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::canary::Canary;
use crate::raw::Raw;
use crate::search::{Leak, Search};
use crate::seed::Seed;

/// Runs code under a layer and captures all that comes out.
///
/// Before the code it logs words of its own, and afterwards finds them in every output that must have them: a capture
/// that sees nothing would find no leak either.
#[derive(Clone, Debug)]
pub struct World {
    policy: Policy,
    seed: u64,
    start: i64,
    control: bool,
    fields_alone: bool,
}

impl World {
    /// A world for a policy; its root is on a disk in memory, wherever the policy has it.
    pub fn new(policy: Policy) -> World {
        World { policy: policy.root("/logs"), seed: 1, start: START, control: false, fields_alone: false }
    }

    /// What ids are made from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> World {
        self.seed = seed;
        self
    }

    /// When it is, in microseconds since 1970; 2026-03-01T09:12:33.123456Z otherwise.
    #[must_use]
    pub fn at(mut self, unix_micros: i64) -> World {
        self.start = unix_micros;
        self
    }

    /// Keeps beside the outputs what a layer without redaction would have shown: [`Captured::unredacted`].
    #[must_use]
    pub fn with_control(mut self) -> World {
        self.control = true;
        self
    }

    /// Tells the shapes to log in fields alone.
    pub(crate) fn fields_alone(mut self, fields_alone: bool) -> World {
        self.fields_alone = fields_alone;
        self
    }

    /// Runs `act` on this thread with the layer as its subscriber, shuts the layer down and answers all outputs.
    ///
    /// # Panics
    /// If the layer does not open, loses a record, or the capture does not work: tests stand on all of these.
    pub fn run(self, act: impl FnOnce(&Scene)) -> Captured {
        let disk = Memory::new();
        let clock = Clock::manual(self.start);
        let mirror = Capture::default();
        let options = || {
            Options::new(self.policy.clone())
                .storage(Arc::new(disk.clone()))
                .clock(clock.clone())
                .rng(Rng::seeded(self.seed))
                .warn_of_siblings(!self.control)
        };
        let (layer, guard) = options()
            .mirror(mirror.clone())
            // The control is such a sibling, and there on purpose.
            .warn_of_siblings(!self.control)
            .open()
            .unwrap_or_else(|e| panic!("the layer does not open: {e}"));
        let raw = Raw::default();
        let scene = Scene {
            handle: guard.handle(),
            clock: clock.clone(),
            said: Capture::default(),
            raw: raw.clone(),
            fields_alone: self.fields_alone,
        };
        let [before, after] = words(self.seed);
        let subscriber = tracing_subscriber::registry().with(layer).with(self.control.then_some(raw.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "dihya_compliance", "control {before}");
            act(&scene);
            tracing::error!(target: "dihya_compliance", "control {after}");
        });
        let direct = scene.handle.record(Record::new(Channel::APP, "control").message(&after));
        assert!(direct.is_ok(), "the direct path does not work");

        scene.say_error(&options().open().err());
        scene.say_error(&scene.handle.reload(self.policy.clone().root("/elsewhere")).err());
        let metrics = scene.handle.metrics();
        let handle = scene.handle.clone();
        let report = guard.shutdown(Duration::from_secs(30));
        scene.say_error(&handle.commit(Channel::APP).err());
        scene.say_error(&handle.record(Record::audit("late")).err());
        scene.say(&format!("{report}\n{report:?}"));
        assert!(report.is_complete(), "records were lost: {report}");

        let mut outputs = Vec::new();
        let mut paths = String::new();
        for (path, bytes) in disk.files() {
            paths.push_str(&format!("{}\n", path.display()));
            // Whatever is on the disk is an output: shards, quarantine, and what later versions write.
            if !OWN.iter().any(|own| path.ends_with(own)) {
                outputs.push((format!("file {}", path.display()), bytes));
            }
        }
        outputs.push(("mirror".to_owned(), mirror.bytes()));
        outputs.push(("metrics".to_owned(), metrics.into_bytes()));
        outputs.push(("errors".to_owned(), scene.said.bytes()));
        outputs.push(("paths".to_owned(), paths.into_bytes()));
        let captured = Captured { outputs, unredacted: raw.bytes() };
        captured.prove([&before, &after]);
        captured
    }
}

/// What code in a [`World`] may use besides `tracing`.
#[derive(Debug)]
pub struct Scene {
    /// The open layer.
    pub handle: Handle,
    /// The world's clock.
    pub clock: Clock,
    said: Capture,
    raw: Raw,
    pub(crate) fields_alone: bool,
}

impl Scene {
    /// Adds to the captured outputs what the code itself would print.
    pub fn say(&self, text: &str) {
        // A Vec takes everything.
        let _ = writeln!(self.said.clone(), "{text}");
    }

    /// The same for an error, as `Display` and as `Debug`, with all its causes.
    pub fn say_error<E: std::error::Error>(&self, error: &Option<E>) {
        let Some(error) = error else { return self.say("no error") };
        self.say(&format!("{error}\n{error:?}"));
        let mut cause = error.source();
        while let Some(error) = cause {
            self.say(&format!("{error}\n{error:?}"));
            cause = error.source();
        }
    }

    /// Tells the control what goes to the layer without `tracing`: [`Captured::unredacted`].
    pub fn raw(&self, text: &str) {
        self.raw.add(text.as_bytes());
    }
}

/// Everything that came out of a [`World`].
#[derive(Clone)]
pub struct Captured {
    outputs: Vec<(String, Vec<u8>)>,
    unredacted: Vec<u8>,
}

impl Captured {
    /// Name and bytes of each output: every shard file, `mirror`, `metrics`, `errors`, `paths`.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.outputs.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Adds an output that was captured elsewhere, such as a child's stderr.
    pub fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.outputs.push((name.into(), bytes.into()));
    }

    /// The text of one output; empty if there is none of this name.
    pub fn text(&self, name: &str) -> String {
        self.outputs()
            .filter(|(output, _)| *output == name)
            .map(|(_, bytes)| String::from_utf8_lossy(bytes))
            .collect()
    }

    /// All records of all shards, one line each, without those of the harness. Seals are none, nor is what the ledger has.
    pub fn records(&self) -> Vec<String> {
        let is_shard = |name: &str| {
            name.starts_with("file ") && name.ends_with(".jsonl") && !name.ends_with("/ledger/ledger.jsonl")
        };
        let shards = self.outputs().filter(|(name, _)| is_shard(name));
        let text: String = shards.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
        let own = |line: &&str| !line.contains("\"control ") && !line.contains("\"event_name\":\"control\"");
        let sealed = text.lines().filter(|line| !Seal::is(line.as_bytes()));
        sealed.filter(own).map(str::to_owned).collect()
    }

    /// What a layer without redaction would have shown, if the world was made [`World::with_control`]. It is no output.
    pub fn unredacted(&self) -> &[u8] {
        &self.unredacted
    }

    /// Looks for canaries in every output.
    pub fn leaks<'a>(&self, canaries: impl IntoIterator<Item = &'a Canary>) -> Vec<Leak> {
        Search::new(canaries).leaks(self.outputs())
    }

    /// Fails unless the text is both in a file and in the mirror: what must not be redacted is not.
    #[track_caller]
    pub fn assert_shows(&self, text: &str) {
        let shows = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        let in_file = self.outputs().any(|(name, bytes)| name.starts_with("file ") && shows(bytes));
        let in_mirror = self.outputs().any(|(name, bytes)| name == "mirror" && shows(bytes));
        assert!(
            in_file && in_mirror,
            "`{text}` is missing in {}",
            if in_file { "the mirror" } else { "the files" }
        );
    }

    fn prove(&self, words: [&str; 2]) {
        for word in words {
            let has = |wanted: &str| {
                let mut outputs = self.outputs().filter(|(name, _)| name.starts_with(wanted));
                outputs.any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(word))
            };
            assert!(has("file "), "the capture does not work: the control is in no file");
            assert!(has("mirror"), "the capture does not work: the control is not in the mirror");
        }
        // Metrics and errors hold no values: what they must have is themselves.
        assert!(self.text("metrics").contains("# HELP"), "the capture does not work: no metrics");
        assert!(self.text("errors").contains("was not accepted"), "the capture does not work: no errors");
        assert!(self.text("paths").contains(".jsonl"), "the capture does not work: no paths");
    }
}

/// Names and sizes alone: a failure message must not show what leaked.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.outputs.iter().map(|(name, bytes)| (name, bytes.len()))).finish()
    }
}

#[derive(Clone, Debug, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Capture {
    type Writer = Capture;

    fn make_writer(&self) -> Capture {
        self.clone()
    }
}

/// Two words that no detector minds.
fn words(seed: u64) -> [String; 2] {
    let mut seed = Seed::new(seed ^ 0xc0_ffee);
    [(); 2].map(|()| seed.text(b"aeioulnrst", 12))
}

/// Files without any of what was logged: the lock with its process id, the reserve of random bytes.
const OWN: &[&str] = &[".lock", ".reserve"];

/// 2026-03-01T09:12:33.123456Z
const START: i64 = 1_772_356_353_123_456;
