//! Shapes in which a secret is known to come out of an ordinary channel, each with the reason. A strict channel stops them.

use crate::classes::State;

/// How far a shape is covered.
pub(super) fn state(class: u8, code: &str) -> State {
    if class == 27 {
        return State::StrictOnly;
    }
    let is_here = |known: &[(u8, &str, &str)]| known.iter().any(|known| known.0 == class && known.1 == code);
    if is_here(KNOWN) || is_here(RARE) { State::Later } else { State::Covered }
}

/// Whether a few seeds may not show it.
pub(super) fn is_rare(class: u8, code: &str) -> bool {
    RARE.iter().any(|known| known.0 == class && known.1 == code)
}

/// Class, code, reason.
pub(crate) static KNOWN: &[(u8, &str, &str)] = &[
    (4, "KEY is …", "too few names count there"),
    (4, "KEY(…)", "too few names count there"),
    (4, "| KEY | … |", "a form with quotes, blanks or markup of its own, within another form"),
    (
        4,
        "| name | value |\n| KEY | … |",
        "a form with quotes, blanks or markup of its own, within another form",
    ),
    (5, "[\"KEY\",\"…\"]", "too few names count there"),
    (9, "error!(\"{:#?}\", Secret::Password(…))", "a variant is not always taken for a name"),
    (9, "error!(secret = ?Secret::Password(…))", "a variant is not always taken for a name"),
    (
        15,
        "class 15 of class 31 of {\"password\":\"…\"}",
        "invisible characters in what was decoded are not folded away",
    ),
    (15, "class 15 of class 31 of …", "invisible characters in what was decoded are not folded away"),
    (
        17,
        "class 17 of class 31 of {\"password\":\"…\"}",
        "invisible characters in what was decoded are not folded away",
    ),
    (17, "class 17 of class 31 of …", "invisible characters in what was decoded are not folded away"),
    (17, "password=hex(…) with blanks", "only the first pair is taken for the value"),
    (
        28,
        "error!(\"password=…\") split by a line's break",
        "nothing tells a line's break within a secret from two lines",
    ),
    (
        28,
        "error!(note = … split by a line's break)",
        "nothing tells a line's break within a secret from two lines",
    ),
    (
        35,
        "error!(note = … in groups, a line's break between)",
        "this separator also stands between other numbers",
    ),
    (
        35,
        "error!(note = … in groups, a middle dot between)",
        "this separator also stands between other numbers",
    ),
    (35, "error!(note = … in groups, a slash between)", "this separator also stands between other numbers"),
    (35, "error!(note = … in groups, a tab between)", "this separator also stands between other numbers"),
    (
        35,
        "error!(note = … in groups, an underscore between)",
        "this separator also stands between other numbers",
    ),
    (
        35,
        "error!(note = … in groups, two blanks between)",
        "this separator also stands between other numbers",
    ),
    (37, "[\"mysql\", \"-p…\"]", "the flag or the quotes around it are not understood"),
    (37, "app --KEY … --next 5", "the flag or the quotes around it are not understood"),
    (37, "mysql -u app -p… clinic", "the flag or the quotes around it are not understood"),
];

/// The same, where fewer than one secret in a hundred comes out.
pub(crate) static RARE: &[(u8, &str, &str)] = &[
    (4, "KEY\t…", "too few names count there"),
    (4, "set_KEY(\"…\")", "too few names count there"),
    (4, "user,KEY,n\nbob,…,7", "a form with quotes, blanks or markup of its own, within another form"),
    (4, "user;KEY\nbob;…", "a form with quotes, blanks or markup of its own, within another form"),
    (12, "/cb?code=…&state=x", "some names are too ordinary there"),
    (12, "https://maps.example.org/api?key=…", "some names are too ordinary there"),
    (15, "base64(<1 to 5 bytes> password=…)", "invisible characters in what was decoded are not folded away"),
    (
        28,
        "error!(note = \"<0 to 200 bytes> …\")",
        "nothing tells a line's break within a secret from two lines",
    ),
    (33, "before control character within(…) after", "a control character can take the next digit with it"),
    (33, "control character within(…)", "a control character can take the next digit with it"),
    (35, "error!(note = … with a letter before it)", "this separator also stands between other numbers"),
    (
        36,
        "error!(note = \"(…)\"), and other brackets",
        "a form with quotes, blanks or markup of its own, within another form",
    ),
    (
        36,
        "error!(note = \"x…\"), a longer word",
        "a form with quotes, blanks or markup of its own, within another form",
    ),
    (37, "-DKEY=…", "the flag or the quotes around it are not understood"),
];
