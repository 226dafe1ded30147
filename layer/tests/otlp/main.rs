//! Records exported over both protocols to a receiver that is not ours: `receiver.py`, with OpenTelemetry's own messages.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use dihya::{Channel, Record};
use serde_json::{Value, json};

use support::{BOTH, Receiver, World, python, until};

#[test]
fn every_field_of_the_mapping_arrives_over_both_protocols_with_and_without_gzip() {
    let Some(python) = python("every_field_of_the_mapping_arrives_over_both_protocols_with_and_without_gzip")
    else {
        return;
    };
    for protocol in BOTH {
        for compression in ["gzip", "none"] {
            let receiver = Receiver::start(&python, protocol);
            let more = format!(
                "compression = \"{compression}\"\nresource = [\"deployment.environment.name=test\"]\n"
            );
            let world = World::new(&receiver, &more);
            let id = world.log(|handle| {
                let record = Record::new(Channel::AUDIT, "sensitive_read")
                    .message("opened \u{1b}[31m the file of ada@example.org")
                    .field("outcome", "success")
                    .field("user_id", "u-42")
                    .field("tenant_id", "t-1")
                    .field("subject_id", "p-7")
                    .field("trace_id", "0af7651916cd43dd8448eb211c80319c")
                    .field("span_id", "b7ad6b7169203331")
                    .field("dihya.channel", "a field of a strange name")
                    .number("n", -7);
                handle.record(record).unwrap().id().to_string()
            });
            let got = until(|| receiver.records("sensitive_read"), |got| got.len() == 1);
            let line: Value = world.stored("audit").into_iter().find(|line| line["id"] == *id).unwrap();
            let nanos = support::micros(line["timestamp"].as_str().unwrap()) * 1_000;
            let string = |text: &str| json!({ "string": text });
            let about = json!({
                "protocol": if protocol == "grpc" { "grpc" } else { "http" },
                // Google's server unpacks before anybody can look; the test below looks at the bytes.
                "encoding": if (protocol, compression) == ("http/protobuf", "gzip") { "gzip" } else { "" },
                "token": "for-tests",
            });
            let expected = json!({
                "about": about,
                "resource": {
                    "service.name": string("clinic"), "service.version": string("1.4.2"),
                    "service.instance.id": string("i1"), "deployment.environment.name": string("test"),
                },
                "scope": "direct",
                "time": nanos, "observed": nanos,
                "severity": 9, "severity_text": "AUDIT",
                "event_name": "sensitive_read",
                "body": string("opened \u{1b}[31m the file of [redacted:email]"),
                "attributes": {
                    "log.record.uid": string(&id), "dihya.channel": string("audit"),
                    "dihya.outcome": string("success"), "user.id": string("u-42"),
                    "dihya.tenant.id": string("t-1"), "dihya.subject.id": string("p-7"),
                    "dihya.channel#2": string("a field of a strange name"), "n": { "int": -7 },
                    "dihya.redactions": { "email": { "int": 1 } },
                },
                "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
                "flags": 0,
            });
            assert_eq!(got[0], expected, "{protocol}, {compression}");
        }
    }
}

#[test]
fn a_message_of_grpc_is_compressed_only_if_the_policy_says_so() {
    for (compression, expected) in [("gzip", true), ("none", false)] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let root = support::folder("bytes");
        let more = format!("compression = \"{compression}\"\n");
        let policy = support::policy(&root, "grpc", listener.local_addr().unwrap().port(), &more, false);
        let (_layer, guard) = dihya::open(policy).unwrap();
        guard
            .handle()
            .record(Record::new(Channel::AUDIT, "read").message("a sentence in the clear"))
            .unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut sent = Vec::new();
        let has = |sent: &[u8], what: &[u8]| sent.windows(what.len()).any(|window| window == what);
        // A flag and a length, then the message: of gzip the first two bytes are known.
        let is_packed = |sent: &[u8]| sent.windows(7).any(|w| w[..2] == [1, 0] && w[5..] == [0x1f, 0x8b]);
        let is_clear = |sent: &[u8]| has(sent, b"a sentence in the clear");
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !is_packed(&sent) && !is_clear(&sent) && std::time::Instant::now() < end {
            let mut piece = [0; 4096];
            if let Ok(n) = std::io::Read::read(&mut stream, &mut piece) {
                sent.extend_from_slice(&piece[..n]);
            }
        }
        assert_eq!((is_packed(&sent), is_clear(&sent)), (expected, !expected), "{compression}");
        drop((stream, listener, guard));
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn an_outage_loses_nothing_and_skips_nothing_over_both_protocols() {
    let Some(python) = python("an_outage_loses_nothing_and_skips_nothing_over_both_protocols") else {
        return;
    };
    for protocol in BOTH {
        let mut receiver = Receiver::start(&python, protocol);
        let world = World::new(&receiver, "");
        let log = |from: i64, to: i64| {
            world.log(|handle| {
                for n in from..to {
                    handle.record(Record::new(Channel::AUDIT, "read").number("n", n)).unwrap();
                }
            });
        };
        log(0, 50);
        let metrics = || world.guard.as_ref().unwrap().handle().metrics();
        let exported = |text: &String| metric(text, "dihya_otlp_records_total{outcome=\"exported\"}");
        // Acknowledged, and not only received: what is not would come twice.
        assert_eq!(exported(&until(metrics, |text| exported(text) == 50.0)), 50.0);
        receiver.stop();
        log(50, 400);
        std::thread::sleep(Duration::from_secs(3));
        let text = world.guard.as_ref().unwrap().handle().metrics();
        assert!(
            metric(&text, "dihya_otlp_lag_seconds{channel=\"audit\"}") > 1.0,
            "it is behind, and says so"
        );
        assert!(metric(&text, "dihya_otlp_failures_total{reason=\"unreachable\"}") >= 1.0);
        receiver.start_again(&python);
        log(400, 450);
        let text = until(metrics, |text| exported(text) >= 450.0);
        assert_eq!(exported(&text), 450.0, "{protocol}");
        // On a machine under load an answer may come too late, and its records twice: what is new stands in order.
        let mut seen = BTreeSet::new();
        let mut got = receiver.numbers();
        got.retain(|n| seen.insert(*n));
        assert_eq!(got, (0..450).collect::<Vec<_>>(), "{protocol}: nothing is lost and nothing skipped");
        assert_eq!(metric(&text, "dihya_otlp_records_total{outcome=\"rejected\"}"), 0.0);
    }
}

#[test]
fn a_receiver_that_is_busy_partial_or_gone_in_the_middle_is_understood() {
    let Some(python) = python("a_receiver_that_is_busy_partial_or_gone_in_the_middle_is_understood") else {
        return;
    };
    for protocol in BOTH {
        // The code for "unavailable" of each.
        let busy = if protocol == "grpc" { "status 14 2" } else { "status 503 2" };
        let mut plan = vec![busy, "vanish"];
        if protocol != "grpc" {
            plan.extend(["html", "status 500"]);
        }
        plan.push("partial 2");
        let receiver = Receiver::start(&python, protocol);
        receiver.plan(&plan);
        let world = World::new(&receiver, "");
        let began = std::time::Instant::now();
        world.log(|handle| {
            for n in 0..20 {
                handle.record(Record::new(Channel::AUDIT, "read").number("n", n)).unwrap();
            }
        });
        let text = until(
            || world.guard.as_ref().unwrap().handle().metrics(),
            |text| metric(text, "dihya_otlp_records_total{outcome=\"rejected\"}") == 2.0,
        );
        assert!(began.elapsed() >= Duration::from_secs(2), "the pause that was asked for");
        assert_eq!(metric(&text, "dihya_otlp_records_total{outcome=\"exported\"}"), 18.0, "{protocol}");
        // What was taken before the connection broke came again, under the same ids.
        let got = receiver.numbers();
        assert_eq!(got.len(), 20 + 18, "{protocol}");
        assert_eq!(got[20..], (0..18).collect::<Vec<_>>());
        assert_eq!(receiver.ids().len(), 20);
        if protocol != "grpc" {
            assert!(
                metric(&text, "dihya_otlp_failures_total{reason=\"refused\"}") >= 1.0,
                "a page is no answer"
            );
        }
    }
}

#[test]
fn over_tls_only_a_receiver_with_a_certificate_that_is_trusted_gets_records() {
    let name = "over_tls_only_a_receiver_with_a_certificate_that_is_trusted_gets_records";
    let Some(python) = python(name) else { return };
    let Some(openssl) = support::program(name, "DIHYA_OPENSSL") else { return };
    let folder = support::folder("certificate");
    let files = ["certificate.pem", "key.pem"].map(|file| folder.join(file));
    let made = std::process::Command::new(openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&files[0])
        .arg("-keyout")
        .arg(&files[1])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let trusted = format!("ca_file = \"{}\"\n", files[0].display());
    for protocol in ["tls:http/protobuf", "tls:grpc"] {
        let receiver = Receiver::with_tls(&python, protocol, files.to_vec());
        let log = |world: &World| {
            world.log(|handle| {
                handle.record(Record::new(Channel::AUDIT, "read").number("n", 1)).unwrap();
            });
        };
        let world = World::new(&receiver, "");
        log(&world);
        let text = until(
            || world.guard.as_ref().unwrap().handle().metrics(),
            |text| metric(text, "dihya_otlp_failures_total{reason=\"unreachable\"}") >= 1.0,
        );
        assert!(metric(&text, "dihya_otlp_failures_total{reason=\"unreachable\"}") >= 1.0, "{protocol}");
        assert_eq!(receiver.numbers(), [0_i64; 0], "{protocol}: nobody vouches for it");
        drop(world);
        let world = World::new(&receiver, &trusted);
        log(&world);
        assert_eq!(until(|| receiver.numbers(), |got| !got.is_empty()), [1], "{protocol}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A child of the test below: logs until it is killed, and exports what it logs.
#[test]
fn child_that_is_killed() {
    let Some((policy, first)) = support::child() else { return };
    let guard = dihya::init(policy).unwrap();
    let handle = guard.handle();
    for n in first.. {
        handle.record(Record::new(Channel::AUDIT, "read").number("n", n)).unwrap();
        if n % 16 == 0 {
            handle.commit(Channel::AUDIT).unwrap();
        }
    }
}

#[test]
fn an_exporter_that_is_killed_again_and_again_leaves_no_gap() {
    let Some(python) = python("an_exporter_that_is_killed_again_and_again_leaves_no_gap") else { return };
    for protocol in BOTH {
        let receiver = Receiver::start(&python, protocol);
        let mut world = World::new(&receiver, "batch = \"64 KiB\"\n");
        world.close();
        for round in 0..6 {
            world.run_child_for(Duration::from_millis(50 + 350 * round), round as i64 * 1_000_000);
        }
        // One more run, which ends in order, sends what is left.
        world.open();
        world.log(|handle| handle.record(Record::new(Channel::AUDIT, "read").number("n", -1)).unwrap());
        let stored: Vec<String> = world
            .stored("audit")
            .iter()
            .filter(|line| line["event_name"] == "read")
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(stored.len() > 1_000, "positive control: {} records", stored.len());
        let wanted: BTreeSet<String> = stored.into_iter().collect();
        let missing = until(|| wanted.difference(&receiver.ids()).count(), |missing| *missing == 0);
        assert_eq!(missing, 0, "{protocol}");
        assert!(receiver.numbers().len() < 2 * wanted.len(), "{protocol}: and not everything twice");
    }
}

#[test]
fn a_policy_that_names_what_is_not_there_does_not_start() {
    for (more, says) in [
        ("headers_env = \"DIHYA_NO_SUCH_VARIABLE\"\n", "DIHYA_NO_SUCH_VARIABLE"),
        ("headers_file = \"/no/such/file\"\n", "/no/such/file"),
        ("ca_file = \"/no/such/file\"\n", "/no/such/file"),
    ] {
        let root = support::folder("not-there");
        let policy = support::policy(&root, "http/protobuf", 9, more, false);
        let error = dihya::open(policy).map(drop).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        // Nothing was left behind: the log opens without it.
        let plain = dihya::Policy::sector(dihya::Sector::Generic)
            .root(&root)
            .instance("i1")
            .service("clinic", "1.4.2");
        drop(dihya::open(plain).unwrap());
        std::fs::remove_dir_all(root).unwrap();
    }
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no metric {name}")).parse().unwrap()
}
