//! Alerts tell of people's doings, and never who they are nor what they sent.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dihya::alert::Alert;
use dihya::storage::Memory;
use dihya::{Channel, Options, Policy, Record, Sector};
use dihya_compliance::{Canary, Search, Seed};

/// Five failed logins by each of them, with a secret of every kind beside the name.
#[test]
fn no_alert_names_anybody_or_repeats_what_was_sent() {
    let mut seed = Seed::new(11);
    let people: Vec<Canary> = (0..6).map(|_| Canary::plain(&mut seed)).collect();
    let secrets: Vec<Canary> =
        dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)).collect();
    let heard: Arc<Mutex<Vec<Alert>>> = Arc::default();
    let theirs = Arc::clone(&heard);
    let disk = Memory::new();
    let (_layer, guard) = Options::new(Policy::sector(Sector::Health).root("/logs"))
        .storage(Arc::new(disk.clone()))
        .on_alert(move |alert| theirs.lock().unwrap().push(alert.clone()))
        .open()
        .unwrap();
    let handle = guard.handle();
    for (number, secret) in secrets.iter().enumerate() {
        let person = &people[number % people.len()];
        let record = Record::security("authn_login_fail")
            .field("user_id", person.text())
            .field("tenant_id", person.text())
            .field("client.address", "192.0.2.7")
            .field("note", secret.text())
            .message(secret.text());
        handle.record(record).unwrap();
    }
    handle.commit(Channel::SECURITY).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while heard.lock().unwrap().len() < people.len() {
        assert!(Instant::now() < until, "the detectors say nothing: the capture does not work");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(guard.shutdown(Duration::from_secs(10)));

    let alerts = serde_json::to_vec(&*heard.lock().unwrap()).unwrap();
    let text = String::from_utf8_lossy(&alerts).into_owned();
    assert!(text.contains("auth_bruteforce") && text.contains("\"fingerprint\""), "safe parts are there");
    // A positive control: who it was does stand in the log.
    let log: Vec<u8> = disk
        .files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("/logs/security"))
        .flat_map(|f| f.1)
        .collect();
    let search = Search::new(&people);
    let named = search.leaks([("log", log.as_slice())]);
    assert_eq!(
        named.iter().map(|leak| leak.canary).collect::<std::collections::BTreeSet<_>>().len(),
        people.len()
    );

    assert!(search.leaks([("alerts", alerts.as_slice())]).is_empty(), "an alert names somebody");
    let leaks = Search::new(&secrets).leaks([("alerts", alerts.as_slice())]);
    let kinds: Vec<_> = leaks.iter().map(|leak| secrets[leak.canary].detector()).collect();
    assert!(kinds.is_empty(), "an alert repeats what was sent: {kinds:?}");
}
