//! The command line.

use std::path::PathBuf;
use std::time::Duration;

/// What the operator asked for.
pub(crate) struct Options {
    /// How long the service drives itself.
    pub(crate) seconds: Duration,
    /// 0: any free one.
    pub(crate) port: u16,
    /// Where the logs go; `None`: a fresh folder below the system's one for temporary files.
    pub(crate) root: Option<PathBuf>,
    /// Whether it stays up afterwards.
    pub(crate) serve: bool,
    /// Whether it logs through tracing's own formatter, unredacted.
    pub(crate) plain: bool,
    /// Where the secrets of the run are written to.
    pub(crate) secrets_file: Option<PathBuf>,
}

impl Options {
    /// `Ok(None)`: the help was asked for.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options {
            seconds: Duration::from_secs(10),
            port: 0,
            root: None,
            serve: false,
            plain: false,
            secrets_file: None,
        };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value; see --help"));
            match flag.as_str() {
                "--seconds" => options.seconds = seconds(&value()?)?,
                "--port" => {
                    let text = value()?;
                    options.port = text.parse().map_err(|_| format!("--port: `{text}` is no port number"))?;
                }
                "--root" => options.root = Some(value()?.into()),
                "--secrets-file" => options.secrets_file = Some(value()?.into()),
                "--serve" => options.serve = true,
                "--plain" => options.plain = true,
                "-h" | "--help" => return Ok(None),
                other => return Err(format!("`{other}` is not known; see --help")),
            }
        }
        Ok(Some(options))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(n) if (0.1..=86_400.0).contains(&n) => Ok(Duration::from_secs_f64(n)),
        _ => Err(format!("--seconds: `{text}` is no number from 0.1 to 86400")),
    }
}

pub(crate) const HELP: &str = "\
clinic: a web service that logs carelessly through Dihya, drives itself over HTTP, and then searches
everything it wrote and printed for the secrets it used.

  cargo run --release --example clinic [-- OPTIONS]

  --seconds N          how long it drives itself (10)
  --port P             the port on 127.0.0.1 (a free one)
  --root DIR           a new folder for the logs (one below the system's temporary folder)
  --serve              stay up afterwards, until Ctrl-C or SIGTERM; /metrics is there to be read
  --plain              log through tracing's own JSON formatter instead: shows what would have leaked
  --secrets-file FILE  write the secrets of the run to a new file (0600); for tests, keep it out of DIR
  -h, --help           this text

Exit status: 0 when no secret was found, every safe field was, and nothing was lost; 1 otherwise;
2 for a wrong command line. With --plain: 0 when every secret was found.
";
