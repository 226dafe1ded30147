//! The service: its state, its routes, and what surrounds every request.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::Level;

use crate::config::Config;
use crate::database::User;
use crate::logging::Logging;
use crate::secrets::Secrets;
use crate::{orders, people};

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) db: sqlx::SqlitePool,
    pub(crate) config: Arc<Config>,
    pub(crate) staff: Arc<Vec<User>>,
    pub(crate) logging: Logging,
    pub(crate) secrets: Secrets,
    pub(crate) client: reqwest::Client,
}

/// All routes. `/metrics` lies outside the trace: reading the counters must not move them.
pub(crate) fn router(app: App) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics)).with_state(app.clone());
    Router::new()
        .route("/login", post(people::login))
        .route("/patients", post(people::create).get(people::find))
        .route("/patients/{id}", get(people::read))
        .route("/reports/{id}", get(people::report))
        .route("/orders", post(orders::create))
        .route("/projects", post(orders::generate))
        .route("/crash", get(crash))
        .with_state(app)
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(served))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(Level::INFO).include_headers(true)),
        )
        .merge(metrics)
}

/// Anything that goes wrong, as the client sees it: never the cause.
pub(crate) struct Failure(pub(crate) StatusCode);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, self.0.canonical_reason().unwrap_or("error")).into_response()
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        tracing::error!(error = &error as &dyn std::error::Error, "the database said no");
        Failure(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One record per request on the api channel, with the route's template and never its values.
async fn served(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |path| path.as_str().into());
    let response = next.run(request).await;
    let latency_us = start.elapsed().as_micros() as u64;
    dihya::api!("request_served", %method, route, status = response.status().as_u16(), latency_us, "served");
    response
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], app.logging.metrics())
}

/// A handler that panics, and says why with everything it has.
async fn crash(State(app): State<App>) -> StatusCode {
    let token = app.secrets.jwt("night-shift");
    if !token.is_empty() {
        panic!("cannot renew the session of night-shift: token={token}");
    }
    StatusCode::OK
}
