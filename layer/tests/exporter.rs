//! The exporter: what it answers, to whom, and that nobody can hold it up.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![cfg(feature = "serve")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dihya::metrics::{ADDRESS, ServeError};
use dihya::storage::Memory;
use dihya::{Channel, Guard, Options, Policy, Record, Sector};

fn open() -> Guard {
    let policy = Policy::sector(Sector::Generic).root("/log");
    let (_layer, guard) = Options::new(policy).storage(Arc::new(Memory::new())).open().unwrap();
    guard
}

fn serve(guard: &Guard) -> SocketAddr {
    guard.handle().serve_metrics("127.0.0.1:0").unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Status, headers and body.
fn ask(to: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = connect(to);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn get(to: SocketAddr, accept: &str) -> (u16, String, String) {
    ask(to, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\n"))
}

#[test]
fn it_serves_what_the_handle_tells() {
    let guard = open();
    let to = serve(&guard);
    guard.handle().record(Record::audit("sensitive_read").message("one")).unwrap();
    guard.handle().commit(Channel::AUDIT).unwrap();
    let (status, head, body) = get(to, "");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("dihya_events_total{channel=\"audit\",level=\"AUDIT\"} 1\n"), "{body}");
    assert_eq!(body.lines().count(), guard.handle().metrics().lines().count());
}

#[test]
fn open_metrics_are_for_those_who_ask() {
    let guard = open();
    let to = serve(&guard);
    let (_, head, body) = get(to, "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    let (_, head, _) = get(to, "Accept: text/plain\r\n");
    assert!(head.contains("content-type: text/plain"), "{head}");
}

#[test]
fn other_paths_and_methods_get_nothing() {
    let guard = open();
    let to = serve(&guard);
    assert_eq!(ask(to, "GET /metrics?name=x HTTP/1.1\r\nHost: x\r\n\r\n").0, 200);
    let (status, _, body) = ask(to, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((status, body.as_str()), (200, ""));
    for path in ["/", "/metrics/", "/../etc/passwd", "/debug"] {
        let (status, _, body) = ask(to, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(status, 404, "{path}");
        assert!(!body.contains("dihya_events"), "{path}");
    }
    let (status, head, _) = ask(to, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(status, 405);
    assert!(head.contains("allow: get"), "{head}");
}

#[test]
fn a_request_that_is_too_large_is_refused_without_being_read() {
    let guard = open();
    let to = serve(&guard);
    assert_eq!(get(to, "X-Padding: small\r\n").0, 200);
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(get(to, &many).0, 431);
    let mut stream = connect(to);
    let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: ");
    let mut sent = 0;
    // It closes long before this; the system's own buffers take some of it.
    while sent < 64 << 20 && stream.write_all(&[b'a'; 64 * 1024]).is_ok() {
        sent += 64 * 1024;
    }
    assert!(sent < 64 << 20, "64 MiB of one header were taken");
    assert_eq!(get(to, "").0, 200, "and it goes on");
}

#[test]
fn who_says_nothing_is_sent_away_and_holds_up_nobody() {
    let guard = open();
    let to = serve(&guard);
    let mut silent: Vec<TcpStream> = (0..200).map(|_| connect(to)).collect();
    for stream in &mut silent {
        let _ = stream.write_all(b"GET /metrics HTT");
    }
    let from = Instant::now();
    assert_eq!(get(to, "").0, 200);
    assert!(from.elapsed() < Duration::from_secs(5), "a scrape took {:?}", from.elapsed());
    // The first of them went when more came; the last waits for its time to be over.
    let mut rest = Vec::new();
    let _ = silent[0].read_to_end(&mut rest);
    assert!(from.elapsed() < Duration::from_secs(5), "the oldest made room");
    let mut last = silent.pop().unwrap();
    let _ = last.read_to_end(&mut rest);
    assert!(from.elapsed() < Duration::from_secs(25), "the newest was sent away after {:?}", from.elapsed());
}

#[test]
fn who_does_not_read_is_sent_away_and_logging_goes_on() {
    let guard = open();
    let to = serve(&guard);
    let mut deaf: Vec<TcpStream> = (0..32).map(|_| connect(to)).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    for _ in 0..100 {
        guard.handle().record(Record::audit("sensitive_read")).unwrap();
        guard.handle().commit(Channel::AUDIT).unwrap();
    }
    let (_, _, body) = get(to, "");
    assert!(body.contains("dihya_events_total{channel=\"audit\",level=\"AUDIT\"} 100\n"));
}

#[test]
fn it_ends_with_the_guard_and_the_port_is_free() {
    let guard = open();
    let handle = guard.handle();
    let to = serve(&guard);
    assert_eq!(get(to, "").0, 200);
    let report = guard.shutdown(Duration::from_secs(5));
    assert!(!report.channels.is_empty());
    assert!(TcpStream::connect(to).is_err(), "it still listens");
    assert!(matches!(handle.serve_metrics(to), Err(ServeError::NoLayer)), "a closed layer serves nothing");
    let again = open();
    assert_eq!(again.handle().serve_metrics(to).unwrap(), to);
    drop(again);
    assert!(TcpStream::connect(to).is_err(), "a dropped guard ends it too");
}

#[test]
fn an_address_in_use_is_an_error_that_says_what_to_do() {
    assert!(ADDRESS.ip().is_loopback());
    let guard = open();
    let to = serve(&guard);
    let error = guard.handle().serve_metrics(to).unwrap_err().to_string();
    assert!(error.contains("choose another port"), "{error}");
}
