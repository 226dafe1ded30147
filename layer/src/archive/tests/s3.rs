//! A real server that speaks S3 (moto), and another client of it (boto3), which makes the bucket and damages it.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program;
use super::read::lines;
use super::support::{LIVE, archive, failure, log, open_ledger, policy};
use crate::archive::problem::ArchiveError;
use crate::archive::{Identities, Restorer};
use crate::ledger::Fact;
use crate::purge::{Archives as _, Folders};

struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(moto: &std::ffi::OsStr) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let child = Command::new(moto)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = Server(child.expect("moto starts"), port);
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "moto does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// What another client says of the bucket, a line for each `print`.
fn client(moto: &std::ffi::OsStr, port: u16, code: &str) -> Vec<String> {
    // The Python of the folder that moto is installed in has boto3 beside it.
    let python = Path::new(moto).with_file_name("python3");
    let text = format!(
        "import boto3\ns3 = boto3.client('s3', endpoint_url='http://127.0.0.1:{port}', region_name='eu-west-3', \
         aws_access_key_id='a', aws_secret_access_key='b')\n{code}"
    );
    let mut child = Command::new(python).args(["-c", &text]).stdout(Stdio::piped()).spawn().expect("python");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok).collect();
    assert!(child.wait().expect("ends").success(), "the other client failed");
    lines
}

#[test]
fn a_bucket_of_a_real_server_keeps_an_archive_and_a_lost_one_is_found() {
    let name = "a_bucket_of_a_real_server_keeps_an_archive_and_a_lost_one_is_found";
    let Some(moto) = program(name, "DIHYA_MOTO") else { return };
    // `object_store` reads the keys from the environment, which a test must not change for others in its process: this
    // one runs again in a process of its own.
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", &format!("archive::tests::s3::{name}"), "--nocapture"])
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .output()
            .expect("starts");
        let out = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && out.contains("1 passed"),
            "{out}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let server = start(&moto);
    let port = server.1;
    client(
        &moto,
        port,
        "s3.create_bucket(Bucket='logs', CreateBucketConfiguration={'LocationConstraint': 'eu-west-3'})",
    );
    let rules = format!("stores = [\"s3://logs/clinic?region=eu-west-3&endpoint=http://127.0.0.1:{port}\"]");
    let policy = policy(&rules);
    let shard = lines(2_000);
    let key = "clinic/audit/2026/11/2026-11-20.jsonl.zst";

    // Something else under the name is neither replaced nor believed.
    let foreign = log(&shard);
    client(&moto, port, &format!("s3.put_object(Bucket='logs', Key='{key}', Body=b'else')"));
    let error = failure(archive(&foreign, &policy));
    assert!(matches!(error, ArchiveError::Foreign { .. }), "{error}");
    let body =
        client(&moto, port, &format!("print(s3.get_object(Bucket='logs', Key='{key}')['Body'].read())"));
    assert_eq!(body, ["b'else'"]);
    client(&moto, port, &format!("s3.delete_object(Bucket='logs', Key='{key}')"));

    let disk = log(&shard);
    let report = archive(&disk, &policy).expect("runs");
    assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
    assert!(!disk.files().contains_key(Path::new(LIVE)));
    // The probe stays there.
    let listed = "for o in s3.list_objects_v2(Bucket='logs')['Contents']:\n if 'dihya-probe' not in o['Key']: print(o['Key'])";
    assert_eq!(client(&moto, port, listed), ["clinic/audit/2026/11/2026-11-20.checkpoint", key]);

    let ledger = open_ledger(&disk).expect("opens");
    let storage = std::sync::Arc::new(disk.clone());
    let none = Identities::none();
    let base = Path::new(super::support::BASE);
    let restorer = Restorer::open(&policy, storage, base, &ledger, &none, Path::new("/back")).expect("opens");
    let record = |fact: Fact| ledger.append(fact.into()).map(drop);
    let read = ledger.read().expect("reads");
    let path = restorer.run(&read, &super::support::id(), &record, &mut |_| {}).expect("restores");
    assert!(disk.files()[&path] == shard);

    // The server loses it, and somebody asks for the live file to go.
    client(&moto, port, &format!("s3.delete_object(Bucket='logs', Key='{key}')"));
    disk.put(LIVE, &shard);
    let error = failure(archive(&disk, &policy));
    assert!(matches!(error, ArchiveError::NotKept { .. }), "{error}");
    assert!(disk.files()[Path::new(LIVE)] == shard);

    // A purge takes the archive and its checkpoint, and nothing else; twice is as good as once.
    let neighbour = "clinic/audit/2026/11/2026-11-20.1.jsonl.zst";
    for name in [key, neighbour] {
        client(&moto, port, &format!("s3.put_object(Bucket='logs', Key='{name}', Body=b'x')"));
    }
    let folders = Folders::of(std::sync::Arc::new(disk.clone()));
    let (line, path) = (&*policy.archive.stores[0], "audit/2026/11/2026-11-20.jsonl.zst");
    assert!(folders.holds(line, path).expect("answers"));
    for _ in 0..2 {
        folders.remove(line, path).expect("removes");
        assert!(!folders.holds(line, path).expect("answers"));
    }
    assert_eq!(client(&moto, port, listed), [neighbour]);
    // What stands beside it counts too.
    let checkpoint = "clinic/audit/2026/11/2026-11-20.checkpoint";
    client(&moto, port, &format!("s3.put_object(Bucket='logs', Key='{checkpoint}', Body=b'x')"));
    assert!(folders.holds(line, path).expect("answers"));
    drop(server);
    assert!(folders.holds("s3://logs/../x", path).is_err() && folders.remove(line, "../x").is_err());
}

#[test]
fn a_large_archive_goes_in_parts_and_comes_back_whole() {
    use crate::archive::store::Store as _;
    use crate::archive::store::remote::Remote;
    let memory = std::sync::Arc::new(object_store::memory::InMemory::new());
    let store = Remote::new("bucket", "a/b", Some("i1"), memory).expect("opens");
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(store.look("x").expect("answers"), None);
    store.put("x", bytes.len() as u64, &mut &bytes[..]).expect("puts");
    assert_eq!(store.look("x").expect("answers"), Some(bytes.len() as u64));
    let mut back = Vec::new();
    std::io::Read::read_to_end(&mut store.get("x").expect("opens"), &mut back).expect("reads");
    assert!(back == bytes);
    store.put("y", 3, &mut &b"one"[..]).expect("puts");
    let again = store.put("y", 3, &mut &b"two"[..]).expect_err("refused");
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(store.get("z").err().map(|error| error.kind()), Some(std::io::ErrorKind::NotFound));
}
