//! The requests of a plan, filled and sent.

use std::time::Duration;

use dihya_compliance::base64;
use ureq::http::{self, Method, header};

use super::plan::{Http, Request, Source};
use super::planting::Planting;

/// A client that follows no redirect, uses no proxy, and waits for nothing longer than it may.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

/// A request in which the canaries stand already.
pub(crate) struct Filled {
    request: http::Request<Vec<u8>>,
    has_body: bool,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body was longer than is read.
    pub(crate) is_cut: bool,
}

impl Client {
    pub(crate) fn new(base: &str, timeout: Duration) -> Client {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .allow_non_standard_methods(true)
            .user_agent(concat!("dihya-check/", env!("CARGO_PKG_VERSION")))
            // A connection that the service closed in the meantime would look like an answer that never came.
            .max_idle_connections(0)
            .build();
        Client { agent: config.into(), base: base.trim_end_matches('/').to_owned() }
    }

    /// A path behind the base, or a whole URL as it is.
    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}{}{path}", self.base, slash(path))
        }
    }

    /// # Errors
    /// Why nothing was answered. It never holds the address, in which there may be canaries.
    pub(crate) fn get(&self, url: &str) -> Result<Answer, String> {
        let request = http::Request::builder().uri(url).body(Vec::new());
        let request = request.map_err(|_| "its address is no URL".to_owned())?;
        self.send(&Filled { request, has_body: false })
    }

    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn send(&self, filled: &Filled) -> Result<Answer, String> {
        let sent = if filled.has_body {
            let request = self.agent.configure_request(filled.request.clone()).build();
            self.agent.run(request)
        } else {
            self.agent.run(filled.request.clone().map(|_| ()))
        };
        let mut response = sent.map_err(|error| told(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.body_mut().with_config().limit(BODY).read_to_vec();
        match body {
            Ok(body) => Ok(Answer { status, headers, body, is_cut: false }),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                Ok(Answer { status, headers, body: Vec::new(), is_cut: true })
            }
            Err(error) => Err(format!("the answer broke off: {}", told(&error))),
        }
    }

    /// The request of a plan, with new canaries.
    ///
    /// # Errors
    /// If what it was filled with makes no request.
    pub(crate) fn fill(
        &self,
        plan: &Request,
        label: &str,
        planting: &mut Planting,
    ) -> Result<Filled, String> {
        let place = |what: &str| format!("{label}, {what}");
        let path =
            plan.path.as_ref().map(|path| planting.fill(path, &place("path"), percent)).unwrap_or_default();
        let mut url = self.url(&path);
        for (name, value) in &plan.query {
            let value = planting.fill(value, &place(&format!("query parameter {name}")), str::to_owned);
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{}={}", percent(name), percent(&value)));
        }
        let mut kind = None;
        let mut body = None;
        if let Some(json) = &plan.json {
            let value = json.text(&mut |text| planting.fill(text, &place("JSON body"), str::to_owned));
            (kind, body) = (Some("application/json"), Some(value.to_string()));
        } else if let Some(form) = &plan.form {
            let mut pairs = Vec::new();
            for (name, value) in form {
                let value = planting.fill(value, &place(&format!("form field {name}")), str::to_owned);
                pairs.push(format!("{}={}", percent(name), percent(&value)));
            }
            (kind, body) = (Some("application/x-www-form-urlencoded"), Some(pairs.join("&")));
        } else if let Some(text) = &plan.body {
            body = Some(planting.fill(text, &place("body"), str::to_owned));
        }
        let method = plan.method();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is no method"))?;
        let mut request = http::Request::builder().method(method).uri(url);
        if let Some(kind) =
            kind.filter(|_| !plan.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")))
        {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &plan.headers {
            request = request.header(name, planting.fill(value, &place(&format!("header {name}")), one_line));
        }
        if let Some(basic) = &plan.basic {
            let user = planting.fill(&basic.user, &place("basic authentication, user"), str::to_owned);
            let password =
                planting.fill(&basic.password, &place("basic authentication, password"), str::to_owned);
            let pair = base64(format!("{user}:{password}").as_bytes(), false);
            request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
        }
        if let Some(bearer) = &plan.bearer {
            let token = planting.fill(bearer, &place("bearer token"), one_line);
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let has_body = body.is_some();
        let request =
            request.body(body.unwrap_or_default().into_bytes()).map_err(|error| error.to_string())?;
        Ok(Filled { request, has_body })
    }
}

impl Answer {
    /// What stands there, as text.
    pub(crate) fn take(&self, source: &Source) -> Option<String> {
        let header =
            |name: &str| self.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        match source {
            Source::Json(pointer) => {
                let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
                match body.pointer(pointer)? {
                    serde_json::Value::String(text) => Some(text.clone()),
                    serde_json::Value::Number(number) => Some(number.to_string()),
                    _ => None,
                }
            }
            Source::Header(name) => header(name).next().map(str::to_owned),
            Source::Cookie(wanted) => header("set-cookie").find_map(|cookie| {
                let (name, value) = cookie.split(';').next()?.split_once('=')?;
                (name.trim() == wanted).then(|| value.trim().to_owned())
            }),
        }
    }
}

/// Where the service listens, to be looked at before it starts: host and port of a base.
///
/// # Errors
/// If it is no such address.
pub(crate) fn address(base: &str) -> Result<String, String> {
    let uri: http::Uri = base.parse().map_err(|_| format!("the base `{base}` is no URL"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) => Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80))),
        (Some("https"), _) => Err("the base is https: the check speaks plain HTTP, as behind a proxy; let the service listen without TLS for it".to_owned()),
        _ => Err(format!("the base `{base}` is no address like http://127.0.0.1:8080")),
    }
}

/// Whether a plan's settings lead to HTTP at all.
pub(crate) fn is_used(http: &Http, requests: &[Request]) -> bool {
    !requests.is_empty() || http.metrics.is_some()
}

fn slash(path: &str) -> &'static str {
    if path.is_empty() || path.starts_with('/') { "" } else { "/" }
}

/// The reason alone: some errors of the client quote the address.
fn told(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(error) => format!("{}", error.kind()),
        ureq::Error::ConnectionFailed => "connection failed".to_owned(),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => "what it answered is not HTTP".to_owned(),
        ureq::Error::BadUri(_) => "its address is no URL".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

/// RFC 3986: everything but the unreserved characters.
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A header's value has one line. A private key travels in one with its line ends written out.
fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// Of an answer.
const BODY: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::plan::Plan;
    use std::path::PathBuf;

    fn filled(text: &str) -> Result<http::Request<Vec<u8>>, String> {
        let plan = Plan::parse(text).unwrap();
        let mut planting = Planting::new(1, 80, PathBuf::new());
        let client = Client::new("http://127.0.0.1:80/", Duration::from_secs(1));
        client.fill(&plan.requests[0], "request 1", &mut planting).map(|filled| filled.request)
    }

    #[test]
    fn a_form_and_a_query_are_encoded_and_say_what_they_are() {
        let request =
            filled("[[request]]\npath = \"a\"\nquery = { q = \"x y&\" }\nform = { \"é\" = \"=\" }\n")
                .unwrap();
        assert_eq!(request.uri().to_string(), "http://127.0.0.1:80/a?q=x%20y%26");
        assert_eq!(request.body(), b"%C3%A9=%3D");
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    }

    #[test]
    fn json_keeps_its_kinds_and_a_header_of_the_plan_wins() {
        let request = filled(
            "[[request]]\npath = \"/\"\nmethod = \"PUT\"\nheaders = { Content-Type = \"text/x\" }\njson = { a = [1, true, \"{{open}}\"] }\n",
        );
        let request = request.unwrap();
        assert_eq!(request.body(), br#"{"a":[1,true,"{{"]}"#);
        assert_eq!(request.headers().get_all("content-type").iter().count(), 1);
        assert_eq!(request.method(), Method::PUT);
    }

    #[test]
    fn every_kind_fits_into_every_place() {
        for kind in crate::check::template::Kind::all() {
            let hole = format!("{{{{{}}}}}", kind.name);
            let text = format!(
                "[[request]]\npath = \"/{hole}\"\nheaders = {{ x = \"{hole}\" }}\nquery = {{ q = \"{hole}\" }}\nbearer = \"{hole}\"\njson = \"{hole}\"\n"
            );
            assert!(filled(&text).is_ok(), "{}", kind.name);
        }
    }

    #[test]
    fn basic_authentication_is_that_of_the_standard() {
        // The example of RFC 7617 section 2 in its parts.
        let text = "[[request]]\npath = \"/\"\nbasic = { user = \"Aladdin\", password = \"open sesame\" }\n";
        let sent = filled(text).unwrap().headers()["authorization"].to_str().unwrap().to_owned();
        assert_eq!(sent.strip_prefix("Basic "), Some(["QWxhZGRpbjpv", "cGVuIHNlc2FtZQ=="].concat().as_str()));
    }

    #[test]
    fn an_answer_gives_what_stands_in_its_body_its_headers_and_its_cookies() {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-token", http::HeaderValue::from_static("abc"));
        headers.append("set-cookie", http::HeaderValue::from_static("other=1"));
        headers.append("set-cookie", http::HeaderValue::from_static("sid=x=y; HttpOnly"));
        let body = br#"{"a":{"b":["t",7,null]}}"#.to_vec();
        let answer = Answer { status: 200, headers, body, is_cut: false };
        let json = |pointer: &str| answer.take(&Source::Json(pointer.to_owned()));
        assert_eq!((json("/a/b/0"), json("/a/b/1")), (Some("t".to_owned()), Some("7".to_owned())));
        assert_eq!((json("/a/b/2"), json("/a")), (None, None));
        assert_eq!(answer.take(&Source::Header("X-Token".to_owned())), Some("abc".to_owned()));
        assert_eq!(answer.take(&Source::Cookie("sid".to_owned())), Some("x=y".to_owned()));
        assert_eq!(answer.take(&Source::Cookie("none".to_owned())), None);
    }

    #[test]
    fn a_base_is_plain_http() {
        assert_eq!(address("http://127.0.0.1:8080/x"), Ok("127.0.0.1:8080".to_owned()));
        assert!(address("https://localhost").unwrap_err().contains("TLS"));
        assert!(address("localhost:80").is_err() && address("").is_err());
    }
}
