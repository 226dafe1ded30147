//! Where records go, as a policy says it and its environment completes it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::message::{Any, KeyValue};
use crate::policy::{OtlpPolicy, OtlpProtocol, is_otlp_endpoint};

/// A receiver, with what a policy's text must not hold.
pub(super) struct Target {
    pub(super) protocol: OtlpProtocol,
    /// Without a slash at its end.
    pub(super) endpoint: String,
    /// Tokens, as a rule.
    pub(super) headers: Vec<(String, String)>,
    /// Certificates in PEM, instead of the system's.
    pub(super) ca: Option<Vec<u8>>,
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
}

impl Target {
    /// Reads what the policy names: variables and files.
    ///
    /// # Errors
    /// A sentence that says what is missing, and no value.
    pub(super) fn of(policy: &OtlpPolicy) -> Result<Target, String> {
        let endpoint = match (&policy.endpoint, &policy.endpoint_env) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(name)) => variable(name, "otlp.endpoint_env")?.trim().to_owned(),
            (None, None) => return Err("otlp.endpoint: no receiver is named".to_owned()),
        };
        if !is_otlp_endpoint(&endpoint, policy.plaintext) {
            let from = policy.endpoint_env.as_deref().unwrap_or("otlp.endpoint");
            return Err(format!(
                "{from} is no address of a receiver such as https://collector.example.org:4318; http:// is for this \
                 machine, and for others only with otlp.plaintext = true"
            ));
        }
        let mut headers = Vec::new();
        if let Some(name) = &policy.headers_env {
            let text = variable(name, "otlp.headers_env")?;
            headers =
                listed(&text).ok_or_else(|| format!("{name}: not a list such as name=value,name=value"))?;
        }
        if let Some(path) = &policy.headers_file {
            let text = read(path, "otlp.headers_file")?;
            let text = String::from_utf8(text).map_err(|_| format!("{}: not UTF-8", path.display()))?;
            headers.extend(
                lines(&text)
                    .ok_or_else(|| format!("{}: a line that is not `name: value`", path.display()))?,
            );
        }
        let ca = policy.ca_file.as_deref().map(|path| read(path, "otlp.ca_file")).transpose()?;
        Ok(Target {
            protocol: policy.protocol,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            headers,
            ca,
            timeout: policy.timeout,
            gzip: policy.gzip,
        })
    }

    /// Where HTTP posts logs: below the endpoint, unless that is the whole path already.
    #[cfg(feature = "otlp-http")]
    pub(super) fn url(&self) -> String {
        match self.endpoint.ends_with(LOGS) {
            true => self.endpoint.clone(),
            false => format!("{}{LOGS}", self.endpoint),
        }
    }

    /// What we call ourselves.
    pub(super) fn agent(&self) -> String {
        format!("dihya/{}", env!("CARGO_PKG_VERSION"))
    }
}

/// Without the headers: they are secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Attributes of every resource, besides those of its service.
pub(super) fn resource(policy: &OtlpPolicy) -> Vec<KeyValue> {
    policy.resource.iter().map(|(key, value)| KeyValue::new(key, Any::Text(value.clone()))).collect()
}

fn variable(name: &str, key: &str) -> Result<String, String> {
    let set = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set.ok_or_else(|| format!("{key}: the environment has no variable {name}, or it is empty or no text"))
}

fn read(path: &Path, key: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{key}: {} cannot be read: {error}", path.display()))
}

/// The form of `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,name=value`, percent-encoded where it has to be.
fn listed(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim();
            (!name.is_empty()).then_some((name.to_owned(), decoded(value.trim())?))
        })
        .collect()
}

/// A line each, `name: value`; `#` begins a comment.
fn lines(text: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned())).filter(|(name, _)| !name.is_empty())
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(feature = "otlp-http")]
const LOGS: &str = "/v1/logs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_from_both_forms() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = listed("authorization=Bearer%20abc, x-scope=a%3Db,");
        assert_eq!(read, Some(vec![pair("authorization", "Bearer abc"), pair("x-scope", "a=b")]));
        assert_eq!(
            lines("# token\nAuthorization: Bearer a:b\n\n"),
            Some(vec![pair("Authorization", "Bearer a:b")])
        );
        for text in ["abc", "=x", "a=%zz", "a=%4"] {
            assert_eq!(listed(text), None, "{text}");
        }
        assert_eq!(lines("no colon"), None);
    }
}
