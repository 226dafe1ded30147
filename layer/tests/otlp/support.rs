//! The receiver as a process, and a service with a folder of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dihya::{Channel, Guard, Handle, Policy};
use serde_json::Value;

/// As a policy names them.
pub(crate) const BOTH: [&str; 2] = ["http/protobuf", "grpc"];

/// A Python with `opentelemetry-proto` and `grpcio`, if the test run was told where it is.
pub(crate) fn python(test: &str) -> Option<OsString> {
    program(test, "DIHYA_OTLP_PYTHON")
}

/// A program that is not ours, likewise.
#[expect(clippy::print_stdout, reason = "it is a test's own report")]
pub(crate) fn program(test: &str, variable: &str) -> Option<OsString> {
    let found = std::env::var_os(variable).filter(|path| !path.is_empty());
    if found.is_none() {
        let why = format!("{test}: {variable} is not set");
        println!("{why}");
        if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
            let list = fs::OpenOptions::new().append(true).create(true).open(list);
            list.and_then(|mut list| writeln!(list, "{why}")).unwrap();
        }
    }
    found
}

/// A folder of this test alone.
pub(crate) fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("dihya-otlp-{name}-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

/// Asks until the answer is right, for two minutes at most (a machine may have much else to do); the last answer.
pub(crate) fn until<T>(ask: impl Fn() -> T, is_right: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let answer = ask();
        if is_right(&answer) || Instant::now() > end {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) struct Receiver {
    child: Child,
    folder: PathBuf,
    protocol: &'static str,
    ports: [u16; 2],
    /// Certificate and key.
    tls: Vec<PathBuf>,
}

impl Receiver {
    pub(crate) fn start(python: &OsString, protocol: &'static str) -> Receiver {
        Receiver::with_tls(python, protocol, Vec::new())
    }

    /// For a protocol whose name begins with `tls:`.
    pub(crate) fn with_tls(python: &OsString, protocol: &'static str, tls: Vec<PathBuf>) -> Receiver {
        let folder = folder("receiver");
        let (child, ports) = spawn(python, &folder, [0, 0], &tls);
        Receiver { child, folder, protocol, ports, tls }
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// On the same ports.
    pub(crate) fn start_again(&mut self, python: &OsString) {
        self.child = spawn(python, &self.folder, self.ports, &self.tls).0;
    }

    fn port(&self) -> u16 {
        self.ports[usize::from(self.protocol.ends_with("grpc"))]
    }

    pub(crate) fn plan(&self, steps: &[&str]) {
        fs::write(self.folder.join("plan"), steps.join("\n") + "\n").unwrap();
    }

    fn all(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Those with this event name, as they came.
    pub(crate) fn records(&self, event: &str) -> Vec<Value> {
        self.all().into_iter().filter(|record| record["event_name"] == event).collect()
    }

    /// The attribute `n` of each.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.records("read").iter().map(|record| record["attributes"]["n"]["int"].as_i64().unwrap()).collect()
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let id =
            |record: &Value| record["attributes"]["log.record.uid"]["string"].as_str().unwrap().to_owned();
        self.records("read").iter().map(id).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(python: &OsString, folder: &Path, ports: [u16; 2], tls: &[PathBuf]) -> (Child, [u16; 2]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otlp/receiver.py");
    let mut child = Command::new(python)
        .arg(script)
        .args([folder.join("plan"), folder.join("out")])
        .args(ports.map(|port| port.to_string()))
        .args(tls)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap());
    let mut port = || numbers.next().unwrap_or_else(|| panic!("the receiver did not start"));
    (child, [port(), port()])
}

pub(crate) fn policy(root: &Path, protocol: &str, port: u16, more: &str, token: bool) -> Policy {
    let headers = root.join("headers");
    let token = match token {
        true => {
            fs::write(&headers, "# for the receiver\nX-Token: for-tests\n").unwrap();
            format!("headers_file = \"{}\"\n", headers.display())
        }
        false => String::new(),
    };
    let (scheme, protocol) = match protocol.strip_prefix("tls:") {
        Some(protocol) => ("https", protocol),
        None => ("http", protocol),
    };
    let text = format!(
        "panic_hook = false\nservice = {{ name = \"clinic\", version = \"1.4.2\", instance = \"i1\" }}\n\
         storage = {{ root = \"{}/logs\" }}\n[channels.audit]\nshard_size = \"128 KiB\"\n\
         [otlp]\nendpoint = \"{scheme}://127.0.0.1:{port}\"\nprotocol = \"{protocol}\"\ntimeout = \"5s\"\n{token}{more}",
        root.display()
    );
    Policy::parse(&text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// A service that exports.
pub(crate) struct World {
    pub(crate) guard: Option<Guard>,
    folder: PathBuf,
    text: (String, u16, String),
}

impl World {
    pub(crate) fn new(receiver: &Receiver, more: &str) -> World {
        let folder = folder("service");
        let text = (receiver.protocol.to_owned(), receiver.port(), more.to_owned());
        let mut world = World { guard: None, folder, text };
        world.open();
        world
    }

    fn policy(&self) -> Policy {
        let (protocol, port, more) = &self.text;
        policy(&self.folder, protocol, *port, more, true)
    }

    pub(crate) fn open(&mut self) {
        let (_layer, guard) = dihya::open(self.policy()).unwrap();
        self.guard = Some(guard);
    }

    pub(crate) fn close(&mut self) {
        self.guard = None;
    }

    /// Records, and has them durable.
    pub(crate) fn log<R>(&self, records: impl FnOnce(&Handle) -> R) -> R {
        let handle = self.guard.as_ref().unwrap().handle();
        let result = records(&handle);
        handle.commit(Channel::AUDIT).unwrap();
        result
    }

    /// A channel's records in its files.
    pub(crate) fn stored(&self, channel: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder.join("logs/i1").join(channel)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                let text = fs::read_to_string(path).unwrap();
                let lines = text.lines().filter(|line| !dihya::seal::Seal::is(line.as_bytes()));
                all.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
            }
        }
        all
    }

    /// A process that logs and exports, killed so long after it has logged something.
    pub(crate) fn run_child_for(&self, time: Duration, first: i64) {
        let (protocol, port, more) = &self.text;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_is_killed", "--nocapture"])
            .env(CHILD, &self.folder)
            .env("DIHYA_TEST_OTLP", format!("{protocol} {port} {first} {}", more.trim()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bytes = || -> u64 {
            let files = fs::read_dir(self.folder.join("logs/i1/audit")).into_iter().flatten();
            files.filter_map(|file| file.ok()?.metadata().ok()).map(|meta| meta.len()).sum()
        };
        let before = bytes();
        until(bytes, |now| *now > before + 100_000);
        std::thread::sleep(time);
        child.kill().unwrap();
        assert!(child.wait().unwrap().code().is_none(), "the child ended by itself");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.guard = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The policy of a child, and the first number that it logs.
pub(crate) fn child() -> Option<(Policy, i64)> {
    let folder = PathBuf::from(std::env::var_os(CHILD)?);
    let text = std::env::var("DIHYA_TEST_OTLP").unwrap();
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (protocol, port, first, more) = (word(), word().parse().unwrap(), word().parse().unwrap(), word());
    Some((policy(&folder, protocol, port, &format!("{more}\n"), true), first))
}

/// Microseconds since 1970 of a record's timestamp.
pub(crate) fn micros(timestamp: &str) -> i64 {
    dihya::query::time(timestamp, 0).unwrap()
}

const CHILD: &str = "DIHYA_TEST_OTLP_FOLDER";
