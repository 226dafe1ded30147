//! Where records are exported to.

use std::path::PathBuf;
use std::time::Duration;

use super::error::{Problem, quote};
use super::read::Values;
use super::{Policy, rules};

/// The table `[otlp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtlpPolicy {
    /// The receiver's address, or the variable that holds it.
    pub(crate) endpoint: Option<String>,
    pub(crate) endpoint_env: Option<String>,
    pub(crate) protocol: OtlpProtocol,
    /// Empty: all channels.
    pub(crate) channels: Vec<String>,
    pub(crate) headers_env: Option<String>,
    pub(crate) headers_file: Option<PathBuf>,
    /// Of one request.
    pub(crate) timeout: Duration,
    /// Of one request, before it is compressed.
    pub(crate) batch_bytes: u64,
    pub(crate) gzip: bool,
    /// Whether records may leave this machine in the clear.
    pub(crate) plaintext: bool,
    pub(crate) ca_file: Option<PathBuf>,
    /// Attributes of the resource.
    pub(crate) resource: Vec<(String, String)>,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtlpProtocol {
    /// A POST of protobuf.
    Http,
    /// A call of gRPC.
    Grpc,
}

impl OtlpProtocol {
    /// OpenTelemetry's word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            OtlpProtocol::Http => "http/protobuf",
            OtlpProtocol::Grpc => "grpc",
        }
    }

    /// The feature that it takes.
    pub(crate) const fn feature(self) -> &'static str {
        match self {
            OtlpProtocol::Http => "otlp-http",
            OtlpProtocol::Grpc => "otlp-grpc",
        }
    }

    const fn is_built_in(self) -> bool {
        match self {
            OtlpProtocol::Http => cfg!(feature = "otlp-http"),
            OtlpProtocol::Grpc => cfg!(feature = "otlp-grpc"),
        }
    }
}

pub(super) fn read(values: &Values) -> Option<OtlpPolicy> {
    if !values.has("otlp") {
        return None;
    }
    let text = |key| values.text(key).map(str::to_owned);
    let texts = |key| values.texts(key).unwrap_or_default().to_vec();
    let pair = |text: String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    Some(OtlpPolicy {
        endpoint: text("otlp.endpoint"),
        endpoint_env: text("otlp.endpoint_env"),
        protocol: match values.text("otlp.protocol") {
            Some("grpc") => OtlpProtocol::Grpc,
            _ => OtlpProtocol::Http,
        },
        channels: texts("otlp.channels"),
        headers_env: text("otlp.headers_env"),
        headers_file: text("otlp.headers_file").map(PathBuf::from),
        timeout: values.time("otlp.timeout").unwrap_or(TIMEOUT),
        batch_bytes: values.bytes("otlp.batch").unwrap_or(BATCH),
        gzip: values.text("otlp.compression") != Some("none"),
        plaintext: values.flag("otlp.plaintext").unwrap_or(false),
        ca_file: text("otlp.ca_file").map(PathBuf::from),
        resource: texts("otlp.resource").into_iter().filter_map(pair).collect(),
    })
}

impl Policy {
    pub(super) fn otlp_problems(&self, problems: &mut Vec<Problem>) {
        let Some(otlp) = &self.otlp else { return };
        match (&otlp.endpoint, &otlp.endpoint_env) {
            (None, None) => problems
                .push(Problem::new("otlp.endpoint", "the receiver's address", "none").help(
                "add `endpoint = \"http://127.0.0.1:4318\"`, or `endpoint_env` with the name of a variable",
            )),
            (Some(_), Some(_)) => {
                problems.push(Problem::new(
                    "otlp.endpoint_env",
                    "one of `endpoint` and `endpoint_env`",
                    "both",
                ));
            }
            (Some(endpoint), None) if !is_otlp_endpoint(endpoint, otlp.plaintext) => {
                let expected = "https to anywhere, or http to this machine";
                problems.push(Problem::new("otlp.endpoint", expected, quote(endpoint)).help(
                    "over http everybody on the way reads the records; if that network is yours, say so with `plaintext = true`",
                ));
            }
            _ => {}
        }
        for (i, name) in otlp.channels.iter().enumerate() {
            if self.channel(name).is_none() {
                let expected = format!("one of the channels {}", self.channel_names().join(", "));
                problems.push(Problem::new(format!("otlp.channels[{i}]"), expected, quote(name)));
            }
        }
        for (i, (key, _)) in otlp.resource.iter().enumerate() {
            if key.starts_with("service.") || otlp.resource[..i].iter().any(|(other, _)| other == key) {
                let expected = "an attribute once, and none of `service.`, which each record has itself";
                problems.push(Problem::new(format!("otlp.resource[{i}]"), expected, quote(key)));
            }
        }
    }

    /// What this build lacks of what the policy asks for.
    pub(crate) fn otlp_unsupported(&self) -> Option<super::PolicyError> {
        let protocol = self.otlp.as_ref()?.protocol;
        if protocol.is_built_in() {
            return None;
        }
        let problem = Problem::new(
            "otlp.protocol",
            format!("a build with the feature `{}`", protocol.feature()),
            "a build without it",
        )
        .help(format!("in Cargo.toml: dihya = {{ features = [\"{}\"], … }}", protocol.feature()));
        let file = self.file.clone().unwrap_or_else(|| "policy built in code".to_owned());
        Some(super::PolicyError::Invalid { file, problems: vec![problem] })
    }
}

/// An address as `https://host[:port][/path]`; with `http` only if this machine is meant, or `plaintext` is.
pub(crate) fn is_otlp_endpoint(text: &str, plaintext: bool) -> bool {
    if !(rules::ENDPOINT.fits)(text) {
        return false;
    }
    let Some(rest) = text.strip_prefix("http://") else { return true };
    let host = rest.split('/').next().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    plaintext || matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// As OpenTelemetry's own exporters wait.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// A quarter of what a gRPC server takes unless it is told otherwise.
pub(super) const BATCH: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_leave_the_machine_in_the_clear_only_if_the_policy_says_so() {
        for text in [
            "http://127.0.0.1:4318",
            "http://localhost",
            "http://[::1]:4317/",
            "https://otel.example.org/in/v1/logs",
        ] {
            assert!(is_otlp_endpoint(text, false), "{text}");
        }
        for text in ["http://10.0.0.7:4318", "http://127.0.0.1.example.org"] {
            assert!(!is_otlp_endpoint(text, false), "{text}");
            assert!(is_otlp_endpoint(text, true), "{text}");
        }
        for text in [
            "",
            "https://",
            "127.0.0.1:4318",
            "grpc://a:1",
            "https://a:b@c",
            "https://a b",
            "https://a?x=1",
            "https://a#x",
        ] {
            assert!(!is_otlp_endpoint(text, true), "{text}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        let problems = |table: &str| {
            let text = format!("[storage]\nroot = \"logs\"\n[otlp]\n{table}\n");
            let error = Policy::parse(&text, "p").expect_err("wrong");
            error.problems().iter().map(|problem| problem.key().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(problems(""), ["otlp.endpoint"]);
        assert_eq!(problems("endpoint = \"http://10.0.0.7:4318\""), ["otlp.endpoint"]);
        let here = "endpoint = \"http://127.0.0.1:4318\"\n";
        assert_eq!(problems(&format!("{here}endpoint_env = \"X\"")), ["otlp.endpoint_env"]);
        assert_eq!(problems(&format!("{here}channels = [\"audit\", \"nope\"]")), ["otlp.channels[1]"]);
        assert_eq!(
            problems(&format!("{here}resource = [\"a=1\", \"service.name=x\"]")),
            ["otlp.resource[1]"]
        );
        assert_eq!(problems(&format!("{here}resource = [\"a\"]")), ["otlp.resource[0]"]);
        assert_eq!(problems(&format!("{here}headers = \"x\"")), ["otlp.headers"]);
    }
}
