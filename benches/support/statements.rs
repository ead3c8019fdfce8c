//! The bare SQL: what an application of its own would send for the same changes, written once for
//! all three databases.
//!
//! `?` is a value and `@` a time, bound as text; each engine's session puts its own placeholder.

use super::options::Engine;

/// A prepared statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// The user of this login name, spelled so.
    Match,
    /// The user of this login name without case, for which the tables have no index.
    Scan,
    /// The user of this key.
    Get,
    /// A new user; its key.
    InsertUser,
    /// A new user's link.
    InsertLink,
    /// A user's status.
    UpdateUser,
    /// The user's link beside it.
    UpdateLink,
    /// A team's time stamp.
    UpdateTeam,
    /// A membership.
    InsertMember,
    /// The desired membership beside it.
    InsertDesired,
    /// The end of a membership.
    DeleteMember,
    /// The end of the desired membership beside it.
    DeleteDesired,
    /// The team's link beside them.
    UpdateTeamLink,
    /// The trail of any change.
    InsertAudit,
}

impl Statement {
    /// Every statement, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Match,
        Self::Scan,
        Self::Get,
        Self::InsertUser,
        Self::InsertLink,
        Self::UpdateUser,
        Self::UpdateLink,
        Self::UpdateTeam,
        Self::InsertMember,
        Self::InsertDesired,
        Self::DeleteMember,
        Self::DeleteDesired,
        Self::UpdateTeamLink,
        Self::InsertAudit,
    ];

    /// Its place among the prepared ones.
    pub fn number(self) -> usize {
        self as usize
    }

    /// Its text with the engine's placeholders.
    pub fn sql(self, engine: Engine) -> String {
        let mut sql = String::new();
        let mut number = 0;
        for character in self.text().chars() {
            match (character, engine) {
                ('?', Engine::Postgres) => {
                    number += 1;
                    sql.push_str(&format!("${number}"));
                }
                ('@', Engine::Postgres) => {
                    number += 1;
                    sql.push_str(&format!("${number}::text::timestamp"));
                }
                ('@', _) => sql.push('?'),
                _ => sql.push(character),
            }
        }
        sql
    }

    fn text(self) -> &'static str {
        match self {
            Self::Match => {
                "SELECT user_id, email, first_name, last_name, title, phone_number, department_id, \
                 license_type, status, created_at, updated_at FROM users WHERE email = ?"
            }
            Self::Scan => {
                "SELECT user_id, email, first_name, last_name, title, phone_number, department_id, \
                 license_type, status, created_at, updated_at FROM users WHERE lower(email) = lower(?)"
            }
            Self::Get => {
                "SELECT user_id, email, first_name, last_name, title, phone_number, department_id, \
                 license_type, status, created_at, updated_at FROM users WHERE user_id = ?"
            }
            Self::InsertUser => {
                "INSERT INTO users (email, first_name, last_name, title, phone_number, \
                 department_id, license_type, status, password_hash, created_at, updated_at, \
                 modified_by) VALUES (?, ?, ?, 'Operator', '+1 555 0100', 4, 'No Access', 'Active', \
                 '!sso', @, @, 'kpifire-scim') RETURNING user_id"
            }
            Self::InsertLink => {
                "INSERT INTO scim_links (resource_type, legacy_key, external_id, state, baseline, \
                 baseline_hash, kept, version, created, modified) \
                 VALUES ('User', ?, ?, 'managed', ?, ?, ?, 1, @, @)"
            }
            Self::UpdateUser => {
                "UPDATE users SET status = ?, updated_at = @, modified_by = 'kpifire-scim' \
                 WHERE user_id = ?"
            }
            Self::UpdateLink => {
                "UPDATE scim_links SET baseline = ?, baseline_hash = ?, version = version + 1, \
                 modified = @, disabled_at = @ WHERE resource_type = 'User' AND legacy_key = ?"
            }
            Self::UpdateTeam => "UPDATE teams SET updated_at = @ WHERE team_id = ?",
            Self::InsertMember => {
                "INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
                 VALUES (?, ?, 'Member', @)"
            }
            Self::InsertDesired => {
                "INSERT INTO scim_desired_members (group_key, user_key, created) VALUES (?, ?, @)"
            }
            Self::DeleteMember => "DELETE FROM team_members WHERE team_id = ? AND user_id = ?",
            Self::DeleteDesired => {
                "DELETE FROM scim_desired_members WHERE group_key = ? AND user_key = ?"
            }
            Self::UpdateTeamLink => {
                "UPDATE scim_links SET version = version + 1, modified = @ \
                 WHERE resource_type = 'Group' AND legacy_key = ?"
            }
            Self::InsertAudit => {
                "INSERT INTO scim_audit (id, at, request_id, token, operation, resource_type, \
                 resource, before_values, after_values, outcome) \
                 VALUES (?, @, ?, 'bench', ?, ?, ?, ?, ?, 'done')"
            }
        }
    }
}

/// A value for a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// NULL.
    Null,
    /// A legacy key.
    Key(i32),
    /// Text, and a time.
    Text(String),
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Bind {
    fn from(key: u32) -> Self {
        // No legacy key of this harness is that large.
        Self::Key(i32::try_from(key).unwrap_or(i32::MAX))
    }
}
