//! The clinic's day: several people use the service over real HTTP, and make mistakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior};

use crate::database::{Patient, User};
use crate::orders::{Order, Project};
use crate::people::{Login, Session};
use crate::secrets::{Secrets, pick};

/// Answers by class.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) ok: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Requests without an answer: there should be none.
    pub(crate) none: AtomicU64,
}

impl Answers {
    pub(crate) fn total(&self) -> u64 {
        [&self.ok, &self.refused, &self.failed, &self.none].map(|n| n.load(Ordering::Relaxed)).iter().sum()
    }

    fn count(&self, answer: &reqwest::Result<reqwest::Response>) {
        let counter = match answer {
            Ok(answer) if answer.status().is_success() => &self.ok,
            Ok(answer) if answer.status().is_client_error() => &self.refused,
            Ok(_) => &self.failed,
            Err(_) => &self.none,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everybody works until the time is over; each goes through a whole tour at least, so that every mistake is made.
pub(crate) async fn run(
    base: String,
    time: Duration,
    staff: Arc<Vec<User>>,
    secrets: Secrets,
    answers: Arc<Answers>,
) -> reqwest::Result<()> {
    let mut people = tokio::task::JoinSet::new();
    let end = Instant::now() + time;
    for role in [Role::Reception, Role::Nurse, Role::Shop, Role::Studio] {
        let visitor = Visitor {
            base: base.clone(),
            client: Client::builder().cookie_store(true).no_proxy().build()?,
            staff: staff.clone(),
            secrets: secrets.clone(),
            answers: answers.clone(),
            tick: steady(),
        };
        people.spawn(visitor.work(role, end));
    }
    people.join_all().await;
    Ok(())
}

#[derive(Clone, Copy)]
enum Role {
    Reception,
    Nurse,
    Shop,
    Studio,
}

struct Visitor {
    base: String,
    client: Client,
    staff: Arc<Vec<User>>,
    secrets: Secrets,
    answers: Arc<Answers>,
    tick: Interval,
}

impl Visitor {
    async fn work(mut self, role: Role, end: Instant) {
        let mut step = 0;
        while step < TOUR || Instant::now() < end {
            self.tick.tick().await;
            match role {
                Role::Reception => self.reception(step).await,
                Role::Nurse => self.nurse(step).await,
                Role::Shop => self.shop(step).await,
                Role::Studio => self.studio(step).await,
            }
            step += 1;
        }
    }

    /// Mistypes the password now and then, and once comes without a valid token.
    async fn reception(&self, step: usize) {
        let user = &self.staff[step % self.staff.len()];
        if step % 3 == 1 {
            let wrong = Login { user: user.id.clone(), password: self.secrets.password() };
            self.send(self.post("/login").form(&wrong)).await;
        }
        let Some(session) = self.login(user).await else { return };
        self.send(self.get("/patients/patient-00000").bearer_auth(&session.access_token)).await;
        if step % 5 == 2 {
            let stale = self.secrets.token("API token", &["gh", "p_"], 36);
            self.send(self.get("/patients/patient-00000").header("authorization", format!("token {stale}")))
                .await;
        }
    }

    /// Enters a patient, opens the record, looks one up by e-mail, follows a signed link.
    async fn nurse(&self, step: usize) {
        let Some(session) = self.login(&self.staff[step % self.staff.len()]).await else { return };
        let patient = Patient {
            pseudonym: format!("patient-{step:05}"),
            email: self.secrets.email(),
            nir: self.secrets.nir(),
            iban: self.secrets.iban(),
        };
        self.send(self.post("/patients").bearer_auth(&session.access_token).json(&patient)).await;
        if step % 4 == 3 {
            // The same pseudonym twice: the database refuses, and the error is logged with the patient.
            let again = Patient { email: self.secrets.email(), ..patient.clone() };
            self.send(self.post("/patients").bearer_auth(&session.access_token).json(&again)).await;
        }
        let record = self.get(&format!("/patients/{}", patient.pseudonym));
        self.send(record.bearer_auth(&session.access_token)).await;
        let search = self.get("/patients").query(&[("email", &patient.email)]);
        self.send(search.bearer_auth(&session.access_token)).await;
        let token = self.secrets.token("link token", &[], 32);
        self.send(self.get(&format!("/reports/{step}?token={token}"))).await;
    }

    async fn shop(&self, step: usize) {
        let order = Order {
            number: format!("ORD-{step:06}"),
            item: "blood pressure monitor".into(),
            card_number: self.secrets.card(),
            cvv: pick("0123456789", 3),
        };
        self.send(self.post("/orders").form(&order)).await;
    }

    async fn studio(&self, step: usize) {
        let user = self.staff[step % self.staff.len()].id.clone();
        let project = Project { user, name: format!("portal-{}", step % 10) };
        self.send(self.post("/projects").json(&project)).await;
        if step % 10 == 4 {
            self.send(self.get("/crash")).await;
        }
        if step % 10 == 5 {
            self.send(self.post("/projects").json(&json!({ "user": 1 }))).await;
        }
    }

    async fn login(&self, user: &User) -> Option<Session> {
        let form = Login { user: user.id.clone(), password: user.password.clone() };
        self.send(self.post("/login").form(&form)).await?.json().await.ok()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Option<reqwest::Response> {
        let answer = request.send().await;
        self.answers.count(&answer);
        answer.ok()
    }
}

/// Four people, about ten requests a second each.
fn steady() -> Interval {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// After so many steps everybody has made every mistake.
const TOUR: usize = 7;
