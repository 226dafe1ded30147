//! From TOML to typed values by key path, each with its place. Nothing is lost on the way: a key that is not in the
//! table of keys, or whose value has the wrong type, unit or size, becomes a problem, and reading goes on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tracing_core::LevelFilter;

use super::error::{Place, Problem, quote};
use super::keys::{self, Kind, LEVELS};
use super::period::Period;
use super::{Sync, rules, suggest, units};

/// What a file says.
#[derive(Default)]
pub(super) struct Values {
    values: BTreeMap<String, Value>,
    places: BTreeMap<String, Place>,
    /// Names of the tables under `channels` that are well formed, in the order of the file.
    pub(super) channels: Vec<String>,
    /// Names of the tables under each table of named ones, in the order of the file.
    named: BTreeMap<String, Vec<String>>,
    /// How many tables stand under each array of tables.
    tables: BTreeMap<String, usize>,
    /// Which of them could be read.
    taken: BTreeMap<String, Vec<usize>>,
    pub(super) problems: Vec<Problem>,
}

#[derive(Clone, Debug)]
enum Value {
    Flag(bool),
    Level(LevelFilter),
    Bytes(u64),
    Time(Duration),
    Sync(Sync),
    Period(Period),
    Text(String),
    Texts(Vec<String>),
    Number(u64),
}

/// Reads a whole file.
pub(super) fn read(text: &str) -> Values {
    let mut reader = Reader { text, out: Values::default() };
    let (root, faults) = DeTable::parse_recoverable(text);
    if faults.is_empty() {
        reader.table("", "", root.get_ref());
    }
    for fault in faults {
        let message = fault.message().replace('\n', ", ");
        let place = Place::of(text, fault.span().unwrap_or_default());
        let mut problem = Problem::new("", "valid TOML", message);
        problem.place = Some(place);
        reader.out.problems.push(problem);
    }
    reader.out
}

impl Values {
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        if let Some(Value::Flag(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn level(&self, key: &str) -> Option<LevelFilter> {
        if let Some(Value::Level(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn bytes(&self, key: &str) -> Option<u64> {
        if let Some(Value::Bytes(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn time(&self, key: &str) -> Option<Duration> {
        if let Some(Value::Time(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn sync(&self, key: &str) -> Option<Sync> {
        if let Some(Value::Sync(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn period(&self, key: &str) -> Option<Period> {
        if let Some(Value::Period(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        if let Some(Value::Text(v)) = self.values.get(key) { Some(v) } else { None }
    }

    pub(super) fn texts(&self, key: &str) -> Option<&[String]> {
        if let Some(Value::Texts(v)) = self.values.get(key) { Some(v) } else { None }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        if let Some(Value::Number(v)) = self.values.get(key) { Some(*v) } else { None }
    }

    /// The names that are well formed of the tables under a table of named ones.
    pub(super) fn named(&self, key: &str) -> &[String] {
        self.named.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many tables an array of tables has.
    pub(super) fn tables(&self, key: &str) -> usize {
        self.tables.get(key).copied().unwrap_or_default()
    }

    /// Reads each table of an array by its index; those that cannot be read are left out.
    pub(super) fn each<T>(&mut self, array: &str, read: impl Fn(&mut Values, usize) -> Option<T>) -> Vec<T> {
        let all = (0..self.tables(array)).map(|index| (index, read(self, index)));
        let (taken, items) = all.filter_map(|(index, item)| Some((index, item?))).unzip();
        self.taken.insert(array.to_owned(), taken);
        items
    }

    /// A problem of the policy with the number that its table has in the file.
    pub(super) fn renumbered(&self, mut problem: Problem) -> Problem {
        let parts = problem.key.split_once('[').and_then(|(array, rest)| {
            let (number, rest) = rest.split_once(']')?;
            let index = self.taken.get(array)?.get(number.parse::<usize>().ok()?)?;
            Some(format!("{array}[{index}]{rest}"))
        });
        problem.key = parts.unwrap_or(problem.key);
        problem
    }

    /// Whether the file has the key, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Adds a problem, at the place of its key or of the nearest table around it.
    pub(super) fn report(&mut self, mut problem: Problem) {
        problem.place = Some(self.place(&problem.key));
        self.problems.push(problem);
    }

    /// The same, without showing what stands behind the key: it may be a secret.
    pub(super) fn report_hidden(&mut self, mut problem: Problem) {
        let mut place = self.place(&problem.key);
        place.hide();
        problem.place = Some(place);
        self.problems.push(problem);
    }

    /// The same, at a part of the key's text where the file holds it as it is.
    #[cfg_attr(not(feature = "regex"), expect(dead_code, reason = "only patterns are read by parts"))]
    pub(super) fn report_within(&mut self, mut problem: Problem, text: &str, part: Option<Range<usize>>) {
        let mut place = self.place(&problem.key);
        let line: String = place.text.chars().skip(place.column - 1).collect();
        let quotes = line.bytes().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
        if let (Some(part), true) = (part, line[quotes..].starts_with(text)) {
            place.column += quotes + text[..part.start].chars().count();
            place.width = text[part].chars().count().max(1);
        }
        problem.place = Some(place);
        self.problems.push(problem);
    }

    /// The lines of the keys that were set.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&String, usize)> {
        self.values.keys().filter_map(|key| Some((key, self.places.get(key)?.line)))
    }

    fn place(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return place.clone();
            }
            match key.rfind(['.', '[']) {
                Some(cut) => key = &key[..cut],
                None => return self.places.get("").cloned().unwrap_or_default(),
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    out: Values,
}

impl Reader<'_> {
    fn table(&mut self, path: &str, pattern: &str, table: &DeTable<'_>) {
        if path.is_empty() {
            self.out.places.insert(String::new(), Place::of(self.text, 0..0));
        }
        // In the order of the file, so that channels of one's own are numbered as they are read.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let text: &str = name.get_ref();
            let path = join(path, text);
            if pattern == "channels" {
                self.out.places.insert(path.clone(), Place::of(self.text, name.span()));
                self.channel(&path, text);
                // What a badly named channel holds is checked all the same.
                match value.get_ref() {
                    DeValue::Table(inner) => self.table(&path, "channels.*", inner),
                    _ => self.wrong_type(&path, "a table", value),
                }
                continue;
            }
            let pattern = join(pattern, text);
            match keys::find(&pattern) {
                Some(key) => {
                    // A table is shown by its name, a value by itself.
                    let span = if matches!(key.kind, Kind::Table | Kind::Tables | Kind::Named(_)) {
                        name.span()
                    } else {
                        value.span()
                    };
                    self.out.places.insert(path.clone(), Place::of(self.text, span));
                    self.value(&path, &pattern, key.kind, value);
                }
                None => {
                    self.out.places.insert(path.clone(), Place::of(self.text, name.span()));
                    self.unknown(&path, &pattern, text);
                }
            }
        }
    }

    fn channel(&mut self, path: &str, name: &str) {
        if !(rules::CHANNEL.fits)(name) {
            let mut problem = Problem::new(path, rules::CHANNEL.expected, quote(name));
            let folded = name.trim().to_lowercase();
            if (rules::CHANNEL.fits)(&folded) {
                problem = problem.help(format!("write `{folded}`"));
            }
            self.out.report(problem);
        } else if rules::RESERVED.contains(&name) {
            let expected = format!("a channel's name other than {}", rules::RESERVED.join(", "));
            self.out.report(
                Problem::new(path, expected, quote(name))
                    .help("the folder of the records uses these names itself"),
            );
        } else if let Some(twin) = self.out.channels.iter().find(|c| rules::fold(c) == rules::fold(name)) {
            let expected = format!("a name that differs from `{twin}` by more than `-` and `_`");
            self.out.report(Problem::new(path, expected, quote(name)));
        } else {
            self.out.channels.push(name.to_owned());
        }
    }

    fn value(&mut self, path: &str, pattern: &str, kind: Kind, value: &Spanned<DeValue<'_>>) {
        match (kind, value.get_ref()) {
            (Kind::Table, DeValue::Table(table)) => self.table(path, pattern, table),
            (Kind::Table, _) => self.wrong_type(path, "a table", value),
            (Kind::Named(shape), DeValue::Table(table)) => self.named(path, pattern, shape, table),
            (Kind::Named(_), _) => self.wrong_type(path, "a table", value),
            (Kind::Tables, DeValue::Array(array)) => {
                for (i, item) in array.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.out.places.insert(path.clone(), Place::of(self.text, item.span()));
                    match item.get_ref() {
                        DeValue::Table(table) => self.table(&path, &format!("{pattern}.#"), table),
                        _ => self.wrong_type(&path, "a table", item),
                    }
                }
                self.out.tables.insert(path.to_owned(), array.len());
            }
            (Kind::Tables, _) => {
                self.wrong_type(path, &format!("tables, each begun with [[{pattern}]]"), value)
            }
            (Kind::Flag, DeValue::Boolean(flag)) => self.set(path, Value::Flag(*flag)),
            (Kind::Flag, _) => self.wrong_type(path, "true or false, without quotes", value),
            (Kind::Texts(shape) | Kind::OneOrMore(shape), DeValue::Array(array)) => {
                let mut texts: Vec<String> = Vec::with_capacity(array.len());
                for (i, item) in array.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.out.places.insert(path.clone(), Place::of(self.text, item.span()));
                    match item.get_ref() {
                        DeValue::String(text) if texts.iter().any(|t| t == text) => {
                            self.out.report(Problem::new(path, "each entry once", quote(text)));
                        }
                        DeValue::String(text) if (shape.fits)(text) => texts.push(text.to_string()),
                        _ => self.wrong_type(&path, shape.expected, item),
                    }
                }
                self.set(path, Value::Texts(texts));
            }
            (Kind::Texts(_), _) => {
                self.wrong_type(path, "a list of texts in brackets, such as [\"a\", \"b\"]", value)
            }
            (Kind::OneOrMore(shape), DeValue::String(text)) if (shape.fits)(text) => {
                self.set(path, Value::Texts(vec![text.to_string()]));
            }
            (Kind::OneOrMore(shape), _) => self.wrong_type(path, shape.expected, value),
            (Kind::Number { min, max }, DeValue::Integer(number)) => {
                match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(n) if (min..=max).contains(&n) => self.set(path, Value::Number(n)),
                    _ => self.wrong_type(path, &format!("a whole number from {min} to {max}"), value),
                }
            }
            (Kind::Number { min, max }, _) => {
                self.wrong_type(path, &format!("a whole number from {min} to {max}, without quotes"), value)
            }
            (kind, DeValue::String(text)) => match scalar(kind, text) {
                Ok(value) => self.set(path, value),
                // Whoever takes it for the secret itself has written that there.
                Err(expected) if pattern.ends_with("_env") => {
                    self.out.report_hidden(Problem::new(path, expected, "a text that is none"));
                }
                Err(expected) => {
                    let mut problem = Problem::new(path, expected, quote(text));
                    if let Some(near) = suggest::nearest(text, choices(kind).iter().copied()) {
                        problem = problem.help(format!("did you mean \"{near}\"?"));
                    }
                    self.out.report(problem);
                }
            },
            (kind, _) => {
                let expected = scalar(kind, "").err().unwrap_or_else(|| "a text".to_owned());
                self.wrong_type(path, &expected, value);
            }
        }
    }

    fn named(&mut self, path: &str, pattern: &str, shape: &rules::Shape, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let text: &str = name.get_ref();
            let inner = join(path, text);
            self.out.places.insert(inner.clone(), Place::of(self.text, name.span()));
            match (shape.fits)(text) {
                true => self.out.named.entry(path.to_owned()).or_default().push(text.to_owned()),
                false => self.out.report(Problem::new(&inner, shape.expected, quote(text))),
            }
            match value.get_ref() {
                DeValue::Table(table) => self.table(&inner, &format!("{pattern}.*"), table),
                _ => self.wrong_type(&inner, "a table", value),
            }
        }
    }

    fn set(&mut self, path: &str, value: Value) {
        self.out.values.insert(path.to_owned(), value);
    }

    fn wrong_type(&mut self, path: &str, expected: &str, value: &Spanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            DeValue::String(text) => quote(text),
            DeValue::Integer(n) => format!("the integer {n}"),
            DeValue::Float(n) => format!("the number {n}"),
            DeValue::Boolean(flag) => format!("{flag}"),
            DeValue::Datetime(date) => format!("the date {date}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.out.places.insert(path.to_owned(), Place::of(self.text, value.span()));
        self.out.report(Problem::new(path, expected, found));
    }

    fn unknown(&mut self, path: &str, pattern: &str, name: &str) {
        let parent = pattern.rsplit_once('.').map_or("", |(parent, _)| parent);
        if rules::HOLDS_NO_SECRET.contains(&parent) && rules::SECRET.contains(&name) {
            let found = "a secret in the policy's text";
            let problem = Problem::new(path, "secret_env, secret_file, headers_env or headers_file", found);
            self.out.report_hidden(problem.help(
                "put it into an environment variable or a file of mode 0600, and name that; whoever has read this file knows the \
                 secret: replace it where it was issued",
            ));
            return;
        }
        // A name with a dot in it would cut the parent short; it is unknown all the same.
        let known: Vec<&str> = keys::children(parent).map(|k| k.name()).collect();
        let mut problem = Problem::new(
            path,
            format!("one of the keys {}", known.join(", ")),
            format!("the unknown key {}", quote(name)),
        );
        if let Some(near) = suggest::nearest(name, known) {
            problem = problem.help(format!("did you mean `{near}`?"));
        } else if let Some(elsewhere) = keys::all().find(|k| k.name() == name && !k.parent().is_empty()) {
            let place = elsewhere.parent().replace('*', "NAME").replace(".#", "");
            problem = problem.help(format!("`{name}` belongs in [{place}]"));
        }
        if rules::HOLDS_NO_SECRET.contains(&parent) {
            return self.out.report_hidden(problem);
        }
        self.out.report(problem);
    }
}

/// What a text means for a key of this kind, or what was expected.
fn scalar(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Level => level(text).map(Value::Level).ok_or_else(|| one_of(&LEVELS)),
        Kind::Bytes { min, max } => match units::bytes(text) {
            Some(n) if (min..=max).contains(&n) => Ok(Value::Bytes(n)),
            Some(_) => Err(format!("a size from {} to {}", units::write_bytes(min), units::write_bytes(max))),
            None => Err("a size with its unit (B, KiB, MiB, GiB), such as \"4 MiB\"".to_owned()),
        },
        Kind::Time { min, max } => time(text, min, max).map(Value::Time),
        Kind::Sync { .. } if text == "batch" => Ok(Value::Sync(Sync::Batch)),
        Kind::Sync { min, max } => time(text, min, max)
            .map(|t| Value::Sync(Sync::Every(t)))
            .map_err(|expected| format!("\"batch\", or {expected}")),
        Kind::Period => text.parse().map(Value::Period).map_err(|_| {
            "an ISO 8601 period in years, months, weeks or days, such as \"P12M\", of a century at most"
                .to_owned()
        }),
        Kind::Choice(choices) if choices.contains(&text) => Ok(Value::Text(text.to_owned())),
        Kind::Choice(choices) => Err(one_of(choices)),
        Kind::Text(shape) if (shape.fits)(text) => Ok(Value::Text(text.to_owned())),
        Kind::Text(shape) => Err(shape.expected.to_owned()),
        Kind::Table
        | Kind::Tables
        | Kind::Named(_)
        | Kind::Flag
        | Kind::Texts(_)
        | Kind::OneOrMore(_)
        | Kind::Number { .. } => Err("another type".to_owned()),
    }
}

fn time(text: &str, min: u64, max: u64) -> Result<Duration, String> {
    let (least, most) = (Duration::from_millis(min), Duration::from_millis(max));
    match units::duration(text) {
        Some(t) if (least..=most).contains(&t) => Ok(t),
        Some(_) => {
            Err(format!("a time from {} to {}", units::write_duration(least), units::write_duration(most)))
        }
        None => Err("a time with its unit (ms, s, min, h), such as \"5s\"".to_owned()),
    }
}

/// A level by its lower-case name.
pub(super) fn level(text: &str) -> Option<LevelFilter> {
    LEVELS.contains(&text).then(|| text.parse().ok()).flatten()
}

fn choices(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Level => &LEVELS,
        Kind::Choice(choices) => choices,
        _ => &[],
    }
}

fn one_of(choices: &[&str]) -> String {
    let quoted: Vec<String> = choices.iter().map(|c| format!("\"{c}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A path as TOML would write it.
fn join(path: &str, name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let name = if bare { name.to_owned() } else { quote(name) };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
