use std::path::Path;

use super::*;
use crate::storage::Memory;

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;
const HOUR: i64 = 3_600_000_000;

fn read_at(disk: &Memory, now: i64) -> Catalog {
    Catalog::read(disk, &Places::root("/logs"), &Clock::manual(now)).unwrap()
}

fn read(disk: &Memory) -> Catalog {
    read_at(disk, NOON)
}

/// Instance, id and state of every shard, as text.
fn told(catalog: &Catalog) -> Vec<String> {
    let one = |shard: &Shard| {
        let instance = shard.instance.as_deref().unwrap_or("-");
        format!("{instance} {} {:?}", shard.id, shard.state)
    };
    catalog.shards.iter().map(one).collect()
}

fn files(names: &[&str]) -> Memory {
    let disk = Memory::new();
    for name in names {
        disk.put(Path::new("/logs").join(name), b"{}\n");
    }
    disk
}

#[test]
fn shards_are_listed_live_closed_and_archived() {
    let disk = files(&[
        ".lock",
        "audit/.reserve",
        "audit/2026-11-20.jsonl",
        "audit/2026-11-20.1.jsonl",
        "audit/2026-11-19.jsonl",
        "audit/2026-11-19.checkpoint",
        "audit/quarantine/2026-11-19.jsonl.7.torn",
        "app/2026-11-18.10.jsonl",
        "app/2026-11-18.9.jsonl",
        "ledger/ledger.jsonl",
        "state/signing.key",
        "archive/audit/2026/10/2026-10-31.jsonl.zst",
        "archive/audit/2026/10/2026-10-31.checkpoint",
        "archive/audit/2026/10/2026-10-31.1.jsonl.zst.age",
        "archive/audit/2026/11/2026-11-19.jsonl.zst",
    ]);
    let catalog = read(&disk);
    assert_eq!(
        told(&catalog),
        [
            "- app/2026-11-18.9 Closed",
            "- app/2026-11-18.10 Closed",
            "- audit/2026-10-31 Archived { encrypted: false }",
            "- audit/2026-10-31.1 Archived { encrypted: true }",
            "- audit/2026-11-19 Closed",
            "- audit/2026-11-19 Archived { encrypted: false }",
            "- audit/2026-11-20 Closed",
            "- audit/2026-11-20.1 Live",
        ]
    );
    assert_eq!(catalog.channels(), ["app", "audit"]);
    assert_eq!((catalog.foreign, catalog.orphans), (vec![], vec![]));
    let with: Vec<String> = catalog
        .shards
        .iter()
        .filter(|s| s.checkpoint.is_some())
        .map(|s| s.path.display().to_string())
        .collect();
    assert_eq!(with, ["/logs/archive/audit/2026/10/2026-10-31.jsonl.zst", "/logs/audit/2026-11-19.jsonl"]);
    assert!(catalog.shards.iter().all(|shard| shard.bytes == 3));
}

#[test]
fn each_instance_is_a_base_of_its_own_also_beside_a_root_that_is_one() {
    let disk = files(&[
        "i1/.lock",
        "i1/audit/2026-11-20.jsonl",
        "i2/audit/2026-11-20.jsonl",
        // All of it archived, and nothing else left.
        "i3/archive/app/2026/01/2026-01-01.jsonl.zst",
        // An instance may be called like a channel, and hold one of that name.
        "api/api/2026-11-19.jsonl",
    ]);
    let catalog = read(&disk);
    let instances: Vec<_> = catalog.bases.iter().filter_map(|base| base.instance.as_deref()).collect();
    assert_eq!(instances.len(), catalog.bases.len(), "the root itself holds nothing");
    assert_eq!(
        told(&catalog),
        [
            "api api/2026-11-19 Closed",
            "i1 audit/2026-11-20 Live",
            "i2 audit/2026-11-20 Live",
            "i3 app/2026-01-01 Archived { encrypted: false }",
        ]
    );
    assert_eq!(catalog.foreign, Vec::<PathBuf>::new());
    disk.put("/logs/audit/2026-11-20.jsonl", b"{}\n");
    let catalog = read(&disk);
    assert_eq!(catalog.bases.len(), 5);
    assert_eq!(catalog.shards.iter().filter(|shard| shard.instance.is_none()).count(), 1);

    let places = Places { instance: Some("i2".into()), ..Places::root("/logs") };
    let one = Catalog::read(&disk, &places, &Clock::manual(NOON)).unwrap();
    assert_eq!(told(&one), ["i2 audit/2026-11-20 Live"]);
    assert_eq!(one.shards[0].base, Path::new("/logs/i2"));
}

#[test]
fn what_is_nobodys_is_listed_apart() {
    let disk = files(&[
        "audit/2026-11-20.jsonl",
        "audit/2026-11-20.jsonl.bak",
        "audit/notes.txt",
        "audit/2026-1-20.jsonl",
        "audit/2026-11-01.checkpoint",
        "audit/copy/2026-11-20.jsonl",
        "readme.md",
        "Lost+Found/x",
        "archive/audit/2026/09/2026-10-31.jsonl.zst",
        "archive/audit/2026/10/2026-10-30.jsonl",
        "archive/audit/2026/10/.2026-10-29.jsonl.zst.tmp",
        "archive/audit/latest/2026-10-31.jsonl.zst",
    ]);
    disk.link(Path::new("audit/2026-11-20.jsonl"), Path::new("/logs/audit.log")).unwrap();
    disk.link(Path::new("/etc"), Path::new("/logs/api")).unwrap();
    disk.link(Path::new("/etc/passwd"), Path::new("/logs/audit/2026-11-21.jsonl")).unwrap();
    let catalog = read(&disk);
    assert_eq!(told(&catalog), ["- audit/2026-11-20 Live"]);
    let names: Vec<_> = catalog.foreign.iter().filter_map(|path| path.to_str()).collect();
    assert_eq!(
        names,
        [
            "/logs/Lost+Found",
            "/logs/api",
            "/logs/archive/audit/2026/09/2026-10-31.jsonl.zst",
            "/logs/archive/audit/2026/10/2026-10-30.jsonl",
            "/logs/archive/audit/latest",
            "/logs/audit/2026-1-20.jsonl",
            "/logs/audit/2026-11-20.jsonl.bak",
            "/logs/audit/2026-11-21.jsonl",
            "/logs/audit/copy",
            "/logs/audit/notes.txt",
            "/logs/readme.md",
        ]
    );
    assert_eq!(catalog.orphans, [Path::new("/logs/audit/2026-11-01.checkpoint")]);
}

#[test]
fn a_shard_is_live_until_its_day_has_surely_passed() {
    let disk = files(&["audit/2026-11-20.jsonl"]);
    for (hours, minutes, state) in [(0, 0, State::Live), (12, 9, State::Live), (12, 11, State::Closed)] {
        let catalog = read_at(&disk, NOON + hours * HOUR + minutes * HOUR / 60);
        assert_eq!(catalog.shards[0].state, state, "{hours} hours and {minutes} minutes after noon");
    }
    // A clock once set ahead left a shard of the future, which does not close the one of today.
    disk.put("/logs/audit/2027-01-01.jsonl", b"{}\n");
    assert!(read(&disk).shards.iter().all(|shard| shard.state == State::Live));
}

#[test]
fn archives_elsewhere_belong_to_their_base() {
    let disk = files(&["i1/audit/2026-11-20.jsonl"]);
    disk.put("/cold/i1/audit/2026/01/2026-01-01.jsonl.zst", b"x");
    disk.put("/flat/audit/2026/01/2026-01-02.jsonl.zst", b"x");
    let mut places = Places { archives: vec!["/cold".into(), "/absent".into()], ..Places::root("/logs") };
    let catalog = Catalog::read(&disk, &places, &Clock::manual(NOON)).unwrap();
    assert_eq!(
        told(&catalog),
        ["i1 audit/2026-01-01 Archived { encrypted: false }", "i1 audit/2026-11-20 Live"]
    );
    assert_eq!(catalog.shards[0].base, Path::new("/logs/i1"));
    places.archives = vec!["/flat".into()];
    places.instance = Some("i1".into());
    let catalog = Catalog::read(&disk, &places, &Clock::manual(NOON)).unwrap();
    assert_eq!(
        told(&catalog),
        ["i1 audit/2026-01-02 Archived { encrypted: false }", "i1 audit/2026-11-20 Live"]
    );
}

#[test]
fn a_root_that_is_not_there_is_an_error_and_a_fallback_is_not() {
    let disk = files(&["audit/2026-11-20.jsonl"]);
    disk.put("/file", b"");
    disk.link(Path::new("/logs"), Path::new("/link")).unwrap();
    let read = |roots: &[&str]| {
        let places = Places { roots: roots.iter().map(PathBuf::from).collect(), ..Places::default() };
        Catalog::read(&disk, &places, &Clock::manual(NOON))
    };
    assert_eq!(read(&["/logs", "/none"]).unwrap().shards.len(), 1);
    assert!(matches!(read(&["/none"]), Err(CatalogError::NoRoot { .. })));
    assert!(matches!(read(&["/file"]), Err(CatalogError::NotAFolder { .. })));
    assert!(matches!(read(&["/link"]), Err(CatalogError::NotAFolder { .. })));
}

fn line(second: u32, pad: usize) -> String {
    format!(
        "{{\"v\":1,\"timestamp\":\"2026-11-20T12:00:{second:02}.000000Z\",\"pad\":\"{}\"}}\n",
        "x".repeat(pad)
    )
}

fn facts_of(bytes: &str) -> Facts {
    let disk = Memory::new();
    disk.put("/logs/audit/2026-11-20.jsonl", bytes.as_bytes());
    read(&disk).shards[0].facts(&disk).unwrap()
}

#[test]
fn facts_come_from_the_first_and_the_last_record() {
    let seal = |size: u64| format!("{{\"seal\":{{\"size\":{size},\"root\":\"x\",\"sig\":\"y\"}}}}\n");
    let at = |second: i64| Some(NOON + second * 1_000_000);
    let facts = |first, last, lines| Facts { first, last, lines };
    assert_eq!(facts_of(""), facts(None, None, None));
    assert_eq!(facts_of(&line(1, 0)), facts(at(1), at(1), None));
    let sealed = [line(1, 0), line(2, 0), seal(2)].concat();
    assert_eq!(facts_of(&sealed), facts(at(1), at(2), Some(3)));
    assert_eq!(facts_of(&seal(0)), facts(None, None, Some(1)));
    assert_eq!(facts_of(&[seal(0), line(3, 0)].concat()), facts(at(3), at(3), None));
    // Records longer than what is read at once, at both ends and in the middle.
    for pad in [3_900, 4_000, 4_096, 60_000] {
        let long = [line(1, pad), line(2, pad), line(3, pad), seal(3)].concat();
        assert_eq!(facts_of(&long), facts(at(1), at(3), Some(4)), "{pad}");
        assert_eq!(facts_of(&[&long, "{\"timestamp\":\"2026-11-20T12:0"].concat()).last, at(3), "{pad}");
    }
}

#[test]
fn bad_bytes_at_the_ends_are_passed_over_and_do_not_stop_the_reader() {
    let at = |second: i64| Some(NOON + second * 1_000_000);
    let bytes = ["\0\0\0\nnot json\n".to_owned(), line(1, 0), line(2, 0), "}{\n".repeat(5_000)].concat();
    let facts = facts_of(&bytes);
    assert_eq!((facts.first, facts.last), (at(1), at(2)));
    assert_eq!(facts_of(&"x".repeat(3_000_000)), Facts::default());
}
