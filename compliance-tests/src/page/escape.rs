//! Text for the inside of XML and HTML.

/// Safe between tags and within quotes, in both languages. What XML 1.0 cannot hold becomes U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            // They would turn the text around, or stand unseen.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_escaped_opens_a_tag_or_ends_a_quote() {
        let hostile = "<script>alert('x')</script>\" onload=\"y & \u{1b}[2J\u{202e}\0\u{ffff}";
        let safe = escape(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{1b}', '\0', '\u{202e}', '\u{ffff}']));
        assert!(safe.starts_with("&lt;script&gt;alert(&#39;x&#39;)"));
        assert_eq!(escape("an ordinary é\n"), "an ordinary é\n");
    }
}
