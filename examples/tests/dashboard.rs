//! Every query of the dashboard, answered by a real Prometheus that scrapes a real layer through the exporter.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::prometheus::{check_metrics, free_port, once, series};
use common::tools::tool;
use common::{Folder, Running};
use dihya::ledger::{Fact, Ledger, PolicyRef, ShardRef};
use dihya::merkle::Hash;
use dihya::storage::Local;
use dihya::{Channel, Clock, Handle, Policy, Record, Sector};
use serde_json::Value;

/// Panels that show nothing when nothing is wrong, or that need parts which not every build has.
const MAY_BE_EMPTY: [&str; 4] = [
    "Errors of the storage",
    "Alerts pending and firing",
    "Anomalies, by detector",
    "Alerts delivered, by receiver",
];

#[tokio::test]
async fn a_real_server_answers_every_panel() {
    let (Some(server), Some(promtool)) = (tool("prometheus"), tool("promtool")) else { return };
    let folder = Folder::new("dashboard");
    let root = folder.path("log");
    let policy = Policy::sector(Sector::Generic).root(&root).service("clinic", "1");
    let (_layer, guard) = dihya::open(policy).expect("a new folder");
    let handle = guard.handle();
    let address = handle.serve_metrics("127.0.0.1:0").expect("a free port");
    from_outside(&root);
    check_metrics(&promtool, &handle.metrics());

    let port = free_port();
    let config = configuration(&folder, &address.to_string());
    let _server = Running::start(
        Command::new(server)
            .arg(format!("--config.file={config}"))
            .arg(format!("--storage.tsdb.path={}", folder.path("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null()),
    );
    // Counters have to move between two scrapes.
    let busy = tokio::spawn(work(handle.clone()));

    let up = series(port, "up == 1").await;
    assert_eq!(up.len(), 1, "{up:?}");
    // All that the exporter shows, in OpenMetrics, which this Prometheus asks for.
    let scraped = value(&series(port, "scrape_samples_scraped > 0").await[0]);
    let shown = handle.metrics().lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(scraped, shown as f64, "every sample is understood");

    let dashboard =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dihya.json"));
    let dashboard: Value = serde_json::from_str(&dashboard.expect("the dashboard")).expect("JSON");
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a panel has a title");
        let Some(targets) = panel["targets"].as_array() else { continue };
        assert!(
            panel["description"].as_str().is_some_and(|text| text.len() > 10),
            "{title} explains nothing"
        );
        let queries: Vec<String> =
            targets.iter().map(|target| expanded(target["expr"].as_str().expect("an expression"))).collect();
        asked += queries.len();
        let answered = answers(port, &queries, !MAY_BE_EMPTY.contains(&title)).await;
        assert!(answered > 0 || MAY_BE_EMPTY.contains(&title), "{title} shows nothing");
    }
    assert!(asked > 30, "only {asked} queries");
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let metric =
            query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(',')).expect("of labels").0;
        series(port, &expanded(metric)).await;
    }

    // What came through the ledger is what was done.
    let holds = series(port, "dihya_legal_holds").await;
    assert_eq!(value(&holds[0]), 1.0);
    let purged =
        series(port, "dihya_purged_records_total{channel=\"app\",reason=\"retention.default\"}").await;
    assert_eq!(value(&purged[0]), 42.0);
    let firing = series(port, "ALERTS{alertname=\"DihyaIntegrityBroken\",alertstate=\"firing\"}").await;
    assert_eq!(firing[0]["metric"]["channel"], "scheduler", "{firing:?}");
    busy.abort();
}

/// The number of series that a panel's queries give; waits for some, if there must be any. An error of the server is one
/// of the query.
async fn answers(port: u16, queries: &[String], wait: bool) -> usize {
    for _ in 0..150 {
        let mut series = 0;
        for query in queries {
            let answer = once(port, query).await.expect("the server answers");
            series += answer.unwrap_or_else(|error| panic!("`{query}`: {error}")).len();
        }
        if series > 0 || !wait {
            return series;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    0
}

fn value(series: &Value) -> f64 {
    series["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a sample's value")
}

/// Grafana's variables as it would fill them in.
fn expanded(query: &str) -> String {
    let mut query = query.replace("$__rate_interval", "15s");
    for variable in ["$job", "$instance", "$channel"] {
        query = query.replace(variable, ".+");
    }
    assert!(!query.contains('$'), "an unknown variable: {query}");
    query
}

/// The sample configuration and rules as they are, at the pace of a test.
fn configuration(folder: &Folder, address: &str) -> String {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus");
    let read = |name: &str| fs::read_to_string(deploy.join(name)).expect("a sample of deploy/prometheus");
    let rules = read("rules.yml").replace("interval: 30s", "interval: 1s");
    fs::write(folder.path("rules.yml"), rules).expect("the test's folder");
    let config = read("dihya.yml")
        .replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("scrape_timeout: 5s", "scrape_timeout: 1s")
        .replace("evaluation_interval: 15s", "evaluation_interval: 1s")
        .replace("127.0.0.1:9464", address);
    assert!(config.contains(address) && config.contains("scrape_interval: 1s"));
    let path = folder.path("dihya.yml");
    fs::write(&path, config).expect("the test's folder");
    path.to_string_lossy().into_owned()
}

/// What `dihya purge`, `verify`, `hold` and `archive` leave in the ledger from their own processes.
fn from_outside(root: &Path) {
    let clock = Clock::system();
    let ledger =
        Ledger::attach(Arc::new(Local), root, &root.join("state"), clock).expect("the layer made it");
    let shard = ShardRef {
        shard: "app/2026-01-02".into(),
        size: 50,
        root: Hash::empty(),
        bytes: 9000,
        records: 42,
        first: None,
        last: None,
    };
    let policy = PolicyRef { version: None, sha256: String::new() };
    let hold = [("ground", "case"), ("owner", "legal"), ("review", "2099-01-01")];
    let ran = |operation: &str| Fact::Operation {
        operation: operation.into(),
        outcome: "success".into(),
        milliseconds: 1,
        volume: [].into(),
    };
    let facts = [
        Fact::Purged { shard, store: "live".into(), rule: "retention.default: P3M".into(), policy },
        ran("purge"),
        ran("archive"),
        Fact::HoldSet { id: "case".into(), hold: hold.map(|(k, v)| (k.to_owned(), v.to_owned())).into() },
        Fact::Verified { what: "root".into(), whole: false, shards: 9, broken: vec!["scheduler".into()] },
    ];
    for fact in facts {
        ledger.append(fact.into()).expect("the ledger takes it");
    }
}

/// Records of every kind that the panels count, until the test is over.
async fn work(handle: Handle) {
    let address = |n: u64| format!("nobody{n}@{}", "example.org");
    for n in 0.. {
        for name in Channel::BUILT_IN {
            let channel = Channel::built_in(name).expect("its own name");
            let record = Record::new(channel, "worked").field("to", address(n)).message("some work");
            handle.record(record).expect("the queue has room");
        }
        let commit = handle.clone();
        let done = tokio::task::spawn_blocking(move || commit.commit(Channel::AUDIT)).await;
        done.expect("no panic").expect("the disk works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
