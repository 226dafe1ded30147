//! `dihya top` in a real pseudo-terminal, seen as its user sees it.

#![cfg(feature = "top")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dihya::Clock;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use vt100::Parser;

/// `dihya top` in a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    line: OwnedFd,
    before: Termios,
    screen: Arc<Mutex<Parser>>,
}

impl Terminal {
    fn new(arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let before = tcgetattr(&pty.slave).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        command
            .arg("top")
            .args(arguments)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8");
        let child = command
            .envs(environment.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(Parser::new(24, 100, 0)));
        let (mut output, shown) = (File::from(pty.master.try_clone().unwrap()), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..n]);
            }
        });
        Terminal { child, keys: File::from(pty.master), line: pty.slave, before, screen }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows it.
    fn wait(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let text = self.text();
            if is(&text) {
                return text;
            }
            assert!(Instant::now() < until, "{what} is not shown:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(rows, columns);
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.line, size).unwrap();
        // The kernel tells the terminal's own session; this one is the test's.
        self.signal(Signal::SIGWINCH);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Its exit code, once the terminal is as it was.
    fn ended(mut self) -> i32 {
        let until = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => {
                    self.child.kill().unwrap();
                    panic!("it does not end:\n{}", self.text());
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let until = Instant::now() + Duration::from_secs(10);
        while self.screen.lock().unwrap().screen().alternate_screen() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let screen = self.screen.lock().unwrap();
        assert!(!screen.screen().alternate_screen(), "the screen of before is not back");
        assert!(!screen.screen().hide_cursor(), "the cursor is not back");
        assert_eq!(tcgetattr(&self.line).unwrap(), self.before, "the line is still raw");
        status.code().unwrap_or(-1)
    }
}

struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Root {
    fn new(name: &str) -> Root {
        let root = Root(std::env::temp_dir().join(format!("dihya-top-{}-{name}", std::process::id())));
        for channel in ["app", "security"] {
            fs::create_dir_all(root.0.join(channel)).unwrap();
            fs::write(root.shard(channel), line(channel, "")).unwrap();
        }
        root
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn shard(&self, channel: &str) -> PathBuf {
        let today = dihya::hold::date(Clock::system().now());
        self.0.join(channel).join(format!("{today}.jsonl"))
    }

    fn append(&self, channel: &str, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.shard(channel)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

fn line(channel: &str, rest: &str) -> String {
    let now = Clock::system().now();
    let second = now.div_euclid(1_000_000).rem_euclid(86_400);
    format!(
        "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-000000000000\",\"timestamp\":\"{}T{:02}:{:02}:{:02}.000000Z\",\"channel\":\"{channel}\",\"level\":\"INFO\"{rest},\"service\":{{\"name\":\"clinic\"}}}}\n",
        dihya::hold::date(now),
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[test]
fn what_is_written_is_seen_at_once_and_q_gives_the_terminal_back() {
    let root = Root::new("files");
    let terminal = Terminal::new(&["--root", root.path(), "--interval", "0.2"], &[]);
    let first = terminal.wait("the log", |text| text.contains("records/s") && text.contains("security"));
    assert!(first.contains("0 lost") && first.contains("no alert fires"), "{first}");
    assert!(terminal.screen.lock().unwrap().screen().alternate_screen());

    root.append("app", &line("app", ",\"redactions\":{\"email\":2}").repeat(500));
    terminal.wait("the rate", |text| !text.contains("\n0 records/s"));
    root.append(
        "app",
        &line(
            "app",
            ",\"event_name\":\"sys_records_lost\",\"target\":\"dihya\",\"attributes\":{\"records\":17}",
        ),
    );
    root.append("security", &line("security", ",\"event_name\":\"alert_firing\",\"target\":\"dihya\",\"attributes\":{\"detector\":\"auth_spray\",\"severity\":\"high\",\"fingerprint\":\"d0e1\",\"count\":33}"));
    let shown = terminal
        .wait("the loss and the alert", |text| text.contains("17 LOST") && text.contains("1 ALERT FIRES"));
    assert!(shown.contains("auth_spray") && shown.contains("FIRING"), "{shown}");

    // Another size, larger and smaller, and back.
    for (rows, columns) in [(40, 150), (10, 40), (24, 100)] {
        terminal.resize(rows, columns);
        let last = usize::from(rows) - 1;
        terminal.wait("the new size", |text| {
            text.lines().nth(last).is_some_and(|foot| foot.starts_with("q end"))
        });
    }
    if let Some(to) = std::env::var_os("DIHYA_KEEP") {
        let mut shown = terminal.screen.lock().unwrap().screen().contents_formatted();
        shown.extend_from_slice(b"\n");
        fs::write(Path::new(&to).join("top.ansi"), shown).unwrap();
        fs::write(Path::new(&to).join("top.txt"), terminal.text()).unwrap();
    }
    (&terminal.keys).write_all(b"q").unwrap();
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let root = Root::new("signal");
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let terminal = Terminal::new(&["--root", root.path()], &[]);
        terminal.wait("the log", |text| text.contains("records/s"));
        terminal.signal(signal);
        assert_eq!(terminal.ended(), 0, "{signal}");
    }
}

#[test]
fn without_colours_and_utf8_there_are_words_and_ascii() {
    let root = Root::new("plain");
    let plain = [("NO_COLOR", "1"), ("LC_ALL", "C")];
    let terminal = Terminal::new(&["--root", root.path(), "--interval", "0.2"], &plain);
    terminal.wait("the log", |text| text.contains("records/s"));
    root.append("app", &line("app", "").repeat(50));
    let shown = terminal.wait("a rate", |text| text.contains("records/s") && !text.contains("\n0 records/s"));
    assert!(shown.is_ascii(), "{shown}");
    let screen = terminal.screen.lock().unwrap().screen().clone();
    for row in 0..24 {
        for column in 0..100 {
            let colour = screen.cell(row, column).unwrap().fgcolor();
            assert_eq!(colour, vt100::Color::Default, "a colour at {row}, {column}");
        }
    }
    (&terminal.keys).write_all(b"\x03").unwrap();
    assert_eq!(terminal.ended(), 0, "Ctrl-C");
}

#[test]
fn a_service_is_watched_by_its_metrics() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = service.local_addr().unwrap();
    std::thread::spawn(move || {
        for (count, stream) in service.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]);
            let body = format!(
                "dihya_events_total{{channel=\"api\",level=\"INFO\"}} {}\ndihya_queue_bytes{{channel=\"api\"}} 900\n\
                 dihya_queue_capacity_bytes{{channel=\"api\"}} 1000\ndihya_alerts_total{{detector=\"leak_suspected\",severity=\"critical\"}} 2\n",
                100 * count
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let url = format!("http://{address}");
    let terminal = Terminal::new(&["--metrics", &url, "--interval", "0.2"], &[]);
    let shown =
        terminal.wait("the rate", |text| text.contains("leak_suspected") && !text.contains("\n0 records/s"));
    assert!(shown.contains("[#####]  90%") && shown.contains("since start"), "{shown}");
    (&terminal.keys).write_all(b"q").unwrap();
    assert_eq!(terminal.ended(), 0);

    // Nobody is there: that is told, and it goes on trying.
    let terminal = Terminal::new(&["--metrics", "http://127.0.0.1:1/metrics"], &[]);
    terminal.wait("the error", |text| text.contains("! not read: http://127.0.0.1:1/metrics"));
    (&terminal.keys).write_all(b"\x1b").unwrap();
    assert_eq!(terminal.ended(), 0, "Esc");
}

#[test]
fn without_a_terminal_it_says_so() {
    let root = Root::new("none");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_dihya"))
            .arg("top")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = run(&["--root", root.path()]);
    assert!(code == 1 && told.contains("needs a terminal") && told.contains("dihya status"), "{told}");
    assert_eq!(run(&["--root", root.path(), "--interval", "0"]).0, 2);
    assert_eq!(run(&["--root", root.path(), "--metrics", "http://x"]).0, 2);
}
