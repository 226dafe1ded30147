//! What the detectors hold in memory, counted by the allocator. A program of its own: nothing else may allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use dihya::alert::{Replay, Status};
use dihya::{Policy, Sector};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 2026-11-20T12:00:00Z, in seconds.
const NOON: i64 = 1_795_176_000;

/// A line, so many microseconds after noon.
fn line(to: &mut String, at: u64, rest: &str) {
    use std::fmt::Write as _;
    to.clear();
    let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
    let (hours, minutes, seconds) = (12 + seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        to,
        "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-{at:012}\",\"timestamp\":\"2026-11-20T{hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z\",\
         \"channel\":\"security\",\"level\":\"SECURITY\"{rest},\"service\":{{\"name\":\"t\"}}}}"
    );
}

/// What happens with a key: each detector gets it, those that do not go by logins one in ten. Every other login fails and
/// does not succeed after it, so that its failures are kept.
fn events(key: u64, to: &mut Vec<String>) {
    let who =
        format!("\"tenant_id\":\"t-{}\",\"user_id\":\"user-{key}\",\"subject_id\":\"p-{key}\"", key % 97);
    let address = format!("\"client.address\":\"10.{}.{}.{}\"", key >> 16 & 255, key >> 8 & 255, key & 255);
    to.clear();
    let events = ["authn_login_fail", "authn_login_success", "sensitive_read", "user_updated"];
    let all = key.is_multiple_of(10);
    let count = if all { 4 } else { 2 - key as usize % 2 };
    for event in &events[..count] {
        to.push(format!(",\"event_name\":\"{event}\",{who},\"target\":\"web\",\"attributes\":{{{address}}}"));
    }
    if !all {
        return;
    }
    to.push(format!(",\"event_name\":\"authz_fail\",{who},\"attributes\":{{\"resource\":\"r-{key}\"}}"));
    to.push(format!(",\"event_name\":\"session_expired\",\"attributes\":{{\"session_ref\":\"s-{key}\"}}"));
    to.push(format!(",\"target\":\"module::{key}\",\"redactions\":{{\"card\":1}}"));
}

#[test]
fn a_million_distinct_keys_in_an_hour_take_sixteen_mebibytes_at_most_and_resolve_nothing() {
    let policy = Policy::sector(Sector::Generic);
    let mut replay = Replay::new(&policy, (NOON + 86_400) * 1_000_000);
    let keys = 1_000_000_u64;
    let (mut text, mut rests) = (String::with_capacity(1024), Vec::with_capacity(16));
    let empty = HELD.load(Ordering::Relaxed);
    MOST.store(empty, Ordering::Relaxed);
    let mut said = Vec::with_capacity(10_000);
    let mut records = 0;
    for key in 0..keys {
        events(key, &mut rests);
        records += rests.len() as u64;
        for (n, rest) in rests.iter().enumerate() {
            line(&mut text, key * 3600 + n as u64, rest);
            replay.record("security", text.as_bytes());
        }
        if key % 20_000 < 6 {
            // Somebody who is attacked all the while.
            let rest = ",\"event_name\":\"authn_login_fail\",\"user_id\":\"ada\"";
            line(&mut text, key * 3600 + 10, rest);
            replay.record("security", text.as_bytes());
            records += 1;
        }
        said.append(&mut replay.take());
    }
    replay.end();
    said.append(&mut replay.take());
    let most = MOST.load(Ordering::Relaxed) - empty;
    println!("{} KiB at most, {} alerts said", most >> 10, said.len());
    assert!(most <= 16 << 20, "{} KiB", most >> 10);
    assert!(replay.records() == records && records > 2_000_000, "{} of {records}", replay.records());
    let brute: Vec<_> =
        said.iter().filter(|alert| alert.detector == "auth_bruteforce" && alert.threshold == 5).collect();
    assert!(brute.last().is_some_and(|alert| alert.count > 5), "the attack was seen, and it grew");
    assert!(brute.iter().all(|alert| alert.status == Status::Firing), "and never said to be over");
    let evicted = replay.take_evicted();
    for detector in [
        "auth_bruteforce",
        "auth_spray",
        "success_after_failures",
        "authz_probe",
        "bulk_access",
        "first_seen",
        "order_violation",
        "leak_suspected",
    ] {
        let count = evicted.iter().find(|(name, _)| name == detector).map_or(0, |(_, count)| *count);
        assert!(count > 89_000, "{detector} forgot {count} keys");
    }
}
