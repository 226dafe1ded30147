//! One check from beginning to end: plant, start, wait, ask, listen, stop, search.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::http::{self, Answer, Client};
use super::own::Own;
use super::plan::{Plan, Request};
use super::planting::{Planting, Proof};
use super::prepare::{base, filled, folders, free_port, rehearse};
use super::process;
use super::report::{Report, RequestReport};
use super::result::{METRICS, Observed, Text};
use super::service::{self, Service};
use super::strace;
use super::template::Template;
use super::watch::Watch;

/// What the command line says besides the plan.
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Whether strace lists every file that is opened.
    pub(crate) strace: bool,
    /// Whether a line on stderr tells what goes on.
    pub(crate) progress: bool,
}

/// Why there is no report.
pub(crate) enum Refusal {
    /// The plan or the command line is wrong: nothing was started.
    Plan(String),
    /// The machine stands in the way: nothing was started, or it could not be.
    Machine(String),
}

/// Carries a plan out.
///
/// # Errors
/// If the service cannot even be started.
pub(crate) fn run(plan: &Plan, options: &Options) -> Result<Report, Refusal> {
    let is_http = http::is_used(&plan.http, &plan.requests);
    let port =
        free_port().map_err(|error| Refusal::Machine(format!("no free port on 127.0.0.1: {error}")))?;
    rehearse(plan, port, is_http)?;
    let own = Own::new(options.seed).map_err(|error| {
        Refusal::Machine(format!("cannot make a folder in {}: {error}", std::env::temp_dir().display()))
    })?;
    let mut planting = Planting::new(options.seed, port, own.path("folder"));
    let base = base(plan, &mut planting).map_err(Refusal::Plan)?;
    if let Some(address) = &base.address
        && !base.is_ours
        && is_open(address)
    {
        return Err(Refusal::Machine(format!(
            "something listens at {address} already: requests would reach it and not the service; stop it, or take `{{{{port}}}}`"
        )));
    }
    let start = filled(plan, &mut planting, &own, options)?;
    let mut url =
        |url: &Option<Template>, way: &str| url.as_ref().map(|url| planting.fill(url, way, str::to_owned));
    let ready_url = url(&plan.ready.url, "ready, url");
    let metrics_url = url(&plan.http.metrics, "metrics, url");
    let folders = folders(plan, &mut planting, &own);
    process::adopt_orphans();
    // Before there is anything that an interrupt would leave behind.
    let interrupted = interrupted();
    let watch = Watch::start(folders, &own.path("private"), plan.limits.bytes).map_err(|error| {
        Refusal::Plan(format!("a folder cannot be watched: {error}; see [watch] and --watch"))
    })?;
    let program = plan.service.command.first().map_or("", |program| program.source());
    let folder = plan.service.folder.as_deref();
    let service =
        Service::start(start).map_err(|error| Refusal::Machine(service::why(program, folder, &error)))?;
    let mut course = Course {
        plan,
        client: Client::new(&base.url, plan.http.timeout.0),
        address: base.address.filter(|_| is_http),
        ready_url,
        metrics_url,
        service,
        watch,
        deadline: Instant::now() + plan.limits.whole.0,
        interrupted,
        progress: Progress(options.progress && io::stderr().is_terminal()),
        observed: Observed::default(),
    };
    if course.wait_until_ready() {
        if is_http { course.ask(&mut planting) } else { course.let_run() }
    }
    let mut observed = course.end();
    if options.strace {
        observed.strace = Some(strace::read(&own.path("private/strace")));
    }
    Ok(observed.report(plan, &planting, options, &own.path("")))
}

/// The part of a check between the start and the end of the service.
struct Course<'a> {
    plan: &'a Plan,
    client: Client,
    address: Option<String>,
    ready_url: Option<String>,
    metrics_url: Option<String>,
    service: Service,
    watch: Watch,
    deadline: Instant,
    interrupted: Arc<AtomicBool>,
    progress: Progress,
    observed: Observed,
}

impl Course<'_> {
    /// Whether requests may be sent.
    fn wait_until_ready(&mut self) -> bool {
        let ready = &self.plan.ready;
        let start = Instant::now();
        let end = (start + ready.within.0).min(self.deadline);
        let url = self.ready_url.as_ref().map(|url| self.client.url(url));
        let what = match (&url, &ready.line, &ready.delay, &self.address) {
            (Some(_), ..) => format!(
                "[ready] `url` = {:?} did not answer",
                ready.url.as_ref().map_or("", |url| url.source())
            ),
            (_, Some(line), ..) => format!("no line held {line:?}"),
            (_, _, Some(_), _) => "it was to be waited for".to_owned(),
            (.., Some(address)) => format!("nobody listened at {address}"),
            _ => return true,
        };
        loop {
            self.progress.tell("waiting until the service is ready");
            let is_ready = match (&url, &ready.line, &ready.delay, &self.address) {
                (Some(url), ..) => self.client.get(url).is_ok_and(|answer| answer.status < 500),
                (_, Some(line), ..) => self.service.has_line(line),
                (_, _, Some(delay), _) => start.elapsed() >= delay.0,
                (.., Some(address)) => is_open(address),
                _ => true,
            };
            if is_ready {
                return true;
            }
            if let Some(status) = self.service.gone() {
                let status = service::told(Some(status));
                self.problem(format!("the service ended with {status} before it was ready"));
                return false;
            }
            if self.is_interrupted() {
                return false;
            }
            if Instant::now() >= end {
                let seconds = start.elapsed().as_secs_f64();
                self.problem(format!("the service was not ready after {seconds:.1} s: {what}; see [ready]"));
                return false;
            }
            thread::sleep(STEP);
        }
    }

    /// Sends every request, then reads the metrics.
    fn ask(&mut self, planting: &mut Planting) {
        // What it says while it starts is no sign that it logs requests.
        self.settle(Duration::from_millis(100));
        self.observed.before_requests = Some((self.service.printed(), self.watch.changes()));
        let count = self.plan.requests.len();
        for (index, request) in self.plan.requests.iter().enumerate() {
            let name =
                request.name.as_ref().map_or(String::new(), |name| format!(" ({})", name.replace(',', " ")));
            let label = format!("request {}{name}", index + 1);
            self.progress.tell(&format!("{label} of {count}"));
            let mut statuses = Vec::new();
            match self.client.fill(request, &label, planting) {
                Ok(filled) => {
                    for _ in 0..request.repeat.unwrap_or(1) {
                        if self.is_interrupted() || self.is_late() {
                            break;
                        }
                        match self.client.send(&filled) {
                            Ok(answer) => {
                                planting.prove(&label, Proof::Answered(answer.status));
                                self.judge(
                                    request.accepts(answer.status),
                                    request.expect.is_some(),
                                    &label,
                                    answer.status,
                                );
                                self.take(request, &answer, &label, planting);
                                statuses.push(answer.status);
                                if self.plan.http.responses {
                                    let name = format!("the answer to {label}");
                                    self.observed.texts.push(Text::new(name, answer.body, answer.is_cut));
                                }
                            }
                            Err(why) => {
                                planting.prove(&label, Proof::Unanswered);
                                self.unanswered(&label, &why);
                                break;
                            }
                        }
                    }
                }
                Err(why) => self.problem(format!("{label} cannot be sent: {why}")),
            }
            let path = request.path.as_ref().map_or("", |path| path.source());
            let method = request.method();
            self.observed.requests.push(RequestReport {
                request: label,
                line: format!("{method} {path}"),
                statuses,
            });
        }
        self.settle(self.plan.limits.settle.0);
        self.read_metrics();
    }

    fn judge(&mut self, is_accepted: bool, is_expected: bool, label: &str, status: u16) {
        if is_accepted {
            return;
        }
        let told = if is_expected {
            format!("{label} was answered {status}, which the plan does not expect")
        } else {
            format!(
                "{label} was answered {status}: nobody took it; if that is meant, say `expect = {status}`"
            )
        };
        if !self.observed.problems.contains(&told) {
            self.problem(told);
        }
    }

    /// Keeps what later requests need. That it is not there is told once, here.
    fn take(&mut self, request: &Request, answer: &Answer, label: &str, planting: &mut Planting) {
        let public = request.take_public.iter().map(|(name, source)| (name, source, false));
        for (name, source, is_secret) in
            request.take.iter().map(|(name, source)| (name, source, true)).chain(public)
        {
            match answer.take(source) {
                Some(text) => planting.take(name, &text, label, is_secret),
                None => self.problem(format!(
                    "the answer to {label} (status {}) has no {source} to be taken as {name}",
                    answer.status
                )),
            }
        }
    }

    fn unanswered(&mut self, label: &str, why: &str) {
        // The end of a process is seen a moment after its sockets closed.
        thread::sleep(Duration::from_millis(50));
        match self.service.gone() {
            Some(status) => {
                self.problem(format!(
                    "{label} was never answered: the service ended with {}",
                    service::told(Some(status))
                ));
            }
            None => self.problem(format!("{label} was never answered: {why}")),
        }
    }

    fn read_metrics(&mut self) {
        let (Some(template), Some(url)) = (&self.plan.http.metrics, &self.metrics_url) else { return };
        self.progress.tell("reading the metrics");
        let url = self.client.url(url);
        match self.client.get(&url) {
            Ok(answer) if answer.status == 200 => {
                self.observed.texts.push(Text::new(METRICS.to_owned(), answer.body, answer.is_cut));
            }
            Ok(answer) => self.problem(format!(
                "the metrics at {:?} were answered {}",
                template.source(),
                answer.status
            )),
            Err(why) => {
                self.problem(format!("the metrics at {:?} were not answered: {why}", template.source()))
            }
        }
    }

    /// A service without requests: until it ends, or its time is over.
    fn let_run(&mut self) {
        let end = Instant::now() + self.plan.limits.run.0;
        while self.service.gone().is_none() && Instant::now() < end {
            self.progress.tell("the service runs");
            if self.is_interrupted() || self.is_late() {
                return;
            }
            thread::sleep(STEP);
        }
    }

    /// Waits until nothing new was written for so long, or ten times as long at most.
    fn settle(&mut self, quiet: Duration) {
        let start = Instant::now();
        let mut last = (self.service.printed(), self.watch.changes());
        let mut since = Instant::now();
        while since.elapsed() < quiet && start.elapsed() < quiet * 10 && !self.is_interrupted() {
            self.progress.tell("waiting until nothing more is written");
            thread::sleep(STEP);
            let now = (self.service.printed(), self.watch.changes());
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    fn end(mut self) -> Observed {
        self.progress.tell("stopping the service");
        let is_done = self.observed.problems.is_empty();
        let (end, [stdout, stderr]) = self.service.stop(self.plan.limits.stop.0);
        let code = end.status.and_then(|status| status.code());
        if is_done && end.by_itself && code != Some(self.plan.service.exit) {
            let told = end.told();
            self.observed.problems.push(format!(
                "the service failed by itself: {told}; if it is meant to end so, say it in [service] `exit`"
            ));
        }
        let seen = self.watch.finish();
        self.progress.tell("");
        self.observed.end = Some(end);
        self.observed.printed = stdout.total + stderr.total;
        self.observed.streams = vec![("stdout", stdout), ("stderr", stderr)];
        self.observed.seen = Some(seen);
        self.observed
    }

    fn is_interrupted(&mut self) -> bool {
        let interrupted = self.interrupted.load(Ordering::Relaxed);
        if interrupted && !self.observed.problems.iter().any(|problem| problem == INTERRUPTED) {
            self.problem(INTERRUPTED.to_owned());
        }
        interrupted
    }

    fn is_late(&mut self) -> bool {
        let is_late = Instant::now() >= self.deadline;
        let told = format!(
            "the check took longer than {:.0} s: see [limits] `whole`",
            self.plan.limits.whole.0.as_secs_f64()
        );
        if is_late && !self.observed.problems.contains(&told) {
            self.problem(told);
        }
        is_late
    }

    fn problem(&mut self, told: String) {
        self.observed.problems.push(told);
    }
}

/// One line on stderr that replaces itself.
struct Progress(bool);

impl Progress {
    fn tell(&self, what: &str) {
        if self.0 {
            let _ = write!(io::stderr(), "\r\x1b[K{what}");
        }
    }
}

/// Set by Ctrl-C and SIGTERM: the service is in a group of its own, and would stay behind.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // It fails for signals that cannot be caught; these can.
        let _ = signal_hook::flag::register(signal, flag.clone());
    }
    flag
}

fn is_open(address: &str) -> bool {
    let addresses = address.to_socket_addrs().into_iter().flatten();
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

const STEP: Duration = Duration::from_millis(20);

const INTERRUPTED: &str = "the check was interrupted";
