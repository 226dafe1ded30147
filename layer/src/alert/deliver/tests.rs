//! Delivery, against receivers that fail in every way and against real ones.

mod faults;
mod forms;
mod kill;
mod real;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::storage::Memory;

/// An alert like any other.
pub(crate) fn alert(count: u64) -> Alert {
    Alert {
        detector: "auth_bruteforce".to_owned(),
        severity: Severity::High,
        status: Status::Firing,
        fingerprint: format!("{count:016x}"),
        channel: "security".to_owned(),
        starts_at: 1_795_255_200_000_000,
        updated_at: 1_795_255_200_000_000,
        ends_at: None,
        count,
        threshold: 5,
        summary: format!("{count} failed logins of one account in 10 minutes; 5 are the limit."),
        record: Some("019aa0f0-1111-7222-8333-444455556666".to_owned()),
        service: "clinic".to_owned(),
        instance: None,
    }
}

/// A secret of these tests, from a file, which is what a policy can name.
fn secret_file(text: &str) -> std::path::PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("dihya-secret-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("the folder of temporary files can be written");
    path
}

/// A policy with these receivers: `[alerts.sinks.NAME]` and what follows.
fn policy(sinks: &str) -> Policy {
    let text = format!("[storage]\nroot = \"/log\"\n[service]\nname = \"clinic\"\n{sinks}");
    Policy::parse(&text, "p").unwrap_or_else(|error| panic!("{}", error.report()))
}

/// A webhook to this address, signed with a key of these tests.
fn webhook(name: &str, url: &str) -> String {
    let key = secret_file("a key of tests");
    format!(
        "[alerts.sinks.{name}]\ntype = \"webhook\"\nurl = \"{url}\"\nsecret_file = \"{}\"\n",
        key.display()
    )
}

struct Running {
    delivery: Delivery,
    metrics: Arc<Metrics>,
    disk: Memory,
    clock: Clock,
}

fn start(policy: &Policy) -> Running {
    start_on(policy, &Memory::new(), Clock::system())
}

fn start_on(policy: &Policy, disk: &Memory, clock: Clock) -> Running {
    let metrics = Arc::new(Metrics::new(policy));
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let delivery = Delivery::start(policy, Path::new("/spool"), &storage, &clock, &Rng::seeded(7), &metrics)
        .expect("starts");
    Running { delivery, metrics, disk: disk.clone(), clock }
}

impl Running {
    fn end(&self) {
        self.delivery.shutdown(Instant::now() + Duration::from_secs(20));
    }

    fn counts(&self, sink: &str) -> [u64; 5] {
        Outcome::ALL.map(|outcome| self.metrics.deliveries(sink, outcome.name()))
    }
}

/// Waits until this is so.
fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < end, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
