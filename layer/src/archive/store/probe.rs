//! Whether a store keeps what it is given, before anything depends on it.
//!
//! That a server confirms a `put` proves nothing: some take a condition and do not keep to it, some answer before they have
//! stored anything. One small file of ours, always of the same name and content, is put, put again with another content,
//! and read. It stays there: a bucket may be one from which nothing can be removed, and one file is enough for all runs.

use std::io::{self, Read as _};

use super::Store;

/// What a store showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::archive) enum Kept {
    /// It was not asked: a folder does what the file system does.
    Unasked,
    /// What was put first, and it refused to replace it.
    First,
    /// What was put last: it replaces files although it is told not to.
    Last,
}

impl Kept {
    /// What somebody should know, if anything.
    pub(in crate::archive) fn doubt(self, store: &str) -> Option<String> {
        (self == Kept::Last).then(|| {
            format!(
                "{store} replaces a file although it is asked not to (`If-None-Match`): whoever may write there can \
                 change archives; let the bucket keep versions, or lock its objects"
            )
        })
    }
}

/// Tries it.
///
/// # Errors
/// If the store does not answer, or returns neither of the two.
#[cfg_attr(not(any(feature = "s3", test)), expect(dead_code, reason = "only a bucket is asked"))]
pub(super) fn probe(store: &dyn Store) -> io::Result<Kept> {
    let path = format!("{}{NAME}", store.prefix());
    for content in [FIRST, LAST] {
        match store.put(&path, content.len() as u64, &mut &content[..]) {
            // From a run before; or refused, as it should be.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            put => put?,
        }
    }
    let mut found = Vec::new();
    let read = store.get(&path).and_then(|from| from.take(1024).read_to_end(&mut found));
    match read.map(|_| &found[..]) {
        Ok(found) if found == FIRST => Ok(Kept::First),
        Ok(found) if found == LAST => Ok(Kept::Last),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it confirmed a small file, {NAME}, and does not return it: nothing is archived there"),
        )),
    }
}

const NAME: &str = "dihya-probe";
const FIRST: &[u8] = b"Dihya put this here to see that this store keeps what it is given.\n";
const LAST: &[u8] = b"Dihya put this here to see that this store replaces nothing. It did.\n";

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Nature {
        Honest,
        Replaces,
        Forgets,
        Garbles,
        Silent,
    }

    #[derive(Debug)]
    struct Server(Nature, Mutex<Option<Vec<u8>>>);

    impl Store for Server {
        fn name(&self) -> &str {
            "server"
        }

        fn prefix(&self) -> &str {
            "i1/"
        }

        fn look(&self, _: &str) -> io::Result<Option<u64>> {
            Ok(None)
        }

        fn put(&self, path: &str, len: u64, from: &mut dyn Read) -> io::Result<()> {
            assert_eq!(path, "i1/dihya-probe");
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes)?;
            assert_eq!(bytes.len() as u64, len);
            let mut kept = self.1.lock().unwrap();
            match (self.0, kept.is_some()) {
                (Nature::Silent, _) => return Err(io::ErrorKind::ConnectionRefused.into()),
                (Nature::Honest | Nature::Garbles, true) => return Err(io::ErrorKind::AlreadyExists.into()),
                (Nature::Garbles, false) => *kept = Some(bytes.to_ascii_uppercase()),
                (Nature::Forgets, _) => {}
                _ => *kept = Some(bytes),
            }
            Ok(())
        }

        fn settle(&self, _: &str) -> io::Result<()> {
            Ok(())
        }

        fn get(&self, _: &str) -> io::Result<Box<dyn Read + '_>> {
            let kept = self.1.lock().unwrap().clone().ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(io::Cursor::new(kept)))
        }

        fn place(&self, path: &str) -> String {
            path.to_owned()
        }
    }

    fn run(nature: Nature) -> io::Result<Kept> {
        let server = Server(nature, Mutex::new(None));
        let first = probe(&server);
        let again = probe(&server);
        assert_eq!(first.as_ref().ok(), again.as_ref().ok(), "{nature:?}: every run finds the same");
        first
    }

    #[test]
    fn a_store_that_keeps_and_one_that_replaces_are_told_apart() {
        assert_eq!(run(Nature::Honest).unwrap(), Kept::First);
        assert_eq!(run(Nature::Replaces).unwrap(), Kept::Last);
        assert_eq!(Kept::First.doubt("s"), None);
        assert!(Kept::Last.doubt("s3://logs").unwrap().starts_with("s3://logs replaces a file"));
    }

    #[test]
    fn a_store_that_confirms_and_does_not_keep_is_refused() {
        for nature in [Nature::Forgets, Nature::Garbles] {
            let error = run(nature).unwrap_err();
            assert!(error.to_string().contains("does not return it"), "{nature:?}: {error}");
        }
        assert_eq!(run(Nature::Silent).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
