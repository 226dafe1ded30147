//! A small HTTP server that fails as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What it does with a request.
pub(super) enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and a header.
    With(u16, &'static str, String),
    /// Says nothing for a long time.
    Hang,
    /// Reads the request, and closes the connection in the middle of its answer.
    Die,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) at: Instant,
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

pub(super) struct Server {
    pub(super) url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    /// `reply` is asked for each request, with its number from 0 and its body.
    pub(super) fn start(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (theirs, reply) = (Arc::clone(&got), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (got, reply) = (Arc::clone(&theirs), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &got, &*reply));
            }
        });
        Server { url, got }
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    /// Every alert's `count` in the webhooks that came.
    pub(super) fn counts(&self) -> Vec<u64> {
        let alerts = self.got().into_iter().flat_map(|got| got.json()["data"]["alerts"].as_array().cloned());
        alerts.flatten().filter_map(|alert| alert["count"].as_u64()).collect()
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Got>>, reply: &dyn Fn(usize, &str) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the whole body");
    let body = String::from_utf8(body).expect("text");
    let number = {
        let mut got = got.lock().expect("no panic");
        got.push(Got { at: Instant::now(), line, headers, body: body.clone() });
        got.len() - 1
    };
    let mut stream = stream;
    let mut answer = |status: u16, header: String| {
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n{header}\r\nok");
        // Whoever asked may be gone.
        let _ = stream.write_all(text.as_bytes());
    };
    match reply(number, &body) {
        Reply::Status(status) => answer(status, String::new()),
        Reply::With(status, name, value) => answer(status, format!("{name}: {value}\r\n")),
        Reply::Hang => std::thread::sleep(Duration::from_secs(60)),
        Reply::Die => drop(stream.write_all(b"HTTP/1.1 200 O")),
    }
}
