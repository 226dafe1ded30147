//! The canaries of a run: made when a placeholder is filled, and remembered with the places they were planted in.

use std::collections::HashMap;
use std::path::PathBuf;

use dihya_compliance::{Canary, Search, Seed};

use super::template::{Hole, Kind, Template};

/// Fills templates and keeps what it filled them with.
pub(crate) struct Planting {
    seed: Seed,
    port: u16,
    folder: PathBuf,
    canaries: Vec<Canary>,
    planted: Vec<Planted>,
    labels: HashMap<(&'static str, String), usize>,
    taken: HashMap<String, String>,
    /// What was to be filled in and had not been taken.
    pub(crate) lacking: Vec<String>,
    /// Secrets that were taken and are too short to be told from chance.
    pub(crate) short: Vec<String>,
}

/// One canary, without its text.
pub(crate) struct Planted {
    /// Its kind, as the plan calls it.
    pub(crate) kind: &'static str,
    /// Every place it was planted in.
    pub(crate) places: Vec<Place>,
}

/// A way into the service.
#[derive(Clone)]
pub(crate) struct Place {
    /// Which one: "environment, DB_PASSWORD".
    pub(crate) way: String,
    /// Whether it is known to have arrived.
    pub(crate) proof: Proof,
}

/// What is known of a canary's arrival.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It was put where the service can read it. Whether it did cannot be seen.
    Offered,
    /// The request that carried it was answered with this status.
    Answered(u16),
    /// The request that carried it was not.
    Unanswered,
}

impl Planting {
    pub(crate) fn new(seed: u64, port: u16, folder: PathBuf) -> Planting {
        Planting {
            seed: Seed::new(seed),
            port,
            folder,
            canaries: Vec::new(),
            planted: Vec::new(),
            labels: HashMap::new(),
            taken: HashMap::new(),
            lacking: Vec::new(),
            short: Vec::new(),
        }
    }

    /// The template's text, with new canaries for its placeholders, which are planted in this place.
    pub(crate) fn fill(&mut self, template: &Template, way: &str, encode: fn(&str) -> String) -> String {
        template.fill(|hole| match hole {
            Hole::Port => self.port.to_string(),
            Hole::Folder => self.folder.display().to_string(),
            Hole::Braces => "{{".to_owned(),
            Hole::Taken(name) => match self.taken.get(name) {
                Some(text) => encode(text),
                None => {
                    self.lacking.push(name.clone());
                    String::new()
                }
            },
            Hole::Canary { kind, label } => encode(self.plant(kind, label.as_deref(), way)),
        })
    }

    /// Keeps what an answer brought, for `{{taken:name}}`. A secret is looked for like those planted.
    pub(crate) fn take(&mut self, name: &str, text: &str, request: &str, is_secret: bool) {
        self.taken.insert(name.to_owned(), text.to_owned());
        if is_secret && text.len() < SHORTEST {
            self.short.push(format!(
                "{name}, taken from the answer to {request}: it has fewer than {SHORTEST} characters"
            ));
        } else if is_secret && !self.canaries.iter().any(|canary| canary.text() == text) {
            self.canaries.push(Canary::met(TAKEN, text));
            let way = format!("{request}, its answer as {name}");
            self.planted.push(Planted { kind: TAKEN, places: vec![Place { way, proof: Proof::Offered }] });
        }
    }

    /// What became of the request whose places begin with this.
    pub(crate) fn prove(&mut self, request: &str, proof: Proof) {
        for place in self.planted.iter_mut().flat_map(|planted| &mut planted.places) {
            let of_request = place.way.strip_prefix(request).is_some_and(|rest| rest.starts_with(", "));
            if of_request {
                place.proof = proof;
            }
        }
    }

    pub(crate) fn planted(&self) -> &[Planted] {
        &self.planted
    }

    /// A search for all of them.
    pub(crate) fn search(&self) -> Search {
        Search::new(&self.canaries)
    }

    fn plant(&mut self, kind: &Kind, label: Option<&str>, way: &str) -> &str {
        let known = label.and_then(|label| self.labels.get(&(kind.name, label.to_owned())).copied());
        let index = known.unwrap_or_else(|| {
            let canary = match &kind.detector {
                Some(detector) => Canary::of(detector, &mut self.seed),
                None => Canary::plain(&mut self.seed),
            };
            self.canaries.push(canary);
            self.planted.push(Planted { kind: kind.name, places: Vec::new() });
            self.canaries.len() - 1
        });
        if let Some(label) = label {
            self.labels.insert((kind.name, label.to_owned()), index);
        }
        let place = Place { way: way.to_owned(), proof: Proof::Offered };
        self.planted[index].places.push(place);
        self.canaries[index].text()
    }
}

/// What the search of the compliance crate can look for.
const SHORTEST: usize = 8;

/// The kind of a secret that the service issued itself.
pub(crate) const TAKEN: &str = "taken";

#[cfg(test)]
mod tests {
    use super::*;

    fn same(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_label_names_the_same_canary_again_and_no_label_a_new_one() {
        let mut planting = Planting::new(1, 80, PathBuf::new());
        let mut fill = |text: &str, way: &str| planting.fill(&Template::parse(text).unwrap(), way, same);
        let (first, again) = (fill("{{password:a}}", "one"), fill("{{password:a}}", "two"));
        let (other, card) = (fill("{{password}}", "three"), fill("{{card:a}}", "four"));
        assert!(first == again && first != other && card != first);
        assert_eq!(planting.planted().len(), 3);
        assert_eq!(planting.planted()[0].places.len(), 2);
    }

    #[test]
    fn what_is_planted_is_found() {
        let mut planting = Planting::new(1, 80, PathBuf::new());
        let text = planting.fill(&Template::parse("a {{iban}} b").unwrap(), "here", same);
        assert!(!planting.search().leaks([("there", text.as_bytes())]).is_empty());
        assert!(planting.search().leaks([("there", &b"a b"[..])]).is_empty());
    }

    #[test]
    fn what_was_taken_fills_later_templates_and_is_looked_for_if_it_is_a_secret() {
        let mut planting = Planting::new(1, 80, PathBuf::new());
        let token = "q".repeat(3) + "wertyuiop12";
        planting.take("session", &token, "request 1", true);
        planting.take("session", &token, "request 1", true);
        planting.take("number", "ORD-000012345", "request 1", false);
        planting.take("pin", "1234", "request 1", true);
        let taken = Template::parse("{{taken:session}} {{taken:number}} {{taken:nothing}}").unwrap();
        let text = planting.fill(&taken, "here", same);
        assert!(text == format!("{token} ORD-000012345 "), "other texts were filled in");
        assert_eq!((planting.planted().len(), planting.short.len()), (1, 1));
        assert_eq!(planting.lacking, ["nothing"]);
        let found = |text: &str| !planting.search().leaks([("there", text.as_bytes())]).is_empty();
        assert!(found(&token) && !found("ORD-000012345"));
    }

    #[test]
    fn an_answer_proves_the_canaries_of_its_request_alone() {
        let mut planting = Planting::new(1, 80, PathBuf::new());
        for way in ["request 1, body", "request 10, body"] {
            planting.fill(&Template::parse("{{card}}").unwrap(), way, same);
        }
        planting.prove("request 1", Proof::Answered(200));
        let proofs: Vec<bool> =
            planting.planted().iter().map(|p| p.places[0].proof == Proof::Answered(200)).collect();
        assert_eq!(proofs, [true, false]);
    }
}
