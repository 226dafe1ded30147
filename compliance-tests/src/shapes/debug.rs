//! What `Debug` makes of structs, tuples, enums, collections and errors.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use tracing::error;

use super::Needs::{Form, Key};
use super::text::written;
use super::values::{Failure, Login, Note, Outcome, Secret, Session};
use super::{IN_TEXT, Shape, shape};

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        shape(7, "error!(login = ?Login { password: … })", Key, |_, s, _| {
            error!(login = ?Login { user: "bob", password: s, attempts: 2 });
        }),
        shape(7, "error!(\"{:?}\", Note { text: … })", Form, |_, s, _| {
            error!("{:?}", Note { id: 7, text: s })
        }),
        shape(8, "error!(\"{:#?}\", Login { password: … })", Key, |_, s, _| {
            error!("{:#?}", Login { user: "bob", password: s, attempts: 2 });
        }),
        shape(8, "error!(note = format!(\"{:#?}\", Note { text: … }))", Form, |_, s, _| {
            error!(note = %format!("{:#?}", Note { id: 7, text: s }));
        }),
        shape(9, "error!(session = ?Session { api_key: Some(…) })", Key, |_, s, _| {
            error!(session = ?Session { api_key: Some(s), note: Note { id: 1, text: "" } });
        }),
        shape(9, "error!(pair = ?(1, …))", Form, |_, s, _| error!(pair = ?(1, s), list = ?[s, s])),
        shape(9, "error!(outcome = ?Failed(…, 3))", Form, |_, s, _| error!(result = ?Outcome::Failed(s, 3))),
        shape(9, "error!(note = ?Some(Ok(…)))", Form, |_, s, _| error!(note = ?Some(Ok::<_, ()>(s)))),
        shape(9, "error!(nested = ?Session { note: Note { text: … } })", Form, |_, s, _| {
            error!(nested = ?Session { api_key: None, note: Note { id: 1, text: s } });
        }),
        shape(20, "error!(error = &error as &dyn Error), … in its cause", Form, |_, s, seed| {
            let failure = Failure::nested(format!("cannot use {s}"), seed.below(4));
            error!(error = &failure as &(dyn Error + 'static), "failed");
        }),
        shape(20, "error!(error = ?error), … in its cause", Form, |_, s, seed| {
            let failure = Failure::nested(s.to_owned(), seed.below(4));
            error!(error = ?failure, "failed: {failure}");
        }),
        shape(20, "error!(error = &error), password=… in its cause", Key, |_, s, seed| {
            let failure = Failure::nested(format!("login with password={s} failed"), seed.below(4));
            error!(error = &failure as &(dyn Error + 'static));
        }),
        shape(7, "error!(map = ?BTreeMap { \"password\": … })", Key, |_, s, seed| {
            let map = BTreeMap::from([("host", "x"), (*seed.pick(IN_TEXT), s), ("n", "1")]);
            error!(map = ?map, "{map:?}");
        }),
        shape(8, "error!(\"{:#?}\", HashMap { \"password\": … })", Key, |_, s, seed| {
            let map = HashMap::from([(*seed.pick(IN_TEXT), s), ("n", "1")]);
            error!("{map:#?}");
        }),
        shape(9, "error!(pairs = ?[(\"password\", …)])", Key, |_, s, seed| {
            let pairs = [("host", "x"), (*seed.pick(IN_TEXT), s), ("n", "1")];
            error!(pairs = ?pairs, "{pairs:?}");
        }),
        shape(9, "error!(\"{:#?}\", [(\"password\", …)])", Key, |_, s, seed| {
            error!("{:#?}", [("host", "x"), (*seed.pick(IN_TEXT), s)]);
        }),
        shape(9, "error!(args = ?[\"--password\", …])", Key, |_, s, _| {
            error!(args = ?["app", "--password", s, "-v"]);
        }),
        shape(9, "error!(secret = ?Secret::Password(…))", Key, |_, s, seed| {
            let secret = match seed.below(3) {
                0 => Secret::Password(s),
                1 => Secret::ApiKey { value: s },
                _ => Secret::Token(s.to_owned()),
            };
            error!(note = ?secret, "{secret:?}, {:?}", Some(&secret));
        }),
        shape(9, "error!(\"{:#?}\", Secret::Password(…))", Key, |_, s, seed| match seed.below(2) {
            0 => error!("{:#?}", Secret::Password(s)),
            _ => error!("{:#?}", Secret::ApiKey { value: s }),
        }),
        shape(20, "error!(error = ?error), password: … in its cause", Key, |_, s, seed| {
            let failure = Failure::nested(format!("{}: {s}", seed.pick(IN_TEXT)), seed.below(4));
            error!(error = ?failure, "failed: {failure}");
        }),
    ];
    shapes.extend(written(TEXTS));
    shapes
}

const TEXTS: &[(u8, &str)] = &[
    (7, "Login { user: \"bob\", KEY: Some(Secret { inner: \"…\" }) }"),
    (7, "Login { KEY: \"…"),
    (9, "Ok(Login { KEY: Some(\"…\") })"),
    (9, "Err(Password(\"…\"))"),
    (9, "Env([(\"PATH\", \"/bin\"), (\"DB_PASSWORD\", \"…\")])"),
];
