//! What each receiver is sent: valid whatever an alert holds, and without what is not its business.

use hmac::{Hmac, Mac as _};
use proptest::prelude::*;
use serde_json::Value;

use super::server::{Reply, Server};
use super::*;
use crate::policy::{Smtp, Tls};

#[test]
fn what_comes_together_is_one_signed_event() {
    let server = Server::start(|_, _| Reply::Status(200));
    let running = start(&policy(&webhook("a", &format!("{}/in", server.url))));
    for count in 1..=3 {
        running.delivery.offer(alert(count));
    }
    until("they are delivered", || running.counts("a")[0] == 3);
    running.end();
    let [got] = server.got().try_into().expect("one request");
    assert!(got.line.starts_with("POST /in HTTP/1.1"), "{}", got.line);
    assert!(got.header("Content-Type").starts_with("application/cloudevents+json"));
    let (time, sum) = got.header("Dihya-Signature").split_once(",v1=").expect("both parts");
    let time = time.strip_prefix("t=").expect("a time");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"a key of tests").expect("any length");
    mac.update(format!("{time}.{}", got.body).as_bytes());
    assert_eq!(message::hex(&mac.finalize().into_bytes()), sum);
    let event = got.json();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "dev.dihya.alerts");
    assert_eq!(event["source"], "/dihya/clinic");
    assert_eq!(event["data"]["title"], "3 alerts firing, high");
    let alert = &event["data"]["alerts"][0];
    assert_eq!((alert["status"].as_str(), alert["severity"].as_str()), (Some("firing"), Some("high")));
    assert_eq!(alert["starts_at"], "2026-11-21T10:00:00.000000Z");
}

#[test]
fn a_chat_gets_words_and_no_identifier() {
    let server = Server::start(|_, _| Reply::Status(200));
    let url = secret_file(&format!("{}/services/T0/B0/x", server.url));
    let running =
        start(&policy(&format!("[alerts.sinks.chat]\ntype = \"slack\"\nurl_file = \"{}\"\n", url.display())));
    let odd = Alert { summary: "5 < 6 & `x`".to_owned(), ..alert(5) };
    running.delivery.offer(odd.clone());
    until("it is delivered", || running.counts("chat")[0] == 1);
    let [got] = server.got().try_into().expect("one request");
    let message = got.json();
    assert_eq!(message["text"], "clinic: 1 alert firing, high");
    let text = message["blocks"][1]["text"]["text"].as_str().expect("a block for the alert");
    assert_eq!(
        text,
        "*high* `auth_bruteforce` 5 &lt; 6 &amp; 'x'\n5 of 5 on security since 2026-11-21 10:00 UTC"
    );
    assert!(!got.body.contains(&odd.fingerprint) && !got.body.contains("019aa0f0"));
}

#[test]
fn alertmanager_hears_of_what_fires_again_until_it_is_resolved() {
    let server = Server::start(|_, _| Reply::Status(200));
    let sink = format!("[alerts.sinks.pager]\ntype = \"alertmanager\"\nurl = \"{}/am/\"\n", server.url);
    let running = start(&policy(&sink));
    running.delivery.offer(alert(5));
    until("it is said three times", || server.got().len() >= 3);
    let got = server.got();
    assert!(got.iter().all(|got| got.line.starts_with("POST /am/api/v2/alerts ")), "{}", got[0].line);
    let times = |got: &super::server::Got| {
        let time = |name: &str| {
            let json = got.json();
            chrono::DateTime::parse_from_rfc3339(json[0][name].as_str().expect("a time")).expect("RFC 3339")
        };
        (time("startsAt"), time("endsAt"))
    };
    assert!(times(&got[2]).1 > times(&got[0]).1, "its end moves ahead");
    assert_eq!(times(&got[2]).0, times(&got[0]).0);
    let ended = Alert { status: Status::Resolved, ends_at: Some(running.clock.now()), ..alert(5) };
    running.delivery.offer(ended);
    until("the end is delivered", || running.counts("pager")[0] == 2);
    let said = server.got().len();
    let last = server.got().pop().expect("one");
    assert!(times(&last).1.timestamp_micros() <= running.clock.now());
    assert_eq!(last.json()[0]["labels"], got[0].json()[0]["labels"], "it is the same alert");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(server.got().len(), said, "and it is said no more");
    assert_eq!(running.counts("pager"), [2, 0, 0, 0, 0], "reminders are no deliveries");
}

#[test]
fn a_secret_that_is_gone_is_waited_for() {
    let server = Server::start(|_, _| Reply::Status(200));
    let text = webhook("a", &server.url);
    let file = text.split("secret_file = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a file");
    let policy = policy(&text);
    assert!(missing(&policy).is_empty());
    std::fs::remove_file(file).expect("it is there");
    let problems = missing(&policy);
    assert_eq!(problems[0].key(), "alerts.sinks.a.secret_file");
    let running = start(&policy);
    running.delivery.offer(alert(1));
    until("it was tried", || running.counts("a")[1] >= 1);
    assert!(server.got().is_empty(), "nothing goes out unsigned");
    std::fs::write(file, "a key of tests").expect("writes");
    until("it is delivered", || running.counts("a")[0] == 1);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,40}", "\\PC{0,20}", "[\\x00-\\x1f\"\\\\<>&`\r\n:]{0,20}"]
}

fn any_alert() -> impl Strategy<Value = Alert> {
    let texts =
        (text(), text(), text(), text(), text(), proptest::option::of(text()), proptest::option::of(text()));
    (texts, any::<(u64, u64, bool)>(), -62_135_596_800_000_000i64..253_402_300_799_000_000).prop_map(
        |(
            (detector, fingerprint, channel, summary, service, record, instance),
            (count, threshold, over),
            at,
        )| {
            let status = if over { Status::Resolved } else { Status::Firing };
            Alert {
                status,
                starts_at: at,
                updated_at: at,
                ends_at: over.then_some(at),
                detector,
                fingerprint,
                channel,
                count,
                threshold,
                summary,
                record,
                service,
                instance,
                ..alert(1)
            }
        },
    )
}

/// The bodies of all four kinds.
fn bodies(alerts: &[Alert], secret: &str) -> Vec<(&'static str, String)> {
    let file = secret_file(secret);
    let url = secret_file(&format!("https://hooks.example.org/{secret}"));
    let items: Vec<Item> =
        alerts.iter().map(|alert| Item { key: message::key(alert), alert: alert.clone() }).collect();
    let message = Message { items: &items, now: 1_795_255_200_000_000, is_test: false };
    let (url, file) = (Given::File(url), Given::File(file));
    let pager = alertmanager::Alertmanager { url: url.clone(), token: Some(file.clone()) };
    let chat = slack::Slack { url: url.clone() };
    let hook = webhook::Webhook { url: url.clone(), key: file.clone() };
    let smtp = Smtp {
        host: "127.0.0.1".to_owned(),
        port: 25,
        tls: Tls::None,
        from: "dihya@example.org".to_owned(),
        to: vec!["ops@example.org".to_owned()],
        login: Some(("dihya".to_owned(), file.clone())),
    };
    let http = |request: Result<Request, answer::Failure>| request.expect("it can be built").body;
    let mail = smtp.mail(&message).expect("it can be built");
    let out = vec![
        ("alertmanager", http(pager.request(&message))),
        ("slack", http(chat.request(&message))),
        ("webhook", http(hook.request(&message))),
        ("smtp", String::from_utf8_lossy(&mail.formatted()).into_owned()),
        ("debug", format!("{pager:?} {chat:?} {hook:?} {smtp:?}")),
    ];
    for given in [url, file] {
        if let Given::File(path) = given {
            let _ = std::fs::remove_file(path);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The parts that are texts come from constants and numbers; were they anything, no form would break, and no message
    /// would tell a receiver's secret.
    #[test]
    fn every_message_is_well_formed_whatever_an_alert_holds_and_tells_no_secret(
        alerts in proptest::collection::vec(any_alert(), 1..30),
    ) {
        let secret = ["q7Zt", "ReceiverKey", "94x"].concat();
        for (kind, body) in bodies(&alerts, &secret) {
            prop_assert!(!body.contains(&secret), "{} tells its secret", kind);
            match kind {
                "debug" => {}
                "smtp" => {
                    let (head, _) = body.split_once("\r\n\r\n").expect("a header and a body");
                    let names: Vec<&str> = head
                        .split("\r\n")
                        .filter(|line| !line.starts_with([' ', '\t']))
                        .map(|line| line.split(':').next().unwrap_or_default())
                        .collect();
                    let known = ["From", "Subject", "Message-ID", "Content-Type", "To", "Date", "Content-Transfer-Encoding", "MIME-Version"];
                    prop_assert!(names.iter().all(|name| known.contains(name)), "{:?}", names);
                    prop_assert!(head.is_ascii());
                }
                _ => {
                    let value: Value = serde_json::from_str(&body).expect("JSON");
                    match kind {
                        "alertmanager" => prop_assert_eq!(value.as_array().map(Vec::len), Some(alerts.len())),
                        "webhook" => {
                            prop_assert_eq!(value["data"]["alerts"].as_array().map(Vec::len), Some(alerts.len()));
                        }
                        _ => {
                            // A title, twenty alerts at most, and how many more there are.
                            let blocks = 1 + alerts.len().min(20) + usize::from(alerts.len() > 20);
                            prop_assert_eq!(value["blocks"].as_array().map(Vec::len), Some(blocks));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_key_is_of_one_state_of_one_alert() {
    let first = message::key(&alert(1));
    assert_eq!(first, message::key(&alert(1)));
    for other in [
        Alert { updated_at: 1_795_255_200_000_001, ..alert(1) },
        Alert { status: Status::Resolved, ..alert(1) },
        Alert { fingerprint: "f".to_owned(), ..alert(1) },
        Alert { service: "clini".to_owned(), instance: Some("c".to_owned()), ..alert(1) },
    ] {
        assert_ne!(first, message::key(&other));
    }
}
