//! The names, one table per way of matching.
//!
//! Sources: OWASP Logging Cheat Sheet ("Data to exclude"), PCI DSS 4.0 requirement 3 (card data), GDPR Art. 4(1)
//! and Art. 9 (identity, health), Code de la santé publique L1110-4 and R1111-8-1 (dossier médical, INS), RFC 6749,
//! RFC 7519, RFC 7636 and OpenID Connect Core (protocol parameters), OpenTelemetry semantic conventions (what is
//! ordinary). Accents are folded away before the lookup.

use super::KeyClass::{self, Authentication, Health, Identity, Payment};

/// One word, or a phrase of words, matched between word boundaries.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) class: KeyClass,
    pub(super) place: Place,
    /// Never empty; at least two letters in the first.
    pub(super) texts: &'static [&'static str],
    /// Not when this word stands before.
    pub(super) unless_after: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Unless one of [`PROPERTIES`] follows.
    Anywhere,
    /// Nothing follows but [`QUALIFIERS`].
    Final,
}

/// Words that name a credential beyond doubt when they end a name; with the stems of their class no policy can exempt
/// them. The other words of the table have innocent namesakes (the pin of a board, the key of a map), for which
/// exemptions are there.
pub(super) const SECRETS: &[&str] = &[
    "token", "jwt", "bearer", "cookie", "cookies", "otp", "totp", "mdp", "jeton", "pw", "psk", "senha",
    "heslo", "haslo",
];

/// Kept by name: the record cannot be read without them. Their values are scanned like any other.
pub(super) const ENVELOPE: &[&str] = &["userid", "subjectid", "tenantid", "eventname", "outcome", "message"];

/// Substrings of the letters, strong enough to need no boundary.
pub(super) const STEMS: &[(KeyClass, &[&str])] = &[
    (
        Authentication,
        &[
            "password",
            "passwd",
            "passwort",
            "passwrd",
            "pwd",
            "passphrase",
            "passcode",
            "contrasena",
            "secret",
            "apikey",
            "accesskey",
            "privatekey",
            "signingkey",
            "encryptionkey",
            "masterkey",
            "servicekey",
            "accountkey",
            "sharedkey",
            "clientkey",
            "credential",
            "authorization",
            "authorisation",
            "authtoken",
            "accesstoken",
            "refreshtoken",
            "sessiontoken",
            "jsessionid",
            "phpsessid",
            "setcookie",
            "codeverifier",
            "samlresponse",
            "connectionstring",
            "webhookurl",
            "seedphrase",
            "recoveryphrase",
            // French
            "motdepasse",
            "cleprivee",
            "identifiantconnexion",
            // German, Dutch, Scandinavian and Baltic languages, Finnish, Icelandic, Hungarian
            "kennwort",
            "zugangsdaten",
            "wachtwoord",
            "adgangskode",
            "losenord",
            "passord",
            "salasana",
            "salasona",
            "slaptazodis",
            "lykilord",
            "jelszo",
            // Portuguese, Croatian, Vietnamese
            "palavrapasse",
            "lozinka",
            "matkhau",
        ],
    ),
    (
        Payment,
        &[
            "cardnumber",
            "creditcard",
            "debitcard",
            "bankcard",
            "cardholder",
            "accountnumber",
            "bankaccount",
            "securitycode",
            // French
            "cartebancaire",
            "cryptogramme",
            "coordonneesbancaires",
            "numerocarte",
            "numerodecarte",
        ],
    ),
    (
        Identity,
        &[
            "socialsecurity",
            "passport",
            "birthdate",
            "dateofbirth",
            "placeofbirth",
            "birthplace",
            "birthday",
            "telephone",
            "phonenumber",
            "emailaddress",
            "firstname",
            "lastname",
            "middlename",
            "surname",
            "maidenname",
            "nhsnumber",
            "driverlicense",
            "driverslicense",
            "drivinglicence",
            // French
            "securitesociale",
            "numerosecu",
            "numsecu",
            "cartevitale",
            "naissance",
            "numerofiscal",
            "courriel",
        ],
    ),
    (
        Health,
        &[
            "medicalrecord",
            "healthrecord",
            "medicalhistory",
            "diagnosis",
            "bloodtype",
            // French
            "dossiermedical",
            "dossierpatient",
            "pathologie",
            "antecedent",
            "ordonnance",
            "allergie",
            "groupesanguin",
            "medecintraitant",
        ],
    ),
];

/// The same in other scripts, as they are written; folded like the names.
pub(super) const FOREIGN: &[(KeyClass, &[&str])] = &[(
    Authentication,
    &[
        "пароль",
        "парола",
        "лозинка",
        "密码",
        "密碼",
        "口令",
        "パスワード",
        "暗証番号",
        "秘密鍵",
        "비밀번호",
        "암호",
        "كلمةالسر",
        "كلمةالمرور",
        "סיסמה",
        "पासवर्ड",
        "รหัสผ่าน",
        "κωδικόςπρόσβασης",
        "συνθηματικό",
        "密钥",
        "令牌",
    ],
)];

/// Those names of identity that stand before a number, and so are told from prose inside a value.
pub(super) const NUMBERS: &[&str] = &[
    "ssn",
    "nir",
    "nin",
    "bsn",
    "nss",
    "socialsecurity",
    "nhsnumber",
    "securitesociale",
    "numerosecu",
    "numsecu",
    "cartevitale",
    "numerofiscal",
    "taxid",
    "nationalid",
    "matriculeins",
    "driverlicense",
    "driverslicense",
    "drivinglicence",
];

/// Where a stem is but the beginning of another word.
pub(super) const STEM_DENIALS: &[(&str, &[&str])] = &[("secret", &["ary", "aries", "ariat", "ion"])];

macro_rules! words {
    ($($class:ident $place:ident $unless:expr => $([$($text:literal)+])+;)+) => {
        &[$($(Word { class: $class, place: Place::$place, texts: &[$($text),+], unless_after: $unless },)+)+]
    };
}

/// Words and phrases.
pub(super) const WORDS: &[Word] = words! {
    Authentication Anywhere &["cancellation", "unexpected", "expected", "syntax", "max", "min"] => ["token"];
    Authentication Anywhere &[] =>
        ["bearer"] ["jwt"] ["cookie"] ["cookies"] ["csrf"] ["xsrf"] ["otp"] ["totp"] ["mdp"] ["jeton"] ["jetons"]
        ["session" "id"] ["session" "previous" "id"] ["session" "key"] ["sess" "id"] ["auth" "code"]
        ["id" "token"] ["auth" "key"] ["login" "code"] ["sms" "code"] ["verification" "code"] ["recovery" "code"]
        ["backup" "code"] ["reset" "code"] ["reset" "link"] ["magic" "link"] ["activation" "code"]
        ["device" "code"] ["mfa" "code"] ["one" "time" "code"] ["pin" "code"] ["code" "pin"]
        ["db" "pass"] ["database" "url"] ["database" "uri"] ["db" "url"] ["db" "uri"] ["redis" "url"]
        ["mongo" "url"] ["mongo" "uri"] ["mongodb" "url"] ["mongodb" "uri"] ["postgres" "url"] ["mysql" "url"]
        ["amqp" "url"] ["jdbc" "url"] ["broker" "url"] ["webhook" "uri"] ["signed" "url"] ["presigned" "url"]
        ["cle" "api"] ["cle" "secrete"] ["code" "secret"] ["pw"] ["psk"] ["wpa" "psk"] ["pass" "key"]
        ["senha"] ["haslo"] ["heslo"] ["geslo"] ["parool"] ["parola"] ["sifre"] ["clave" "secreta"]
        ["clave" "privada"] ["clave" "acceso"] ["chave" "secreta"] ["chave" "privada"] ["chave" "api"];
    Authentication Anywhere &["gpio", "cpu", "led", "map"] => ["pin"];
    Authentication Final &["first", "second", "third", "last", "render", "shader", "compiler", "boarding", "by"] => ["pass"];
    Authentication Final &["without"] => ["auth"];
    Authentication Final &["failed", "debug", "static"] => ["assertion"];
    Authentication Final &["function", "method", "fn", "call", "type", "trait"] => ["signature"] ["sig"];
    Authentication Final &[] =>
        ["session"] ["sid"] ["dsn"] ["pem"] ["pfx"] ["mfa"] ["salt"] ["pepper"] ["nonce"] ["hmac"] ["mnemonic"] ["oauth"];
    Authentication Final KEYS_OF_OTHER_THINGS => ["key"];

    Payment Anywhere &[] =>
        ["cvv"] ["cvc"] ["iban"] ["ibans"] ["card" "no"] ["card" "num"] ["card" "pan"] ["card" "exp"]
        ["card" "expiry"] ["card" "expiration"] ["cc" "number"] ["cc" "num"] ["cc" "exp"] ["exp" "month"]
        ["exp" "year"] ["routing" "number"] ["account" "no"] ["numero" "compte"] ["num" "carte"];
    Payment Final &["wild", "graphics", "network", "sound", "sim", "video", "score", "ui", "score"] => ["card"] ["cards"];
    Payment Final &["token", "cache", "session", "key", "lease", "cert", "certificate", "lock", "entry"] =>
        ["expiry"] ["expiry" "date"];
    Payment Final &["on", "error", "success", "done"] => ["cb"];
    Payment Final &[] => ["pan"] ["bic"] ["rib"];

    Identity Anywhere &[] =>
        ["ssn"] ["nir"] ["nin"] ["bsn"] ["nss"] ["dob"] ["ipp"] ["iep"] ["prenom"] ["prenoms"] ["tax" "id"]
        ["national" "id"] ["matricule" "ins"] ["forwarded" "for"] ["nom" "famille"] ["nom" "de" "famille"]
        ["nom" "usage"] ["nom" "patient"] ["nom" "complet"];
    Identity Final &["service", "system", "software"] =>
        ["username"] ["user" "name"] ["patient" "name"] ["customer" "name"] ["contact" "name"]
        ["employee" "name"] ["person" "name"] ["given" "name"] ["family" "name"] ["birth" "name"];
    Identity Final &["repo", "repository", "project", "class", "type", "image"] => ["full" "name"];
    Identity Final &[] =>
        ["email"] ["emails"] ["mail"] ["mel"] ["phone"] ["phones"] ["mobile"] ["tel"] ["ins"] ["nda"]
        ["remote" "addr"] ["client" "addr"] ["peer" "addr"] ["source" "addr"] ["src" "addr"] ["user" "addr"]
        ["ip" "addr"] ["birth"];
    Identity Final OUR_OWN_SIDE => ["address"] ["addresses"] ["adresse"] ["adresses"] ["ip"] ["ips"];

    Health Final &["temps", "duree", "delai", "statut", "fin", "debut", "en", "lot"] => ["traitement"] ["traitements"];
    Health Final &[] =>
        ["diagnostic"] ["diagnostics"] ["treatment"] ["treatments"] ["symptom"] ["symptoms"] ["symptome"]
        ["symptomes"] ["medication"] ["medications"] ["prescription"] ["prescriptions"] ["allergy"]
        ["allergies"] ["pathology"] ["mrn"];
};

/// What stands before `key` when it opens nothing.
const KEYS_OF_OTHER_THINGS: &[&str] = &[
    "primary",
    "foreign",
    "sort",
    "partition",
    "cache",
    "routing",
    "row",
    "shard",
    "map",
    "hash",
    "index",
    "lookup",
    "group",
    "dedup",
    "dedupe",
    "idempotency",
    "object",
    "s",
    "file",
    "storage",
    "redis",
    "kafka",
    "message",
    "record",
    "event",
    "metric",
    "label",
    "tag",
    "n",
    "translation",
    "locale",
    "config",
    "setting",
    "settings",
    "option",
    "field",
    "column",
    "attribute",
    "property",
    "json",
    "dict",
    "hot",
    "arrow",
    "enter",
    "shortcut",
    "pressed",
    "natural",
    "surrogate",
    "composite",
    "unique",
    "compound",
    "candidate",
    "business",
    "search",
    "range",
    "queue",
    "topic",
    "bucket",
    "parent",
    "child",
    "item",
    "entity",
    "lock",
    "mutex",
    "limit",
    "limiter",
    "public",
    "verifying",
    "trace",
    "span",
    "correlation",
    "context",
    "first",
    "last",
    "next",
    "prev",
    "previous",
    "start",
    "end",
    "missing",
    "unknown",
    "invalid",
    "duplicate",
    "registry",
    "feature",
    "flag",
    "query",
    "param",
    "env",
    "var",
    "section",
    "node",
    "tree",
    "leaf",
    "store",
    "kv",
    "state",
    "job",
    "task",
    "issue",
    "project",
    "by",
    "per",
    "this",
    "the",
    "a",
];

/// What stands before `address` and `ip` when it is the service's own, or no address of a person.
const OUR_OWN_SIDE: &[&str] = &[
    "server",
    "local",
    "bind",
    "listen",
    "listening",
    "host",
    "socket",
    "upstream",
    "memory",
    "mem",
    "base",
    "heap",
    "stack",
    "load",
    "return",
    "virtual",
    "gateway",
    "cluster",
    "node",
    "pod",
    "service",
    "endpoint",
    "proxy",
    "backend",
    "target",
    "dest",
    "destination",
    "exporter",
    "broker",
    "metrics",
    "admin",
    "advertise",
    "db",
    "database",
    "redis",
    "smtp",
];

/// Words that turn what follows into a question about it: `has_token`, `num_cards`.
pub(super) const QUESTIONS: &[&str] =
    &["is", "has", "was", "needs", "requires", "require", "skip", "no", "num", "nb", "count", "per"];

/// What is said about a thing without saying the thing.
pub(super) const PROPERTIES: &[&str] = &[
    "count",
    "counts",
    "counter",
    "type",
    "types",
    "used",
    "usage",
    "limit",
    "limits",
    "length",
    "len",
    "size",
    "ttl",
    "expires",
    "expired",
    "expiration",
    "expiry",
    "age",
    "id",
    "ids",
    "name",
    "names",
    "kind",
    "format",
    "version",
    "status",
    "state",
    "valid",
    "validity",
    "present",
    "required",
    "enabled",
    "disabled",
    "method",
    "provider",
    "scheme",
    "result",
    "attempt",
    "attempts",
    "failure",
    "failures",
    "failed",
    "error",
    "errors",
    "policy",
    "rotated",
    "rotation",
    "changed",
    "updated",
    "created",
    "issued",
    "at",
    "duration",
    "ms",
    "seconds",
    "secs",
    "us",
    "ns",
    "total",
    "rate",
    "budget",
    "index",
    "position",
    "bucket",
    "buckets",
    "url",
    "uri",
    "endpoint",
    "host",
    "port",
    "path",
    "country",
    "bank",
    "sent",
    "verified",
    "kinds",
    "service",
    "store",
    "jar",
    "manager",
    "per",
];

/// Words after a secret's name that do not change what it is.
pub(super) const QUALIFIERS: &[&str] = &[
    "value",
    "val",
    "raw",
    "plain",
    "plaintext",
    "hash",
    "hashed",
    "b",
    "base",
    "hex",
    "str",
    "string",
    "header",
    "data",
    "enc",
    "encrypted",
    "encoded",
    "new",
    "old",
    "current",
    "previous",
    "tmp",
    "bytes",
    "code",
];
