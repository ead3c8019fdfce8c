//! Bad profiles, and what is said of them.

use super::{minimal, parse};

fn message(text: &str) -> String {
    parse("plant.toml", text).unwrap_err().to_string()
}

fn replaced(from: &str, to: &str) -> String {
    let text = minimal("");
    assert!(text.contains(from), "{from}");
    message(&text.replace(from, to))
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(message("[users\ntable = 1"), @r#"
profile plant.toml: 1 problem
  line 1: not valid TOML: unclosed table, expected `]`
"#);
}

#[test]
fn empty() {
    insta::assert_snapshot!(message(""), @r#"
profile plant.toml: 1 problem
  line 1: `users` is missing; for example [users] with table, key and attributes
"#);
}

#[test]
fn unknown_keys_with_near_misses() {
    let text = minimal("[revok]\nx = 1\n[protect]\nusernames = []\nkey = 1\n")
        .replace("table = \"users\"", "tabel = \"users\"")
        .replace("mode = \"delete\", cascade", "mode = \"delete\", cascades");
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 6 problems
  line 2: `users.table` is missing; for example table = "users"
  line 3: `users.tabel` unknown key; did you mean `table`? (allowed here: table, where, key, parent, beside, attributes, insert, derive, touch, delete, call, rehire)
  line 10: `groups.delete.cascades` unknown key; did you mean `cascade`? (allowed here: mode, cascade)
  line 15: `revok` unknown key; did you mean `revoke`? (allowed here: timezone, users, groups, members, revoke, ownership, anonymise, protect)
  line 18: `protect.usernames` unknown key; did you mean `userNames`? (allowed here: keys, userNames, keep)
  line 19: `protect.key` unknown key; did you mean `keys`? (allowed here: keys, userNames, keep)
"#);
}

#[test]
fn wrong_types() {
    let text = minimal(
        "[users.insert]\na = 1.5\nb = [1]\n[anonymise]\nset = \"x\"\n[protect]\nkeys = 1\n",
    )
    .replace("key = \"id\"", "key = 7")
    .replace("active = \"enabled\"", "active = 3");
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 7 problems
  line 4: `users.key` must be a string, not an integer
  line 5: `users.attributes.active` must be a column name or a table with `column`
  line 8: `groups.key` must be a string, not an integer
  line 16: `users.insert.a` must be a string, an integer or a boolean, not a decimal number
  line 17: `users.insert.b` must be a string, an integer or a boolean, not a list
  line 19: `anonymise.set` must be a table, not a string
  line 21: `protect.keys` must be a list of keys, for example keys = [1]
"#);
}

#[test]
fn attributes_that_are_none() {
    insta::assert_snapshot!(replaced(
        "active =",
        "usrName = \"a\", members = \"b\", id = \"c\", \"meta.created\" = \"d\", password = \"e\", \
         phoneNumbers = \"f\", active ="
    ), @r#"
profile plant.toml: 6 problems
  line 5: `users.attributes.usrName` `usrName` is not an attribute of User; did you mean `userName`?
  line 5: `users.attributes.members` `members` is not an attribute of User
  line 5: `users.attributes.id` `id` is readOnly: the service itself makes it, so no column can carry it; remove the entry
  line 5: `users.attributes."meta.created"` `meta.created` is readOnly: the service itself makes it, so no column can carry it; remove the entry
  line 5: `users.attributes.password` `password` is never stored; remove the entry
  line 5: `users.attributes.phoneNumbers` `phoneNumbers` is not one simple value; write `phoneNumbers[type eq "work"].value`
"#);
}

#[test]
fn user_name_and_active_are_needed() {
    insta::assert_snapshot!(replaced("{ userName = \"email\", active = \"enabled\" }", "{ title = \"t\" }"), @r#"
profile plant.toml: 2 problems
  line 5: `users.attributes` doesn't map `userName`, by which Entra finds a resource; for example userName = "email"
  line 5: `users.attributes` doesn't map `active`, which `users.delete` with mode "deactivate" needs; for example active = { column = "status", values = { true = "Active", false = "Inactive" } }
"#);
}

#[test]
fn display_name_is_needed_and_plain() {
    insta::assert_snapshot!(replaced("displayName = \"name\"", "externalId = \"name\""), @r#"
profile plant.toml: 1 problem
  line 9: `groups.attributes` doesn't map `displayName`, by which Entra finds a resource; for example displayName = "name"
"#);
    insta::assert_snapshot!(replaced(
        "displayName = \"name\"",
        "displayName = { column = \"name\", values = { a = \"b\" } }"
    ), @r#"
profile plant.toml: 1 problem
  line 9: `groups.attributes` `displayName` must lie in its column as it is, without `values` or `lookup`
"#);
}

#[test]
fn columns_used_twice() {
    let text = minimal("[users.touch]\ncreated = [\"at\"]\nmodified = [\"at\"]\n[users.insert]\nat = 1\nid = 2\nenabled = true\n")
        .replace("active =", "title = { column = \"email\", as = \"lower\" }, nickName = \"id\", active =")
        .replace("user = \"user_id\"", "user = \"team_id\"");
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 6 problems
  line 5: `users.attributes.title` column `email` is mapped already by `users.attributes.userName`, in another way: attributes of one column have one type and lie in it alike
  line 5: `users.attributes.nickName` column `id` is set by `users.key` already
  line 14: `members.user` column `team_id` is set by `members.group` already
  line 17: `users.touch.modified` column `at` is set by `users.touch.created` already
  line 19: `users.insert.at` column `at` is set by `users.touch.created` already
  line 20: `users.insert.id` column `id` is set by `users.key` already
"#);
}

#[test]
fn values_must_read_both_ways() {
    insta::assert_snapshot!(replaced(
        "\"enabled\"",
        "{ column = \"s\", values = { true = 1, maybe = 2 }, other = \"ignore\" }"
    ), @r#"
profile plant.toml: 3 problems
  line 5: `users.attributes.active.other` must be "reject" (answer 400) or "keep" (leave the column), not "ignore"
  line 5: `users.attributes.active.values.maybe` the attribute is a boolean: only `true` and `false` can be listed
  line 5: `users.attributes.active.values` doesn't say what the column holds for `false`
"#);
    insta::assert_snapshot!(replaced(
        "active =",
        "userType = { column = \"t\", values = { A = \"x\", B = \"x\" } }, title = { column = \"u\", values = {} }, active ="
    ), @r#"
profile plant.toml: 2 problems
  line 5: `users.attributes.userType.values.B` has the same legacy value as `A`; reading it back would be ambiguous
  line 5: `users.attributes.title.values` is empty; list SCIM values and what the column holds for each
"#);
    insta::assert_snapshot!(replaced(
        "active =",
        "title = { column = \"t\", other = \"keep\" }, nickName = { colum = \"n\", values = { a = 1 } }, active ="
    ), @r#"
profile plant.toml: 3 problems
  line 5: `users.attributes.title.other` says what happens to values outside `values`; there is none
  line 5: `users.attributes.nickName.column` is missing; for example column = "status"
  line 5: `users.attributes.nickName.colum` unknown key; did you mean `column`? (allowed here: column, in, values, other, lookup, as, live, time, zone, digits, text, absent_in, present_in)
"#);
}

#[test]
fn lookups() {
    insta::assert_snapshot!(replaced(
        "active =",
        "title = { column = \"t\", lookup = { tabel = \"titles\", key = \"id\", label = \"n\", missing = \"make\", insert = { a = 1 } } }, active ="
    ), @r#"
profile plant.toml: 3 problems
  line 5: `users.attributes.title.lookup.table` is missing; for example table = "departments"
  line 5: `users.attributes.title.lookup.missing` must be "create", "reject" or { default = KEY }
  line 5: `users.attributes.title.lookup.tabel` unknown key; did you mean `table` or `label`? (allowed here: table, where, key, label, missing, none, insert)
"#);
    insta::assert_snapshot!(replaced(
        "\"enabled\"",
        "{ column = \"e\", lookup = { table = \"x\", key = \"id\", label = \"n\" } }"
    ), @r#"
profile plant.toml: 1 problem
  line 5: `users.attributes.active.lookup` can't carry a boolean attribute; use `values`
"#);
    insta::assert_snapshot!(replaced(
        "active =",
        "title = { column = \"t\", values = { a = 1 }, lookup = { table = \"a.b.c\", key = \"id\", label = \"n\" } }, \
         nickName = { column = \"n\", lookup = { table = \"a.\", key = \"id\", label = \"n\", missing = { defualt = 1 } } }, active ="
    ), @r#"
profile plant.toml: 4 problems
  line 5: `users.attributes.title.lookup` can't stand beside `values`; keep one of the two
  line 5: `users.attributes.nickName.lookup.table` `a.` names no table; write it as `name` or `schema.name`
  line 5: `users.attributes.nickName.lookup.missing.default` is missing; for example missing = { default = 1 }
  line 5: `users.attributes.nickName.lookup.missing.defualt` unknown key; did you mean `default`? (allowed here: default)
"#);
}

#[test]
fn delete_modes() {
    insta::assert_snapshot!(replaced("delete = { mode = \"delete\", cascade = [\"team_members\"] }", ""), @r#"
profile plant.toml: 1 problem
  line 6: `groups.delete` is missing; for example delete = { mode = "delete", cascade = ["team_members"] } or delete = { mode = "mark", column = "is_archived", value = 1 }
"#);
    insta::assert_snapshot!(replaced("{ mode = \"delete\", cascade = [\"team_members\"] }", "{ mode = \"deactivate\" }"), @r#"
profile plant.toml: 2 problems
  line 10: `groups.delete.column` is missing; for example column = "is_deleted"
  line 10: `groups.delete.value` is missing; for example value = 1
"#);
    insta::assert_snapshot!(replaced("{ mode = \"delete\", cascade = [\"team_members\"] }", "{ mode = \"purge\" }"), @r#"
profile plant.toml: 1 problem
  line 10: `groups.delete.mode` must be "delete", "mark" or (users) "deactivate", not "purge"
"#);
    insta::assert_snapshot!(message(&minimal("[users.delete]\nmode = \"deactivate\"\ncolumn = \"x\"\nvalue = 1\n")), @r#"
profile plant.toml: 2 problems
  line 17: `users.delete.column` is for `mode = "mark"`; `deactivate` switches users off through what `active` is mapped to
  line 18: `users.delete.value` is for `mode = "mark"`; `deactivate` switches users off through what `active` is mapped to
"#);
}

#[test]
fn revoke_ownership_anonymise() {
    let text = minimal(
        "[revoke]\na = { user = \"u\" }\nb = { user = \"u\", action = \"drop\" }\n\
         c = { user = \"u\", action = \"set\" }\nd = { user = \"u\", action = \"delete\", set = { x = 1 } }\n\
         e = { user = \"u\", action = \"set\", set = { u = 1 } }\nf = { action = \"delete\" }\n\
         [ownership]\ng = { titel = \"t\" }\n[anonymise]\nset = { name = \"user {key}\", id = 1 }\n",
    );
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 10 problems
  line 16: `revoke.a.action` is missing; for example action = "delete"
  line 17: `revoke.b.action` must be "delete" or "set", not "drop"
  line 18: `revoke.c.set` is missing; for example set = { revoked_at = "now" }
  line 19: `revoke.d.set` is used only with `action = "set"`
  line 20: `revoke.e.set.u` would take the row away from its user; set other columns
  line 21: `revoke.f.user` is missing; for example user = "user_id"
  line 23: `ownership.g.owner` is missing; for example owner = "owner_id"
  line 23: `ownership.g.titel` unknown key; did you mean `title`? (allowed here: owner, where, title)
  line 25: `anonymise.set.name` has an unknown placeholder {key}; the only placeholder is {id}, the user's key
  line 25: `anonymise.set.id` is the users' key; an anonymised row keeps its key and foreign keys
"#);
}

#[test]
fn tables_that_are_one() {
    let text = minimal("").replace("\"teams\"", "\"users\"");
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 1 problem
  line 7: `groups.table` `users` holds the users already; groups need a table of their own, or a `where` in both sections that tells them apart
"#);
}

#[test]
fn no_such_profile() {
    insta::assert_snapshot!(super::load("kpifir").unwrap_err(), @r#"
profile kpifir: 1 problem
  is neither a built-in profile (kpifire) nor a readable file: No such file or directory (os error 2); did you mean `kpifire`?
"#);
}

#[test]
fn nul_and_blank_names() {
    let text =
        minimal("[users.insert]\n\"\" = 1\nx = \"a\\u0000b\"\n").replace("\"enabled\"", "\" \"");
    insta::assert_snapshot!(message(&text), @r#"
profile plant.toml: 3 problems
  line 5: `users.attributes.active` must not be empty
  line 16: `users.insert.""` a column has a name; this key is empty
  line 17: `users.insert.x` must not contain a NUL character
"#);
}
