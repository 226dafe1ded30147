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
    let cores: Vec<Arc<Core>> = WATCHING
        .lock()
        .map(|watching| watching.iter().filter_map(Weak::upgrade).collect())
        .unwrap_or_default();
    let Some(first) = cores.first() else { return before(info) };
    let payload = info.payload();
    let text =
        payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("(a payload that is no text)");
    let place = info.location().map(ToString::to_string).unwrap_or_default();

    let mut shown = Vec::new();
    let rules = first.rules();
    rules.scanner.write_text(&rules.keys, text, &mut shown);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let mut shown_name = Vec::new();
    escape::content(&mut shown_name, &rules.scanner.masked(&rules.keys, name, &mut Vec::new()));
    let shown_name = String::from_utf8_lossy(&shown_name);
    let backtrace = match Backtrace::capture() {
        backtrace if backtrace.status() == BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    let shown = String::from_utf8_lossy(&shown);
    // There is nobody to tell that stderr is gone.
    let _ = std::io::stderr()
        .write_all(format!("thread '{shown_name}' panicked at {place}: {shown}{backtrace}\n").as_bytes());

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

static WATCHING: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());

/// Long enough for a disk that works, short enough for a caught panic to go on.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(1);
