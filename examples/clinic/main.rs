//! A small clinic's web service that logs as carelessly as real ones do.
//!
//! It starts on a loopback port, drives itself over HTTP for a while, then searches all that it wrote and printed for
//! every secret it used. `--help` tells the rest.
#![expect(clippy::print_stdout, reason = "it is a program: `--help` goes to stdout")]
#![expect(clippy::print_stderr, reason = "it is a program: a wrong command line is answered on stderr")]

mod config;
mod database;
mod driver;
mod files;
mod jobs;
mod logging;
mod metrics;
mod options;
mod orders;
mod people;
mod printed;
mod routes;
mod secrets;
mod summary;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::driver::Answers;
use crate::files::Kind;
use crate::logging::Logging;
use crate::metrics::Samples;
use crate::options::Options;
use crate::printed::Printed;
use crate::secrets::Secrets;
use crate::summary::{Run, thousands};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("clinic: {message}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("clinic: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(clinic(options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("clinic: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One run; whether it passed.
async fn clinic(options: Options) -> Result<bool, Box<dyn Error>> {
    let printed = Printed::default();
    let root = logging::run_folder(options.root)?;
    let (logging, guard) = Logging::open(&root, options.plain)?;

    let secrets = Secrets::default();
    let config = Arc::new(config::Config::generate(&secrets, nobody_listens_here().await?));
    tracing::info!(?config, "configuration loaded");
    let staff = Arc::new(database::staff(&secrets));
    tracing::debug!(?staff, "staff loaded");

    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], options.port))).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let app = routes::App {
        db: database::open().await?,
        config,
        staff: staff.clone(),
        logging: logging.clone(),
        secrets: secrets.clone(),
        client: reqwest::Client::builder().no_proxy().build()?,
    };
    let router = routes::router(app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    printed.out(&format!("clinic      {base}\nMetrics     {base}/metrics\nLogs        {}\n", root.display()));

    let answers = Arc::new(Answers::default());
    let job = tokio::spawn(jobs::run(app));
    let start = Instant::now();
    let watch =
        tokio::spawn(progress(printed.clone(), answers.clone(), secrets.clone(), start, options.seconds));
    let mut interrupt = pin!(interrupted()?);
    let stopped = tokio::select! {
        done = driver::run(base.clone(), options.seconds, staff, secrets.clone(), answers.clone()) => {
            done?;
            false
        }
        () = &mut interrupt => true,
    };
    let seconds = start.elapsed().as_secs_f64();
    // The job ends with the day. After it the log grows only by what somebody sends.
    for task in [job, watch] {
        task.abort();
        let _ = task.await;
    }
    printed.progress("");
    // What the detectors of anomalies found is recorded within a second or two.
    tokio::time::sleep(SAID_WITHIN).await;
    logging.commit().await?;
    if let Some(path) = &options.secrets_file {
        secrets.write(path)?;
    }

    let report = |brief: bool| -> Result<bool, Box<dyn Error>> {
        let observed =
            Observed { root: &root, answers: &answers, seconds, secrets: &secrets, printed: &printed };
        if options.plain { observed.plain() } else { observed.redacted(&logging, brief) }
    };
    let serving = options.serve && !stopped;
    if serving {
        report(false)?;
        printed.out(&format!("\nServing     {base} until Ctrl-C\n"));
        interrupt.await;
    }
    server.abort();
    let _ = server.await;
    let mut complete = true;
    if let Some(guard) = guard {
        let shutdown = guard.shutdown(Duration::from_secs(5));
        complete = shutdown.is_complete();
        let durable: u64 = shutdown.channels.iter().map(|channel| channel.records).sum();
        let (durable, lost) = (thousands(durable), shutdown.lost());
        printed.out(&format!("\nShutdown    {durable} records are on the disk, {lost} lost\n"));
        if !complete {
            printed.out(&format!("{shutdown}\n"));
        }
    }
    Ok(report(serving)? && complete)
}

/// Alerts are looked for every second, and take their way through the log.
const SAID_WITHIN: Duration = Duration::from_millis(2500);

/// What is looked at when the day is over.
struct Observed<'a> {
    root: &'a Path,
    answers: &'a Answers,
    seconds: f64,
    secrets: &'a Secrets,
    printed: &'a Printed,
}

impl Observed<'_> {
    /// `brief`: the verdict only, since the rest was printed before.
    fn redacted(&self, logging: &Logging, brief: bool) -> Result<bool, Box<dyn Error>> {
        let entries = files::walk(self.root)?;
        let stored = files::records(&entries)?;
        let metrics = Samples::parse(&logging.metrics());
        let texts = self.texts(&entries);
        let safe = SAFE.map(|name| (name, texts.iter().any(|(_, text)| holds(text, name.as_bytes()))));
        let search = self.secrets.search(&texts)?;
        let run = Run {
            answers: self.answers,
            seconds: self.seconds,
            entries: &entries,
            stored: &stored,
            metrics: &metrics,
            search: &search,
            safe: &safe,
        };
        // The report shows records: it is searched like everything else, before it is printed.
        let report = if brief { run.verdict() } else { run.text() };
        let shown = self.secrets.search(&[("the report".to_owned(), report.clone().into_bytes())])?.found;
        if shown.is_empty() {
            self.printed.out(&report);
            return Ok(run.faults().is_empty());
        }
        self.printed.out("\nThe report would show a secret and is withheld.\n");
        for fault in run.faults() {
            self.printed.out(&format!("  ! {fault}\n"));
        }
        Ok(false)
    }

    fn plain(&self) -> Result<bool, Box<dyn Error>> {
        let search = self.secrets.search(&self.texts(&files::walk(self.root)?))?;
        self.printed.out(&summary::plain(&search));
        Ok(search.unseen.is_empty())
    }

    /// All that the run wrote and printed.
    fn texts(&self, entries: &[files::Entry]) -> Vec<(String, Vec<u8>)> {
        let mut texts = vec![("the output".to_owned(), self.printed.all())];
        for entry in entries {
            if let Kind::File(bytes) = &entry.kind {
                texts.push((entry.path.display().to_string(), bytes.clone()));
            }
        }
        texts
    }
}

/// An address where a connection is refused: the port was free a moment ago.
async fn nobody_listens_here() -> std::io::Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.to_string())
}

async fn progress(printed: Printed, answers: Arc<Answers>, secrets: Secrets, start: Instant, time: Duration) {
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        tick.tick().await;
        printed.progress(&format!(
            "{:>5.1} of {:.0} s   {:>6} requests   {:>5} secrets used",
            start.elapsed().as_secs_f64(),
            time.as_secs_f64(),
            answers.total(),
            secrets.count()
        ));
    }
}

/// Ends with Ctrl-C or SIGTERM. From the call on, neither kills the process.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn holds(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// What must be in the log, or the search for secrets proves nothing.
const SAFE: [&str; 8] = [
    "/patients/{id}",
    "patient-00003",
    "ORD-000002",
    "staff-02",
    "portal-1",
    "nightly-round",
    "authn_login_fail",
    "sensitive_read",
];
