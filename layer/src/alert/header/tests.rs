//! What is read of a stored record, whole, cut and made up.

use proptest::prelude::*;

use super::*;

const LINE: &str = r#"{"v":1,"id":"019ca8ab-bc63-774b-8000-000000000000","timestamp":"2026-03-01T09:12:33.123456Z","channel":"security","level":"SECURITY","event_name":"authn_login_fail","outcome":"failure","tenant_id":"t-1","user_id":"u \"7\"","subject_id":9,"message":"a \\\"text\\\", \"user_id\":\"x\"","target":"web::login","spans":[{"name":"request","attributes":{"client.address":"192.0.2.7","route":"/a"}},{"name":"in]ner","attributes":{"route":"/b"}}],"attributes":{"resource":"r-1","n":7,"hidden":"[redacted:email]","part":"x [redacted:card] y"},"redactions":{"card":1,"email":12},"service":{"name":"clinic"}}"#;
const TAIL: &[u8] = br#","service":{"name":"clinic"}}"#;

fn glance(line: &[u8]) -> Option<Glance<'_>> {
    Glance::new(line, &ChannelKey::new("security"))
}

fn header(line: &str) -> Header<'_> {
    glance(line.as_bytes()).unwrap().header("security", 5)
}

#[test]
fn a_header_has_what_the_record_says() {
    let header = header(LINE);
    assert_eq!(header.id(), "019ca8ab-bc63-774b-8000-000000000000");
    assert_eq!((header.channel(), header.level(), header.at()), ("security", "SECURITY", 5));
    assert_eq!(header.event_name(), Some("authn_login_fail"));
    assert_eq!(header.outcome(), Some("failure"));
    assert_eq!(header.tenant_id(), Some("t-1"));
    assert_eq!(header.user_id(), Some(r#"u \"7\""#));
    assert_eq!(header.subject_id(), Some("9"));
    assert_eq!(header.target(), Some("web::login"));
    assert_eq!(header.attribute("resource"), Some("r-1"));
    assert_eq!(header.attribute("n"), Some("7"));
    assert_eq!(header.attribute("route"), Some("/b"), "of the innermost span");
    assert_eq!(header.network(), Some("192.0.2.7"));
    assert_eq!(header.redactions(), 13);
    assert_eq!(header.attribute("absent"), None);
}

#[test]
fn what_was_redacted_is_nobodys_name() {
    let header = header(LINE);
    assert_eq!(header.attribute("resource"), Some("r-1"));
    assert_eq!((header.attribute("hidden"), header.attribute("part")), (None, None));
}

#[test]
fn redaction_is_seen_from_the_end_of_the_line() {
    let redacted = |line: &str| glance(line.as_bytes()).unwrap().is_redacted(TAIL);
    assert!(redacted(LINE));
    assert!(redacted(&LINE.replace("},\"service\"", "},\"truncated\":3,\"service\"")));
    let without = LINE.replace(r#","redactions":{"card":1,"email":12}"#, "");
    assert!(!redacted(&without));
    assert!(!redacted(&without.replace("},\"service\"", "},\"truncated\":3,\"service\"")));
    let numbers = without.replace(r#""hidden":"[redacted:email]","part":"x [redacted:card] y""#, r#""m":8"#);
    assert!(!redacted(&numbers), "attributes that end like a summary");
    let forged = without.replace("web::login", r#"x\",\"redactions\":{\"card\":1}"#);
    assert!(!redacted(&forged), "a text that looks like one");
    assert!(redacted(&LINE.replace("clinic", "another")), "of another service");
}

#[test]
fn what_is_no_record_has_no_header() {
    assert!(glance(LINE.as_bytes()).is_some());
    let other = LINE.replace("\"channel\":\"security\"", "\"channel\":\"app\"");
    for text in ["", "{}", "{\"seal\":{\"size\":1}}", &LINE[1..], &LINE[..90], &LINE[..120], &other] {
        assert!(glance(text.as_bytes()).is_none(), "{text}");
    }
}

fn read_all(line: &[u8]) {
    let Some(glance) = glance(line) else { return };
    let _ = (glance.time(), glance.is_redacted(TAIL), glance.is_redacted(b""));
    let header = glance.header("app", 0);
    let _ = (header.target(), header.network(), header.redactions(), header.attribute("n"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
        read_all(&[&LINE.as_bytes()[..110], &bytes].concat());
    }

    #[test]
    fn no_change_of_a_record_makes_it_panic(
        changes in proptest::collection::vec((0..LINE.len(), any::<u8>()), 0..8),
        cut in 0..LINE.len(),
    ) {
        let mut line = LINE.as_bytes().to_vec();
        for (at, byte) in changes {
            line[at] = byte;
        }
        read_all(&line);
        read_all(&line[..cut]);
    }
}
