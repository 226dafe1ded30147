//! Receivers that are not ours: Prometheus' Alertmanager, and a mail server.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::*;

/// A program that tests talk to; a test that lacks it says so, where the summary of the run finds it.
fn program(test: &str, variable: &str) -> Option<OsString> {
    let found = std::env::var_os(variable).filter(|path| !path.is_empty());
    if found.is_none() {
        let why = format!("{test}: {variable} is not set");
        println!("{why}");
        if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
            let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
            list.and_then(|mut list| writeln!(list, "{why}")).expect("the list can be written");
        }
    }
    found
}

struct Server(Child, PathBuf);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dihya-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("made");
    folder
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// What the server says to a GET.
fn get(port: u16, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: x\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn a_real_alertmanager_has_an_alert_soon_and_its_end() {
    let name = "a_real_alertmanager_has_an_alert_soon_and_its_end";
    let Some(alertmanager) = program(name, "DIHYA_ALERTMANAGER") else { return };
    let folder = folder("alertmanager");
    let config = folder.join("am.yml");
    std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n")
        .expect("writes");
    let port = port();
    let child = Command::new(alertmanager)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(child.expect("alertmanager starts"), folder);
    until("alertmanager answers", || get(port, "/api/v2/alerts").is_some());
    let alerts = |state: &str| match get(port, &format!("/api/v2/alerts?active={state}")) {
        Some(Value::Array(alerts)) => alerts,
        _ => Vec::new(),
    };
    assert!(alerts("true").is_empty());

    let sink = format!("[alerts.sinks.pager]\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}\"\n");
    let running = start(&policy(&sink));
    let odd = Alert { summary: "quote \" backslash \\ newline \n end".to_owned(), ..alert(5) };
    let began = Instant::now();
    running.delivery.offer(odd.clone());
    until("it fires", || !alerts("true").is_empty());
    let took = began.elapsed();
    // Two seconds are the goal; how busy the machine of a test is, nobody knows.
    println!("from offer to Alertmanager: {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let [one] = alerts("true").try_into().expect("one alert");
    assert_eq!(one["labels"]["alertname"], "auth_bruteforce");
    assert_eq!(one["labels"]["fingerprint"], odd.fingerprint.as_str());
    assert_eq!(one["annotations"]["summary"], odd.summary.as_str());
    assert_eq!(one["status"]["state"], "active");

    let now = running.clock.now();
    running.delivery.offer(Alert { status: Status::Resolved, ends_at: Some(now), updated_at: now, ..odd });
    until("it is resolved", || alerts("true").is_empty());
    running.end();
    assert_eq!(running.counts("pager"), [2, 0, 0, 0, 0]);
}

/// Prints each mail's receivers and text, a line of JSON each; with a certificate it wants STARTTLS before anything else.
const MAIL_SERVER: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
first = True
class Handler:
    async def handle_DATA(self, server, session, envelope):
        global first
        if first and len(sys.argv) > 5:
            first = False
            return '451 try again'
        print(json.dumps({'to': envelope.rcpt_tos, 'tls': session.ssl is not None,
            'user': session.auth_data, 'text': envelope.content.decode('utf-8', 'replace')}), flush=True)
        return '250 OK'
def authenticate(server, session, envelope, mechanism, data):
    ok = data.login == b'dihya' and data.password == b'mail key of tests'
    return AuthResult(success=ok, handled=False, auth_data='dihya' if ok else None)
options = {}
if sys.argv[2] != '-':
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if sys.argv[4] == 'implicit':
        options['ssl_context'] = context
    else:
        options.update(tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True)
controller = Controller(Handler(), hostname='127.0.0.1', port=int(sys.argv[1]), **options)
controller.start()
print('ready', flush=True)
import time
while True: time.sleep(60)
"#;

fn mail_server(
    server: &OsString,
    port: u16,
    more: &[&str],
) -> (Server, BufReader<std::process::ChildStdout>) {
    let folder = folder(&format!("mail-{port}"));
    // The Python of the folder that the server is installed in has its modules.
    let mut child = Command::new(Path::new(server).with_file_name("python3"))
        .args(["-c", MAIL_SERVER, &port.to_string()])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("text");
    assert_eq!(line.trim(), "ready", "the mail server does not start");
    (Server(child, folder), out)
}

#[test]
fn a_real_mail_server_gets_one_digest_and_again_after_it_refused_for_now() {
    let name = "a_real_mail_server_gets_one_digest_and_again_after_it_refused_for_now";
    let Some(aiosmtpd) = program(name, "DIHYA_AIOSMTPD") else { return };
    let port = port();
    let (_server, mut out) = mail_server(&aiosmtpd, port, &["-", "-", "none", "refuse first"]);
    let running = start(&policy(&format!(
        "[alerts.sinks.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"dihya@example.org\"\n\
         to = [\"ops@example.org\", \"dpo@example.org\"]\n"
    )));
    running.delivery.offer(alert(5));
    running.delivery.offer(Alert {
        status: Status::Resolved,
        ends_at: Some(running.clock.now()),
        ..alert(6)
    });
    until("they are delivered", || running.counts("mail")[0] == 2);
    assert_eq!(running.counts("mail"), [2, 2, 0, 0, 0]);
    let mut line = String::new();
    out.read_line(&mut line).expect("a mail");
    let mail: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(mail["to"], serde_json::json!(["ops@example.org", "dpo@example.org"]));
    let text = mail["text"].as_str().expect("text");
    assert!(text.contains("Subject: [clinic] 1 alert firing, 1 resolved, high"), "{text}");
    assert!(text.contains("5 failed logins of one account"), "{text}");
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused_and_a_known_one_taken() {
    let name = "a_certificate_nobody_vouches_for_is_refused_and_a_known_one_taken";
    let Some(aiosmtpd) = program(name, "DIHYA_AIOSMTPD") else { return };
    // What a system trusts is read from the environment, which a test must not change for others in its process: this one
    // runs again in processes of its own.
    if let Some(sink) = std::env::var_os("DIHYA_TEST_SINK") {
        let tried = test(&policy(&sink.to_string_lossy()), "mail", &Clock::system()).expect("there is one");
        println!("told: {} {}", tried.delivered, tried.told);
        return;
    }
    let folder = folder("certificate");
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl starts").success());
    let password = secret_file("mail key of tests");
    let wrong = secret_file("another");
    let files = [cert.to_string_lossy().into_owned(), key.to_string_lossy().into_owned()];
    for tls in ["implicit", "starttls"] {
        let port = port();
        let (_server, _out) = mail_server(&aiosmtpd, port, &[&files[0], &files[1], tls]);
        let told = |trusted: bool, password: &Path| {
            let login = match tls {
                "starttls" => format!("user = \"dihya\"\nsecret_file = \"{}\"\n", password.display()),
                _ => String::new(),
            };
            let sink = format!(
                "[alerts.sinks.mail]\ntype = \"smtp\"\nhost = \"localhost\"\nport = {port}\ntls = \"{tls}\"\n\
                 from = \"dihya@example.org\"\nto = [\"ops@example.org\"]\n{login}"
            );
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command
                .args(["--exact", &format!("alert::deliver::tests::real::{name}"), "--nocapture"])
                .env("DIHYA_TEST_SINK", sink);
            if trusted {
                command.env("SSL_CERT_FILE", &cert);
            }
            let out = String::from_utf8_lossy(&command.output().expect("starts").stdout).into_owned();
            let told =
                out.lines().find_map(|line| line.split_once("told: ")).map(|(_, told)| told.to_owned());
            told.unwrap_or_else(|| panic!("the child said nothing: {out}"))
        };
        assert!(told(false, &password).starts_with("false TLS failed"), "{tls}: {}", told(false, &password));
        assert_eq!(told(true, &password), "true the receiver took it", "{tls}");
        if tls == "starttls" {
            assert_eq!(told(true, &wrong), "false SMTP 535: the user or password is wrong");
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}
