//! What the service is started with. The derived `Debug` prints all of it: a common mistake.

use crate::secrets::Secrets;

/// Credentials of everything the service talks to.
#[derive(Debug)]
pub(crate) struct Config {
    /// Host and port where nothing listens: the payment gateway is down today.
    pub(crate) gateway: String,
    pub(crate) gateway_user: String,
    pub(crate) gateway_password: String,
    pub(crate) gateway_key: String,
    pub(crate) smtp_password: String,
    pub(crate) backup_dsn: String,
    pub(crate) forge_token: String,
    pub(crate) registry_token: String,
    pub(crate) chat_webhook: String,
    pub(crate) aws_key_id: String,
    pub(crate) signing_key: String,
}

impl Config {
    /// New credentials for one run.
    pub(crate) fn generate(secrets: &Secrets, gateway: String) -> Config {
        let backup_password = secrets.token("DSN password", &[], 14);
        let hook = secrets.token("webhook path", &[], 24);
        Config {
            gateway,
            gateway_user: "clinic".into(),
            gateway_password: secrets.password(),
            gateway_key: secrets.token("payment key", &["sk_", "live_"], 24),
            smtp_password: secrets.password(),
            backup_dsn: format!("postgres://backup:{backup_password}@db.internal:5432/clinic"),
            forge_token: secrets.token("forge token", &["gl", "pat-"], 20),
            registry_token: secrets.token("registry token", &["np", "m_"], 36),
            chat_webhook: format!("https://hooks.{}.com/services/T0AB12CD3/B0EF45GH6/{hook}", "slack"),
            aws_key_id: secrets.aws_key(),
            signing_key: secrets.private_key(),
        }
    }
}
