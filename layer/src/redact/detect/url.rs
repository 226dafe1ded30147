//! `://user:password@host`.

use std::ops::Range;

use crate::redact::keys::KeyRules;

/// The user information between `://` and `@` (RFC 3986 section 3.2.1). A bare short user is no secret
/// (`ssh://git@…`), a long one is a key. Passwords that were never percent-encoded may hold `/`, `?`, `#` or `@`.
pub(super) fn userinfo(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let rest = value.get(start..)?;
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\');
    let window = rest.iter().take(MOST_USERINFO).take_while(|b| !ends(b)).count();
    let window = &rest[..window];
    let authority = window.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(window.len());
    if let Some(at_sign) = window[..authority].iter().rposition(|b| *b == b'@') {
        let user = &window[..at_sign];
        let secret = user.contains(&b':')
            || user.windows(3).any(|w| w.eq_ignore_ascii_case(b"%3a"))
            || user.len() >= 16;
        return (secret && !user.is_empty()).then(|| start..start + at_sign);
    }
    let colon = window[..authority].iter().position(|b| *b == b':')?;
    let after_colon = &window[colon + 1..authority];
    if after_colon.iter().all(u8::is_ascii_digit) || window.starts_with(b"[") {
        return None; // a port, or an IPv6 address
    }
    match window[authority..].iter().rposition(|b| *b == b'@') {
        Some(at_sign) => Some(start..start + authority + at_sign),
        // Cut before its `@`: no port has letters.
        None if start + window.len() == value.len() && authority == window.len() => Some(start..value.len()),
        None => None,
    }
}

const MOST_USERINFO: usize = 512;
