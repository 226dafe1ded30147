//! Metrics as text: in Prometheus' own format and in OpenMetrics.

use std::fmt::Write as _;

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;

/// A format of metrics as text.
///
/// Neither has exemplars: a trace id beside a histogram's bucket is a value that comes from an event, and these metrics
/// have none. The records of the log have the ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text format, version 0.0.4: what every scraper reads.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The better one of those that an `Accept` header asks for (RFC 9110 section 12.5.1); text if it says nothing, or
    /// nothing that is known here.
    pub fn accepted(accept: &str) -> Format {
        let (mut text, mut open) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut known) = (1.0, true);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = value.trim().parse().unwrap_or(0.0),
                    "version" => known = ["0.0.4", "1.0.0"].contains(&value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            let best = match kind.as_str() {
                "application/openmetrics-text" if known => &mut open,
                "text/plain" | "text/*" | "*/*" if known => &mut text,
                _ => continue,
            };
            if weight > *best {
                *best = weight;
            }
        }
        if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Text }
    }

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    pub(crate) fn write(self, families: &[MetricFamily]) -> String {
        let text = TextEncoder::new().encode_to_string(families);
        match (self, text) {
            (Format::Text, Ok(text)) => text,
            (Format::OpenMetrics, Ok(text)) => open_metrics(&text),
            (_, Err(error)) => format!("# dihya: {error}\n"),
        }
    }
}

/// Made from the text format, which is nearly the same: a counter's family is named without `_total`, quotes in a help
/// text are escaped, bounds of buckets are floats, and the end is marked, so that half an answer is known for one.
fn open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let is_counter = lines.peek().is_some_and(|next| next.ends_with(" counter"));
            let _ = writeln!(out, "# HELP {} {}", family(name, is_counter), help.replace('"', "\\\""));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let _ = writeln!(out, "# TYPE {} {kind}", family(name, kind == "counter"));
        } else if line.split('{').next().is_some_and(|name| name.ends_with("_bucket"))
            && let Some((head, bound)) = line.rsplit_once("le=\"")
            && let Some((bound, tail)) = bound.split_once('"')
            && bound.bytes().all(|byte| byte.is_ascii_digit())
        {
            let _ = writeln!(out, "{head}le=\"{bound}.0\"{tail}");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push_str("# EOF\n");
    out
}

fn family(name: &str, is_counter: bool) -> &str {
    name.strip_suffix("_total").filter(|_| is_counter).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::core::Collector as _;
    use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts};

    #[test]
    fn an_accept_header_decides_between_the_formats() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for text in [
            "",
            "*/*",
            "text/html",
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=2.0.0, text/plain",
            "application/openmetrics-text;q=0.3, text/plain;q=0.9",
            "application/openmetrics-text;q=nonsense",
            ";;;,,,===",
        ] {
            assert_eq!(Format::accepted(text), Format::Text, "{text}");
        }
        assert_eq!(
            Format::accepted("text/plain, Application/OpenMetrics-Text ; Version=\"1.0.0\""),
            Format::OpenMetrics
        );
    }

    #[test]
    fn open_metrics_name_counters_without_their_ending_and_mark_the_end() {
        let counter =
            IntCounterVec::new(Opts::new("lost_total", "A \"help\".\nOf two lines."), &["why"]).unwrap();
        counter.with_label_values(&["a \\ \"b\"\nc"]).inc_by(3);
        let gauge = IntGauge::new("room", "r").unwrap();
        let seconds = Histogram::with_opts(HistogramOpts::new("s", "s").buckets(vec![0.5, 1.0])).unwrap();
        seconds.observe(0.75);
        let families: Vec<MetricFamily> =
            counter.collect().into_iter().chain(gauge.collect()).chain(seconds.collect()).collect();
        assert_eq!(
            Format::OpenMetrics.write(&families),
            "# HELP lost A \\\"help\\\".\\nOf two lines.\n\
             # TYPE lost counter\n\
             lost_total{why=\"a \\\\ \\\"b\\\"\\nc\"} 3\n\
             # HELP room r\n# TYPE room gauge\nroom 0\n\
             # HELP s s\n# TYPE s histogram\n\
             s_bucket{le=\"0.5\"} 0\ns_bucket{le=\"1.0\"} 1\ns_bucket{le=\"+Inf\"} 1\ns_sum 0.75\ns_count 1\n\
             # EOF\n"
        );
    }
}
