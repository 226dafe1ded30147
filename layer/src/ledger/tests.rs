//! The ledger on a disk that fails, and under several processes.

use super::*;
use crate::storage::{Fault, Memory, Step};

const NOON: i64 = 1_795_176_000_000_000;

fn disk() -> Memory {
    let disk = Memory::new();
    disk.create_dir(Path::new("/log")).unwrap();
    disk
}

fn open(disk: &Memory) -> io::Result<Ledger> {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    Ledger::open(
        Arc::new(disk.clone()),
        Path::new("/log"),
        "test/-/ledger".into(),
        signer,
        Clock::manual(NOON),
    )
}

fn fact(n: u32) -> Entry {
    Fact::ShardOpened { shard: format!("app/{n}") }.into()
}

fn shards(reading: &Reading) -> Vec<&str> {
    let shards = reading.entries.iter().filter_map(|(_, entry)| match &entry.fact {
        Fact::ShardOpened { shard } => Some(shard.as_str()),
        _ => None,
    });
    shards.collect()
}

#[test]
fn what_was_appended_is_read_back_sealed() {
    let disk = disk();
    let ledger = open(&disk).unwrap();
    assert_eq!(ledger.append(fact(1)).unwrap(), 0);
    assert_eq!(ledger.append(fact(2)).unwrap(), 2);
    let reading = ledger.read().unwrap();
    assert_eq!(shards(&reading), ["app/1", "app/2"]);
    assert_eq!(reading.problems, []);
    assert_eq!(reading.entries[0].1.timestamp, "2026-11-20T12:00:00.000000Z");
    assert_eq!((reading.tree.size(), reading.tree.root()), ledger.head());
    let note = String::from_utf8(disk.files()[Path::new("/log/ledger/ledger.checkpoint")].clone()).unwrap();
    let checkpoint = Checkpoint::open(&note, &ledger.signer.public()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), ledger.head());
}

#[test]
fn two_processes_append_to_one_ledger() {
    let disk = disk();
    let (one, two) = (open(&disk).unwrap(), open(&disk).unwrap());
    one.append(fact(1)).unwrap();
    two.append(fact(2)).unwrap();
    one.append(fact(3)).unwrap();
    let reading = two.read().unwrap();
    assert_eq!(shards(&reading), ["app/1", "app/2", "app/3"]);
    assert_eq!(reading.problems, []);
}

#[test]
fn an_unsealed_tail_goes_to_quarantine_and_the_ledger_tells_so() {
    let disk = disk();
    open(&disk).unwrap().append(fact(1)).unwrap();
    let path = Path::new("/log/ledger/ledger.jsonl");
    disk.open(path).unwrap().append(b"{\"v\":1,\"timesta").unwrap();
    let ledger = open(&disk).unwrap();
    ledger.append(fact(2)).unwrap();
    let reading = ledger.read().unwrap();
    assert_eq!(shards(&reading), ["app/1", "app/2"]);
    assert_eq!(reading.problems, []);
    assert!(matches!(reading.entries[1].1.fact, Fact::Recovered { bytes: 15, .. }));
    assert!(disk.files().keys().any(|path| path.starts_with("/log/ledger/quarantine")));
}

#[test]
fn any_flipped_bit_is_found() {
    let disk = disk();
    let ledger = open(&disk).unwrap();
    ledger.append(fact(1)).unwrap();
    ledger.append(fact(2)).unwrap();
    let path = Path::new("/log/ledger/ledger.jsonl");
    let bytes = disk.files()[path].clone();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut file = disk.open(path).unwrap();
        file.truncate(0).unwrap();
        file.append(&flipped).unwrap();
        let reading = ledger.read().unwrap();
        assert!(!reading.problems.is_empty(), "bit {bit} is not covered");
    }
}

#[test]
fn after_a_failed_sync_a_copy_takes_the_place_of_the_file() {
    let disk = disk();
    let ledger = open(&disk).unwrap();
    ledger.append(fact(1)).unwrap();
    disk.fault_on(Step::Sync, "/log/ledger", Fault::Lost(io::ErrorKind::Other));
    assert!(ledger.append(fact(2)).is_err());
    disk.heal();
    ledger.append(fact(3)).unwrap();
    let left = disk.power_cut(0);
    let reading = open(&left).unwrap().read().unwrap();
    assert_eq!(reading.problems, []);
    assert_eq!(shards(&reading), ["app/1", "app/2", "app/3"]);
}

#[test]
fn what_was_cut_by_an_open_whose_sync_failed_does_not_come_back() {
    for before in [0, 1] {
        let disk = disk();
        let ledger = open(&disk).unwrap();
        for n in 0..before {
            ledger.append(fact(n)).unwrap();
        }
        drop(ledger);
        let path = Path::new("/log/ledger/ledger.jsonl");
        let mut file = disk.open(path).unwrap();
        file.append(&[b'x'; 300]).unwrap();
        file.sync().unwrap();
        // It is cut, and the disk does not take that.
        disk.fault_on(Step::Sync, "/log/ledger/ledger.jsonl", Fault::Lost(io::ErrorKind::Other));
        assert!(open(&disk).is_err(), "the positive control");
        let disk = disk.kill();
        open(&disk).unwrap().append(fact(7)).unwrap();
        let reading = open(&disk.power_cut(0)).unwrap().read().unwrap();
        assert_eq!(reading.problems, [], "{before} entries before");
        assert!(shards(&reading).contains(&"app/7"));
    }
}

#[test]
fn nor_does_what_was_cut_by_an_append_whose_sync_failed() {
    let disk = disk();
    let ledger = open(&disk).unwrap();
    ledger.append(fact(1)).unwrap();
    // Another process dies while it writes.
    let mut file = disk.open(Path::new("/log/ledger/ledger.jsonl")).unwrap();
    file.append(&[b'x'; 300]).unwrap();
    file.sync().unwrap();
    disk.fault_on(Step::Sync, "/log/ledger/ledger.jsonl", Fault::Lost(io::ErrorKind::Other));
    assert!(ledger.append(fact(2)).is_err(), "the positive control");
    disk.heal();
    ledger.append(fact(3)).unwrap();
    let reading = open(&disk.power_cut(0)).unwrap().read().unwrap();
    assert_eq!((reading.problems.as_slice(), shards(&reading)), (&[][..], vec!["app/1", "app/3"]));
}

#[test]
fn after_another_process_died_of_a_failed_sync_what_it_wrote_is_written_anew() {
    let disk = disk();
    let other = open(&disk).unwrap();
    other.append(fact(1)).unwrap();
    disk.fault_on(Step::Sync, "/log/ledger", Fault::Lost(io::ErrorKind::Other));
    assert!(other.append(fact(2)).is_err());
    let disk = disk.kill();
    open(&disk).unwrap().append(fact(3)).unwrap();
    let reading = open(&disk.power_cut(0)).unwrap().read().unwrap();
    assert_eq!(reading.problems, []);
    assert_eq!(shards(&reading), ["app/1", "app/2", "app/3"]);
}
