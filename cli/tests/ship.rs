//! `dihya ship` as an operator meets it: a receiver that is away, that is there, and a service that ships by itself.

#![cfg(feature = "otlp-http")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dihya::{Channel, Guard, Policy, Record};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str, port: u16) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("dihya-ship-{}-{name}", std::process::id())));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(&folder.0).unwrap();
        let otlp = format!(
            "[otlp]\nendpoint = \"http://127.0.0.1:{port}\"\ncompression = \"none\"\nchannels = [\"audit\"]\n"
        );
        fs::write(folder.0.join("dihya.toml"), format!("{}{otlp}", folder.policy())).unwrap();
        folder
    }

    fn policy(&self) -> String {
        format!(
            "panic_hook = false\nservice = {{ name = \"clinic\" }}\nstorage = {{ root = \"{}\" }}\n",
            self.0.join("logs").display()
        )
    }

    /// A service that does not export, or one that does; it has logged so many records.
    fn service(&self, exports: bool, records: u32) -> Guard {
        let text = match exports {
            true => fs::read_to_string(self.0.join("dihya.toml")).unwrap(),
            false => self.policy(),
        };
        let (_layer, guard) = dihya::open(Policy::parse(&text, "p").unwrap()).unwrap();
        for _ in 0..records {
            guard.handle().record(Record::audit("sensitive_read").message("opened")).unwrap();
        }
        guard.handle().commit(Channel::AUDIT).unwrap();
        guard
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        let Output { status, stdout, stderr } =
            command.args(line.split_whitespace()).current_dir(&self.0).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn ledger(&self) -> String {
        fs::read_to_string(self.0.join("logs/ledger/ledger.jsonl")).unwrap()
    }
}

/// Takes everything, and counts the records by their ids.
fn receiver() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                let mut from = BufReader::new(stream.try_clone().unwrap());
                let mut to = stream;
                loop {
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        if from.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if line == "\r\n" {
                            break;
                        }
                        if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                            length = text.trim().parse().unwrap();
                        }
                    }
                    let mut body = vec![0; length];
                    from.read_exact(&mut body).unwrap();
                    let key = b"log.record.uid";
                    let ids = body.windows(key.len()).filter(|window| window == key).count();
                    counted.fetch_add(ids as u64, Ordering::SeqCst);
                    let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    (port, count)
}

#[test]
fn a_log_is_shipped_from_where_it_is_told_and_then_from_where_it_stopped() {
    let (port, count) = receiver();
    let folder = Folder::new("once", port);
    drop(folder.service(false, 30));
    let (code, _, err) = folder.run("ship --once");
    assert_eq!(code, 1);
    assert!(err.contains("--from oldest"), "{err}");
    let (code, out, err) = folder.run("ship --once --from oldest");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with(": 30 records exported\n"), "{out}");
    assert_eq!(count.load(Ordering::SeqCst), 30);
    assert!(folder.ledger().contains("\"operation\":\"ship\""), "it is on record");
    // Beside a running service that does not export by itself.
    let guard = folder.service(false, 5);
    let (_, out, _) = folder.run("ship --dry-run");
    assert!(out.contains("audit: ") && out.contains("bytes wait, the oldest record is of 20"), "{out}");
    assert!(folder.run("ship --once").1.ends_with(": 5 records exported\n"));
    assert!(folder.run("ship --dry-run").1.contains("nothing waits"));
    assert!(folder.run("ship --once").1.ends_with(": 0 records exported\n"));
    assert!(folder.run("status").1.contains("exported audit"));
    assert_eq!(count.load(Ordering::SeqCst), 35);
    drop(guard);
    let (code, _, err) = folder.run("ship --once --from yesterdayish");
    assert_eq!(code, 2, "{err}");
    let (code, _, err) = folder.run("ship --once --channel audti");
    assert_eq!(code, 1);
    assert!(err.contains("there is no channel \"audti\""), "{err}");
}

#[test]
fn a_receiver_that_is_away_leaves_the_place_where_it_was() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Folder::new("away", port);
    drop(folder.service(false, 3));
    let (code, out, err) = folder.run("ship --once --from oldest");
    assert_eq!(code, 1, "{out}");
    assert!(
        err.contains("cannot be reached") && err.contains("goes on from where this one stopped"),
        "{err}"
    );
    assert!(folder.run("ship --dry-run").1.contains("bytes wait"));
}

#[test]
fn a_service_that_exports_by_itself_is_left_to_it() {
    let (port, count) = receiver();
    let folder = Folder::new("busy", port);
    let guard = folder.service(true, 4);
    let (code, _, err) = folder.run("ship --once");
    assert_eq!(code, 1);
    assert!(err.contains("the service exports this log itself"), "{err}");
    guard.shutdown(Duration::from_secs(10));
    // What was logged last is sent before the service ends.
    assert_eq!(count.load(Ordering::SeqCst), 4);
    assert!(folder.run("ship --once").1.ends_with(": 0 records exported\n"));
    assert!(Path::new(&folder.0.join("logs/state/otlp.cursor")).exists());
}
