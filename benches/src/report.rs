//! The tables: figures, and ratios with the goal beside each.

use std::fmt::Write;

use crate::harness::Results;
use crate::peers::Peer;

/// All tables as text.
pub fn text(results: &Results) -> String {
    let mut out = String::new();
    table(&mut out, results, "calling thread, ns per event", &LATENCY);
    table(&mut out, results, "as fast as it goes, to a file", &SATURATED);
    table(&mut out, results, "100,000 events per second, ns per event", &STEADY);
    table(&mut out, results, "resident memory, KiB", &MEMORY);
    goals(&mut out, results);
    out
}

/// The ratios with their goals, for `--json`.
pub fn goals_json(results: &Results) -> serde_json::Value {
    let row = |goal: &Goal| {
        let measured = goal.measured(results);
        serde_json::json!({
            "what": goal.what, "measured": measured, "bound": goal.bound.json(), "first_stage": goal.first_stage,
            "met": measured.map(|value| goal.bound.met(value)),
        })
    };
    GOALS.iter().map(row).collect()
}

/// A figure's name, its title, and by what to divide it for the table.
type Column = (&'static str, &'static str, f64);

fn table(out: &mut String, results: &Results, title: &str, columns: &[Column]) {
    let measured = |peer: &Peer| columns.iter().any(|(figure, ..)| results.median(*peer, figure).is_some());
    let peers: Vec<Peer> = Peer::ALL.into_iter().filter(measured).collect();
    if peers.is_empty() {
        return;
    }
    let _ = write!(out, "\n{title:<TITLE$}");
    for (_, name, _) in columns {
        let _ = write!(out, " {name:>COLUMN$}");
    }
    out.push('\n');
    for peer in peers {
        let _ = write!(out, "{:<TITLE$}", peer.title());
        for (figure, _, unit) in columns {
            match results.median(peer, figure).map(|value| value / unit) {
                Some(value) if value < 10.0 => {
                    let _ = write!(out, " {value:>COLUMN$.1}");
                }
                Some(value) => {
                    let _ = write!(out, " {:>COLUMN$}", grouped(value));
                }
                None => {
                    let _ = write!(out, " {:>COLUMN$}", "-");
                }
            }
        }
        out.push('\n');
    }
}

fn goals(out: &mut String, results: &Results) {
    let _ = writeln!(out, "\n{:<GOAL$} {:>10} {:>10}   first stage", "ours against", "measured", "goal");
    for goal in &GOALS {
        let (measured, verdict) = match goal.measured(results) {
            None => ("-".to_owned(), "not measured in this run"),
            Some(value) if goal.bound.met(value) => (goal.bound.show(value), "goal met"),
            Some(value) => match goal.first_stage {
                Some(least) if value >= least => (goal.bound.show(value), "met; the goal is not"),
                Some(_) => (goal.bound.show(value), "MISSED"),
                None => (goal.bound.show(value), "goal not met"),
            },
        };
        let first = goal.first_stage.map_or_else(String::new, |least| format!(">= {least}: "));
        let _ = writeln!(
            out,
            "{:<GOAL$} {measured:>10} {:>10}   {first}{verdict}",
            goal.what,
            goal.bound.to_string()
        );
    }
}

/// One row of the ratio table.
struct Goal {
    what: &'static str,
    above: (Peer, &'static str),
    /// `None`: the figure itself, not a ratio.
    below: Option<(Peer, &'static str)>,
    bound: Bound,
    /// What must hold before the goal does: redaction and journal grow in stages.
    first_stage: Option<f64>,
}

impl Goal {
    fn measured(&self, results: &Results) -> Option<f64> {
        match self.below {
            Some(below) => results.ratio(self.above, below),
            None => results.median(self.above.0, self.above.1),
        }
    }
}

#[derive(Clone, Copy)]
enum Bound {
    Times(f64),
    AtMostTimes(f64),
    AtMostNs(f64),
    AtMostMib(f64),
}

impl Bound {
    fn met(self, value: f64) -> bool {
        match self {
            Bound::Times(least) => value >= least,
            Bound::AtMostTimes(most) | Bound::AtMostNs(most) => value <= most,
            Bound::AtMostMib(most) => value <= most * MIB,
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Bound::Times(_) | Bound::AtMostTimes(_) => format!("{value:.2} x"),
            Bound::AtMostNs(_) if value < 10.0 => format!("{value:.1} ns"),
            Bound::AtMostNs(_) => format!("{} ns", grouped(value)),
            Bound::AtMostMib(_) => format!("{:.1} MiB", value / MIB),
        }
    }

    fn json(self) -> serde_json::Value {
        match self {
            Bound::Times(least) => serde_json::json!({ "at_least": least }),
            Bound::AtMostTimes(most) | Bound::AtMostNs(most) => serde_json::json!({ "at_most": most }),
            Bound::AtMostMib(most) => serde_json::json!({ "at_most": most * MIB }),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::Times(least) => write!(f, ">= {least} x"),
            Bound::AtMostTimes(most) => write!(f, "<= {most} x"),
            Bound::AtMostNs(most) => write!(f, "<= {} ns", grouped(*most)),
            Bound::AtMostMib(most) => write!(f, "<= {most} MiB"),
        }
    }
}

/// `1234567.8` as `1,234,568`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

const fn ratio(
    what: &'static str,
    above: (Peer, &'static str),
    below: (Peer, &'static str),
    bound: Bound,
    first_stage: Option<f64>,
) -> Goal {
    Goal { what, above, below: Some(below), bound, first_stage }
}

const fn figure(what: &'static str, name: &'static str, bound: Bound) -> Goal {
    Goal { what, above: (Peer::Ours, name), below: None, bound, first_stage: None }
}

/// Ours redacts, routes and makes durable; the lossless appender does none of it, and that is the point.
const GOALS: [Goal; 17] = [
    ratio(
        "lossless, burst p50",
        (Peer::Lossless, "burst_p50"),
        (Peer::Ours, "burst_p50"),
        Bound::Times(8.0),
        Some(5.0),
    ),
    ratio(
        "lossless, paced p50",
        (Peer::Lossless, "paced_p50"),
        (Peer::Ours, "paced_p50"),
        Bound::Times(14.0),
        Some(8.0),
    ),
    ratio(
        "lossless, call CPU",
        (Peer::Lossless, "saturated_call_cpu"),
        (Peer::Ours, "saturated_call_cpu"),
        Bound::Times(8.0),
        None,
    ),
    ratio(
        "RegexSet + lossless, burst p50",
        (Peer::RegexLossless, "burst_p50"),
        (Peer::Ours, "burst_p50"),
        Bound::Times(12.0),
        None,
    ),
    ratio(
        "slog synchronous, call CPU",
        (Peer::Slog, "saturated_call_cpu"),
        (Peer::Ours, "saturated_call_cpu"),
        Bound::Times(1.0),
        None,
    ),
    ratio(
        "lossless, heavy burst p50",
        (Peer::Lossless, "heavy_p50"),
        (Peer::Ours, "heavy_p50"),
        Bound::Times(5.0),
        None,
    ),
    ratio(
        "ours with a hit / ours clean, burst p50",
        (Peer::Ours, "hit_p50"),
        (Peer::Ours, "burst_p50"),
        Bound::AtMostTimes(2.0),
        None,
    ),
    ratio(
        "lossless, events/s, one producer",
        (Peer::Ours, "saturated_rate"),
        (Peer::Lossless, "saturated_rate"),
        Bound::Times(6.5),
        Some(4.0),
    ),
    ratio(
        "ours, two producers / one, events/s",
        (Peer::Ours, "saturated2_rate"),
        (Peer::Ours, "saturated_rate"),
        Bound::Times(1.6),
        None,
    ),
    ratio(
        "lossless, p99.9 at 100,000 events/s",
        (Peer::Lossless, "steady_p999"),
        (Peer::Ours, "steady_p999"),
        Bound::Times(1.0),
        None,
    ),
    ratio(
        "ours / ours unwatched, call CPU",
        (Peer::Ours, "saturated_call_cpu"),
        (Peer::Unwatched, "saturated_call_cpu"),
        Bound::AtMostTimes(1.05),
        None,
    ),
    figure("ours, disabled", "disabled", Bound::AtMostNs(2.0)),
    figure("ours, burst p50", "burst_p50", Bound::AtMostNs(350.0)),
    figure("ours, paced p50", "paced_p50", Bound::AtMostNs(300.0)),
    figure("ours, paced p99", "paced_p99", Bound::AtMostNs(4_000.0)),
    figure("ours, resident, all channels idle", "idle_bytes", Bound::AtMostMib(8.0)),
    figure("ours, resident growth under load", "saturated_bytes", Bound::AtMostMib(8.0 + QUEUE_MIB)),
];

/// What the queue of the saturated channel may hold by its policy.
const QUEUE_MIB: f64 = 4.0;

const LATENCY: [Column; 8] = [
    ("paced_p50", "paced p50", 1.0),
    ("paced_p99", "p99", 1.0),
    ("paced_p999", "p99.9", 1.0),
    ("burst_p50", "burst p50", 1.0),
    ("burst_p99", "p99", 1.0),
    ("heavy_p50", "heavy p50", 1.0),
    ("hit_p50", "hit p50", 1.0),
    ("disabled", "disabled", 1.0),
];
const SATURATED: [Column; 5] = [
    ("saturated_call_cpu", "call CPU", 1.0),
    ("saturated_total_cpu", "total CPU", 1.0),
    ("saturated_rate", "k ev/s, 1", 1e3),
    ("saturated2_rate", "k ev/s, 2", 1e3),
    ("saturated2_call_cpu", "call CPU 2", 1.0),
];
const STEADY: [Column; 4] = [
    ("steady_p50", "p50", 1.0),
    ("steady_p99", "p99", 1.0),
    ("steady_p999", "p99.9", 1.0),
    ("steady_rate", "k ev/s", 1e3),
];
const MEMORY: [Column; 2] = [("idle_bytes", "idle", 1024.0), ("saturated_bytes", "loaded", 1024.0)];

const TITLE: usize = 46;
const COLUMN: usize = 10;
const GOAL: usize = 42;
const MIB: f64 = 1024.0 * 1024.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(1_234_567.8), "1,234,568");
        assert_eq!(grouped(999.0), "999");
    }

    #[test]
    fn a_bound_from_above_is_missed_by_more_and_one_from_below_by_less() {
        assert!(Bound::Times(8.0).met(8.0) && !Bound::Times(8.0).met(7.9));
        assert!(Bound::AtMostNs(2.0).met(2.0) && !Bound::AtMostNs(2.0).met(2.1));
        assert!(Bound::AtMostMib(8.0).met(8.0 * MIB) && !Bound::AtMostMib(8.0).met(8.1 * MIB));
    }

    #[test]
    fn without_results_every_goal_is_reported_as_not_measured() {
        let text = text(&Results::default());
        assert_eq!(text.matches("not measured in this run").count(), GOALS.len());
    }
}
