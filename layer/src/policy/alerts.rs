//! `[alerts]`: which detectors of anomalies run, and from when on they speak.
//!
//! One table has it all: what a detector is called, how much it matters, each parameter with its limits, its default and the
//! reason for that. The keys of the file are made from it.

use std::time::Duration;

use crate::alert::{DETECTORS_MOST, Detector, Severity};

use super::error::{PolicyError, Problem, quote};
use super::keys::{Key, Kind, key};
use super::read::Values;
use super::{Policy, rules};

/// The table `[alerts]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlertPolicy {
    pub(crate) enabled: bool,
    /// How long to wait before the same is said again.
    pub(crate) cooldown: Duration,
    /// Texts that no record may hold.
    pub(crate) canaries: Vec<String>,
    /// In the order of the documentation.
    pub(crate) detectors: Vec<DetectorPolicy>,
}

/// One detector's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetectorPolicy {
    pub(crate) name: &'static str,
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    pub(super) parameters: Vec<(&'static str, Parameter)>,
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Number(u64),
    /// Milliseconds.
    Time(u64),
}

impl DetectorPolicy {
    /// A parameter of the table below; another name is a mistake that a test finds.
    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.parameter(name) {
            Some(Parameter::Number(number)) => number,
            _ => {
                debug_assert!(false, "{} has no number {name}", self.name);
                u64::MAX
            }
        }
    }

    /// The same for a time.
    pub(crate) fn time(&self, name: &str) -> Duration {
        match self.parameter(name) {
            Some(Parameter::Time(milliseconds)) => Duration::from_millis(milliseconds),
            _ => {
                debug_assert!(false, "{} has no time {name}", self.name);
                Duration::MAX
            }
        }
    }

    fn parameter(&self, name: &str) -> Option<Parameter> {
        self.parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

impl Default for AlertPolicy {
    fn default() -> AlertPolicy {
        let detectors = BUILT_IN.iter().map(|built_in| DetectorPolicy {
            name: built_in.name,
            enabled: true,
            severity: built_in.severity,
            parameters: built_in.parameters.iter().map(|(name, value, _)| (*name, *value)).collect(),
        });
        AlertPolicy {
            enabled: true,
            cooldown: Duration::from_secs(15 * 60),
            canaries: Vec::new(),
            detectors: detectors.collect(),
        }
    }
}

pub(super) fn read(values: &Values) -> AlertPolicy {
    let mut alerts = AlertPolicy::default();
    alerts.enabled = values.flag("alerts.enabled").unwrap_or(alerts.enabled);
    alerts.cooldown = values.time("alerts.cooldown").unwrap_or(alerts.cooldown);
    alerts.canaries = values.texts("alerts.canaries").unwrap_or_default().to_vec();
    for detector in &mut alerts.detectors {
        let key = |name: &str| format!("alerts.detectors.{}.{name}", detector.name);
        detector.enabled = values.flag(&key("enabled")).unwrap_or(detector.enabled);
        let severity = values.text(&key("severity")).and_then(severity);
        detector.severity = severity.unwrap_or(detector.severity);
        for (name, value) in &mut detector.parameters {
            let key = key(name);
            match value {
                Parameter::Number(number) => *number = values.number(&key).unwrap_or(*number),
                Parameter::Time(time) => {
                    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                    *time = values.time(&key).map_or(*time, milliseconds);
                }
            }
        }
    }
    alerts
}

/// Why a default is what it is.
pub(super) fn why(pattern: &str) -> &'static str {
    match pattern {
        "alerts.enabled" => "whoever attacks does not announce it",
        "alerts.cooldown" => "often enough to see that it grows, seldom enough to be read",
        "alerts.canaries" => "what to plant, and where, only you can know",
        _ => {
            let (detector, name) = pattern
                .strip_prefix("alerts.detectors.")
                .and_then(|rest| rest.split_once('.'))
                .unwrap_or_default();
            let built_in = BUILT_IN.iter().find(|built_in| built_in.name == detector);
            let parameter =
                built_in.and_then(|built_in| built_in.parameters.iter().find(|(other, _, _)| *other == name));
            match (parameter, name) {
                (Some((_, _, why)), _) => why,
                (None, "severity") => "a first guess at what it means for most services",
                _ => "it costs next to nothing until it finds something",
            }
        }
    }
}

fn severity(name: &str) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| severity.name() == name)
}

/// What is built in.
struct BuiltIn {
    name: &'static str,
    severity: Severity,
    parameters: &'static [(&'static str, Parameter, &'static str)],
}

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn time(max: u64) -> Kind {
    Kind::Time { min: SECOND, max }
}

const fn number(max: u64) -> Kind {
    Kind::Number { min: 1, max }
}

macro_rules! detectors {
    ($($name:literal, $severity:ident, $doc:literal {
        $($parameter:literal: $kind:expr, $value:expr, $what:literal, $why:literal;)*
    })*) => {
        /// Rows for the table of keys.
        pub(super) const KEYS: &[Key] = &[
            key("alerts", Kind::Table, "What of the records somebody is warned of."),
            key("alerts.enabled", Kind::Flag, "Whether detectors of anomalies look at the records."),
            key(
                "alerts.cooldown",
                Kind::Time { min: SECOND, max: DAY },
                "How long an alert that lasts is not said again; then it is, with the count it has by then.",
            ),
            key(
                "alerts.canaries",
                Kind::Texts(&rules::CANARY),
                "Made-up secrets that you keep among the real ones. A record in which one stands after redaction raises \
                 leak_suspected. They stand in this file, so they must open nothing.",
            ),
            key("alerts.detectors", Kind::Table, "The settings of each detector."),
            $(
                key(concat!("alerts.detectors.", $name), Kind::Table, $doc),
                key(concat!("alerts.detectors.", $name, ".enabled"), Kind::Flag, "Whether it runs."),
                key(
                    concat!("alerts.detectors.", $name, ".severity"),
                    Kind::Choice(&SEVERITIES),
                    "How much what it finds matters.",
                ),
                $(key(concat!("alerts.detectors.", $name, ".", $parameter), $kind, $what),)*
            )*
        ];

        const BUILT_IN: &[BuiltIn] = &[$(BuiltIn {
            name: $name,
            severity: Severity::$severity,
            parameters: &[$(($parameter, $value, $why)),*],
        }),*];
    };
}

use Parameter::{Number, Time};

detectors! {
    "auth_bruteforce", High, "Many failed logins to one account, or from one address." {
        "account": number(1000), Number(5), "Failures to one account in the window.",
            "fail2ban's default number of tries";
        "address": number(1000), Number(20), "Failures from one address in the window.",
            "an address may stand for an office of people who mistype";
        "window": time(DAY), Time(10 * MINUTE), "The time in which they are counted.", "fail2ban's default";
    }
    "auth_spray", High, "Failed logins to many accounts from one address." {
        "accounts": number(1000), Number(10), "Different accounts in the window.",
            "few people have ten accounts, and fewer forget the passwords of all";
        "window": time(DAY), Time(30 * MINUTE), "The time in which they are counted.",
            "whoever sprays goes slowly, so as to lock no account";
    }
    "success_after_failures", High, "A login that succeeds after many that failed." {
        "failures": number(1000), Number(5), "Failures before the success, in the window.",
            "as many as make brute force";
        "window": time(DAY), Time(10 * MINUTE), "The time in which they are counted.", "as for brute force";
    }
    "authz_probe", High, "One user who is denied many different resources." {
        "resources": number(1000), Number(10), "Different resources in the window.",
            "a page may have a few links that its reader may not follow";
        "window": time(DAY), Time(10 * MINUTE), "The time in which they are counted.",
            "longer than a person takes for ten clicks";
    }
    "bulk_access", High, "One user who reaches the data of many more people than usual." {
        "subjects": number(1_000_000), Number(50), "More different people than this in the window, whatever is usual.",
            "more than one person works on in an hour with care";
        "times": number(1000), Number(5), "More than so many times the user's own mean of earlier windows.",
            "a busy day is twice or three times a usual one";
        "window": time(DAY), Time(HOUR), "The time in which they are counted, beginning with the first.",
            "shorter than a shift, longer than a task";
    }
    "first_seen", Low, "A known account from a new network; an administrative act that is new for its user." {
        "window": time(90 * DAY), Time(14 * DAY), "What was not seen for so long is new.",
            "a holiday is no news";
        "learn": time(90 * DAY), Time(DAY), "For so long after the start it only learns.",
            "after the start everything is new";
    }
    "volume_spike", Medium, "Many more records on a channel than usual." {
        "sigma": number(100), Number(4), "So many standard deviations above the mean of the five-minute parts.",
            "chance alone reaches it once in years";
        "events": number(1_000_000_000), Number(100), "Never fewer records than this in five minutes.",
            "below it anything is many times the usual";
        "warm_up": time(30 * DAY), Time(DAY), "For so long after the start it only learns.",
            "a day has a night in it";
        "window": time(DAY), Time(10 * MINUTE), "Twice so long without a spike, and it is over.",
            "two parts of five minutes";
    }
    "volume_drop", Critical, "Far fewer records on a channel than usual, or none; heartbeats that stay away." {
        "percent": number(99), Number(20), "Fewer than so much of the mean of the five-minute parts.",
            "a quiet hour has more than a fifth of a usual one";
        "events": number(1_000_000_000), Number(100), "Only on channels with so many records in five minutes otherwise.",
            "a channel of few records is often silent";
        "warm_up": time(30 * DAY), Time(DAY), "For so long after the start it only learns.",
            "a day has a night in it";
        "window": time(DAY), Time(15 * MINUTE), "For so long, in parts of five minutes.",
            "longer than a deployment takes";
        "heartbeat": time(DAY), Time(MINUTE), "How often sys_heartbeat is recorded by a service that records it.",
            "the interval that most watchdogs have";
        "missed": number(1000), Number(3), "So many missed one after the other.",
            "one may be late, two unlucky";
    }
    "order_violation", Medium, "A clock that was set back or runs ahead, a session used after its end." {
        "back": time(DAY), Time(2 * SECOND), "A record older than one before it by more than this.",
            "time synchronisation slews what is less";
        "future": time(DAY), Time(5 * MINUTE), "A record that lies ahead of the clock by more than this.",
            "the tolerance of Kerberos";
        "window": time(DAY), Time(10 * MINUTE), "Twice so long without another, and it is over.",
            "long enough for a clock to be set right";
    }
    "integrity_break", Critical, "The log is not what was sealed." {
        "window": time(90 * DAY), Time(12 * HOUR), "Twice so long without another sign, and it is taken for over.",
            "somebody looks at it within a day";
    }
    "log_tamper", Critical, "Somebody makes the log say less." {
        "window": time(90 * DAY), Time(HOUR), "Twice so long without another sign, and it is taken for over.",
            "each is an act, and nothing that lasts";
    }
    "leak_suspected", Medium, "One place of the program hides secrets again and again." {
        "redactions": number(1_000_000), Number(20), "More redacted values than this in the window.",
            "a mistyped login or two is no leak";
        "window": time(DAY), Time(10 * MINUTE), "The time in which they are counted.",
            "short enough to find the deployment that did it";
    }
}

impl Policy {
    /// Canaries that nobody looks for warn nobody.
    pub(super) fn canary_remarks(&self, remarks: &mut Vec<String>) {
        let looks = |detector: &DetectorPolicy| detector.name == "leak_suspected" && detector.enabled;
        let are_sought = self.alerts.enabled && self.alerts.detectors.iter().any(looks);
        if !self.alerts.canaries.is_empty() && !are_sought {
            remarks.push(
                "alerts.canaries: nothing looks for them, since leak_suspected is switched off".to_owned(),
            );
        }
    }

    pub(super) fn canary_problems(&self, problems: &mut Vec<Problem>) {
        let canaries = self.alerts.canaries.len();
        if canaries > rules::CANARIES_MOST {
            let expected = format!("at most {} canaries", rules::CANARIES_MOST);
            problems.push(Problem::new("alerts.canaries", expected, canaries.to_string()));
        }
    }

    /// Whether detectors in code can stand beside the built-in ones.
    pub(crate) fn check_alert_detectors(&self, own: &[Box<dyn Detector>]) -> Result<(), PolicyError> {
        let mut problems = Vec::new();
        for (at, detector) in own.iter().enumerate() {
            let name = detector.name();
            let key = format!("Options::alert_detector({name:?})");
            let is_taken = BUILT_IN.iter().any(|built_in| built_in.name == name)
                || own[..at].iter().any(|other| other.name() == name);
            if !(rules::DETECTOR.fits)(name) {
                problems.push(Problem::new(key, rules::DETECTOR.expected, quote(name)));
            } else if is_taken {
                problems.push(Problem::new(key, "a name that no other detector has", quote(name)));
            } else if BUILT_IN.len() + at >= DETECTORS_MOST {
                let expected = format!("at most {} detectors", DETECTORS_MOST - BUILT_IN.len());
                problems.push(Problem::new(key, expected, own.len().to_string()));
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(PolicyError::Invalid { file: "options given in code".to_owned(), problems })
    }
}

impl super::show::Lister<'_> {
    pub(super) fn alerts(&mut self) {
        let alerts = self.policy.alerts.clone();
        self.add("alerts.enabled", alerts.enabled);
        self.add("alerts.cooldown", super::units::write_duration(alerts.cooldown));
        self.add("alerts.canaries", serde_json::json!(alerts.canaries));
        self.spool();
        for detector in &alerts.detectors {
            let key = |name: &str| format!("alerts.detectors.{}.{name}", detector.name);
            self.add(&key("enabled"), detector.enabled);
            self.add(&key("severity"), detector.severity.name());
            for (name, value) in &detector.parameters {
                match value {
                    Parameter::Number(number) => self.add(&key(name), *number),
                    Parameter::Time(time) => {
                        let time = Duration::from_millis(*time);
                        self.add(&key(name), super::units::write_duration(time));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn parse(text: &str) -> Result<Policy, crate::PolicyError> {
        Policy::parse(&format!("[storage]\nroot = \"logs\"\n{text}"), "p")
    }

    #[test]
    fn a_file_sets_what_it_names_and_leaves_the_rest() {
        let text = "[alerts]\ncooldown = \"1h\"\n[alerts.detectors.auth_spray]\naccounts = 3\nseverity = \"low\"\n\
                    [alerts.detectors.bulk_access]\nenabled = false\nwindow = \"2h\"";
        let alerts = parse(text).unwrap().alerts;
        let of = |name| alerts.detectors.iter().find(|detector| detector.name == name).unwrap();
        assert_eq!(alerts.cooldown, Duration::from_secs(3600));
        assert_eq!((of("auth_spray").number("accounts"), of("auth_spray").severity), (3, Severity::Low));
        assert_eq!(of("auth_spray").time("window"), Duration::from_secs(1800));
        assert!(!of("bulk_access").enabled && of("auth_spray").enabled);
        assert_eq!(of("bulk_access").time("window"), Duration::from_secs(7200));
        assert_eq!(alerts.detectors.len(), 12);
    }

    #[test]
    fn what_is_shown_reads_back() {
        let policy = parse("[alerts.detectors.leak_suspected]\nredactions = 7").unwrap();
        assert_eq!(Policy::parse(&policy.to_toml(false), "q").unwrap().alerts, policy.alerts);
        assert!(policy.to_toml(true).contains("fail2ban"), "with its reasons");
    }

    #[test]
    fn a_wrong_parameter_is_an_error_at_its_place() {
        let wrong = |text: &str| parse(text).unwrap_err().report();
        let report = wrong("[alerts.detectors.auth_spray]\naccounts = 0");
        assert!(report.contains("a whole number from 1 to 1000"), "{report}");
        let report = wrong("[alerts.detectors.auth_spary]\naccounts = 3");
        assert!(report.contains("did you mean `auth_spray`?"), "{report}");
        assert!(wrong("[alerts.detectors.auth_spray]\naccount = 3").contains("`accounts`"));
        assert!(wrong("[alerts]\ncanaries = [\"short\"]").contains("12 to 200 letters"));
        let many = (0..17).map(|n| format!("\"planted-{n:04}\"")).collect::<Vec<_>>().join(", ");
        let report = wrong(&format!("[alerts]\ncanaries = [{many}]"));
        assert!(report.contains("at most 16 canaries"), "{report}");
        assert!(wrong("[alerts]\ncooldown = \"2d\"").contains("ms, s, min, h"));
        assert!(wrong("[alerts.detectors.volume_drop]\nseverity = \"bad\"").contains("\"critical\""));
    }

    #[test]
    fn canaries_that_nobody_looks_for_are_told_of() {
        let told = |text: &str| {
            let advice = parse(text).unwrap().advice();
            advice.iter().any(|remark| remark.starts_with("alerts.canaries"))
        };
        let canaries = "[alerts]\ncanaries = [\"planted-0001\"]\n";
        assert!(!told(canaries) && !told("[alerts]\nenabled = false"));
        assert!(told(&format!("{canaries}enabled = false")));
        assert!(told(&format!("{canaries}[alerts.detectors.leak_suspected]\nenabled = false")));
    }

    #[test]
    fn every_default_is_within_the_limits_of_its_key() {
        for built_in in BUILT_IN {
            for (name, value, why) in built_in.parameters {
                let path = format!("alerts.detectors.{}.{name}", built_in.name);
                let kind = KEYS.iter().find(|key| key.path == path).map(|key| key.kind).unwrap();
                match (value, kind) {
                    (Number(value), Kind::Number { min, max }) | (Time(value), Kind::Time { min, max }) => {
                        assert!((min..=max).contains(value), "{path}");
                    }
                    _ => panic!("{path} takes another kind of value than its default is"),
                }
                assert!(!why.is_empty(), "{path}");
            }
        }
    }
}
