//! The scheduled job: a nightly round that runs twice a second here.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::database;
use crate::routes::App;

/// Runs until it is dropped.
pub(crate) async fn run(app: App) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    for round in 1u64.. {
        tick.tick().await;
        nightly(&app, round).await;
    }
}

/// Backup, reminders, key rotation: each with something in its message that should not be there.
async fn nightly(app: &App, round: u64) {
    let config = &app.config;
    dihya::scheduler!("job_started", job = "nightly-round", round, "nightly round started");
    if let Err(error) = database::backup(&app.db).await {
        tracing::warn!(target: "clinic::jobs", %error, "backup to {} failed", config.backup_dsn);
    }
    let basic = STANDARD.encode(format!("mailer:{}", config.smtp_password));
    tracing::debug!(target: "clinic::jobs", "SMTP > Authorization: Basic {basic}");
    log::warn!(target: "mailer", "login to smtp.example.org refused, smtp_password={}", config.smtp_password);
    tracing::info!(target: "clinic::jobs", "posting to {}", config.chat_webhook);
    tracing::info!(target: "clinic::jobs", "uploading with {}", config.aws_key_id);
    tracing::debug!(target: "clinic::jobs", key = config.signing_key, "signing with\n{}", config.signing_key);
    // Without a name beside them, only their shape tells what these are.
    tracing::debug!(target: "clinic::jobs", "trying {} and {}", config.forge_token, config.registry_token);
    tracing::debug!(target: "clinic::jobs", "charging as {}", config.gateway_key);
    tracing::debug!(target: "clinic::jobs", "next: {}", app.secrets.jwt("next-shift"));
    let answer = serde_json::json!({ "access_token": app.secrets.jwt("mailer"), "token_type": "bearer" });
    tracing::debug!(target: "clinic::jobs", answer = answer.to_string(), "token renewed");
    dihya::scheduler!(
        "job_finished",
        job = "nightly-round",
        round,
        outcome = "partial",
        "nightly round finished"
    );
}
