//! A real Prometheus server scrapes the clinic; what it read is compared with what the clinic says itself.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use common::prometheus::{check_metrics, free_port, series};
use common::tools::tool;
use common::{Folder, Running, example};

#[tokio::test]
async fn a_real_server_reads_the_counters_that_the_summary_shows() {
    let (Some(server), Some(promtool)) = (tool("prometheus"), tool("promtool")) else { return };
    let folder = Folder::new("prometheus");
    let mut command = Command::new(example("clinic"));
    command.args(["--serve", "--seconds", "1", "--root"]).arg(folder.path("logs"));
    let mut clinic = Running::start(&mut command);
    let summary = clinic.read_until("Serving ");
    let address =
        value_of(&summary, "Metrics     http://").strip_suffix("/metrics").expect("the metrics' address");

    let text = reqwest::get(format!("http://{address}/metrics")).await.expect("clinic serves its metrics");
    let text = text.text().await.expect("metrics are text");
    check_metrics(&promtool, &text);

    let port = free_port();
    let config = folder.path("prometheus.yml");
    fs::write(&config, scrape(address)).expect("the test's folder can be written");
    let _server = Running::start(
        Command::new(server)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null()),
    );
    let events = ask(port, "sum by (channel) (dihya_events_total)", "channel").await;
    assert_eq!(events, shown_events(&summary), "records by channel");
    assert!(
        events.values().all(|records| *records > 0),
        "a channel without records proves nothing: {events:?}"
    );
    let mut redactions = ask(port, "sum by (detector) (dihya_redactions_total)", "detector").await;
    redactions.retain(|_, hits| *hits > 0);
    assert_eq!(redactions, shown_redactions(&summary), "redactions by detector");
    assert!(redactions.len() > 5, "too few detectors at work: {redactions:?}");
    let dropped = ask(port, "sum by (channel) (dihya_dropped_total)", "channel").await;
    assert_eq!(dropped.values().sum::<u64>(), 0, "{dropped:?}");

    let (code, rest) = clinic.terminate();
    assert_eq!(code, Some(0), "{rest}");
}

fn scrape(address: &str) -> String {
    format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n  - job_name: clinic\n    static_configs: [ {{ targets: [ \"{address}\" ] }} ]\n"
    )
}

/// Asks for a sum, by a label.
async fn ask(port: u16, query: &str, label: &str) -> BTreeMap<String, u64> {
    series(port, query).await.iter().map(|one| sample(one, label)).collect()
}

fn sample(series: &serde_json::Value, label: &str) -> (String, u64) {
    let name = series["metric"][label].as_str().expect("the label that was summed by").to_owned();
    (name, number(series["value"][1].as_str().expect("a sample's value is a string")))
}

fn value_of<'a>(summary: &'a str, prefix: &str) -> &'a str {
    summary.lines().find_map(|line| line.strip_prefix(prefix)).expect("the summary has this line")
}

/// The indented lines of a section.
fn section<'a>(summary: &'a str, title: &str) -> impl Iterator<Item = &'a str> {
    let lines = summary.lines().skip_while(move |line| !line.starts_with(title)).skip(1);
    lines.take_while(|line| line.starts_with("  "))
}

fn shown_events(summary: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let mut cells = line.split_whitespace();
        let channel = cells.next().expect("a row begins with its channel").to_owned();
        (channel, number(cells.next().expect("a row has its records")))
    };
    section(summary, "Events ").map(row).collect()
}

fn shown_redactions(summary: &str) -> BTreeMap<String, u64> {
    let words: Vec<&str> = section(summary, "Redactions ").flat_map(str::split_whitespace).collect();
    words.chunks_exact(2).map(|pair| (pair[0].to_owned(), number(pair[1]))).collect()
}

fn number(text: &str) -> u64 {
    text.replace(',', "").parse().expect("a whole number")
}
