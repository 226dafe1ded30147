//! A line that is one JSON object, redacted by its keys as the layer redacts by field names.

use serde::de::IgnoredAny;

use super::redactor::Redactor;
use crate::callsite::Action;
use crate::record::escape;
use crate::redact::scan::Found;
use crate::values::{Kind, Values};

/// The line with what must not be shown masked or left out, or `None` if it is no JSON object.
pub(super) fn redacted(redactor: &Redactor, line: &str) -> Option<String> {
    let text = line.trim();
    if !text.starts_with('{') || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let tokens = tokens(text);
    if depth(&tokens) > DEEPEST {
        return None;
    }
    let (mut values, mut found) = (Values::default(), Found::default());
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(raw) | Token::Key(raw) => values.text(index, &unescaped(raw)?),
            Token::Bare(raw) => values.of_kind(index, Kind::Bare, raw),
            Token::Open(_) | Token::Close => {}
        }
    }
    redactor.scan(&mut values, &mut found);
    let to = Vec::with_capacity(line.len());
    let mut writer = Writer { redactor, values: &values, found: &found, entry: 0, tokens: tokens.iter(), to };
    writer.value()?;
    let mut shown = String::from_utf8_lossy(&writer.to).into_owned();
    shown.extend(line.ends_with('\n').then_some('\n'));
    Some(shown)
}

/// Of a text that is known to be JSON; commas and colons tell nothing more.
enum Token<'a> {
    Open(u8),
    Close,
    Key(&'a str),
    Text(&'a str),
    Bare(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &text[at..];
        at += match byte {
            b'{' | b'[' => {
                tokens.push(Token::Open(*byte));
                1
            }
            b'}' | b']' => {
                tokens.push(Token::Close);
                1
            }
            b'"' => {
                let len = string_len(rest.as_bytes());
                let string = &rest[..len];
                let is_key = rest[len..].trim_start().starts_with(':');
                tokens.push(if is_key { Token::Key(string) } else { Token::Text(string) });
                len
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => 1,
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                let len = rest.bytes().position(|byte| ends(&byte)).unwrap_or(rest.len());
                tokens.push(Token::Bare(&rest[..len]));
                len
            }
        };
    }
    tokens
}

fn depth(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut deepest) = (0, 0);
    for token in tokens {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close => depth -= 1,
            Token::Key(_) | Token::Text(_) | Token::Bare(_) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Of the string at the start, both quotes included.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A lone surrogate is JSON and yet no text.
fn unescaped(string: &str) -> Option<String> {
    serde_json::from_str(string).ok()
}

struct Writer<'a> {
    redactor: &'a Redactor,
    values: &'a Values,
    found: &'a Found,
    tokens: std::slice::Iter<'a, Token<'a>>,
    /// Of `values`, the next.
    entry: usize,
    to: Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self) -> Option<()> {
        match self.tokens.next()? {
            Token::Open(b'{') => self.object(),
            Token::Open(_) => self.list(),
            Token::Bare(raw) => self.bare(raw),
            Token::Text(_) => self.text(),
            Token::Key(_) | Token::Close => None,
        }
    }

    fn object(&mut self) -> Option<()> {
        self.to.push(b'{');
        let mut comma: &[u8] = b"";
        while let Token::Key(_) = self.tokens.next()? {
            let entry = self.values.entries.get(self.entry)?;
            let name = &self.values.bytes[entry.start as usize..entry.end as usize];
            let action = self.redactor.action(&String::from_utf8_lossy(name));
            if matches!(action, Action::Drop) {
                self.entry += 1;
                self.skip()?;
                continue;
            }
            self.to.extend_from_slice(comma);
            self.text()?;
            self.to.push(b':');
            match action {
                Action::Mask(label) => {
                    self.skip()?;
                    self.to.push(b'"');
                    label.write_marker(&mut self.to);
                    self.to.push(b'"');
                    self.redactor.count(1);
                }
                _ => self.value()?,
            }
            comma = b",";
        }
        self.to.push(b'}');
        Some(())
    }

    fn list(&mut self) -> Option<()> {
        self.to.push(b'[');
        let mut comma: &[u8] = b"";
        while !matches!(self.tokens.as_slice().first()?, Token::Close) {
            self.to.extend_from_slice(comma);
            self.value()?;
            comma = b",";
        }
        self.tokens.next();
        self.to.push(b']');
        Some(())
    }

    fn text(&mut self) -> Option<()> {
        let shown = self.shown()?;
        escape::string(&mut self.to, &shown);
        Some(())
    }

    fn bare(&mut self, raw: &str) -> Option<()> {
        let shown = self.shown()?;
        match shown == raw {
            true => self.to.extend_from_slice(raw.as_bytes()),
            false => escape::string(&mut self.to, &shown),
        }
        Some(())
    }

    fn shown(&mut self) -> Option<String> {
        let entry = self.values.entries.get(self.entry)?;
        self.entry += 1;
        let mut shown = Vec::new();
        self.redactor.write(self.values, entry, self.found, &mut shown);
        Some(String::from_utf8_lossy(&shown).into_owned())
    }

    /// Passes over the value that follows.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            match self.tokens.next()? {
                Token::Open(_) => depth += 1,
                Token::Close => depth -= 1,
                Token::Key(_) | Token::Text(_) | Token::Bare(_) => self.entry += 1,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// What `serde_json` reads at most; deeper text is prose, since the walk takes stack for each level.
const DEEPEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn redacted(line: &str) -> Option<String> {
        let policy = "[storage]\nroot = \"/logs\"\n[redact]\ndrop_keys = [\"shoe_size\"]\n";
        super::redacted(&Redactor::new(&Policy::parse(policy, "p.toml").unwrap()), line)
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for line in [
            r#"{"a":[1,-2.50,1e400,340282366920938463463374607431768211455,true,null,"x"],"b":{"c":{}},"d":[]}"#,
            r#"{"text":"say \"hi\" \\o/ é\n","same":1,"same":2}"#,
            "{}\n",
        ] {
            assert_eq!(redacted(line).unwrap(), line);
        }
    }

    #[test]
    fn a_name_hides_whatever_value_it_has() {
        for value in [r#""x""#, "1", "null", r#"{"a":[1,{"b":2}]}"#, "[[],[1]]"] {
            let line = format!(r#"{{"n":1,"password":{value},"m":2}}"#);
            assert_eq!(
                redacted(&line).unwrap(),
                r#"{"n":1,"password":"[redacted:key_authentication]","m":2}"#
            );
            let line = format!(r#"{{ "shoe_size" : {value} , "m" : [ {{"passWord":{value}}} ] }}"#);
            assert_eq!(redacted(&line).unwrap(), r#"{"m":[{"passWord":"[redacted:key_authentication]"}]}"#);
        }
    }

    #[test]
    fn an_escaped_name_or_value_is_read_as_a_reader_would() {
        assert!(redacted(r#"{"pass\u0077ord":"x"}"#).unwrap().contains("[redacted:key_authentication]"));
        let mail = r#"{"to":"jane\u0040example.org"}"#;
        assert_eq!(redacted(mail).unwrap(), r#"{"to":"[redacted:email]"}"#);
    }

    #[test]
    fn what_is_no_object_is_left_to_others() {
        for line in ["", "[1]", "1", "{", r#"{"a":1} x"#, r#"{"a":"\ud800"}"#, r#"INFO {"a":1}"#] {
            assert_eq!(redacted(line), None, "{line}");
        }
        let deep = format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000));
        assert_eq!(redacted(&deep), None);
    }
}
