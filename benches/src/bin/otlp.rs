//! Records exported per second to a local receiver that counts them, and whether each arrived.
//!
//! ```text
//! cargo run --release -p dihya-benches --bin otlp [-- RECORDS]
//! ```
//!
//! The log is written first, by the layer. Then the time is taken from the first request to the moment at which the cursor
//! covers the last record, for each protocol and compression. The receivers are as small as receivers can be, so that they
//! take as little of the machine as they may: they count records in the requests, and answer.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::HashSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dihya::archive::Identities;
use dihya::catalog::{Catalog, Places};
use dihya::otlp::{From, Parts, Pass, Seen, Shipper};
use dihya::storage::Local;
use dihya::{Channel, Clock, Policy, Record};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let records: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("dihya-otlp-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let ended = measure(&folder, records);
    std::fs::remove_dir_all(&folder)?;
    ended
}

fn measure(folder: &std::path::Path, records: u64) -> Result<()> {
    let bytes = write(folder, records)?;
    report(&format!("{records} records, {} bytes each", bytes / records));
    for protocol in ["http/protobuf", "grpc"] {
        for compression in ["none", "gzip"] {
            let seen = Arc::new(Mutex::new(HashSet::with_capacity(records as usize)));
            let port = match protocol {
                "grpc" => grpc::serve(Arc::clone(&seen))?,
                _ => serve(Arc::clone(&seen))?,
            };
            let began = Instant::now();
            let exported = ship(folder, protocol, compression, port)?;
            let seconds = began.elapsed().as_secs_f64();
            let distinct = seen.lock().map_err(|_| "a receiver panicked")?.len() as u64;
            report(&format!(
                "{protocol:<14}{compression:<6}{:>10.0} records/s  {exported} acknowledged, {distinct} distinct received, {} lost",
                exported as f64 / seconds,
                records.saturating_sub(distinct)
            ));
            if distinct < records {
                return Err("records were lost".into());
            }
        }
    }
    Ok(())
}

fn policy(folder: &std::path::Path, otlp: &str) -> Result<Policy> {
    let root = folder.join("logs");
    let text = format!(
        "panic_hook = false\nservice = {{ name = \"bench\" }}\nstorage = {{ root = \"{}\" }}\n{otlp}",
        root.display()
    );
    Ok(Policy::parse(&text, "bench")?)
}

/// Writes the log; its bytes.
fn write(folder: &std::path::Path, records: u64) -> Result<u64> {
    let (_layer, guard) = dihya::open(policy(folder, "")?)?;
    let handle = guard.handle();
    for n in 0..records {
        let record = Record::audit("sensitive_read")
            .message("patient record opened by the treating physician")
            .field("user_id", "u-4711")
            .field("outcome", "success")
            .field("request_id", format_args!("r-{n}"))
            .number("duration_ms", (n % 900) as i64);
        handle.record(record)?;
    }
    handle.commit(Channel::AUDIT)?;
    drop(guard);
    let files = std::fs::read_dir(folder.join("logs/audit"))?;
    Ok(files.filter_map(|file| file.ok()?.metadata().ok()).map(|meta| meta.len()).sum())
}

fn ship(folder: &std::path::Path, protocol: &str, compression: &str, port: u16) -> Result<u64> {
    let otlp = format!(
        "[otlp]\nendpoint = \"http://127.0.0.1:{port}\"\nprotocol = \"{protocol}\"\ncompression = \"{compression}\"\nchannels = [\"audit\"]\n"
    );
    let policy = policy(folder, &otlp)?;
    let (places, clock) = (Places::of(&policy), Clock::system());
    let base = Catalog::read(&Local, &places, &clock)?.bases.into_iter().next().ok_or("no log")?;
    let parts = Parts {
        policy: &policy,
        storage: Arc::new(Local),
        places,
        base: &base,
        clock,
        identities: Identities::none(),
        channels: &[],
    };
    let mut shipper = Shipper::open(parts, Some(&From::Oldest))?;
    let (mut exported, mut failed) = (0, String::new());
    let ended = shipper.pass(&|| false, &mut |seen| match seen {
        Seen::Exported { records, .. } => exported += records,
        Seen::Failed { why, said, .. } => failed = format!("{why} {said}"),
        _ => {}
    });
    if ended == Pass::Done { Ok(exported) } else { Err(failed.into()) }
}

type Ids = Arc<Mutex<HashSet<[u8; 16]>>>;

/// Takes the ids out of an encoded request: `log.record.uid` is followed by its value, a text of 36 characters.
fn count(request: &[u8], seen: &Ids) {
    let key = b"log.record.uid";
    let mut rest = request;
    let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    while let Some(at) = memchr::memmem::find(rest, key) {
        // Tag and length of the value, then of its text.
        let text = &rest[at + key.len() + 4..][..36];
        let mut id = [0; 16];
        let digits: Vec<u8> = text.iter().filter(|byte| **byte != b'-').copied().collect();
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("0"), 16).unwrap_or(0);
        }
        seen.insert(id);
        rest = &rest[at + key.len() + 40..];
    }
}

/// HTTP/1.1, one connection after the other.
fn serve(seen: Ids) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            let _ = answer(stream, &seen);
        }
    });
    Ok(port)
}

fn answer(stream: TcpStream, seen: &Ids) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::with_capacity(1 << 16, stream);
    let mut body = Vec::new();
    loop {
        let (mut length, mut gzip) = (0, false);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some(("content-length", text)) => length = text.parse().unwrap_or(0),
                Some(("content-encoding", text)) => gzip = text == "gzip",
                _ => {}
            }
        }
        body.resize(length, 0);
        from.read_exact(&mut body)?;
        if gzip {
            let mut whole = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut whole)?;
            count(&whole, seen);
        } else {
            count(&body, seen);
        }
        to.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
        )?;
    }
}

/// The same over gRPC, on the HTTP/2 that gRPC's crates stand on.
mod grpc {
    use std::io::Read as _;

    use super::{Ids, Result, count};

    pub(super) fn serve(seen: Ids) -> Result<u16> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.set_nodelay(true);
                    let mut builder = h2::server::Builder::new();
                    builder.initial_window_size(1 << 24).initial_connection_window_size(1 << 24);
                    let Ok(mut connection) = builder.handshake(stream).await else { continue };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        // The connection moves on only while it is asked for the next request.
                        tokio::spawn(one(request, respond, seen.clone()));
                    }
                }
            });
        });
        Ok(port)
    }

    async fn one(
        request: http::Request<h2::RecvStream>,
        mut respond: h2::server::SendResponse<bytes::Bytes>,
        seen: Ids,
    ) -> Option<()> {
        let mut body = request.into_body();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.ok()?;
            body.flow_control().release_capacity(data.len()).ok()?;
            bytes.extend_from_slice(&data);
        }
        let message = bytes.get(5..)?;
        if bytes[0] == 1 {
            let mut whole = Vec::new();
            flate2::read::GzDecoder::new(message).read_to_end(&mut whole).ok()?;
            count(&whole, &seen);
        } else {
            count(message, &seen);
        }
        let head = http::Response::builder().header("content-type", "application/grpc").body(()).ok()?;
        let mut stream = respond.send_response(head, false).ok()?;
        // An empty message: its flag and its length.
        stream.send_data(bytes::Bytes::from_static(&[0; 5]), false).ok()?;
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        stream.send_trailers(trailers).ok()
    }
}

fn report(line: &str) {
    println!("{line}");
}
