//! A request's body with places for what happened: JSON, and still JSON when they are filled.

use serde_json::Value;

use super::Happened;

/// A text with placeholders, which makes JSON whatever they are filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
    /// Text, then a placeholder's place in [`NAMES`], in turns.
    pieces: Vec<(String, Option<usize>)>,
}

/// What is wrong with a template.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) found: String,
    pub(crate) help: String,
}

/// What may stand between `{{` and `}}`; the last two are numbers.
const NAMES: [&str; 8] = ["event", "id", "time", "service", "instance", "outcome", "count", "bytes"];

impl Template {
    /// Parses it, and sees that it makes JSON.
    pub(crate) fn parse(text: &str) -> Result<Template, Wrong> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((name, after)) = behind.split_once("}}") else {
                let help = "close it with `}}`; of JSON's own braces write no two together: `{ {`".to_owned();
                return Err(Wrong { found: "a `{{` that is not closed".to_owned(), help });
            };
            let Some(place) = NAMES.iter().position(|known| *known == name.trim()) else {
                let name: String = name.trim().chars().take(40).flat_map(char::escape_debug).collect();
                let help = format!("the placeholders are {}", NAMES.join(", "));
                return Err(Wrong { found: format!("the unknown placeholder `{name}`"), help });
            };
            pieces.push((before.to_owned(), Some(place)));
            rest = after;
        }
        pieces.push((rest.to_owned(), None));
        let template = Template { text: text.to_owned(), pieces };
        // Two samples: a text that only looks like JSON beside one value, such as `tru{{id}}`, fails with the other.
        for (word, number) in [("e", "1"), ("\\\"x", "22")] {
            let filled = template.filled(|place| if place < 6 { word.to_owned() } else { number.to_owned() });
            if let Err(error) = serde_json::from_str::<Value>(&filled) {
                let help = format!("filled, it is no JSON ({error}); put texts in quotes: \"{{{{event}}}}\"");
                return Err(Wrong { found: "a text that makes none".to_owned(), help });
            }
        }
        Ok(template)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The texts of the JSON that it makes, without their names: a field called `session` is no session's id.
    pub(crate) fn texts(&self) -> Vec<String> {
        let filled = self.filled(|place| if place < 6 { "e".to_owned() } else { "1".to_owned() });
        let mut texts = Vec::new();
        let mut todo: Vec<Value> = serde_json::from_str(&filled).into_iter().collect();
        while let Some(value) = todo.pop() {
            match value {
                Value::String(text) => texts.push(text),
                Value::Array(items) => todo.extend(items),
                Value::Object(fields) => todo.extend(fields.into_iter().map(|(_, value)| value)),
                _ => {}
            }
        }
        texts
    }

    /// With what happened in its places, escaped as JSON demands.
    #[cfg_attr(
        not(any(feature = "alerts", test)),
        expect(dead_code, reason = "hooks over HTTP alone have bodies")
    )]
    pub(crate) fn fill(&self, happened: &Happened) -> String {
        let escaped = |text: &str| {
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        self.filled(|place| match NAMES[place] {
            "event" => escaped(happened.moment.name()),
            "id" => escaped(&happened.id),
            "time" => escaped(&happened.at),
            "service" => escaped(&happened.service),
            "instance" => escaped(happened.instance.as_deref().unwrap_or_default()),
            "outcome" => escaped(happened.outcome),
            "count" => happened.count.to_string(),
            _ => happened.bytes.to_string(),
        })
    }

    fn filled(&self, value: impl Fn(usize) -> String) -> String {
        let pieces = self.pieces.iter();
        pieces.map(|(text, place)| format!("{text}{}", place.map(&value).unwrap_or_default())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::hook::Moment;
    use crate::policy::Policy;
    use crate::profile::Sector;

    #[test]
    fn what_is_filled_in_stays_inside_its_quotes() {
        let policy = Policy::sector(Sector::Generic);
        let mut happened =
            Happened::new(Moment::Purge, "a\"b\\c\nd", &policy, &Clock::manual(0)).counting(3, 4096);
        happened.instance = Some("\"},{\"x\":\"".to_owned());
        let template = Template::parse(
            "{ \"what\": \"{{event}} {{ id }}\", \"who\": \"{{instance}}\", \"n\": {{count}} }",
        )
        .unwrap();
        let value: Value = serde_json::from_str(&template.fill(&happened)).unwrap();
        assert_eq!(value["what"], "purge a\"b\\c\nd");
        assert_eq!(value["who"], "\"},{\"x\":\"");
        assert_eq!(value["n"], 3);
        assert_eq!(value.as_object().unwrap().len(), 3);
    }

    #[test]
    fn the_texts_of_a_template_are_its_values_at_any_depth() {
        let template =
            Template::parse("{ \"session\": [{ \"a\": \"x {{id}}\" }, {{count}}], \"b\": \"y\" }").unwrap();
        let mut texts = template.texts();
        texts.sort();
        assert_eq!(texts, ["x e", "y"]);
    }

    #[test]
    fn a_template_that_makes_no_json_is_refused_and_told_why() {
        for (text, found) in [
            ("{ \"a\": {{event}} }", "makes none"),
            ("{ \"a\": \"{{user}}\" }", "unknown placeholder `user`"),
            ("{ \"a\": \"{{event\" }", "not closed"),
            ("{ \"a\": tru{{id}} }", "makes none"),
            ("event={{event}}", "makes none"),
        ] {
            let wrong = Template::parse(text).unwrap_err();
            assert!(wrong.found.contains(found), "{text}: {}", wrong.found);
        }
    }
}
