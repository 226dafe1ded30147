//! The plan file: what is run, what is planted where, and for how long.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::template::{Template, nearest};

/// A whole plan. What a file does not say has the default of its field.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Plan {
    pub(crate) service: Service,
    pub(crate) env: BTreeMap<String, Template>,
    pub(crate) ready: Ready,
    pub(crate) http: Http,
    pub(crate) watch: Watch,
    pub(crate) limits: Limits,
    #[serde(rename = "request")]
    pub(crate) requests: Vec<Request>,
}

/// The process that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Service {
    /// The program and its arguments, unless the command line has them.
    pub(crate) command: Vec<Template>,
    /// Its working directory; that of `dihya check` if it is not set.
    pub(crate) folder: Option<PathBuf>,
    /// What it reads from standard input; nothing if it is not set.
    pub(crate) stdin: Option<Template>,
    /// The exit code with which it may end by itself.
    pub(crate) exit: i32,
}

/// When requests may be sent. Nothing set: as soon as somebody listens at `http.base`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ready {
    /// Something answers there, with a status below 500.
    pub(crate) url: Option<Template>,
    /// A line of standard output or error holds this.
    pub(crate) line: Option<String>,
    /// So long after the start.
    pub(crate) delay: Option<Time>,
    /// After which it counts as failed.
    pub(crate) within: Time,
}

/// What all requests share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// What every path is put behind.
    pub(crate) base: Option<Template>,
    /// For each request.
    pub(crate) timeout: Time,
    /// Read after the last request, and searched.
    pub(crate) metrics: Option<Template>,
    /// Whether the bodies of the answers are searched. Off: an answer may well hold what was asked.
    pub(crate) responses: bool,
}

/// Folders in which every change is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watch {
    pub(crate) folders: Vec<Template>,
    /// Whether the service's working directory is one of them.
    pub(crate) working_folder: bool,
}

/// How long, and how much.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// For everything together.
    pub(crate) whole: Time,
    /// How long a service without requests runs, unless it ends before.
    pub(crate) run: Time,
    /// Nothing new for so long, and the service counts as done with a request's work.
    pub(crate) settle: Time,
    /// From SIGTERM to SIGKILL.
    pub(crate) stop: Time,
    /// Bytes of each output that are searched.
    pub(crate) bytes: u64,
}

/// One step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    /// For the report.
    pub(crate) name: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<Template>,
    pub(crate) headers: BTreeMap<String, Template>,
    pub(crate) query: BTreeMap<String, Template>,
    pub(crate) json: Option<Json>,
    pub(crate) form: Option<BTreeMap<String, Template>>,
    pub(crate) body: Option<Template>,
    pub(crate) basic: Option<Basic>,
    pub(crate) bearer: Option<Template>,
    /// The statuses that count as an answer; if it is not set, all but 404 and 405: nobody was there.
    pub(crate) expect: Option<Statuses>,
    /// What its answer brings for later requests, by name: a secret, which is looked for as well.
    pub(crate) take: BTreeMap<String, Source>,
    /// The same for what may well be logged: an order's number.
    pub(crate) take_public: BTreeMap<String, Source>,
    /// How often it is sent; once if it is not set.
    pub(crate) repeat: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    pub(crate) user: Template,
    pub(crate) password: Template,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a status, or a list of them")]
pub(crate) enum Statuses {
    One(u16),
    Several(Vec<u16>),
}

/// A JSON text in which every string is a template.
#[derive(Debug)]
pub(crate) enum Json {
    Text(Template),
    /// A number, a truth value.
    Plain(serde_json::Value),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Where in an answer something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `/data/token`: a JSON pointer (RFC 6901).
    Json(String),
    /// `header x-token`.
    Header(String),
    /// `cookie session`.
    Cookie(String),
}

/// `500ms`, `10s`, `2m`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Duration);

/// A plan that is not one, in words for its author.
#[derive(Debug)]
pub(crate) struct PlanError(String);

impl Plan {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is wrong: with line, caret and the key that was meant.
    pub(crate) fn load(file: &Path) -> Result<Plan, PlanError> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| {
            PlanError(format!(
                "cannot read {name}: {error}; `dihya check --example` prints one to begin with"
            ))
        })?;
        Plan::parse(&text).map_err(|PlanError(problem)| PlanError(format!("{name}: {problem}")))
    }

    /// Understands a plan's text.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub(crate) fn parse(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = toml::from_str(text).map_err(|error| PlanError(told(text, &error)))?;
        plan.requests.iter().enumerate().try_for_each(|(i, request)| {
            request.check().map_err(|problem| PlanError(format!("request {}: {problem}", i + 1)))
        })?;
        match [plan.ready.url.is_some(), plan.ready.line.is_some(), plan.ready.delay.is_some()] {
            [true, true, _] | [_, true, true] | [true, _, true] => {
                Err(PlanError("[ready] takes one of `url`, `line` and `delay`".to_owned()))
            }
            _ => Ok(plan),
        }
    }
}

impl Request {
    fn check(&self) -> Result<(), String> {
        if self.path.is_none() {
            return Err("it has no `path`".to_owned());
        }
        if [self.json.is_some(), self.form.is_some(), self.body.is_some()].iter().filter(|&&b| b).count() > 1
        {
            return Err("it takes one of `json`, `form` and `body`".to_owned());
        }
        if self.basic.is_some() && self.bearer.is_some() {
            return Err("it takes one of `basic` and `bearer`".to_owned());
        }
        if self.repeat == Some(0) {
            return Err("`repeat` is at least 1".to_owned());
        }
        Ok(())
    }

    /// The method it is sent with.
    pub(crate) fn method(&self) -> &str {
        let has_body = self.json.is_some() || self.form.is_some() || self.body.is_some();
        self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" })
    }

    /// Whether an answer of this status is what was wanted.
    pub(crate) fn accepts(&self, status: u16) -> bool {
        match &self.expect {
            Some(Statuses::One(one)) => *one == status,
            Some(Statuses::Several(several)) => several.contains(&status),
            None => status != 404 && status != 405,
        }
    }
}

impl Json {
    /// The JSON text, its strings filled by `fill`.
    pub(crate) fn text(&self, fill: &mut impl FnMut(&Template) -> String) -> serde_json::Value {
        match self {
            Json::Text(template) => fill(template).into(),
            Json::Plain(value) => value.clone(),
            Json::List(list) => list.iter().map(|value| value.text(fill)).collect(),
            Json::Object(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.clone(), value.text(fill)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    fn of(value: toml::Value) -> Result<Json, String> {
        Ok(match value {
            toml::Value::String(text) => Json::Text(Template::parse(&text)?),
            toml::Value::Integer(number) => Json::Plain(number.into()),
            toml::Value::Float(number) => Json::Plain(number.into()),
            toml::Value::Boolean(truth) => Json::Plain(truth.into()),
            toml::Value::Datetime(time) => Json::Plain(time.to_string().into()),
            toml::Value::Array(list) => Json::List(list.into_iter().map(Json::of).collect::<Result<_, _>>()?),
            toml::Value::Table(table) => {
                let pairs = table.into_iter().map(|(key, value)| Ok((key, Json::of(value)?)));
                Json::Object(pairs.collect::<Result<_, String>>()?)
            }
        })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        Json::of(toml::Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(' ') {
            _ if text.starts_with('/') => Ok(Source::Json(text)),
            Some(("header", name)) => Ok(Source::Header(name.trim().to_owned())),
            Some(("cookie", name)) => Ok(Source::Cookie(name.trim().to_owned())),
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` is no place in an answer: write /json/pointer, `header NAME` or `cookie NAME`"
            ))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Json(pointer) => write!(f, "JSON at {pointer}"),
            Source::Header(name) => write!(f, "header {name}"),
            Source::Cookie(name) => write!(f, "cookie {name}"),
        }
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ => return Err(format!("`{text}` is no time: write it like 500ms, 10s or 2m")),
        };
        let seconds = digits.parse::<f64>().ok().map(|n| n * unit).filter(|n| (0.0..=86_400.0).contains(n));
        let seconds = seconds.ok_or_else(|| format!("`{text}` is no time from 0s to a day"))?;
        Ok(Time(Duration::from_secs_f64(seconds)))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Default for Ready {
    fn default() -> Ready {
        // Services that fill caches or migrate databases take their time.
        Ready { url: None, line: None, delay: None, within: Time(Duration::from_secs(30)) }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http { base: None, timeout: Time(Duration::from_secs(10)), metrics: None, responses: false }
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { folders: Vec::new(), working_folder: true }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Below what CI systems allow a silent step.
            whole: Time(Duration::from_secs(300)),
            run: Time(Duration::from_secs(10)),
            // Longer than the interval at which usual writers flush.
            settle: Time(Duration::from_millis(500)),
            // Half of what container runtimes give.
            stop: Time(Duration::from_secs(5)),
            bytes: 64 << 20,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlanError {}

/// The reader's own message, which has line and caret; and the key that was meant, among those it says it expected.
fn told(text: &str, error: &toml::de::Error) -> String {
    let mut told = error.to_string().trim_end().to_owned();
    let Some(wrong) = error.span().and_then(|span| text.get(span)) else { return told };
    if let Some((_, expected)) = error.message().split_once("expected") {
        let words = expected.split('`').skip(1).step_by(2);
        if let Some(near) = nearest(wrong.trim_matches('"'), words) {
            told.push_str(&format!("\nhelp: did you mean `{near}`?"));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Plan::parse(text).expect_err("the plan is wrong").to_string()
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
        let told = wrong("[http]\ntimeout = \"1s\"\n\n[[request]]\npaht = \"/\"\n");
        assert!(told.contains("line 5") && told.contains("did you mean `path`?"), "{told}");
        let told = wrong("[services]\n");
        assert!(told.contains("line 1") && told.contains("did you mean `service`?"), "{told}");
        assert!(!wrong("[ready]\nzzzzzzz = 1\n").contains("did you mean"));
    }

    #[test]
    fn a_wrong_placeholder_or_time_is_told_with_its_line() {
        let told = wrong("[env]\nA = \"x\"\nB = \"{{pasword}}\"\n");
        assert!(told.contains("line 3") && told.contains("`{{password}}`"), "{told}");
        let told = wrong("[limits]\nwhole = \"5 minutes\"\n");
        assert!(told.contains("line 2") && told.contains("500ms"), "{told}");
        let told = wrong("[[request]]\npath = \"/\"\njson = { a = [\"{{crad}}\"] }\n");
        assert!(told.contains("line 3") && told.contains("`{{card}}`"), "{told}");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(wrong("[[request]]\nmethod = \"GET\"\n").contains("request 1: it has no `path`"));
        assert!(wrong("[[request]]\npath = \"/\"\nbody = \"\"\njson = 1\n").contains("one of `json`"));
        assert!(wrong("[[request]]\npath = \"/\"\nrepeat = 0\n").contains("`repeat`"));
        assert!(wrong("[ready]\nline = \"a\"\ndelay = \"1s\"\n").contains("one of"));
        assert!(
            wrong("[[request]]\npath = \"/\"\nexpect = \"ok\"\n").contains("a status, or a list of them")
        );
    }

    #[test]
    fn the_printed_example_and_that_of_the_clinic_are_plans() {
        let plan = Plan::parse(super::super::EXAMPLE).unwrap();
        assert!(plan.requests.len() > 2 && !plan.env.is_empty());
        let clinic = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/clinic/check.toml");
        assert!(Plan::load(Path::new(clinic)).unwrap().requests.len() > 5);
    }

    #[test]
    fn a_missing_page_is_no_answer_unless_the_plan_says_so() {
        let request = |text: &str| Plan::parse(text).unwrap().requests.remove(0);
        let silent = request("[[request]]\npath = \"/\"\n");
        assert!(silent.accepts(200) && silent.accepts(500) && !silent.accepts(404));
        let told = request("[[request]]\npath = \"/\"\nexpect = [404, 200]\n");
        assert!(told.accepts(404) && !told.accepts(500));
    }

    #[test]
    fn what_is_taken_from_an_answer_has_a_place() {
        let plan = Plan::parse(
            "[[request]]\npath = \"/\"\ntake = { a = \"/x/0\", b = \"header x-a\", c = \"cookie s\" }\n",
        );
        let take: Vec<Source> = plan.unwrap().requests.remove(0).take.into_values().collect();
        let [json, header, cookie] = ["/x/0", "x-a", "s"].map(str::to_owned);
        assert_eq!(take, [Source::Json(json), Source::Header(header), Source::Cookie(cookie)]);
        assert!(
            wrong("[[request]]\npath = \"/\"\ntake = { a = \"token\" }\n").contains("no place in an answer")
        );
    }

    #[test]
    fn times_have_units() {
        let time = |text: &str| text.parse::<Time>().map(|time| time.0);
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "5", "s", "-1s", "2h", "inf s", "NaNs"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
