//! The services that show how metrics are served, asked as a scraper would.

mod common;

use std::process::Command;

use common::{Folder, Running, example};

async fn serves_its_metrics(name: &str) {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.path("")).expect("the test's folder");
    let mut service = Running::start(Command::new(example(name)).env("TMPDIR", folder.path("")));
    let address = service.read_until("http://").trim().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client without TLS");
    let open = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    for (accept, kind, end) in
        [("*/*", "text/plain; version=0.0.4", "\n"), (open, "application/openmetrics-text", "# EOF\n")]
    {
        let answer = client.get(&address).header("accept", accept).send().await.expect("it answers");
        assert_eq!(answer.status(), 200, "{name}");
        let told = answer.headers()["content-type"].to_str().expect("a type is ASCII").to_owned();
        assert!(told.starts_with(kind), "{name}: {told}");
        let text = answer.text().await.expect("metrics are text");
        assert!(text.contains("dihya_events_total{channel=\"audit\",level=\"AUDIT\"}"), "{name}");
        assert!(text.ends_with(end), "{name}");
    }
}

#[tokio::test]
async fn a_service_that_speaks_axum_serves_its_metrics() {
    serves_its_metrics("metrics_axum").await;
}

#[tokio::test]
async fn a_service_that_speaks_hyper_serves_its_metrics() {
    serves_its_metrics("metrics_hyper").await;
}
