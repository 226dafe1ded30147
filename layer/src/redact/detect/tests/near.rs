//! What nearly has a detector's form and is none: it must stay. A table by detector for those that look at more than
//! a prefix; for the rest the row itself says what is too short, or of other characters.

use super::forms::redacted;
use super::*;

type Near = fn() -> Vec<String>;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_string()).collect()
}

/// By detector. Put together at run time, as the examples are.
const NEAR: &[(&str, Near)] = &[
    ("airtable_token", || {
        let hex = Alphabet::Hex.sample(39);
        vec![
            format!("patAbcdefghijklmn.{hex}"),
            format!("patAbcdefghijklm.{hex}0"),
            texts(&["patient.json"]).concat(),
        ]
    }),
    ("discord_token", || {
        let (first, last) = (Alphabet::Alnum.sample(21), Alphabet::Alnum.sample(27));
        vec![format!("MTA{first}"), format!("MTA{first}.ab.{last}"), format!("MTAx.abcdef.{last}")]
    }),
    ("telegram_token", || {
        vec![
            format!("1234:AA{}", Alphabet::Alnum.sample(33)),
            format!("12345678:AA{}", Alphabet::Alnum.sample(31)),
        ]
    }),
    ("sendgrid_key", || {
        let part = Alphabet::Alnum.sample(43);
        vec![format!("SG.short.{part}"), format!("SG.{}", &part[..22]), "SG.Data.Model".into()]
    }),
    ("private_key", || {
        let body = Alphabet::Alnum.sample(64);
        let public = ["PUBLIC", "KEY"].join(" ");
        vec![
            format!("-----BEGIN {public}-----\n{body}\n-----END {public}-----"),
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"),
            ["the PRIVATE", "KEY is missing"].join(" "),
        ]
    }),
    ("jwt", || texts(&["eyJhbGciOi", "eyJ.a.b", "heyJude"])),
    ("url_userinfo", || {
        texts(&[
            "https://host:8080/a@b",
            "ssh://git@host/x",
            "http://[::1]:80/@x",
            "https://host/path?mail=x@y",
            "http://{host}:{port}/x for somebody at home",
            "\"http://host:port\", \"x@y\"",
        ])
    }),
    ("bearer_token", || {
        texts(&["bearer authentication failed", "token expired", "token count", "bot traffic", "robot arm"])
    }),
    ("basic_auth", || {
        texts(&[
            "basic authentication",
            "Basic plan",
            "docker run -u 1000:1000 x",
            "sort -u file",
            "--user name",
        ])
    }),
    ("digest_auth", || texts(&["digest sha256:abc", "Digest username missing", "hawk identity"])),
    ("aws_secret_key", || {
        // The key id is hidden; the digest of something beside it stays.
        let id = format!("AKIA{}", Alphabet::Base32.sample(16));
        vec![format!("{id} {}", "0123456789abcdef".repeat(3)), format!("{id} {}", Alphabet::Alnum.sample(39))]
    }),
    ("keyed_secret", || {
        texts(&[
            "tokens_used=5",
            "primary_key: 42",
            "the key is missing",
            "password changed",
            "password is wrong",
            "invalid password for user bob",
            "token: expected `;` found `}`",
            "error: unexpected token: `;`",
            "token: invalid",
            "password: required",
            "Token(3)",
            "Token(Ident)",
            "Password(Option)",
            "check_password(user, &password)",
            "enter your password(s)",
            "fn token() -> Token",
            "get_secret() -> Option<String>",
            "Vec<Token> and Option<Secret>",
            "cat token | jq .",
            "[\"username\", \"password\", \"email\"]",
            "[\"username\",\"password\",\"email\"]",
            "expected one of `user`, `password`",
            "user,name,age\nbob,x,3",
            "password,user and more",
            "password,\nand the name",
            "<name>password</name>",
            "<key>value</key>",
            "{\"name\":\"route\",\"value\":\"/x\"}",
            "{\"type\":\"string\",\"name\":\"x\"}",
            "name=\"password\" is required",
            "mysql -h db -u root",
            "mysql is starting on port 3306",
            "curl -u https://h",
            "ldap server up",
            "docker run --name app_mysql -p3306:3306 mysql:8",
            "Vec<Option<Token>>(x) and <<Token as Trait>::Kind>",
            "mkdir -p dir; ssh -p 22 host; docker run -p 80:80 x",
            "oracle:thin:@host:1521/x",
            "/list?code=404&key=name",
            "the key: value",
            "code: 200",
            "password: SecretBox<str>([REDACTED])",
            "token: Sensitive",
            "password: ***",
            "PASSWORD= USER=x",
            "password:\nnext: 5",
            "secretary: Ann",
            "author: Ada",
            "the password is wrong",
            "password is too-short",
            "the token is base64-encoded",
            "your token is expired.",
            "token is 3600 seconds old",
            "the secret is out: rooms",
            "client secret is SHA256 of it",
            "private key is PKCS8",
            "the key is K3yb0ard",
            "token is JsonWebToken",
            "access token is OAuth2",
            "password is required!",
            "api key is {key}",
            "the password is $PASSWORD",
            "pin is 13",
            "Token { kind: Ident, value: \"foo\" }",
            "Token { value: \"foo\", span: 1..3 }",
            "Route { value: \"/x\" }",
            "Response {\n    text: \"ok\",\n}",
            "Ident(\n    \"x\",\n)",
            "app --token -v",
            "app --token-type bearer --tokens 5",
            "rooms, beds\n3, 4\n",
            "status is 70 61 73 73",
        ])
    }),
    ("card", || {
        vec![
            format!("{} {} {} {}", 4111, 1111, 1111, 1112),
            format!("{} {} {} {}", 9011, 1111, 1111, 1111),
            format!("0.{}{}", 41_111_111, 11_111_111),
            ["41", "11", "11", "11", "11", "11", "11", "11"].join("\t"),
            "2026/03/01 09:12:33 2026-03-01 09:12".into(),
            // As fours a card of another issuer is no habit of anybody's, and columns look like it.
            ["5018", "1111", "1111", "118"].join("\t"),
            ["4111", "1111", "1111", "112"].join("\u{b7}"),
        ]
    }),
    ("nir", || {
        texts(&["1 85 05 78 006 084 90", "3 85 05 78 006 084 91", "185132A00608435", "commit 2a0b2b0c2a1d"])
            .into_iter()
            .chain([
                // Not in the groups in which it is written.
                ["18", "50", "52A", "00", "60", "84", "35"].join("/"),
                ["1", "85", "05", "2A", "006", "084", "36"].join("\t"),
            ])
            .collect()
    }),
    ("iban", || {
        texts(&["GB82 WEST 1234 5698 7654 33", "ZZ82 WEST 1234 5698 7654 32", "FR14 2004", "a DE12 road"])
            .into_iter()
            .chain([
                // Letters and digits before it make another word of it.
                ["X7", "GB82", "WEST", "12345698", "765432"].concat(),
                ["IBAN", "GB82", "WEST", "12345698", "765433"].concat(),
                ["IBAN", "GB82", "WEST", "12345698", "7654320"].concat(),
            ])
            .collect()
    }),
    ("email", || texts(&["@handle", "user@localhost", "serde@1.0.229", "a%40b", "foo@^1.2"])),
];

#[test]
fn what_only_looks_like_a_secret_stays() {
    let mut failed = Vec::new();
    for (name, near) in NEAR {
        let marker = format!("[redacted:{name}]");
        let (row, _) =
            DETECTORS.iter().enumerate().find(|(_, row)| row.name == *name).expect("a detector of that name");
        assert!(redacted(&(DETECTORS[row].example)()).contains(&marker), "the control: {name}");
        for (i, text) in near().iter().enumerate() {
            for text in [text.clone(), format!("x {text} y"), format!("({text})")] {
                if redacted(&text).contains(&marker) {
                    failed.push(format!("{name} {i}: {}", redacted(&text)));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_detector_has_something_that_it_must_not_take() {
    for detector in DETECTORS {
        let by_row = !matches!(detector.verify, Verify::Custom(_));
        assert!(by_row || NEAR.iter().any(|(name, _)| *name == detector.name), "{}", detector.name);
    }
}

/// For rows of a prefix, an alphabet and a length: one character less, and one of another kind in the middle.
#[test]
fn tokens_one_character_too_short_stay() {
    for detector in DETECTORS {
        let (before, stems, alphabet, min) = match (detector.trigger, detector.verify) {
            (
                Trigger::Stems(stems),
                Verify::Token { alphabet, min } | Verify::WordToken { alphabet, min },
            ) => (0, stems, alphabet, min),
            (Trigger::Stems(stems), Verify::Middle { alphabet, before, after }) => {
                (before, stems, alphabet, after)
            }
            _ => continue,
        };
        for stem in stems {
            let head = alphabet.sample(before);
            let whole = format!("{head}{stem}{}", alphabet.sample(min));
            let short = format!("{head}{stem}{} x", alphabet.sample(min - 1));
            let broken =
                format!("{head}{stem}{}!{}", alphabet.sample(min / 2), alphabet.sample(min - 1 - min / 2));
            let find = |text: &str| detector.verify(&rules(), text.as_bytes(), before).is_some();
            assert!(find(&whole), "the control: {stem}");
            assert!(!find(&short) && !find(&broken), "{stem}");
        }
    }
}
