//! What services log all day, with nothing to hide in it: a detector that matches much of it is a mistake.

/// What is in a line, and the line.
pub(crate) const LINES: [(&str, &str); 40] = [
    ("a sentence", "served the request in time, nothing to report"),
    ("a sentence", "the user cancelled the order before it was paid"),
    ("a sentence", "Connection to the database was closed by the server; trying again in 5 seconds"),
    ("a sentence in French", "le dossier a été créé, la prochaine sauvegarde est prévue à minuit"),
    ("a UUID", "request_id=550e8400-e29b-41d4-a716-446655440000 accepted"),
    ("a UUID", "opened record 7d444840-9dc0-11d1-b245-5ffdce74fad2 of the archive"),
    ("a trace id", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7"),
    ("a Git commit", "deployed 9fceb02d0ae598e95dc970b74767f19372d61af8 from main"),
    ("a digest", "pulled sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("a time", "2026-03-01T09:12:33.123456Z started"),
    ("a time", "[01/Mar/2026:09:12:33 +0000] rotated"),
    ("a time in nanoseconds", "started_ns=1700000000123456789 finished_ms=1700000000123"),
    ("a date", "backup of 2026-03-01 kept until 2027-03-01"),
    ("a version", "dihya 0.1.0-rc.1+build.5 on rustc 1.95.0"),
    ("a path", "wrote /var/lib/clinic/exports/2026/report-03.csv"),
    ("a Rust path", "clinic::api::patients: handler finished"),
    ("a source line", "thread 'main' panicked at src/main.rs:10:5: index out of bounds: the len is 3"),
    ("a backtrace", "   1: core::panicking::panic_fmt at 0x00007f3a1c2b4d10"),
    ("a URL", "GET https://api.example.com/v1/patients?page=2&limit=50"),
    ("a route", "method=GET route=/v1/patients/{id} status=200 latency_us=1834"),
    ("an access log line", "127.0.0.1 - - \"GET /assets/app.3f2a91bc.js?v=1.2.3 HTTP/1.1\" 304 -"),
    ("an IPv4 address", "listening on 127.0.0.1:3000"),
    ("an IPv6 address", "connection from [2001:db8::8a2e:370:7334]:443"),
    ("a MAC address", "eth0 00:1b:44:11:3a:b7 up"),
    ("a number", "exported=1200 skipped=3 total=48213"),
    ("a number", "order_id=10042 items=3 amount=129.90 EUR"),
    ("a size", "flushed 142 bytes, 3.2 MiB left of 256 MiB"),
    ("a duration", "elapsed: 12.5ms, retries: 0, next run in 5h"),
    ("JSON", "{\"status\":\"ok\",\"count\":3,\"items\":[\"a\",\"b\"],\"next\":null}"),
    ("a Debug struct", "Response { status: 404, version: HTTP/1.1, body: Body(Empty) }"),
    ("a Debug error", "Os { code: 2, kind: NotFound, message: \"No such file or directory\" }"),
    ("SQL", "SELECT p.id, p.created_at FROM patients p WHERE p.id = $1 LIMIT 10"),
    ("a database error", "UNIQUE constraint failed: records.id (code: 1555)"),
    ("a header", "content-type: application/json; charset=utf-8"),
    ("an entity tag", "etag: W/\"5d8c72a5edda8d6a-1f\" cache-control: no-cache"),
    ("a user agent", "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("an identifier", "job=nightly_export worker=worker-7 queue=default_high"),
    ("an identifier in camel case", "userService.loadProfile finished for tenantId=acme"),
    ("a constant", "RUST_LOG=info SERVICE_MODE=PRODUCTION"),
    ("a cloud region", "bucket backups-eu-west-3 in eu-west-3a, pod api-7c9d8b6f5-x2k4q"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::inspect::detect;

    #[test]
    fn the_built_in_detectors_find_nothing_in_them() {
        for (what, line) in LINES {
            assert_eq!(detect(line), [], "{what}: {line}");
        }
    }
}
