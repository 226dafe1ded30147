//! Login and patient records, with the mistakes people make in such handlers.

use axum::Form;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::database::{self, Patient};
use crate::routes::{App, Failure};

/// The login form; its derived `Debug` prints the password.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What a login gives: a cookie and a bearer token.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) access_token: String,
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Search {
    email: String,
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Link {
    token: String,
}

pub(crate) async fn login(State(app): State<App>, Form(form): Form<Login>) -> Result<Response, Failure> {
    tracing::debug!(?form, "login attempt");
    let Some(user) = app.staff.iter().find(|user| user.id == form.user && user.password == form.password)
    else {
        // Somebody wanted to know which passwords are tried.
        dihya::security!("authn_login_fail", user_id = %form.user, source = "127.0.0.1", password = %form.password);
        return Err(Failure(StatusCode::UNAUTHORIZED));
    };
    let session = Session { user: user.id.clone(), access_token: app.secrets.jwt(&user.id) };
    let cookie = app.secrets.session();
    tracing::debug!(?session, session_id = cookie, "session created");
    dihya::security!("authn_login_success", user_id = %user.id, source = "127.0.0.1", outcome = "success");
    let headers = AppendHeaders([(header::SET_COOKIE, format!("session={cookie}; HttpOnly; Path=/"))]);
    Ok((headers, Json(session)).into_response())
}

pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Json(patient): Json<Patient>,
) -> Result<StatusCode, Failure> {
    let user = authenticate(&headers)?;
    let span = tracing::info_span!("create_patient", user, contact = tracing::field::Empty);
    // A field that is filled in late is a field all the same.
    span.record("contact", patient.email.as_str());
    span.in_scope(|| {
        tracing::info!(
            "new patient {} <{}>, NIR {}",
            patient.pseudonym,
            patient.email,
            spaced_nir(&patient.nir)
        );
        tracing::debug!(
            iban = patient.iban,
            "refunds go to IBAN {}",
            crate::secrets::grouped(&patient.iban, " ")
        );
    });
    if let Err(error) = database::insert(&app.db, &patient).await {
        tracing::warn!(%error, ?patient, "could not insert");
        return Err(Failure(StatusCode::CONFLICT));
    }
    dihya::audit!("sensitive_create", user_id = %user, subject_id = %patient.pseudonym, outcome = "success", "patient created");
    Ok(StatusCode::CREATED)
}

pub(crate) async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Patient>, Failure> {
    let user = authenticate(&headers)?;
    let Some(patient) = database::by_pseudonym(&app.db, &id).await? else {
        return Err(Failure(StatusCode::NOT_FOUND));
    };
    let body = serde_json::to_string(&patient).unwrap_or_default();
    tracing::debug!(body, "answer");
    dihya::audit!("sensitive_read", user_id = %user, subject_id = %id, outcome = "success", "record opened");
    Ok(Json(patient))
}

pub(crate) async fn find(
    State(app): State<App>,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Result<Json<Option<String>>, Failure> {
    let user = authenticate(&headers)?;
    let found = database::by_email(&app.db, &search.email).await?;
    let subject = found.as_deref().unwrap_or("nobody");
    dihya::audit!("sensitive_read", user_id = %user, subject_id = %subject, outcome = "success", "looked up {search:?}");
    Ok(Json(found))
}

/// A signed link from an e-mail: its token stands in the address, which tower-http puts into its span.
pub(crate) async fn report(
    Path(id): Path<String>,
    Query(link): Query<Link>,
) -> Result<&'static str, Failure> {
    let span = tracing::info_span!("report", token = %link.token, report = %id);
    span.in_scope(|| tracing::info!("report sent"));
    Ok("all values are normal")
}

/// Who asks, by bearer token. Logs all headers, as one does while looking for a fault, and forgets to take it out.
fn authenticate(headers: &HeaderMap) -> Result<String, Failure> {
    tracing::debug!(?headers, "authenticating");
    let token =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token.and_then(subject) {
        Some(user) => Ok(user),
        None => {
            dihya::security!(
                "authz_fail",
                source = "127.0.0.1",
                outcome = "failure",
                "no valid token in {headers:?}"
            );
            Err(Failure(StatusCode::UNAUTHORIZED))
        }
    }
}

/// The `sub` claim. Nothing is verified: this service is a stage set.
fn subject(token: &str) -> Option<String> {
    use base64::Engine;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

/// `1 85 05 78 006 084 36`, as it is printed on the card.
fn spaced_nir(nir: &str) -> String {
    let mut rest = nir;
    let mut parts = Vec::new();
    for length in [1, 2, 2, 2, 3, 3, 2] {
        let Some((part, tail)) = rest.split_at_checked(length) else { break };
        parts.push(part);
        rest = tail;
    }
    parts.join(" ")
}
