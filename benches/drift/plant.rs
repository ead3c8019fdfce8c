//! A thousand differences of all kinds that a run can find without an export of Entra, and the
//! findings that a run must then have: these, and no others.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fill::{days_ago, team_key, teams};
use crate::support::Result;
use crate::support::database::Database;
use crate::support::options::Engine;
use crate::support::world::User;

/// How many differences are planted.
pub const PLANTED: usize = 1_000;

/// Statements that make the differences, and what a run must find of them.
#[derive(Debug, Default)]
struct Plan {
    sql: Vec<String>,
    /// As [`found`] writes them.
    expected: BTreeSet<String>,
    users: u32,
    active: u32,
    disabled: u32,
    inserted: u32,
}

/// Plants them; what a run must find.
///
/// # Errors
/// The database's.
pub async fn plant(database: &Database, users: u32) -> Result<BTreeSet<String>> {
    let mut plan = Plan { users, ..Plan::default() };
    plan.people();
    plan.names();
    plan.teams();
    plan.members();
    plan.cleanup_and_silence(database.engine);
    // As whoever edits behind everybody's back would: nothing holds the edits back.
    let unchecked = match database.engine {
        Engine::Postgres => {
            "ALTER TABLE users DROP CONSTRAINT users_status_check; \
             DROP INDEX users_email_folded_key; CREATE INDEX users_email_folded ON users \
             (lower(normalize(btrim(email::text), NFKC) COLLATE \"und-x-icu\")); BEGIN;"
        }
        _ => "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; BEGIN;",
    };
    database.execute(&format!("{unchecked} {}; COMMIT", plan.sql.join(";\n"))).await?;
    Ok(plan.expected)
}

/// The findings of a report in JSON, as the plan writes them.
///
/// # Errors
/// A report that isn't one.
pub fn found(report: &str) -> Result<BTreeSet<String>> {
    let report: Value = serde_json::from_str(report)?;
    let list = report.get("findings").and_then(Value::as_array).ok_or("no findings in it")?;
    let text = |finding: &Value, key: &str| {
        finding.get(key).and_then(Value::as_str).unwrap_or("-").to_owned()
    };
    Ok(list
        .iter()
        .map(|it| {
            let [kind, id, attribute] = ["kind", "scimId", "attribute"].map(|key| text(it, key));
            format!("{kind} {id} {attribute}")
        })
        .collect())
}

/// What both sets don't share, for a person; `None` when they are the same.
pub fn differ(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Option<String> {
    let some = |of: &BTreeSet<String>, but: &BTreeSet<String>| {
        of.difference(but).take(5).cloned().collect::<Vec<_>>().join(", ")
    };
    (expected != found).then(|| {
        format!(
            "planted {}, found {}; not found: {}; not planted: {}",
            expected.len(),
            found.len(),
            some(expected, found),
            some(found, expected),
        )
    })
}

impl Plan {
    /// An active user of the plan's own; spread over the table.
    fn active(&mut self) -> User {
        self.active += 1;
        User(self.slot(self.active))
    }

    /// A disabled one.
    fn disabled(&mut self) -> User {
        self.disabled += 1;
        User(self.slot(self.disabled) + 9)
    }

    fn slot(&self, number: u32) -> u32 {
        let apart = (self.users / 10 / 1_000).max(1);
        (number * apart % (self.users / 10)) * 10
    }

    fn expect(&mut self, kind: &str, id: u32, attribute: &str) {
        self.expected.insert(format!("{kind} {id} {attribute}"));
    }

    fn set(&mut self, user: User, what: &str) {
        self.sql.push(format!("UPDATE users SET {what} WHERE user_id = {}", user.key()));
    }

    /// A row that Entra knows nothing of; its key.
    fn insert(&mut self, email: &str) -> u32 {
        let key = User(self.users + 1_000 + self.inserted).key();
        self.inserted += 1;
        self.sql.push(format!(
            "INSERT INTO users (user_id, email, first_name, last_name, department_id, \
             license_type, status, password_hash, created_at, updated_at) VALUES ({key}, \
             '{email}', 'Na', 'Tive', 1, 'No Access', 'Active', 'x', '2024-01-01 08:00:00', \
             '2024-01-01 08:00:00')"
        ));
        key
    }

    fn people(&mut self) {
        for _ in 0..100 {
            let user = self.disabled();
            self.set(user, "status = 'Active'");
            self.expect("reactivated", user.key(), "active");
        }
        for _ in 0..300 {
            let user = self.active();
            self.set(user, "title = 'Boss'");
            self.expect("attribute", user.key(), "title");
        }
        for _ in 0..100 {
            let user = self.active();
            self.set(user, "status = 'Inactive'");
            self.expect("wrongly_disabled", user.key(), "active");
        }
        for _ in 0..50 {
            let user = self.active();
            self.sql.push(format!("DELETE FROM users WHERE user_id = {}", user.key()));
            self.expect("missing", user.key(), "-");
        }
        for number in 0..20 {
            let user = self.active();
            let what = format!(
                "email = 'recycled{number}@plant.example', created_at = '2099-01-01 00:00:00'"
            );
            self.set(user, &what);
            self.expect("recycled", user.key(), "userName");
        }
        for _ in 0..20 {
            let user = self.active();
            self.set(user, "status = 'Odd'");
            self.expect("invalid_value", user.key(), "active");
        }
    }

    fn names(&mut self) {
        for _ in 0..30 {
            let user = self.active();
            self.insert(&format!(" {}", user.email()));
            self.expect("duplicate", user.key(), "userName");
        }
        for _ in 0..10 {
            let user = self.active();
            self.sql.push(format!("DELETE FROM users WHERE user_id = {}", user.key()));
            self.insert(&user.email());
            self.insert(&format!(" {}", user.email()));
            self.expect("ambiguous", user.key(), "userName");
        }
        // The seed's users whom `[protect]` doesn't name are three more.
        for key in [3, 4, 5] {
            self.expect("unmanaged", key, "-");
        }
        for number in 0..97 {
            let key = self.insert(&format!("native{number}@plant.example"));
            self.expect("unmanaged", key, "-");
        }
    }

    fn teams(&mut self) {
        for number in 0..30 {
            let key = team_key(number / 3 * 10 + 6 + number % 3);
            let sql = format!("UPDATE teams SET name = 'Renamed {number}' WHERE team_id = {key}");
            self.sql.push(sql);
            self.expect("team_attribute", key, "displayName");
        }
        for number in 0..10 {
            let key = team_key(number * 10 + 5);
            self.sql.push(format!("DELETE FROM teams WHERE team_id = {key}"));
            self.expect("team_missing", key, "-");
        }
    }

    /// Users' numbers end in 0 here, and so do those of their first teams: none of the teams that
    /// are gone.
    fn members(&mut self) {
        let teams = teams(self.users);
        for _ in 0..100 {
            let user = self.active();
            let team = team_key((user.0 + 1) % teams);
            self.add(team, user.key());
            self.expect("member_extra", team, &member(user.key()));
        }
        for _ in 0..100 {
            let user = self.active();
            let team = team_key(user.0 % teams);
            self.sql.push(format!(
                "DELETE FROM team_members WHERE team_id = {team} AND user_id = {}",
                user.key()
            ));
            self.expect("member_missing", team, &member(user.key()));
        }
        for number in 0..20 {
            let nobody = 90_000_000 + number;
            self.add(team_key(0), nobody);
            self.expect("orphan_member", team_key(0), &member(nobody));
        }
    }

    fn add(&mut self, team: u32, user: u32) {
        self.sql.push(format!(
            "INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
             VALUES ({team}, {user}, 'Member', '2024-01-01 08:00:00')"
        ));
    }

    fn cleanup_and_silence(&mut self, engine: Engine) {
        let before = days_ago(engine, 60);
        for _ in 0..9 {
            let user = self.disabled();
            self.sql.push(format!(
                "UPDATE scim_links SET disabled_at = {before} \
                 WHERE resource_type = 'User' AND legacy_key = '{}'",
                user.key()
            ));
            self.expect("overdue_cleanup", user.key(), "strip");
        }
        self.sql.push("UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'".to_owned());
        self.expected.insert("stale_source - -".to_owned());
    }
}

fn member(user: u32) -> String {
    format!("members[value eq \"{user}\"]")
}
