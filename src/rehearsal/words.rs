//! What a refusal is told by: the database's own words, and what to do about it.

use crate::profile::catalogue::{Catalogue, Index};
use crate::profile::model::{Profile, Scalar, Teams};
use crate::profile::proof::short_name;
use crate::service::Error;
use crate::store::{self, ErrorKind, Subject};

/// What the database said, or the agent.
pub(super) fn said(error: &Error) -> String {
    match (of_database(error), error) {
        (Some(error), _) => error.message().to_owned(),
        (None, Error::Internal(source) | Error::Unavailable { source, .. }) => source.to_string(),
        (None, error) => error.to_string(),
    }
}

/// Who refused, to introduce its words.
pub(super) fn who(error: &Error) -> &'static str {
    match of_database(error).map(store::Error::kind) {
        Some(ErrorKind::Rule) => "a rule of the application refuses it: ",
        Some(_) => "the database refuses it: ",
        None => "the agent refuses it: ",
    }
}

/// What to do about it.
pub(super) fn fix(error: &Error, profile: &Profile, catalogue: &Catalogue) -> String {
    let Some(error) = of_database(error) else {
        return "mend the profile where the words point".to_owned();
    };
    match (error.kind(), error.subject()) {
        (ErrorKind::Unique, _) => unique(error.message(), profile, catalogue),
        (ErrorKind::ForeignKey, _) => {
            "write a key that is there into the column, by `[insert]` or a lookup; on DELETE: keep \
             the row (`mode = \"deactivate\"`), or name the tables whose rows go first in `cascade`"
                .to_owned()
        }
        (ErrorKind::Rule, _) => {
            "see what the trigger wants, and let the profile write it: `[insert]`, `values`, or \
             another column; the application's own screens obey the same rule"
                .to_owned()
        }
        (ErrorKind::Denied, Some(Subject::Policy)) => {
            "a policy for the agent's account that lets it write the row, or a row as the policy \
             wants it"
                .to_owned()
        }
        (ErrorKind::Denied, _) => {
            "the GRANT that is missing: `check` prints those of the profile's tables; of another \
             table a trigger needs it"
                .to_owned()
        }
        (ErrorKind::Invalid, Some(Subject::Column { column, .. })) => format!(
            "let the profile write what column `{column}` takes: map it, or give it a value in \
             `[insert]`"
        ),
        (ErrorKind::Invalid, Some(Subject::Check(check))) => format!(
            "let the profile write what the CHECK `{check}` takes: `[insert]`, `values`, or another \
             column"
        ),
        (ErrorKind::Invalid, _) => "let the profile write what the column takes".to_owned(),
        (ErrorKind::Conflict | ErrorKind::Timeout, _) => {
            "somebody holds the rows: rehearse again".to_owned()
        }
        _ => "see what the database says of the statement".to_owned(),
    }
}

fn of_database(error: &Error) -> Option<&store::Error> {
    match error {
        Error::Refused(error) => Some(error),
        Error::Internal(source) | Error::Unavailable { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

/// A unique key: of which columns, and which constant of the profile lies in one of them.
fn unique(said: &str, profile: &Profile, catalogue: &Catalogue) -> String {
    let named = |index: &Index| {
        let bounds = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        said.match_indices(&index.name).any(|(at, found)| {
            bounds(said.get(..at).and_then(|it| it.chars().next_back()))
                && bounds(said.get(at + found.len()..).and_then(|it| it.chars().next()))
        })
    };
    let whole = catalogue.tables.values().flat_map(|table| {
        let partial = table.partial_indexes.iter().map(|it| &it.index);
        table.indexes.iter().chain(partial).filter(|it| it.unique).map(move |it| (table, it))
    });
    // SQLite names the columns themselves.
    let told = |table: &str, columns: &[String]| {
        let first = columns.iter().map(|column| format!("{table}.{column}"));
        let all: Vec<String> = first.collect();
        said.ends_with(&format!("UNIQUE constraint failed: {}", all.join(", ")))
    };
    let found = whole
        .filter(|(table, index)| named(index) || told(&table.name.name, &index.columns))
        .find(|(table, _)| {
            profile
                .relations()
                .iter()
                .any(|it| catalogue.table(it.table).is_some_and(|it| it.name == table.name))
        });
    let Some((table, index)) = found else {
        return "give the column a value that differs from row to row, or leave it out of \
                `[insert]`; a number that a sequence hands out: `check` says whether it is behind"
            .to_owned();
    };
    let shown = short_name(catalogue, &table.name);
    let mut constants = vec![("users.insert", &profile.users.table, &profile.users.insert)];
    if let Some(Teams { groups, members }) = &profile.teams {
        constants.push(("groups.insert", &groups.table, &groups.insert));
        constants.push(("members.insert", &members.table, &members.insert));
    }
    for (section, of, insert) in constants {
        let here = catalogue.table(of).is_some_and(|it| it.name == table.name);
        let constant = index.columns.iter().find(|column| {
            insert
                .constants
                .get(*column)
                .is_some_and(|value| !matches!(value, Scalar::Null | Scalar::Now))
        });
        if let Some(column) = constant.filter(|_| here) {
            return format!(
                "[{section}] `{column}` writes the same into each row, and ({}) of {shown} is \
                 unique: leave it out where the column may be NULL or has a default, or let it be \
                 made anew for each row: {{ new = \"uuid\" }}, {{ new = \"random:20\" }}",
                index.columns.join(", ")
            );
        }
    }
    format!(
        "({}) of {shown} is unique: give each row a value of its own; a number that a sequence \
         hands out: `check` says whether it is behind",
        index.columns.join(", ")
    )
}
