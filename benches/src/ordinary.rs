//! Long values of the kinds that services log, none of them with a secret in it.

/// A kind of text.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// [`LENGTH`] bytes, or a few less.
    pub text: String,
}

/// Of each kind one.
pub fn kinds() -> Vec<Kind> {
    let of = |name, text| Kind { name, text };
    vec![
        of("log", filled(log_line)),
        of("logfmt", filled(logfmt)),
        of("JSON", filled(json)),
        of("JSON in JSON", filled(|i| json(i).replace('"', "\\\""))),
        of("pretty JSON", filled(pretty_json)),
        of("stack trace", filled(frame)),
        of("HTML", filled(html)),
        of("SQL", filled(sql)),
        of("Debug", filled(debug)),
        of("pretty Debug", filled(pretty_debug)),
        of("CSV", filled(csv)),
        of("prose", filled(prose)),
        of("query", filled(query)),
        of("French", filled(|i| format!("L’été {i}, « déjà vu » : 3\u{202f}000 œufs à 5\u{a0}€ l’unité. "))),
        of("Russian", filled(|i| format!("Москва и Санкт-Петербург, версия v{i} готова: да. "))),
        of("Chinese", filled(|_| "東京都：渋谷区、番号１２３。".to_owned())),
        of("base64 of noise", base64(&noise(LENGTH))),
        of("base64 of text", base64(filled(log_line).as_bytes())),
        of("base64 of JSON", base64(filled(json).as_bytes())),
        of("base64 in lines", in_lines(&base64(&noise(LENGTH)))),
        of("hexadecimal", noise(LENGTH).iter().map(|byte| format!("{byte:02x}")).collect()),
        of("bytes", format!("{:?}", noise(LENGTH))),
        of("a dump", filled(dump)),
    ]
    .into_iter()
    .map(|mut kind| {
        kind.text.truncate(kind.text.floor_char_boundary(LENGTH));
        kind
    })
    .collect()
}

/// The same with something to hide in every line.
pub fn telling_kinds() -> Vec<Kind> {
    let word = ["pass", "word"].concat();
    let secret = |i: u32| format!("hunter{}", mixed(i));
    let of = |name, line: &dyn Fn(u32) -> String| {
        let mut text = filled(line);
        text.truncate(text.floor_char_boundary(LENGTH));
        Kind { name, text }
    };
    vec![
        of("telling logfmt", &|i| format!("level=info user=u_{i} {word}={} path=/v1/x\n", secret(i))),
        of("telling JSON", &|i| {
            format!("{{\"id\":{i},\"login\":\"u_{i}\",\"{word}\":\"{}\",\"role\":\"nurse\"}},", secret(i))
        }),
        of("telling environment", &|i| format!("APP_{i}_{}={}\n", word.to_uppercase(), secret(i))),
        of("telling Debug", &|i| format!("User {{ id: {i}, {word}: \"{}\", role: Nurse }}, ", secret(i))),
        of("telling CSV", &|i| {
            if i == 0 {
                format!("id,login,{word},role\n")
            } else {
                format!("{i},u_{i},{},nurse\n", secret(i))
            }
        }),
        of("telling URLs", &|i| format!("postgres://app:{}@db-{i}.internal/stays ", secret(i))),
        of("telling addresses", &|i| format!("user{i}@example.org, ")),
        of("telling headers", &|i| {
            format!(
                "GET /v1/{i} HTTP/1.1\r\nAuthorization: Bearer {}{}\r\nAccept: */*\r\n",
                secret(i),
                secret(i + 1)
            )
        }),
        of("telling cards", &|i| {
            format!("{{\"id\":{i},\"number\":\"4111 1111 1111 1111\",\"sum\":{}}},", i % 90)
        }),
    ]
}

/// What `tracing`'s own formatter writes: the text by which costs are measured.
pub fn log() -> String {
    let mut text = filled(log_line);
    text.truncate(LENGTH);
    text
}

/// Of a value, in bytes: the longest that is examined.
pub const LENGTH: usize = 64 * 1024;

fn filled(line: impl Fn(u32) -> String) -> String {
    let mut text = String::with_capacity(LENGTH + 512);
    for i in 0.. {
        if text.len() >= LENGTH {
            break;
        }
        text.push_str(&line(i));
    }
    text
}

/// A number that looks like none in particular.
fn mixed(i: u32) -> u32 {
    i.wrapping_mul(2_654_435_761).rotate_left(13) ^ i
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (mixed(mixed(i)) >> 11) as u8).collect()
}

fn pick<'a>(i: u32, words: &[&'a str]) -> &'a str {
    words[mixed(i) as usize % words.len()]
}

fn id(i: u32) -> String {
    let (a, b) = (mixed(i), mixed(i ^ 0x5bd1));
    format!("{a:08x}-{:04x}-4{:03x}-a{:03x}-{b:08x}{:04x}", b >> 16, a & 0xfff, b & 0xfff, a >> 16)
}

fn log_line(i: u32) -> String {
    let at = format!("2026-11-21T09:{:02}:{:02}.{:06}Z", i / 60 % 60, i % 60, mixed(i) % 1_000_000);
    match i % 4 {
        0 => format!(
            "{at}  INFO api::patients: request served method=GET route=/v1/patients/{{id}} status=200 latency_us={} user_id=user_{} request_id={}\n",
            mixed(i) % 10_000,
            i % 997,
            id(i)
        ),
        1 => format!(
            "{at}  WARN orders::upstream: connection pool has {} of 32 idle, orders.internal answered 304 after {} ms, trying again\n",
            i % 32,
            mixed(i) % 900
        ),
        2 => format!(
            "{at} DEBUG sqlx::query: summary=\"SELECT id, ward FROM stays\" rows_affected=0 rows_returned={} elapsed={}.{}ms\n",
            i % 50,
            i % 9,
            mixed(i) % 999
        ),
        _ => format!(
            "{at}  INFO worker{{queue=\"letters\" attempt={}}}: letter {} rendered in {} ms, {} pages\n",
            i % 3,
            id(i),
            mixed(i) % 400,
            i % 12
        ),
    }
}

fn logfmt(i: u32) -> String {
    format!(
        "ts=2026-11-21T09:10:11.{:03}Z level=info caller=server.go:{} msg=\"request done\" method={} path=/v1/{} status=200 duration={}ms bytes={}\n",
        i % 1000,
        mixed(i) % 900,
        pick(i, &["GET", "POST"]),
        pick(i, &["wards", "stays", "letters"]),
        mixed(i) % 500,
        mixed(i) % 65_536
    )
}

fn json(i: u32) -> String {
    format!(
        "{{\"id\":{},\"uid\":\"{}\",\"name\":\"{}\",\"tags\":[\"{}\",\"b\",\"night\"],\"active\":{},\"score\":{}.{},\"at\":\"2026-11-21T09:10:11Z\",\"parent\":null,\"size\":{{\"w\":{},\"h\":{}}}}},",
        i,
        id(i),
        pick(i, &["ward", "stay", "letter", "order"]),
        pick(i + 7, &["a", "urgent", "day"]),
        i.is_multiple_of(2),
        i % 10,
        mixed(i) % 100,
        i % 80,
        i % 60
    )
}

fn pretty_json(i: u32) -> String {
    json(i).replace("\",\"", "\",\n    \"").replace("\":", "\": ").replace('{', "{\n    ") + "\n"
}

fn frame(i: u32) -> String {
    match i % 3 {
        0 => format!(
            "  {i:4}: clinic::{}::{}::{{closure#0}}\n             at /build/src/{}/{}.rs:{}:{}\n",
            pick(i, &["orders", "wards"]),
            pick(i + 3, &["load", "serve", "parse"]),
            pick(i, &["orders", "wards"]),
            pick(i + 3, &["load", "serve"]),
            mixed(i) % 900,
            i % 80
        ),
        1 => format!(
            "\tat org.clinic.{}.{}Service.{}({}Service.java:{})\n",
            pick(i, &["orders", "wards"]),
            pick(i, &["Order", "Ward"]),
            pick(i, &["find", "save"]),
            pick(i, &["Order", "Ward"]),
            mixed(i) % 900
        ),
        _ => format!(
            "  {i:4}: <core::pin::Pin<P> as core::future::future::Future>::poll\n             at /rustc/5f9c{:08x}e1fa{:08x}/library/core/src/future/future.rs:124:9\n",
            mixed(i),
            mixed(i + 1)
        ),
    }
}

fn html(i: u32) -> String {
    format!(
        "<tr class=\"row {}\"><td><a href=\"/wards/{}?sort=asc&amp;page={}\" title=\"Ward {}\">Ward {}</a></td><td style=\"color:#{:06x}\">{} beds</td></tr>\n",
        pick(i, &["odd", "even"]),
        i % 100,
        i % 9,
        i,
        i,
        mixed(i) & 0xff_ffff,
        i % 40
    )
}

fn sql(i: u32) -> String {
    match i % 2 {
        0 => format!(
            "INSERT INTO stays (id, ward, bed, note, begins_at) VALUES ({i}, '{}', {}, 'moved, quietly', '2026-11-21 09:10:11');\n",
            pick(i, &["north", "south"]),
            i % 40
        ),
        _ => format!(
            "SELECT s.id, s.ward, w.name AS ward_name FROM stays s JOIN wards w ON w.id = s.ward WHERE s.bed = {} AND s.begins_at >= '2026-11-{:02}' ORDER BY s.id LIMIT 50;\n",
            i % 40,
            1 + i % 28
        ),
    }
}

fn debug(i: u32) -> String {
    format!(
        "Stay {{ id: {i}, ward: Some(\"{}\"), bed: {}, tags: [\"{}\", \"b\"], begins_at: 2026-11-21T09:10:11Z, ends_at: None, state: Active {{ since: {} }} }}, ",
        pick(i, &["north", "south"]),
        i % 40,
        pick(i, &["a", "urgent"]),
        mixed(i) % 1000
    )
}

fn pretty_debug(i: u32) -> String {
    debug(i).replace("{ ", "{\n    ").replace(", ", ",\n    ") + "\n"
}

fn csv(i: u32) -> String {
    format!(
        "{i},{},2026-11-{:02},{}.5,{},\"north, 2nd floor\"\n",
        pick(i, &["Jane", "Ali", "Zoé"]),
        1 + i % 28,
        i % 90,
        pick(i, &["paid", "open"])
    )
}

fn prose(i: u32) -> String {
    let words = [
        "the", "ward", "was", "quiet", "when", "night", "began", "and", "nobody", "asked", "for", "letters",
        "that", "had", "been", "sent", "twice", "before",
    ];
    let mut text: Vec<&str> = (0..12).map(|j| pick(i * 31 + j, &words)).collect();
    text.push(pick(i, &["again.\n", "then; ", "there: ", "here, "]));
    text.join(" ")
}

fn query(i: u32) -> String {
    format!("https://example.org/search?q=a%20b%20c{}&page={}&sort=asc#top ", i, i % 9)
}

fn dump(i: u32) -> String {
    let bytes: Vec<String> =
        noise(16).iter().map(|byte| format!("{:02x}", byte.wrapping_add(i as u8))).collect();
    format!("{:08x}  {}  |................|\n", i * 16, bytes.join(" "))
}

fn in_lines(text: &str) -> String {
    let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// RFC 4648, without padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |i| char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]))
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dihya::inspect::{Examiner, detect};

    /// Something that only its form gives away, put together here.
    fn token() -> String {
        let digits: String = (0..36u32).map(|i| char::from(b'a' + (mixed(i) % 26) as u8)).collect();
        format!("{}_{digits}", "npm")
    }

    #[test]
    fn long_values_of_ordinary_kinds_are_examined_to_the_end() {
        let mut examiner = Examiner::default();
        for kind in kinds() {
            assert!(kind.text.len() > LENGTH - 100, "{}: {} bytes", kind.name, kind.text.len());
            assert!(examiner.examine(&kind.text).is_some(), "{}: too much work", kind.name);
            // What stands at its end is found there, and for itself.
            let token = token();
            let mut text = kind.text;
            text.truncate(text.floor_char_boundary(60_000));
            let start = text.len() + 1;
            let text = format!("{text} {token}");
            let found = detect(&text);
            let is_it = |found: &&dihya::inspect::Detection| found.range == (start..start + token.len());
            assert_eq!(
                found.iter().filter(is_it).map(|found| found.label).collect::<Vec<_>>(),
                ["npm_token"],
                "{}",
                kind.name
            );
        }
    }

    #[test]
    fn what_is_encoded_in_a_long_value_is_found_in_it() {
        // The start of an object alone would be hidden as such.
        for (name, text) in
            [("JSON", format!("[{}", json(1).repeat(200))), ("a log", log_line(1).repeat(250))]
        {
            let clear = format!("{text} {}", token());
            for (form, encoded) in
                [("base64", base64(clear.as_bytes())), ("quotes", clear.escape_debug().to_string())]
            {
                let found = detect(&encoded);
                let found: Vec<_> = found.iter().map(|found| (found.label, found.range.clone())).collect();
                assert!(found.iter().any(|(label, _)| *label == "npm_token"), "{name} in {form}: {found:?}");
            }
        }
    }

    #[test]
    fn long_values_with_something_to_hide_in_each_line_are_examined_to_the_end() {
        let mut examiner = Examiner::default();
        for kind in telling_kinds() {
            let found = examiner.examine(&kind.text);
            // A table's columns are hidden in one piece.
            let enough = if kind.name == "telling CSV" { 1 } else { 500 };
            assert!(found.is_some_and(|found| found >= enough), "{}: {found:?}", kind.name);
        }
    }
}
