//! A bucket of a service that speaks S3, through `object_store`.
//!
//! Keys come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …) or from what the machine is given, and
//! never from the policy, which is read by more people. A small archive is put with `If-None-Match: *`, a large one in
//! parts after looking; servers exist that confirm the first and replace the file all the same, and nothing that is asked
//! of a server proves what it did: the bytes are read back, in requests of their own.

use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use crate::archive::address::Address;

use super::Store;

/// A store behind the trait of `object_store`.
#[derive(Debug)]
pub(in crate::archive) struct Remote {
    name: String,
    folder: Path,
    prefix: String,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

/// Opens a bucket. Nothing is asked of it yet.
pub(super) fn open(line: &str, address: &Address, instance: Option<&str>) -> io::Result<Box<dyn Store>> {
    Ok(Box::new(connect(line, address, instance)?))
}

pub(super) fn connect(line: &str, address: &Address, instance: Option<&str>) -> io::Result<Remote> {
    let Address::Bucket { bucket, prefix, region, endpoint } = address else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let retry =
        RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    let client = ClientOptions::new().with_connect_timeout(Duration::from_secs(10));
    let mut builder =
        AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).with_client_options(client);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        // The policy lets plain HTTP reach this machine alone.
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    let store = Arc::new(builder.build().map_err(told)?);
    Remote::new(line, prefix, instance, store)
}

impl Remote {
    pub(in crate::archive) fn new(
        name: &str,
        folder: &str,
        instance: Option<&str>,
        store: Arc<dyn ObjectStore>,
    ) -> io::Result<Remote> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (folder, prefix) = (Path::from(folder), super::prefix(instance));
        Ok(Remote { name: name.to_owned(), folder, prefix, store, runtime })
    }

    fn key(&self, path: &str) -> Path {
        path.split('/').fold(self.folder.clone(), |key, part| key.join(part))
    }

    /// Removes a file. In a bucket with versions its older versions stay: a rule of the bucket must let them expire.
    pub(in crate::archive) fn delete(&self, path: &str) -> io::Result<()> {
        match self.wait(self.store.delete(&self.key(path))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn wait<T>(&self, request: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        self.runtime.block_on(request).map_err(told)
    }

    fn put_parts(&self, key: &Path, from: &mut dyn Read) -> io::Result<()> {
        let mut upload = self.wait(self.store.put_multipart(key))?;
        let sent = self.send_parts(&mut *upload, from);
        if sent.is_err() {
            // Parts of an upload that nobody completes are stored, and paid for, and seen by nobody.
            let _ = self.wait(upload.abort());
        }
        sent
    }

    fn send_parts(&self, upload: &mut dyn MultipartUpload, from: &mut dyn Read) -> io::Result<()> {
        loop {
            let mut part = Vec::new();
            from.take(PART).read_to_end(&mut part)?;
            if part.is_empty() {
                return self.wait(upload.complete()).map(drop);
            }
            self.wait(upload.put_part(PutPayload::from(part)))?;
        }
    }
}

impl Store for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn look(&self, path: &str) -> io::Result<Option<u64>> {
        match self.wait(self.store.head(&self.key(path))) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, path: &str, len: u64, from: &mut dyn Read) -> io::Result<()> {
        let key = self.key(path);
        if len > PART {
            return self.put_parts(&key, from);
        }
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let put = self.store.put_opts(&key, PutPayload::from(bytes), PutMode::Create.into());
        self.wait(put).map(drop)
    }

    fn settle(&self, _: &str) -> io::Result<()> {
        Ok(()) // what it answered to is what it promises
    }

    fn get(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        let len = self.look(path)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Ranges { remote: self, key: self.key(path), at: 0, len, held: io::Cursor::default() }))
    }

    fn place(&self, path: &str) -> String {
        format!("{}: {}", self.name, self.key(path))
    }

    fn probe(&self) -> io::Result<super::probe::Kept> {
        super::probe::probe(self)
    }
}

/// Reads a file a range at a time, so that memory does not grow with it.
struct Ranges<'r> {
    remote: &'r Remote,
    key: Path,
    at: u64,
    len: u64,
    held: io::Cursor<Vec<u8>>,
}

impl Read for Ranges<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.held.read(buffer)?;
        if n > 0 || buffer.is_empty() || self.at == self.len {
            return Ok(n);
        }
        let end = self.len.min(self.at + PART);
        let bytes = self.remote.wait(self.remote.store.get_range(&self.key, self.at..end))?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.at += bytes.len() as u64;
        self.held = io::Cursor::new(bytes.to_vec());
        self.held.read(buffer)
    }
}

/// The kinds that the archiver tells apart. What a server says is kept: it has no secret of ours in it.
fn told(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Above it an archive goes in parts of this size: within S3's bounds of 5 MiB a part and 10,000 parts for any shard that
/// a policy allows.
const PART: u64 = 16 << 20;
