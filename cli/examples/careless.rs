//! A small service that leaks in the way it is told to, to try `dihya check` on.
//!
//! ```text
//! cargo build -p dihya-cli --examples
//! cargo run -p dihya-cli -- check --plan plan.toml -- target/debug/examples/careless stdout {{port}}
//! ```
//!
//! The first argument is the way; the second, if there is one, the port to listen on. Files go to the folder in `LOG_DIR`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dihya::{Policy, Sector};
use tracing_subscriber::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let way = arguments.next().ok_or("which way? stdout, clean, base64, ...")?;
    let port = arguments.next();
    let folder = PathBuf::from(std::env::var_os("LOG_DIR").unwrap_or_else(|| ".".into()));
    match way.as_str() {
        "dead" => {
            eprintln!("cannot open the database as {}", std::env::var("DB_PASSWORD").unwrap_or_default());
            eprintln!("giving up");
            std::process::exit(3);
        }
        // A job: what it was given comes out once.
        "job" => {
            let mut stdin = String::new();
            io::stdin().read_to_string(&mut stdin)?;
            let backwards: String = std::env::var("DB_PASSWORD").unwrap_or_default().chars().rev().collect();
            println!("starting\nstdin {stdin}\nenvironment {backwards}\narguments {port:?}");
            return Ok(());
        }
        "quiet-job" => return Ok(()),
        _ => {}
    }
    let guard = match way.as_str() {
        "dihya" => {
            let (layer, guard) = dihya::open(Policy::sector(Sector::Generic).root(folder.join("logs")))?;
            tracing_subscriber::registry().with(layer).init();
            Some(guard)
        }
        _ => None,
    };
    let is_told = Arc::new(AtomicBool::new(false));
    if way == "stubborn" || way == "dihya" {
        signal_hook::flag::register(signal_hook::consts::SIGTERM, is_told.clone())?;
    }
    let listener = TcpListener::bind(format!("127.0.0.1:{}", port.ok_or("which port?")?))?;
    listener.set_nonblocking(true)?;
    println!("listening");
    let mut service = Service { held: None, metrics: String::from("requests 1\n"), way, folder };
    loop {
        match listener.accept() {
            Ok((stream, _)) => service.serve(stream)?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(2))
            }
            Err(error) => return Err(error.into()),
        }
        if is_told.load(Ordering::Relaxed) && service.way == "dihya" {
            drop(guard);
            return Ok(());
        }
    }
}

struct Service {
    way: String,
    folder: PathBuf,
    held: Option<File>,
    metrics: String,
}

impl Service {
    /// One request, one answer.
    fn serve(&mut self, mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
        stream.set_nonblocking(false)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let start = head.len();
            if reader.read_line(&mut head)? <= 2 {
                break;
            }
            if let Some(value) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        // Somebody looked whether anybody listens.
        if head.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let is_metrics = head.starts_with("GET /metrics ");
        if !is_metrics {
            let text = format!("{head}{}", String::from_utf8_lossy(&body));
            self.log(&text)?;
        }
        let status = if head.contains(" /missing") {
            "404 Not Found"
        } else if head.contains(" /moved") {
            "302 Found\r\nlocation: /login"
        } else {
            "200 OK"
        };
        let body = if self.way == "session" && head.contains(" /login") {
            // Its own secret, which the caller has to bring along from now on.
            let token = RandomState::new().hash_one(&head);
            format!("{{\"access_token\":\"{token:016x}{token:016X}\",\"id\":\"visit-2026-0001\"}}")
        } else if is_metrics {
            self.metrics.clone()
        } else {
            String::from_utf8_lossy(&body).into_owned()
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )?;
        Ok(())
    }

    fn log(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let path = |name: &str| self.folder.join(name);
        let append = |name: &str| OpenOptions::new().append(true).create(true).open(path(name));
        match self.way.as_str() {
            "silent" => {}
            "clean" | "stubborn" => println!("served"),
            "stdout" | "session" => println!("{text}"),
            "stderr" => eprintln!("{text:?}"),
            "base64" => {
                let held = match &mut self.held {
                    Some(held) => held,
                    None => self.held.insert(append("held.log")?),
                };
                writeln!(held, "{}", dihya_compliance::base64(text.as_bytes(), false))?;
            }
            "metrics" => {
                println!("served");
                self.metrics = format!("last{{request={text:?}}} 1\n");
            }
            // Held open by a process that is not the service itself, and whose parent is gone.
            "orphan" => {
                println!("served");
                let script = "(exec 3>>\"$1\"; echo \"$2\" >&3; sleep 5) >/dev/null 2>&1 &";
                let file = path("orphan.log");
                Command::new("sh").args(["-c", script, "sh"]).arg(file).arg(text).status()?;
            }
            "dihya" => {
                let password = text.rsplit_once("password=").map_or("", |(_, rest)| rest);
                tracing::info!(password, request = text, "served");
            }
            "crash" => std::process::abort(),
            "hang" => std::thread::sleep(Duration::from_secs(60)),
            "removed" => {
                fs::write(path("removed.log"), text)?;
                std::thread::sleep(Duration::from_millis(100));
                fs::remove_file(path("removed.log"))?;
            }
            "flash" => {
                println!("served");
                fs::write(path("flash.log"), text)?;
                fs::remove_file(path("flash.log"))?;
            }
            "named" => {
                let name: String = text.rsplit('=').next().unwrap_or_default().chars().take(40).collect();
                fs::write(path(&format!("upload-{name}")), "contents\n")?;
            }
            "compressed" => {
                println!("served");
                fs::write(path("log.gz"), [&[0x1f, 0x8b, 8, 0][..], text.as_bytes()].concat())?;
            }
            other => return Err(format!("no such way: {other}").into()),
        }
        Ok(())
    }
}
