use proptest::prelude::*;

use super::*;

fn rules() -> KeyRules {
    KeyRules::new(&RedactPolicy::default())
}

fn assert_masked(rules: &KeyRules, name: &str, class: KeyClass) {
    assert_eq!(rules.action(name), KeyAction::Mask(class), "{name}");
}

/// The spellings of a name given as words.
fn spellings(words: &[&str]) -> Vec<String> {
    let capital = |w: &&str| {
        let mut chars = w.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    let pascal: String = words.iter().map(capital).collect();
    let camel = words[0].to_string() + &words[1..].iter().map(capital).collect::<String>();
    let snake = words.join("_");
    vec![
        format!("x_{snake}"),
        format!("user.{snake}"),
        format!("{snake}2"),
        format!("{snake}_value"),
        format!("[{snake}]"),
        format!("my{pascal}"),
        snake.to_uppercase(),
        snake.clone(),
        words.join("-"),
        words.join("."),
        words.join(" "),
        camel,
        pascal,
    ]
}

fn assert_all_masked(class: KeyClass, names: &str) {
    let rules = rules();
    for name in names.split_whitespace() {
        let words: Vec<&str> = name.split('_').collect();
        for spelling in spellings(&words) {
            assert_masked(&rules, &spelling, class);
        }
    }
}

#[test]
fn every_authentication_name_is_masked_however_it_is_spelled() {
    assert_all_masked(
        KeyClass::Authentication,
        "password passwd passwort pwd pass passphrase passcode contraseña secret token api_key apikey access_key auth
         authorization proxy_authorization auth_token access_token refresh_token id_token bearer jwt cookie set_cookie
         session session_id sid jsessionid phpsessid csrf xsrf credential credentials private_key client_secret
         client_key shared_secret signing_key encryption_key master_key service_key account_key db_pass database_url
         dsn connection_string mysql_pwd pgpassword otp totp mfa pin salt nonce signature sig code_verifier assertion
         saml_response webhook_url pem pfx stripe_key mot_de_passe motdepasse mdp cle_api clé_privée cle_privee
         cle_secrete jeton identifiant_connexion code_secret",
    );
}

#[test]
fn every_payment_name_is_masked_however_it_is_spelled() {
    assert_all_masked(
        KeyClass::Payment,
        "card card_number pan cvv cvc security_code expiry iban bic rib account_number carte_bancaire cb cryptogramme
         coordonnées_bancaires coordonnees_bancaires credit_card",
    );
}

#[test]
fn every_identity_name_is_masked_however_it_is_spelled() {
    assert_all_masked(
        KeyClass::Identity,
        "ssn nir nin bsn nhs_number tax_id passport dob birth_date email phone mobile address first_name last_name ip
         numero_secu numéro_sécu num_secu securite_sociale nss carte_vitale matricule_ins ins ipp iep nda nom_naissance
         date_naissance lieu_naissance numero_fiscal user_name prénom remote_addr",
    );
}

#[test]
fn every_health_name_is_masked_however_it_is_spelled() {
    assert_all_masked(
        KeyClass::Health,
        "dossier_medical dossier_patient diagnostic pathologie antécédent antecedent traitement ordonnance allergie
         groupe_sanguin medecin_traitant médecin_traitant medication",
    );
}

#[test]
fn ordinary_names_are_kept() {
    let rules = rules();
    let names = "user_id subject_id tenant_id event_name outcome message
        token_count tokens tokens_used max_tokens input_tokens token_type tokenizer primary_key foreign_key sort_key
        cache_key key keys key_value keyboard keyboard_layout public_key author authors author_id authority oauth_provider
        auth_method auth_type session_count session_duration pass_count passed passes compass bypass passenger passive
        card_type card_count wildcard discard discarded cards_total dashboard cardinality status status_code route
        spin spinner pinned ping opinion mapping shipping signal signals signed assignment design insert instance
        instructions inside admin min nonced salted expanded panel span pandas panic company ribbon attribute scribe
        description basic bicycle lib method name file_name project_name thread_name service_name hostname host port
        path query method latency_us elapsed_ms duration request_id trace_id span_id correlation_id count total size
        length bytes rows table column index level target module line file version build commit branch region zone
        environment stack plugins template format locale language country currency amount quantity price order_id
        invoice_id product category created_at updated_at expires_at ttl retry attempts timeout queue depth shard
        worker pid secretary_id secretion_rate cookie_count has_token is_mobile mobile_app email_sent phone_type
        ip_version zip ship script skipped recipe description tips cb_state acb inserted binsize ipv4 description
        last_pass first_pass token_limit csrf_failures_total temps_traitement duree_traitement error_code kind
        otp_attempts mfa_enabled pin_count gpio_pin contact patient record_id data_category reason";
    for name in names.split_whitespace() {
        for spelling in [name.to_string(), name.to_uppercase(), name.replace('_', "-")] {
            assert_eq!(rules.action(&spelling), KeyAction::Keep, "{spelling}");
        }
    }
}

#[test]
fn opentelemetry_names_are_kept_unless_they_name_a_person_or_a_secret() {
    let rules = rules();
    let kept = "server.address server.port network.local.address network.transport url.full url.path url.query
        url.scheme user_agent.original http.request.method http.response.status_code http.route http.request.body.size
        db.statement db.query.text db.system db.namespace db.operation.name code.filepath code.function.name code.lineno
        thread.name thread.id service.name service.version service.instance.id host.name host.ip process.pid
        process.command_args exception.message exception.type exception.stacktrace messaging.message.id
        messaging.kafka.message.key aws.s3.key feature_flag.key gen_ai.usage.input_tokens gen_ai.token.type
        gen_ai.client.token.usage enduser.id user.id user.roles otel.status_code error.type peer.service rpc.method
        telemetry.sdk.name log.file.path client.port k8s.pod.name k8s.pod.ip container.id event.name socket.address
        destination.address faas.trigger";
    for name in kept.split_whitespace() {
        assert_eq!(rules.action(name), KeyAction::Keep, "{name}");
    }
    let masked =
        "client.address source.address network.peer.address user.email user.name user.full_name session.id
        http.request.header.authorization http.request.header.cookie http.request.header.x-api-key
        http.request.header.x-forwarded-for http.response.header.set-cookie db.connection_string";
    for name in masked.split_whitespace() {
        assert!(matches!(rules.action(name), KeyAction::Mask(_)), "{name}");
    }
}

#[test]
fn disguised_names_are_masked() {
    let rules = rules();
    for name in [
        "pаssword",
        "раsswоrd",
        "ρassword",
        "ｐａｓｓｗｏｒｄ",
        "pass\u{200b}word",
        "p\u{ad}assword",
        "pássword",
        "p\u{301}assword",
        "pass\u{202e}word",
        "\u{feff}password",
        "𝗽𝗮𝘀𝘀𝘄𝗼𝗿𝗱",
        "pass\u{0}word",
        "ＡＰＩ＿ＫＥＹ",
        "tоken",
        "to\u{2060}ken",
        "ТОКЕN",
        "ſecret",
        "toKen",
        "tokeN",
        "PASSwORD",
        "pass word",
        "p-a-s-s-w-o-r-d",
    ] {
        assert_masked(&rules, name, KeyClass::Authentication);
    }
}

#[test]
fn the_policy_adds_drops_and_exempts() {
    let rules = KeyRules::new(&RedactPolicy {
        mask_keys: vec!["badge-no".into(), "field42".into(), "工号".into()],
        drop_keys: vec!["raw_body".into()],
        keep_keys: vec!["auth_token".into(), "Card.Number".into()],
        ..RedactPolicy::default()
    });
    for name in ["badge_no", "employeeBadgeNo", "field42", "FIELD42_x", "工号", "x_工号"] {
        assert_masked(&rules, name, KeyClass::Custom);
    }
    assert_eq!(rules.action("field4"), KeyAction::Keep);
    assert_eq!(rules.action("rawBody"), KeyAction::Drop);
    assert_eq!(rules.action("raw_body_size"), KeyAction::Keep);
    assert_eq!(rules.action("authToken"), KeyAction::Keep);
    assert_eq!(rules.action("card_number"), KeyAction::Keep);
    assert_masked(&rules, "x_auth_token", KeyClass::Authentication);
    assert_eq!(rules.class_in_text("raw_body"), Some(KeyClass::Custom));
}

#[test]
fn a_name_of_a_credential_is_told_from_one_of_a_fact_about_it() {
    let rules = rules();
    for name in [
        "password",
        "userPassword",
        "user-passwords",
        "client_secret",
        "secret_value",
        "x_api_key",
        "token",
        "auth.token",
        "refreshToken",
        "set-cookie",
        "authorization",
        "authorization_header",
        "password2",
        "MOT_DE_PASSE",
        "jwt",
        "otp",
        "ｐassword",
        "pass\u{200b}word",
    ] {
        assert!(rules.is_credential(name), "{name}");
    }
    for name in [
        "password_policy",
        "password_length",
        "secret_name",
        "token_count",
        "token_type",
        "tokens_used",
        "pin",
        "key",
        "session",
        "author",
        "cookie_count",
        "secretary",
        "order_id",
        "",
    ] {
        assert!(!rules.is_credential(name), "{name}");
    }
}

#[test]
fn the_envelope_survives_a_broad_custom_key_but_not_an_exact_one() {
    let policy = |key: &str| RedactPolicy { mask_keys: vec![key.into()], ..RedactPolicy::default() };
    let broad = KeyRules::new(&policy("id"));
    assert_eq!(broad.action("user_id"), KeyAction::Keep);
    assert_masked(&broad, "order_id", KeyClass::Custom);
    assert_masked(&KeyRules::new(&policy("user_id")), "user_id", KeyClass::Custom);
}

#[test]
fn names_of_people_and_health_do_not_hide_prose() {
    let rules = rules();
    assert_eq!(rules.class_in_text("email"), None);
    assert_eq!(rules.class_in_text("password"), Some(KeyClass::Authentication));
    assert_eq!(rules.class_in_text("card"), Some(KeyClass::Payment));
}

#[test]
fn no_name_makes_the_rules_panic_and_long_ones_match_too() {
    let rules = rules();
    for name in ["", "_", "s", "工", "\u{301}", "A", "\u{1b}[31m", "keys", "İ", "ﷺ"] {
        rules.action(name);
    }
    let long = "a_very_long_prefix_".repeat(40);
    assert_masked(&rules, &format!("{long}token"), KeyClass::Authentication);
    assert_eq!(rules.action(&long), KeyAction::Keep);
}

proptest! {
    #[test]
    fn any_name_has_an_action(name in any::<String>()) {
        rules().action(&name);
    }

    #[test]
    fn upper_case_and_other_separators_change_nothing(
        words in proptest::collection::vec(
            prop_oneof![
                "[a-z]{1,8}",
                proptest::sample::select(vec!["token", "key", "password", "count", "card", "email", "primary", "id", "ip", "server"])
                    .prop_map(String::from),
            ],
            1..5,
        ),
    ) {
        let rules = rules();
        let snake = words.join("_");
        let action = rules.action(&snake);
        prop_assert_eq!(action, rules.action(&snake.to_uppercase()));
        prop_assert_eq!(action, rules.action(&words.join("-")));
        prop_assert_eq!(action, rules.action(&words.join(".")));
        // Marks and invisible characters make no difference either.
        prop_assert_eq!(action, rules.action(&snake.replace('e', "e\u{301}").replace('o', "o\u{200d}")));
    }
}
