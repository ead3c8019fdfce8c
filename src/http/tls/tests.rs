//! What is wrong with the files, and when an operator is warned.

use chrono::TimeZone as _;

use super::*;

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn tls(&self, cert: &str, key: &str) -> config::Tls {
        config::Tls {
            cert: self.write("cert.pem", cert),
            key: self.write("key.pem", key),
            client_ca: None,
            warn_before: Duration::from_secs(30 * 86_400),
        }
    }

    fn message(&self, files: &config::Tls) -> String {
        let message = Tls::load(files).unwrap_err().to_string();
        message.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// A certificate that ends on the first of a year, and its key.
fn certificate(year: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wanted = rcgen::CertificateParams::new(vec!["scim.plant.example".to_owned()]).unwrap();
    wanted.not_after = rcgen::date_time_ymd(year, 1, 1);
    (wanted.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn what_is_wrong_names_key_and_file() {
    let files = Files::new();
    let (cert, key) = certificate(2040);
    let (_, other) = certificate(2040);
    assert!(Tls::load(&files.tls(&cert, &key)).is_ok());
    insta::assert_snapshot!(files.message(&files.tls(&cert, &other)), @"`tls.key`: key.pem is not the key of the certificate in cert.pem (`tls.cert`)");
    insta::assert_snapshot!(files.message(&files.tls("", &key)), @"`tls.cert`: cert.pem holds no PEM certificate");
    insta::assert_snapshot!(files.message(&files.tls(&key, &key)), @"`tls.cert`: cert.pem holds no PEM certificate");
    insta::assert_snapshot!(files.message(&files.tls(&cert, &cert)), @"`tls.key`: key.pem holds no PEM private key");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let message = files.message(&files.tls(broken, &key));
    assert!(
        message.starts_with("`tls.cert`: cert.pem holds a certificate (number 1)"),
        "{message}"
    );
    let missing = config::Tls { key: "no/such.pem".into(), ..files.tls(&cert, &key) };
    insta::assert_snapshot!(files.message(&missing), @"`tls.key`: no/such.pem can't be read: No such file or directory (os error 2)");
    let clients = files.write("clients.pem", "nothing");
    let clients = config::Tls { client_ca: Some(clients), ..files.tls(&cert, &key) };
    insta::assert_snapshot!(files.message(&clients), @"`tls.client_ca`: clients.pem holds no PEM certificate");
}

#[test]
fn the_earliest_end_of_the_chain_counts_and_is_warned_of() {
    let files = Files::new();
    let (leaf, key) = certificate(2041);
    let (issuer, _) = certificate(2040);
    let certificate = Tls::load(&files.tls(&(leaf + &issuer), &key)).unwrap().certificate;
    let end = Utc.with_ymd_and_hms(2040, 1, 1, 0, 0, 0).unwrap();
    assert_eq!(certificate.not_after(), end);
    assert_eq!(certificate.warning(end - TimeDelta::days(31)), None);
    let soon = certificate.warning(end - TimeDelta::days(29)).unwrap();
    assert!(soon.contains("expires on 2040-01-01 00:00 UTC, in 29 days"), "{soon}");
    let late = certificate.warning(end + TimeDelta::seconds(1)).unwrap();
    assert!(late.contains("expired on 2040-01-01"), "{late}");
}
