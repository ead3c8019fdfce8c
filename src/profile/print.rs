//! [`Profile`] → TOML: the effective profile, every default written out.
//!
//! What it prints parses back to an equal profile.

use std::collections::BTreeMap;

use super::model::{
    Delete, Encoding, Lookup, Mapping, Missing, Other, Profile, ResourceTable, RevokeAction,
    Scalar, TableName, Touch,
};
use super::read::{toml_key, toml_text};

/// The profile as TOML.
pub fn print(profile: &Profile) -> String {
    let mut out = Printer::default();
    out.resource("users", &profile.users);
    out.resource("groups", &profile.groups);
    out.section("members");
    out.entry("table", &table(&profile.members.table));
    out.entry("group", &toml_text(&profile.members.group));
    out.entry("user", &toml_text(&profile.members.user));
    out.constants("members.insert", &profile.members.insert);
    out.touch("members.touch", &profile.members.touch);
    if !profile.revoke.is_empty() {
        out.section("revoke");
        for row in &profile.revoke {
            let user = toml_text(&row.user);
            let action = match &row.action {
                RevokeAction::Delete => "action = \"delete\"".to_owned(),
                RevokeAction::Set { set, where_null } => {
                    let only = where_null
                        .as_ref()
                        .map(|column| format!(", where_null = {}", toml_text(column)))
                        .unwrap_or_default();
                    format!("action = \"set\", set = {}{only}", inline(set))
                }
            };
            let key = toml_key(&row.table.to_string());
            out.line(&format!("{key} = {{ user = {user}, {action} }}"));
        }
    }
    if !profile.ownership.is_empty() {
        out.section("ownership");
        for row in &profile.ownership {
            let title = row
                .title
                .as_ref()
                .map(|column| format!(", title = {}", toml_text(column)))
                .unwrap_or_default();
            let key = toml_key(&row.table.to_string());
            out.line(&format!("{key} = {{ owner = {}{title} }}", toml_text(&row.owner)));
        }
    }
    if !profile.anonymise.is_empty() {
        out.constants("anonymise.set", &profile.anonymise);
    }
    out.section("protect");
    out.entry("keys", &list(&profile.protect.keys));
    out.entry("userNames", &list(&profile.protect.user_names));
    out.text
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn section(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&format!("[{name}]"));
    }

    fn entry(&mut self, key: &str, value: &str) {
        self.line(&format!("{} = {value}", toml_key(key)));
    }

    fn resource(&mut self, name: &str, resource: &ResourceTable) {
        self.section(name);
        self.entry("table", &table(&resource.table));
        self.entry("key", &toml_text(&resource.key));
        self.section(&format!("{name}.attributes"));
        for (path, mapping) in &resource.attributes {
            self.entry(&path.to_string(), &self::mapping(mapping));
        }
        self.constants(&format!("{name}.insert"), &resource.insert);
        self.touch(&format!("{name}.touch"), &resource.touch);
        self.section(&format!("{name}.delete"));
        match &resource.delete {
            Delete::Deactivate { column } => {
                self.entry("mode", "\"deactivate\"");
                if let Some((column, value)) = column {
                    self.entry("column", &toml_text(column));
                    self.entry("value", &scalar(value));
                }
            }
            Delete::Delete { cascade } => {
                self.entry("mode", "\"delete\"");
                let names: Vec<String> = cascade.iter().map(ToString::to_string).collect();
                self.entry("cascade", &list(&names));
            }
        }
    }

    fn constants(&mut self, name: &str, columns: &BTreeMap<String, Scalar>) {
        if columns.is_empty() {
            return;
        }
        self.section(name);
        for (column, value) in columns {
            self.entry(column, &scalar(value));
        }
    }

    fn touch(&mut self, name: &str, touch: &Touch) {
        if *touch == Touch::default() {
            return;
        }
        self.section(name);
        for (key, columns) in
            [("created", &touch.created), ("modified", &touch.modified), ("actor", &touch.actor)]
        {
            if !columns.is_empty() {
                self.entry(key, &list(columns));
            }
        }
    }
}

fn mapping(mapping: &Mapping) -> String {
    let column = toml_text(&mapping.column);
    match &mapping.encoding {
        Encoding::Plain => column,
        Encoding::Values { pairs, other } => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(scim, legacy)| format!("{} = {}", toml_key(scim), scalar(legacy)))
                .collect();
            let other = match other {
                Other::Reject => "reject",
                Other::Keep => "keep",
            };
            let pairs = pairs.join(", ");
            format!("{{ column = {column}, values = {{ {pairs} }}, other = \"{other}\" }}")
        }
        Encoding::Lookup(look) => format!("{{ column = {column}, lookup = {} }}", lookup(look)),
    }
}

fn lookup(lookup: &Lookup) -> String {
    let missing = match &lookup.missing {
        Missing::Create => "\"create\"".to_owned(),
        Missing::Reject => "\"reject\"".to_owned(),
        Missing::Default(key) => format!("{{ default = {} }}", scalar(key)),
    };
    let insert = if lookup.insert.is_empty() {
        String::new()
    } else {
        format!(", insert = {}", inline(&lookup.insert))
    };
    format!(
        "{{ table = {}, key = {}, label = {}, missing = {missing}{insert} }}",
        table(&lookup.table),
        toml_text(&lookup.key),
        toml_text(&lookup.label),
    )
}

fn inline(columns: &BTreeMap<String, Scalar>) -> String {
    let pairs: Vec<String> = columns
        .iter()
        .map(|(column, value)| format!("{} = {}", toml_key(column), scalar(value)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

pub(super) fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Null => "\"null\"".to_owned(),
        Scalar::Now => "\"now\"".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Text(text) => toml_text(text),
    }
}

fn table(name: &TableName) -> String {
    toml_text(&name.to_string())
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| toml_text(item)).collect();
    format!("[{}]", items.join(", "))
}
