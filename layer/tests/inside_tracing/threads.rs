//! Many threads, each with its caches, on callsites that none has seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;

use tracing::info;

use crate::processes::{local_policy, passes, stored};
use crate::support::{World, attribute, parse};

/// A callsite of its own for each number.
macro_rules! fresh {
    ($thread:expr, $($n:literal)*) => { $( info!(n = $n, thread = $thread, password = "x", "fresh"); )* };
}

#[test]
fn threads_racing_on_fresh_callsites_all_get_the_right_plan() {
    const THREADS: usize = 8;
    let world = World::new();
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (world, barrier) = (&world, &barrier);
            scope.spawn(move || {
                world.log(|| {
                    barrier.wait();
                    fresh!(thread, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29);
                });
            });
        }
    });
    let mut seen = BTreeMap::new();
    for record in world.records("app") {
        assert_eq!(attribute(&record, "password"), "[redacted:key_authentication]");
        *seen.entry(attribute(&record, "n").as_u64().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(seen, (0..30).map(|n| (n, THREADS)).collect());
}

#[test]
fn more_callsites_than_a_thread_remembers_keep_their_plans() {
    /// 64 callsites each time, at four levels of sixteen.
    macro_rules! many {
        ($($a:literal)*) => { $( many!(@ $a, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15); )* };
        (@ $a:literal, $($b:literal)*) => { $( info!(a = $a, b = $b, "m"); )* };
    }
    let world = World::new();
    world.log(|| {
        for _ in 0..3 {
            many!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
        }
    });
    let records = world.records("app");
    assert_eq!(records.len(), 3 * 25 * 16);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(*attribute(record, "a"), index / 16 % 25);
        assert_eq!(*attribute(record, "b"), index % 16);
    }
}

#[test]
fn an_event_from_a_thread_locals_destructor_is_recorded() {
    passes("destructor");
}

pub(crate) fn destructor(root: &Path) {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            info!("at the end of the thread");
        }
    }
    // Set before the thread has logged, and so dropped after what the layer keeps there.
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    let guard = dihya::init(local_policy(root, "")).unwrap();
    let thread = std::thread::spawn(|| {
        LAST.set(Some(Last));
        info!("first");
    });
    thread.join().unwrap();
    guard.handle().commit(dihya::Channel::APP).unwrap();
    let messages: Vec<_> = parse(&stored(root, "app")).iter().map(|r| r["message"].clone()).collect();
    assert_eq!(messages, ["first", "at the end of the thread"]);
}

#[test]
fn counters_of_ended_threads_are_kept() {
    let world = World::new();
    for _ in 0..20 {
        std::thread::scope(|scope| {
            scope.spawn(|| world.log(|| info!("x")));
        });
    }
    assert_eq!(world.metric("dihya_events_total{channel=\"app\",level=\"INFO\"}"), 20.0);
}
