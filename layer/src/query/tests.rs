use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::catalog::Places;
use crate::clock::Clock;
use crate::record::escape;
use crate::storage::Memory;

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A record as our writer leaves it. `rest` is what stands behind the level.
fn record(micros: i64, channel: &str, level: &str, rest: &str) -> String {
    let time = range::text(micros);
    format!(
        "{{\"v\":1,\"id\":\"{micros:036}\",\"timestamp\":\"{time}\",\"channel\":\"{channel}\",\"level\":\"{level}\"{rest},\"target\":\"t\",\"service\":{{\"name\":\"s\"}}}}"
    )
}

fn seal(size: usize) -> String {
    format!("{{\"seal\":{{\"size\":{size},\"root\":\"x\",\"sig\":\"y\"}}}}")
}

fn catalog(disk: &Memory) -> Catalog {
    Catalog::read(disk, &Places::root("/logs"), &Clock::manual(NOON)).unwrap()
}

fn put(disk: &Memory, path: &str, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    disk.put(Path::new("/logs").join(path), text.as_bytes());
}

fn ask(query: &Query, disk: &Memory, each: impl FnMut(Found<'_>) -> ControlFlow<()>) -> Summary {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    query.run(&storage, &catalog(disk), &Identities::none(), each)
}

/// The lines found, and the summary.
fn run(disk: &Memory, query: &Query) -> (Vec<String>, Summary) {
    let mut lines = Vec::new();
    let summary = ask(query, disk, |found| {
        lines.push(String::from_utf8(found.line.to_vec()).unwrap());
        ControlFlow::Continue(())
    });
    (lines, summary)
}

fn where_(conditions: &[&str]) -> Query {
    Query { conditions: conditions.iter().map(|text| text.parse().unwrap()).collect(), ..Query::default() }
}

/// `n` of each line found.
fn numbers(lines: &[String]) -> Vec<u64> {
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["attributes"]["n"].as_u64().unwrap())
        .collect()
}

/// One record per minute and number, from noon on, with seals in between.
fn minutes(channel: &str, numbers: std::ops::Range<i64>) -> Vec<String> {
    let mut lines = Vec::new();
    for n in numbers {
        lines.push(record(
            NOON + n * 60 * SECOND,
            channel,
            "INFO",
            &format!(",\"attributes\":{{\"n\":{n}}}"),
        ));
        if n % 3 == 0 {
            lines.push(seal(lines.len()));
        }
    }
    lines
}

#[test]
fn everything_comes_out_as_stored_and_by_time_without_seals() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..10));
    put(&disk, "app/2026-11-20.1.jsonl", &minutes("app", 10..20));
    put(
        &disk,
        "api/2026-11-20.jsonl",
        &[record(NOON + 90 * SECOND, "api", "INFO", ",\"attributes\":{\"n\":99}")],
    );
    let (lines, summary) = run(&disk, &Query::default());
    let mut expected: Vec<u64> = (0..20).collect();
    expected.insert(2, 99);
    assert_eq!(numbers(&lines), expected);
    assert_eq!(lines[0], minutes("app", 0..1)[0]);
    let read: u64 = catalog(&disk).shards.iter().map(|shard| shard.bytes).sum();
    assert_eq!(summary, Summary { records: 21, shards: 3, bytes: read, ..Summary::default() });

    let (newest, _) = run(&disk, &Query { reverse: true, ..Query::default() });
    assert_eq!(newest, lines.iter().rev().cloned().collect::<Vec<_>>());
    let (three, summary) = run(&disk, &Query { reverse: true, limit: Some(3), ..Query::default() });
    assert_eq!((three, summary.records), (newest[..3].to_vec(), 3));
    let (api, _) = run(&disk, &Query { channels: vec!["api".into()], ..Query::default() });
    assert_eq!(numbers(&api), [99]);
}

#[test]
fn a_range_takes_its_beginning_and_leaves_its_end() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..100));
    let query =
        Query { since: Some(NOON + 600 * SECOND), until: Some(NOON + 720 * SECOND), ..Query::default() };
    assert_eq!(numbers(&run(&disk, &query).0), [10, 11]);
    let query = Query {
        since: Some(NOON + 600 * SECOND + 1),
        until: Some(NOON + 720 * SECOND + 1),
        ..Query::default()
    };
    assert_eq!(numbers(&run(&disk, &query).0), [11, 12]);
}

#[test]
fn shards_of_other_times_are_not_read() {
    let disk = Memory::new();
    let at = |n: i64, micros| [record(micros, "app", "INFO", &format!(",\"attributes\":{{\"n\":{n}}}"))];
    for day in 0..5 {
        let name = crate::journal::shard::day(NOON - day * DAY);
        put(&disk, &format!("app/{name}.jsonl"), &at(day, NOON - day * DAY - 6 * HOUR));
        put(&disk, &format!("app/{name}.1.jsonl"), &at(10 + day, NOON - day * DAY));
    }
    let query =
        Query { since: Some(NOON - 2 * DAY - HOUR), until: Some(NOON - 2 * DAY + HOUR), ..Query::default() };
    let (lines, summary) = run(&disk, &query);
    assert_eq!((numbers(&lines), summary.shards, summary.skipped), (vec![12], 1, 9));
    let (lines, summary) = run(&disk, &Query { every_shard: true, ..query });
    assert_eq!((numbers(&lines), summary.shards, summary.skipped), (vec![12], 10, 0));
}

#[test]
fn a_record_that_was_written_days_later_is_found() {
    let disk = Memory::new();
    // The disk was full from Tuesday to Friday; what waited was written first then.
    put(&disk, "app/2026-11-17.jsonl", &minutes("app", -4000..-3990));
    let mut late = minutes("app", -3990..-3980);
    late.extend(minutes("app", 0..3));
    put(&disk, "app/2026-11-20.jsonl", &late);
    let from = NOON - 4000 * 60 * SECOND;
    let query = Query {
        since: Some(from + 9 * 60 * SECOND),
        until: Some(from + 13 * 60 * SECOND),
        ..Query::default()
    };
    let found = run(&disk, &query).0;
    let times: Vec<_> = found.iter().map(|line| range::of_line(line.as_bytes()).copied()).collect();
    let expected: Vec<_> = (9..13).map(|n| Some(range::bytes(from + n * 60 * SECOND))).collect();
    assert_eq!(times, expected);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_found() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..3));
    disk.put("/logs/archive/app/2026/11/2026-11-19.jsonl.zst", b"zstd");
    let (lines, summary) = run(&disk, &Query::default());
    assert_eq!(numbers(&lines), [0, 1, 2]);
    assert_eq!(summary.unread.len(), 1);
    assert_eq!(summary.unread[0].0.to_string(), "app/2026-11-19");
}

#[cfg(feature = "archive")]
#[test]
fn archived_shards_are_read_in_parallel_as_if_they_were_not() {
    // Another's archive, whose frames end within lines.
    let disk = Memory::new();
    let long = "x".repeat(30_000);
    let lines: Vec<String> = (0..600_i64)
        .map(|n| {
            record(
                NOON - DAY + n,
                "app",
                "INFO",
                &format!(",\"message\":\"{long}\",\"attributes\":{{\"n\":{n}}}"),
            )
        })
        .collect();
    let mut archive = Vec::new();
    let mut encoder = zeekstd::EncodeOptions::new()
        .frame_size_policy(zeekstd::FrameSizePolicy::Uncompressed(1_000_003))
        .into_encoder(&mut archive)
        .unwrap();
    std::io::Write::write_all(&mut encoder, text_of(&lines).as_bytes()).unwrap();
    encoder.finish().unwrap();
    disk.put("/logs/archive/app/2026/11/2026-11-19.jsonl.zst", &archive);
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..3));
    let (found, summary) = run(&disk, &Query { threads: Some(3), ..Query::default() });
    assert_eq!(found[..600], lines[..]);
    assert_eq!((found.len(), summary.shards, &summary.unread[..]), (603, 2, &[][..]));
    let (found, _) = run(&disk, &Query { reverse: true, ..where_(&["n=599"]) });
    assert_eq!(found, lines[599..]);
}

#[test]
fn bad_lines_are_counted_and_a_torn_one_is_not_yet_one() {
    let disk = Memory::new();
    let mut text = record(NOON, "app", "INFO", ",\"attributes\":{\"n\":1}");
    text.push_str("\nnonsense\n\0\0\n\n");
    // The head of a record of ours, and then nonsense.
    text.push_str(&record(NOON, "app", "INFO", ",\"attributes\":{\"n\":2}").replace("\"target\"", "target"));
    text.push_str("\n{\"v\":1,\"id\":");
    disk.put("/logs/app/2026-11-20.jsonl", text.as_bytes());
    let (lines, summary) = run(&disk, &Query::default());
    assert_eq!((numbers(&lines), summary.bad_lines), (vec![1], 4));
}

#[test]
fn many_pieces_and_threads_keep_the_order() {
    let disk = Memory::new();
    let long = "x".repeat(60_000);
    for channel in ["app", "api"] {
        let lines: Vec<String> = (0..400_i64)
            .map(|n| {
                record(
                    NOON + n,
                    channel,
                    "INFO",
                    &format!(",\"message\":\"{long}\",\"attributes\":{{\"n\":{n}}}"),
                )
            })
            .collect();
        put(&disk, &format!("{channel}/2026-11-20.jsonl"), &lines);
    }
    for threads in [1, 3, 8] {
        let query = Query { threads: Some(threads), ..Query::default() };
        let mut numbers = Vec::new();
        ask(&query, &disk, |found| {
            let record: Value = serde_json::from_slice(found.line).unwrap();
            assert_eq!(found.shard.id.channel(), record["channel"].as_str().unwrap());
            numbers.push(record["attributes"]["n"].as_i64().unwrap());
            ControlFlow::Continue(())
        });
        assert_eq!(numbers, (0..400).flat_map(|n| [n, n]).collect::<Vec<_>>(), "{threads} threads");
        let (few, _) = run(&disk, &Query { limit: Some(2), reverse: true, ..query });
        assert_eq!(self::numbers(&few), [399, 399]);
    }
}

#[test]
fn a_reader_that_panics_does_not_leave_the_threads_waiting() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..50));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ask(&Query::default(), &disk, |_| panic!("the reader"))
    }));
    assert!(panicked.is_err());
}

/// Parses every line, and asks each condition of the parsed values.
fn brute_force(lines: &[String], query: &Query) -> Vec<String> {
    let matching = |line: &&String| {
        let Ok(record) = serde_json::from_str::<Value>(line) else { return false };
        let Some(time) = record["timestamp"].as_str() else { return false };
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros();
        let scalar = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Null => Some("null".to_owned()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        };
        let is = |key: &str, text: &str| record.get(key).and_then(scalar).is_some_and(|value| value == text);
        let holds = |condition: &Condition| {
            let mut values = Vec::new();
            let spans = record["spans"].as_array().cloned().unwrap_or_default();
            for part in [&record, &record["attributes"]]
                .into_iter()
                .chain(spans.iter().map(|span| &span["attributes"]))
            {
                match part.get(&condition.field) {
                    Some(Value::Array(items)) => values.extend(items.iter().filter_map(scalar)),
                    Some(value) => values.extend(scalar(value)),
                    None => {}
                }
            }
            let any = values.iter().any(|value| match condition.relation {
                filter::Relation::Equals => *value == condition.value,
                filter::Relation::Contains => value.contains(&condition.value),
            });
            any != condition.negated
        };
        query.since.is_none_or(|since| time >= since)
            && query.until.is_none_or(|until| time < until)
            && (query.events.is_empty() || query.events.iter().any(|event| is("event_name", event)))
            && query.tenant.as_ref().is_none_or(|tenant| is("tenant_id", tenant))
            && query.level.is_none_or(|least| {
                let order = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
                let label = record["level"].as_str().unwrap_or_default();
                let label = if label == "AUDIT" { "INFO" } else { label };
                order.iter().position(|l| *l == label)
                    >= order.iter().position(|l| *l == least.name().to_uppercase())
            })
            && query.conditions.iter().all(holds)
    };
    lines.iter().filter(matching).cloned().collect()
}

/// Few enough texts that queries match often, with everything that is escaped among them.
fn text() -> impl Strategy<Value = String> {
    let one = prop::sample::select(vec![
        "",
        "a",
        "7",
        "7.5",
        "true",
        "\"",
        "\\",
        "a\"b",
        "\n",
        "\u{1b}[m",
        "\u{202e}",
        "\u{e0041}",
        "🙂",
        "\",\"n\":\"",
        "{\"seal\":",
    ]);
    (one.clone(), one, prop::bool::weighted(0.3))
        .prop_map(|(one, two, both)| if both { format!("{one}{two}") } else { one.into() })
}

fn scalar() -> impl Strategy<Value = String> {
    let quoted = || {
        text().prop_map(|text| {
            let mut to = Vec::new();
            escape::string(&mut to, &text);
            String::from_utf8(to).unwrap()
        })
    };
    let list = prop::collection::vec(quoted(), 0..3).prop_map(|items| format!("[{}]", items.join(",")));
    let bare = prop::sample::select(vec!["7", "-1", "7.5", "true", "false"]).prop_map(str::to_owned);
    prop_oneof![4 => quoted(), 2 => bare, 1 => list]
}

fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["n", "message", "event_name", "q\"uote"])
}

fn members(most: usize) -> impl Strategy<Value = String> {
    prop::collection::btree_map(field(), scalar(), 0..most).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, value)| {
                let mut to = Vec::new();
                escape::string(&mut to, key);
                format!("{}:{value}", String::from_utf8(to).unwrap())
            })
            .collect();
        members.join(",")
    })
}

prop_compose! {
    fn any_record()(
        minute in 0..20_i64,
        level in prop::sample::select(vec!["TRACE", "INFO", "WARN", "ERROR", "AUDIT"]),
        event in prop::option::of(scalar()),
        tenant in prop::option::of(scalar()),
        message in prop::option::of(scalar()),
        attributes in members(3),
        span in members(2),
    ) -> String {
        let mut rest = String::new();
        for (key, value) in [("event_name", event), ("tenant_id", tenant), ("message", message)] {
            if let Some(value) = value {
                rest.push_str(&format!(",\"{key}\":{value}"));
            }
        }
        rest.push_str(&format!(",\"spans\":[{{\"name\":\"s\",\"attributes\":{{{span}}}}}],\"attributes\":{{{attributes}}}"));
        record(NOON + minute * 60 * SECOND, "app", level, &rest)
    }
}

prop_compose! {
    fn any_query()(
        since in prop::option::weighted(0.2, 0..20_i64),
        until in prop::option::weighted(0.2, 0..20_i64),
        events in prop::option::weighted(0.15, text()),
        tenant in prop::option::weighted(0.1, text()),
        level in prop::option::weighted(0.2, prop::sample::select(Level::ALL.to_vec())),
        conditions in prop::collection::vec((field(), prop::sample::select(vec!["=", "=", "~", "~", "!=", "!~"]), text()), 0..3),
    ) -> Query {
        let at = |minute: i64| NOON + minute * 60 * SECOND;
        let conditions = conditions.into_iter().map(|(field, operator, value)| format!("{field}{operator}{value}").parse().unwrap());
        Query {
            since: since.map(at),
            until: until.map(at),
            events: events.into_iter().collect(),
            tenant,
            level,
            conditions: conditions.collect(),
            ..Query::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_query_finds_what_parsing_everything_finds(
        records in prop::collection::vec(any_record(), 1..12),
        query in any_query(),
    ) {
        let mut records = records;
        records.sort_by_key(|line| range::of_line(line.as_bytes()).copied());
        let disk = Memory::new();
        let mut lines = records.clone();
        lines.insert(lines.len() / 2, seal(lines.len() / 2));
        put(&disk, "app/2026-11-20.jsonl", &lines);
        let expected = brute_force(&records, &query);
        prop_assert_eq!(&run(&disk, &query).0, &expected);
        let alone: Vec<String> = records.into_iter().filter(|line| query.matches(line.as_bytes())).collect();
        prop_assert_eq!(alone, expected);
    }
}

#[test]
fn equal_and_unequal_part_the_records_between_them() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..20));
    let (equal, _) = run(&disk, &where_(&["n=7"]));
    let (unequal, _) = run(&disk, &where_(&["n!=7"]));
    assert_eq!(numbers(&equal), [7]);
    assert_eq!(unequal.len(), 19);
    assert_eq!(run(&disk, &where_(&["absent!=7"])).0.len(), 20);
}

/// What a follower sees, call by call.
struct Seen<'a>(Follow<'a>);

impl<'a> Seen<'a> {
    fn new(disk: &'a Memory, query: &'a Query, clock: &Clock) -> Seen<'a> {
        let catalog = Catalog::read(disk, &Places::root("/logs"), clock).unwrap();
        let mut follow = Follow::new(query, disk, Places::root("/logs"), clock.clone(), &catalog);
        follow.list_every = std::time::Duration::ZERO;
        Seen(follow)
    }

    fn poll(&mut self) -> Vec<u64> {
        let mut lines = Vec::new();
        let _ = self
            .0
            .poll(|found| {
                lines.push(String::from_utf8(found.line.to_vec()).unwrap());
                ControlFlow::Continue(())
            })
            .unwrap();
        numbers(&lines)
    }
}

fn append(disk: &Memory, path: &str, bytes: &str) {
    disk.open(&Path::new("/logs").join(path)).unwrap().append(bytes.as_bytes()).unwrap();
}

fn text_of(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn following_shows_what_is_new_and_whole_across_rotation() {
    let disk = Memory::new();
    let clock = Clock::manual(NOON);
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..3));
    let query = Query::default();
    let mut seen = Seen::new(&disk, &query, &clock);
    assert!(seen.poll().is_empty());
    append(&disk, "app/2026-11-20.jsonl", &text_of(&minutes("app", 3..5)));
    assert_eq!(seen.poll(), [3, 4]);
    // Half a line, and then its end.
    let line = text_of(&minutes("app", 5..6));
    append(&disk, "app/2026-11-20.jsonl", &line[..100]);
    assert!(seen.poll().is_empty());
    append(&disk, "app/2026-11-20.jsonl", &line[100..]);
    assert_eq!(seen.poll(), [5]);
    // The last lines of one shard and the first of the next, a channel that is new, and a day.
    append(&disk, "app/2026-11-20.jsonl", &text_of(&minutes("app", 6..7)));
    put(&disk, "app/2026-11-20.1.jsonl", &minutes("app", 7..9));
    put(&disk, "api/2026-11-20.jsonl", &minutes("api", 8..9));
    assert_eq!(seen.poll(), [6, 7, 8, 8]);
    append(&disk, "app/2026-11-20.1.jsonl", &text_of(&minutes("app", 9..10)));
    clock.set(NOON + DAY);
    put(&disk, "app/2026-11-21.jsonl", &minutes("app", 10..11));
    assert_eq!(seen.poll(), [9, 10]);
    assert!(seen.poll().is_empty());
    // Two rotations between two looks.
    put(&disk, "app/2026-11-21.1.jsonl", &minutes("app", 11..12));
    put(&disk, "app/2026-11-21.2.jsonl", &minutes("app", 12..13));
    assert_eq!(seen.poll(), [11, 12]);
}

#[test]
fn following_goes_on_where_a_start_has_cut_a_torn_end() {
    let disk = Memory::new();
    let clock = Clock::manual(NOON);
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..3));
    let query = Query::default();
    let mut seen = Seen::new(&disk, &query, &clock);
    let path = Path::new("/logs/app/2026-11-20.jsonl");
    let whole = disk.stat(path).unwrap().unwrap().len;
    append(&disk, "app/2026-11-20.jsonl", &text_of(&minutes("app", 4..5)));
    assert_eq!(seen.poll(), [4]);
    disk.open(path).unwrap().truncate(whole).unwrap();
    assert!(seen.poll().is_empty());
    append(&disk, "app/2026-11-20.jsonl", &text_of(&minutes("app", 5..6)));
    assert_eq!(seen.poll(), [5]);
}

#[test]
fn following_filters_and_ends_at_its_limit() {
    let disk = Memory::new();
    let clock = Clock::manual(NOON);
    put(&disk, "app/2026-11-20.jsonl", &minutes("app", 0..1));
    put(&disk, "api/2026-11-20.jsonl", &minutes("api", 0..1));
    let query = Query { channels: vec!["app".into()], limit: Some(2), ..where_(&["n!=2"]) };
    let mut seen = Seen::new(&disk, &query, &clock);
    append(&disk, "app/2026-11-20.jsonl", &text_of(&minutes("app", 1..9)));
    append(&disk, "api/2026-11-20.jsonl", &text_of(&minutes("api", 1..9)));
    assert_eq!(seen.poll(), [1, 3]);
    assert!(seen.0.poll(|_| ControlFlow::Continue(())).unwrap().is_break());
}

#[test]
fn the_question_is_told_on_one_line() {
    let query = Query {
        channels: vec!["audit".into()],
        since: Some(NOON),
        events: vec!["sensitive_read".into()],
        level: Some(Level::Warn),
        limit: Some(5),
        ..where_(&["outcome!=success"])
    };
    assert_eq!(
        query.to_string(),
        "channel audit; since 2026-11-20T12:00:00.000000Z; event sensitive_read; level warn; where outcome!=success; limit 5"
    );
    assert_eq!(Query::default().to_string(), "everything");
}
