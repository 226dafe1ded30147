//! The suite: one named test per rule, for a service's own policy.
//!
//! In `tests/compliance.rs` of the service, with this crate among its `dev-dependencies`:
//!
//! ```no_run
//! # mod my_service { pub fn policy() -> dihya::Policy { dihya::Policy::sector(dihya::Sector::Health) } }
//! dihya_compliance::suite!(my_service::policy);
//! ```
//!
//! `my_service::policy` is the function that the service itself takes its policy from: it gives a [`Policy`], or a
//! `Result` with one. It is called once per test, and nothing of the service is started.
//!
//! What the policy does not say comes behind it, each part a method of [`Suite`]:
//!
//! ```no_run
//! # fn policy() -> Result<dihya::Policy, dihya::PolicyError> { dihya::Policy::load("dihya.toml") }
//! # fn badge(seed: &mut dihya_compliance::Seed) -> String { seed.digits(12) }
//! dihya_compliance::suite!(
//!     policy,
//!     cases(32),
//!     keys(["badge_number"]),
//!     sample("clinic badge", badge),
//!     skip("sector_limits_are_kept", "audit is kept for P18M: our register, line 12"),
//! );
//! ```
//!
//! Two suites in one file get names of their own: `suite!(mod night = night_policy)`; the usual name is `dihya_suite`.
//!
//! | variable | what it does |
//! |---|---|
//! | `DIHYA_CASES` | Cases per rule, instead of [`Suite::cases`]: `DIHYA_CASES=1000 cargo test --release` for a long run. |
//! | `DIHYA_SEED` | The first case's seed; 1 otherwise, so that an unchanged tree gives an unchanged answer. |
//! | `DIHYA_EVIDENCE` | Where results go instead of `target/dihya-evidence`; `off` writes none. |
//!
//! A failure names the rule, the detector, the shape of the smallest event that still fails, the seed and the command
//! that repeats it; no secret, not even an invented one, is in it.

mod bare;
pub(crate) mod calendar;
pub(crate) mod classes;
mod context;
mod derive;
pub(crate) mod durable;
mod failure;
pub(crate) mod files;
mod lines;
pub(crate) mod outputs;
pub(crate) mod panics;
pub(crate) mod planned;
pub(crate) mod policy;
mod record;
pub(crate) mod redaction;
mod replay;
pub(crate) mod retention;
mod run;
mod shrink;
mod site;
pub(crate) mod tamper;

use std::fmt;
use std::path::PathBuf;

use dihya::Policy;

use crate::seed::Seed;

pub use failure::Failure;
pub use run::run;
pub use site::Site;

pub(crate) use context::{Context, Tally};

/// How a rule ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was shown.
    Proved,
    /// Nothing is claimed, for this reason.
    NotClaimed(String),
}

/// What a rule's check is: a function, so that the catalogue is a table.
pub(crate) type Check = fn(&mut Context) -> Result<Done, Failure>;

/// A suite before it runs: where the policy comes from, and what is said besides it.
///
/// Made by [`suite!`](crate::suite!); its methods are that macro's options.
pub struct Suite {
    give: Box<dyn FnOnce() -> Result<Policy, String>>,
    cases: u32,
    skipped: Vec<(&'static str, &'static str)>,
    keys: Vec<String>,
    samples: Vec<Sample>,
    evidence: Option<PathBuf>,
}

/// A secret of the service's own.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&mut Seed) -> String,
}

impl Suite {
    /// A suite for the policy that this function gives.
    pub fn new<G: GivesPolicy>(policy: impl FnOnce() -> G + 'static) -> Suite {
        Suite {
            give: Box::new(|| policy().give()),
            cases: CASES,
            skipped: Vec::new(),
            keys: Vec::new(),
            samples: Vec::new(),
            evidence: None,
        }
    }

    /// Cases per rule, 2 if nobody says otherwise: two minutes of one core in a debug build, with every shape in each case.
    #[must_use]
    pub fn cases(mut self, cases: u32) -> Suite {
        self.cases = cases.max(1);
        self
    }

    /// Does not run a rule, named as its test is. The reason stands in the evidence, where the rule is "not claimed".
    ///
    /// # Panics
    /// If there is no such test, or no reason: every test of the suite fails then.
    #[must_use]
    pub fn skip(mut self, test: &'static str, reason: &'static str) -> Suite {
        assert!(crate::rules::find(test).is_some(), "skip: no rule's test is called {test}");
        assert!(test != crate::rules::POLICY, "skip: without a valid policy nothing can be claimed");
        assert!(reason.trim().len() >= 10, "skip: {test} needs a reason that an auditor can read");
        self.skipped.push((test, reason));
        self
    }

    /// Names of the service's own fields whose values must never come out.
    #[must_use]
    pub fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Suite {
        self.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// A kind of secret of the service's own: makes one from a seed, at least 12 characters that are unlike any other.
    /// None may come out, wherever it stands.
    #[must_use]
    pub fn sample(mut self, name: &'static str, make: fn(&mut Seed) -> String) -> Suite {
        self.samples.push(Sample { name, make });
        self
    }

    /// Where results go, instead of `target/dihya-evidence`; the variable `DIHYA_EVIDENCE` decides over both.
    #[must_use]
    pub fn evidence(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.evidence = Some(folder.into());
        self
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("cases", &self.cases)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

/// What the function given to [`suite!`](crate::suite!) may answer.
pub trait GivesPolicy {
    /// The policy, or why there is none.
    ///
    /// # Errors
    /// What the service would say when it cannot start.
    fn give(self) -> Result<Policy, String>;
}

impl GivesPolicy for Policy {
    fn give(self) -> Result<Policy, String> {
        Ok(self)
    }
}

/// As a `main` that returns the error, the suite shows its `Debug`: for a [`dihya::PolicyError`] that is the report.
impl<E: fmt::Debug> GivesPolicy for Result<Policy, E> {
    fn give(self) -> Result<Policy, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Every shape with a share of the detectors, in each; more take a debug build long.
const CASES: u32 = 2;

/// One named test per rule, for the policy that this function gives: see [`suite`](mod@crate::suite).
#[macro_export]
macro_rules! suite {
    (mod $module:ident = $policy:expr $(, $option:ident ( $($value:expr),* $(,)? ))* $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            fn suite() -> $crate::suite::Suite {
                $crate::suite::Suite::new($policy)$(.$option($($value),*))*
            }

            $crate::__tests! { suite }
        }
    };
    ($policy:expr $(, $option:ident ( $($value:expr),* $(,)? ))* $(,)?) => {
        $crate::suite!(mod dihya_suite = $policy $(, $option($($value),*))*);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($suite:ident) => {
        $crate::__tests! { $suite:
            a_valid_policy_is_given
            class_01_a_field_leaks_nothing
            class_02_spellings_of_a_name_leak_nothing
            class_03_the_message_leaks_nothing
            class_04_key_and_value_in_prose_leak_nothing
            class_05_json_leaks_nothing
            class_06_json_within_json_leaks_nothing
            class_07_a_debugged_struct_leaks_nothing
            class_08_a_pretty_struct_leaks_nothing
            class_09_tuples_enums_and_options_leak_nothing
            class_10_headers_leak_nothing
            class_11_userinfo_of_a_url_leaks_nothing
            class_12_a_query_leaks_nothing
            class_13_a_fragment_leaks_nothing
            class_14_percent_encoding_leaks_nothing
            class_15_base64_leaks_nothing
            class_16_basic_authentication_leaks_nothing
            class_17_hexadecimal_leaks_nothing
            class_18_escapes_and_entities_leak_nothing
            class_19_a_list_of_bytes_leaks_nothing
            class_20_causes_of_an_error_leak_nothing
            class_21_a_panic_leaks_nothing
            class_22_names_of_spans_and_targets_leak_nothing
            class_23_a_spans_field_leaks_nothing
            class_24_a_late_field_of_a_span_leaks_nothing
            class_25_a_span_above_leaks_nothing
            class_26_a_fields_name_leaks_nothing
            class_27_a_secret_split_over_fields_leaks_nothing
            class_28_block_edges_leak_nothing
            class_29_a_maximum_length_leaks_nothing
            class_30_a_private_key_over_lines_leaks_nothing
            class_31_invisible_characters_leak_nothing
            class_32_look_alike_characters_leak_nothing
            class_33_control_characters_leak_nothing
            class_34_numbers_leak_nothing
            class_35_grouped_digits_leak_nothing
            class_36_neighbours_leak_nothing
            class_37_connection_strings_leak_nothing
            class_38_what_breaks_a_formatter_leaks_nothing
            every_detector_finds_its_own_example
            keys_of_the_service_are_hidden
            samples_of_the_service_are_hidden
            ordinary_lines_survive
            ordinary_fields_survive
            strict_channels_keep_declared_fields_only
            redacting_twice_equals_once
            records_follow_their_schema
            no_value_breaks_a_line_or_forges_a_key
            the_mirror_shows_nothing
            the_console_shows_nothing
            metrics_show_nothing
            error_texts_show_nothing
            panics_are_recorded_and_shown_redacted
            panicking_values_lose_no_record
            values_that_log_lose_no_record
            commit_means_durable
            crashes_keep_what_was_committed
            full_queues_are_told
            silenced_audit_channels_are_told
            only_the_owner_reads_the_files
            no_change_to_the_log_goes_unnoticed
            the_policy_shows_back_to_itself
            retention_is_in_order_on_every_day
            periods_follow_the_calendar
            long_retention_is_justified
            sector_limits_are_kept
            records_go_neither_early_nor_late
            held_records_are_kept
            implausible_clocks_purge_nothing
        }
    };
    ($suite:ident: $($test:ident)*) => {
        $(
            #[test]
            fn $test() -> ::std::result::Result<(), $crate::suite::Failure> {
                $crate::suite::run(
                    $suite,
                    $crate::suite::Site::new(
                        [
                            option_env!("CARGO_PKG_NAME"),
                            option_env!("CARGO_PKG_VERSION"),
                            option_env!("CARGO_CRATE_NAME"),
                            option_env!("CARGO_BIN_NAME"),
                            option_env!("CARGO_TARGET_TMPDIR"),
                        ],
                        file!(),
                        module_path!(),
                    ),
                    stringify!($test),
                )
            }
        )*

        /// Every test of the suite, for a check that none is missing.
        #[allow(dead_code)]
        pub(crate) const TESTS: &[&str] = &[$(stringify!($test)),*];
    };
}
