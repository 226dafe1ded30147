//! The clinic's data, in SQLite.
//!
//! In memory on purpose: the run folder is searched for secrets, and the patients' own data belongs in the
//! database, so the database must not lie there.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row};

use crate::secrets::Secrets;

/// A patient as the reception types one in.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Patient {
    pub(crate) pseudonym: String,
    pub(crate) email: String,
    pub(crate) nir: String,
    pub(crate) iban: String,
}

/// Somebody who may log in. The derived `Debug` is one of the mistakes.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) password: String,
}

/// One connection: every connection to `:memory:` would be a database of its own.
pub(crate) async fn open() -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).connect_with(options).await?;
    for table in [
        "CREATE TABLE patients (pseudonym TEXT PRIMARY KEY, email TEXT UNIQUE, nir TEXT, iban TEXT)",
        "CREATE TABLE orders (number TEXT PRIMARY KEY, item TEXT NOT NULL, card_last4 TEXT NOT NULL)",
    ] {
        sqlx::query(table).execute(&pool).await?;
    }
    Ok(pool)
}

/// The people who work here.
pub(crate) fn staff(secrets: &Secrets) -> Vec<User> {
    (1..=6).map(|n| User { id: format!("staff-{n:02}"), password: secrets.password() }).collect()
}

/// Parameters are bound, as they should be, and then logged by hand, as they should not.
pub(crate) async fn insert(db: &SqlitePool, patient: &Patient) -> Result<(), sqlx::Error> {
    tracing::debug!(
        params = ?[&patient.pseudonym, &patient.email, &patient.nir, &patient.iban],
        "INSERT INTO patients VALUES (?, ?, ?, ?)"
    );
    sqlx::query("INSERT INTO patients VALUES (?, ?, ?, ?)")
        .bind(&patient.pseudonym)
        .bind(&patient.email)
        .bind(&patient.nir)
        .bind(&patient.iban)
        .execute(db)
        .await
        .map(drop)
}

/// A statement glued together from its values: sqlx itself logs it whole.
pub(crate) async fn by_email(db: &SqlitePool, email: &str) -> Result<Option<String>, sqlx::Error> {
    let statement = format!("SELECT pseudonym FROM patients WHERE email = '{}'", email.replace('\'', "''"));
    let row = sqlx::query(AssertSqlSafe(statement)).fetch_optional(db).await?;
    row.map(|row| row.try_get(0)).transpose()
}

pub(crate) async fn by_pseudonym(db: &SqlitePool, pseudonym: &str) -> Result<Option<Patient>, sqlx::Error> {
    let query = sqlx::query("SELECT pseudonym, email, nir, iban FROM patients WHERE pseudonym = ?");
    let Some(row) = query.bind(pseudonym).fetch_optional(db).await? else { return Ok(None) };
    Ok(Some(Patient {
        pseudonym: row.try_get(0)?,
        email: row.try_get(1)?,
        nir: row.try_get(2)?,
        iban: row.try_get(3)?,
    }))
}

pub(crate) async fn insert_order(
    db: &SqlitePool,
    number: &str,
    item: &str,
    card: &str,
) -> Result<(), sqlx::Error> {
    let last4 = card.get(card.len().saturating_sub(4)..).unwrap_or_default();
    let query = sqlx::query("INSERT INTO orders VALUES (?, ?, ?)").bind(number).bind(item).bind(last4);
    query.execute(db).await.map(drop)
}

/// A backup that cannot work: the table is not there.
pub(crate) async fn backup(db: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO backup SELECT * FROM patients").execute(db).await.map(drop)
}
