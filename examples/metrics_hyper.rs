//! The metrics at `/metrics` of a service that speaks hyper itself: `cargo run --example metrics_hyper`.
//!
//! Without a server of its own, a service calls `dihya::metrics::serve` (feature `serve`) instead.
#![expect(clippy::print_stdout, reason = "a program may say where it listens")]

use std::convert::Infallible;
use std::error::Error;

use dihya::metrics::Format;
use dihya::{Handle, Policy, Sector};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("dihya-metrics-hyper-{}", std::process::id()));
    let guard = dihya::init(Policy::sector(Sector::Generic).root(folder))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}/metrics", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let handle = guard.handle();
        let service = service_fn(move |request| answer(request, handle.clone()));
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

async fn answer(request: Request<Incoming>, handle: Handle) -> Result<Response<String>, Infallible> {
    if request.uri().path() != "/metrics" {
        let mut response = Response::new("not found\n".to_owned());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    // It looks at the disk: a thread that may block does it.
    let text = tokio::task::spawn_blocking(move || handle.metrics_as(format)).await.unwrap_or_default();
    let mut response = Response::new(text);
    let kind = hyper::header::HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
