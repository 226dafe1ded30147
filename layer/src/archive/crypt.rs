//! Keys of archives: recipients, to whom an archive is encrypted, and identities, with which it is read.
//!
//! Both are those of `age` (age-encryption.org/v1, X25519): `age-keygen -o operator.key` makes an identity, and prints
//! the recipient that belongs into the policy. The identity never needs to be on the host that archives.

use std::fmt;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::str::FromStr as _;

use age::stream::{StreamReader, StreamWriter};
use age::x25519;

use super::error::ReadError;
use super::source::{Input, Source};

/// To whom archives are encrypted.
#[derive(Clone, Default)]
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// From the texts that `age-keygen` prints, `age1…`.
    ///
    /// # Errors
    /// The first text that is not one.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Recipients, UnusableKey> {
        let parsed = texts.into_iter().map(|text| {
            x25519::Recipient::from_str(text.as_ref()).map_err(|_| UnusableKey {
                what: "a recipient",
                expected: "the public key of an age identity, `age1` and 58 more characters (`age-keygen -y FILE` prints it)",
            })
        });
        parsed.collect::<Result<_, _>>().map(Recipients)
    }

    /// Whether there is none, so that archives are not encrypted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts, as the receipts name them.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Encrypts to all of them, and to `reader` too.
    pub(super) fn encrypt<W: Write>(&self, reader: &Ephemeral, out: W) -> io::Result<StreamWriter<W>> {
        let own = reader.0.to_public();
        let all = self.0.iter().chain([&own]).map(|recipient| recipient as &dyn age::Recipient);
        age::Encryptor::with_recipients(all).map_err(io::Error::other)?.wrap_output(out)
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.texts()).finish()
    }
}

/// A key that lives as long as one archive is made: with it the archiver reads back what it has encrypted, although it
/// holds none of the operators' identities. It is never written anywhere.
pub(super) struct Ephemeral(x25519::Identity);

impl Ephemeral {
    pub(super) fn new() -> Ephemeral {
        Ephemeral(x25519::Identity::generate())
    }

    pub(super) fn identities(&self) -> Identities {
        Identities(vec![Box::new(self.0.clone())])
    }
}

/// Keys that read encrypted archives.
#[derive(Default)]
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl Identities {
    /// None: what is encrypted stays closed.
    pub fn none() -> Identities {
        Identities::default()
    }

    /// From the text of an identity file, as `age-keygen` writes it.
    ///
    /// # Errors
    /// If no identity is in it. What it holds is not told.
    pub fn parse(text: &str) -> Result<Identities, UnusableKey> {
        let wrong = UnusableKey {
            what: "the identity file",
            expected: "lines as age-keygen writes them: comments that begin with #, and identities that begin with AGE-SECRET-KEY-1",
        };
        let file = age::IdentityFile::from_buffer(text.as_bytes()).map_err(|_| wrong)?;
        let keys = file.into_identities().map_err(|_| wrong)?;
        if keys.is_empty() { Err(wrong) } else { Ok(Identities(keys)) }
    }

    /// From a file, as `age-keygen` writes it.
    ///
    /// # Errors
    /// If it cannot be read or holds no identity.
    pub fn load(path: &Path) -> Result<Identities, ReadError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ReadError::Io { path: path.into(), source })?;
        Identities::parse(&text).map_err(|wrong| ReadError::Io {
            path: path.into(),
            source: io::Error::new(io::ErrorKind::InvalidData, wrong),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clear content of an encrypted file.
    pub(super) fn decrypt(&self, source: Source, path: &Path) -> Result<Box<dyn Input>, ReadError> {
        if self.0.is_empty() {
            return Err(ReadError::NoIdentity { path: path.into() });
        }
        // Buffered for the header, which is read byte by byte otherwise.
        let clear: StreamReader<BufReader<Source>> = age::Decryptor::new_buffered(BufReader::new(source))
            .and_then(|sealed| sealed.decrypt(self.0.iter().map(|key| &**key as &dyn age::Identity)))
            .map_err(|error| match error {
                age::DecryptError::NoMatchingKeys => ReadError::WrongIdentity { path: path.into() },
                age::DecryptError::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                    ReadError::Io { path: path.into(), source }
                }
                _ => ReadError::Damaged { path: path.into(), offset: 0, why: "the header of the encryption" },
            })?;
        Ok(Box::new(clear))
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

/// A text that is no key. The text itself is not told: it may be the wrong key of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableKey {
    what: &'static str,
    pub(crate) expected: &'static str,
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not usable: expected {}", self.what, self.expected)
    }
}

impl std::error::Error for UnusableKey {}
