//! The words that columns and tables of user databases are named with.
//!
//! Data and plain text comparison. Names are compared without case and punctuation, so that
//! `first_name`, `FirstName` and `first name` are one word.

use crate::profile::catalogue::{Column, Kind, Table};

pub(super) const USERS: &[&str] = &[
    "users",
    "user",
    "appusers",
    "appuser",
    "accounts",
    "account",
    "employees",
    "employee",
    "people",
    "person",
    "persons",
    "staff",
    "logins",
];
pub(super) const GROUPS: &[&str] = &[
    "teams",
    "team",
    "groups",
    "group",
    "usergroups",
    "usergroup",
    "squads",
    "workgroups",
    "roles",
    "role",
];
pub(super) const DEPARTMENTS: &[&str] = &[
    "departments",
    "department",
    "dept",
    "depts",
    "orgunits",
    "orgunit",
    "divisions",
    "division",
    "units",
    "unit",
];

pub(super) const LOGIN: &[&str] = &[
    "username",
    "userlogin",
    "login",
    "loginname",
    "loginid",
    "logon",
    "logonname",
    "upn",
    "userprincipalname",
];
pub(super) const EMAIL: &[&str] =
    &["email", "emailaddress", "mail", "mailaddress", "useremail", "workemail"];
pub(super) const GIVEN: &[&str] = &["firstname", "givenname", "forename", "fname", "first"];
pub(super) const FAMILY: &[&str] = &["lastname", "familyname", "surname", "lname", "sname", "last"];
pub(super) const DISPLAY: &[&str] = &["displayname", "fullname", "name", "commonname"];
pub(super) const TITLE: &[&str] = &["title", "jobtitle", "position", "function"];
pub(super) const PHONE: &[&str] = &[
    "phonenumber",
    "phone",
    "telephone",
    "workphone",
    "officephone",
    "businessphone",
    "phoneno",
    "tel",
];
pub(super) const MOBILE: &[&str] = &["mobile", "mobilephone", "mobilenumber", "cell", "cellphone"];
pub(super) const EMPLOYEE_NUMBER: &[&str] =
    &["employeenumber", "employeeno", "personnelnumber", "staffnumber", "staffno"];
pub(super) const DEPARTMENT: &[&str] =
    &["departmentid", "departmentkey", "deptid", "department", "dept", "orgunitid", "divisionid"];
pub(super) const USER_TYPE: &[&str] =
    &["licensetype", "usertype", "license", "licence", "accounttype"];

pub(super) const ENABLED: &[&str] = &["isactive", "active", "enabled", "isenabled"];
pub(super) const DISABLED: &[&str] = &[
    "disabled",
    "isdisabled",
    "inactive",
    "isinactive",
    "locked",
    "islocked",
    "deactivated",
    "blocked",
];
pub(super) const STATUS: &[&str] = &["status", "userstatus", "state", "accountstatus"];
pub(super) const YES: &[&str] = &["active", "enabled", "a", "y", "yes", "on", "1", "true", "t"];
pub(super) const NO: &[&str] = &[
    "inactive",
    "disabled",
    "i",
    "n",
    "no",
    "off",
    "0",
    "false",
    "f",
    "deactivated",
    "blocked",
    "locked",
];
/// Flags that say a group is switched off.
pub(super) const ARCHIVED: &[&str] = &["isarchived", "archived", "isdeleted", "deleted"];

pub(super) const CREATED: &[&str] = &[
    "createdat",
    "created",
    "createdon",
    "creationdate",
    "createdate",
    "datecreated",
    "insertedat",
    "joinedat",
    "addedat",
    "membersince",
    "since",
];
pub(super) const MODIFIED: &[&str] = &[
    "updatedat",
    "updated",
    "updatedon",
    "modifiedat",
    "modified",
    "modifiedon",
    "lastmodified",
    "lastmodifiedat",
    "lastupdate",
    "changedat",
    "changed",
    "datemodified",
    "moddate",
];
pub(super) const ACTOR: &[&str] = &["modifiedby", "updatedby", "changedby", "lastmodifiedby"];
pub(super) const REVOKED: &[&str] = &["revokedat", "revoked", "invalidatedat", "deletedat"];
pub(super) const LABEL: &[&str] = &[
    "name",
    "title",
    "label",
    "displayname",
    "teamname",
    "groupname",
    "departmentname",
    "deptname",
    "description",
];
pub(super) const OWNER: &[&str] =
    &["owner", "author", "responsible", "leader", "lead", "manager", "assignee", "creator"];

/// A name without case and punctuation.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The first column, in the order of `words`, whose name is one of them and that `suits`.
pub(super) fn pick<'t>(
    table: &'t Table,
    words: &[&str],
    suits: impl Fn(&Column) -> bool,
) -> Option<&'t Column> {
    let found = |word: &&str| {
        table.columns.iter().find(|column| plain(&column.name) == **word && suits(column))
    };
    // `usr_email` and `user_first_name`: the table's own prefix before the word.
    let prefixed = |word: &&str| {
        let long_enough = word.len() >= 4;
        table.columns.iter().find(|column| {
            let name = column.name.split_once('_').map(|(_, rest)| plain(rest));
            long_enough && name.as_deref() == Some(*word) && suits(column)
        })
    };
    words.iter().find_map(found).or_else(|| words.iter().find_map(prefixed))
}

pub(super) fn is_text(column: &Column) -> bool {
    column.kind == Kind::Text
}

pub(super) fn is_time(column: &Column) -> bool {
    matches!(column.kind, Kind::Timestamp | Kind::Date)
}

/// How well a table's name matches a list, best first: 1 down to 0.
pub(super) fn rank(table: &str, words: &[&str]) -> f64 {
    let name = plain(table);
    let at = words.iter().position(|word| {
        name == *word
            || name.strip_suffix(word).is_some_and(|prefix| (1..=6).contains(&prefix.len()))
    });
    let exact = words.contains(&name.as_str());
    #[expect(clippy::cast_precision_loss, reason = "the lists are short")]
    at.map_or(0.0, |at| if exact { 1.0 } else { 0.8 } - at as f64 / 100.0)
}

/// A column that nothing but the profile can fill.
pub(super) fn must_fill(column: &Column) -> bool {
    !column.nullable && !column.has_default && !column.generated
}
