//! The catalogue: every rule of the suite, the test that shows it, what it proves, and the clauses it supports.
//!
//! A rule *supports* a clause: it is evidence for a part of what the clause asks, and no more. Whether a service
//! complies is for people to judge. The clauses, with how each is known, are in [`clauses`](mod@clauses).

pub mod clauses;

use crate::suite::{
    Check, classes, durable, files, outputs, panics, planned, policy, redaction, retention, tamper,
};

/// One rule.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Short, the same in every version.
    pub id: &'static str,
    /// Name of its test.
    pub test: &'static str,
    /// One sentence.
    pub proves: &'static str,
    /// Ids of the clauses it supports.
    pub clauses: &'static [&'static str],
    pub(crate) check: Check,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).field("test", &self.test).finish_non_exhaustive()
    }
}

/// The rule whose test has this name.
pub fn find(test: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.test == test)
}

/// The test that fails when there is no policy; first by name, so that it is also the first to run.
pub(crate) const POLICY: &str = "a_valid_policy_is_given";

const fn rule(
    id: &'static str,
    test: &'static str,
    proves: &'static str,
    clauses: &'static [&'static str],
    check: Check,
) -> Rule {
    Rule { id, test, proves, clauses, check }
}

/// What keeps a secret or a person out of the log.
const LEAK: &[&str] = &["asvs-protection", "gdpr-principles", "pci-3", "iso-masking"];
const RECORD: &[&str] = &["asvs-content", "anssi", "iso-logging"];
const DURABLE: &[&str] = &["hipaa-audit", "iso-logging"];
const LOSS: &[&str] = &["owasp-logging", "pci-failure"];
const KEPT: &[&str] = &["cnil-logging", "gdpr-principles"];

/// Every rule, in the order of a report.
pub static RULES: &[Rule] = &[
    rule(
        "policy.valid",
        POLICY,
        "The policy can be used: a layer opens with it and events arrive.",
        &["asvs-inventory"],
        policy::valid,
    ),
    rule(
        "policy.shows",
        "the_policy_shows_back_to_itself",
        "What `dihya policy show` prints is the policy in force, each value with its reason.",
        &["asvs-inventory", "gdpr-register"],
        policy::shows_back,
    ),
    rule(
        "class.01",
        "class_01_a_field_leaks_nothing",
        "A secret in a field is hidden, by the field's name or by its own form.",
        LEAK,
        classes::check::<1>,
    ),
    rule(
        "class.02",
        "class_02_spellings_of_a_name_leak_nothing",
        "The name of a field is understood however it is spelled.",
        LEAK,
        classes::check::<2>,
    ),
    rule(
        "class.03",
        "class_03_the_message_leaks_nothing",
        "A secret in the message is hidden.",
        LEAK,
        classes::check::<3>,
    ),
    rule(
        "class.04",
        "class_04_key_and_value_in_prose_leak_nothing",
        "A value beside its key in prose is hidden.",
        LEAK,
        classes::check::<4>,
    ),
    rule("class.05", "class_05_json_leaks_nothing", "A secret in JSON is hidden.", LEAK, classes::check::<5>),
    rule(
        "class.06",
        "class_06_json_within_json_leaks_nothing",
        "A secret in JSON within JSON is hidden, whatever the escapes.",
        LEAK,
        classes::check::<6>,
    ),
    rule(
        "class.07",
        "class_07_a_debugged_struct_leaks_nothing",
        "A struct's `Debug` shows no secret.",
        LEAK,
        classes::check::<7>,
    ),
    rule(
        "class.08",
        "class_08_a_pretty_struct_leaks_nothing",
        "A struct's `Debug` over several lines shows no secret.",
        LEAK,
        classes::check::<8>,
    ),
    rule(
        "class.09",
        "class_09_tuples_enums_and_options_leak_nothing",
        "Tuples, enums and options show no secret.",
        LEAK,
        classes::check::<9>,
    ),
    rule(
        "class.10",
        "class_10_headers_leak_nothing",
        "A map of headers shows no credential.",
        LEAK,
        classes::check::<10>,
    ),
    rule(
        "class.11",
        "class_11_userinfo_of_a_url_leaks_nothing",
        "User and password of a URL are hidden.",
        LEAK,
        classes::check::<11>,
    ),
    rule(
        "class.12",
        "class_12_a_query_leaks_nothing",
        "A query parameter shows no secret.",
        LEAK,
        classes::check::<12>,
    ),
    rule(
        "class.13",
        "class_13_a_fragment_leaks_nothing",
        "The fragment of a URL shows no secret.",
        LEAK,
        classes::check::<13>,
    ),
    rule(
        "class.14",
        "class_14_percent_encoding_leaks_nothing",
        "Percent-encoding hides no secret from redaction.",
        LEAK,
        classes::check::<14>,
    ),
    rule(
        "class.15",
        "class_15_base64_leaks_nothing",
        "Base64 hides no secret from redaction.",
        LEAK,
        classes::check::<15>,
    ),
    rule(
        "class.16",
        "class_16_basic_authentication_leaks_nothing",
        "Basic authentication shows no password.",
        LEAK,
        classes::check::<16>,
    ),
    rule(
        "class.17",
        "class_17_hexadecimal_leaks_nothing",
        "Hexadecimal hides no secret from redaction.",
        LEAK,
        classes::check::<17>,
    ),
    rule(
        "class.18",
        "class_18_escapes_and_entities_leak_nothing",
        "Escapes and entities hide no secret from redaction.",
        LEAK,
        classes::check::<18>,
    ),
    rule(
        "class.19",
        "class_19_a_list_of_bytes_leaks_nothing",
        "A list of bytes hides no secret from redaction.",
        LEAK,
        classes::check::<19>,
    ),
    rule(
        "class.20",
        "class_20_causes_of_an_error_leak_nothing",
        "No cause of an error shows a secret.",
        LEAK,
        classes::check::<20>,
    ),
    rule(
        "class.21",
        "class_21_a_panic_leaks_nothing",
        "A panic shows no secret, on stderr or in its record.",
        LEAK,
        panics::leak,
    ),
    rule(
        "class.22",
        "class_22_names_of_spans_and_targets_leak_nothing",
        "Names of spans and targets show no secret.",
        LEAK,
        classes::check::<22>,
    ),
    rule(
        "class.23",
        "class_23_a_spans_field_leaks_nothing",
        "A field of a span shows no secret.",
        LEAK,
        classes::check::<23>,
    ),
    rule(
        "class.24",
        "class_24_a_late_field_of_a_span_leaks_nothing",
        "A field recorded late shows no secret.",
        LEAK,
        classes::check::<24>,
    ),
    rule(
        "class.25",
        "class_25_a_span_above_leaks_nothing",
        "What an outer span holds shows no secret in the records of its children.",
        LEAK,
        classes::check::<25>,
    ),
    rule(
        "class.26",
        "class_26_a_fields_name_leaks_nothing",
        "A field's own name shows no secret.",
        LEAK,
        classes::check::<26>,
    ),
    rule(
        "class.27",
        "class_27_a_secret_split_over_fields_leaks_nothing",
        "On strict channels a secret split over fields is hidden.",
        LEAK,
        classes::check::<27>,
    ),
    rule(
        "class.28",
        "class_28_block_edges_leak_nothing",
        "No edge between blocks lets a secret through.",
        LEAK,
        classes::check::<28>,
    ),
    rule(
        "class.29",
        "class_29_a_maximum_length_leaks_nothing",
        "No maximum length lets a secret through.",
        LEAK,
        classes::check::<29>,
    ),
    rule(
        "class.30",
        "class_30_a_private_key_over_lines_leaks_nothing",
        "A private key over several lines is hidden.",
        LEAK,
        classes::check::<30>,
    ),
    rule(
        "class.31",
        "class_31_invisible_characters_leak_nothing",
        "Invisible characters hide no secret from redaction.",
        LEAK,
        classes::check::<31>,
    ),
    rule(
        "class.32",
        "class_32_look_alike_characters_leak_nothing",
        "Look-alike and wide characters hide no secret from redaction.",
        LEAK,
        classes::check::<32>,
    ),
    rule(
        "class.33",
        "class_33_control_characters_leak_nothing",
        "Control characters hide no secret from redaction.",
        LEAK,
        classes::check::<33>,
    ),
    rule(
        "class.34",
        "class_34_numbers_leak_nothing",
        "A card number that is a number is hidden.",
        LEAK,
        classes::check::<34>,
    ),
    rule(
        "class.35",
        "class_35_grouped_digits_leak_nothing",
        "Numbers of cards, accounts and persons in groups are hidden.",
        LEAK,
        classes::check::<35>,
    ),
    rule(
        "class.36",
        "class_36_neighbours_leak_nothing",
        "A secret next to something else is hidden.",
        LEAK,
        classes::check::<36>,
    ),
    rule(
        "class.37",
        "class_37_connection_strings_leak_nothing",
        "Connection strings show no password.",
        LEAK,
        classes::check::<37>,
    ),
    rule(
        "class.38",
        "class_38_what_breaks_a_formatter_leaks_nothing",
        "What breaks a formatter shows no secret.",
        LEAK,
        classes::check::<38>,
    ),
    rule(
        "redact.detectors",
        "every_detector_finds_its_own_example",
        "Every detector that the policy leaves on finds its kind, and the record counts it.",
        LEAK,
        redaction::detectors,
    ),
    rule(
        "redact.keys",
        "keys_of_the_service_are_hidden",
        "The names that the service adds hide what they name.",
        LEAK,
        redaction::own_keys,
    ),
    rule(
        "redact.samples",
        "samples_of_the_service_are_hidden",
        "The service's own kinds of secrets are hidden.",
        LEAK,
        redaction::own_samples,
    ),
    rule(
        "redact.strict",
        "strict_channels_keep_declared_fields_only",
        "A strict channel keeps the fields it declares, and no other.",
        LEAK,
        redaction::strict,
    ),
    rule(
        "redact.lines",
        "ordinary_lines_survive",
        "Ordinary lines pass unchanged: identifiers, hashes, versions, times, routes.",
        RECORD,
        redaction::ordinary_lines,
    ),
    rule(
        "redact.fields",
        "ordinary_fields_survive",
        "Ordinary fields pass unchanged and keep their types.",
        RECORD,
        redaction::ordinary_fields,
    ),
    rule(
        "redact.twice",
        "redacting_twice_equals_once",
        "What was redacted is not changed by being redacted again.",
        RECORD,
        redaction::twice,
    ),
    rule(
        "output.schema",
        "records_follow_their_schema",
        "Every record follows the published schema: when, where, what, in UTC.",
        RECORD,
        outputs::schema,
    ),
    rule(
        "output.line",
        "no_value_breaks_a_line_or_forges_a_key",
        "No value breaks a line, forges a key or moves a cursor.",
        &["asvs-injection"],
        outputs::one_line,
    ),
    rule(
        "output.mirror",
        "the_mirror_shows_nothing",
        "The mirror of the records shows no secret.",
        LEAK,
        outputs::mirror,
    ),
    rule(
        "output.console",
        "the_console_shows_nothing",
        "The console shows no secret, in either format.",
        LEAK,
        outputs::console,
    ),
    rule(
        "output.metrics",
        "metrics_show_nothing",
        "The text of the metrics shows no secret.",
        LEAK,
        outputs::metrics,
    ),
    rule(
        "output.errors",
        "error_texts_show_nothing",
        "The texts of errors and reports show no secret.",
        LEAK,
        outputs::errors,
    ),
    rule(
        "loss.panic",
        "panics_are_recorded_and_shown_redacted",
        "A panic is recorded, and printed with its place.",
        &["owasp-logging", "iso-logging"],
        panics::recorded,
    ),
    rule(
        "loss.panicking",
        "panicking_values_lose_no_record",
        "A value that panics while it is formatted costs itself alone.",
        LOSS,
        durable::panicking,
    ),
    rule(
        "loss.logging",
        "values_that_log_lose_no_record",
        "A value that logs while it is formatted loses no record.",
        LOSS,
        durable::logging,
    ),
    rule(
        "loss.commit",
        "commit_means_durable",
        "On a lossless channel, what a commit covered survives a power cut.",
        DURABLE,
        durable::commit,
    ),
    rule(
        "loss.crash",
        "crashes_keep_what_was_committed",
        "Whatever step a process dies or a disk fails at, what was committed stays.",
        DURABLE,
        durable::crash,
    ),
    rule(
        "loss.queue",
        "full_queues_are_told",
        "A lost record is told: in the metrics, the report and the channel.",
        LOSS,
        durable::full_queue,
    ),
    rule(
        "loss.silence",
        "silenced_audit_channels_are_told",
        "A filter that would swallow the audit channel is found.",
        LOSS,
        durable::silenced,
    ),
    rule(
        "files.modes",
        "only_the_owner_reads_the_files",
        "Files lie under the root, for their owner alone.",
        &["asvs-inventory", "asvs-unmodifiable", "pci-integrity", "anssi"],
        files::modes,
    ),
    rule(
        "files.tamper",
        "no_change_to_the_log_goes_unnoticed",
        "Any flipped bit of the log and of the files beside it is found, and so is a line or a shard that is gone.",
        &["asvs-unmodifiable", "pci-integrity", "anssi"],
        tamper::found,
    ),
    rule(
        "retention.order",
        "retention_is_in_order_on_every_day",
        "For a record of any day, floor, default and ceiling come in this order.",
        KEPT,
        retention::in_order,
    ),
    rule(
        "retention.calendar",
        "periods_follow_the_calendar",
        "Periods are calendar periods: twelve months in leap years too.",
        KEPT,
        retention::calendar,
    ),
    rule(
        "retention.reason",
        "long_retention_is_justified",
        "What may be kept for over twelve months says why, and where that is written.",
        &["cnil-logging", "gdpr-register"],
        retention::justified,
    ),
    rule(
        "retention.sector",
        "sector_limits_are_kept",
        "No channel leaves the limits that its sector asks for.",
        &["cnil-logging", "pci-retention", "pgssi", "ehds"],
        retention::sector,
    ),
    rule(
        "retention.plan",
        "records_go_neither_early_nor_late",
        "For a record of any day nothing is purged before it may, all is once it is due, and what lacks its backup is refused.",
        &["cnil-logging", "gdpr-principles", "pci-retention", "pgssi", "asvs-protection"],
        planned::in_time,
    ),
    rule(
        "retention.hold",
        "held_records_are_kept",
        "What a hold can match is kept whatever its age, and the plan says by which.",
        &["legal-hold"],
        planned::held,
    ),
    rule(
        "retention.clock",
        "implausible_clocks_purge_nothing",
        "Under a clock that was set back or jumped ahead nothing is purged.",
        &["anssi", "asvs-unmodifiable"],
        planned::clock,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_rule() {
        for class in &crate::CLASSES {
            let rule = RULES.iter().find(|rule| rule.id == format!("class.{:02}", class.number));
            assert!(rule.is_some_and(|rule| rule.test.starts_with(&format!("class_{:02}_", class.number))));
        }
    }

    #[test]
    fn every_rule_supports_a_clause_that_exists() {
        for rule in RULES {
            assert!(!rule.clauses.is_empty() && rule.proves.ends_with('.'), "{}", rule.id);
            for clause in rule.clauses {
                assert!(clauses::CLAUSES.iter().any(|known| known.id == *clause), "{}: {clause}", rule.id);
            }
        }
    }
}
