//! The sidecar tables: the columns of each, with their types. Migrations make them; what reads and
//! writes them, and an export, takes names, order and types from here.

use chrono::NaiveDateTime;
use serde_json::{Map, Value as Json};

use super::finding_detail::{Detail, Subject};
use super::journal::Before;
use super::sidecar::{Applied, Column, Object, Table};
use crate::drift::Kind;
use crate::mapper::{Cell, LinkState};
use crate::scim::ResourceType;

/// `table(columns of the primary key) { other columns }`, in the order that migrations give them.
macro_rules! tables {
    ($(
        $(#[$about:meta])*
        $table:ident($($key:ident: $key_type:ty),+) { $($column:ident: $type:ty,)* }
    )+) => {
        $(
            $(#[$about])*
            #[expect(non_upper_case_globals, reason = "named as the columns are")]
            pub(super) mod $table {
                use super::*;

                $(pub const $key: Column<$key_type> =
                    Column::new(stringify!($table), stringify!($key), true);)+
                $(pub const $column: Column<$type> =
                    Column::new(stringify!($table), stringify!($column), false);)*

                /// The table.
                pub const TABLE: Table = Table {
                    name: stringify!($table),
                    columns: &[$($key.described(),)+ $($column.described(),)*],
                };
            }
        )+

        /// Every sidecar table; one that refers to another stands behind it.
        pub(super) const TABLES: &[Table] = &[$($table::TABLE),+];
    };
}

tables! {
    /// What ties a resource to a legacy row.
    scim_links(resource_type: ResourceType, legacy_key: String) {
        external_id: Option<String>,
        state: LinkState,
        baseline: Option<Object>,
        baseline_hash: Option<String>,
        kept: Map<String, Json>,
        version: i64,
        created: NaiveDateTime,
        modified: NaiveDateTime,
        disabled_at: Option<NaiveDateTime>,
        deleted_at: Option<NaiveDateTime>,
        cleanup_stage: Option<String>,
        replaced: Option<Cell>,
        reused_from: Option<String>,
    }

    /// By what kept attributes are found.
    scim_kept_values(resource_type: ResourceType, legacy_key: String, token: String) {}

    /// The memberships that clients asserted.
    scim_desired_members(group_key: String, user_key: String) {
        created: NaiveDateTime,
    }

    /// Tokens of the agent's own.
    scim_tokens(name: String) {
        hash: String,
        scope: String,
        created: NaiveDateTime,
        expires: Option<NaiveDateTime>,
        last_used: Option<NaiveDateTime>,
        revoked: Option<NaiveDateTime>,
    }

    /// OAuth 2.0 clients.
    scim_clients(name: String) {
        client_id: String,
        hash: String,
        scope: String,
        created: NaiveDateTime,
        expires: Option<NaiveDateTime>,
        last_used: Option<NaiveDateTime>,
        revoked: Option<NaiveDateTime>,
    }

    /// The tokens that clients were given.
    scim_access_tokens(hash: String) {
        client: String,
        created: NaiveDateTime,
        expires: NaiveDateTime,
    }

    /// Who is signed in to the console.
    scim_sessions(hash: String) {
        token: String,
        created: NaiveDateTime,
        expires: NaiveDateTime,
    }

    /// Who asked for what, and what it changed.
    scim_audit(id: String) {
        at: NaiveDateTime,
        request_id: String,
        token: Option<String>,
        operation: String,
        resource_type: Option<String>,
        resource: Option<String>,
        before_values: Map<String, Json>,
        after_values: Map<String, Json>,
        outcome: String,
        detail: Option<String>,
    }

    /// The slots of row locks on names.
    scim_name_locks(slot: i64) {}

    /// Runs of the reconciler and of cleanup.
    scim_runs(id: String) {
        started: NaiveDateTime,
        finished: NaiveDateTime,
        verdict: String,
        config_hash: String,
        summary: Json,
        job: Option<String>,
        slot: Option<NaiveDateTime>,
    }

    /// Findings of the reconciler, from first seen to resolved.
    scim_findings(fingerprint: String) {
        kind: Kind,
        resource_type: Subject,
        legacy_key: Option<String>,
        field: Option<String>,
        detail: Detail,
        first_seen: NaiveDateTime,
        last_seen: NaiveDateTime,
        last_run: Option<String>,
        resolved: Option<NaiveDateTime>,
        resolution: Option<String>,
        ignored: Option<NaiveDateTime>,
        ignored_reason: Option<String>,
    }

    /// Steps of cleanup, with what it takes to undo them.
    scim_cleanup_journal(run: String, legacy_key: String, step: String) {
        at: NaiveDateTime,
        before_values: Before,
        outcome: String,
    }

    /// Which agent runs a job.
    scim_lease(name: String) {
        holder: String,
        epoch: i64,
        until: NaiveDateTime,
    }

    /// Accounts that cleanup leaves alone.
    scim_holds(legacy_key: String) {
        since: NaiveDateTime,
        reason: String,
    }

    /// The guard against mass disabling.
    scim_guard(name: String) {
        allowed_until: Option<NaiveDateTime>,
    }

    /// The daemons on this database.
    scim_agents(agent: String) {
        version: String,
        policy: String,
        started: NaiveDateTime,
        seen: NaiveDateTime,
    }

    /// The outbox.
    scim_notices(id: String) {
        channel: String,
        occasion: String,
        event: String,
        created: NaiveDateTime,
        due: Option<NaiveDateTime>,
        attempts: i64,
        tried: Option<NaiveDateTime>,
        sent: Option<NaiveDateTime>,
        given_up: Option<NaiveDateTime>,
        last_error: Option<String>,
    }

    /// Which migrations were applied.
    scim_migrations(version: String) {
        applied: Applied,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::profile::catalogue::Database;
    use crate::store::migrate;
    use crate::store::sidecar::{Described, Form};

    /// A column as its table's CREATE statement has it.
    fn described(line: &str, key: &str) -> (String, Form, bool, bool) {
        let mut words = line.split_whitespace();
        let (name, form) = (words.next().unwrap(), words.next().unwrap());
        let form = match form.split('(').next().unwrap().trim_end_matches(',') {
            "VARCHAR" | "TEXT" | "LONGTEXT" => Form::Text,
            "BIGINT" | "INTEGER" => Form::Int,
            "TIMESTAMP" | "DATETIME" => Form::Time,
            other => panic!("{other}"),
        };
        let key = key.split(", ").any(|it| it == name) || line.contains(" PRIMARY KEY");
        (name.to_owned(), form, !line.contains(" NOT NULL"), key)
    }

    #[test]
    fn tables_are_declared_as_migrations_make_them() {
        for database in [Database::Sqlite, Database::Postgres, Database::Mysql] {
            let up: String = migrate::all(database).iter().map(|it| it.up).collect();
            let mut made = BTreeMap::new();
            for table in up.split("CREATE TABLE ").skip(1) {
                let (head, rest) = table.split_once(" (\n").unwrap();
                let (body, _) = rest.split_once("\n)").unwrap();
                let lines: Vec<&str> = body.lines().map(str::trim).collect();
                let key =
                    lines.iter().find_map(|it| it.strip_prefix("PRIMARY KEY (")).unwrap_or("");
                let columns = lines.iter().filter(|it| {
                    !["--", "PRIMARY", "UNIQUE", "INDEX"].iter().any(|other| it.starts_with(other))
                });
                let columns: Vec<_> =
                    columns.map(|it| described(it, key.trim_end_matches([')', ',']))).collect();
                made.insert(head.trim_start_matches("IF NOT EXISTS ").to_owned(), columns);
            }
            let declared = TABLES.iter().filter(|it| it.name != scim_migrations::TABLE.name);
            let column = |it: &Described| (it.name.to_owned(), it.form, it.nullable, it.key);
            let declared =
                declared.map(|it| (it.name.to_owned(), it.columns.iter().map(column).collect()));
            assert_eq!(declared.collect::<BTreeMap<_, Vec<_>>>(), made, "{database:?}");
        }
    }
}
