//! Proof files and tiles of a shard.

use std::path::Path;
use std::sync::Arc;

use super::support::*;
use crate::catalog::{Catalog, Places, Shard};
use crate::clock::Clock;
use crate::storage::{Memory, Storage};
use crate::tiles::{self, TilesError};
use crate::verify::bundle::{Bundle, BundleError, Which};
use crate::verify::first_difference;

fn shard(disk: &Memory) -> Shard {
    let catalog = Catalog::read(disk, &Places::root("/log"), &Clock::manual(NOON)).unwrap();
    catalog.find(&"audit/2026-11-20".parse().unwrap()).next().unwrap().clone()
}

fn bundle(disk: &Memory, which: &str) -> Result<Bundle, BundleError> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    Bundle::of(&storage, &shard(disk), &Which::parse(which))
}

fn vkey() -> String {
    signer().public().vkey("clinic/-/ledger")
}

#[test]
fn a_record_is_proved_without_its_log() {
    let disk = log();
    for which in ["audit/2026-11-20#1.2", "8"] {
        let made = bundle(&disk, which).unwrap();
        let read = Bundle::parse(&made.to_text()).unwrap();
        assert_eq!(read, made);
        let checkpoint = read.verify(&vkey()).unwrap();
        assert_eq!((read.index, checkpoint.size), (8, 18));
        assert!(String::from_utf8(read.record).unwrap().contains("#1.2\""));
    }
    let own = signer().public().vkey("clinic/-/audit/2026-11-20");
    assert!(bundle(&disk, "8").unwrap().verify(&own).is_ok());
}

#[test]
fn no_bit_of_a_proof_file_can_be_flipped() {
    let text = bundle(&log(), "8").unwrap().to_text().into_bytes();
    for bit in 0..text.len() * 8 {
        let mut flipped = text.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let holds = std::str::from_utf8(&flipped)
            .is_ok_and(|text| Bundle::parse(text).is_ok_and(|bundle| bundle.verify(&vkey()).is_ok()));
        assert!(!holds, "bit {bit}");
    }
}

#[test]
fn a_proof_is_of_one_key_and_one_service() {
    let made = bundle(&log(), "8").unwrap();
    let other = crate::journal::key::Signer::from_seed(&[8; 32]).public();
    assert!(made.verify(&other.vkey("clinic/-/ledger")).is_err());
    assert!(made.verify(&signer().public().vkey("hospital/-/ledger")).is_err());
    assert!(made.verify("no key").is_err());
}

#[test]
fn what_cannot_be_proved_says_why() {
    let disk = log();
    assert!(matches!(bundle(&disk, "nobody"), Err(BundleError::NoRecord { .. })));
    assert!(matches!(bundle(&disk, "18"), Err(BundleError::NoRecord { .. })));
    edit(&disk, TODAY, |lines| lines.push(b"{\"v\":1,\"id\":\"late\"}\n".to_vec()));
    assert!(matches!(bundle(&disk, "late"), Err(BundleError::NotCovered { index: 18, size: 18, .. })));
    edit(&disk, TODAY, |lines| lines[0][20] ^= 1);
    assert!(matches!(bundle(&disk, "8"), Err(BundleError::NotTheCheckpoint { .. })));
}

#[test]
fn tiles_cover_what_the_checkpoint_signs() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.push(b"{\"v\":1,\"id\":\"late\"}\n".to_vec()));
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let written = tiles::write(&storage, &shard(&disk), Path::new("/tiles")).unwrap();
    assert_eq!((written.origin.as_str(), written.size, written.files), ("clinic/-/audit/2026-11-20", 18, 3));
    assert_eq!(read(&disk, "/tiles/tile/0/000.p/18").len(), 18 * 32);
    let entries = read(&disk, "/tiles/tile/entries/000.p/18");
    let first = usize::from(u16::from_be_bytes([entries[0], entries[1]]));
    let lines = read(&disk, TODAY);
    assert_eq!(entries[2..2 + first], lines[..first]);
    assert_eq!(read(&disk, "/tiles/checkpoint"), read(&disk, "/log/audit/2026-11-20.checkpoint"));
    edit(&disk, TODAY, |lines| lines[0][20] ^= 1);
    let error = tiles::write(&storage, &shard(&disk), Path::new("/tiles")).unwrap_err();
    assert!(matches!(error, TilesError::NotTheCheckpoint { .. }));
}

#[test]
fn an_older_copy_or_its_tiles_name_the_line() {
    let disk = log();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    write(&disk, "/copy.jsonl", &read(&disk, TODAY));
    tiles::write(&storage, &shard(&disk), Path::new("/tiles")).unwrap();
    for copy in ["/copy.jsonl", "/tiles"] {
        let differs = || first_difference(&disk, Path::new(TODAY), Path::new(copy)).unwrap();
        edit(&disk, TODAY, |lines| lines.push(b"{\"v\":1}\n".to_vec()));
        assert_eq!(differs(), None, "it only grew");
        edit(&disk, TODAY, |lines| lines[8][30] ^= 1);
        let before: usize =
            read(&disk, TODAY).split_inclusive(|b| *b == b'\n').take(8).map(<[u8]>::len).sum();
        assert_eq!(differs(), Some((9, before as u64)), "{copy}");
        edit(&disk, TODAY, |lines| lines.truncate(4));
        assert_eq!(differs().map(|(line, _)| line), Some(5));
        write(&disk, TODAY, &read(&disk, "/copy.jsonl"));
    }
}
