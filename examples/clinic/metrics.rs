//! The counters, read back from the text that a Prometheus server would be given.

use std::collections::BTreeMap;

use dihya::Channel;

/// Samples of an exposition in Prometheus' text format.
pub(crate) struct Samples(Vec<Sample>);

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Samples {
    /// Skips what it does not understand: a missing counter shows in the report.
    pub(crate) fn parse(text: &str) -> Samples {
        Samples(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The metric summed by one label; channels in their usual order.
    pub(crate) fn by(&self, name: &str, label: &str) -> Vec<(String, u64)> {
        let mut sums: Vec<(String, u64)> = Vec::new();
        for sample in self.0.iter().filter(|sample| sample.name == name) {
            let Some(key) = sample.labels.get(label) else { continue };
            match sums.iter_mut().find(|(known, _)| known == key) {
                Some((_, sum)) => *sum += sample.value as u64,
                None => sums.push((key.clone(), sample.value as u64)),
            }
        }
        sums.sort_by_key(|(key, _)| Channel::BUILT_IN.iter().position(|name| name == key));
        sums
    }
}

/// `name{label="value",…} 12`; our own label values need no unescaping.
fn sample(line: &str) -> Option<Sample> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
    let labels = labels.strip_suffix('}')?.split(',').filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        Some((key.to_owned(), value.trim_matches('"').to_owned()))
    });
    Some(Sample { name: name.to_owned(), labels: labels.collect(), value: value.parse().ok()? })
}
