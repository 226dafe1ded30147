//! What a policy's line says of a store: a folder, or a bucket of a service that speaks S3.

use std::path::PathBuf;

/// Where archives are kept, as a line of `archive.stores` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A folder, `/srv/archive`.
    Folder(PathBuf),
    /// `s3://bucket/prefix?region=eu-west-3&endpoint=https://s3.example.org`
    Bucket { bucket: String, prefix: String, region: Option<String>, endpoint: Option<String> },
}

impl Address {
    /// Reads a line. `None` if it is neither.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let Some(rest) = text.strip_prefix("s3://") else {
            let scheme = text.contains("://") || text.starts_with("s3:");
            return (!scheme && crate::policy::is_folder(text)).then(|| Address::Folder(PathBuf::from(text)));
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_prefix = prefix.is_empty()
            || prefix.split('/').all(|part| {
                !part.is_empty()
                    && !matches!(part, "." | "..")
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            });
        let (mut region, mut endpoint) = (None, None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("region", name)) if region.is_none() && is_word(name) => region = Some(name.to_owned()),
                Some(("endpoint", url)) if endpoint.is_none() && is_endpoint(url) => {
                    endpoint = Some(url.trim_end_matches('/').to_owned());
                }
                _ => return None,
            }
        }
        (is_bucket && is_prefix).then(|| Address::Bucket {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region,
            endpoint,
        })
    }
}

/// HTTPS to anywhere; HTTP to this machine alone, since the request's signature and the archive would be in the clear.
/// No user and password: those come from the environment.
fn is_endpoint(url: &str) -> bool {
    let host = |rest: &str| rest.split('/').next().map(str::to_owned).unwrap_or_default();
    let fits = |host: &str| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    };
    if let Some(rest) = url.strip_prefix("https://") {
        return fits(&host(rest));
    }
    url.strip_prefix("http://").is_some_and(|rest| {
        let host = host(rest);
        let name = host
            .strip_suffix(|c: char| c.is_ascii_digit())
            .map_or(host.as_str(), |_| host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name));
        fits(&host) && matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    })
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_folder_or_a_bucket() {
        assert_eq!(Address::parse("/srv/archive"), Some(Address::Folder("/srv/archive".into())));
        let bucket = |prefix: &str, region: Option<&str>, endpoint: Option<&str>| {
            Some(Address::Bucket {
                bucket: "clinic-logs".into(),
                prefix: prefix.into(),
                region: region.map(Into::into),
                endpoint: endpoint.map(Into::into),
            })
        };
        assert_eq!(Address::parse("s3://clinic-logs"), bucket("", None, None));
        assert_eq!(Address::parse("s3://clinic-logs/a/b/"), bucket("a/b", None, None));
        let text = "s3://clinic-logs/a?region=eu-west-3&endpoint=https://s3.example.org:9000/";
        assert_eq!(Address::parse(text), bucket("a", Some("eu-west-3"), Some("https://s3.example.org:9000")));
        for local in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000"] {
            let text = format!("s3://clinic-logs?endpoint={local}");
            assert_eq!(Address::parse(&text), bucket("", None, Some(local)));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "/",
            "a/../b",
            "s3://",
            "s3:/clinic-logs",
            "s3://Clinic",
            "s3://clinic-logs/../x",
            "s3://clinic-logs//x",
            "s3://clinic-logs?regoin=x",
            "s3://clinic-logs?region=a&region=b",
            "s3://clinic-logs?endpoint=http://store.example.org",
            "s3://clinic-logs?endpoint=http://127.0.0.1.example.org",
            "s3://clinic-logs?endpoint=http://user:word@127.0.0.1",
            "s3://clinic-logs?endpoint=https://user@store.example.org",
            "ftp://x/y",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
