//! The exporter: metrics over HTTP, from a thread of its own.
//!
//! For a service that has no HTTP server, or wants its metrics on another port than its customers. It answers `GET
//! /metrics` and nothing else, one request per connection. Whoever connects cannot make it grow: of [`CONNECTIONS`] the
//! oldest goes when one more comes, each has [`PATIENCE`] from its first byte to its last, and its request must fit into
//! 8 KiB. No TLS and no password: the address it listens on is what protects it.
//!
//! It never waits for a writer, nor a writer for it; the thread has a low priority. Its events reach no layer of this
//! crate. A scoped dispatcher that did the same for other layers would cost every event of the process its short way to the
//! global one, as long as the thread lives; hyper and tokio do not log unless they are built to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Format;
use crate::core::Core;
use crate::handle::Handle;
use crate::{lifecycle, report, thread};

/// Where to serve if nothing speaks against it: loopback, and the port that OpenTelemetry's exporter for Prometheus made
/// usual.
pub const ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464));

/// Serves the metrics of the layer that this process opened first, at `/metrics` of this address, on a thread of its
/// own; the address it listens on, for port 0 takes a free one. It ends with the guard.
///
/// ```no_run
/// let guard = dihya::init(dihya::Policy::load("dihya.toml")?)?;
/// dihya::metrics::serve(dihya::metrics::ADDRESS)?;
/// # drop(guard); Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If no layer is open, or the address cannot be listened on.
pub fn serve(address: impl ToSocketAddrs) -> Result<SocketAddr, ServeError> {
    serve_of(&Handle::current().ok_or(ServeError::NoLayer)?, address)
}

/// Why the metrics are not served.
#[non_exhaustive]
pub enum ServeError {
    /// No layer is open, or it is shut down.
    NoLayer,
    /// The address cannot be listened on.
    Listen {
        /// What the system said.
        source: io::Error,
    },
    /// The thread could not be started.
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::NoLayer => f.write_str(
                "no layer is open to serve the metrics of: call this after `open`, and keep the guard",
            ),
            ServeError::Listen { source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "the metrics cannot be served: {source}; choose another port, or port 0 for a free one"
                )
            }
            ServeError::Listen { source } => {
                write!(f, "the metrics cannot be served at this address: {source}")
            }
            ServeError::Thread { source } => write!(f, "the metrics' thread cannot be started: {source}"),
        }
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::NoLayer => None,
            ServeError::Listen { source } | ServeError::Thread { source } => Some(source),
        }
    }
}

/// The exporters of one layer, to be ended with it.
#[derive(Debug, Default)]
pub(crate) struct Exporters(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    ended: bool,
    exporters: Vec<Exporter>,
}

#[derive(Debug)]
struct Exporter {
    stop: oneshot::Sender<()>,
    /// Closed when the thread has ended.
    alive: mpsc::Receiver<Infallible>,
}

impl Exporters {
    /// Ends them, and waits a moment for it: the ports are free then.
    pub(crate) fn end(&self) {
        let exporters = {
            let mut running = self.running();
            running.ended = true;
            std::mem::take(&mut running.exporters)
        };
        for Exporter { stop, alive } in exporters {
            let _ = stop.send(());
            let _ = alive.recv_timeout(END);
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn serve_of(handle: &Handle, address: impl ToSocketAddrs) -> Result<SocketAddr, ServeError> {
    let core = handle.core();
    let mut running = core.exporters.running();
    if running.ended {
        return Err(ServeError::NoLayer);
    }
    let listen = |source| ServeError::Listen { source };
    let listener = TcpListener::bind(address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ServeError::Thread { source })?;
    let (stop, stopped) = oneshot::channel();
    let (ends, alive) = mpsc::channel();
    let core = Arc::downgrade(core);
    std::thread::Builder::new()
        .name("dihya-metrics".into())
        .stack_size(STACK)
        .spawn(move || {
            let _ends = ends;
            thread::forbid();
            lifecycle::step_back();
            let served = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(listener, &core, stopped))));
            match served {
                Ok(Ok(())) => {}
                Ok(Err(error)) => report::say_at_once(&format!("the metrics are served no more: {error}")),
                Err(_) => report::say_at_once("the metrics are served no more: their thread panicked"),
            }
        })
        .map_err(|source| ServeError::Thread { source })?;
    running.exporters.push(Exporter { stop, alive });
    Ok(address)
}

/// Accepts until it is told to stop. What is open then is closed with the runtime.
async fn run(listener: TcpListener, core: &Weak<Core>, mut stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let next = poll_fn(|context| match Pin::new(&mut stopped).poll(context) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => listener.poll_accept(context).map(Some),
        });
        let Some(accepted) = next.await else { return Ok(()) };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, as a rule: they come back.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let core = Weak::clone(core);
        let service = service_fn(move |request| {
            let answer = answer(&request, &core);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .keep_alive(false)
            .max_headers(HEADERS)
            .max_buf_size(REQUEST)
            .serve_connection(TokioIo::new(stream), service);
        // How a connection ends is its client's affair.
        let task = tokio::spawn(async move { drop(tokio::time::timeout(PATIENCE, connection).await) });
        open.push_back(task.abort_handle());
    }
}

fn answer<B>(request: &Request<B>, core: &Weak<Core>) -> Response<String> {
    let said = |status: StatusCode, text: &str| {
        let mut response = Response::new(text.to_owned());
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return said(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = said(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics\n");
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(core) = core.upgrade() else {
        return said(StatusCode::SERVICE_UNAVAILABLE, "the layer is closed\n");
    };
    let accepted: Vec<&str> =
        request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accepted.join(","));
    let Ok(text) = catch_unwind(AssertUnwindSafe(|| Handle::of(core).metrics_as(format))) else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "gathering the metrics panicked\n");
    };
    let mut response = Response::new(text);
    let kind = hyper::header::HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A scraper uses one at a time; a few people with a browser do not lock each other out.
const CONNECTIONS: usize = 64;
/// From a connection's beginning to its end. Prometheus gives a scrape ten seconds unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// The least that hyper takes.
const REQUEST: usize = 8 * 1024;
const HEADERS: usize = 64;
const STACK: usize = 512 * 1024;
const PAUSE: Duration = Duration::from_millis(100);
/// Long enough for a scrape under way; a disk that stands must not hold up the end of the service.
const END: Duration = Duration::from_secs(1);
