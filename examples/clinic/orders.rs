//! An order whose payment fails, and the generation of a project.

use std::error::Error;
use std::fmt;

use axum::Form;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dihya::{Generation, GenerationStatus};

use crate::database;
use crate::routes::{App, Failure};
use crate::secrets::{grouped, percent_encoded};

/// The order form as it is sent.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) item: String,
    pub(crate) card_number: String,
    pub(crate) cvv: String,
}

/// What the studio is asked for.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Project {
    pub(crate) user: String,
    pub(crate) name: String,
}

/// The outer error of a chain whose inner ones know too much.
#[derive(Debug)]
struct ChargeError {
    order: String,
    source: reqwest::Error,
}

pub(crate) async fn create(State(app): State<App>, Form(order): Form<Order>) -> Result<StatusCode, Failure> {
    // Raw, in groups, as a number, and in a debug struct: four ways to leak one card.
    tracing::info!("order {} paid with {}", order.number, grouped(&order.card_number, " "));
    tracing::debug!(order = order.number, form = ?order, pan = order.card_number.parse::<u64>().ok(), "form received");
    database::insert_order(&app.db, &order.number, &order.item, &order.card_number).await?;
    if let Err(error) = charge(&app, &order).await {
        tracing::error!(error = &error as &dyn Error, order = order.number, "charge failed");
        let chain = format!("{error}: {}", error.source);
        tracing::warn!("will retry {}: {chain}", order.number);
    }
    dihya::audit!("order_created", subject_id = %order.number, outcome = "success", "order {} taken", order.number);
    Ok(StatusCode::CREATED)
}

/// The card and the key travel in the address, and so they are in the error too.
async fn charge(app: &App, order: &Order) -> Result<(), ChargeError> {
    let config = &app.config;
    let url = format!(
        "http://{}:{}@{}/charge?api_key={}&card_number={}&order={}",
        config.gateway_user,
        percent_encoded(&config.gateway_password),
        config.gateway,
        config.gateway_key,
        order.card_number,
        order.number,
    );
    tracing::debug!(url, "calling the gateway");
    let request = app.client.post(&url).json(&serde_json::json!({ "item": order.item }));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(source) => Err(ChargeError { order: order.number.clone(), source }),
    }
}

/// Generates a project; every third one fails with a message that quotes a command line.
pub(crate) async fn generate(
    State(app): State<App>,
    Json(project): Json<Project>,
) -> Result<StatusCode, Failure> {
    let failed = project.name.ends_with('3');
    let error = format!(
        "npm install failed: npm config set //registry.example.org/:_authToken={} && git clone https://oauth2:{}@forge.example.org/{}.git",
        app.config.registry_token, app.config.forge_token, project.name
    );
    let generation = Generation {
        user_id: project.user,
        project_name: project.name,
        stack: vec!["axum".into(), "sqlite".into()],
        files: vec!["README.md".into(), "backend/main.rs".into()],
        template: Some("web-service".into()),
        status: if failed { GenerationStatus::Failure } else { GenerationStatus::Success },
        error: failed.then_some(error),
        ..Generation::default()
    };
    app.logging.generation(&generation).map_err(|error| {
        tracing::error!(error = &*error, "the generation was not recorded");
        Failure(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CREATED })
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {} could not be charged", self.order)
    }
}

impl Error for ChargeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
