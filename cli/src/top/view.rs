//! The picture. Everything is told in words and shapes; colours say it again, where there are any.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style as Look};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};

use super::sample::{Alert, Channel, Sample, Sealed};
use super::state::{Rate, State};
use crate::plan::size;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) colours: bool,
    pub(super) unicode: bool,
}

impl Style {
    /// `NO_COLOR` (no-color.org) switches colours off, a locale without UTF-8 all that is not ASCII.
    pub(super) fn of_environment() -> Style {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Style {
            colours: set("NO_COLOR").is_none(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    fn look(self, colour: Color) -> Look {
        if self.colours { Look::new().fg(colour) } else { Look::new() }
    }

    fn bad(self) -> Look {
        self.look(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn open(self) -> Look {
        self.look(Color::Yellow)
    }

    fn good(self) -> Look {
        self.look(Color::Green)
    }

    fn soft(self) -> Look {
        Look::new().add_modifier(Modifier::DIM)
    }

    fn dash(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, state: &State, style: &Style) {
    let area = frame.area();
    let Some(sample) = &state.sample else {
        frame.render_widget(Paragraph::new("dihya top: reading ..."), area);
        return;
    };
    let attention = attention(sample, style);
    let rows = sample.channels.len() as u16 + 1;
    let notes = (attention.len() as u16).min(4);
    let [head, channels, alerts, notes, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(rows + 1),
        Constraint::Fill(1),
        Constraint::Length(notes),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(self::head(state, sample, style)), head);
    frame.render_widget(self::channels(state, sample, style, area.width), channels);
    self::alerts(frame, state, sample, style, alerts);
    frame.render_widget(Paragraph::new(attention).wrap(Wrap { trim: true }), notes);
    frame.render_widget(Paragraph::new(keys(state, style)), foot);
}

fn head(state: &State, sample: &Sample, style: &Style) -> Vec<Line<'static>> {
    let sum = |of: &dyn Fn(&Rate) -> f64| state.rates.values().map(of).sum::<f64>();
    let lost: u64 = state.rates.values().map(|rate| rate.lost).sum();
    let firing = sample.alerts.iter().filter(|alert| is_firing(alert)).count();
    let separator = if style.unicode { " · " } else { " | " };
    let bold = Look::new().add_modifier(Modifier::BOLD);
    let name = match sample.name.is_empty() {
        true => String::new(),
        false => format!("{} ", printable(&sample.name, style)),
    };
    let clock = format!("{} UTC", clock(sample.at));
    let first = Line::from(vec![
        Span::styled("dihya top ", bold),
        Span::styled(name, bold),
        Span::styled(format!("{}{separator}{clock}", printable(&sample.source, style)), style.soft()),
    ]);
    let mut second = vec![
        Span::styled(format!("{} records/s", rate(sum(&|rate| rate.records))), bold),
        Span::raw(format!("{separator}{}/s", size(sum(&|rate| rate.bytes) as u64))),
        Span::raw(format!("{separator}{} hidden/s", rate(state.redactions_per_second))),
        Span::raw(separator),
    ];
    second.push(match lost {
        0 => Span::styled("0 lost", style.good()),
        n => Span::styled(format!("{n} LOST"), style.bad()),
    });
    second.push(Span::raw(separator));
    second.push(match firing {
        0 => Span::styled("no alert fires", style.good()),
        1 => Span::styled("1 ALERT FIRES", style.bad()),
        n => Span::styled(format!("{n} ALERTS FIRE"), style.bad()),
    });
    if let Some(free) = sample.free_bytes {
        second.push(Span::raw(format!("{separator}{} free", size(free))));
    }
    second.push(Span::raw(separator));
    second.push(match sample.verified {
        None => Span::styled("verified: unknown", style.soft()),
        Some((0, _)) => Span::styled("never verified", style.open()),
        Some((at, Some(false))) => Span::styled(format!("NOT WHOLE {} ago", ago(sample.at, at)), style.bad()),
        Some((at, _)) => Span::raw(format!("verified {} ago", ago(sample.at, at))),
    });
    vec![first, Line::from(second), Line::default()]
}

fn channels(state: &State, sample: &Sample, style: &Style, width: u16) -> Table<'static> {
    let chart = usize::from(width.saturating_sub(78)).clamp(10, 60);
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let head = Row::new([
        Cell::from("CHANNEL"),
        right("REC/S".into()),
        right("BYTES/S".into()),
        Cell::from("LAST LOOKS"),
        right("LOST".into()),
        Cell::from("QUEUE"),
        right("NEWEST".into()),
        Cell::from("SEALED"),
    ])
    .style(Look::new().add_modifier(Modifier::REVERSED));
    let rows = sample.channels.iter().map(|channel| {
        let none = Rate::default();
        let rate = state.rates.get(&channel.name).unwrap_or(&none);
        let lost = match rate.lost {
            0 => right(style.dash().to_owned()),
            n => right(n.to_string()).style(style.bad()),
        };
        Row::new([
            Cell::from(printable(&channel.name, style)).style(Look::new().add_modifier(Modifier::BOLD)),
            right(self::rate(rate.records)),
            right(if rate.bytes > 0.0 { size(rate.bytes as u64) } else { style.dash().to_owned() }),
            Cell::from(bars(rate, chart, style)).style(style.look(Color::Cyan)),
            lost,
            queue(channel, style),
            right(channel.newest.map_or_else(|| style.dash().to_owned(), |at| ago(sample.at, at))),
            sealed(channel, sample.at, style),
        ])
    });
    let widths = [
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(chart as u16),
        Constraint::Length(6),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Min(6),
    ];
    Table::new(rows, widths).header(head).column_spacing(1)
}

/// The newest on the right; each channel has a scale of its own.
fn bars(rate: &Rate, width: usize, style: &Style) -> String {
    let steps: &[char] = if style.unicode {
        &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &[' ', '.', ':', '-', '=', '+', '*', '#', '@']
    };
    let past: Vec<f64> = rate.past.iter().rev().take(width).rev().copied().collect();
    let most = past.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| match most {
        most if most > 0.0 && *value > 0.0 => steps[((value / most * 8.0).ceil() as usize).clamp(1, 8)],
        _ => steps[0],
    };
    let drawn: String = past.iter().map(bar).collect();
    format!("{drawn:>width$}")
}

fn queue(channel: &Channel, style: &Style) -> Cell<'static> {
    let Some((bytes, of)) = channel.queue else { return Cell::from(style.dash()).style(style.soft()) };
    let percent = (100 * bytes).checked_div(of).unwrap_or_default().min(100);
    let full = (percent as usize * 5).div_ceil(100);
    let bar = format!("[{}{}] {percent:>3}%", "#".repeat(full), ".".repeat(5 - full));
    Cell::from(bar).style(match percent {
        80.. => style.bad(),
        50.. => style.open(),
        _ => Look::new(),
    })
}

fn sealed(channel: &Channel, now: i64, style: &Style) -> Cell<'static> {
    match channel.sealed {
        Sealed::Unknown => Cell::from(style.dash()).style(style.soft()),
        Sealed::ToTheEnd => Cell::from("to the end").style(style.good()),
        Sealed::OpenTail => Cell::from("open tail").style(style.open()),
        Sealed::At(at) => Cell::from(format!("{} ago", ago(now, at))),
    }
}

fn alerts(frame: &mut Frame<'_>, state: &State, sample: &Sample, style: &Style, area: Rect) {
    if sample.alerts.is_empty() {
        let text = "No alert in the last day, as far as this tells.";
        frame.render_widget(Paragraph::new(text).style(style.soft()), area);
        return;
    }
    let mut alerts: Vec<&Alert> = sample.alerts.iter().collect();
    // What fires comes first.
    alerts.sort_by_key(|alert| !is_firing(alert));
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let head = Row::new([
        Cell::from("ALERT"),
        Cell::from("SEVERITY"),
        Cell::from("STATE"),
        right("BEGAN".into()),
        right("COUNTED".into()),
        Cell::from("FINGERPRINT"),
    ])
    .style(Look::new().add_modifier(Modifier::REVERSED));
    let rows = alerts.iter().skip(state.scrolled).map(|alert| {
        let severity = match alert.severity.as_str() {
            "critical" | "high" => style.bad(),
            "medium" => style.open(),
            _ => Look::new(),
        };
        let (text, look) = match (alert.ended, alert.started) {
            (Some(_), _) => ("resolved", style.soft()),
            (None, Some(_)) => ("FIRING", style.bad()),
            // A counter knows no end.
            (None, None) => ("since start", Look::new()),
        };
        Row::new([
            Cell::from(printable(&alert.detector, style)),
            Cell::from(printable(&alert.severity, style)).style(severity),
            Cell::from(text).style(look),
            right(alert.started.map_or_else(|| style.dash().to_owned(), |at| ago(sample.at, at))),
            right(alert.count.to_string()),
            Cell::from(printable(&alert.fingerprint, style)),
        ])
    });
    let widths = [
        Constraint::Length(24),
        Constraint::Length(9),
        Constraint::Length(11),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Min(16),
    ];
    frame.render_widget(Table::new(rows, widths).header(head).column_spacing(1), area);
}

fn is_firing(alert: &Alert) -> bool {
    alert.ended.is_none() && alert.started.is_some()
}

fn attention(sample: &Sample, style: &Style) -> Vec<Line<'static>> {
    let error = sample.error.iter().map(|error| (format!("not read: {error}"), style.bad()));
    let rest = sample.attention.iter().map(|text| (text.clone(), style.open()));
    error
        .chain(rest)
        .map(|(text, look)| Line::from(vec![Span::styled("! ", look), Span::raw(printable(&text, style))]))
        .collect()
}

fn keys(state: &State, style: &Style) -> Line<'static> {
    let paused = if state.paused { "  PAUSED" } else { "" };
    Line::from(vec![
        Span::styled("q end  p stop and go on  up/down alerts", style.soft()),
        Span::styled(paused, Look::new().add_modifier(Modifier::BOLD)),
    ])
}

/// Nobody's text moves the cursor or changes the colours; without UTF-8 it is ASCII.
fn printable(text: &str, style: &Style) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if odd(c) || (!style.unicode && !c.is_ascii()) { '?' } else { c }).collect()
}

fn rate(value: f64) -> String {
    match value {
        value if value <= 0.0 => "0".to_owned(),
        value if value < 10.0 => format!("{value:.1}"),
        value if value < 100_000.0 => format!("{value:.0}"),
        value => format!("{:.0}k", value / 1e3),
    }
}

/// `40s`, `5m`, `2h`, `3d`
fn ago(now: i64, at: i64) -> String {
    let seconds = (now - at).max(0) / 1_000_000;
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn clock(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
