//! Addresses and what is sent to them: userinfo, parameters, fragments, headers.

use tracing::error;

use super::Needs::{Form, Key};
use super::text::written;
use super::values::Headers;
use super::{Shape, shape};
use crate::search::base64;

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        shape(10, "error!(headers = ?headers), … in authorization", Key, |_, s, seed| {
            let name = *seed.pick(&[
                "authorization",
                "x-api-key",
                "cookie",
                "set-cookie",
                "proxy-authorization",
                "x-auth-token",
            ]);
            let value = match seed.below(4) {
                0 => format!("Bearer {s}"),
                1 => format!("Own {s}"),
                2 => format!("sid={s}; Path=/"),
                _ => s.to_owned(),
            };
            let headers = Headers(vec![("host", "x"), (name, &value), ("accept", "*/*")]);
            error!(headers = ?headers, "got {headers:?} and {headers:#?}");
        }),
        shape(10, "error!(headers = ?headers), … in a header of any name", Form, |_, s, _| {
            error!(headers = ?Headers(vec![("host", "x"), ("x-custom", s)]));
        }),
        shape(11, "error!(url = \"https://bob:…@host/\")", Key, |_, s, seed| {
            let (scheme, user) = (
                *seed.pick(&["https", "postgres", "redis", "amqp", "mongodb+srv", "s3"]),
                *seed.pick(&["bob", ""]),
            );
            error!(url = %format!("{scheme}://{user}:{s}@db.example.org:99/x?y=1"), "connecting to {scheme}://{user}:{s}@db/x");
        }),
        shape(12, "error!(uri = \"/x?access_token=…&y=1\")", Key, |_, s, seed| {
            let key = *seed.pick(&["access_token", "api_key", "sig", "token", "password", "client_secret"]);
            error!(uri = %format!("/x?y=1&{key}={s}&z=2"), "GET https://example.org/x?{key}={s}");
        }),
        shape(12, "error!(uri = \"/x?q=…\")", Form, |_, s, _| error!(uri = %format!("/x?y=1&q={s}&z=2"))),
        shape(13, "error!(uri = \"/x#access_token=…&y=1\")", Key, |_, s, seed| {
            let key = *seed.pick(&["access_token", "id_token", "token", "code_verifier"]);
            error!(uri = %format!("/x?y=1#{key}={s}&z=2"), "GET https://example.org/x#{key}={s}");
        }),
        shape(13, "error!(uri = \"/x#…\")", Form, |_, s, _| error!(uri = %format!("/x?y=1#{s}"))),
        shape(16, "error!(\"Authorization: Basic base64(bob:…)\")", Key, |_, s, seed| {
            let pair = base64(format!("{}:{s}", seed.pick(&["bob", "a", "al"])).as_bytes(), false);
            error!(header = %format!("Basic {pair}"), "Authorization: Basic {pair}");
        }),
    ];
    shapes.extend(written(TEXTS));
    shapes
}

const TEXTS: &[(u8, &str)] = &[
    (10, "[(\"authorization\", \"…\")]"),
    (10, "[(\"host\", \"x\"), (\"KEY\", \"…\"), (\"n\", \"1\")]"),
    (10, "{\"host\": \"x\", \"KEY\": \"…\"}"),
    (10, "{\"KEY\": [\"…\"]}"),
    (10, "authorization: Bearer …\r\nhost: x\r\n\r\n"),
    (10, "Cookie: theme=dark; sid=…; n=1"),
    (10, "set-cookie: sid=…; Path=/; HttpOnly"),
    (10, "x-api-key: …"),
    (10, "-H 'X-Api-Key: …'"),
    (10, "HeaderMap { inner: [(\"x-api-key\", \"…\")] }"),
    (11, "https://bob:x'…@host/"),
    (11, "https://bob:x\"…@host/"),
    (11, "https://bob:x …@host/"),
    (11, "https://bob:…/x@host/"),
    (11, "https://bob:…@x@host/"),
    (11, "redis://:…@host:6379/0"),
    (11, "Url { scheme: \"https\", username: \"bob\", password: Some(\"…\"), host: Some(Domain(\"h\")) }"),
    (12, "/cb?code=…&state=x"),
    (12, "https://maps.example.org/api?key=…"),
    (12, "/x?y=1&amp;access_token=…"),
    (12, "GET /x?token=… HTTP/1.1"),
    (12, "/x?next=%2Fy%3Faccess_token%3D…"),
    (12, "user[password]=…&n=1"),
    (13, "/x#/login?access_token=…"),
];
