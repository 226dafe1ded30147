//! Go's own `sumdb/tlog` and `sumdb/note` read our tiles, checkpoints and proofs. They are the code that checks Go's module
//! checksums; here they are taken unmodified from the sources of the Go that is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use dihya::catalog::{Catalog, Places, Shard};
use dihya::key::Signer;
use dihya::merkle::{Hash, Tree, proof};
use dihya::note::Checkpoint;
use dihya::seal::Seal;
use dihya::storage::{Local, Storage};
use dihya::verify::bundle::{Bundle, Which};
use dihya::{Clock, tiles};

const ORIGIN: &str = "clinic/-/audit/2026-11-20";
/// A full level of 256 tiles and a bit: 70,000 lines make three levels, each with a partial tile.
const LINES: u64 = 70_000;

#[test]
fn go_verifies_our_tiles_our_proofs_and_our_checkpoints() {
    let Some(go) = program() else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "go is missing, and CI must have it");
        println!("not run: go is missing");
        return;
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("go");
    let _ = fs::remove_dir_all(&folder);
    let check = build(&go, &folder.join("module"));
    let signer = Signer::from_seed(&[7; 32]);
    let (shard, leaves) = write(&folder.join("log"), &signer, LINES);
    let storage: Arc<dyn Storage> = Arc::new(Local);
    let out = folder.join("tiles");
    let written = tiles::write(&storage, &shard, &out).unwrap();
    assert_eq!((written.size, leaves.len() as u64), (LINES, LINES));
    let vkey = signer.public().vkey(&written.origin);

    let mut proofs = Vec::new();
    for index in [0, 255, 256, 65_535, 65_536, LINES - 1] {
        let path = folder.join(format!("{index}.tlog-proof"));
        let bundle = Bundle::of(&storage, &shard, &Which::Index(index)).unwrap();
        fs::write(&path, bundle.to_text()).unwrap();
        proofs.push(path);
    }
    let run = |vkey: &str, proofs: &[PathBuf]| {
        Command::new(&check).arg(vkey).arg(&out).args(proofs).output().unwrap()
    };
    assert_eq!(said(run(&vkey, &proofs)), Ok("70000 entries, 6 proofs\n".into()));

    // What Go accepts it would refuse if it were not so.
    assert!(said(run(&Signer::from_seed(&[8; 32]).public().vkey(ORIGIN), &[])).is_err(), "another key");
    let text = fs::read_to_string(&proofs[1]).unwrap();
    let wrong = folder.join("wrong.tlog-proof");
    fs::write(&wrong, text.replace("index 255", "index 254")).unwrap();
    assert!(said(run(&vkey, &[wrong])).is_err(), "a proof of another index");
    for file in ["tile/entries/007", "tile/0/007"] {
        let bytes = fs::read(out.join(file)).unwrap();
        let mut changed = bytes.clone();
        changed[1000] ^= 1;
        fs::write(out.join(file), changed).unwrap();
        assert!(said(run(&vkey, &[])).is_err(), "{file} was changed");
        fs::write(out.join(file), bytes).unwrap();
    }

    // The log only grew since an older checkpoint.
    let older = folder.join("older.checkpoint");
    let path = folder.join("consistency");
    for old in [1_usize, 256, 50_001, 69_999, 70_000] {
        let mut tree = Tree::new();
        leaves[..old].iter().for_each(|leaf| tree.push(*leaf));
        fs::write(&older, Checkpoint::of(ORIGIN, &tree).sign(&signer)).unwrap();
        let hashes: Vec<String> =
            proof::consistency(&leaves, old).unwrap().into_iter().map(Hash::to_text).collect();
        fs::write(&path, hashes.join("\n")).unwrap();
        let ran = Command::new(&check).arg(&vkey).arg(&out).arg("-since").args([&older, &path]).output();
        assert_eq!(said(ran.unwrap()), Ok(format!("{old} to 70000\n")));
    }
}

fn said(output: Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Where Go lies.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("DIHYA_GO").map(PathBuf::from);
    let path = std::env::var_os("PATH")?;
    named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("go")).find(|file| file.is_file()))
}

/// A module of our program and Go's two packages. Nothing is fetched.
fn build(go: &Path, module: &Path) -> PathBuf {
    let ask = |what: &str| {
        let answer = Command::new(go).args(["env", what]).env("GOTOOLCHAIN", "local").output().unwrap();
        said(answer).unwrap().trim().to_owned()
    };
    let vendored = PathBuf::from(ask("GOROOT")).join("src/cmd/vendor/golang.org/x");
    let copy = |package: &str, to: &Path| {
        fs::create_dir_all(to).unwrap();
        let from = vendored.join(package);
        let files = fs::read_dir(&from).unwrap_or_else(|error| {
            panic!("{}: {error}: the sources of Go's own commands are missing", from.display())
        });
        for file in files.map(Result::unwrap).filter(|file| file.path().is_file()) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    for package in ["note", "tlog"] {
        copy(&format!("mod/sumdb/{package}"), &module.join(package));
    }
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/main.go"), module.join("main.go")).unwrap();
    let version = ask("GOVERSION");
    let language: Vec<&str> = version.trim_start_matches("go").split('.').take(2).collect();
    let mut manifest = format!("module check\n\ngo {}\n", language.join("."));
    // Up to Go 1.19 `note` takes Ed25519 from a module that Go's commands bring along, too.
    if fs::read_to_string(module.join("note/note.go")).unwrap().contains("golang.org/x/crypto/ed25519") {
        copy("crypto/ed25519", &module.join("crypto/ed25519"));
        fs::write(module.join("crypto/go.mod"), "module golang.org/x/crypto\n").unwrap();
        manifest += "\nrequire golang.org/x/crypto v0.0.0\n\nreplace golang.org/x/crypto => ./crypto\n";
    }
    fs::write(module.join("go.mod"), manifest).unwrap();
    let built = Command::new(go)
        .args(["build", "-o", "check", "."])
        .current_dir(module)
        .envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=mod")])
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
        .output();
    said(built.unwrap()).unwrap();
    module.join("check")
}

/// A shard of so many lines, seals among them, and its checkpoint.
fn write(root: &Path, signer: &Signer, size: u64) -> (Shard, Vec<Hash>) {
    let folder = root.join("audit");
    fs::create_dir_all(&folder).unwrap();
    let (mut tree, mut leaves, mut text) = (Tree::new(), Vec::new(), String::new());
    while tree.size() < size {
        let seal = tree.size() % 1000 == 999;
        let line = if seal {
            Seal::new(signer, ORIGIN, &tree).line()
        } else {
            format!("{{\"v\":1,\"id\":\"r{}\",\"message\":\"something happened\"}}\n", tree.size())
        };
        let leaf = Hash::leaf(line.trim_end().as_bytes());
        tree.push(leaf);
        leaves.push(leaf);
        text += &line;
    }
    fs::write(folder.join("2026-11-20.jsonl"), text).unwrap();
    fs::write(folder.join("2026-11-20.checkpoint"), Checkpoint::of(ORIGIN, &tree).sign(signer)).unwrap();
    let catalog = Catalog::read(&Local, &Places::root(root), &Clock::system()).unwrap();
    (catalog.shards.into_iter().next().unwrap(), leaves)
}
