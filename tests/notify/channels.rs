//! `notify test`, and the forms in which a webhook gets its messages.

use serde_json::Value;

use crate::support::mail::{MailServer, Speaks, header};
use crate::support::sink::Sink;
use crate::support::{Database, Engine, Install};

/// An install that needs no database for what is tried here.
async fn install(toml: &str) -> Install {
    let mut install = Install::new(Database::empty(Engine::Sqlite).await);
    install.configure(toml);
    install
}

/// Exit code and everything said.
fn test(install: &Install) -> (i32, String) {
    let output = install.run(&["notify", "test"]);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_what_the_servers_answered() {
    for speaks in [Speaks::StartTls, Speaks::Tls, Speaks::Plain] {
        let mail = MailServer::start(speaks);
        let mut install = install(&mail.config()).await;
        install.environment("SSL_CERT_FILE", &mail.authority().display().to_string());
        let (code, said) = test(&install);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("taken: 250 2.0.0 queued as 0001"), "{said}");
        let mails = mail.mails();
        assert!(header(&mails[0], "subject").ends_with(": a test"), "{mails:#?}");
        assert_eq!(header(&mails[0], "from"), "Plant 7 <scim@plant.example>");
        let to = header(&mails[0], "to");
        assert!(to.contains("Möller, Jürgen") && to.contains("<jm@plant.example>"), "{to}");
        assert_eq!(mails[0]["tls"], speaks != Speaks::Plain);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_says_why_and_no_secret() {
    let mail = MailServer::start(Speaks::StartTls);
    let authority = mail.authority().display().to_string();
    // A wrong password.
    let mut wrong = install(&mail.config_with("scim:WRONG@")).await;
    wrong.environment("SSL_CERT_FILE", &authority);
    let (code, said) = test(&wrong);
    assert!(code == 1 && said.contains("NOT SENT") && said.contains("535"), "{code}: {said}");
    assert!(!said.contains("WRONG"), "{said}");
    // A certificate that nobody vouches for.
    let stranger = install(&mail.config()).await;
    let (code, said) = test(&stranger);
    assert!(code == 1 && said.contains("certificate"), "{code}: {said}");
    // A recipient whom the server doesn't know, and a webhook that is fine.
    let sink = Sink::start().await;
    let webhook = format!("[notify.webhook]\nurl = \"{}/hooks/KEY\"\n", sink.origin);
    let mut both = install(&format!("{}{webhook}", mail.config())).await;
    both.environment("SSL_CERT_FILE", &authority);
    both.configure("[notify.smtp]\nto = [\"nobody@plant.example\"]\n");
    let (code, said) = test(&both);
    assert!(code == 1 && said.contains("no such user here"), "{code}: {said}");
    assert!(said.contains("taken: 200 OK answer 200") && !said.contains("KEY"), "{said}");
    // Whom it doesn't know doesn't keep it from the others.
    both.configure("[notify.smtp]\nto = [\"nobody@plant.example\", \"it@plant.example\"]\n");
    let (code, said) = test(&both);
    assert!(code == 0 && said.contains("but not for nobody@plant.example: "), "{code}: {said}");
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["to"], serde_json::json!(["it@plant.example"]));
    // Nobody there, for either.
    let gone = "http://127.0.0.1:9/hooks/KEY";
    let (code, said) = test(&install(&format!("[notify]\nwebhook = \"{gone}\"\n")).await);
    assert!(code == 1 && said.contains("refused") && !said.contains("KEY"), "{code}: {said}");
    let (code, said) = test(&install("").await);
    assert!(code == 1 && said.contains("notify.smtp"), "{code}: {said}");
    assert_eq!(mail.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_its_form_and_a_signature() {
    let sink = Sink::start().await;
    let url = format!("url = \"{}/hooks/KEY\"\n", sink.origin);
    for (format, pointer) in
        [("json", "/title"), ("teams", "/attachments/0/content/body/0/text"), ("slack", "/text")]
    {
        let webhook = format!("[notify.webhook]\n{url}format = \"{format}\"\nsecret = \"salt\"\n");
        let (code, said) = test(&install(&webhook).await);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(&format!("({format}, signed)")) && !said.contains("KEY"), "{said}");
        let posted = sink.posted().pop().unwrap();
        assert_eq!(posted.path, "/hooks/KEY");
        assert_eq!(posted.headers["content-type"], "application/json");
        let body: Value = serde_json::from_str(&posted.text).unwrap();
        let text = body.pointer(pointer).and_then(Value::as_str);
        assert!(text.is_some_and(|it| it.contains("a test")), "{body:#}");
        let [id, at, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| posted.headers[name].to_str().unwrap());
        assert_eq!(signature, signed("salt", &format!("{id}.{at}.{}", posted.text)));
    }
}

/// The standard's signature, by another hand.
fn signed(key: &str, text: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", key, "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let digest = openssl.wait_with_output().unwrap().stdout;
    format!("v1,{}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest))
}
