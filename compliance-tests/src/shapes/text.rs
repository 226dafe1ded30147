//! Keys and values within a text: prose, JSON, tables, markup, settings, command lines.

use tracing::error;

use super::Needs::{Form, Key};
use super::{IN_TEXT, Shape, carry, json, shape};

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        shape(4, "error!(\"password=… next=5\")", Key, |_, s, seed| {
            let (key, sep) = (*seed.pick(IN_TEXT), *seed.pick(&["=", ": ", ":", " = ", "=>"]));
            error!("login {key}{sep}{s} next=5");
        }),
        shape(4, "error!(note = \"password=\\\"…\\\"\")", Key, |_, s, seed| {
            let (key, quote) = (*seed.pick(IN_TEXT), *seed.pick(&["\"", "'", "`"]));
            error!(note = %format!("login {key}={quote}{s}{quote}, next=5"));
        }),
        shape(4, "error!(\"note=… next=5\")", Form, |_, s, _| error!("note={s} next=5")),
        shape(5, "error!(body = {\"password\":\"…\"})", Key, |_, s, seed| {
            let (key, space) = (*seed.pick(IN_TEXT), *seed.pick(&["", " ", "\n  "]));
            error!(body = %format!("{{\"user\":\"bob\",{space}\"{key}\":{space}\"{s}\",\"n\":1}}"));
        }),
        shape(5, "error!(body = {\"note\":\"…\"})", Form, |_, s, _| {
            error!(body = %format!("{{\"id\":7,\"note\":\"{}\",\"n\":[1,2]}}", json(s)));
        }),
        shape(5, "error!(\"got [\\\"…\\\"]\")", Form, |_, s, _| error!("got [\"{}\", null]", json(s))),
        shape(
            6,
            "error!(body = {\"a\":\"{\\\"password\\\":\\\"…\\\"}\"}), up to three levels",
            Key,
            |_, s, seed| {
                let key = *seed.pick(IN_TEXT);
                let body =
                    nested(format!("{{\"user\":\"bob\",\"{key}\":\"{s}\",\"n\":1}}"), 1 + seed.below(3));
                error!(body = body.as_str(), "got {body}");
            },
        ),
        shape(
            6,
            "error!(body = {\"a\":\"{\\\"note\\\":\\\"…\\\"}\"}), up to three levels",
            Form,
            |_, s, seed| {
                error!(
                    body =
                        nested(format!("{{\"id\":7,\"note\":\"{}\"}}", json(s)), 1 + seed.below(3)).as_str()
                );
            },
        ),
        shape(37, "error!(dsn = \"host=db password=…\")", Key, |_, s, seed| {
            let dsn = match seed.below(9) {
                0 => format!("host=db user=app password={s} sslmode=require"),
                1 => format!("host=db user=app password='{s}' dbname=x"),
                2 => format!("Server=db;Uid=app;Pwd={s};Timeout=5"),
                3 => format!("Server=tcp:db,1433;User ID=app;Password={s}"),
                4 => format!("jdbc:postgresql://db/x?user=app&password={s}&ssl=true"),
                5 => format!("jdbc:mysql://app:{s}@db:3306/x"),
                6 => format!("export DATABASE_PASSWORD={s}\nPORT=80"),
                7 => format!("API_KEY=\"{s}\"\nMODE=prod"),
                _ => format!("curl -u app:{s} https://example.org"),
            };
            error!(note = dsn.as_str(), "starting with {dsn}");
        }),
    ];
    shapes.extend(written(PROSE));
    shapes
}

/// A class and a text, with `KEY` for a name and `…` for the secret.
type Written = (u8, &'static str);

/// Each as a shape that any carrier takes.
pub(super) fn written(texts: &'static [Written]) -> impl Iterator<Item = Shape> {
    texts.iter().map(|(class, text)| {
        shape(*class, *text, Key, move |scene, s, seed| {
            let key = *seed.pick(IN_TEXT);
            let text = text.replace("KEY", key).replace('…', s);
            carry(scene, &text, seed);
        })
    })
}

const PROSE: &[Written] = &[
    (4, "KEY is …"),
    (4, "KEY -> …"),
    (4, "KEY\t…"),
    (4, "KEY    : …"),
    (4, "KEY\t=\t…"),
    (4, "KEY= …"),
    (4, "KEY:\n…"),
    (4, "KEY: |\n  …\nnext: 5"),
    (4, "KEY: >-\n  …\nnext: 5"),
    (4, "KEY[\"x\"] = …"),
    (4, "**KEY**: …"),
    (4, "`KEY`: …"),
    (4, "| KEY | … |"),
    (4, "| name | value |\n| KEY | … |"),
    (4, "KEY: “…”"),
    (4, "KEY = «…»"),
    (4, "KEY=‘…’"),
    (4, "KEY=\"\"\"…\"\"\""),
    (4, "KEY=\"\"…"),
    (4, "set_KEY(\"…\")"),
    (4, "KEY(…)"),
    (4, "<KEY>…</KEY>"),
    (4, "<KEY type=\"x\">…</KEY>"),
    (4, "<add key=\"KEY\" value=\"…\"/>"),
    (4, "<input name=\"KEY\" type=\"x\" value=\"…\">"),
    (4, "form-data; name=\"KEY\"\r\n\r\n…\r\n--"),
    (4, "user,KEY,n\nbob,…,7"),
    (4, "user;KEY\nbob;…"),
    (4, "пароль: …"),
    (4, "密码：…"),
    (4, "パスワード=…"),
    (4, "contraseña: …"),
    (4, "senha=…"),
    (4, "wachtwoord: …"),
    (4, "hasło: …"),
    (4, "heslo=…"),
    (4, "salasana: …"),
    (4, "lösenord=…"),
    (4, "adgangskode: …"),
    (4, "kennwort=…"),
    (4, "Passwort: …"),
    (4, "mot de passe : …"),
    (4, "pw=…"),
    (4, "psk=…"),
    (4, "wpa_psk=…"),
    (4, "pepper=…"),
    (4, "authorization: ApiKey bob …"),
    (4, "Authorization: Hawk id=\"x\", mac=\"…\""),
    (
        4,
        "Authorization: AWS4-HMAC-SHA256 Credential=x/20260301/eu/s3/aws4_request, SignedHeaders=host, Signature=…",
    ),
    (5, "{\"name\":\"KEY\",\"value\":\"…\"}"),
    (5, "{\"key\": \"KEY\", \"value\": \"…\"}"),
    (5, "{\"value\":\"…\",\"name\":\"KEY\"}"),
    (5, "{\"KEY\":[\"…\"]}"),
    (5, "{\"KEY\":{\"raw\":\"…\"}}"),
    (5, "[\"KEY\",\"…\"]"),
    (5, "{'KEY': '…'}"),
    (6, "{\"a\":\"{\\\"name\\\":\\\"KEY\\\",\\\"value\\\":\\\"…\\\"}\"}"),
    (6, "[(\\\"KEY\\\", \\\"…\\\")]"),
    (37, "mysql -u app -p… clinic"),
    (37, "redis-cli -a … ping"),
    (37, "sshpass -p … ssh bob@host"),
    (37, "curl -u bob:… https://example.org"),
    (37, "curl --user bob:… https://example.org"),
    (37, "app --KEY … --next 5"),
    (37, "app --KEY=… --next=5"),
    (37, "[\"app\", \"--password\", \"…\"]"),
    (37, "[\"app\", \"--password=…\", \"-v\"]"),
    (37, "[\"mysql\", \"-p…\"]"),
    (37, "jdbc:oracle:thin:app/…@db:1521/x"),
    (37, "Server=db;User Id=app;Password=…;Encrypt=yes"),
    (37, "host=db user=app password='…'"),
    (37, "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=…;EndpointSuffix=y"),
    (37, "amqp://app:…@mq/%2f"),
    (37, "export KEY=…"),
    (37, "set KEY=…"),
    (37, "$env:KEY = '…'"),
    (37, "docker run -e KEY=… clinic"),
    (37, "-DKEY=…"),
];

/// JSON in a string of JSON, so often.
fn nested(text: String, times: usize) -> String {
    (0..times).fold(text, |text, _| format!("{{\"a\":1,\"body\":\"{}\"}}", json(&text)))
}
