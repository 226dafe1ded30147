//! The faults. To add one: a row with a text that stands once in its file, as short as that allows.

use std::path::Path;

/// A change that breaks redaction, or what tests of redaction rest upon.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// From the root of the tree.
    pub(super) file: &'static str,
    /// Stands there once.
    pub(super) find: &'static str,
    pub(super) replace: &'static str,
    /// What goes wrong then.
    pub(super) breaks: &'static str,
    /// The test that must fail: `binary::name`.
    pub(super) caught_by: &'static str,
}

impl Fault {
    /// The file with the fault.
    pub(super) fn apply(&self, root: &Path) -> Result<String, String> {
        let text = std::fs::read_to_string(root.join(self.file))
            .map_err(|error| format!("{}: {}: {error}", self.name, self.file))?;
        match text.matches(self.find).count() {
            1 => Ok(text.replacen(self.find, self.replace, 1)),
            0 => Err(format!("{}: `{}` is not there in {}", self.name, self.find, self.file)),
            more => Err(format!("{}: `{}` is there {more} times in {}", self.name, self.find, self.file)),
        }
    }
}

const fn fault(
    name: &'static str,
    file: &'static str,
    [find, replace]: [&'static str; 2],
    breaks: &'static str,
    caught_by: &'static str,
) -> Fault {
    Fault { name, file, find, replace, breaks, caught_by }
}

const SCAN: &str = "layer/src/redact/scan.rs";
const VALUES: &str = "layer/src/values.rs";
const CALLSITE: &str = "layer/src/callsite.rs";
const CORE: &str = "layer/src/core.rs";
const SPAN: &str = "layer/src/span.rs";
const ESCAPE: &str = "layer/src/redact/decode/escape.rs";
const WORD: &str = "layer/src/redact/decode/word.rs";
const LIST: &str = "layer/src/redact/decode/list.rs";
const VIEW: &str = "layer/src/redact/decode/view.rs";
const DECODE: &str = "layer/src/redact/decode.rs";
const NUMBER: &str = "layer/src/redact/detect/number.rs";
const AVX2: &str = "layer/src/redact/scan/filter/avx2.rs";
const FILTER: &str = "layer/src/redact/scan/filter.rs";
const KEYS: &str = "layer/src/redact/keys.rs";
const FMT: &str = "layer/src/fmt/redactor.rs";

pub(super) static FAULTS: &[Fault] = &[
    // Detectors
    fault(
        "a detector off",
        SCAN,
        [
            "(0..DETECTORS.len()).filter(on), &policy.detectors",
            "(0..DETECTORS.len()).filter(|index| DETECTORS[*index].name != \"jwt\"), &policy.detectors",
        ],
        "no JWT is found",
        "leaks::the_message_shows_no_secret",
    ),
    fault(
        "policy cannot switch off",
        SCAN,
        ["!policy.off.iter().any(|name| name == detector.name)", "true"],
        "`off` in a policy is not followed",
        "harness::a_failure_names_detector_class_shape_and_seed_and_never_the_secret",
    ),
    fault(
        "url userinfo off",
        "layer/src/redact/detect/url.rs",
        [
            "return (secret && !user.is_empty()).then(|| start..start + at_sign);",
            "return (user.len() > 200 && secret).then(|| start..start + at_sign);",
        ],
        "passwords in URLs stay",
        "leaks::a_url_shows_no_password",
    ),
    fault(
        "PEM ends at the first line",
        "layer/src/redact/detect/key_block.rs",
        [
            "None => value.len(),\n    }\n}\n\n/// After the dashes",
            "None => at,\n    }\n}\n\n/// After the dashes",
        ],
        "a private key that was cut stays",
        "leaks::a_private_key_over_several_lines_is_hidden",
    ),
    fault(
        "no separators but blanks",
        NUMBER,
        ["[b' ' | b'-' | b'.' | b'\\t'", "[b' ' | b'\\t'"],
        "cards in groups with dashes and dots stay",
        "leaks::grouped_digits_show_no_number_of_a_person",
    ),
    fault(
        "card by Luhn alone",
        NUMBER,
        [
            "!brand_lengths(digits).is_empty();\n    let is = |digits: &[u8]| brand_lengths(digits).contains(&digits.len()) &&",
            "!digits.is_empty();\n    let is = |digits: &[u8]| digits.len() >= 13 &&",
        ],
        "ordinary numbers that pass a checksum are hidden",
        "laws::ordinary_lines_go_through_unchanged",
    ),
    fault(
        "card without Luhn",
        NUMBER,
        [
            "brand_lengths(digits).contains(&digits.len()) && luhn(digits);",
            "brand_lengths(digits).contains(&digits.len());",
        ],
        "ordinary numbers of a card's length are hidden",
        "laws::ordinary_lines_go_through_unchanged",
    ),
    fault(
        "IBAN without mod 97",
        NUMBER,
        ["(remainder == 1).then_some(at..end)", "(remainder < 98).then_some(at..end)"],
        "ordinary references that begin like an IBAN are hidden",
        "laws::ordinary_lines_go_through_unchanged",
    ),
    fault(
        "glued tail stays",
        "layer/src/redact/detect.rs",
        ["if run < min {", "if run < min || run > 45 {"],
        "tokens longer than usual stay",
        "leaks::a_field_shows_no_secret",
    ),
    // Names
    fault(
        "a stem missing",
        "layer/src/redact/keys/table.rs",
        ["            \"password\",\n            \"passwd\",", "            \"passwd\","],
        "`password` names nothing",
        "leaks::prose_shows_no_value_beside_its_key",
    ),
    fault(
        "no denials",
        "layer/src/redact/keys.rs",
        [
            "if word.texts.len() > 1 && name.letters.get(end) == Some(&b's')",
            "if name.letters.get(end) == Some(&b's')",
        ],
        "`tokens` and other plurals that name no secret are hidden",
        "laws::ordinary_lines_go_through_unchanged",
    ),
    fault(
        "names of fields mask nothing",
        CALLSITE,
        ["KeyAction::Mask(class) => Action::Mask(Label::key(class)),", "KeyAction::Mask(_) => Action::Scan,"],
        "`password = …` is scanned like any other field",
        "leaks::a_field_shows_no_secret",
    ),
    fault(
        "names within texts mask nothing",
        KEYS,
        [
            "KeyAction::Mask(class @ (KeyClass::Custom | KeyClass::Authentication | KeyClass::Payment)) => {",
            "KeyAction::Mask(class @ KeyClass::Custom) => {",
        ],
        "`password=…` in a text stays",
        "leaks::json_shows_no_secret",
    ),
    // Decoding
    fault(
        "percent signs not decoded",
        ESCAPE,
        ["b'%' => percent(rest),", "b'%' => None,"],
        "percent-encoded secrets stay",
        "leaks::percent_encoding_shows_no_secret",
    ),
    fault(
        "entities not decoded",
        ESCAPE,
        ["b'&' => entity(rest),", "b'&' => None,"],
        "`&#65;` stays",
        "leaks::escapes_and_entities_show_no_secret",
    ),
    fault(
        "\\u not decoded",
        ESCAPE,
        ["b'u' => return unicode(rest),", "b'u' => return None,"],
        "`\\u0041` stays",
        "leaks::escapes_and_entities_show_no_secret",
    ),
    fault(
        "\\x not decoded",
        ESCAPE,
        ["_ => (4, Byte(hex(rest.get(2..4)?)? as u8)),", "_ => return None,"],
        "`\\x41` stays",
        "leaks::escapes_and_entities_show_no_secret",
    ),
    fault(
        "control characters kept",
        ESCAPE,
        ["0x00..=0x1f | 0x7f => Some((control(rest), Nothing)),", "0x00..=0x1f | 0x7f => None,"],
        "a colour within a secret hides it",
        "leaks::control_characters_let_no_secret_through",
    ),
    fault(
        "no folding",
        VIEW,
        [
            "Some(char) if fold::fold(char, &mut self.text) => {",
            "Some(char) if char == '\\u{9b}' && fold::fold(char, &mut self.text) => {",
        ],
        "zero-width, wide and look-alike characters hide secrets",
        "leaks::invisible_characters_let_no_secret_through",
    ),
    fault(
        "base64 not decoded",
        DECODE,
        ["Form::Base64 { skip } => word::base64(&text[start..end], skip, to),", "Form::Base64 { .. } => {}"],
        "secrets in base64 stay",
        "leaks::base64_shows_no_secret",
    ),
    fault(
        "base64 at one phase",
        WORD,
        ["base64[(count + 1) % 4] = true;", "base64[0] = true;"],
        "base64 within a longer word stays",
        "leaks::base64_shows_no_secret",
    ),
    fault(
        "hexadecimal not decoded",
        DECODE,
        ["Form::Hex { skip } => word::hex(&text[start..end], skip, to),", "Form::Hex { .. } => {}"],
        "secrets in hexadecimal stay",
        "leaks::hexadecimal_shows_no_secret",
    ),
    fault(
        "lists of bytes not decoded",
        LIST,
        ["if !self.not_decimal {", "if false {"],
        "the `Debug` of bytes stays",
        "leaks::a_list_of_bytes_shows_no_secret",
    ),
    fault(
        "lists in hexadecimal not decoded",
        LIST,
        ["if !self.not_hex {", "if false {"],
        "`{:x?}` of bytes stays",
        "leaks::a_list_of_bytes_shows_no_secret",
    ),
    fault(
        "one level of decoding",
        DECODE,
        ["pub(crate) const LEVELS: usize = 3;", "pub(crate) const LEVELS: usize = 1;"],
        "what is encoded twice stays",
        "leaks::percent_encoding_shows_no_secret",
    ),
    fault(
        "two levels of decoding",
        DECODE,
        ["pub(crate) const LEVELS: usize = 3;", "pub(crate) const LEVELS: usize = 2;"],
        "what is encoded three times stays",
        "leaks::base64_shows_no_secret",
    ),
    fault(
        "finds in a view not mapped back",
        VIEW,
        [
            "true => first.source as usize + range.start - first.start as usize,",
            "true => first.source as usize + range.start - first.start as usize + 1,",
        ],
        "a find behind an escape is hidden from its second byte on",
        "laws::a_marker_is_all_that_stands_in_a_secrets_place",
    ),
    fault(
        "views only where a sign asks",
        DECODE,
        ["let escaped = notes.escaped || odd && view::is_worth_it(text);", "let escaped = notes.escaped;"],
        "backslashes and disguises are not looked behind",
        "leaks::escapes_and_entities_show_no_secret",
    ),
    // The scan
    fault(
        "overlaps not merged",
        SCAN,
        ["kept.end = kept.end.max(next.end);", ""],
        "of two finds that overlap the second one's tail stays",
        "beyond::a_redacted_fmt_layer_shows_no_secret",
    ),
    fault(
        "vectors look at half a block",
        AVX2,
        ["let high = half::<{ BLOCK / 2 }>(", "let high = half::<0>("],
        "what begins in every other 32 bytes stays",
        "leaks::no_block_edge_lets_a_secret_through",
    ),
    fault(
        "vectors end one block early",
        FILTER,
        [
            "return avx2::padded(self, bytes, blocks, to);",
            "return avx2::padded(self, bytes, blocks.saturating_sub(1), to);",
        ],
        "what stands in the last block stays",
        "leaks::no_block_edge_lets_a_secret_through",
    ),
    fault(
        "vectors off by one at an edge",
        AVX2,
        [
            "let second = nibbles(load(bytes, AT + 1));",
            "let second = nibbles(load(bytes, if AT == 0 { AT + 1 } else { AT }));",
        ],
        "the second byte of a stem is read from the wrong place in every other half",
        "leaks::no_block_edge_lets_a_secret_through",
    ),
    fault(
        "marker with the length",
        SCAN,
        [
            "        hit.label.write_marker(to);\n        masked",
            "        hit.label.write_marker(to);\n        to.extend_from_slice((hit.end - hit.start).to_string().as_bytes());\n        masked",
        ],
        "a marker tells how long the secret was",
        "laws::a_marker_is_all_that_stands_in_a_secrets_place",
    ),
    fault(
        "marker with a part of the secret",
        SCAN,
        [
            "        hit.label.write_marker(to);\n        masked",
            "        hit.label.write_marker(to);\n        to.extend_from_slice(&bytes[hit.end as usize - 4..hit.end as usize]);\n        masked",
        ],
        "a marker shows the last four characters",
        "laws::a_marker_is_all_that_stands_in_a_secrets_place",
    ),
    // Values
    fault(
        "events not scanned",
        CORE,
        [
            "event.record(&mut Visitor { plan: &plan.fields, values: &mut work.values });\n        rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);",
            "event.record(&mut Visitor { plan: &plan.fields, values: &mut work.values });\n        work.found.shrink();",
        ],
        "no value of an event is looked at",
        "leaks::the_message_shows_no_secret",
    ),
    fault(
        "direct records not scanned",
        CORE,
        [
            "fill(&mut work.values);\n            rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);",
            "fill(&mut work.values);\n            work.found.shrink();",
        ],
        "`Handle::record` writes what it is given",
        "leaks::a_field_shows_no_secret",
    ),
    fault(
        "truncation before redaction",
        VALUES,
        [
            "        if text.len() > VALUE_MAX || self.bytes.len() > EVENT_MAX {\n            return self.marker(field, Label::OVERRUN);\n        }\n        let start",
            "        let text = text.get(..VALUE_MAX).unwrap_or(text);\n        let start",
        ],
        "a value that is too long is cut, and what is left of the secret at its end stays",
        "beyond::a_redacted_fmt_layer_shows_no_secret",
    ),
    fault(
        "overrun passes",
        VALUES,
        ["Some(_) if sink.full => Label::OVERRUN,", "Some(_) if sink.full => return Ok(()),"],
        "the first part of what is too long to format is written",
        "beyond::a_redacted_fmt_layer_shows_no_secret",
    ),
    fault(
        "what a panicking Debug wrote stays",
        VALUES,
        ["None => Label::PANIC,", "None => return Ok(()),"],
        "a value whose formatting panics shows what it wrote before",
        "leaks::what_breaks_a_formatter_shows_no_secret",
    ),
    fault(
        "what a failing Display wrote stays",
        VALUES,
        ["Some(Err(_)) => Label::UNFORMATTABLE,", "Some(Err(_)) => return Ok(()),"],
        "a value whose formatting fails shows what it wrote before",
        "leaks::what_breaks_a_formatter_shows_no_secret",
    ),
    fault(
        "a panicking Debug is not caught",
        VALUES,
        ["match catch_unwind(AssertUnwindSafe(f)) {", "match Ok::<_, ()>(f()) {"],
        "a value whose formatting panics takes the service with it",
        "leaks::what_breaks_a_formatter_shows_no_secret",
    ),
    fault(
        "causes of an error left out",
        VALUES,
        ["write!(f, \": {error}\")?;", "let _ = error;"],
        "what an error's causes say does not come out, secret or not",
        "laws::the_causes_of_an_error_are_told",
    ),
    fault(
        "bytes are not scanned",
        VALUES,
        [
            "0..=VALUE_MAX => self.values.text(index, &String::from_utf8_lossy(value)),",
            "0..=VALUE_MAX => self.values.noted.clear(),",
        ],
        "bytes do not come out, secret or not",
        "laws::every_kind_of_value_comes_out",
    ),
    fault(
        "u128 as hexadecimal",
        VALUES,
        [
            "    fn record_u128(&mut self, field: &Field, value: u128) {\n        if let Some(index) = self.wanted(field) {\n            self.values.display(index, Kind::Text, &value);",
            "    fn record_u128(&mut self, field: &Field, value: u128) {\n        if let Some(index) = self.wanted(field) {\n            self.values.format(index, Kind::Text, format_args!(\"{value:x}\"));",
        ],
        "a card number as u128 is written in another base",
        "laws::ordinary_fields_of_every_type_go_through_unchanged",
    ),
    // Names that `tracing` gives
    fault(
        "names of fields not scanned",
        CALLSITE,
        ["self.scanner.write_text(&self.keys, name, &mut first);", "escape::string(&mut first, name);"],
        "a secret in a field's name stays",
        "leaks::a_fields_name_shows_no_secret",
    ),
    fault(
        "targets and event names not scanned",
        CALLSITE,
        [
            "        let before = to.len();\n        self.scanner.write_text(&self.keys, name, to);",
            "        let before = to.len();\n        escape::string(to, name);",
        ],
        "a secret in a target stays",
        "leaks::names_of_spans_and_targets_show_no_secret",
    ),
    fault(
        "names of spans not scanned",
        SPAN,
        [
            "thread.rules.scanner.write_text(&thread.rules.keys, metadata.name(), &mut name);",
            "escape::string(&mut name, metadata.name());",
        ],
        "a secret in a span's name stays",
        "leaks::names_of_spans_and_targets_show_no_secret",
    ),
    fault(
        "fields of spans not scanned",
        SPAN,
        ["rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);", "work.found.shrink();"],
        "secrets in spans stay",
        "leaks::a_spans_field_shows_no_secret",
    ),
    fault(
        "late fields of spans not scanned",
        SPAN,
        [
            "Thread::with(core, |thread| record_fields(thread, &plan, |visitor| values.record(visitor), &mut fields));",
            "Thread::with(core, |thread| {\n        let work = &mut thread.work;\n        work.values.clear();\n        values.record(&mut Visitor { plan: &plan, values: &mut work.values });\n        work.found.shrink();\n        write_fields(&plan, &work.values, &work.found, &mut work.outcome, &mut fields);\n    });",
        ],
        "secrets that are recorded after a span was made stay",
        "leaks::a_spans_late_field_shows_no_secret",
    ),
    fault(
        "late fields of spans lost",
        SPAN,
        ["core.span_epoch.fetch_add(1, Ordering::AcqRel);", ""],
        "records tell what a span was, not what it is",
        "laws::what_a_span_is_told_late_is_told_at_once",
    ),
    // Strict channels
    fault(
        "strict off",
        CALLSITE,
        [
            "_ if undeclared => Action::Mask(Label::STRICT),",
            "_ if undeclared && name.is_empty() => Action::Mask(Label::STRICT),",
        ],
        "fields that a strict channel does not declare are written",
        "strict::a_strict_channel_stops_what_content_cannot_show",
    ),
    fault(
        "strict off in spans",
        SPAN,
        [
            "Some(declared) if !declared.iter().any(|d| d == name.name()) => {",
            "Some(declared) if declared.is_empty() => {",
        ],
        "spans' fields that a strict channel does not declare are written",
        "strict::a_strict_channel_stops_what_content_cannot_show",
    ),
    // Other outputs
    fault(
        "panic message raw",
        "layer/src/panic.rs",
        ["shown(text).lines()", "text.lines()"],
        "a panic shows its message on stderr as it is",
        "panics::a_panic_shows_no_secret",
    ),
    fault(
        "formatter beside ours raw",
        FMT,
        ["self.0.scanner.scan(&self.0.keys, values, found);", "found.shrink();"],
        "the redacting `fmt` layer and writer redact nothing by value",
        "beyond::a_redacted_fmt_layer_shows_no_secret",
    ),
    fault(
        "formatter beside ours ignores names",
        FMT,
        ["KeyAction::Mask(class) => Action::Mask(Label::key(class)),", "KeyAction::Mask(_) => Action::Scan,"],
        "the redacting `fmt` layer redacts nothing by name",
        "beyond::a_redacted_fmt_layer_shows_no_secret",
    ),
    fault(
        "console as it comes",
        "layer/src/mirror.rs",
        [
            "crate::record::escape::content(&mut escaped, text);",
            "escaped.extend_from_slice(text.as_bytes());",
        ],
        "control characters reach a terminal",
        "panics::the_console_shows_no_control_character",
    ),
    fault(
        "redactions not counted",
        CORE,
        ["outcome.redactions.iter().for_each(|label| counters.redaction(label.index()));", ""],
        "metrics tell of no redaction",
        "snapshots::metrics_of_redactions",
    ),
    // What is captured must be there
    fault(
        "the queue loses a record",
        "layer/src/journal/queue.rs",
        [
            "state.bytes.extend_from_slice(line);",
            "if state.accepted % 50 != 31 {\n            state.bytes.extend_from_slice(line);\n        }",
        ],
        "one record in fifty is counted and not written",
        "laws::every_record_is_one_line_of_json_whatever_is_logged",
    ),
    fault(
        "commit before sync",
        "layer/src/journal/store.rs",
        ["if let Err(error) = live.file.sync() {", "if let Err(error) = io::Result::Ok(()) {"],
        "`commit` answers before the disk has the record",
        "durable::what_commit_has_answered_for_survives_a_power_cut",
    ),
    fault(
        "records of several lines",
        "layer/src/record/escape.rs",
        ["byte >= 0x20 && byte < 0x7f", "(byte >= 0x20 || byte == b'\\n') && byte < 0x7f"],
        "a line's break in a value breaks the record",
        "laws::every_record_is_one_line_of_json_whatever_is_logged",
    ),
];
