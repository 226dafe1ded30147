use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;

use super::metrics::read;
use super::sample::{Alert, Channel, Sample, Sealed};
use super::state::State;
use super::view::{Style, draw};

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;
const SECOND: i64 = 1_000_000;
const PLAIN: Style = Style { colours: false, unicode: false };
const RICH: Style = Style { colours: true, unicode: true };

fn channel(name: &str, records: u64, lost: u64) -> Channel {
    Channel {
        name: name.into(),
        records,
        bytes: records * 300,
        lost,
        queue: Some((records * 40, 100_000)),
        newest: Some(NOON - 3 * SECOND),
        sealed: if lost > 0 { Sealed::OpenTail } else { Sealed::At(NOON - 2 * SECOND) },
    }
}

fn alert(detector: &str, severity: &str, ended: Option<i64>) -> Alert {
    Alert {
        detector: detector.into(),
        severity: severity.into(),
        fingerprint: "d0e1a2b3c4f59687".into(),
        started: Some(NOON - 4_000 * SECOND),
        ended,
        count: 33,
    }
}

fn sample(began: Instant, second: u64, records: [u64; 3], lost: u64) -> Sample {
    Sample {
        taken: began + Duration::from_secs(second),
        at: NOON + second as i64 * SECOND,
        name: "/var/log/clinic".into(),
        source: "from its files".into(),
        channels: vec![
            channel("app", records[0], 0),
            channel("audit", records[1], 0),
            channel("security", records[2], lost),
        ],
        alerts: vec![
            alert("first_seen", "low", Some(NOON)),
            alert("auth_spray", "high", None),
            alert("evil\u{1b}[2J\u{202e}", "medium", Some(NOON)),
        ],
        redactions: records[0] / 10,
        free_bytes: Some(61 << 30),
        verified: Some((NOON - 7_200 * SECOND, Some(true))),
        attention: vec!["app holds records past its ceiling: `dihya plan` says why".into()],
        error: None,
    }
}

/// Some looks at a busy service.
fn state() -> State {
    let began = Instant::now();
    let mut state = State::default();
    for second in 0..12 {
        let lost = if second < 9 { 0 } else { 17 };
        state.take(sample(began, second, [second * second * 20, second * 3, second / 4], lost));
    }
    state
}

fn picture(state: &State, style: Style, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, &style)).unwrap();
    terminal
}

#[test]
fn a_busy_log_is_told_in_words_and_ascii() {
    insta::assert_snapshot!("top_plain", picture(&state(), PLAIN, 110, 18).backend());
}

#[test]
fn a_wide_terminal_has_longer_bars() {
    insta::assert_snapshot!("top_rich", picture(&state(), RICH, 140, 14).backend());
}

#[test]
fn without_colours_nothing_is_coloured_and_with_them_something_is() {
    use ratatui::style::Color;
    let colours = |style| {
        let terminal = picture(&state(), style, 110, 18);
        terminal.backend().buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(colours(RICH) > 20);
    assert_eq!(colours(PLAIN), 0);
}

#[test]
fn every_size_is_drawn() {
    for (width, height) in [(1, 1), (20, 3), (40, 10), (80, 24), (300, 100)] {
        picture(&state(), RICH, width, height);
        picture(&State::default(), PLAIN, width, height);
    }
}

#[test]
fn nobodys_text_moves_the_cursor() {
    for style in [PLAIN, RICH] {
        let text = picture(&state(), style, 110, 18).backend().to_string();
        assert!(text.contains("evil?[2J?"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }
}

#[test]
fn a_rate_is_that_of_the_time_between_two_looks() {
    let began = Instant::now();
    let mut state = State::default();
    state.take(sample(began, 0, [100, 5, 0], 3));
    assert!(state.rates.is_empty(), "one look tells no rate");
    state.take(sample(began, 4, [300, 5, 0], 5));
    assert_eq!((state.rates["app"].records, state.rates["app"].bytes), (50.0, 15_000.0));
    assert_eq!(state.rates["security"].lost, 2, "what was lost before is the report's");
    // A service that began anew counts from nothing.
    state.take(sample(began, 6, [20, 5, 0], 1));
    assert_eq!((state.rates["app"].records, state.rates["security"].lost), (10.0, 3));
    let failed =
        Sample { error: Some("no answer".into()), channels: Vec::new(), ..sample(began, 7, [0; 3], 0) };
    state.take(failed);
    assert_eq!(state.rates["app"].records, 10.0, "what was known stays");
    assert!(picture(&state, PLAIN, 100, 20).backend().to_string().contains("! not read: no answer"));
    state.take(sample(began, 8, [30, 5, 0], 1));
    assert_eq!(state.rates["app"].records, 5.0);
}

#[test]
fn keys_stop_the_picture_and_move_through_the_alerts() {
    let began = Instant::now();
    let mut state = state();
    assert!(!state.key(KeyCode::Char('x')));
    for _ in 0..9 {
        state.key(KeyCode::Down);
    }
    assert_eq!(state.scrolled, 2);
    state.key(KeyCode::Up);
    assert_eq!(state.scrolled, 1);
    assert!(state.key(KeyCode::Char('p')) && state.paused);
    let before = state.rates.clone();
    state.take(sample(began, 90, [9_999_999, 0, 0], 0));
    assert_eq!(state.rates, before);
    assert!(picture(&state, PLAIN, 100, 20).backend().to_string().contains("PAUSED"));
}

#[test]
fn metrics_are_read_as_prometheus_writes_them() {
    let text = "# HELP dihya_events_total Records built.\n# TYPE dihya_events_total counter\n\
        dihya_events_total{channel=\"app\",level=\"INFO\"} 40\ndihya_events_total{channel=\"app\",level=\"ERROR\"} 2\n\
        dihya_event_bytes_total{channel=\"app\"} 1.26e4\ndihya_dropped_total{channel=\"app\",reason=\"queue_full\"} 3\n\
        dihya_queue_bytes{channel=\"app\"} 512\ndihya_queue_capacity_bytes{channel=\"app\"} 4096 1795176000000\n\
        dihya_last_event_timestamp_seconds{channel=\"app\"} 1795175999.5\ndihya_redactions_total{detector=\"email\"} 7\n\
        dihya_seal_timestamp_seconds{channel=\"app\"} 0\ndihya_verified_timestamp_seconds{channel=\"app\"} 0\n\
        dihya_alerts_total{detector=\"a\\\"b\\\\c\\nd\",severity=\"high\"} 2\ndihya_alerts_total{detector=\"quiet\",severity=\"low\"} 0\n\
        dihya_disk_free_bytes 1024\nother_events_total{channel=\"no\"} 9\ndihya_broken{channel=\"app} 1\ndihya_events_total{channel=\"app\"\n";
    let sample = read(text, Instant::now(), NOON);
    let app = Channel {
        name: "app".into(),
        records: 42,
        bytes: 12_600,
        lost: 3,
        queue: Some((512, 4096)),
        newest: Some(NOON - SECOND / 2),
        sealed: Sealed::Unknown,
    };
    assert_eq!(sample.channels, [app]);
    assert_eq!((sample.redactions, sample.free_bytes, sample.verified), (7, Some(1024), Some((0, None))));
    assert_eq!(sample.alerts.len(), 1);
    assert_eq!((sample.alerts[0].detector.as_str(), sample.alerts[0].count), ("a\"b\\c\nd", 2));
}
