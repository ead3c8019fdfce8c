//! Filters: RFC 7644 §3.4.2.2's examples, Entra's, limits and messages.

use serde_json::json;

use crate::scim::filter::{AttrExp, AttrPath, Condition, Filter, typed};
use crate::scim::{Error, FilterLimits, ResourceType, parse_filter};

fn parse(text: &str) -> Result<Filter, Error> {
    parse_limited(text, FilterLimits::default())
}

fn parse_limited(text: &str, limits: FilterLimits) -> Result<Filter, Error> {
    parse_filter(ResourceType::User, text, limits)
}

fn canonical(text: &str) -> String {
    parse(text).unwrap().to_string()
}

fn refused(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.scim_type.unwrap().as_str(), "invalidFilter");
    error.detail
}

#[test]
fn rfc_examples_are_read() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified lt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified le "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        r#"id eq "g" and members eq "u""#,
        "active eq true",
        r#"displayName eq "a \"b\" \\ ) and ( [ eq""#,
    ] {
        assert_eq!(canonical(text), text);
    }
}

#[test]
fn leniency() {
    for (text, wanted) in [
        ("externalId eq jyoung", r#"externalId eq "jyoung""#),
        ("externalId EQ jyoung AND title PR", r#"externalId eq "jyoung" and title pr"#),
        ("(externalId eq jyoung)", r#"externalId eq "jyoung""#),
        ("emails[type eq work]", r#"emails[type eq "work"]"#),
        ("externalId eq 007", r#"externalId eq "007""#),
        ("externalId eq 1e5", r#"externalId eq "1e5""#),
        ("externalId eq 7", "externalId eq 7"),
        ("externalId eq 12345678901234567890123", r#"externalId eq "12345678901234567890123""#),
        ("externalId eq a-b@c.d:e", r#"externalId eq "a-b@c.d:e""#),
        ("externalId eq eq", r#"externalId eq "eq""#),
        ("active eq True", "active eq true"),
        ("title eq NULL", "title eq null"),
        (r#"  userName  eq   "a  eq b"  "#, r#"userName eq "a  eq b""#),
        (r#"userName eq"a""#, r#"userName eq "a""#),
        ("not(title pr)and(nickName pr)", "not (title pr) and nickName pr"),
        (
            r#"emails[type eq "work"].value eq "a@x""#,
            r#"emails[type eq "work" and value eq "a@x"]"#,
        ),
        (
            r#"emails[type eq "work" or primary eq true].value eq a@x and active eq true"#,
            r#"emails[(type eq "work" or primary eq true) and value eq "a@x"] and active eq true"#,
        ),
        (r#"(emails[type eq "work"].value pr)"#, r#"emails[type eq "work" and value pr]"#),
    ] {
        assert_eq!(canonical(text), wanted, "{text}");
    }
}

#[test]
fn brackets_around_a_lookup_change_nothing() {
    for name in ["userName", "externalId", "displayName"] {
        for value in
            ["", " a ", "Zoë@plant.example", "a eq b", "x' or 1=1 --", "\u{feff}名\u{1f600}"]
        {
            let text = format!("{name} eq \"{value}\"");
            assert_eq!(canonical(&text), canonical(&format!("({text})")), "{text}");
        }
    }
    assert_eq!(canonical(r#"userName eq "a\"b\\c""#), r#"userName eq "a\"b\\c""#);
    assert!(parse("userName eq \"a\0b\"").is_err(), "NUL");
}

#[test]
fn messages_say_what_and_where() {
    for (text, says) in [
        ("", "empty"),
        ("   ", "empty"),
        ("userName", "operator is missing"),
        ("userName eq", "value is missing"),
        ("userName eq \"a\" and", "term is missing"),
        ("userName is \"a\"", "`is` is not an operator"),
        ("userName eq \"a", "never closed"),
        ("(userName eq \"a\"", "`(` is never closed"),
        ("emails[type eq \"a\"", "`[` is never closed"),
        ("userName eq \"a\")", "closes nothing"),
        ("(emails[type eq \"a\")]", "closes nothing"),
        ("displayName eq Foo Bar", "double quotes"),
        ("userName eq 'a'", "double quotes"),
        ("userName eq \"a\" userName eq \"b\"", "`and` or `or`"),
        ("eq \"a\"", "operator is expected"),
        ("userName eq \"\\ud800\"", "can't be read"),
        ("userName eq \"a\0\"", "NUL"),
        ("not (title pr or userName eq \"a\\u0000\")", "NUL"),
        ("emails[value eq \"a\\u0000\"]", "NUL"),
        ("emails[ims[type eq \"a\"]]", "can't be read"),
        ("a.b.c eq \"x\"", "can't be read"),
        ("ünames eq \"x\"", "can't be read"),
    ] {
        let detail = refused(text);
        assert!(detail.contains(says), "{text}: {detail}");
    }
}

#[test]
fn limits_hold() {
    let limits = FilterLimits { length: 100, depth: 3, terms: 5 };
    let long = format!("userName eq \"{}\"", "a".repeat(100));
    assert!(parse_limited(&long, limits).unwrap_err().detail.contains("100 is the limit"));
    assert!(parse_limited("not (not (title pr))", limits).is_ok());
    assert!(parse_limited("not (not (not (title pr)))", limits).is_err());
    assert!(parse_limited("((((title pr))))", limits).is_err());
    let deep = format!("{}title pr{}", "not (".repeat(50_000), ")".repeat(50_000));
    let roomy = FilterLimits { length: usize::MAX, depth: usize::MAX, terms: usize::MAX };
    assert!(parse_limited(&deep, roomy).is_err());
    let wide = vec!["title pr"; 100].join(" or ");
    assert!(parse(&wide).is_ok());
}

#[test]
fn names_are_resolved() {
    let (user, group) = (ResourceType::User, ResourceType::Group);
    for (kind, text, wanted) in [
        (user, "USERNAME", "userName"),
        (user, "name.FAMILYNAME", "name.familyName"),
        (user, "emails", "emails.value"),
        (user, "groups", "groups.value"),
        (user, "groups.value", "groups.value"),
        (user, "meta.lastmodified", "meta.lastModified"),
        (user, "ID", "id"),
        (user, "externalid", "externalId"),
        (
            user,
            "manager",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ),
        (group, "members", "members.value"),
        (group, "members.value", "members.value"),
        (group, "displayName", "displayName"),
    ] {
        assert_eq!(AttrPath::new(kind, text).resolved().unwrap().to_string(), wanted);
    }
    let urn = |kind| AttrPath::new(kind, "URN:ietf:params:scim:schemas:core:2.0:User:title");
    assert_eq!(urn(user).resolved().unwrap().to_string(), "title");
    assert!(urn(group).resolved().is_err());
    let error = AttrPath::new(user, "dispalyName").resolved().unwrap_err();
    assert_eq!(error.scim_type.unwrap().as_str(), "invalidFilter");
    assert!(error.detail.contains("`displayName`"), "{}", error.detail);
}

#[test]
fn values_take_the_attributes_type() {
    let value = |text: &str| {
        let Filter::Is(Condition::Attr(AttrExp::Comparison(path, _, value))) = parse(text).unwrap()
        else {
            panic!("{text} is a comparison")
        };
        typed(path.resolved().unwrap(), &value)
    };
    assert_eq!(value("id eq 7").unwrap(), json!("7"));
    assert_eq!(value("active eq \"True\"").unwrap(), json!(true));
    assert_eq!(value("active eq false").unwrap(), json!(false));
    assert_eq!(value("title eq null").unwrap(), json!(null));
    assert!(value("active eq \"x\"").unwrap_err().detail.contains("`active`"));
    assert!(value("name eq \"x\"").is_err());
}
