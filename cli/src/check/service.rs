//! The service as a child: started with what is planted, listened to, and ended.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process_group};

use super::process;

/// What is to be started.
pub(crate) struct Start {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) stdin: Option<String>,
    /// Of each stream that are kept.
    pub(crate) limit: u64,
}

/// A started service. It ends with this value, whatever happens.
pub(crate) struct Service {
    child: Child,
    streams: [Stream; 2],
    status: Option<ExitStatus>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) status: Option<ExitStatus>,
    /// It ended before it was told to.
    pub(crate) by_itself: bool,
    /// It did not end by SIGTERM in time.
    pub(crate) killed: bool,
}

struct Stream {
    shared: Arc<Mutex<Heard>>,
    thread: Option<JoinHandle<()>>,
}

/// What a stream brought.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) total: u64,
}

impl Service {
    /// Starts it in a process group of its own.
    ///
    /// # Errors
    /// If the program or its folder is missing or cannot be run.
    pub(crate) fn start(start: Start) -> io::Result<Service> {
        let mut command = Command::new(&start.program);
        command.args(&start.arguments).envs(&start.environment).process_group(0);
        command.stdin(if start.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &start.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn()?;
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), start.stdin) {
            // A service that does not read is no error, and must not hold up the check.
            thread::spawn(move || stdin.write_all(text.as_bytes()));
        }
        let streams = [
            Stream::listen(child.stdout.take(), start.limit),
            Stream::listen(child.stderr.take(), start.limit),
        ];
        Ok(Service { child, streams, status: None })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// How it ended, if nothing of it runs any more: a daemon's first process ends, and it lives on.
    pub(crate) fn gone(&mut self) -> Option<ExitStatus> {
        self.ended().filter(|_| process::descendants().is_empty())
    }

    /// Bytes that both streams brought so far.
    pub(crate) fn printed(&self) -> u64 {
        self.streams.iter().map(|stream| stream.heard().total).sum()
    }

    /// Whether a whole line of either stream holds this.
    pub(crate) fn has_line(&self, text: &str) -> bool {
        self.streams.iter().any(|stream| {
            let heard = stream.heard();
            let whole = heard.bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
            String::from_utf8_lossy(&heard.bytes[..whole]).contains(text)
        })
    }

    /// Ends it: SIGTERM to its group, SIGKILL to all its descendants when the time is over.
    pub(crate) fn stop(mut self, grace: Duration) -> (End, [Heard; 2]) {
        let by_itself = self.ended().is_some();
        let start = Instant::now();
        self.signal(Signal::TERM);
        let mut are_told = false;
        while start.elapsed() < grace {
            if self.ended().is_some() {
                let left = process::descendants();
                if left.is_empty() {
                    break;
                }
                // Those in groups of their own outlived it. They too may write something while they end.
                if !are_told {
                    left.into_iter().for_each(|pid| process::signal(pid, Signal::TERM));
                    are_told = true;
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
        let killed = self.ended().is_none();
        self.kill();
        let end = End { status: self.status, by_itself, killed };
        let heard = [0, 1].map(|i| self.streams[i].finish());
        (end, heard)
    }

    fn signal(&mut self, signal: Signal) {
        // As long as it was not waited for, its number belongs to nobody else.
        if self.ended().is_none()
            && let Some(pid) = process::pid(self.child.id())
        {
            let _ = kill_process_group(pid, signal);
        }
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        process::kill_descendants(self.child.id(), Duration::from_secs(2));
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

impl End {
    /// "exit code 3", "signal 9".
    pub(crate) fn told(&self) -> String {
        told(self.status)
    }
}

/// "exit code 3", "signal 9".
pub(crate) fn told(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((None, Some(signal))) => format!("signal {signal}"),
        _ => "an unknown status".to_owned(),
    }
}

/// Why a program could not be started, and what to do.
pub(crate) fn why(program: &str, folder: Option<&Path>, error: &io::Error) -> String {
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return format!("the folder {} is not there: see [service] `folder`", folder.display());
    }
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => format!(
            "there is no {program}{}; has it been built?",
            folder.map_or(String::new(), |folder| format!(" (seen from {})", folder.display()))
        ),
        io::ErrorKind::NotFound => {
            format!("there is no program {program} in PATH; for one in this folder write ./{program}")
        }
        io::ErrorKind::PermissionDenied => format!("{program} may not be executed: `chmod +x {program}`?"),
        _ => format!("{program} cannot be started: {error}"),
    }
}

impl Stream {
    fn listen(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Stream {
        let shared = Arc::new(Mutex::new(Heard::default()));
        let theirs = shared.clone();
        let thread = thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = [0; 64 * 1024];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(n) => lock(&theirs).take(&buffer[..n], limit),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Stream { shared, thread: Some(thread) }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        lock(&self.shared)
    }

    /// What was heard to the end, which comes soon: all who could write are dead.
    fn finish(&mut self) -> Heard {
        let start = Instant::now();
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && start.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_millis(2));
            }
        }
        self.heard().clone()
    }
}

impl Heard {
    fn take(&mut self, bytes: &[u8], limit: u64) {
        let room = limit.saturating_sub(self.bytes.len() as u64).min(bytes.len() as u64);
        self.bytes.extend_from_slice(&bytes[..room as usize]);
        self.total += bytes.len() as u64;
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
