//! Every detector, one row each. A format known by its prefix needs nothing but a row here.

use super::Alphabet::{Alnum, Base32, Base64, Dash, Dot, Hex, Lower, Path, Unreserved, Upper, Word};
use super::Kind::{Credential, Personal};
use super::Trigger::{self, Stems, StemsAnyCase};
use super::{
    Alphabet, Detector, Kind, Verify, assign, beside, call, cell, column, command, email, http, key_block,
    markup, number, opaque, pair, url, verb,
};

/// The detectors, in the order in which the engine prefers them.
pub(crate) static DETECTORS: &[Detector] = &[
    // Version control, packages
    token(
        "github_token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        Alnum,
        36,
        "GitHub Docs, About authentication: token formats",
        || made("ghp_", Alnum, 36),
    ),
    token(
        "github_token",
        &["github_pat_"],
        Word,
        60,
        "GitHub Docs, About authentication: token formats",
        || made("github_pat_", Alnum, 82),
    ),
    token(
        "gitlab_token",
        &[
            "glpat-", "gldt-", "glrt-", "glrtr-", "glft-", "glsoat-", "glffct-", "glcbt-", "glptt-",
            "glimt-", "glagent-", "gloas-", "glwt-",
        ],
        Dash,
        20,
        "GitLab Docs, Token overview: token prefixes",
        || made("glpat-", Alnum, 20),
    ),
    token("gitlab_token", &["GR1348941"], Dash, 20, "GitLab Docs, Token overview: token prefixes", || {
        made("GR1348941", Alnum, 20)
    }),
    token("npm_token", &["npm_"], Alnum, 36, "npm Docs, About access tokens", || made("npm_", Alnum, 36)),
    token("pypi_token", &["pypi-AgE"], Dash, 50, "PyPI help, API tokens", || made("pypi-AgE", Alnum, 90)),
    word("crates_token", &["cio"], Alnum, 32, "Nosey Parker, rule np.cratesio.1", || made("cio", Alnum, 32)),
    token("rubygems_key", &["rubygems_"], Hex, 48, "RubyGems Guides, API key scopes", || {
        made("rubygems_", Hex, 48)
    }),
    token("nuget_key", &["oy2"], Lower, 43, "Nosey Parker, rule np.nuget.1", || made("oy2", Lower, 43)),
    token(
        "docker_token",
        &["dckr_pat_", "dckr_oat_"],
        Dash,
        20,
        "Nosey Parker, rule np.dockerhub.1; dckr_oat_ recalled",
        || made("dckr_pat_", Alnum, 27),
    ),
    token("clojars_token", &["CLOJARS_"], Hex, 60, "gitleaks, rule clojars-api-token", || {
        made("CLOJARS_", Hex, 60)
    }),
    token("artifactory_key", &["AKCp"], Alnum, 64, "gitleaks, rule artifactory-api-key", || {
        made("AKCp", Alnum, 69)
    }),
    token("bitbucket_password", &["ATBB"], Alnum, 28, "Nosey Parker, rule np.bitbucket.1", || {
        made("ATBB", Alnum, 32)
    }),
    token("atlassian_token", &["ATATT3", "ATCTT3"], Base64, 60, "gitleaks, rule atlassian-api-token", || {
        made("ATATT3", Alnum, 186)
    }),
    // Clouds
    token(
        "aws_key_id",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        Base32,
        16,
        "AWS IAM User Guide, unique identifiers: prefixes",
        || made("AKIA", Base32, 16),
    ),
    token(
        "aws_bedrock_key",
        &["ABSK"],
        Base64,
        100,
        "gitleaks, rule aws-amazon-bedrock-api-key-long-lived",
        || made("ABSK", Alnum, 109),
    ),
    token("google_api_key", &["AIza"], Dash, 35, "Google Cloud Docs, API keys", || made("AIza", Alnum, 35)),
    token("google_client_secret", &["GOCSPX-"], Dash, 24, "Nosey Parker, rule np.google.2", || {
        made("GOCSPX-", Alnum, 28)
    }),
    token("google_access_token", &["ya29."], Dot, 20, "Google Identity, OAuth 2.0: token sizes", || {
        made("ya29.", Alnum, 60)
    }),
    token("google_refresh_token", &["1//0"], Base64, 30, "recalled", || made("1//0", Alnum, 60)),
    middle(
        "azure_key",
        &["+ASt", "+ASb", "+AEh", "+ARm", "+ACR", "ACDb", "AIoT", "AzCa", "AzSe", "AzFu"],
        Base64,
        32,
        4,
        "Microsoft security-utilities, identifiable keys",
        || format!("{}=", wrapped(76, "+ASt", Alnum, 6)),
    ),
    middle("azure_key", &["JQQJ9"], Base64, 40, 4, "Microsoft Common Annotated Security Key", || {
        wrapped(52, "JQQJ9", Alnum, 27)
    }),
    middle(
        "entra_secret",
        &["7Q~", "8Q~"],
        Unreserved,
        3,
        31,
        "Microsoft Purview, Entra client secret",
        || wrapped(3, "8Q~", Alnum, 34),
    ),
    token(
        "digitalocean_token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        Hex,
        64,
        "DigitalOcean API reference, token prefixes",
        || made("dop_v1_", Hex, 64),
    ),
    word("alibaba_key_id", &["LTAI"], Alnum, 16, "gitleaks, rule alibaba-access-key-id", || {
        made("LTAI", Alnum, 20)
    }),
    token("heroku_key", &["HRKU-AA"], Dash, 50, "gitleaks, rule heroku-api-key-v2", || {
        made("HRKU-AA", Alnum, 58)
    }),
    token("fly_token", &["fo1_"], Dash, 43, "gitleaks, rule flyio-access-token", || made("fo1_", Alnum, 43)),
    token(
        "fly_token",
        &["fm1_", "fm2_", "fm1r_", "fm1a_"],
        Base64,
        50,
        "gitleaks, rule flyio-access-token",
        || made("fm2_", Alnum, 100),
    ),
    token("supabase_token", &["sbp_"], Hex, 40, "Kingfisher, rule kingfisher.supabase.1", || {
        made("sbp_", Hex, 40)
    }),
    token(
        "planetscale_token",
        &["pscale_tkn_", "pscale_oauth_", "pscale_pw_"],
        Dot,
        32,
        "gitleaks, rule planetscale-api-token",
        || made("pscale_tkn_", Alnum, 43),
    ),
    token("supabase_token", &["sb_secret_"], Dash, 31, "Kingfisher, rule kingfisher.supabase.2", || {
        made("sb_secret_", Alnum, 31)
    }),
    token("databricks_token", &["dapi"], Hex, 32, "Nosey Parker, rule np.databricks.1", || {
        made("dapi", Hex, 32)
    }),
    token("openshift_token", &["sha256~"], Dash, 43, "OpenShift Docs, OAuth access tokens", || {
        made("sha256~", Alnum, 43)
    }),
    // Messaging
    token(
        "slack_token",
        &["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
        Path,
        20,
        "Slack API docs, Tokens",
        || made("xoxb-", Alnum, 50),
    ),
    token("slack_token", &["xoxe.xox"], Dash, 20, "Slack API docs, Token rotation", || {
        made("xoxe.xoxp-", Alnum, 50)
    }),
    token(
        "slack_webhook",
        &["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"],
        Path,
        20,
        "Slack API docs, Incoming webhooks",
        || made("hooks.slack.com/services/T", Alnum, 44),
    ),
    token(
        "teams_webhook",
        &["webhook.office.com/webhookb2/"],
        Path,
        30,
        "Microsoft Teams docs, Incoming webhooks",
        || made("webhook.office.com/webhookb2/", Alnum, 60),
    ),
    token(
        "discord_webhook",
        &["/api/webhooks/"],
        Path,
        60,
        "Discord developer docs, Webhook resource",
        || format!("/api/webhooks/{}/{}", "1".repeat(18), Alnum.sample(68)),
    ),
    // Base64 of digits begins in few ways.
    custom(
        "discord_token",
        Stems(&[
            "MDA", "MDE", "MDI", "MDM", "MDQ", "MDU", "MDY", "MDc", "MDg", "MDk", "MTA", "MTE", "MTI", "MTM",
            "MTQ", "MTU", "MTY", "MTc", "MTg", "MTk", "MjA", "MjE", "MjI", "MjM", "MjQ", "MjU", "MjY", "Mjc",
            "Mjg", "Mjk", "MzA", "MzE", "MzI", "MzM", "MzQ", "MzU", "MzY", "Mzc", "Mzg", "Mzk", "NDA", "NDE",
            "NDI", "NDM", "NDQ", "NDU", "NDY", "NDc", "NDg", "NDk", "NTA", "NTE", "NTI", "NTM", "NTQ", "NTU",
            "NTY", "NTc", "NTg", "NTk", "NjA", "NjE", "NjI", "NjM", "NjQ", "NjU", "NjY", "Njc", "Njg", "Njk",
            "NzA", "NzE", "NzI", "NzM", "NzQ", "NzU", "NzY", "Nzc", "Nzg", "Nzk", "ODA", "ODE", "ODI", "ODM",
            "ODQ", "ODU", "ODY", "ODc", "ODg", "ODk", "OTA", "OTE", "OTI", "OTM", "OTQ", "OTU", "OTY", "OTc",
            "OTg", "OTk", "OjA", "OjE", "OjI", "OjM", "OjQ", "OjU", "OjY", "Ojc", "Ojg", "Ojk", "OzA", "OzE",
            "OzI", "OzM", "OzQ", "OzU", "OzY", "Ozc", "Ozg", "Ozk",
        ]),
        http::discord,
        Credential,
        "Discord developer docs, Reference: authentication",
        || format!("MTA{}.{}.{}", Alnum.sample(23), Alnum.sample(6), Alnum.sample(38)),
    ),
    custom(
        "telegram_token",
        Stems(&[":AA"]),
        http::telegram,
        Credential,
        "Telegram Bot API, Authorizing your bot",
        || format!("{}{}", "7".repeat(10), made(":AA", Alnum, 33)),
    ),
    custom(
        "sendgrid_key",
        Stems(&["SG."]),
        http::sendgrid,
        Credential,
        "gitleaks, rule sendgrid-api-token",
        || format!("{}.{}", made("SG.", Alnum, 22), Alnum.sample(43)),
    ),
    token(
        "twilio_key",
        &[
            "SK0", "SK1", "SK2", "SK3", "SK4", "SK5", "SK6", "SK7", "SK8", "SK9", "SKa", "SKb", "SKc", "SKd",
            "SKe", "SKf",
        ],
        Hex,
        31,
        "Twilio Docs, API keys: SID",
        || made("SK0", Hex, 31),
    ),
    token("brevo_key", &["xkeysib-"], Dash, 60, "gitleaks, rule sendinblue-api-token", || {
        made("xkeysib-", Hex, 64)
    }),
    // Payment, shops
    token(
        "stripe_key",
        &["sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_"],
        Alnum,
        10,
        "Stripe Docs, API keys",
        || made("sk_live_", Alnum, 24),
    ),
    token("stripe_webhook_secret", &["whsec_"], Base64, 24, "recalled", || made("whsec_", Alnum, 32)),
    token(
        "shopify_token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        Hex,
        32,
        "Shopify Docs, access token prefixes",
        || made("shpat_", Hex, 32),
    ),
    word("square_token", &["EAAA"], Dash, 22, "gitleaks, rule square-access-token", || {
        made("EAAAE", Alnum, 59)
    }),
    token("square_token", &["sq0atp-", "sq0csp-"], Dash, 22, "gitleaks, rule square-access-token", || {
        made("sq0atp-", Alnum, 22)
    }),
    // Models
    token(
        "openai_key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"],
        Dash,
        20,
        "gitleaks, rule openai-api-key",
        || made("sk-proj-", Alnum, 120),
    ),
    middle("openai_key", &["T3BlbkFJ"], Dash, 16, 16, "gitleaks, rule openai-api-key", || {
        wrapped(20, "T3BlbkFJ", Alnum, 20)
    }),
    token("anthropic_key", &["sk-ant-"], Dash, 40, "gitleaks, rule anthropic-api-key", || {
        made("sk-ant-api03-", Alnum, 95)
    }),
    word("sk_key", &["sk-"], Dash, 32, "recalled", || made("sk-", Alnum, 48)),
    token(
        "huggingface_token",
        &["hf_", "api_org_"],
        Alnum,
        34,
        "gitleaks, rule huggingface-access-token",
        || made("hf_", Alnum, 34),
    ),
    token("groq_key", &["gsk_"], Alnum, 48, "Nosey Parker, rule np.groq.1", || made("gsk_", Alnum, 52)),
    token("xai_key", &["xai-"], Word, 64, "TruffleHog, detector xai", || made("xai-", Alnum, 80)),
    token("perplexity_key", &["pplx-"], Alnum, 40, "gitleaks, rule perplexity-api-key", || {
        made("pplx-", Alnum, 48)
    }),
    word("replicate_token", &["r8_"], Alnum, 37, "Kingfisher, rule kingfisher.replicate.1", || {
        made("r8_", Alnum, 37)
    }),
    token("nvidia_key", &["nvapi-"], Dash, 60, "Kingfisher, rule kingfisher.nvidia.nim.1", || {
        made("nvapi-", Alnum, 64)
    }),
    token(
        "langsmith_key",
        &["lsv2_pt_", "lsv2_sk_"],
        Word,
        40,
        "Kingfisher, rules kingfisher.langchain.1 and 2",
        || made("lsv2_pt_", Hex, 43),
    ),
    // Operations
    token("vault_token", &["hvs.", "hvr."], Dash, 24, "HashiCorp Vault docs, Tokens", || {
        made("hvs.", Alnum, 90)
    }),
    token("vault_token", &["hvb."], Dash, 100, "HashiCorp Vault docs, Tokens", || made("hvb.", Alnum, 138)),
    middle("terraform_token", &[".atlasv1."], Dash, 14, 50, "gitleaks, rule hashicorp-tf-api-token", || {
        wrapped(14, ".atlasv1.", Alnum, 67)
    }),
    token("grafana_token", &["glsa_"], Word, 40, "Grafana docs, Service account tokens", || {
        made("glsa_", Hex, 41)
    }),
    token("grafana_token", &["glc_"], Base64, 32, "gitleaks, rule grafana-cloud-api-token", || {
        made("glc_", Alnum, 80)
    }),
    token(
        "newrelic_key",
        &["NRAK-", "NRII-", "NRRA-"],
        Alnum,
        27,
        "gitleaks, rule new-relic-user-api-key",
        || made("NRAK-", Upper, 27),
    ),
    token("postman_key", &["PMAK-"], Dash, 50, "gitleaks, rule postman-api-token", || made("PMAK-", Hex, 59)),
    token("linear_key", &["lin_api_", "lin_oauth_"], Alnum, 40, "gitleaks, rule linear-api-key", || {
        made("lin_api_", Alnum, 40)
    }),
    token("notion_token", &["ntn_"], Alnum, 40, "gitleaks, rule notion-api-token", || {
        made("ntn_", Alnum, 46)
    }),
    token(
        "doppler_token",
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
        Dot,
        40,
        "Doppler docs, Token formats",
        || made("dp.pt.", Alnum, 43),
    ),
    token("pulumi_token", &["pul-"], Hex, 40, "gitleaks, rule pulumi-api-token", || made("pul-", Hex, 40)),
    token("sentry_token", &["sntryu_"], Hex, 64, "Sentry docs, Auth tokens", || made("sntryu_", Hex, 64)),
    token("sentry_token", &["sntrys_"], Base64, 40, "Sentry docs, Auth tokens", || {
        made("sntrys_", Alnum, 100)
    }),
    token(
        "dynatrace_token",
        &["dt0c01.", "dt0s01.", "dt0s02.", "dt0s16."],
        Dot,
        60,
        "Dynatrace docs, Access token format",
        || format!("{}.{}", made("dt0c01.", Upper, 24), Upper.sample(64)),
    ),
    token("onepassword_token", &["ops_eyJ"], Base64, 100, "1Password docs, Service accounts", || {
        made("ops_eyJ", Alnum, 250)
    }),
    token("buildkite_token", &["bkua_"], Alnum, 40, "Kingfisher, rule kingfisher.buildkite.1", || {
        made("bkua_", Hex, 40)
    }),
    token("sonar_token", &["sqp_", "squ_", "sqa_"], Dash, 40, "gitleaks, rule sonar-api-token", || {
        made("sqp_", Hex, 40)
    }),
    token("tailscale_key", &["tskey-"], Dash, 20, "Tailscale docs, Key prefixes", || {
        made("tskey-auth-", Alnum, 40)
    }),
    token(
        "figma_token",
        &["figd_", "figu_"],
        Dash,
        38,
        "Kingfisher, rule kingfisher.figma.1; figu_ recalled",
        || made("figd_", Alnum, 40),
    ),
    custom(
        "airtable_token",
        Trigger::WordEnd,
        http::airtable,
        Credential,
        "gitleaks, rule airtable-personnal-access-token",
        || format!("{}.{}", made("pat", Alnum, 14), Hex.sample(64)),
    ),
    token(
        "contentful_token",
        &["CFPAT-"],
        Dash,
        43,
        "TruffleHog, detector contentfulpersonalaccesstoken",
        || made("CFPAT-", Alnum, 43),
    ),
    // Keys and standards
    token(
        "age_secret_key",
        &["AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"],
        Upper,
        58,
        "C2SP, age specification",
        || made("AGE-SECRET-KEY-1", Upper, 58),
    ),
    custom("private_key", Stems(&["PRIVATE KEY"]), key_block::pem, Credential, "RFC 7468, RFC 9580", || {
        format!("-----BEGIN {0} KEY-----\n{1}\n{1}\n-----END {0} KEY-----", "PRIVATE", Alnum.sample(64))
    }),
    custom(
        "private_key",
        Stems(&["Private-Lines:"]),
        key_block::putty,
        Credential,
        "PuTTY manual, PPK file format",
        || format!("Private-Lines: 2\n{0}\n{0}\nPrivate-MAC: {1}", Alnum.sample(64), Hex.sample(64)),
    ),
    token("private_key", &["LS0tLS1CRUdJTi"], Base64, 40, "RFC 7468, in base64", || {
        made("LS0tLS1CRUdJTi", Alnum, 200)
    }),
    custom("jwt", Stems(&["eyJ"]), http::jwt, Credential, "RFC 7519", || {
        format!("{}.{}.{}", made("eyJ", Alnum, 33), made("eyJ", Alnum, 60), Alnum.sample(43))
    }),
    token("jwt", &["ZXlK"], Base64, 40, "RFC 7519, in base64", || made("ZXlK", Alnum, 100)),
    // Places where credentials stand
    custom("url_userinfo", Trigger::Scheme, url::userinfo, Credential, "RFC 3986 section 3.2.1", || {
        format!("postgres://app:{}@db", Alnum.sample(12))
    }),
    custom(
        "bearer_token",
        StemsAnyCase(&["bearer ", "token ", "bot "]),
        http::bearer,
        Credential,
        "RFC 6750",
        || format!("Bearer {}", Alnum.sample(32)),
    ),
    custom("basic_auth", StemsAnyCase(&["basic "]), http::basic, Credential, "RFC 7617", || {
        format!("Basic {}", "dXNlcjpwYXNzd29yZA==")
    }),
    custom(
        "digest_auth",
        StemsAnyCase(&["digest username=", "hawk id="]),
        http::digest,
        Credential,
        "RFC 7616",
        || format!("Digest username=\"u\", response=\"{}\"", Hex.sample(32)),
    ),
    custom(
        "basic_auth",
        Stems(&["-u ", "-u\"", "-u'", "-u\\\"", "--user", "--proxy-user"]),
        http::command_line,
        Credential,
        "curl manual, --user",
        || format!("-u app:{}", Alnum.sample(12)),
    ),
    custom("keyed_secret", Trigger::Assign, assign::verify, Credential, "the table of field names", || {
        format!("{}=\"{}\"", "password", Alnum.sample(12))
    }),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "--a", "--b", "--c", "--d", "--e", "--f", "--g", "--h", "--i", "--j", "--k", "--l", "--m", "--n",
            "--o", "--p", "--q", "--r", "--s", "--t", "--u", "--v", "--w", "--x", "--y", "--z",
        ]),
        beside::flag,
        Credential,
        "POSIX utility conventions, long options",
        || format!("--{} {}", "password", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        Stems(&["\", ", "\",\"", "\",\n", "\",\\", "', ", "','"]),
        pair::verify,
        Credential,
        "the table of field names",
        || format!("(\"{}\", \"{}\")", "DB_PASSWORD", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "word(", "sswd(", "pwd(", "wort(", "rase(", "code(", "cret(", "oken(", "key(", "tial(", "ials(",
            "tion(", "arer(", "okie(", "kies(", "jwt(", "pin(", "otp(", "cvv(", "asse(", "mdp(", "mber(",
        ]),
        call::verify,
        Credential,
        "the table of field names",
        || format!("Password(\"{}\")", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "word is ",
            "swd is ",
            "pwd is ",
            "cret is ",
            "oken is ",
            "key is ",
            "code is ",
            "rase is ",
            "asse is ",
            "asse est ",
            "mber is ",
            "cvv is ",
            "otp is ",
            "pin is ",
            "tial is ",
            "tials are ",
            "word was ",
            "oken was ",
            "cret was ",
            "key was ",
        ]),
        verb::verify,
        Credential,
        "the table of field names",
        || format!("{} is {}", "password", Alnum.sample(40)),
    ),
    custom(
        "keyed_secret",
        Stems(&[" ->", "→"]),
        cell::arrow,
        Credential,
        "the table of field names",
        || format!("{} -> {}", "password", Alnum.sample(12)),
    ),
    custom("keyed_secret", Stems(&[" | "]), column::padded, Credential, "PostgreSQL manual, psql", || {
        format!(" user | {} \n------+------\n bob | {}", "password", Alnum.sample(12))
    }),
    custom("keyed_secret", Stems(&[" | "]), cell::bar, Credential, "the table of field names", || {
        format!("| {} | {} |", "password", Alnum.sample(12))
    }),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "ord\t", "swd\t", "pwd\t", "ret\t", "ken\t", "key\t", "cvv\t", "sse\t", "ber\t", "ord\\",
            "swd\\", "pwd\\", "ret\\", "ken\\", "key\\", "cvv\\", "sse\\", "ber\\",
        ]),
        cell::tab,
        Credential,
        "the table of field names",
        || format!("{}\t{}", "password", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "ord,", "ord\t", "ord\n", "ord\r", "ord;", "ord |", "swd,", "swd\t", "swd\n", "swd\r", "swd;",
            "swd |", "pwd,", "pwd\t", "pwd\n", "pwd\r", "pwd;", "pwd |", "ret,", "ret\t", "ret\n", "ret\r",
            "ret;", "ret |", "ken,", "ken\t", "ken\n", "ken\r", "ken;", "ken |", "key,", "key\t", "key\n",
            "key\r", "key;", "key |", "cvv,", "cvv\t", "cvv\n", "cvv\r", "cvv;", "cvv |", "sse,", "sse\t",
            "sse\n", "sse\r", "sse;", "sse |", "ber,", "ber\t", "ber\n", "ber\r", "ber;", "ber |",
        ]),
        column::verify,
        Credential,
        "RFC 4180",
        || format!("user,{},age\nbob,{},3", "password", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        StemsAnyCase(&[
            "</a", "</b", "</c", "</d", "</e", "</f", "</g", "</h", "</i", "</j", "</k", "</l", "</m", "</n",
            "</o", "</p", "</q", "</r", "</s", "</t", "</u", "</v", "</w", "</x", "</y", "</z",
        ]),
        markup::closing,
        Credential,
        "W3C, Extensible Markup Language 1.0",
        || format!("<{0}>{1}</{0}>", "pw", Alnum.sample(40)),
    ),
    custom(
        "keyed_secret",
        StemsAnyCase(&["ord>", "swd>", "pwd>", "ret>", "ken>", "key>"]),
        markup::opening,
        Credential,
        "W3C, Extensible Markup Language 1.0",
        || format!("<{}>{}", "password", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        Stems(&[
            "mysql",
            "mariadb",
            "mongo",
            "redis-cli",
            "sshpass",
            "ldap",
            "sqlcmd",
            "curl",
            "keytool",
            "openssl",
            "smbclient",
        ]),
        command::argument,
        Credential,
        "the programs' own manuals",
        || format!("mysql -u root -p{}", Alnum.sample(12)),
    ),
    custom(
        "keyed_secret",
        Stems(&["oracle:thin:", "oracle:oci", "sqlplus "]),
        command::oracle,
        Credential,
        "Oracle Database JDBC Developer's Guide, database URLs",
        || format!("oracle:thin:app/{}@db", Alnum.sample(40)),
    ),
    custom(
        "aws_secret_key",
        Stems(&["AKIA", "ASIA", "ABIA", "ACCA"]),
        opaque::aws_secret,
        Credential,
        "AWS IAM User Guide, access keys",
        || format!("{} {}", made("AKIA", Base32, 16), Alnum.sample(40)),
    ),
    // Personal data
    custom(
        "card",
        Trigger::Digits,
        number::card,
        Personal,
        "ISO/IEC 7812-1, PCI DSS 4.0 requirement 3.4",
        || format!("{0} {1} {1} {1}", 4111, 1111),
    ),
    custom(
        "nir",
        Trigger::Digits,
        number::nir,
        Personal,
        "INSEE, numéro d'inscription au répertoire",
        || format!("{}{}", "1850578006084", 97 - 1_850_578_006_084_u64 % 97),
    ),
    custom(
        "nir",
        StemsAnyCase(&[
            "2a0", "2a1", "2a2", "2a3", "2a ", "2a-", "2a.", "2a/", "2a_", "2a\t", "2a\n", "2a\r", "2b0",
            "2b1", "2b2", "2b3", "2b ", "2b-", "2b.", "2b/", "2b_", "2b\t", "2b\n", "2b\r",
        ]),
        number::nir_corsica,
        Personal,
        "INSEE, numéro d'inscription au répertoire",
        || format!("185052A006084{:02}", 97 - 1_850_519_006_084_u64 % 97),
    ),
    custom(
        "nir",
        Stems(&["2A\u{a0}", "2B\u{a0}", "2a\u{a0}", "2b\u{a0}"]),
        number::nir_corsica,
        Personal,
        "INSEE, numéro d'inscription au répertoire",
        || format!("185052A006084{:02}", 97 - 1_850_519_006_084_u64 % 97),
    ),
    custom("iban", Trigger::CountryCode, number::iban, Personal, "ISO 13616, SWIFT IBAN registry", || {
        format!("GB82 WEST {} {} {}", 1234, 5698, "7654 32")
    }),
    custom(
        "iban",
        Trigger::WordEnd,
        number::iban_in_word,
        Personal,
        "ISO 13616, SWIFT IBAN registry",
        || ["IBAN", "GB82", "WEST", "12345698", "765432"].concat(),
    ),
    custom("email", Trigger::At, email::verify, Personal, "RFC 5321 section 4.1.2", || {
        format!("{}@{}", "jane.doe", "example.org")
    }),
    // In the query of a URL, and in a URL in the query of a URL.
    custom(
        "email",
        Stems(&["%40", "%2540"]),
        email::verify_encoded,
        Personal,
        "RFC 3986 section 2.1",
        || format!("{}%40{}", "jane.doe", "example.org"),
    ),
];

type Example = fn() -> String;
type Custom = fn(&crate::redact::keys::KeyRules, &[u8], usize) -> Option<std::ops::Range<usize>>;

const fn token(
    name: &'static str,
    stems: &'static [&'static str],
    alphabet: Alphabet,
    min: usize,
    source: &'static str,
    example: Example,
) -> Detector {
    let verify = Verify::Token { alphabet, min };
    Detector { name, kind: Credential, trigger: Stems(stems), verify, source, example }
}

const fn word(
    name: &'static str,
    stems: &'static [&'static str],
    alphabet: Alphabet,
    min: usize,
    source: &'static str,
    example: Example,
) -> Detector {
    let verify = Verify::WordToken { alphabet, min };
    Detector { name, kind: Credential, trigger: Stems(stems), verify, source, example }
}

const fn middle(
    name: &'static str,
    stems: &'static [&'static str],
    alphabet: Alphabet,
    before: usize,
    after: usize,
    source: &'static str,
    example: Example,
) -> Detector {
    let verify = Verify::Middle { alphabet, before, after };
    Detector { name, kind: Credential, trigger: Stems(stems), verify, source, example }
}

const fn custom(
    name: &'static str,
    trigger: Trigger,
    verify: Custom,
    kind: Kind,
    source: &'static str,
    example: Example,
) -> Detector {
    Detector { name, kind, trigger, verify: Verify::Custom(verify), source, example }
}

fn made(stem: &str, alphabet: Alphabet, len: usize) -> String {
    format!("{stem}{}", alphabet.sample(len))
}

fn wrapped(before: usize, stem: &str, alphabet: Alphabet, after: usize) -> String {
    format!("{}{stem}{}", alphabet.sample(before), alphabet.sample(after))
}
