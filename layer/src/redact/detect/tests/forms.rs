//! The ways in which a name and its secret stand together in a value: nothing of the secret may be seen.

use std::sync::LazyLock;

use super::*;
use crate::redact::scan::Scanner;

/// As the engine does it.
pub(super) fn redacted(text: &str) -> String {
    static USUAL: LazyLock<(Scanner, KeyRules)> =
        LazyLock::new(|| (Scanner::new(&RedactPolicy::default()), rules()));
    USUAL.0.masked(&USUAL.1, text, &mut Vec::new())
}

/// Secrets without a form of their own, as awkward as they come.
const SECRETS: [&str; 3] = ["hunter2Zq", "kV9xw3Lm", "Str0ngEnough"];

/// Each form with `§` for the secret.
const FORMS: &[&str] = &[
    // Lists of pairs, arguments, maps
    r#"[("DB_PASSWORD", "§")]"#,
    r#"[(\"DB_PASSWORD\", \"§\")]"#,
    r#"[["authorization","§"],["x","y"]]"#,
    r#"("authorization", "§")"#,
    r#"(String("token"), "x") ("secret", Some("§"))"#,
    "(\n    \"DB_PASSWORD\",\n    \"§\",\n)",
    r#"(\n    \"DB_PASSWORD\",\n    \"§\",\n)"#,
    r#"["--password", "§"]"#,
    r#"["tool","--api-key","§","--verbose"]"#,
    "['--password', '§']",
    "('password', '§')",
    r#"("password", '§')"#,
    r#"["authorization", "§", "accept", "*/*"]"#,
    r#"{"DB_PASSWORD": "§", "PATH": "/bin"}"#,
    r#"{"authorization": "§", "accept": "*/*"}"#,
    r#"{"x-api-key": "§"}"#,
    // Types and calls
    r#"Token("§")"#,
    r#"Some(Token("§"))"#,
    r#"Token(\"§\")"#,
    "Password(§)",
    r#"set_password("§")"#,
    r#"set_password("bob", "§")"#,
    "set_password('§)x')",
    r#"ApiKey("§")"#,
    r#"Bearer("§")"#,
    r#"Credentials("bob", "§")"#,
    r#"Secret(Some("§"))"#,
    // Command lines
    "mysql -uroot -p§ db",
    "mysqldump --host db -p§",
    "redis-cli -h cache -a § ping",
    "sshpass -p § ssh host",
    "sshpass -p§ ssh host",
    "sshpass -p '§ x' ssh host",
    "/usr/bin/mysql -p§",
    r#"["mysql", "-p§"]"#,
    r#"["redis-cli", "-a", "§"]"#,
    r#"[\"sshpass\", \"-p\", \"§\"]"#,
    "curl -u user:§ https://h",
    "curl -uuser:§ https://h",
    "curl --user user:§",
    "curl --user=user:§",
    r#"["curl", "-u", "user:§"]"#,
    r#"["curl","-u","user:§"]"#,
    r#"[\"curl\", \"-u\", \"user:§\"]"#,
    "tool --password §",
    "tool --password=§",
    // Addresses
    "postgres://app:§\"x@db/x",
    "postgres://app:§ x@db/x",
    "https://bob:<password>§@host/",
    "token=mysql -u root -p§;secret=mysql -u root -p§",
    "jdbc:oracle:thin:app/§@//db:1521/x",
    "sqlplus app/§@db",
    "https://h/cb?code=§&state=1",
    "https://h/maps?key=§",
    // Lines and blocks
    "password:\n§",
    "password:\r\n§\r\nnext: 5",
    "password: |\n  §\nnext: 5",
    "password: >-\n  §\n  §\nnext: 5",
    "db:\n  secret:\n    inner: §\n  host: x",
    "passwords:\n  - §\n  - §\nhost: x",
    "password     : §",
    "password\t\t: §",
    "password      = §",
    "password= §",
    "password= \"§\"",
    r#"password["x"] = §"#,
    r#"config['password'] = '§'"#,
    // Headers
    "authorization: ApiKey id §",
    r#"Authorization: Hawk id="dh37", ts="1353832234", mac="§""#,
    r#"authorization: AWS4-HMAC-SHA256 Credential=x/20260301, SignedHeaders=host, Signature=§"#,
    r#"sent Hawk id="dh37", mac="§""#,
    r#"Authorization: Digest username="x", response="§""#,
    // Markup and forms
    "<password>§</password>",
    "<ns:password type=\"text\">§</ns:password>",
    "<pin>§</pin>",
    "<password>§",
    "<password><![CDATA[§]]></password>",
    "<password><value>§</value></password>",
    r#"<add key="password" value="§"/>"#,
    r#"<add value="§" key="password" />"#,
    r#"<property name="password">§</property>"#,
    r#"<input type="password" name="x" value="§">"#,
    "Content-Disposition: form-data; name=\"password\"\r\n\r\n§\r\n--b",
    r#"{"name":"password","value":"§"}"#,
    r#"{"name": "DB_PASSWORD", "type": "env", "value": "§"}"#,
    r#"{"key":"password","value":"§"}"#,
    r#"{"value":"§","name":"password"}"#,
    r#"{\"name\":\"password\",\"value\":\"§\"}"#,
    r#"Header { name: "authorization", value: "§" }"#,
    "- name: DB_PASSWORD\n  value: §",
    // Tables
    "user,password,age\nbob,§,3\nada,§,4",
    "user,password\nbob,§\n",
    "password,user\n§,bob",
    "user\tpassword\nbob\t§",
    " user | password \n------+----------\n bob  | §",
    "| user | password | age |\n|---|---|---|\n| bob | § | 5 |",
    "password -> §",
    "password => §",
    "password → §",
    "password\t§",
    "| password | § |",
    // Emphasis and quotes
    "**password**: §",
    "**password:** §",
    "`password`: §",
    "password: “§ x”",
    "password: «§ x»",
    "password: \"\"\"§\"\"\"",
    r#"password: \"\"\"§\"\"\""#,
    "password='§''§'",
    r#""{""password"": ""§""}""#,
    // Names
    "pw: §",
    "psk=§",
    "wpa_psk=§",
    "pepper=§",
    "kennwort: §",
    "пароль: §",
    "密码: §",
    "パスワード: §",
    "contraseña: §",
    "senha: §",
    "wachtwoord: §",
    "hasło: §",
    "heslo: §",
    "salasana: §",
    "lösenord: §",
    "adgangskode: §",
    "mật khẩu: §",
    "비밀번호: §",
    "كلمة المرور: §",
    // Sentences
    "password is §",
    "the password is §, please change it",
    "mot de passe est §",
    "the token is \"§\"",
    "api key was §.",
    "verification code is 48§",
    // Types of one field, broken lines
    "ApiKey { value: \"§\" }",
    "Password {\n    inner: \"§\",\n}",
    "Password(\n    \"§\",\n)",
    "Some(Password(\n    \"§\",\n))",
    r#"ApiKey {\n    value: \"§\",\n}"#,
    "set_card_number(\"§\")",
    "app --token § --next 5",
    "app --DB_PASSWORD § --next 5",
    r#"["mysql", "-p§ x y"]"#,
    r#"[\"mysql\", \"-p§ x y\"]"#,
    "mysql -p-u § x",
    "/cb?code=§!$*x&state=1",
    "card_number\t§",
    "dear user, user,cvv,n\nbob,§,7",
    // Near a key id, behind a weak name
    "key: §9aB3cD4eF5gH6iJ7kL8mN9oP0§",
];

#[test]
fn nothing_of_a_secret_beside_its_name_is_seen() {
    let mut failed = Vec::new();
    for form in FORMS {
        for around in ["@", "before @ after", "(@)", "\"@\"", "x\n@\ny"] {
            let is_seen = SECRETS.iter().any(|secret| {
                let text = around.replace('@', "\0").replace('\0', &form.replace('§', secret));
                assert!(text.contains(secret), "the control");
                let seen = redacted(&text);
                // Half of it is too much.
                seen.contains(&secret[..secret.len() - 3]) || seen.contains(&secret[3..])
            });
            if is_seen {
                failed.push(around.replace('@', form));
            }
        }
    }
    assert!(failed.is_empty(), "{} are seen, as in {:#?}", failed.len(), failed);
}

#[test]
fn every_example_is_hidden_in_json_within_json() {
    let escape = |text: &str| {
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t")
    };
    let mut failed = Vec::new();
    for (row, detector) in DETECTORS.iter().enumerate() {
        let example = (detector.example)();
        let mut text = example.clone();
        for level in 1..=3 {
            text = format!("{{\"note\":\"{}\"}}", escape(&text));
            let mut secret = example
                .split(|c: char| !c.is_ascii_alphanumeric())
                .max_by_key(|word| word.len())
                .unwrap_or("");
            if secret == "DB_PASSWORD" {
                secret = &example;
            }
            if redacted(&text).contains(secret) {
                failed.push(format!("{} (row {row}), level {level}", detector.name));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
