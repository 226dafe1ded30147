//! A real Prometheus, and what it answers.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// `promtool check metrics` ends with 0 and prints nothing about a clean exposition.
pub(crate) fn check_metrics(promtool: &Path, text: &str) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "promtool: {said}");
}

/// Asks until there is an answer that is not empty; the first scrape takes about a second.
pub(crate) async fn series(port: u16, query: &str) -> Vec<Value> {
    for _ in 0..150 {
        if let Some(Ok(series)) = once(port, query).await
            && !series.is_empty()
        {
            return series;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no answer to `{query}` within 15 s");
}

/// Asks once: the series, or what is wrong with the query; `None` if nobody answers.
pub(crate) async fn once(port: u16, query: &str) -> Option<Result<Vec<Value>, String>> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client without TLS");
    let request = client.get(format!("http://127.0.0.1:{port}/api/v1/query")).query(&[("query", query)]);
    let answer: Value = request.send().await.ok()?.json().await.ok()?;
    match (answer["status"].as_str(), answer["data"]["result"].as_array()) {
        (Some("success"), Some(series)) => Some(Ok(series.clone())),
        _ => Some(Err(answer["error"].as_str().unwrap_or("no error told").to_owned())),
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound port").port()
}
