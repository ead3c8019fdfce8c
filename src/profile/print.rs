//! [`Profile`] → TOML: the effective profile, every default written out.
//!
//! What it prints parses back to an equal profile.

use std::collections::BTreeMap;

use super::model::{
    Beside, CallPiece, Calls, Companion, Counter, Delete, Derived, Encoding, Form, Holds, Insert,
    Key, KeySource, Lookup, Made, Mapping, Mark, MarkedBy, Missing, Notation, Other, Piece,
    Presence, Profile, Rehire, Rename, ResourceTable, RevokeAction, RowSwitch, Scalar, TableName,
    Test, TimeColumn, TimeForm, TimeSwitch, Timed, Touch, Where,
};
use super::read::{toml_key, toml_text};
use super::shapes::{NOT_NULL, NULL};

/// The profile as TOML.
pub fn print(profile: &Profile) -> String {
    let mut out = Printer::default();
    if let Some(zone) = &profile.timezone {
        out.entry("timezone", &toml_text(zone));
    }
    out.resource("users", &profile.users);
    if let Some(teams) = &profile.teams {
        out.resource("groups", &teams.groups);
        let members = &teams.members;
        out.section("members");
        out.entry("table", &table(&members.table));
        out.rows(&members.rows);
        out.entry("group", &toml_text(&members.group));
        out.entry("user", &toml_text(&members.user));
        if let Some(mark) = &members.remove {
            out.entry("remove", &inline_table(marked(mark)));
        }
        out.insert("members.insert", &members.insert);
        out.touch("members.touch", &members.touch);
        out.calls("members.call", &members.calls);
    }
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
            let only = only(&row.rows);
            out.line(&format!("{key} = {{ user = {user}{only}, {action} }}"));
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
            let (owner, only) = (toml_text(&row.owner), only(&row.rows));
            out.line(&format!("{key} = {{ owner = {owner}{only}{title} }}"));
        }
    }
    if !profile.anonymise.is_empty() {
        out.constants("anonymise.set", &profile.anonymise);
    }
    for companion in profile.users.companions.iter().filter(|it| !it.anonymise.is_empty()) {
        let name = format!("anonymise.beside.{}", toml_key(&companion.name));
        out.constants(&name, &companion.anonymise);
    }
    out.section("protect");
    out.entry("keys", &list(&profile.protect.keys));
    out.entry("userNames", &list(&profile.protect.user_names));
    if !profile.protect.keep.is_empty() {
        let paths: Vec<_> = profile.protect.keep.iter().map(ToString::to_string).collect();
        out.entry("keep", &list(&paths));
    }
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

    fn rows(&mut self, rows: &Where) {
        if !rows.is_empty() {
            self.entry("where", &where_(rows));
        }
    }

    fn resource(&mut self, name: &str, resource: &ResourceTable) {
        self.section(name);
        self.entry("table", &table(&resource.table));
        self.rows(&resource.rows);
        self.entry("key", &key(&resource.key, name));
        if name == "users" {
            let rehire = match resource.rehire {
                Rehire::Revive => "revive",
                Rehire::Refuse => "refuse",
            };
            self.entry("rehire", &toml_text(rehire));
        }
        for companion in &resource.companions {
            self.companion(name, companion);
        }
        self.section(&format!("{name}.attributes"));
        for (path, mapping) in &resource.attributes {
            self.entry(&path.to_string(), &self::mapping(mapping));
        }
        self.insert(&format!("{name}.insert"), &resource.insert);
        if !resource.derive.is_empty() {
            self.section(&format!("{name}.derive"));
            for (column, it) in &resource.derive {
                self.entry(column, &derived(it));
            }
        }
        self.touch(&format!("{name}.touch"), &resource.touch);
        self.section(&format!("{name}.delete"));
        match &resource.delete {
            Delete::Deactivate => self.entry("mode", "\"deactivate\""),
            Delete::Mark(mark) => {
                self.entry("mode", "\"mark\"");
                for (key, value) in marked(mark) {
                    self.entry(key, &value);
                }
            }
            Delete::Delete { cascade } => {
                self.entry("mode", "\"delete\"");
                let names: Vec<String> = cascade.iter().map(ToString::to_string).collect();
                self.entry("cascade", &list(&names));
            }
        }
        self.calls(&format!("{name}.call"), &resource.calls);
    }

    fn companion(&mut self, name: &str, companion: &Companion) {
        let section = match &companion.parent {
            Some(_) => format!("{name}.parent"),
            None => format!("{name}.beside.{}", toml_key(&companion.name)),
        };
        self.section(&section);
        self.entry("table", &table(&companion.table));
        self.rows(&companion.rows);
        if let Some(parent) = &companion.parent {
            let (column, source) = (companion.user.clone(), parent.source.clone());
            self.entry("key", &key(&Key { column, source }, name));
            if let Some(column) = &parent.held_in {
                self.entry("held_in", &toml_text(column));
            }
        } else {
            self.entry("user", &toml_text(&companion.user));
            match companion.missing {
                Beside::Always => self.entry("required", "true"),
                Beside::Create => self.entry("missing", "\"create\""),
                Beside::Ignore => self.entry("missing", "\"ignore\""),
            }
        }
        self.insert(&format!("{section}.insert"), &companion.insert);
    }

    fn insert(&mut self, name: &str, insert: &Insert) {
        if insert.is_empty() {
            return;
        }
        self.section(name);
        for (column, value) in inserted(insert) {
            self.entry(&column, &value);
        }
    }

    fn calls(&mut self, name: &str, calls: &Calls) {
        if calls.is_empty() {
            return;
        }
        self.section(name);
        for (moment, pieces) in calls {
            let text: String = pieces.iter().map(call_piece).collect();
            self.entry(moment.name(), &toml_text(&text));
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
        for (key, columns) in [("created", &touch.created), ("modified", &touch.modified)] {
            if !columns.is_empty() {
                let columns: Vec<String> = columns.iter().map(time_column).collect();
                self.entry(key, &format!("[{}]", columns.join(", ")));
            }
        }
        for (key, columns) in
            [("actor", &touch.actor), ("version", &touch.version), ("stamp", &touch.stamp)]
        {
            if !columns.is_empty() {
                self.entry(key, &list(columns));
            }
        }
    }
}

/// `{ key = value, … }`
fn inline_table<'k>(entries: impl IntoIterator<Item = (&'k str, String)>) -> String {
    let entries: Vec<String> =
        entries.into_iter().map(|(key, value)| format!("{} = {value}", toml_key(key))).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn where_(rows: &Where) -> String {
    inline_table(rows.iter().map(|(column, test)| {
        let test = match test {
            Test::Null => toml_text(NULL),
            Test::NotNull => toml_text(NOT_NULL),
            // A text that reads as a word of the language stands in a list.
            Test::OneOf(values) => match values.as_slice() {
                [Scalar::Text(text)] if ![NULL, NOT_NULL].contains(&text.as_str()) => {
                    toml_text(text)
                }
                [one @ (Scalar::Int(_) | Scalar::Bool(_))] => scalar(one),
                values => {
                    let values: Vec<String> = values.iter().map(scalar).collect();
                    format!("[{}]", values.join(", "))
                }
            },
        };
        (column.as_str(), test)
    }))
}

/// `, where = { … }` where not all rows count.
fn only(rows: &Where) -> String {
    if rows.is_empty() { String::new() } else { format!(", where = {}", where_(rows)) }
}

fn key(key: &Key, section: &str) -> String {
    let column = toml_text(&key.column);
    match &key.source {
        KeySource::Database => column,
        KeySource::Made(made) => inline_table([("column", column), ("new", made_by(made))]),
        KeySource::Name(rename) => {
            let name = if section == "users" { "userName" } else { "displayName" };
            let rename = match rename {
                Rename::Refuse => "\"refuse\"",
                Rename::Cascade => "\"cascade\"",
            };
            inline_table([
                ("column", column),
                ("is", toml_text(name)),
                ("rename", rename.to_owned()),
            ])
        }
    }
}

fn made_by(made: &Made) -> String {
    match made {
        Made::Uuid => toml_text("uuid"),
        Made::UuidPlain => toml_text("uuid-plain"),
        Made::Random(length) => toml_text(&format!("random:{length}")),
        Made::Key => toml_text("key"),
        Made::Counter(counter) => inline_table([("counter", counted(counter))]),
    }
}

fn counted(counter: &Counter) -> String {
    let mut entries =
        vec![("table", table(&counter.table)), ("column", toml_text(&counter.column))];
    if !counter.rows.is_empty() {
        entries.push(("where", where_(&counter.rows)));
    }
    if counter.holds == Holds::Last {
        entries.push(("holds", toml_text("last")));
    }
    inline_table(entries)
}

fn inserted(insert: &Insert) -> Vec<(String, String)> {
    let constants = insert.constants.iter().map(|(column, value)| (column.clone(), scalar(value)));
    let made = insert
        .made
        .iter()
        .map(|(column, made)| (column.clone(), inline_table([("new", made_by(made))])));
    constants.chain(made).collect()
}

fn inline_insert(insert: &Insert) -> String {
    let entries = inserted(insert);
    inline_table(entries.iter().map(|(column, value)| (column.as_str(), value.clone())))
}

fn time_form(form: &TimeForm, notation_key: &'static str) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    if let Some(notation) = &form.notation {
        let text = match notation {
            Notation::EpochSeconds => "epoch-s",
            Notation::EpochMillis => "epoch-ms",
            Notation::Iso => "iso",
            Notation::Pattern(pattern) => pattern,
        };
        entries.push((notation_key, toml_text(text)));
    }
    if let Some(zone) = &form.zone {
        entries.push(("zone", toml_text(zone)));
    }
    if let Some(digits) = form.digits {
        entries.push(("digits", digits.to_string()));
    }
    entries
}

fn time_column(it: &TimeColumn) -> String {
    let form = time_form(&it.form, "as");
    if form.is_empty() {
        return toml_text(&it.column);
    }
    inline_table([("column", toml_text(&it.column))].into_iter().chain(form))
}

fn time_switch(switch: &TimeSwitch) -> Vec<(&'static str, String)> {
    let timed = Timed::ALL.iter().find(|(it, _)| *it == switch.timed).map_or("", |(_, name)| name);
    let mut entries = vec![("as", toml_text(timed))];
    entries.extend(switch.live.as_ref().map(|live| ("live", scalar(live))));
    entries.extend(time_form(&switch.form, "time"));
    entries
}

fn marked(mark: &Mark) -> Vec<(&'static str, String)> {
    let mut entries = vec![("column", toml_text(&mark.column))];
    match &mark.by {
        MarkedBy::Value(value) => entries.push(("value", scalar(value))),
        MarkedBy::Time(switch) => entries.extend(time_switch(switch)),
    }
    entries
}

fn formed(form: Form) -> String {
    toml_text(Form::ALL.iter().find(|(it, _)| *it == form).map_or("", |(_, name)| name))
}

fn derived(it: &Derived) -> String {
    let template: String = it
        .template
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Attribute(path) => format!("{{{path}}}"),
            Piece::Id => "{id}".to_owned(),
        })
        .collect();
    let template = toml_text(&template);
    match it.form {
        Form::Plain => template,
        form => inline_table([("from", template), ("as", formed(form))]),
    }
}

fn call_piece(piece: &CallPiece) -> String {
    match piece {
        CallPiece::Sql(text) => text.clone(),
        CallPiece::Id => "{id}".to_owned(),
        CallPiece::Group => "{group}".to_owned(),
        CallPiece::Attribute(path) => format!("{{{path}}}"),
    }
}

fn mapping(mapping: &Mapping) -> String {
    if let Encoding::Row(switch) = &mapping.encoding {
        return row_switch(switch);
    }
    let column = toml_text(&mapping.column);
    let mut entries = vec![("column", column.clone())];
    entries.extend(mapping.within.as_ref().map(|within| ("in", toml_text(within))));
    match &mapping.encoding {
        Encoding::Plain if mapping.within.is_none() => return column,
        Encoding::Plain | Encoding::Row(_) => {}
        Encoding::Values { pairs, other } => {
            entries.push(("values", values(pairs)));
            let other = match other {
                Other::Reject => "reject",
                Other::Keep => "keep",
            };
            entries.push(("other", toml_text(other)));
        }
        Encoding::Lookup(look) => entries.push(("lookup", lookup(look))),
        Encoding::Formed(form) => entries.push(("as", formed(*form))),
        Encoding::Utf8 => entries.push(("text", toml_text("utf8"))),
        Encoding::Time(form) => entries.extend(time_form(form, "as")),
        Encoding::Switch(switch) => entries.extend(time_switch(switch)),
    }
    inline_table(entries)
}

/// Pairs, with what means the same in a list.
fn values(pairs: &[(String, Scalar)]) -> String {
    let mut listed: Vec<(&str, Vec<String>)> = Vec::new();
    for (scim, legacy) in pairs {
        match listed.iter_mut().find(|(name, _)| name == scim) {
            Some((_, values)) => values.push(scalar(legacy)),
            None => listed.push((scim, vec![scalar(legacy)])),
        }
    }
    inline_table(listed.into_iter().map(|(scim, values)| match values.as_slice() {
        [one] => (scim, one.clone()),
        values => (scim, format!("[{}]", values.join(", "))),
    }))
}

fn row_switch(switch: &RowSwitch) -> String {
    let mut entries = vec![("table", table(&switch.table)), ("user", toml_text(&switch.user))];
    if !switch.rows.is_empty() {
        entries.push(("where", where_(&switch.rows)));
    }
    if !switch.insert.is_empty() {
        entries.push(("insert", inline_insert(&switch.insert)));
    }
    let means = match switch.means {
        Presence::Locked => "absent_in",
        Presence::Active => "present_in",
    };
    inline_table([(means, inline_table(entries))])
}

fn lookup(lookup: &Lookup) -> String {
    let missing = match &lookup.missing {
        Missing::Create => "\"create\"".to_owned(),
        Missing::Reject => "\"reject\"".to_owned(),
        Missing::Default(key) => format!("{{ default = {} }}", scalar(key)),
    };
    let mut entries = vec![("table", table(&lookup.table))];
    if !lookup.rows.is_empty() {
        entries.push(("where", where_(&lookup.rows)));
    }
    entries.push(("key", toml_text(&lookup.key)));
    entries.push(("label", toml_text(&lookup.label)));
    entries.push(("missing", missing));
    entries.extend(lookup.none.as_ref().map(|none| ("none", scalar(none))));
    if !lookup.insert.is_empty() {
        entries.push(("insert", inline_insert(&lookup.insert)));
    }
    inline_table(entries)
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
