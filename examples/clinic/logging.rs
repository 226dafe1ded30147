//! How the service logs: through Dihya, or, to see what that hides, through tracing's own JSON formatter.

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use dihya::{Channel, Generation, Guard, Handle, Policy};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter::LevelFilter};

/// The service's hold on its log; cheap to clone.
#[derive(Clone)]
pub(crate) enum Logging {
    Dihya(Handle),
    Plain,
}

impl Logging {
    /// Installs the subscriber. The guard, if there is one, ends the log: keep it until the end.
    pub(crate) fn open(root: &Path, plain: bool) -> Result<(Logging, Option<Guard>), Box<dyn Error>> {
        // The default hook would print a panic's message to stderr as it is; this one logs it, to be redacted.
        std::panic::set_hook(Box::new(|panic| tracing::error!(target: "clinic::panic", "{panic}")));
        if plain {
            let path = root.join("plain.jsonl");
            let file = File::options().append(true).create(true).mode(0o600).open(path)?;
            let json = tracing_subscriber::fmt::layer().json().with_writer(Mutex::new(file));
            tracing_subscriber::registry().with(json.with_filter(LevelFilter::DEBUG)).init();
            return Ok((Logging::Plain, None));
        }
        let (layer, guard) = dihya::open(Policy::load(POLICY)?.root(root))?;
        tracing_subscriber::registry().with(layer).init();
        guard.probe()?;
        Ok((Logging::Dihya(guard.handle()), Some(guard)))
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        match self {
            Logging::Dihya(handle) => handle.metrics(),
            Logging::Plain => String::new(),
        }
    }

    /// Everything logged so far is on the disk when this returns.
    pub(crate) async fn commit(&self) -> Result<(), Box<dyn Error>> {
        if let Logging::Dihya(handle) = self {
            for name in Channel::BUILT_IN {
                let channel = Channel::built_in(name).ok_or("a built-in channel has no name")?;
                handle.commit_async(channel).await?;
            }
        }
        Ok(())
    }

    /// Records a generation, which must be consistent.
    pub(crate) fn generation(&self, generation: &Generation) -> Result<(), Box<dyn Error>> {
        match self {
            Logging::Dihya(handle) => match handle.record_generation(generation)?.failed_checks.as_slice() {
                [] => Ok(()),
                failed => Err(format!("the record fails the checks {failed:?}").into()),
            },
            Logging::Plain => {
                // As a project without such a channel would do it.
                tracing::info!(
                    project = generation.project_name,
                    error = generation.error,
                    "project generated"
                );
                Ok(())
            }
        }
    }
}

/// A new folder, the one asked for or one below the system's temporary one; only its owner may enter it.
///
/// Another run's records would be judged with this one's, so the folder must not be there yet.
pub(crate) fn run_folder(asked: Option<PathBuf>) -> Result<PathBuf, String> {
    let path = asked.unwrap_or_else(|| {
        let since_1970 = Duration::from_micros(dihya::Clock::system().now().unsigned_abs());
        std::env::temp_dir().join(format!("clinic-{}-{}", since_1970.as_secs(), std::process::id()))
    });
    let failed = |error| format!("cannot make the new folder {}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
    path.canonicalize().map_err(failed)
}

/// The policy file of this example, read where it lies in the source tree.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clinic/dihya.toml");
