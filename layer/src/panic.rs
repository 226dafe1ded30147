//! A panic is the last chance to write: record it, drain the queues, and keep its payload off stderr.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use tracing_core::Level;

use crate::channel::Channel;
use crate::core::Core;
use crate::direct::Record;
use crate::record::escape;
use crate::values::Formatting;

/// Has panics of this process recorded by `core`, as long as it lives. The first call replaces the process' panic hook.
pub(crate) fn watch(core: &Arc<Core>) {
    static INSTALL: Once = Once::new();
    let mut watching = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    watching.retain(|core| core.strong_count() > 0);
    watching.push(Arc::downgrade(core));
    drop(watching);
    INSTALL.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| on_panic(info, &*before)));
    });
}

fn on_panic(info: &PanicHookInfo<'_>, before: &dyn Fn(&PanicHookInfo<'_>)) {
    if Formatting::is_underway() && cfg!(panic = "unwind") {
        // A value's own formatting: it is caught, counted and marked in the record, and its payload may be the value.
        return;
    }
    let watching = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let cores: Vec<Arc<Core>> = watching.iter().filter_map(Weak::upgrade).collect();
    drop(watching);
    if cores.is_empty() {
        return before(info);
    }
    let payload = info.payload();
    let text =
        payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("(a payload that is no text)");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");

    let shown = |text: &str| shown(text, &cores);
    let mut report = format!("thread '{}' panicked at {}:\n", shown(name), shown(&place));
    // A message of several lines could pass for lines of other origin, were it not set in.
    shown(text).lines().for_each(|line| report.push_str(&format!("  {line}\n")));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let is_full = std::env::var_os("RUST_BACKTRACE").is_some_and(|style| style == "full");
        let frames = backtrace.to_string();
        let frames = if is_full { frames } else { without_machinery(&frames) };
        // Line by line: all of them may be longer than can be examined at once.
        frames.lines().for_each(|line| report.push_str(&format!("{}\n", shown(line))));
    }
    // There is nobody to tell that stderr is gone.
    let _ = std::io::stderr().write_all(report.as_bytes());

    if crate::thread::is_forbidden() {
        // One of our own threads: waiting for it would be waiting for ourselves.
        return;
    }
    for core in cores {
        let record = Record::new(Channel::APP, "sys_crash")
            .level(Level::ERROR)
            .message(format_args!("panicked: {text}"))
            .field("thread.name", name)
            .field("code.location", &place);
        let plan = record.plan(&core.rules(), "panic");
        core.direct(&plan, |values| record.fill(&plan, values), |_| ());
        core.journal.drain(DRAIN);
    }
}

/// `text` with all masked that any of these layers would mask: stderr belongs to all of them.
fn shown(text: &str, cores: &[Arc<Core>]) -> String {
    let mut text = text.to_owned();
    for core in cores {
        let rules = core.rules();
        text = rules.scanner.masked(&rules.keys, &text, &mut Vec::new());
    }
    let mut shown = Vec::with_capacity(text.len());
    escape::legible(&mut shown, &text);
    String::from_utf8_lossy(&shown).into_owned()
}

/// The frames between the panic's own and those that start a thread, as the standard library shows them; all, if they
/// are not to be told apart.
fn without_machinery(backtrace: &str) -> String {
    let mut frames: Vec<Vec<&str>> = Vec::new();
    for line in backtrace.lines() {
        let number = line.trim_start().split_once(": ").map(|(number, _)| number);
        match number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            true => frames.push(vec![line]),
            false => frames.last_mut().into_iter().for_each(|frame| frame.push(line)),
        }
    }
    let is = |frame: &[&str], names: &[&str]| names.iter().any(|name| frame[0].contains(name));
    let first = frames.iter().rposition(|frame| is(frame, &RAISES)).map_or(0, |at| at + 1);
    let last =
        frames[first..].iter().position(|frame| is(frame, &STARTS)).map_or(frames.len(), |at| first + at);
    let mut text = String::new();
    for (number, frame) in frames[first..last].iter().enumerate() {
        let name = frame[0].split_once(": ").map_or(frame[0], |(_, name)| name);
        text.push_str(&format!("{number:4}: {name}\n"));
        frame[1..].iter().for_each(|line| text.push_str(&format!("{line}\n")));
    }
    text
}

/// What a panic passes through on its way to the hook.
const RAISES: [&str; 3] = ["rust_begin_unwind", "core::panicking::", "std::panicking::begin_panic"];

/// What calls a thread's own code.
const STARTS: [&str; 1] = ["__rust_begin_short_backtrace"];

static WATCHING: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());

/// Long enough for a disk that works, short enough for a caught panic to go on.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_frames_of_the_thread_itself_are_shown() {
        let backtrace = "   0: dihya::panic::on_panic\n             at ./panic.rs:1:1\n   1: __rustc::rust_begin_unwind\n   \
                         2: core::panicking::panic_fmt\n             at /rustc/x.rs:1:1\n   3: service::work\n             \
                         at ./main.rs:7:5\n   4: service::main\n   5: std::sys::backtrace::__rust_begin_short_backtrace\n   \
                         6: main\n";
        let expected = "   0: service::work\n             at ./main.rs:7:5\n   1: service::main\n";
        assert_eq!(without_machinery(backtrace), expected);
        assert_eq!(without_machinery("   0: a\n   1: b: c\n"), "   0: a\n   1: b: c\n");
        assert_eq!(without_machinery("unknown\n"), "");
    }
}
