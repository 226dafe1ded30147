//! Receivers that fail: nothing is lost that was not refused, and nobody waits for another.

use super::server::{Reply, Server};
use super::*;

#[test]
fn a_receiver_that_fails_in_every_way_gets_the_alert_at_last_and_always_under_one_key() {
    let server = Server::start(|number, _| match number {
        // First: the wait after a first failure is shorter than three seconds by itself.
        0 => Reply::With(429, "Retry-After", "3".to_owned()),
        1 => Reply::Status(500),
        2 => Reply::Die,
        3 => Reply::Hang,
        _ => Reply::Status(202),
    });
    let running = start(&policy(&webhook("a", &server.url)));
    running.delivery.offer(alert(7));
    until("it is delivered", || running.counts("a")[0] == 1);
    let got = server.got();
    assert_eq!(got.len(), 5);
    assert_eq!(server.counts(), [7; 5]);
    let keys: Vec<&str> = got.iter().map(|got| got.header("Idempotency-Key")).collect();
    assert!(keys[0].len() == 32 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(got[0].json()["id"], keys[0]);
    assert!(got[1].at - got[0].at >= Duration::from_secs(3), "it had asked for three seconds");
    assert_eq!(running.counts("a"), [1, 4, 0, 0, 0]);
    running.end();
    assert_eq!(spool::look(&running.disk, Path::new("/spool/a")).expect("reads").0.len(), 0);
}

#[test]
fn what_is_refused_for_good_goes_alone_and_the_rest_of_its_group_arrives() {
    for status in [400, 410] {
        let server = Server::start(move |_, body| {
            Reply::Status(if body.contains("\"count\":2,") { status } else { 200 })
        });
        let running = start(&policy(&webhook("a", &server.url)));
        (1..=3).for_each(|count| running.delivery.offer(alert(count)));
        until("all are judged", || running.counts("a")[0] == 2 && running.counts("a")[3] == 1);
        assert_eq!(
            server.got()[0].json()["data"]["alerts"].as_array().map(Vec::len),
            Some(3),
            "one message first"
        );
        running.end();
        assert_eq!(running.counts("a"), [2, 0, 0, 1, 0]);
        assert_eq!(spool::look(&running.disk, Path::new("/spool/a")).expect("reads").0.len(), 0);
    }
}

#[test]
fn a_receiver_that_hangs_and_one_that_is_not_there_delay_no_other() {
    let hangs = Server::start(|_, _| Reply::Hang);
    let quick = Server::start(|_, _| Reply::Status(200));
    let sinks =
        [webhook("hangs", &hangs.url), webhook("nobody", "http://127.0.0.1:9"), webhook("quick", &quick.url)];
    let running = start(&policy(&sinks.concat()));
    for count in 1..=3 {
        running.delivery.offer(alert(count));
        let began = Instant::now();
        until("the quick one has it", || running.counts("quick")[0] == count);
        // Half a second of it is the wait for company.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert_eq!((running.counts("hangs")[0], running.counts("nobody")[0]), (0, 0));
    until("the one that is not there was tried", || running.counts("nobody")[1] > 0);
    let began = Instant::now();
    running.delivery.shutdown(Instant::now() + Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_secs(2), "the deadline holds");
    let told = undelivered(&running.disk, Path::new("/spool")).expect("reads");
    let told: Vec<_> = told.iter().map(|sink| (sink.sink.as_str(), sink.alerts)).collect();
    assert_eq!(told, [("hangs", 3), ("nobody", 3), ("quick", 0)]);
}

#[test]
fn status_tells_what_waits_and_why() {
    let server = Server::start(|_, _| Reply::Status(503));
    let running = start(&policy(&webhook("a", &server.url)));
    running.delivery.offer(alert(1));
    until("it was tried twice", || running.counts("a")[1] >= 2);
    let told = undelivered(&running.disk, Path::new("/spool")).expect("reads").remove(0);
    assert_eq!((told.alerts, told.waiting[0].count), (1, 1));
    assert!(told.bytes > 100 && told.oldest.is_some() && told.attempts >= 1);
    assert_eq!(told.last_error.expect("an error").1, "HTTP 503");
}

#[test]
fn what_nobody_takes_is_given_up_after_a_day() {
    let server = Server::start(|_, _| Reply::Status(503));
    let clock = Clock::manual(1_795_255_200_000_000);
    let running = start_on(&policy(&webhook("a", &server.url)), &Memory::new(), clock);
    running.delivery.offer(alert(1));
    until("it was tried", || running.counts("a")[1] >= 1);
    assert_eq!(running.counts("a")[4], 0);
    running.clock.set(1_795_255_200_000_000 + 86_400_000_001);
    until("it is expired", || running.counts("a")[4] == 1);
    running.end();
    assert_eq!(spool::look(&running.disk, Path::new("/spool/a")).expect("reads").0.len(), 0);
}

#[test]
fn a_flood_never_waits_and_every_loss_is_counted() {
    let policy = policy(&webhook("a", "http://127.0.0.1:9"));
    let metrics = Arc::new(Metrics::new(&policy));
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let (clock, rng) = (Clock::system(), Rng::system());
    let sink =
        Sink::open(&policy.delivery.sinks[0], 1 << 20, Path::new("/spool"), &storage, &clock, &rng, &metrics);
    // Nobody empties the queue, as if the disk hung.
    let shared = Arc::new(Shared {
        sinks: vec![Arc::new(sink.expect("opens"))],
        metrics: Arc::clone(&metrics),
        queue: Mutex::default(),
        changed: Condvar::new(),
    });
    shared.queue().ended = true;
    let delivery = Delivery(Some(Arc::clone(&shared)));
    let began = Instant::now();
    (0..5_000).for_each(|count| delivery.offer(alert(count)));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(shared.queue().waiting.len(), QUEUE);
    assert_eq!(metrics.deliveries("a", "dropped"), 5_000 - QUEUE as u64);
}

#[test]
fn a_full_spool_loses_its_oldest_counted_and_delivers_the_rest() {
    let server = Server::start(|number, _| Reply::Status(if number < 2 { 503 } else { 200 }));
    let sinks = format!("[alerts]\nspool_bytes = \"64 KiB\"\n{}", webhook("a", &server.url));
    let running = start(&policy(&sinks));
    (0..600).for_each(|count| running.delivery.offer(alert(count)));
    until("each is delivered or dropped", || {
        let counts = running.counts("a");
        counts[0] + counts[2] == 600
    });
    let counts = running.counts("a");
    assert!(counts[2] > 400 && counts[0] > 30, "{counts:?}");
    assert!(server.counts().contains(&599), "the newest is there");
}

#[test]
fn a_receiver_hears_only_of_what_is_severe_enough() {
    let server = Server::start(|_, _| Reply::Status(200));
    let sinks = format!("{}min_severity = \"high\"\n", webhook("a", &server.url));
    let running = start(&policy(&sinks));
    for (count, severity) in (1..).zip(Severity::ALL) {
        running.delivery.offer(Alert { severity, ..alert(count) });
    }
    until("two are delivered", || running.counts("a")[0] == 2);
    running.end();
    assert_eq!(server.counts(), [3, 4]);
}
