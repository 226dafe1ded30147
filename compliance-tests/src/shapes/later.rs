//! Shapes in which a secret is known to come out of an ordinary channel, each with the reason. A strict channel stops them.

use crate::classes::State;

/// How far a shape is covered.
pub(super) fn state(class: u8, code: &str) -> State {
    if class == 27 {
        return State::StrictOnly;
    }
    let is_known = KNOWN.iter().any(|known| known.0 == class && known.1 == code);
    if is_known { State::Later } else { State::Covered }
}

/// Class, code, reason.
pub(super) static KNOWN: &[(u8, &str, &str)] = &[
    (4, "KEY is …", "the value is told from prose by few names"),
    (4, "KEY(…)", "the value is told from prose by few names"),
    (4, "KEY\t…", "the value is told from prose by few names"),
    (4, "set_KEY(\"…\")", "the value is told from prose by few names"),
    (4, "user,KEY,n\nbob,…,7", "the value is told from prose by few names"),
    (4, "user;KEY\nbob;…", "the value is told from prose by few names"),
    (4, "| KEY | … |", "the value is told from prose by few names"),
    (4, "| name | value |\n| KEY | … |", "the value is told from prose by few names"),
    (5, "[\"KEY\",\"…\"]", "one of several forms is not understood"),
    (
        6,
        "error!(body = {\"a\":\"{\\\"note\\\":\\\"…\\\"}\"}), up to three levels",
        "one of several forms is not understood",
    ),
    (9, "error!(\"{:#?}\", Secret::Password(…))", "one of several forms is not understood"),
    (9, "error!(secret = ?Secret::Password(…))", "one of several forms is not understood"),
    (11, "error!(url = \"https://bob:…@host/\")", "one of several forms is not understood"),
    (11, "https://bob:…/x@host/", "one of several forms is not understood"),
    (11, "https://bob:…@x@host/", "one of several forms is not understood"),
    (11, "redis://:…@host:6379/0", "one of several forms is not understood"),
    (12, "/cb?code=…&state=x", "one of several forms is not understood"),
    (12, "https://maps.example.org/api?key=…", "one of several forms is not understood"),
    (
        15,
        "base64(<1 to 5 bytes> …)",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "base64(password=…) in lines",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "base64({\"password\":\"…\"}) in lines",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "base64(…) in lines",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "before base64(<1 to 5 bytes> …) after",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "before base64(…) in lines after",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "class 15 of class 31 of {\"password\":\"…\"}",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "class 15 of class 31 of …",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "data:text/plain;base64,password=…",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        15,
        "password=base64(…) in lines",
        "base64 in lines, or of a text with invisible characters, is not always joined",
    ),
    (
        17,
        "class 17 of class 31 of {\"password\":\"…\"}",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "class 17 of class 31 of …",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex(password=…) with blanks",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex(password=…) with colons",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex({\"password\":\"…\"}) with blanks",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex({\"password\":\"…\"}) with colons",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex(…) with blanks",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "hex(…) with colons",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        17,
        "password=hex(…) with blanks",
        "pairs of hexadecimal digits, or of a text with invisible characters, are not always decoded",
    ),
    (
        28,
        "error!(\"password=…\") split by a line's break",
        "a line's break within a secret: nothing tells it from two lines",
    ),
    (
        28,
        "error!(note = … split by a line's break)",
        "a line's break within a secret: nothing tells it from two lines",
    ),
    (
        33,
        "before control character within(…) after",
        "a control character takes a part of the secret with it in some forms",
    ),
    (
        33,
        "control character within(…)",
        "a control character takes a part of the secret with it in some forms",
    ),
    (35, "error!(note = … in groups, a line's break between)", "no separator of digits yet"),
    (35, "error!(note = … in groups, a middle dot between)", "no separator of digits yet"),
    (35, "error!(note = … in groups, a slash between)", "no separator of digits yet"),
    (35, "error!(note = … in groups, a tab between)", "no separator of digits yet"),
    (35, "error!(note = … in groups, an underscore between)", "no separator of digits yet"),
    (35, "error!(note = … in groups, two blanks between)", "no separator of digits yet"),
    (35, "error!(note = … in lower case)", "no separator of digits yet"),
    (35, "error!(note = … with a letter before it)", "no separator of digits yet"),
    (35, "error!(note = … with zeros before it)", "no separator of digits yet"),
    (36, "error!(\"…, … and password=…\")", "two forms side by side read as another"),
    (36, "error!(\"…password=…\")", "two forms side by side read as another"),
    (36, "error!(note = \"(…)\"), and other brackets", "two forms side by side read as another"),
    (36, "error!(note = \"x…\"), a longer word", "two forms side by side read as another"),
    (37, "[\"app\", \"--password\", \"…\"]", "the flag or the quotes around it are not understood"),
    (37, "[\"mysql\", \"-p…\"]", "the flag or the quotes around it are not understood"),
    (37, "amqp://app:…@mq/%2f", "the flag or the quotes around it are not understood"),
    (37, "app --KEY … --next 5", "the flag or the quotes around it are not understood"),
    (37, "jdbc:oracle:thin:app/…@db:1521/x", "the flag or the quotes around it are not understood"),
    (37, "mysql -u app -p… clinic", "the flag or the quotes around it are not understood"),
    (37, "redis-cli -a … ping", "the flag or the quotes around it are not understood"),
    (37, "sshpass -p … ssh bob@host", "the flag or the quotes around it are not understood"),
];
