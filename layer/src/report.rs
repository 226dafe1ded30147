//! A word on stderr when storage fails and when it works again: metrics tell how often, a terminal that.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Writes one line, at most one every ten seconds, and says how many were left out. Holds no user data by its
/// callers' promise: a channel's name, an operation, the system's error.
pub(crate) fn say(text: &str) {
    let Ok(mut last) = LAST.try_lock() else { return };
    if last.is_some_and(|at| at.elapsed() < PAUSE) {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    *last = Some(Instant::now());
    drop(last);
    let more = match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => String::new(),
        n => format!(" ({n} earlier messages left out)"),
    };
    say_at_once(&format!("{text}{more}"));
}

/// Writes one line, for what is said once and must not be left out.
pub(crate) fn say_at_once(text: &str) {
    // One write, so that lines of several threads do not mix. There is nobody to tell that stderr is gone.
    let _ = io::stderr().write_all(format!("dihya: {text}\n").as_bytes());
}

static LAST: Mutex<Option<Instant>> = Mutex::new(None);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
const PAUSE: Duration = Duration::from_secs(10);
