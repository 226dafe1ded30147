//! From an event to whoever is to know: receivers and hooks of a running layer.

#![cfg(feature = "alerts")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dihya::hook::{Happened, Hook, Moment};
use dihya::storage::Memory;
use dihya::{Channel, Generation, Guard, Options, Policy, Record};
use serde_json::Value;

fn options(disk: &Memory, more: &str) -> Options {
    let text = format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"/log\"\n{more}");
    Options::new(Policy::parse(&text, "p").unwrap()).storage(Arc::new(disk.clone()))
}

fn fail_logins(guard: &Guard, user: &str) {
    for _ in 0..5 {
        let record = Record::security("authn_login_fail").field("user_id", user);
        guard.handle().record(record).unwrap();
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < end, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server that accepts, and never answers.
fn hangs() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().collect();
        drop(kept);
    });
    url
}

struct Server(Child, PathBuf);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

#[expect(clippy::print_stdout, reason = "it is a test's own report")]
fn alertmanager(test: &str) -> Option<(Server, u16)> {
    let Some(program) = std::env::var_os("DIHYA_ALERTMANAGER").filter(|path| !path.is_empty()) else {
        let why = format!("{test}: DIHYA_ALERTMANAGER is not set");
        println!("{why}");
        if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
            let mut list = std::fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
            writeln!(list, "{why}").unwrap();
        }
        return None;
    };
    let folder = std::env::temp_dir().join(format!("dihya-delivery-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("am.yml");
    std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = Server(child.unwrap(), folder);
    until("alertmanager answers", || active(port).is_some());
    Some((server, port))
}

fn active(port: u16) -> Option<Vec<Value>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET /api/v2/alerts HTTP/1.0\r\nhost: x\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn failed_logins_are_soon_known_to_a_real_alertmanager() {
    let name = "failed_logins_are_soon_known_to_a_real_alertmanager";
    let Some((_server, port)) = alertmanager(name) else { return };
    let sink = format!("[alerts.sinks.pager]\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}\"\n");
    let (_layer, guard) = options(&Memory::new(), &sink).open().unwrap();
    let mut longest = Duration::ZERO;
    for round in 1..=5 {
        fail_logins(&guard, &format!("grace-hopper-{round}"));
        let began = Instant::now();
        until("it is there", || active(port).is_some_and(|alerts| alerts.len() == round));
        longest = longest.max(began.elapsed());
    }
    // Two seconds are the goal; how busy the machine of a test is, nobody knows.
    println!("from the event to Alertmanager, the longest of five: {longest:?}");
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    let alerts = active(port).unwrap();
    assert_eq!(alerts[0]["labels"]["alertname"], "auth_bruteforce");
    assert!(!Value::from(alerts).to_string().contains("hopper"), "nobody is named");
    let count = "dihya_alert_deliveries_total{outcome=\"delivered\",sink=\"pager\"} 5";
    until("it is counted", || guard.handle().metrics().contains(count));
}

#[test]
fn a_receiver_that_hangs_holds_up_neither_records_nor_the_end_and_is_told_after_a_restart() {
    let disk = Memory::new();
    let key = std::env::temp_dir().join(format!("dihya-delivery-key-{}", std::process::id()));
    std::fs::write(&key, "a key of tests").unwrap();
    let sink = |url: &str| {
        format!(
            "[alerts.sinks.siem]\ntype = \"webhook\"\nurl = \"{url}\"\nsecret_file = \"{}\"\n",
            key.display()
        )
    };
    let (_layer, guard) = options(&disk, &sink(&hangs())).open().unwrap();
    fail_logins(&guard, "u-1");
    let waits = || disk.files().keys().any(|path| path.starts_with("/log/state/spool/siem"));
    until("it waits on disk", waits);
    let began = Instant::now();
    for n in 0..2_000 {
        guard.handle().record(Record::new(Channel::APP, "e").number("n", n)).unwrap();
    }
    guard.handle().commit(Channel::APP).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = Instant::now();
    assert!(guard.shutdown(Duration::from_secs(1)).is_complete());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (_layer, guard) = options(&disk, &sink(&url)).open().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut text = [0; 4096];
    let mut got = String::new();
    while !got.contains("auth_bruteforce") {
        let read = stream.read(&mut text).unwrap();
        assert!(read > 0, "another message came: {got}");
        got.push_str(&String::from_utf8_lossy(&text[..read]));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    drop(guard);
    std::fs::remove_file(key).unwrap();
}

#[test]
fn a_secret_that_is_not_there_keeps_the_service_from_starting() {
    let sink = "[alerts.sinks.chat]\ntype = \"slack\"\nurl_env = \"DIHYA_NO_SUCH_VARIABLE\"\n";
    let error = options(&Memory::new(), sink).open().map(drop).unwrap_err().to_string();
    assert!(
        error.contains("alerts.sinks.chat.url_env") && error.contains("DIHYA_NO_SUCH_VARIABLE is not set"),
        "{error}"
    );
}

struct Told(&'static str, Arc<Mutex<Vec<Happened>>>);

impl Hook for Told {
    fn name(&self) -> &str {
        self.0
    }

    fn run(&self, happened: &Happened) -> Result<(), Box<dyn Error + Send + Sync>> {
        if happened.moment == Moment::Export {
            panic!("as it was asked to");
        }
        self.1.lock().unwrap().push(happened.clone());
        Ok(())
    }
}

#[test]
fn a_hook_hears_of_a_generation_by_its_records_id_and_its_panic_harms_nothing() {
    let heard: Arc<Mutex<Vec<Happened>>> = Arc::default();
    let (_layer, guard) =
        options(&Memory::new(), "").hook(Told("officer", Arc::clone(&heard))).open().unwrap();
    assert_eq!(guard.handle().export_generations("/log/export.jsonl").unwrap(), 0);
    let generation = Generation {
        user_id: "u_17".into(),
        project_name: "shop".into(),
        files: vec!["a.rs".into()],
        ..Generation::default()
    };
    let recorded = guard.handle().record_generation(&generation).unwrap();
    let handle = guard.handle();
    assert!(guard.shutdown(Duration::from_secs(10)).is_complete());
    let [happened] = heard.lock().unwrap().clone().try_into().unwrap();
    assert_eq!((happened.moment, happened.outcome, happened.count), (Moment::Generation, "success", 1));
    assert_eq!(happened.id, recorded.receipt.id().to_string());
    assert!(!format!("{happened:?}").contains("u_17"));
    for count in ["outcome=\"done\"} 1", "outcome=\"panicked\"} 1"] {
        let line = format!("dihya_hook_runs_total{{hook=\"officer\",{count}");
        assert!(handle.metrics().contains(&line), "{line}");
    }
}

#[test]
fn two_hooks_of_one_name_or_with_a_name_that_is_no_label_are_refused() {
    let open = |names: [&'static str; 2]| {
        let options = options(&Memory::new(), "");
        let hooks = names.map(|name| Told(name, Arc::default()));
        let [one, two] = hooks;
        options.hook(one).hook(two).open().map(drop)
    };
    assert!(open(["a", "b"]).is_ok());
    assert!(open(["a", "a"]).unwrap_err().to_string().contains("no other hook has"));
    assert!(open(["a", "user 17"]).unwrap_err().to_string().contains("lower-case letters"));
}
