//! Tests of layering, messages and secrets.

use std::path::{Path, PathBuf};

use super::{Config, DatabaseUrl, Error, LogFormat, load};

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn from(text: &str, env: &[(&str, &str)]) -> Result<Config, Error> {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.toml", text);
    load(&[file], env.iter().copied())
}

/// The message, with the temporary folder taken out.
fn message(text: &str, env: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.toml", text);
    let error = load(&[file], env.iter().copied()).unwrap_err();
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

const URL: (&str, &str) = ("KPIFIRE_SCIM__DATABASE__URL", "sqlite:kpifire.db");

#[test]
fn defaults() {
    let config = from("", &[URL]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8642");
    assert_eq!(config.base_path, "/scim/v2");
    assert_eq!(config.limits.body, 1 << 20);
    assert_eq!(config.database.url, DatabaseUrl::Sqlite(PathBuf::from("kpifire.db")));
    assert_eq!(config.database.pool_size, 8);
    assert_eq!(config.profile, "kpifire");
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.tls, None);
}

#[test]
fn later_files_win_and_the_environment_wins_over_them() {
    let dir = tempfile::tempdir().unwrap();
    let first = write(
        dir.path(),
        "1.toml",
        "listen = \"127.0.0.1:1\"\n[limits]\nbody = \"2MiB\"\nfilter_depth = 3\n[database]\nurl = \"sqlite:a.db\"\n",
    );
    let second = write(dir.path(), "2.toml", "[limits]\nbody = 4096\n[reports]\ndir = \"/r\"\n");
    let env = [
        ("KPIFIRE_SCIM__LIMITS__FILTER_DEPTH", "5"),
        ("KPIFIRE_SCIM__RECONCILE__AUTO", "reactivated, attribute"),
        ("KPIFIRE_SCIM_OTHER", "not ours"),
        ("PATH", "/bin"),
    ];
    let config = load(&[first, second], env).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:1");
    assert_eq!(config.limits.body, 4096);
    assert_eq!(config.limits.filter_depth, 5);
    assert_eq!(config.reports.dir, PathBuf::from("/r"));
    assert_eq!(config.reconcile.auto.len(), 2);
}

#[test]
fn the_commented_file_is_the_defaults() {
    let text = include_str!("../../config/kpifire-scim.toml");
    let shipped = from(text, &[URL]).unwrap();
    assert_eq!(shipped.effective(), from("", &[URL]).unwrap().effective());
    // Every key stands in the file, and every line that shows a default is accepted as it is.
    let absent = [
        "url",
        "url_file",
        "ca",
        "cert",
        "key",
        "client_ca",
        "tenant",
        "audience",
        "jwks",
        "app",
        "cloud",
        "leeway",
        "public_url",
        "delete_after",
        "transfer_to",
        "from",
        "to",
        "secret",
        "secret_file",
    ];
    let shown: String = text
        .lines()
        .map(|line| {
            match line
                .strip_prefix('#')
                .and_then(|line| line.split_once(" = ").map(|it| (line, it.0)))
            {
                Some((line, key)) if !key.starts_with(' ') && !absent.contains(&key) => line,
                _ => line,
            }
        })
        .filter(|line| !line.starts_with("listen = \"127.0.0.1:8643\""))
        .fold(String::new(), |text, line| text + line + "\n");
    let shown = from(&shown, &[URL]).unwrap();
    let canonical = |config: &Config| {
        let pairs = config.effective().iter().cloned();
        pairs.collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(canonical(&shown), canonical(&shipped));
    for (key, _) in shipped.effective() {
        let last = key.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("#{last} = ")), "{key} isn't in the shipped file");
    }
}

#[test]
fn unknown_keys_name_the_file_and_the_nearest() {
    insta::assert_snapshot!(message(
        "listne = \"x\"\nlimits = 5\n[databse]\nurl = \"x\"\n[log]\nlevl = \"info\"\n[reports.dir]\nx = 1\n",
        &[URL, ("KPIFIRE_SCIM__LIMITS__BDOY", "1")]
    ), @r#"
configuration: 5 problems
  a.toml: `databse.url` unknown key; did you mean `database.url`?
  KPIFIRE_SCIM__LIMITS__BDOY: `limits.bdoy` unknown key; did you mean `limits.body`?
  a.toml: `listne` unknown key; did you mean `listen`?
  a.toml: `log.levl` unknown key; did you mean `log.level`?
  a.toml: `reports.dir.x` unknown key; did you mean `reports.dir`?
"#);
}

#[test]
fn values_out_of_range() {
    insta::assert_snapshot!(message(
        "listen = \"localhost:80\"\nbase_path = \"scim\"\npublic_url = \"https://a/b\"\n\
         [limits]\nbody = \"12 parsecs\"\nheader_time = \"soon\"\nrequest_time = \"2 days\"\nfilter_depth = 0\npage_default = 500\npage_max = 100\nconnections = [1]\n\
         [database]\npool_size = -1\n[log]\nlevel = \"loud\"\nformat = \"xml\"\n\
         [schedule]\nreconcile = \"* * *\"\ncleanup = \"61 * * * *\"\ntimezone = \"Europe/Berln\"\n\
         [reconcile]\nfloor = 120\ntolerate = [\"titel\"]\nauto = [\"reactivate\"]\n\
         [cleanup]\nstrip_after = \"90d\"\nanonymise_after = \"30d\"\nmax_percent = \"many\"\n\
         [reports]\nmask = \"yes\"\n[retention]\naudit = \"1h\"\n\
         [notify.smtp]\nurl = \"mail.example\"\nto = [\"nobody\"]\n[notify]\nwebhook = \"ftp://x\"\n\
         [tls]\ncert = \"c.pem\"\n[auth.entra]\ntenant = \"plant\"\n[admin]\nlisten = \"8643\"\n",
        &[URL]
    ), @r#"
configuration: 30 problems
  a.toml: `admin.listen` must be an IP address and a port such as 127.0.0.1:8642 or [::]:8642, not `8643`
  `auth.entra.audience` is needed by `auth.entra`
  a.toml: `auth.entra.tenant` must be the tenant's id, a UUID such as 11111111-2222-3333-4444-555555555555, not `plant`
  `auth.entra.tenant` is needed by `auth.entra`: without it any tenant's token would do
  a.toml: `base_path` must be a path such as /scim/v2, of letters, digits, `-._~` and slashes, not `scim`
  `cleanup.anonymise_after` is shorter than `cleanup.strip_after`; the stages follow one another
  a.toml: `cleanup.max_percent` must be a percentage from 0 to 100, not `many`
  a.toml: `database.pool_size` must be an integer from 1 to 1000, not `-1`
  a.toml: `limits.body` must be a size from 1024 to 1073741824 bytes such as 1048576 or "1MiB", not `12 parsecs`
  a.toml: `limits.connections` must be one value, not a list
  a.toml: `limits.filter_depth` must be an integer from 1 to 64, not `0`
  a.toml: `limits.header_time` must be a duration such as "30s" or "30d", not `soon`: expected number at 0
  `limits.page_default` is 500, more than `limits.page_max` (100)
  a.toml: `limits.request_time` must be from 100ms to 1h, not `2 days`
  a.toml: `listen` must be an IP address and a port such as 127.0.0.1:8642 or [::]:8642, not `localhost:80`
  a.toml: `log.format` must be text, json or journald, not `xml`
  a.toml: `log.level` must be off, error, warn, info, debug, trace or tracing directives, not `loud`
  a.toml: `notify.smtp.to` must be a mail address such as it@plant.example, not `nobody`
  a.toml: `notify.smtp.url` must be a URL that begins with smtp:// or smtps://
  a.toml: `notify.webhook.url` must be a URL that begins with https:// or http://
  a.toml: `public_url` must be http:// or https:// and a host, without a path (`base_path` has that), not `https://a/b`
  a.toml: `reconcile.auto` doesn't know `reactivate`; did you mean `reactivated`? (allowed: reactivated, attribute, wrongly_disabled, member_extra, member_missing, team_attribute)
  a.toml: `reconcile.floor` must be a percentage from 0 to 100, not `120`
  a.toml: `reconcile.tolerate` `titel` is not an attribute of User; did you mean `title`?
  a.toml: `reports.mask` must be true or false, not `yes`
  a.toml: `retention.audit` must be from 1day to 100years, not `1h`
  a.toml: `schedule.cleanup` has the minute `61`; allowed are *, 0 to 59, lists, ranges and steps (*/5)
  a.toml: `schedule.reconcile` must be a cron line of five fields (minute hour day month weekday), six (seconds first) or seven (year last), not 3
  a.toml: `schedule.timezone` must be a time zone such as Europe/Berlin, not `Europe/Berln`; did you mean `Europe/Berlin`?
  `tls.key` is missing beside `tls.cert`; TLS needs both
"#);
}

#[test]
fn database_urls() {
    let parse = |text: &str| match DatabaseUrl::parse(text) {
        Ok(url) => format!("{url:?}"),
        Err(message) => message,
    };
    let all: Vec<String> = [
        "sqlite:kpi.db",
        "sqlite:/var/kpi.db",
        "sqlite:///var/kpi.db",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:/var/my%20kpi%3F.db",
        "sqlite:/var/kpi.db?mode=ro",
        "postgres://app:p@ss:w/rd@db:5432/kpi?sslmode=verify-full&password=x",
        "mariadb://app:secret@db/kpi",
        "mysql://app@db/kpi",
        "postgres:db",
        "postgre://app:secret@db/kpi",
        "app:secret@db/kpi",
        "kpi.db",
    ]
    .into_iter()
    .map(parse)
    .collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
sqlite:kpi.db
sqlite:/var/kpi.db
sqlite:/var/kpi.db
names no file; write sqlite:PATH
can't be in memory: every connection would see its own database; write sqlite:PATH
sqlite:/var/my kpi?.db
has the parameter `mode`: sqlite: takes none (a question mark in the file's name is written %3F)
postgres://app:***@db:5432/kpi?sslmode=verify-full&password=***
mysql://app:***@db/kpi
mysql://app@db/kpi
needs `//` and a host after the scheme: SCHEME://USER:PASSWORD@HOST/DATABASE
has the unknown scheme `postgre`; write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE; did you mean `postgres`?
has no known scheme; write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE
has no scheme; write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE
"#);
    assert_eq!(
        DatabaseUrl::parse("mariadb://a:b@h/d").unwrap(),
        DatabaseUrl::Mysql("mysql://a:b@h/d".into())
    );
}

#[test]
fn secrets_come_from_files_and_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let url = write(dir.path(), "database_url", "postgres://app:secret@db/kpi\n");
    let path = url.to_string_lossy().into_owned();
    let by_file = from(&format!("[database]\nurl_file = {path:?}\n"), &[]).unwrap();
    let folder = dir.path().to_string_lossy().into_owned();
    let by_credential = from("", &[("CREDENTIALS_DIRECTORY", &folder)]).unwrap();
    for config in [&by_file, &by_credential] {
        assert_eq!(
            config.database.url,
            DatabaseUrl::Postgres("postgres://app:secret@db/kpi".into())
        );
        assert!(!format!("{config:?}").contains("secret"));
    }
    // A later layer's key wins over an earlier layer's other key.
    let config = from(&format!("[database]\nurl_file = {path:?}\n"), &[URL]).unwrap();
    assert_eq!(config.database.url, DatabaseUrl::Sqlite("kpifire.db".into()));
    let config =
        from("[database]\nurl = \"sqlite:x\"\n", &[("KPIFIRE_SCIM__DATABASE__URL_FILE", &path)])
            .unwrap();
    assert!(matches!(config.database.url, DatabaseUrl::Postgres(_)));
    insta::assert_snapshot!(message("[database]\nurl = \"sqlite:x\"\nurl_file = \"y\"\n", &[]), @r#"
configuration: 1 problem
  a.toml: `database.url_file` is set beside `database.url`; keep one of the two
"#);
    insta::assert_snapshot!(message("[database]\nurl_file = \"no/such/file\"\n", &[]), @r#"
configuration: 1 problem
  a.toml: `database.url_file` can't read no/such/file: No such file or directory (os error 2)
"#);
    insta::assert_snapshot!(message("", &[]), @r#"
configuration: 1 problem
  `database.url` is missing: set it to sqlite:PATH, postgres://… or mysql://… in a --config file or in KPIFIRE_SCIM__DATABASE__URL, or name a file that holds it in database.url_file
"#);
}

#[test]
fn tls_takes_its_key_from_a_credential_and_rules_out_plain_http() {
    let dir = tempfile::tempdir().unwrap();
    let key = write(dir.path(), "tls_key", "");
    let folder = dir.path().to_string_lossy().into_owned();
    let env = [URL, ("CREDENTIALS_DIRECTORY", folder.as_str())];
    let tls = from("[tls]\ncert = \"c.pem\"\n", &env).unwrap().tls.unwrap();
    assert_eq!((tls.cert, tls.key, tls.client_ca), ("c.pem".into(), key, None));
    // The configuration's own key goes before; a credential alone turns nothing on.
    let tls = from("[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n", &env).unwrap().tls.unwrap();
    assert_eq!(tls.key, PathBuf::from("k.pem"));
    assert_eq!(from("", &env).unwrap().tls, None);
    insta::assert_snapshot!(message("insecure_plain_http = true\n[tls]\ncert = \"c\"\nkey = \"k\"\n", &[URL]), @r#"
configuration: 1 problem
  `insecure_plain_http` is set beside `tls.cert`, and the listener speaks either TLS or plain HTTP: remove one of the two
"#);
    insta::assert_snapshot!(message("listen = \"[::]:1\"\n[tls]\nwarn_before = \"1d\"\n[admin]\nlisten = \"10.0.0.1:2\"\n", &[URL]), @r#"
configuration: 2 problems
  `admin.listen` is 10.0.0.1:2, which others can reach: that needs [tls], and a token of the scope admin at each request; set `tls.cert` and `tls.key`, or listen on 127.0.0.1
  `listen` is [::]:1, which others can reach, and without [tls] tokens and personal data go over the network in the clear: set `tls.cert` and `tls.key`, or listen on 127.0.0.1 behind a proxy that speaks TLS, or, where the network itself is trusted, set `insecure_plain_http = true`
"#);
    for local in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "127.1.2.3:1"] {
        assert!(from(&format!("listen = \"{local}\"\n"), &[URL]).is_ok(), "{local}");
    }
}

#[test]
fn a_webhook_may_be_its_url_alone_and_is_never_shown() {
    let env = [URL, ("KPIFIRE_SCIM__NOTIFY__WEBHOOK", "https://chat.example/hooks/KEY")];
    for config in [
        from("", &env).unwrap(),
        from("[notify]\nwebhook = \"https://chat.example/hooks/KEY\"\n", &[URL]).unwrap(),
        from("[notify.webhook]\nurl = \"https://chat.example/hooks/KEY\"\n", &[URL]).unwrap(),
    ] {
        assert_eq!(
            config.notify.webhook.as_ref().unwrap().url.reveal(),
            "https://chat.example/hooks/KEY"
        );
        assert!(!format!("{config:?}").contains("KEY"));
    }
}

#[test]
fn channels_that_say_too_little_or_too_much() {
    insta::assert_snapshot!(message(
        "[notify.smtp]\nurl = \"smtp://u:SECRET#@mail.example\"\nfrom = \"a\\r\\nBcc: b@c\"\n\
         to = [\"it@plant.example\"]\n[notify.webhook]\nformat = \"irc\"\n",
        &[URL]
    ), @r#"
configuration: 3 problems
  a.toml: `notify.smtp.from` must be a mail address such as it@plant.example, not `a\r\nBcc: b@c`
  a.toml: `notify.smtp.url` can't be read (invalid port number): it must be smtp://USER:PASSWORD@HOST:PORT, with what isn't a letter or digit in user and password percent-encoded (`@` is %40, `/` is %2F)
  a.toml: `notify.webhook.format` must be json, teams or slack, not `irc`
"#);
    insta::assert_snapshot!(message("[notify.webhook]\nsecret = \"s\"\n", &[URL]), @r#"
configuration: 1 problem
  `notify.webhook.url` is missing beside `notify.webhook.secret`
"#);
}

#[test]
fn the_policy_is_of_what_decides_about_cleanup() {
    let policy = |text: &str| from(text, &[URL]).unwrap().policy();
    let base = policy("");
    assert_eq!(base.len(), 64);
    for same in [
        "listen = \"127.0.0.1:9\"\n",
        "[database]\npool_size = 7\n",
        "[reports]\ndir = \"/tmp\"\n",
        "[schedule]\ncleanup = \"1 1 * * *\"\n",
        "[cleanup]\nmax_count = 25\n",
    ] {
        assert_eq!(base, policy(same), "{same}");
    }
    for other in [
        "[cleanup]\nmax_count = 26\n",
        "[cleanup]\ndelete_after = \"400d\"\n",
        "[reconcile]\nstale_after = \"3d\"\n",
        "[reconcile]\nauto = [\"reactivated\"]\n",
    ] {
        assert_ne!(base, policy(other), "{other}");
    }
}

#[test]
fn a_profile_path_is_tried_beside_the_file_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let beside = write(dir.path(), "plant.toml", "");
    let file = write(dir.path(), "a.toml", "profile = \"plant.toml\"\n");
    let config = load(&[file], [URL]).unwrap();
    assert_eq!(config.profile, beside.to_string_lossy());
    let config = from("", &[URL, ("KPIFIRE_SCIM__PROFILE", "elsewhere.toml")]).unwrap();
    assert_eq!(config.profile, "elsewhere.toml");
}

#[test]
fn files_that_are_not_there_or_not_toml() {
    let error = load(&[PathBuf::from("no/such.toml")], [URL]).unwrap_err();
    insta::assert_snapshot!(error, @r#"
configuration: 1 problem
  no/such.toml: can't read this configuration file: No such file or directory (os error 2)
"#);
    insta::assert_snapshot!(message("a = \n", &[URL]), @r#"
configuration: 1 problem
  a.toml: not valid TOML: TOML parse error at line 1, column 5
  |
1 | a = 
  |     ^
string values must be quoted, expected literal string
"#);
}

#[test]
fn cron_lines() {
    let lines = [
        "*/5 * * * *",
        "0 0 * * 7",
        "0 2 1-7 jan,feb mon-fri",
        "30 0 2 * * *",
        "0 0 2 * * * 2030",
        "0 24 * * *",
        "0 0 31 13 *",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 * * 8",
        "@daily",
    ];
    let checked: Vec<String> = lines
        .iter()
        .map(|line| match super::Cron::parse(line) {
            Ok(cron) => format!("{} ok", cron.as_str()),
            Err(message) => format!("{line}: {message}"),
        })
        .collect();
    insta::assert_snapshot!(checked.join("\n"), @r#"
*/5 * * * * ok
0 0 * * 7 ok
0 2 1-7 jan,feb mon-fri ok
30 0 2 * * * ok
0 0 2 * * * 2030 ok
0 24 * * *: has the hour `24`; allowed are *, 0 to 23, lists, ranges and steps (*/5)
0 0 31 13 *: has the month `13`; allowed are *, 1 to 12 or jan to dec, lists, ranges and steps (*/5)
*/0 * * * *: has the minute `*/0`; allowed are *, 0 to 59, lists, ranges and steps (*/5)
5-1 * * * *: has the minute `5-1`; allowed are *, 0 to 59, lists, ranges and steps (*/5)
0 0 * * 8: has the day of week `8`; allowed are *, 0 to 7 or sun to sat, lists, ranges and steps (*/5)
@daily: must be a cron line of five fields (minute hour day month weekday), six (seconds first) or seven (year last), not 1
"#);
}
