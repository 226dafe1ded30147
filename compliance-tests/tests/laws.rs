//! Laws of redaction, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use dihya::inspect::{detect, detectors};
use dihya::{Channel, Policy, Record};
use dihya_compliance::{Canary, Seed, World, leaks};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// Without alerts: so many secrets are one, and its record would stand among those that are compared.
fn world() -> World {
    World::new(Policy::parse("[storage]\nroot = \"logs\"\n[alerts]\nenabled = false\n", "laws").unwrap())
}

/// The message and the value of `note` of each record.
fn texts(records: &[String]) -> Vec<String> {
    let mut texts = Vec::new();
    for record in records {
        let record: Value = serde_json::from_str(record).unwrap();
        for value in [&record["message"], &record["attributes"]["note"]] {
            texts.extend(value.as_str().map(str::to_owned));
        }
    }
    texts
}

fn log(lines: &[String]) -> Vec<String> {
    let captured = world().run(|_| {
        for line in lines {
            tracing::error!(note = line.as_str(), "{line}");
        }
    });
    texts(&captured.records())
}

/// Whether all of it is the secret. Of others a part says what they are, such as a name or a tag, and stays.
fn is_whole(canary: &Canary) -> bool {
    detect(canary.text()).iter().any(|found| found.range == (0..canary.text().len()))
}

/// Secrets of all kinds as services log them: between words, in quotes and brackets, beside names, in JSON.
fn sane_line(seed: &mut Seed) -> String {
    const WORDS: &[&str] =
        &["served", "room 7", "n=5", "state: open,", "took 3 ms;", "(ok)", "[1, 2]", "Some(3)", "é"];
    // Tags and tables of their own would be cut by the quotes and brackets that are put around them here.
    let known: Vec<_> =
        detectors().filter(|detector| is_whole(&Canary::of(detector, &mut seed.clone()))).collect();
    let pieces = (0..1 + seed.below(6)).map(|_| {
        let secret = Canary::of(seed.clone().pick(&known), seed).text().to_owned();
        let plain = Canary::plain(seed).text().to_owned();
        match seed.below(10) {
            0 => secret,
            1 => format!("({secret})"),
            2 => format!("\"{secret}\","),
            3 => format!("note={secret}"),
            4 => format!("password={plain}"),
            5 => format!("{{\"user\":\"bob\",\"password\":\"{plain}\",\"n\":1}}"),
            6 => format!("https://bob:{plain}@host/x?access_token={plain}&y=1"),
            7 => format!("Login {{ user: \"bob\", password: \"{plain}\", n: 1 }}"),
            _ => (*seed.pick(WORDS)).to_owned(),
        }
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Secrets of all kinds between words, quotes, brackets and halves of things.
fn line(seed: &mut Seed) -> String {
    const PIECES: &[&str] = &[
        " ",
        " ",
        "\"",
        "'",
        "=",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        "\\",
        "\\\"",
        "\n",
        "é",
        "日本",
        "\u{a0}",
        "password",
        "token",
        "Bearer ",
        "Authorization: ",
        "cookie: ",
        "://",
        "@",
        "Some(",
        "&",
        "?",
        ";",
        "-u ",
        "served",
        "id",
        "4111",
        "[redacted:",
        "]",
        "card",
        "eyJ",
        "-----BEGIN ",
        "mot de passe",
        "|",
        "\u{200b}",
    ];
    let known: Vec<_> = detectors().collect();
    (0..1 + seed.below(12))
        .map(|_| match seed.below(5) {
            0 => Canary::of(seed.clone().pick(&known), seed).text().to_owned(),
            1 => Canary::plain(seed).text()[..4 + seed.below(8)].to_owned(),
            _ => (*seed.pick(PIECES)).to_owned(),
        })
        .collect()
}

fn for_seeds(default: u32, law: impl Fn(u64) -> Result<(), String>) {
    let config = Config {
        cases: leaks::cases(default),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&any::<u64>(), |seed| {
        law(seed).map_err(|what| TestCaseError::fail(format!("{what}, seed {seed}")))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn redacting_twice_equals_once() {
    for_seeds(64, |seed| {
        let mut random = Seed::new(seed);
        let lines: Vec<String> = (0..40).map(|_| sane_line(&mut random)).collect();
        let once = log(&lines);
        assert_eq!(once.len(), 80);
        // Each was logged twice, as message and as field.
        let again: Vec<String> = once.iter().step_by(2).cloned().collect();
        let twice = log(&again);
        match (0..80).find(|i| once[*i] != twice[*i]) {
            None => Ok(()),
            Some(at) => Err(format!("line {} changes when redacted again", at / 2)),
        }
    });
}

#[test]
fn no_detector_finds_anything_in_what_is_written() {
    for_seeds(64, |seed| {
        let mut random = Seed::new(seed);
        let lines: Vec<String> = (0..40).map(|_| sane_line(&mut random)).collect();
        let found = log(&lines).iter().enumerate().find_map(|(i, text)| {
            // A marker beside a key is a value like any other: hiding it again shows no more.
            let mut found =
                detect(text).into_iter().filter(|found| !text[found.range.clone()].contains("[redacted"));
            found.next().map(|found| format!("{} finds something in line {}", found.label, i / 2))
        });
        found.map_or(Ok(()), Err)
    });
}

#[test]
fn a_message_and_a_field_are_redacted_alike() {
    for_seeds(16, |seed| {
        let mut random = Seed::new(seed);
        let lines: Vec<String> = (0..40).map(|_| line(&mut random)).collect();
        let texts = log(&lines);
        let differs = texts.chunks(2).position(|pair| pair[0] != pair[1]);
        differs.map_or(Ok(()), |at| Err(format!("line {at} differs")))
    });
}

#[test]
fn every_record_is_one_line_of_json_whatever_is_logged() {
    for_seeds(16, |seed| {
        let mut random = Seed::new(seed);
        let lines: Vec<String> = (0..40).map(|_| line(&mut random)).collect();
        let captured = world().run(|scene| {
            for line in &lines {
                tracing::error!(note = line.as_str(), more = ?line, "{line}");
                scene
                    .handle
                    .record(Record::new(Channel::API, "e").message(line).field("note", line))
                    .unwrap();
            }
        });
        let records = captured.records();
        let read = records.iter().filter(|record| serde_json::from_str::<Value>(record).is_ok()).count();
        if read == 80 && records.len() == 80 {
            Ok(())
        } else {
            Err(format!("{read} of 80 records can be read"))
        }
    });
}

#[test]
fn ordinary_lines_go_through_unchanged() {
    let lines: Vec<String> = include_str!("ordinary.txt").lines().map(str::to_owned).collect();
    assert!(lines.len() >= 60);
    let texts = log(&lines);
    for (i, line) in lines.iter().enumerate() {
        assert_eq!(&texts[2 * i], line, "line {} of ordinary.txt as a message", i + 1);
        assert_eq!(&texts[2 * i + 1], line, "line {} of ordinary.txt as a field", i + 1);
    }
}

#[test]
fn ordinary_fields_of_every_type_go_through_unchanged() {
    let captured = world().run(|_| {
        tracing::error!(
            status = 200u64,
            latency_us = 1834i64,
            ratio = 0.75,
            ok = true,
            big = u128::MAX,
            tokens_used = 120u64,
            uuid = "0197a1c2-7a31-7c4e-9a51-5b1c8a0c5d11",
            sha = "9fceb02d0ae598e95dc970b74767f19372d61af8",
            started = "2026-03-01T09:12:33.123456Z",
            unix_micros = 1_772_356_353_123_456u64,
            version = "1.4.2-rc.1+b5",
            route = "/patients/{id}",
            author = "Ada",
            count = -3i64,
            "served"
        );
    });
    let record: Value = serde_json::from_str(&captured.records()[0]).unwrap();
    let expected = serde_json::json!({
        "status": 200, "latency_us": 1834, "ratio": 0.75, "ok": true, "big": u128::MAX.to_string(), "tokens_used": 120,
        "uuid": "0197a1c2-7a31-7c4e-9a51-5b1c8a0c5d11", "sha": "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "started": "2026-03-01T09:12:33.123456Z", "unix_micros": 1_772_356_353_123_456u64, "version": "1.4.2-rc.1+b5",
        "route": "/patients/{id}", "author": "Ada", "count": -3,
    });
    assert_eq!(record["attributes"], expected);
    assert_eq!(record.get("redactions"), None);
}

#[test]
fn a_marker_is_all_that_stands_in_a_secrets_place() {
    // Neither its length nor a part of it: whatever is planted between two words, what is between them is a marker.
    let marker = |text: &str| {
        let inside = text.strip_prefix("[redacted:")?.strip_suffix(']')?;
        inside.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(())
    };
    for_seeds(8, |seed| {
        let mut random = Seed::new(seed);
        let known: Vec<_> = detectors().collect();
        let canaries = known.iter().map(|detector| Canary::of(detector, &mut random));
        let canaries: Vec<Canary> = canaries.filter(is_whole).collect();
        assert!(canaries.len() > 60);
        // As they are, and with one letter escaped, so that they are found in what was decoded alone.
        let lines = canaries.iter().flat_map(|canary| {
            let text = canary.text();
            let at = (text.len() / 2..).find(|at| text.as_bytes()[*at].is_ascii_alphanumeric()).unwrap();
            let escaped = format!("{}\\u{:04x}{}", &text[..at], text.as_bytes()[at], &text[at + 1..]);
            [text.to_owned(), escaped].map(|text| format!("before {text} after"))
        });
        let texts = log(&lines.collect::<Vec<_>>());
        let markers = texts.chunks(4).zip(&canaries).map(|(texts, canary)| {
            let all = texts.iter().all(|text| {
                let inside = text.strip_prefix("before ").and_then(|rest| rest.strip_suffix(" after"));
                inside.and_then(marker).is_some()
            });
            if all { None } else { Some(canary.detector()) }
        });
        let odd: Vec<&str> = markers.flatten().collect();
        if odd.is_empty() { Ok(()) } else { Err(format!("not only a marker stands for {odd:?}")) }
    });
}

#[test]
fn the_causes_of_an_error_are_told() {
    // They are looked at for secrets, which an error without its causes would pass too.
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no such room")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let failure = Outer("x".parse::<u8>().unwrap_err());
    let captured = world().run(|_| tracing::error!(error = &failure as &(dyn std::error::Error + 'static)));
    let record: Value = serde_json::from_str(&captured.records()[0]).unwrap();
    assert_eq!(record["attributes"]["error"], "no such room: invalid digit found in string");
}

#[test]
fn every_kind_of_value_comes_out() {
    let captured = world().run(|_| {
        tracing::error!(
            text = "room",
            bytes = b"seven".as_slice(),
            shown = %"north",
            debug = ?Some("quiet"),
            float = 1.5,
            small = -7i64,
            large = i128::MIN,
            "all {}",
            "told"
        );
    });
    let record: Value = serde_json::from_str(&captured.records()[0]).unwrap();
    let attributes = serde_json::json!({
        "text": "room", "bytes": "seven", "shown": "north", "debug": "Some(\"quiet\")", "float": 1.5, "small": -7,
        "large": i128::MIN.to_string(),
    });
    assert_eq!(record["attributes"], attributes);
    assert_eq!(record["message"], "all told");
}

#[test]
fn what_a_span_is_told_late_is_told_at_once() {
    let captured = world().run(|_| {
        let span = tracing::error_span!("visit", room = 1, state = tracing::field::Empty);
        let _entered = span.enter();
        tracing::error!("first");
        span.record("state", "open");
        tracing::error!("second");
        span.record("room", 2);
        tracing::error!("third");
    });
    let attributes: Vec<Value> = captured
        .records()
        .iter()
        .map(|record| serde_json::from_str::<Value>(record).unwrap()["spans"][0]["attributes"].clone())
        .collect();
    let told = [
        serde_json::json!({"room": 1}),
        serde_json::json!({"room": 1, "state": "open"}),
        serde_json::json!({"room": 2, "state": "open"}),
    ];
    assert_eq!(attributes, told);
}
