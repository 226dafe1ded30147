//! Bundles taken into another root.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::support::*;
use crate::archive::Identities;
use crate::bundle::{BundleError, Importer, Request, Taken};
use crate::catalog::{Catalog, Places};
use crate::clock::Clock;
use crate::ledger::Fact;
use crate::query::Query;
use crate::storage::{Fault, Memory};
use crate::verify::Verifier;
use crate::verify::tests::support::{notes, wrong};

fn import_into(disk: &Memory, root: &str, facts: &RefCell<Vec<Fact>>) -> Result<Vec<Taken>, BundleError> {
    let clock = Clock::manual(NOON);
    let importer = Importer::new(Arc::new(disk.clone()), Path::new(root), &clock);
    importer.run(&checker(disk), &|fact| {
        facts.borrow_mut().push(fact);
        Ok(())
    })
}

fn import(disk: &Memory) -> Result<Vec<Taken>, BundleError> {
    import_into(disk, "/new", &RefCell::default())
}

fn catalog(disk: &Memory, root: &str) -> Catalog {
    Catalog::read(disk, &Places::root(root), &Clock::manual(NOON)).unwrap()
}

fn verified(disk: &Memory, root: &str) -> crate::verify::Report {
    let verifier = Verifier::new(Arc::new(disk.clone()), Places::root(root)).clock(Clock::manual(NOON));
    verifier.run(&|_| {}).unwrap()
}

fn count(disk: &Memory, catalog: &Catalog) -> u64 {
    let storage = Arc::new(disk.clone()) as _;
    let query = Query { threads: Some(1), ..Query::default() };
    query.run(&storage, catalog, &Identities::none(), |_| ControlFlow::Continue(())).records
}

#[test]
fn what_was_imported_is_known_as_foreign_and_read_only_when_asked_for() {
    let disk = bundle(&asked("audit", &[]));
    let facts = RefCell::default();
    let taken = import_into(&disk, "/new", &facts).unwrap();
    assert_eq!((taken.len(), taken[0].shards, taken[0].records), (1, 2, 40));
    let [Fact::Imported { origin, shards: 2, bundle }] = &facts.borrow()[..] else { panic!("{facts:?}") };
    assert_eq!(
        (origin.as_str(), taken[0].path.clone()),
        ("clinic/-", Path::new("/new/imported/clinic/-").join(bundle))
    );
    let catalog = catalog(&disk, "/new");
    assert!(
        catalog.shards.is_empty() && catalog.bases.is_empty() && catalog.foreign.is_empty(),
        "{catalog:?}"
    );
    assert_eq!((catalog.imported[0].shards.len(), catalog.imported[0].complete), (2, true));
    assert_eq!(count(&disk, &catalog), 0);
    assert_eq!(count(&disk, &catalog.with_imported()), 40);
    let report = verified(&disk, "/new");
    assert_eq!(wrong(&report), []);
    assert_eq!((report.imports[0].shards, report.imports[0].records), (2, 40));
}

#[test]
fn a_log_takes_another_in_and_tells_both_apart() {
    let disk = written_by_the_layer();
    for (path, bytes) in files(&foreign(&asked("audit", &["n=12"]))) {
        disk.put(path, &bytes);
    }
    let own = count(&disk, &catalog(&disk, "/log"));
    let ledger = ledger(&disk);
    let clock = Clock::manual(NOON);
    let importer = Importer::new(Arc::new(disk.clone()), Path::new("/log"), &clock);
    importer.run(&checker(&disk), &|fact| ledger.append(fact.into()).map(drop)).unwrap();
    let catalog = catalog(&disk, "/log");
    assert_eq!(count(&disk, &catalog), own, "the log's own are what they were");
    assert_eq!(count(&disk, &catalog.clone().with_imported()), own + 2);
    assert_eq!(wrong(&verified(&disk, "/log")), []);
    // A byte of it, all of it, and one that nobody entered in the ledger.
    let file = catalog.imported[0].shards[0].path.clone();
    let bytes = read(&disk, &file);
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    disk.put(&file, &changed);
    assert!(wrong(&verified(&disk, "/log")).iter().any(|(_, _, name)| *name == "bad_import"));
    disk.put(&file, &bytes);
    let moved = disk.kill();
    for (path, bytes) in
        disk.files().into_iter().filter(|(path, _)| path.starts_with(&catalog.imported[0].path))
    {
        moved.discard(&path);
        moved.put(Path::new("/log/imported/clinic-2/-/0123").join(path.file_name().unwrap()), &bytes);
    }
    let report = verified(&moved, "/log");
    assert!(wrong(&report).iter().any(|(_, _, name)| *name == "unknown_import"), "{:?}", wrong(&report));
    assert!(notes(&report).contains(&"missing_import"));
}

/// The same log, and not the one that the bundle would be taken into: under another name.
fn foreign(request: &Request) -> Memory {
    let disk = Memory::new();
    let policy = crate::Policy::sector(crate::Sector::Generic).root("/log").service("lab", "1");
    let options = crate::Options::new(policy).storage(Arc::new(disk.clone())).clock(Clock::manual(NOON));
    let (_layer, guard) = options.mirror(std::io::sink).open().unwrap();
    for n in [11, 12, 12] {
        guard.handle().record(crate::Record::new(crate::Channel::AUDIT, "e").number("n", n)).unwrap();
    }
    guard.shutdown(std::time::Duration::from_secs(10));
    export(&disk, request).unwrap();
    alone(&disk)
}

#[test]
fn a_twin_is_refused() {
    let disk = bundle(&asked("audit", &["n=12"]));
    import(&disk).unwrap();
    assert!(matches!(import(&disk), Err(BundleError::Twin { .. })));
    // Another choice of the same shard.
    let other = bundle(&asked("audit", &["n=13"]));
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| path.starts_with("/new")) {
        other.put(path, &bytes);
    }
    let error = import(&other).unwrap_err();
    assert!(error.to_string().contains("clinic/-/audit/2026-11-19 was imported before"), "{error}");
    let third = bundle(&asked("security", &["n=13"]));
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| path.starts_with("/new")) {
        third.put(path, &bytes);
    }
    assert!(import(&third).is_ok(), "other shards of the same log");
}

#[test]
fn a_bundle_that_is_not_whole_or_is_the_roots_own_changes_nothing() {
    let disk = bundle(&asked("audit", &[]));
    let shard = "/bundle/clinic/-/audit/2026-11-19.jsonl";
    let bytes = read(&disk, shard);
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    disk.put(shard, &changed);
    assert!(matches!(import(&disk), Err(BundleError::Refused { .. })));
    disk.discard(shard);
    let error = import(&disk).unwrap_err();
    assert!(error.to_string().contains("half a copy"), "{error}");
    assert!(!disk.files().keys().any(|path| path.starts_with("/new")), "nothing was made");
    disk.put(shard, &bytes);
    assert!(import(&disk).is_ok());
    let own = written_by_the_layer();
    export(&own, &asked("audit", &[])).unwrap();
    assert!(matches!(import_into(&own, "/log", &RefCell::default()), Err(BundleError::Own { .. })));
    assert!(!own.files().keys().any(|path| path.starts_with("/log/imported")));
}

#[test]
fn what_cannot_be_entered_in_the_ledger_is_not_taken_in() {
    let disk = bundle(&asked("audit", &[]));
    let clock = Clock::manual(NOON);
    let importer = Importer::new(Arc::new(disk.clone()), Path::new("/new"), &clock);
    let refused = importer.run(&checker(&disk), &|_| Err(std::io::ErrorKind::StorageFull.into()));
    assert!(matches!(refused, Err(BundleError::Ledger { .. })));
    assert!(!catalog(&disk, "/new").imported[0].complete);
    assert_eq!(notes(&verified(&disk, "/new")), ["unfinished_import"]);
}

#[test]
fn an_import_that_dies_anywhere_is_none_and_the_next_run_ends_it() {
    let whole = bundle(&asked("audit", &["n=12"]));
    for fault in
        [Fault::Halt, Fault::Kept(std::io::ErrorKind::Other), Fault::Torn(std::io::ErrorKind::StorageFull)]
    {
        let mut steps = 0;
        for step in 1.. {
            let disk = alone(&whole);
            let before = disk.steps();
            disk.fault_at(before + step, fault);
            let _ = import(&disk);
            for after in [disk.kill(), disk.power_cut(0), disk.power_cut(50)] {
                let complete =
                    after.files().keys().any(|path| path.starts_with("/new") && path.ends_with("SHA256SUMS"));
                let again = import(&after);
                match complete {
                    true => assert!(matches!(again, Err(BundleError::Twin { .. })), "step {step}: {again:?}"),
                    false => drop(again.unwrap_or_else(|error| panic!("step {step}: {error}"))),
                }
                let catalog = catalog(&after, "/new");
                assert_eq!(count(&after, &catalog.with_imported()), 2, "step {step}");
                let report = verified(&after, "/new");
                assert_eq!(wrong(&report), [], "step {step}");
            }
            if disk.steps() < before + step {
                steps = step;
                break;
            }
        }
        assert!(steps > 30, "{steps}");
    }
}
