//! What is packed is read again, by us and by others, from any place.

use std::io::{Cursor, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use proptest::prelude::*;

use crate::archive::crypt::{Ephemeral, Identities, Recipients};
use crate::archive::pack::Packing;
use crate::archive::tests::program;
use crate::archive::{ReadError, Reader};
use crate::storage::Memory;

/// Lines that look like records, about 350 bytes each.
pub(super) fn lines(count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..count {
        let noise = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let _ = writeln!(
            out,
            r#"{{"v":1,"id":"{noise:032x}","timestamp":"2026-11-20T09:12:{:02}.{:06}Z","channel":"api","level":"INFO","message":"request {n} served","attributes":{{"route":"/patients/{{id}}","status":200,"latency_us":{},"padding":"{}"}}}}"#,
            n % 60,
            n % 1_000_000,
            noise % 5_000,
            "x".repeat(noise % 97),
        );
    }
    out
}

/// The bytes of the archive of `shard`.
pub(super) fn packed(shard: &[u8], recipients: &Recipients) -> Vec<u8> {
    packed_by(NonZeroUsize::MIN, 3, shard, recipients)
}

/// The same, made by so many threads at another level.
pub(super) fn packed_by(threads: NonZeroUsize, level: i32, shard: &[u8], recipients: &Recipients) -> Vec<u8> {
    let mut out = Vec::new();
    let packing = Packing { level, recipients, threads };
    let bytes = packing.pack(shard, &Ephemeral::new(), &mut out, &mut |_| {}).expect("memory");
    assert_eq!(bytes, shard.len() as u64);
    out
}

/// A key pair made for this run.
pub(super) fn keys() -> (Recipients, Identities) {
    let identity = age::x25519::Identity::generate();
    let recipients = Recipients::parse([identity.to_public().to_string()]).expect("a recipient");
    let identities = Identities::parse(identity.to_string().expose_secret()).expect("an identity");
    (recipients, identities)
}

fn reader(name: &str, bytes: &[u8], identities: &Identities) -> Result<Reader, ReadError> {
    let disk = Memory::new();
    let path = Path::new("/a").join(name);
    disk.put(&path, bytes);
    Reader::open(Arc::new(disk), &path, identities)
}

/// The same shard in each form, opened.
fn forms(shard: &[u8]) -> [Reader; 3] {
    let (recipients, identities) = keys();
    let none = Recipients::default();
    [
        ("s.jsonl", shard.to_vec()),
        ("s.jsonl.zst", packed(shard, &none)),
        ("s.jsonl.zst.age", packed(shard, &recipients)),
    ]
    .map(|(name, bytes)| reader(name, &bytes, &identities).expect("opens"))
}

fn all_lines(reader: &mut Reader) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = reader.line().expect("reads") {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

#[test]
fn every_form_gives_the_same_lines_blocks_and_length() {
    let shard = lines(12_000);
    for mut reader in forms(&shard) {
        assert_eq!(reader.len(), shard.len() as u64);
        assert!(all_lines(&mut reader) == shard, "{reader:?}");
        assert_eq!(reader.offset(), shard.len() as u64);
        assert_eq!(reader.seek(0).expect("seeks"), 0);
        let mut blocks = Vec::new();
        while let Some(block) = reader.block().expect("reads") {
            assert!(block.ends_with(b"\n"));
            blocks.extend_from_slice(block);
        }
        assert!(blocks == shard, "{reader:?}");
        assert_eq!(reader.rest(), b"");
    }
}

#[test]
fn frames_are_about_a_mebibyte_and_cut_at_line_ends() {
    let shard = lines(12_000);
    let [_, archived, sealed] = forms(&shard);
    assert!(archived.frames().len() >= 3, "{}", archived.frames().len());
    assert_eq!(archived.frames(), sealed.frames());
    for frame in archived.frames() {
        let end = frame.offset as usize + frame.len as usize;
        assert_eq!(shard[end - 1], b'\n');
        assert!(end == shard.len() || (1 << 20..(1 << 20) + 1000).contains(&frame.len), "{frame:?}");
    }
}

#[test]
fn an_empty_shard_has_no_line() {
    for mut reader in forms(b"") {
        assert_eq!(reader.len(), 0);
        assert!(reader.line().expect("reads").is_none());
        assert_eq!(reader.seek(7).expect("seeks"), 0);
    }
}

#[test]
fn a_torn_end_is_no_line_and_is_not_lost() {
    for mut reader in forms(b"one\ntwo\nthr") {
        assert_eq!(reader.line().expect("reads"), Some(&b"one"[..]));
        assert_eq!(reader.line().expect("reads"), Some(&b"two"[..]));
        assert_eq!(reader.line().expect("reads"), None);
        assert_eq!(reader.rest(), b"thr");
    }
}

#[test]
fn a_live_shard_that_grows_gives_its_new_lines() {
    let disk = Memory::new();
    let path = Path::new("/a/s.jsonl");
    disk.put(path, b"one\ntw");
    let mut reader = Reader::open(Arc::new(disk.clone()), path, &Identities::none()).expect("opens");
    assert_eq!(reader.line().expect("reads"), Some(&b"one"[..]));
    assert_eq!(reader.line().expect("reads"), None);
    let mut file = crate::storage::Storage::open(&disk, path).expect("opens");
    file.append(b"o\nthree\n").expect("appends");
    // What memory gave to the first reader does not grow; a disk's file does. Both are right after a seek.
    reader.seek(4).expect("seeks");
    assert_eq!(reader.line().expect("reads"), Some(&b"two"[..]));
    assert_eq!(reader.line().expect("reads"), Some(&b"three"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_seek_finds_the_first_line_at_or_after_the_offset(
        lengths in proptest::collection::vec(0usize..2000, 0..40),
        at in 0u64..50_000,
    ) {
        let shard: Vec<u8> =
            lengths.iter().flat_map(|n| std::iter::repeat_n(b'x', *n).chain([b'\n'])).collect();
        let mut starts = vec![0];
        starts.extend(shard.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i as u64 + 1));
        let expected = starts.iter().copied().find(|s| *s >= at).unwrap_or(shard.len() as u64);
        for mut reader in forms(&shard) {
            prop_assert_eq!(reader.seek(at).expect("seeks"), expected);
            prop_assert_eq!(reader.offset(), expected);
            prop_assert!(all_lines(&mut reader) == shard[expected as usize..]);
        }
    }
}

#[test]
fn a_seek_reaches_every_frame_of_a_large_archive() {
    let shard = lines(12_000);
    for mut reader in forms(&shard).into_iter().rev() {
        for at in [3_000_000, 0, 1, 1 << 20, (1 << 20) + 1, 2_500_000, shard.len() - 1, shard.len(), 64 << 10]
        {
            let found = reader.seek(at as u64).expect("seeks") as usize;
            assert!(found >= at && (found == 0 || shard[found - 1] == b'\n'), "{at} {found}");
            assert!(all_lines(&mut reader) == shard[found..], "{at}");
        }
    }
}

#[test]
fn another_reader_of_the_seekable_format_reads_any_part() {
    let shard = lines(12_000);
    let archive = packed(&shard, &Recipients::default());
    let mut theirs = zeekstd::Decoder::new(Cursor::new(archive)).expect("a seekable archive");
    assert_eq!(theirs.seek_table().num_frames() as usize, shard.len().div_ceil((1 << 20) + 400));
    let (from, to) = (1_500_000, 2_600_000);
    theirs.set_offset(from).expect("in the archive");
    theirs.set_offset_limit(to).expect("in the archive");
    let mut part = Vec::new();
    theirs.read_to_end(&mut part).expect("reads");
    assert!(part == shard[from as usize..to as usize]);
}

#[test]
fn the_plain_zstd_library_reads_an_archive_as_one_file() {
    let shard = lines(4_000);
    let archive = packed(&shard, &Recipients::default());
    assert!(zstd::decode_all(&archive[..]).expect("decodes") == shard);
}

#[test]
fn only_an_identity_of_a_recipient_reads_an_encrypted_archive() {
    let shard = lines(50);
    let (recipients, identities) = keys();
    let (_, others) = keys();
    let archive = packed(&shard, &recipients);
    assert!(!archive.windows(8).any(|w| shard.windows(8).next() == Some(w)));
    let name = "s.jsonl.zst.age";
    assert!(all_lines(&mut reader(name, &archive, &identities).expect("opens")) == shard);
    let wrong = reader(name, &archive, &others).expect_err("refused");
    assert!(matches!(wrong, ReadError::WrongIdentity { .. }), "{wrong}");
    let none = reader(name, &archive, &Identities::none()).expect_err("refused");
    assert!(matches!(none, ReadError::NoIdentity { .. }), "{none}");
}

#[test]
fn an_archive_cut_anywhere_is_refused_when_it_is_opened() {
    let shard = lines(500);
    let (recipients, identities) = keys();
    for (name, whole) in [
        ("s.jsonl.zst", packed(&shard, &Recipients::default())),
        ("s.jsonl.zst.age", packed(&shard, &recipients)),
    ] {
        assert!(reader(name, &whole, &identities).is_ok());
        for cut in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            let error = reader(name, &whole[..cut], &identities).expect_err("refused");
            let told = matches!(error, ReadError::Incomplete { .. } | ReadError::Damaged { .. });
            assert!(told, "{name} {cut}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_an_error_or_changes_nothing_that_is_read() {
    let shard = lines(2_000);
    let (recipients, identities) = keys();
    for (name, whole) in [
        ("s.jsonl.zst", packed(&shard, &Recipients::default())),
        ("s.jsonl.zst.age", packed(&shard, &recipients)),
    ] {
        let mut refused = 0;
        for at in (0..whole.len()).step_by(whole.len() / 300) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let read = reader(name, &bytes, &identities).and_then(|mut reader| {
                let mut out = Vec::new();
                while let Some(block) = reader.block()? {
                    out.extend_from_slice(block);
                }
                Ok(out)
            });
            match read {
                Ok(out) => assert!(out == shard, "{name}: a flip at {at} went unnoticed"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 290, "{name}: {refused}");
    }
}

#[test]
fn a_seek_table_that_lies_costs_no_memory() {
    let mut archive = vec![0; 100];
    archive.extend(crate::archive::frames::seek_table(&[(100, u32::MAX)]));
    let mut reader = reader("s.jsonl.zst", &archive, &Identities::none()).expect("opens");
    let error = reader.line().expect_err("refused");
    assert!(matches!(error, ReadError::Damaged { why, .. } if why.contains("larger")), "{error}");
}

#[test]
fn the_command_zstd_reads_an_archive() {
    let Some(zstd) = program("the_command_zstd_reads_an_archive", "DIHYA_ZSTD") else { return };
    let shard = lines(4_000);
    let archive = packed(&shard, &Recipients::default());
    let child = Command::new(zstd).args(["-dc"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    let feeding = std::thread::spawn(move || stdin.write_all(&archive));
    let out = child.wait_with_output().expect("ends");
    feeding.join().expect("no panic").expect("takes all");
    assert!(out.status.success() && out.stdout == shard);
}
