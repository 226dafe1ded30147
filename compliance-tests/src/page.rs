//! What our pages share: one file that stands alone, in light and dark, on a screen and on paper, without a script.
//!
//! The pages are those of `dihya evidence` and `dihya report`. This is for them alone.

mod escape;

use std::fmt::Write as _;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub use escape::escape;

/// The beginning of a page, up to the beginning of its body. `title` is plain text.
///
/// The policy lets nothing in but this very style: no script, no picture, no font, no request, whatever an escape missed.
pub fn begin(title: &str, css: &str) -> String {
    let style = format!("\n{BASE}{css}");
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        escape(title)
    )
}

/// The end of a page, after its body.
pub fn end(out: &mut String) {
    // A String takes everything.
    let _ = out.write_str("</body>\n</html>\n");
}

/// A number with a thin space between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

const BASE: &str = include_str!("page/base.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(12), "12");
        assert_eq!(grouped(1234), "1\u{202f}234");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn the_policy_of_a_page_lets_its_own_style_in_and_nothing_else() {
        let page = begin("a <b> & c", "p { margin: 0; }\n");
        let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
        let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
        assert!(style.contains("p { margin: 0; }"));
        assert!(page.contains(&format!("default-src 'none'; style-src 'sha256-{hash}'")));
        assert!(page.contains("<title>a &lt;b&gt; &amp; c</title>") && !style.contains('<'));
    }
}
