//! Shapes of the classes that only a strict channel stops for now: each hides the secret in the value of one field.

use tracing::error;

use super::Needs::Form;
use super::{Shape, shape};
use crate::search::base64;

pub(crate) static LATER: &[Shape] = &[
    shape(14, "error!(uri = percent-encoded …)", Form, |_, s, _| {
        let once: String = s.bytes().map(|byte| format!("%{byte:02X}")).collect();
        error!(uri = once.as_str(), again = once.replace('%', "%25").as_str());
    }),
    shape(15, "error!(data = base64(…))", Form, |_, s, _| {
        error!(
            data = base64(s.as_bytes(), false).as_str(),
            more = base64(format!("x{s}").as_bytes(), true).as_str()
        );
    }),
    shape(17, "error!(data = hex(…))", Form, |_, s, _| {
        let hex: String = s.bytes().map(|byte| format!("{byte:02x}")).collect();
        error!(data = hex.as_str(), more = hex.to_uppercase().as_str());
    }),
    shape(18, "error!(data = \"\\\\u0041…\")", Form, |_, s, _| {
        let escaped: String = s.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
        error!(data = escaped.as_str());
    }),
    shape(19, "error!(data = ?….as_bytes())", Form, |_, s, _| error!(data = ?s.as_bytes())),
    shape(27, "error!(a = <first half>, b = <second half>)", Form, |_, s, _| {
        let half = s.len() / 2;
        error!(a = &s[..half], b = &s[half..]);
    }),
    shape(31, "error!(data = … with zero-width spaces)", Form, |_, s, _| {
        error!(data = spliced(s, "\u{200b}").as_str())
    }),
    shape(32, "error!(data = … in full width)", Form, |_, s, _| {
        let wide = s
            .chars()
            .map(|c| if c.is_ascii_graphic() { char::from_u32(c as u32 + 0xfee0).unwrap_or(c) } else { c });
        error!(data = wide.collect::<String>().as_str());
    }),
];

fn spliced(text: &str, between: &str) -> String {
    text.chars().map(|c| format!("{c}{between}")).collect()
}
