//! Several threads make the archive that one makes, find what one finds, and tell what one tells.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::read::{keys, lines, packed, packed_by};
use super::support::{archive_with, assert_archived, end, failure, log, policy};
use crate::archive::check::verify;
use crate::archive::crypt::{Ephemeral, Recipients};
use crate::archive::frames::seek_table;
use crate::archive::history::Past;
use crate::archive::pack::Packing;
use crate::archive::{ArchiveError, Identities, ReadError, Reader};
use crate::storage::{Memory, Storage as _};

const THREADS: [NonZeroUsize; 3] = [number(1), number(2), number(5)];

const fn number(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

/// What the ledger has of a shard of these lines.
fn past(shard: &[u8]) -> Past {
    Past { end: end(shard), abandoned: false, receipts: Vec::new(), gone: false }
}

/// Whether an archive of these bytes holds what the ledger has, and what was read of it.
fn check(
    archive: &[u8],
    past: &Past,
    threads: NonZeroUsize,
    keys: &Identities,
) -> (Result<bool, ReadError>, Vec<u8>) {
    let disk = Memory::new();
    let path = Path::new(if keys.is_empty() { "/a/s.jsonl.zst" } else { "/a/s.jsonl.zst.age" });
    disk.put(path, archive);
    let reader = Reader::open(Arc::new(disk), path, keys).expect("opens");
    let mut out = Vec::new();
    let found = verify(reader, past, threads, &mut |bytes| {
        out.extend_from_slice(bytes);
        Ok(())
    });
    (found, out)
}

#[test]
fn an_archive_is_the_same_whatever_the_number_of_threads() {
    let shard = lines(14_000);
    let (recipients, identities) = keys();
    for level in [1, 3, 9] {
        let one = packed_by(number(1), level, &shard, &Recipients::default());
        for threads in THREADS {
            let archive = packed_by(threads, level, &shard, &Recipients::default());
            assert!(archive == one, "level {level}, {threads} threads");
            let sealed = packed_by(threads, level, &shard, &recipients);
            let (found, read) = check(&sealed, &past(&shard), threads, &identities);
            assert!(found.expect("reads") && read == shard, "level {level}, {threads} threads, encrypted");
        }
    }
}

#[test]
fn progress_goes_forward_to_the_last_byte() {
    let shard = lines(14_000);
    for threads in THREADS {
        let packing = Packing { level: 1, recipients: &Recipients::default(), threads };
        let mut ticks = vec![0];
        let tick = &mut |bytes| ticks.push(bytes);
        packing.pack(&shard[..], &Ephemeral::new(), io::sink(), tick).expect("memory");
        assert!(ticks.len() > 4 && ticks.is_sorted_by(|a, b| a < b), "{threads} threads: {ticks:?}");
        assert_eq!(ticks.last(), Some(&(shard.len() as u64)));
    }
}

#[test]
fn a_shard_that_cannot_be_read_to_its_end_says_so_after_what_was_read() {
    struct Ends;
    impl Read for Ends {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer"))
        }
    }
    let shard = lines(12_000);
    for threads in THREADS {
        let packing = Packing { level: 1, recipients: &Recipients::default(), threads };
        let mut ticks = Vec::new();
        let tick = &mut |bytes| ticks.push(bytes);
        let packed = packing.pack((&shard[..]).chain(Ends), &Ephemeral::new(), io::sink(), tick);
        assert_eq!(packed.expect_err("told").kind(), io::ErrorKind::TimedOut, "{threads} threads");
        assert_eq!(ticks.len(), shard.len() >> 20, "{threads} threads: {ticks:?}");
    }
}

#[test]
fn a_disk_that_is_full_is_told_by_any_number_of_threads_and_what_was_packed_goes() {
    let shard = lines(12_000);
    for threads in THREADS {
        let disk = log(&shard);
        let used: u64 = disk.files().values().map(|bytes| bytes.len() as u64).sum();
        disk.set_capacity(used + 200_000);
        let error = failure(archive_with(&disk, &policy("level = 1"), |archiver| archiver.threads(threads)));
        let what = error.to_string();
        let packing = matches!(error, ArchiveError::Io { what: "pack into", .. });
        assert!(packing && what.contains("full"), "{threads} threads: {what}");
        let left = disk.list(Path::new("/log/audit")).expect("lists");
        assert_eq!(left.len(), 2, "{threads} threads: {left:?}");
        disk.heal();
        let report = archive_with(&disk, &policy(""), |archiver| archiver.threads(threads)).expect("runs");
        assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
        assert_archived(&disk, &shard, &["/log/archive"], &Identities::none());
    }
}

#[test]
fn the_first_frame_that_is_damaged_is_told() {
    let shard = lines(14_000);
    let whole = packed(&shard, &Recipients::default());
    let mut archive = whole.clone();
    for sixth in [2, 3, 4] {
        archive[whole.len() / 6 * sixth] ^= 4;
    }
    let mut told = Vec::new();
    for threads in THREADS {
        let (found, _) = check(&archive, &past(&shard), threads, &Identities::none());
        told.push(found.expect_err("told").to_string());
    }
    assert!(told[0].contains("damaged") && told.iter().all(|said| *said == told[0]), "{told:?}");
    for threads in THREADS {
        let (found, read) = check(&whole, &past(&shard), threads, &Identities::none());
        assert!(found.expect("reads") && read == shard, "{threads} threads");
    }
}

#[test]
fn only_the_lines_of_the_ledger_are_right() {
    let shard = lines(12_000);
    let past = past(&shard);
    let swapped = {
        let mut lines: Vec<&[u8]> = shard.split_inclusive(|byte| *byte == b'\n').collect();
        lines.swap(5_000, 9_000);
        lines.concat()
    };
    let more = [&shard[..], b"{}\n"].concat();
    let torn = [&shard[..], b"{"].concat();
    let abandoned = Past { abandoned: true, ..past.clone() };
    for threads in THREADS {
        let whole = |shard: &[u8], past: &Past| {
            let archive = packed(shard, &Recipients::default());
            check(&archive, past, threads, &Identities::none()).0.expect("reads")
        };
        assert!(whole(&shard, &past) && !whole(&swapped, &past), "{threads} threads");
        assert!(!whole(&more, &past) && !whole(&torn, &past), "{threads} threads");
        // What stands behind the end of an abandoned one was never confirmed to anybody.
        assert!(whole(&more, &abandoned) && whole(&torn, &abandoned), "{threads} threads");
        assert!(!whole(&swapped, &abandoned), "{threads} threads");
        assert!(!whole(&shard[..shard.len() - 1], &abandoned), "{threads} threads");
    }
}

#[test]
fn lines_may_go_on_in_other_frames() {
    let shard = b"one\ntwo\n\nthree\nfour\n";
    for cuts in [&[1, 2, 9, 9, 12][..], &[4, 8], &[3, 4, 5], &[6, 11, 17], &[19]] {
        let (mut archive, mut sizes, mut from) = (Vec::new(), Vec::new(), 0);
        for to in cuts.iter().copied().chain([shard.len()]) {
            let frame = zstd::bulk::compress(&shard[from..to], 1).expect("compresses");
            sizes.push((frame.len() as u32, (to - from) as u32));
            archive.extend(frame);
            from = to;
        }
        archive.extend(seek_table(&sizes));
        for threads in THREADS {
            let (found, read) = check(&archive, &past(shard), threads, &Identities::none());
            assert!(found.expect("reads") && read == shard, "{cuts:?}, {threads} threads");
        }
    }
}

#[test]
fn a_line_without_an_end_is_not_waited_for() {
    let frame = zstd::bulk::compress(&vec![b'x'; 8 << 20], 1).expect("compresses");
    let mut archive = Vec::new();
    for _ in 0..20 {
        archive.extend(&frame);
    }
    archive.extend(seek_table(&[(frame.len() as u32, 8 << 20); 20]));
    for threads in THREADS {
        let (found, read) = check(&archive, &past(b"x\n"), threads, &Identities::none());
        let error = found.expect_err("refused");
        assert!(matches!(error, ReadError::Damaged { offset: 0, .. }), "{error}");
        assert_eq!(read.len(), 72 << 20, "{threads} threads");
    }
}
