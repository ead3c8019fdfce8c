//! Keys, uniqueness and indexes.

use super::{Prover, names};
use crate::profile::catalogue::{Column, Database, Kind, Table};
use crate::profile::model::{Companion, Delete, MemberTable, ResourceTable, Scalar, Test, Where};

impl Prover<'_> {
    /// The key column: of a usable type, unique, allocated by the database unless something else makes
    /// keys.
    pub(super) fn key(
        &mut self,
        subject: &str,
        table: &Table,
        rows: &Where,
        key: &str,
        made: bool,
    ) {
        let subject = subject.to_owned();
        let Some(column) = table.column(key) else {
            let near =
                crate::profile::near_miss::hint(key, table.columns.iter().map(|c| c.name.as_str()));
            let primary = table.primary_key.join(", ");
            self.error(
                subject,
                format!("table `{}` has no column `{key}`", table.name),
                "the SCIM id is this key",
                format!("the primary key is ({primary}){near}"),
            );
            return;
        };
        if !matches!(column.kind, Kind::Int | Kind::Number | Kind::Uuid | Kind::Text) {
            self.error(
                subject.clone(),
                format!("column `{key}` is {}", column.type_name),
                "the SCIM id is the key as text, so it must be an integer, a UUID or text",
                format!("name another unique column at `{subject}`"),
            );
        }
        self.unique(&subject, table, rows, key, "two rows with one key would share a SCIM id");
        if table.traits.view.is_none() && !column.generated && !column.has_default && !made {
            self.error(
                subject.clone(),
                format!("nothing allocates the key `{key}`: it is neither auto-increment nor identity, and has no default"),
                "a SCIM POST inserts a row and reads its key",
                format!(
                    "{subject} = {{ column = \"{key}\", new = {} }} where the application makes keys so; or \
                     give `{key}` a default",
                    if column.kind == Kind::Int {
                        "{ counter = { table = \"…\", column = \"…\" } }"
                    } else {
                        "\"uuid\""
                    }
                ),
            );
        }
    }

    /// A column that is unique among the rows that count.
    pub(super) fn unique(
        &mut self,
        subject: &str,
        table: &Table,
        rows: &Where,
        column: &str,
        why: &str,
    ) {
        let together: Vec<&str> = fixed(rows).chain([column]).collect();
        if is_unique_within(table, &[column], &together) || table.traits.view.is_some() {
            return;
        }
        let index = names::index_name(&table.name, &[column], "_key");
        let on = names::quoted(self.catalogue.database, column);
        let fix = names::create(self.catalogue, &table.name, &index, &on, "UNIQUE INDEX");
        let shown = names::short(self.catalogue, &table.name);
        self.error(subject, format!("column `{shown}.{column}` isn't unique"), why, fix);
    }

    /// userName and displayName: what Entra finds resources by.
    pub(super) fn matching_attribute(
        &mut self,
        name: &str,
        table: &Table,
        resource: &ResourceTable,
    ) {
        let attribute = if name == "users" { "userName" } else { "displayName" };
        let mapping = resource.attributes.iter().find(|(path, _)| path.is(attribute));
        let Some((_, mapping)) = mapping else { return };
        let companion = mapping.within.as_deref().and_then(|it| resource.companion(it));
        let rows = companion.map_or(&resource.rows, |it| &it.rows);
        let table = match companion {
            Some(companion) => self.catalogue.table(&companion.table),
            None => Some(table),
        };
        let Some(table) = table else { return };
        let Some(column) = table.column(&mapping.column) else { return };
        if table.traits.view.is_some() {
            return;
        }
        let subject = format!("{name}.attributes.{attribute}");
        let fold = self.folded(&column.name);
        let folded_unique = table.indexes.iter().any(|index| {
            let [only] = index.columns.as_slice() else {
                return false;
            };
            // `lower` ignores case as well, though it can't serve the store's lookups; what serves
            // them on SQLite leaves out names beyond ASCII.
            let whole = self.catalogue.database == Database::Postgres;
            let folded = whole && self.is_fold(only, &column.name);
            index.unique && (folded || is_lower(only, &column.name))
        });
        let folded_index = self.has_fold_index(table, rows, &column.name);
        let mut together: Vec<&str> = vec![&column.name];
        together.extend(rows.keys().map(String::as_str));
        // A key of the application's that spans other columns says what it takes for the same name.
        let own_key = table.indexes.iter().find(|index| {
            index.unique && index.columns.len() > 1 && index.columns.contains(&column.name)
        });
        let unique = is_unique_within(table, &[&column.name], &together);
        let among_some = table.partial_indexes.iter().find(|it| {
            let [only] = it.index.columns.as_slice() else { return false };
            let same = *only == column.name || is_lower(only, &column.name);
            it.index.unique && (same || self.is_fold(only, &column.name))
        });
        let mut proposed = false;
        if let (false, false, Some(some)) = (unique, folded_unique, among_some) {
            let (column, predicate) = (&column.name, &some.predicate);
            self.ok(
                &subject,
                format!("column `{column}` is unique among the rows where {predicate}"),
            );
        } else if let (false, false, Some(own)) = (unique, folded_unique, own_key) {
            self.warning(
                subject.clone(),
                format!("column `{}` is unique only together with {}", column.name, own.columns.join(", ")),
                format!("two rows can have the same {attribute}; Entra then finds both and stops at the second"),
                format!(
                    "if only some rows count here, say which: [{name}]\nwhere = {{ {} }}",
                    own.columns.iter().filter(|it| **it != column.name && !rows.contains_key(*it))
                        .map(|it| format!("{} = VALUE", crate::profile::read::toml_key(it)))
                        .collect::<Vec<_>>().join(", ")
                ),
            );
        } else if !unique && !folded_unique {
            proposed = true;
            self.warning(
                subject.clone(),
                format!("column `{}` isn't unique", column.name),
                format!("kpifire's own screens can give two rows the same {attribute}; Entra then finds both and stops at the second"),
                self.unique_fix(table, &column.name, &fold, resource),
            );
        } else if folded_unique {
            self.ok(&subject, format!("column `{}` is unique without case", column.name));
        } else {
            let wide = resource.rows.is_empty();
            let fix = self.unique_fix(table, &column.name, &fold, resource);
            proposed = self.uniqueness_by_case(&subject, attribute, table, column, fix) && wide;
        }
        // On PostgreSQL the unique index that was proposed serves lookups as well.
        let served = folded_index || (proposed && self.catalogue.database == Database::Postgres);
        if self.catalogue.database != Database::Mysql && !served {
            let index = names::index_name(&table.name, &[&column.name], "_folded_idx");
            self.warning(
                subject,
                format!("no index on the folded `{}`", column.name),
                format!("every lookup by {attribute} would read the whole table"),
                names::create(self.catalogue, &table.name, &index, &format!("({fold})"), "INDEX"),
            );
        }
    }

    fn uniqueness_by_case(
        &mut self,
        subject: &str,
        attribute: &str,
        table: &Table,
        column: &Column,
        fix: String,
    ) -> bool {
        let name = &column.name;
        let collation = column.collation.as_deref().unwrap_or("the default collation");
        let lower = collation.to_lowercase();
        let without_case = match self.catalogue.database {
            Database::Postgres => lower == "citext" || lower.contains("nondeterministic"),
            Database::Mysql => lower.contains("_ci"),
            Database::Sqlite => lower == "nocase",
        };
        if without_case {
            self.ok(subject, format!("column `{name}` is unique without case ({collation})"));
            return false;
        }
        let fix = match self.catalogue.database {
            Database::Mysql => self.without_case(table, column),
            Database::Postgres | Database::Sqlite => fix,
        };
        self.warning(
            subject,
            format!("column `{name}` is unique only to the letter ({collation})"),
            format!("kpifire can hold Ana and ana as two rows; a lookup of the {attribute} returns both, and Entra stops at the second. The fix fails while such pairs exist"),
            fix,
        );
        true
    }

    /// MariaDB: the column with a collation that ignores case, and all else of it as it is.
    fn without_case(&self, table: &Table, column: &Column) -> String {
        let charset = column.collation.as_deref().and_then(|it| it.split('_').next());
        let Some(charset) = charset.filter(|_| column.kind == Kind::Text) else {
            return "none that is safe: the column holds bytes, and another type is for kpifire to \
                    choose; the agent itself looks names up without case"
                .to_owned();
        };
        let rules = if charset.starts_with("utf8") { "unicode" } else { "general" };
        let mut text = format!(
            "ALTER TABLE {} MODIFY {} {} CHARACTER SET {charset} COLLATE {charset}_{rules}_ci",
            names::quoted_table(self.catalogue, &table.name),
            names::quoted(Database::Mysql, &column.name),
            column.type_name
        );
        text += if column.nullable { " NULL" } else { " NOT NULL" };
        if let Some(default) = &column.default {
            text += &format!(" DEFAULT {default}");
        }
        if let Some(comment) = &column.comment {
            text += &format!(" COMMENT {}", ["'", &comment.replace('\'', "''"), "'"].concat());
        }
        if let Some(check) = table.traits.column_checks.get(&column.name) {
            text += &format!(" CHECK ({check})");
        }
        text + ";"
    }

    /// A unique index that ignores case, no narrower than what the application takes for one name.
    fn unique_fix(
        &self,
        table: &Table,
        column: &str,
        fold: &str,
        resource: &ResourceTable,
    ) -> String {
        // An index would bind the rows outside as well.
        if !resource.rows.is_empty() || matches!(resource.delete, Delete::Mark(_)) {
            return format!(
                "names need be unique only among rows that count: ask kpifire's makers whether it keeps \
                 `{column}` so, and how (an index of some rows); the report lists doubles as `duplicate`"
            );
        }
        let (index, on) = self.unique_on(table, column, fold);
        names::create(self.catalogue, &table.name, &index, &on, "UNIQUE INDEX")
    }

    /// Name and expression of a unique index that ignores case.
    fn unique_on(&self, table: &Table, column: &str, fold: &str) -> (String, String) {
        let index = names::index_name(&table.name, &[column], "_folded_key");
        let quoted = names::quoted(self.catalogue.database, column);
        let on = match self.catalogue.database {
            Database::Postgres => format!("({fold})"),
            // The agent's folding function isn't known to kpifire's own connections.
            Database::Sqlite => format!("{quoted} COLLATE NOCASE"),
            Database::Mysql => quoted,
        };
        (index, on)
    }

    fn folded(&self, column: &str) -> String {
        (self.fold)(&names::quoted(self.catalogue.database, column))
    }

    fn has_fold_index(&self, table: &Table, rows: &Where, column: &str) -> bool {
        let mut firsts = table.indexes.iter().filter_map(|index| first_open(&index.columns, rows));
        firsts.any(|first| self.is_fold(first, column))
    }

    /// Whether an index's expression, as the database prints it, is the fold of a column.
    fn is_fold(&self, expression: &str, column: &str) -> bool {
        // No index of MariaDB's serves the fold, and the closure may give the column back as it is.
        self.catalogue.database != Database::Mysql && bare(expression) == bare(&self.folded(column))
    }

    /// A companion has one row for each resource.
    pub(super) fn one_each(&mut self, subject: &str, table: &Table, companion: &Companion) {
        let mut together = vec![companion.user.as_str()];
        together.extend(companion.rows.keys().map(String::as_str));
        let view = table.traits.view.is_some();
        if !view && !is_unique_within(table, &[&companion.user], &together) {
            self.warning(
                subject,
                format!("nothing makes ({}) unique", together.join(", ")),
                "of several rows of one resource any is read, and all are written",
                "say with `where` which of them counts, or see that there is one at most",
            );
        }
        self.index(
            subject,
            table,
            &companion.rows,
            &companion.user,
            "every reading of a resource would read the whole table",
        );
    }

    pub(super) fn edge_keys(&mut self, table: &Table, members: &MemberTable) {
        let (group, user) = (members.group.as_str(), members.user.as_str());
        let fixed: Vec<&str> =
            [group, user].into_iter().chain(members.rows.keys().map(String::as_str)).collect();
        // A key that has more than the pair: the table holds other things than memberships too.
        let keys = table.indexes.iter().filter(|it| it.unique).map(|it| &it.columns);
        let mut keys = std::iter::once(&table.primary_key).chain(keys);
        let wider = keys.find(|key| {
            let of_pair = key.iter().any(|it| it == group) && key.iter().any(|it| it == user);
            of_pair && key.iter().any(|it| !fixed.contains(&it.as_str()))
        });
        let unique = is_unique_within(table, &[group, user], &fixed);
        if let (false, Some(wider)) = (unique, wider) {
            let open: Vec<&str> =
                wider.iter().map(String::as_str).filter(|it| !fixed.contains(it)).collect();
            let shown: Vec<String> = open
                .iter()
                .map(|it| {
                    let constant =
                        members.insert.constants.get(*it).map(crate::profile::print::scalar);
                    let value = constant.unwrap_or_else(|| "VALUE".to_owned());
                    format!("{} = {value}", crate::profile::read::toml_key(it))
                })
                .collect();
            self.error(
                "members.where",
                format!("the key ({}) has {} beside the pair", wider.join(", "), open.join(", ")),
                "rows of other kinds (groups in groups, invitations, roles, past memberships) would be \
                 read as memberships, and deleted with them",
                format!("[members]\nwhere = {{ {} }}", shown.join(", ")),
            );
        } else if !unique && table.traits.view.is_none() && members.remove.is_none() {
            // Where memberships end instead of going, a pair may have several rows.
            let index = names::index_name(&table.name, &[group, user], "_key");
            let on: Vec<String> =
                [group, user].iter().map(|c| names::quoted(self.catalogue.database, c)).collect();
            self.warning(
                "members.table",
                format!("the pair ({group}, {user}) isn't unique"),
                "a user can be in one team twice; removing the member removes every such row",
                names::create(self.catalogue, &table.name, &index, &on.join(", "), "UNIQUE INDEX"),
            );
        }
        self.index(
            "members.group",
            table,
            &members.rows,
            group,
            "reading a team's members would read the whole table",
        );
        self.index(
            "members.user",
            table,
            &members.rows,
            user,
            "reading a user's teams, and disabling a user, would read the whole table",
        );
    }

    /// An index that begins with the column, those left out that are the same in all rows that count.
    pub(super) fn index(
        &mut self,
        subject: &str,
        table: &Table,
        rows: &Where,
        column: &str,
        why: &str,
    ) {
        let view = table.traits.view.is_some();
        if view || table.column(column).is_none() || leads(table, rows, column) {
            return;
        }
        let shown = names::short(self.catalogue, &table.name);
        self.warning(
            subject,
            format!("no index begins with column `{shown}.{column}`"),
            why,
            names::create_index(self.catalogue, &table.name, &[column]),
        );
    }

    /// An index that serves a comparison without case.
    pub(super) fn index_folded(
        &mut self,
        subject: &str,
        table: &Table,
        rows: &Where,
        column: &str,
        why: &str,
    ) {
        if self.catalogue.database == Database::Mysql {
            return self.index(subject, table, rows, column, why);
        }
        if table.traits.view.is_none() && !self.has_fold_index(table, rows, column) {
            let index = names::index_name(&table.name, &[column], "_folded_idx");
            let on = format!("({})", self.folded(column));
            let fix = names::create(self.catalogue, &table.name, &index, &on, "INDEX");
            let shown = names::short(self.catalogue, &table.name);
            self.warning(subject, format!("no index on the folded `{shown}.{column}`"), why, fix);
        }
    }

    /// A unique column must not get the same text for every leaver.
    pub(super) fn anonymised_unique(
        &mut self,
        subject: &str,
        table: &Table,
        column: &Column,
        value: &Scalar,
    ) {
        let constant = match value {
            Scalar::Null | Scalar::Now => false,
            Scalar::Text(template) => !template.contains("{id}"),
            Scalar::Bool(_) | Scalar::Int(_) => true,
        };
        if constant && is_unique(table, &[&column.name]) {
            self.error(
                subject,
                format!(
                    "column `{}` is unique, and the value is the same for everyone",
                    column.name
                ),
                "anonymising a second user would fail",
                format!("{} = \"former-{{id}}\"", column.name),
            );
        }
    }
}

fn is_lower(expression: &str, column: &str) -> bool {
    bare(expression) == format!("lower{}", bare(column))
}

/// Whether exactly these columns, in any order, are unique.
fn is_unique(table: &Table, columns: &[&str]) -> bool {
    let same = |found: &[String]| {
        found.len() == columns.len() && columns.iter().all(|c| found.iter().any(|f| f == c))
    };
    same(&table.primary_key) || table.indexes.iter().any(|it| it.unique && same(&it.columns))
}

/// Whether these columns are unique among rows that have the others alike.
pub(super) fn is_unique_within(table: &Table, columns: &[&str], together: &[&str]) -> bool {
    // What is unique without case is unique to the letter.
    let is = |found: &String, column: &&str| found == column || is_lower(found, column);
    let within = |found: &[String]| {
        !found.is_empty()
            && found.iter().all(|found| together.iter().any(|it| is(found, it)))
            && columns.iter().any(|it| found.iter().any(|found| is(found, it)))
    };
    within(&table.primary_key) || table.indexes.iter().any(|it| it.unique && within(&it.columns))
}

/// The columns that hold one value in all rows that count.
pub(super) fn fixed(rows: &Where) -> impl Iterator<Item = &str> {
    let one = |test: &Test| matches!(test, Test::OneOf(values) if values.len() == 1);
    rows.iter().filter(move |(_, test)| one(test)).map(|(name, _)| name.as_str())
}

/// The first column of an index that isn't the same in all rows that count.
fn first_open<'i>(columns: &'i [String], rows: &Where) -> Option<&'i String> {
    columns.iter().find(|it| !fixed(rows).any(|name| name == it.as_str()))
}

fn leads(table: &Table, rows: &Where, column: &str) -> bool {
    let keys = table.indexes.iter().map(|index| &index.columns).chain([&table.primary_key]);
    keys.into_iter().any(|columns| {
        // An index that begins with a column that is the same in all rows serves it as well.
        columns.first().is_some_and(|it| it == column)
            || first_open(columns, rows).is_some_and(|it| it == column)
    })
}

/// An expression without what databases add when they print it back: blanks, parentheses, quotes
/// and casts to text.
fn bare(expression: &str) -> String {
    let kept: String = expression
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '`'))
        .collect();
    kept.replace("::text", "").replace("::charactervarying", "")
}
