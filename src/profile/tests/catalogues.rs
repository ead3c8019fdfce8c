//! Catalogues as the store reads them, written as short lines.
//!
//! A column is `name type [flags]`: `pk`, `auto`, `null`, `default`, `unique`, `->table.column`,
//! `=A|B` (the texts of an enum).

use std::collections::BTreeMap;

use crate::profile::catalogue::{
    Catalogue, Column, Database, ForeignKey, Index, Kind, Table, Traits,
};
use crate::profile::model::TableName;

/// The reference install (an on-prem kpifire) on one of the three databases.
pub fn reference(database: Database) -> Catalogue {
    let mut tables = Build::new(database);
    tables.add(
        "departments",
        "
        department_id int pk auto
        name text:150 unique
        parent_id int null ->departments.department_id
        is_active int default",
    );
    tables.add(
        "users",
        "
        user_id int pk auto
        email text:191 unique
        first_name text:100
        last_name text:100
        title text:100 null
        phone_number text:40 null
        department_id int ->departments.department_id
        license_type text:30 default
        status text:10 default
        password_hash text:255
        locale text:10 default
        last_login_at time null
        created_at time
        updated_at time
        modified_by text:191 null",
    );
    tables.add(
        "teams",
        "
        team_id int pk auto
        name text:150 unique
        description text null
        leader_id int null ->users.user_id
        is_archived int default
        created_at time
        updated_at time",
    );
    tables.add(
        "team_members",
        "
        team_id int pk ->teams.team_id
        user_id int pk ->users.user_id
        member_role text:20 default
        joined_at time",
    );
    tables.index("team_members", "team_members_user", &["user_id"]);
    tables.add(
        "user_sessions",
        "
        session_id text:64 pk
        user_id int ->users.user_id
        expires_at time",
    );
    tables.add(
        "api_tokens",
        "
        token_id int pk auto
        user_id int ->users.user_id
        token_hash text:64
        created_at time
        revoked_at time null",
    );
    tables.add(
        "projects",
        "
        project_id int pk auto
        title text:200
        owner_id int ->users.user_id
        team_id int null ->teams.team_id",
    );
    tables.add(
        "ideas",
        "
        idea_id int pk auto
        title text:200
        author_id int ->users.user_id",
    );
    tables.catalogue
}

/// Builds a catalogue.
pub struct Build {
    pub catalogue: Catalogue,
}

impl Build {
    pub fn new(database: Database) -> Self {
        let search_path = match database {
            Database::Sqlite => vec![],
            Database::Postgres => vec!["public".to_owned()],
            Database::Mysql => vec!["kpifire".to_owned()],
        };
        let version = "1".to_owned();
        let account = "\"kpifire_scim\"".to_owned();
        Self {
            catalogue: Catalogue {
                database,
                account,
                version,
                search_path,
                tables: BTreeMap::new(),
            },
        }
    }

    pub fn name(&self, name: &str) -> TableName {
        match name.split_once('.') {
            Some((schema, name)) => {
                TableName { schema: Some(schema.to_owned()), name: name.to_owned() }
            }
            None => TableName {
                schema: self.catalogue.search_path.first().cloned(),
                name: name.to_owned(),
            },
        }
    }

    pub fn table(&mut self, name: &str) -> &mut Table {
        let name = self.name(name);
        self.catalogue.tables.get_mut(&name).unwrap()
    }

    pub fn add(&mut self, name: &str, columns: &str) {
        let mut table = Table {
            name: self.name(name),
            columns: vec![],
            primary_key: vec![],
            indexes: vec![],
            partial_indexes: vec![],
            foreign_keys: vec![],
            traits: Traits::default(),
        };
        for line in columns.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.column(&mut table, line);
        }
        if self.catalogue.database != Database::Sqlite && !table.primary_key.is_empty() {
            let columns = table.primary_key.clone();
            table.indexes.push(Index { name: format!("{name}_pkey"), columns, unique: true });
        }
        self.catalogue.tables.insert(table.name.clone(), table);
    }

    fn column(&self, table: &mut Table, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words[0].to_owned();
        let has = |flag: &str| words[2..].contains(&flag);
        let (kind, length) = match words[1].split_once(':') {
            Some((kind, length)) => (kind, length.parse().ok()),
            None => (words[1], None),
        };
        let kind = match kind {
            "bool" => Kind::Bool,
            "int" => Kind::Int,
            "text" => Kind::Text,
            "uuid" => Kind::Uuid,
            "time" => Kind::Timestamp,
            "binary" => Kind::Binary,
            other => panic!("unknown kind {other}"),
        };
        let type_name = match (kind, length) {
            (Kind::Text, Some(length)) => format!("varchar({length})"),
            _ => format!("{kind:?}").to_lowercase(),
        };
        let collation = match (kind, self.catalogue.database) {
            (Kind::Text, Database::Mysql) => Some("utf8mb4_unicode_ci".to_owned()),
            (Kind::Text, Database::Sqlite) if has("unique") => Some("NOCASE".to_owned()),
            (Kind::Text, Database::Postgres) => Some("default".to_owned()),
            _ => None,
        };
        let listed = words.iter().find_map(|word| word.strip_prefix('='));
        table.columns.push(Column {
            name: name.clone(),
            kind,
            type_name,
            nullable: has("null"),
            has_default: has("default") || has("auto") || has("computed"),
            generated: has("auto"),
            max_length: length,
            collation,
            enum_values: listed
                .map(|it| it.split('|').map(str::to_owned).collect())
                .unwrap_or_default(),
            computed: has("computed"),
            default: None,
            comment: None,
        });
        if has("pk") {
            table.primary_key.push(name.clone());
        }
        let index =
            |unique| Index { name: format!("{name}_index"), columns: vec![name.clone()], unique };
        if has("unique") {
            table.indexes.push(index(true));
        }
        if let Some((target, column)) =
            words.iter().find_map(|word| word.strip_prefix("->")).and_then(|to| to.rsplit_once('.'))
        {
            table.foreign_keys.push(ForeignKey {
                table: table.name.clone(),
                columns: vec![name.clone()],
                target: self.name(target),
                target_columns: vec![column.to_owned()],
                on_delete: "NO ACTION".to_owned(),
                on_update: "NO ACTION".to_owned(),
            });
            // InnoDB indexes every foreign key by itself.
            if self.catalogue.database == Database::Mysql {
                table.indexes.push(index(false));
            }
        }
    }

    pub fn index(&mut self, table: &str, name: &str, columns: &[&str]) {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        self.table(table).indexes.push(Index { name: name.to_owned(), columns, unique: false });
    }
}
