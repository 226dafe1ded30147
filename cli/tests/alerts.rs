//! `dihya alert`, what `status` says of it, and the policy's hooks, against a small server.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use dihya::{Channel, Clock, Options, Policy, Record};
use serde_json::Value;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new(name: &str, more: &str) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("dihya-alerts-{}-{name}", std::process::id())));
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("key"), "a key of tests\n").unwrap();
        let root = folder.0.join("logs");
        let text = format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"{}\"\n{more}", root.display());
        fs::write(
            folder.0.join("dihya.toml"),
            text.replace("KEY", &folder.0.join("key").display().to_string()),
        )
        .unwrap();
        folder
    }

    /// A log with one record of 400 days ago, which is due.
    fn log(&self) {
        // The hooks' secrets are the command line's: the service of this test has none.
        let text = fs::read_to_string(self.0.join("dihya.toml")).unwrap();
        let text = text.split("[hooks").next().unwrap();
        let clock = Clock::manual(Clock::system().now() - 400 * 86_400_000_000);
        let (_layer, guard) = Options::new(Policy::parse(text, "p").unwrap()).clock(clock).open().unwrap();
        guard.handle().record(Record::new(Channel::APP, "e").message("old")).unwrap();
        drop(guard.shutdown(Duration::from_secs(10)));
    }

    fn run(&self, line: &str) -> Run {
        let arguments = line.split_whitespace().map(|word| word.replace('_', " "));
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        command.args(arguments).current_dir(&self.0).env("REGISTER_TOKEN", "a-token-of-tests");
        let output = command.output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A request: its head and its body.
struct Got(String, Value);

/// Answers each request with this status, and hands it on.
fn server(answer: &'static str) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (hand, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(reader.read_line(&mut head).unwrap(), 0);
            }
            let lower = head.to_lowercase();
            let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            hand.send(Got(head, serde_json::from_slice(&body).unwrap())).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 6\r\nconnection: close\r\n\r\nno way")
                .unwrap();
        }
    });
    (url, got)
}

fn webhook(name: &str, url: &str) -> String {
    format!("[alerts.sinks.{name}]\ntype = \"webhook\"\nurl = \"{url}\"\nsecret_file = \"KEY\"\n")
}

#[test]
fn a_test_alert_is_sent_and_what_came_back_is_told() {
    let (fine, got) = server("200 OK");
    let (wrong, _got) = server("403 Forbidden");
    let (busy, _got) = server("429 Too Many Requests\r\nRetry-After: 30");
    let sinks = [
        webhook("fine", &fine),
        webhook("wrong", &wrong),
        webhook("busy", &busy),
        webhook("nobody", "http://127.0.0.1:9"),
        "[alerts.sinks.chat]\ntype = \"slack\"\nurl_env = \"DIHYA_NO_SUCH_VARIABLE\"\n".to_owned(),
    ];
    let folder = Folder::new("test", &sinks.concat());
    let run = folder.run("alert test fine");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "fine: the receiver took it\n", ""));
    let Got(head, event) = got.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(head.to_lowercase().contains("\r\ndihya-signature: t="), "{head}");
    assert_eq!(event["type"], "dev.dihya.alerts.test");
    for (sink, says) in [
        ("wrong", ["the secret is missing, wrong or revoked", "it wrote: no way", "given up at once"]),
        ("busy", ["too many requests", "left alone for 30 s", "tried again, for 24 hours"]),
        ("nobody", ["nobody answers", "", "tried again"]),
        ("chat", ["DIHYA_NO_SUCH_VARIABLE is not set", "", "tried again"]),
    ] {
        let run = folder.run(&format!("alert test {sink}"));
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{sink}");
        assert!(says.iter().all(|text| run.err.contains(text)), "{sink}: {}", run.err);
        assert!(!run.err.contains("a key of tests"));
    }
    let run = folder.run("alert test pager");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("it has fine, wrong, busy, nobody, chat"), "{}", run.err);
}

#[test]
fn status_and_list_tell_when_nothing_waits_and_what_does() {
    let folder = Folder::new("list", &webhook("siem", "http://127.0.0.1:9"));
    folder.log();
    let run = folder.run("alert list");
    assert_eq!((run.code, run.out.as_str()), (0, "nothing waits\n"), "{}", run.err);
    assert!(!folder.run("status").out.contains("alerts waiting"));
    // As a service left it that could not deliver.
    let line = r#"{"n":1,"at":1795255200000000,"key":"k","alert":{"detector":"auth_spray","severity":"high","status":"firing","fingerprint":"0011","channel":"security","starts_at":1795255200000000,"updated_at":1795255200000000,"ends_at":null,"count":12,"threshold":10,"summary":"12 accounts from one address.","record":null,"service":"clinic","instance":null}}"#;
    let spool = folder.0.join("logs/state/spool/siem");
    fs::create_dir_all(&spool).unwrap();
    let sum = dihya_sum(line);
    fs::write(spool.join("00000001.jsonl"), format!("{sum} {line}\n{sum} torn")).unwrap();
    fs::write(
        spool.join("last-error.json"),
        r#"{"at":"2026-11-21T10:05:00.000000Z","kind":"HTTP 503","attempts":4}"#,
    )
    .unwrap();
    let run = folder.run("alert list");
    assert_eq!(run.code, 1, "{}", run.err);
    for text in [
        "siem: 1 alert waits",
        "4 attempts failed",
        "HTTP 503",
        "2026-11-21 10:00",
        "auth_spray",
        "12 accounts",
    ] {
        assert!(run.out.contains(text), "{text}: {}", run.out);
    }
    let json: Value = serde_json::from_str(&folder.run("alert list --json").out).unwrap();
    assert_eq!(json[0]["alerts"][0]["detector"], "auth_spray");
    let run = folder.run("status");
    assert_eq!(run.code, 1);
    assert!(run.out.contains("1 for siem since 2026-11-21 10:00"), "{}", run.out);
    assert!(run.err.contains("`dihya alert test siem` tries it"), "{}", run.err);
    let json: Value = serde_json::from_str(&folder.run("status --json").out).unwrap();
    assert_eq!(json["logs"][0]["undelivered"][0]["last_error"][1], "HTTP 503");
    assert_eq!(json["foreign"].as_array().map(Vec::len), Some(0), "a spool is nobody else's");
}

/// The checksum of a line, by another program.
fn dihya_sum(text: &str) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()[..16].to_owned()
}

/// Made like the example of docs/alerts.md.
const NOTION: &str = r#"
events = ["purge", "hold"]
headers = ["Notion-Version: 2022-06-28"]
headers_env = ["Authorization: Bearer REGISTER_TOKEN"]
body = '''
{ "parent": { "database_id": "logs" },
  "properties": {
    "Name": { "title": [{ "text": { "content": "{{service}}: {{event}} ({{outcome}})" } }] },
    "When": { "date": { "start": "{{time}}" } },
    "Shards": { "number": {{count}} },
    "Session": { "rich_text": [{ "text": { "content": "{{id}}" } }] } } }
'''
"#;

#[test]
fn a_purge_and_a_hold_make_pages_in_a_database_like_notions() {
    let (url, got) = server("200 OK");
    let folder = Folder::new("notion", &format!("[hooks.register]\nurl = \"{url}/v1/pages\"\n{NOTION}"));
    folder.log();
    let next = || got.recv_timeout(Duration::from_secs(5)).unwrap();
    let run =
        folder.run("hold add case-1 --ground a_claim --owner legal --review 2099-01-01 --channel audit");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    let Got(head, page) = next();
    assert!(head.starts_with("POST /v1/pages HTTP/1.1\r\n"), "{head}");
    let lower = head.to_lowercase();
    assert!(
        lower.contains("\r\nauthorization: bearer a-token-of-tests\r\n"),
        "the header from the environment"
    );
    assert!(lower.contains("\r\nnotion-version: 2022-06-28\r\n"), "{head}");
    let title =
        |page: &Value| page["properties"]["Name"]["title"][0]["text"]["content"].as_str().unwrap().to_owned();
    assert_eq!(title(&page), "clinic: hold (success)");
    assert!(!page.to_string().contains("case-1"), "how an operator calls it is not told");

    let run = folder.run("purge --yes --trust-clock --reason monthly");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.out.contains("is gone"), "{}", run.out);
    let Got(_, page) = next();
    assert_eq!(title(&page), "clinic: purge (success)");
    assert_eq!(page["properties"]["Shards"]["number"], 1);
    let session = page["properties"]["Session"]["rich_text"][0]["text"]["content"].as_str().unwrap();
    let ledger = fs::read_to_string(folder.0.join("logs/ledger/ledger.jsonl")).unwrap();
    assert!(!session.is_empty() && ledger.contains(session), "the ledger has more under this session");

    assert_eq!(folder.run("purge --yes --trust-clock --reason again").code, 0);
    assert!(got.recv_timeout(Duration::from_millis(300)).is_err(), "a run that found nothing is not told");
}

#[test]
fn a_hook_that_fails_is_a_warning_and_what_was_done_is_done() {
    let (url, _got) = server("401 Unauthorized");
    let folder = Folder::new("refused", &format!("[hooks.register]\nurl = \"{url}\"\nevents = [\"hold\"]\n"));
    folder.log();
    let run = folder.run("hold add case-1 --ground a_claim --owner legal --review 2099-01-01");
    assert_eq!(run.code, 1);
    assert!(
        run.err.starts_with("warning: the hook register was not told of this hold: HTTP 401"),
        "{}",
        run.err
    );
    assert!(folder.run("hold list").out.contains("case-1"), "it holds");
}
