//! The metrics at `/metrics` of a service that speaks axum: `cargo run --example metrics_axum`.
#![expect(clippy::print_stdout, reason = "a program may say where it listens")]

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use dihya::metrics::Format;
use dihya::{Handle, Policy, Sector};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("dihya-metrics-axum-{}", std::process::id()));
    let guard = dihya::init(Policy::sector(Sector::Generic).root(folder))?;
    let app = Router::new().route("/metrics", get(metrics)).with_state(guard.handle());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}/metrics", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(ended()).await?;
    Ok(())
}

async fn metrics(State(handle): State<Handle>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    // It looks at the disk: a thread that may block does it.
    let text = tokio::task::spawn_blocking(move || handle.metrics_as(format)).await.unwrap_or_default();
    ([(CONTENT_TYPE, format.content_type())], text)
}

async fn ended() {
    let _ = tokio::signal::ctrl_c().await;
}
