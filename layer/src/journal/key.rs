//! The key that seals a log (Ed25519, RFC 8032), and the file it lies in.
//!
//! The file is a PKCS #8 private key in PEM, as OpenSSL writes and reads it: `openssl pkey -in signing.key -pubout` shows
//! the public half. One key signs all logs of a root; its *name* in a signature is the log's origin, as the C2SP
//! formats want it.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::storage::Storage;

/// The private half.
pub struct Signer(SigningKey);

impl Signer {
    /// A new key, from the operating system's randomness.
    pub fn generate() -> io::Result<Signer> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(io::Error::other)?;
        Ok(Signer::from_seed(&seed))
    }

    /// The key of these 32 bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Signer {
        Signer(SigningKey::from_bytes(seed))
    }

    /// Reads a key file. One that others may read, or that holds no key, is an error that says what to do.
    pub fn load(storage: &dyn Storage, path: &Path) -> io::Result<Signer> {
        let stat = storage.stat(path)?.ok_or(io::ErrorKind::NotFound)?;
        if stat.mode & OTHERS != 0 {
            let text = format!(
                "others than its owner may read it (mode {:04o}); run `chmod 600 {}`, and rotate the key if anybody did",
                stat.mode,
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let mut text = Zeroizing::new(String::new());
        storage.read(path, 0)?.take(4096).read_to_string(&mut text)?;
        Signer::from_pem(&text).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "it holds no Ed25519 private key in PKCS #8 PEM; restore it from your backup, or make a new key by `dihya key rotate`",
            )
        })
    }

    /// Writes a key into a file that must not exist, durably.
    pub fn save(&self, storage: &dyn Storage, path: &Path) -> io::Result<()> {
        if storage.stat(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Under its name there is the whole key or none: dying in between must not leave a log that cannot start.
        let beside = path.with_extension("key.new");
        match storage.remove(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = storage.create(&beside)?;
        file.append(self.to_pem().as_bytes())?;
        file.sync()?;
        storage.rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| storage.sync_dir(folder))
    }

    /// The public half.
    pub fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    /// 64 bytes, the same for the same message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    fn from_pem(text: &str) -> Option<Signer> {
        let body = text.trim().strip_prefix(&armour("BEGIN"))?.strip_suffix(&armour("END"))?;
        let mut base64: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(&*base64).ok()?);
        base64.clear();
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(der.strip_prefix(&PKCS8)?.try_into().ok()?);
        Some(Signer::from_seed(&seed))
    }

    pub(crate) fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PKCS8[..], self.0.as_bytes()].concat());
        let base64 = Zeroizing::new(STANDARD.encode(&*der));
        Zeroizing::new(format!("{}\n{}\n{}\n", armour("BEGIN"), &*base64, armour("END")))
    }
}

/// Tells nothing of the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// The public half of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Public(VerifyingKey);

impl Public {
    /// Whether the signature is this key's. Strict, as RFC 8032 section 5.1.7 allows: a signature has one form, and weak
    /// keys sign nothing.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// The four bytes that a C2SP signed note names the key by, under a name.
    pub fn id(&self, name: &str) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update(b"\n\x01")
            .chain_update(self.0.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The key as text for verifiers, C2SP's vkey: `<name>+<id in hexadecimal>+<base64>`.
    pub fn vkey(&self, name: &str) -> String {
        let id = u32::from_be_bytes(self.id(name));
        let key = [&[ED25519][..], self.0.as_bytes()].concat();
        format!("{name}+{id:08x}+{}", STANDARD.encode(key))
    }

    /// Reads a vkey: its name, and the key. The id must be the one of name and key.
    pub fn from_vkey(text: &str) -> Option<(&str, Public)> {
        // Base64 has pluses of its own; a name has none.
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let key: &[u8; 32] = key.strip_prefix(&[ED25519])?.try_into().ok()?;
        let public = Public(VerifyingKey::from_bytes(key).ok()?);
        (id == format!("{:08x}", u32::from_be_bytes(public.id(name)))).then_some((name, public))
    }
}

impl fmt::Debug for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", STANDARD.encode(self.0.as_bytes()))
    }
}

fn armour(which: &str) -> String {
    format!("-----{which} PRIVATE KEY-----")
}

/// `OneAsymmetricKey` of RFC 8410 section 7 up to the 32 bytes of the key.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// The algorithm's byte in vkeys and key ids (C2SP signed-note).
const ED25519: u8 = 1;
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    fn signer() -> Signer {
        Signer::from_seed(&[7; 32])
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone() {
        let signature = signer().sign(b"a message");
        assert!(signer().public().verifies(b"a message", &signature));
        assert!(!signer().public().verifies(b"another message", &signature));
        assert!(!Signer::from_seed(&[8; 32]).public().verifies(b"a message", &signature));
        for bit in 0..512 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!signer().public().verifies(b"a message", &flipped), "bit {bit}");
        }
    }

    #[test]
    fn a_key_file_gives_the_key_back_and_is_never_overwritten() {
        let disk = Memory::new();
        let path = Path::new("/signing.key");
        signer().save(&disk, path).unwrap();
        let loaded = Signer::load(&disk, path).unwrap();
        assert_eq!(loaded.public(), signer().public());
        assert_eq!(
            Signer::generate().unwrap().save(&disk, path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn a_file_that_holds_no_key_is_an_error() {
        let disk = Memory::new();
        let path = Path::new("/signing.key");
        let pem = signer().to_pem();
        for text in ["", "a key", &pem[..pem.len() / 2], &pem.replace("MC4", "MC5")] {
            let _ = disk.remove(path);
            disk.create(path).unwrap().append(text.as_bytes()).unwrap();
            assert_eq!(Signer::load(&disk, path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    /// The example of C2SP's signed-note, whose key is public.
    #[test]
    fn vkeys_are_read_as_others_write_them() {
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let (name, key) = Public::from_vkey(vkey).unwrap();
        assert_eq!(name, "PeterNeumann");
        assert_eq!(key.vkey(name), vkey);
        assert_eq!(Public::from_vkey(&vkey.replace("c74f", "c74e")), None);
        assert_eq!(Public::from_vkey(&vkey.replace("Peter", "Paul")), None);
    }

    #[test]
    fn debug_tells_nothing_of_the_private_half() {
        let text = format!("{:?}", signer());
        assert!(text.contains(&format!("{:?}", signer().public())));
        assert!(!text.contains(&STANDARD.encode([7; 32])[..20]) && !text.contains("7, 7"));
    }
}
