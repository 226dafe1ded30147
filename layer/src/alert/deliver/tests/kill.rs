//! `kill -9` of a process with alerts that wait: the next one delivers them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::server::{Reply, Server};
use super::*;
use crate::storage::Local;

/// Where the child of the test below finds its spool, and its receiver.
const SPOOL: &str = "DIHYA_TEST_SPOOL";
const URL: &str = "DIHYA_TEST_URL";

fn start_at(spool: &Path, url: &str) -> (Delivery, Arc<Metrics>) {
    let policy = policy(&webhook("a", url));
    let metrics = Arc::new(Metrics::new(&policy));
    let storage: Arc<dyn Storage> = Arc::new(Local);
    let delivery = Delivery::start(&policy, spool, &storage, &Clock::system(), &Rng::system(), &metrics);
    (delivery.expect("starts"), metrics)
}

#[test]
fn child_offers_alerts_until_it_is_killed() {
    let (Some(spool), Ok(url)) = (std::env::var_os(SPOOL), std::env::var(URL)) else { return };
    let (delivery, _metrics) = start_at(Path::new(&spool), &url);
    (1..=20).for_each(|count| delivery.offer(alert(count)));
    let folder = Path::new(&spool).join("a");
    until("all are on disk", || spool::look(&Local, &folder).is_ok_and(|(waiting, _)| waiting.len() == 20));
    println!("spooled");
    std::thread::sleep(Duration::from_secs(120));
}

#[test]
fn alerts_of_a_killed_process_are_delivered_by_the_next_one() {
    let spool = std::env::temp_dir().join(format!("dihya-spool-{}", std::process::id()));
    // It accepts, and never answers: the child dies in the middle of an attempt.
    let hangs = Server::start(|_, _| Reply::Hang);
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "alert::deliver::tests::kill::child_offers_alerts_until_it_is_killed",
            "--nocapture",
        ])
        .env(SPOOL, &spool)
        .env(URL, &hangs.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.into_iter().any(|line| line.contains("spooled")), "the child put them on disk");
    until("an attempt is under way", || !hangs.got().is_empty());
    child.kill().expect("it is there");
    child.wait().expect("it ends");

    let server = Server::start(|_, _| Reply::Status(200));
    let (delivery, metrics) = start_at(&spool, &server.url);
    until("all are delivered", || metrics.deliveries("a", "delivered") == 20);
    delivery.shutdown(Instant::now() + Duration::from_secs(10));
    let mut counts = server.counts();
    counts.sort_unstable();
    counts.dedup();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    let same = |got: &[super::server::Got]| got[0].json()["data"]["alerts"][0]["key"].clone();
    assert_eq!(same(&hangs.got()), same(&server.got()), "a receiver can know what it had");
    drop(delivery);

    let (again, metrics) = start_at(&spool, &server.url);
    again.offer(alert(99));
    until("a new one is delivered", || metrics.deliveries("a", "delivered") >= 1);
    assert_eq!(metrics.deliveries("a", "delivered"), 1, "and the old ones are not, once more");
    std::fs::remove_dir_all(&spool).expect("it is there");
}
