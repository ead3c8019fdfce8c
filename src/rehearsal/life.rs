//! The life: match, create, change every attribute, groups and members, drift and its mending, disable,
//! enable, cleanup and its undoing, delete, come back. One step a line; a step that is refused is taken
//! back, and what needs it is left out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::act::{Act, Came, perform};
use super::install::Install;
use super::line::{done, refused};
use super::values::{Maker, Observed, is_open, place};
use super::words;
use crate::drift::Kind;
use crate::drift::plan::Stage;
use crate::mapper::Field;
use crate::profile::catalogue::Database;
use crate::profile::proof::{Finding, Severity};
use crate::scim::{ResourceType, ScimType};
use crate::service::Error;
use crate::store::{Tx, dangling, migrate};

use ResourceType::{Group, User};

/// Lives it; a line a step.
pub(super) async fn live(tx: &mut Tx, install: &Install) -> Result<Vec<Finding>, Error> {
    let mut life = Life { tx, install, lines: Vec::new(), people: Arc::default(), over: false };
    if !life.sidecar().await? {
        return Ok(life.lines);
    }
    let dangling = dangling::rows(life.tx).await?;
    let users = life.users().await;
    let teams = life.teams(&users).await;
    if let [first, ..] = users.as_slice() {
        life.drift(first, teams.first()).await;
        life.switched(first).await;
    }
    life.leaving(&users, &teams).await;
    life.gone(&users, &teams).await;
    if !life.over {
        life.tied(&dangling).await?;
        life.lines.push(done("ends: all of it is rolled back"));
    }
    Ok(life.lines)
}

/// A resource that was made.
struct Made {
    id: String,
    name: String,
}

struct Life<'a> {
    tx: &'a mut Tx,
    install: &'a Install,
    lines: Vec<Finding>,
    /// What the install's users look like.
    people: Arc<Observed>,
    /// Whether the transaction is over before its time: then nothing more may be written.
    over: bool,
}

impl Life<'_> {
    /// Makes the sidecar tables where they are missing and can be taken back.
    async fn sidecar(&mut self) -> Result<bool, Error> {
        if migrate::pending(self.tx).await?.is_empty() {
            return Ok(true);
        }
        if self.install.service.layout().database == Database::Mysql {
            self.lines.push(refused(
                "nothing was rehearsed: the sidecar tables are missing",
                "MariaDB can't take a CREATE TABLE back",
                "kpifire-scim migrate",
            ));
            return Ok(false);
        }
        migrate::up(self.tx, crate::clock::stamp(self.install.now)).await?;
        self.lines.push(done("the sidecar tables are made for it, and go with it"));
        Ok(true)
    }

    /// Whether a commit would find a foreign key that points at nothing, beside those that did before.
    async fn tied(&mut self, before: &[[String; 3]]) -> Result<(), Error> {
        let now = dangling::rows(self.tx).await?;
        for [table, row, target] in now.iter().filter(|it| !before.contains(it)).take(3) {
            self.complain(
                Severity::Error,
                "would be refused at its commit",
                format!("row {row} of {table} points at nothing in {target} (a deferred foreign key)"),
                "write a key that is there into the column, by `[insert]` or a lookup; on DELETE: keep the \
                 row, or name the tables whose rows go first in `cascade`",
            );
        }
        Ok(())
    }

    /// Does one thing; what it shows, or `None` where it was refused.
    async fn step(&mut self, told: &str, act: Act) -> Option<Value> {
        let value = self.silent(told, act).await?;
        self.lines.push(done(told));
        Some(value)
    }

    /// The same without a line where all is well.
    async fn silent(&mut self, told: &str, act: Act) -> Option<Value> {
        if self.over {
            return None;
        }
        match self.attempt(&act).await {
            Ok(Came::Done(value)) => Some(value),
            Ok(Came::Left(why)) => {
                self.complain(Severity::Error, told, format!("the agent leaves it: {why}"), "");
                None
            }
            // What the profile says can't be changed.
            Err(Error::Scim(error)) if error.scim_type == Some(ScimType::Mutability) => {
                self.lines.push(done(format!("{told}: not here ({})", error.detail)));
                self.undone().await;
                None
            }
            Err(error) => {
                let layout = self.install.service.layout();
                let fix = words::fix(&error, &layout.profile, &self.install.catalogue);
                let why = format!("{}{}", words::who(&error), words::said(&error));
                self.complain(Severity::Error, told, why, &fix);
                self.undone().await;
                None
            }
        }
    }

    /// Takes a part back that was refused.
    async fn undone(&mut self) {
        if self.tx.undo_part().await.is_err() {
            self.over = true;
            self.complain(
                Severity::Error,
                "breaks off",
                "the database ended the whole transaction, and nothing of it is left".into(),
                "mend what refused, and rehearse again",
            );
        }
    }

    async fn attempt(&mut self, act: &Act) -> Result<Came, Error> {
        self.tx.begin_part().await?;
        let came = perform(self.tx, self.install, act).await?;
        self.tx.end_part().await?;
        Ok(came)
    }

    fn complain(&mut self, severity: Severity, told: &str, why: String, fix: &str) {
        self.lines.push(Finding { severity, why, ..refused(told, "", fix) });
    }

    /// Two users, with every attribute; each changed, one renamed.
    async fn users(&mut self) -> Vec<Made> {
        let layout = self.install.service.layout();
        let observed = Arc::new(self.observed(User).await);
        self.people = Arc::clone(&observed);
        let maker = Maker { layout, observed: &observed, salt: &self.install.salt, kind: User };
        let made = self.make(&maker, ["a user is made", "a second user is made"]).await;
        if let [first, ..] = made.as_slice() {
            self.change(&maker, first).await;
        }
        made
    }

    /// What the install's rows look like, as a client reads them; one of them is matched.
    async fn observed(&mut self, kind: ResourceType) -> Observed {
        let told = format!("{}s are listed", kind.as_str().to_lowercase());
        let listed = self.step(&told, Act::Find(kind, String::new())).await.unwrap_or_default();
        let rows = listed.as_array().cloned().unwrap_or_default();
        let attribute = kind.name_attribute();
        let known = rows.iter().find_map(|row| {
            let name = text(row, attribute).filter(|name| name.chars().any(char::is_alphabetic))?;
            Some((name.to_owned(), text(row, "id")?.to_owned()))
        });
        if let Some((name, id)) = known {
            let told = format!("one that is there is matched by its {attribute} in another case");
            self.is_found(&told, kind, &other_case(&name), &id).await;
        }
        Observed::new(self.install.service.layout(), kind, &rows)
    }

    async fn is_found(&mut self, told: &str, kind: ResourceType, name: &str, id: &str) {
        let act = Act::find(kind, kind.name_attribute(), name);
        let Some(found) = self.silent(told, act).await else { return };
        let ids = found.as_array().into_iter().flatten().map(|row| text(row, "id"));
        if ids.into_iter().any(|it| it == Some(id)) {
            self.lines.push(done(told));
            return;
        }
        self.complain(
            Severity::Error,
            told,
            format!("a lookup of `{name}` doesn't find it: Entra would make it again"),
            "see how the column compares, and what changes the name as it is written",
        );
    }

    async fn make(&mut self, maker: &Maker<'_>, told: [&str; 2]) -> Vec<Made> {
        let (kind, attribute) = (maker.kind, maker.kind.name_attribute());
        let mut made = Vec::new();
        for (number, told) in told.into_iter().enumerate() {
            let resource = maker.resource(number);
            let name = resource.get(attribute).and_then(Value::as_str).unwrap_or_default();
            let name = name.to_owned();
            let act = Act::Create(kind, Value::Object(resource.clone()));
            let Some(shown) = self.step(told, act).await else { continue };
            let id = text(&shown, "id").unwrap_or_default().to_owned();
            if number == 0 {
                let told = format!("it is matched by its {attribute} in another case");
                self.is_found(&told, kind, &other_case(&name), &id).await;
                self.reads_back(maker, &id, &resource).await;
            }
            made.push(Made { id, name });
        }
        made
    }

    /// Whether the row says what was written.
    async fn reads_back(&mut self, maker: &Maker<'_>, id: &str, written: &crate::scim::Resource) {
        let Some(shown) = self.read(maker.kind, id).await else { return };
        let Some(shown) = shown.as_object() else { return };
        for field in &maker.layout.resource(maker.kind).fields {
            let Some(wrote) = field.path.get(written) else { continue };
            let holds = field.path.get(shown).unwrap_or(&Value::Null);
            if wrote != holds {
                self.differs(field, wrote, holds);
            }
        }
    }

    fn differs(&mut self, field: &Field, wrote: &Value, holds: &Value) {
        self.complain(
            Severity::Warning,
            &format!("{} reads back as it was written", field.name),
            format!(
                "{wrote} was written, and {holds} is there: a trigger or the column changes it, and \
                 each run would find drift"
            ),
            &format!("map {} to a column that keeps what it is given", field.name),
        );
    }

    async fn read(&mut self, kind: ResourceType, id: &str) -> Option<Value> {
        let found = self.silent("it is read", Act::find(kind, "id", id)).await?;
        found.as_array()?.first().cloned()
    }

    /// Every attribute that can be written, one after the other.
    async fn change(&mut self, maker: &Maker<'_>, made: &Made) {
        let (kind, attribute) = (maker.kind, maker.kind.name_attribute());
        let Some(Value::Object(before)) = self.read(kind, &made.id).await else { return };
        let fields = &maker.layout.resource(kind).fields;
        let name = fields.iter().find(|field| field.is(attribute)).map(|it| place(it));
        for field in fields.iter().filter(|it| it.is_writable() && !it.is("active")) {
            // Another attribute in the name's column would rename.
            if !field.is(attribute) && name == Some(place(field)) {
                continue;
            }
            let holds = field.path.get(&before);
            let Some(value) = (2..9)
                .filter_map(|number| maker.value(field, number))
                .find(|value| Some(value) != holds)
            else {
                continue;
            };
            let told = format!("{} is changed", field.name);
            let act = Act::replace(kind, &made.id, &field.name, &value);
            if self.step(&told, act).await.is_none() {
                continue;
            }
            let Some(shown) = self.read(kind, &made.id).await else { continue };
            let holds = shown.as_object().and_then(|it| field.path.get(it)).cloned();
            let holds = holds.unwrap_or_default();
            if holds != value {
                self.differs(field, &value, &holds);
            }
        }
    }

    /// Two teams, and who is in them.
    async fn teams(&mut self, users: &[Made]) -> Vec<Made> {
        if !self.install.service.layout().offers(Group) {
            return Vec::new();
        }
        let layout = self.install.service.layout();
        let observed = self.observed(Group).await;
        let maker = Maker { layout, observed: &observed, salt: &self.install.salt, kind: Group };
        let made = self.make(&maker, ["a team is made", "a second team is made"]).await;
        if let [first, ..] = made.as_slice() {
            self.change(&maker, first).await;
        }
        for (told, team, user) in [
            ("a member is added", 0, 0),
            ("a second member is added", 0, 1),
            ("a member is added to the second team", 1, 0),
        ] {
            if let (Some(team), Some(user)) = (made.get(team), users.get(user)) {
                self.add(told, team, user).await;
            }
        }
        if let ([team, ..], [_, second, ..]) = (made.as_slice(), users) {
            let path = format!("members[value eq {}]", Value::from(second.id.as_str()));
            let operation = json!({ "op": "remove", "path": path });
            let act = Act::one(Group, &team.id, &operation);
            if self.step("a member is removed", act).await.is_some() {
                self.is_member("the removed member is out", team, second, Member::No).await;
                self.add("the member is added again", team, second).await;
            }
        }
        made
    }

    async fn add(&mut self, told: &str, team: &Made, user: &Made) {
        let value = json!([{ "value": user.id }]);
        let operation = json!({ "op": "add", "path": "members", "value": value });
        if self.step(told, Act::one(Group, &team.id, &operation)).await.is_some() {
            self.is_member(told, team, user, Member::Yes).await;
        }
    }

    /// Complains where the team's rows say otherwise.
    async fn is_member(&mut self, told: &str, team: &Made, user: &Made, wanted: Member) {
        let Some(shown) = self.read(Group, &team.id).await else { return };
        let mut members = shown.get("members").and_then(Value::as_array).into_iter().flatten();
        let is = members.any(|member| text(member, "value") == Some(&user.id));
        if is != (wanted == Member::Yes) {
            let why =
                "the team's rows say otherwise afterwards: a trigger, or a view that shows others";
            self.complain(
                Severity::Error,
                told,
                why.to_owned(),
                "see what the table is, and its triggers",
            );
        }
    }

    /// What the application might change, and how it is put back.
    async fn drift(&mut self, user: &Made, team: Option<&Made>) {
        let layout = self.install.service.layout();
        let observed = Arc::clone(&self.people);
        let maker = Maker { layout, observed: &observed, salt: &self.install.salt, kind: User };
        let shown = self.read(User, &user.id).await.unwrap_or_default();
        let name = layout.users.name().map(|field| place(field));
        let plain = layout.users.fields.iter().find(|field| {
            let text = shown.as_object().and_then(|it| field.path.get(it));
            text.is_some_and(Value::is_string)
                && field.is_writable()
                && is_open(field)
                && Some(place(field)) != name
        });
        if let Some((field, value)) = plain.and_then(|it| Some((it, maker.value(it, 5)?))) {
            let told = format!("{} is changed past the agent, and restored", field.name);
            let native = Act::Native(User, user.id.clone(), field.name.clone(), value);
            if self.silent(&told, native).await.is_some() {
                let kind = Kind::Attribute;
                let restore = Act::Restore(kind, User, user.id.clone(), field.name.clone());
                self.step(&told, restore).await;
            }
        }
        let Some(team) = team else { return };
        let told = "a membership is lost past the agent, and restored";
        if self.silent(told, Act::NativeLeave(user.id.clone())).await.is_some() {
            let act = Act::restore_member(Kind::MemberMissing, &team.id, &user.id);
            self.step(told, act).await;
        }
        let told = "a membership is made past the agent, and taken back";
        if self.silent(told, Act::Forget(user.id.clone())).await.is_some() {
            let act = Act::restore_member(Kind::MemberExtra, &team.id, &user.id);
            self.step(told, act).await;
        }
        self.add("the member is added once more", team, user).await;
    }

    /// Disabled, enabled behind the agent's back, locked again, enabled.
    async fn switched(&mut self, user: &Made) {
        let told = "the user is disabled";
        if self.step(told, active(&user.id, false)).await.is_none() {
            return;
        }
        self.is_active(told, user, false).await;
        let told = "the user is enabled past the agent, and locked again";
        let native = Act::Native(User, user.id.clone(), "active".to_owned(), Value::Bool(true));
        if self.silent(told, native).await.is_some() {
            let field = "active".to_owned();
            self.step(told, Act::Restore(Kind::Reactivated, User, user.id.clone(), field)).await;
            self.is_active(told, user, false).await;
        }
        let told = "the user is enabled";
        if self.step(told, active(&user.id, true)).await.is_some() {
            self.is_active(told, user, true).await;
        }
    }

    async fn is_active(&mut self, told: &str, user: &Made, wanted: bool) {
        let Some(shown) = self.read(User, &user.id).await else { return };
        if shown.get("active") == Some(&Value::Bool(wanted)) {
            return;
        }
        let why = if wanted {
            "the row still reads as inactive: a trigger, or another column that locks"
        } else {
            "the row still reads as active: a leaver keeps access"
        };
        let fix = "map `active` to what the application locks by";
        self.complain(Severity::Error, told, why.to_owned(), fix);
    }

    /// Cleanup's stages, on one user to the end and on the other one and back.
    async fn leaving(&mut self, users: &[Made], teams: &[Made]) {
        let [first, second, ..] = users else { return };
        if self.silent("the second user is disabled", active(&second.id, false)).await.is_some()
            && !teams.is_empty()
        {
            let strip = Act::Clean(Stage::Strip, second.id.clone(), None);
            if self.step("the second user's memberships are stripped", strip).await.is_some() {
                let undo = Act::Undo(Stage::Strip, second.id.clone());
                self.step("that is undone", undo).await;
            }
        }
        self.silent("the second user is enabled", active(&second.id, true)).await;
        if self.silent("the user is disabled for good", active(&first.id, false)).await.is_none() {
            return;
        }
        let layout = self.install.service.layout();
        if !teams.is_empty() {
            let strip = Act::Clean(Stage::Strip, first.id.clone(), None);
            self.step("the user's memberships are stripped", strip).await;
        }
        if !layout.ownership.is_empty() {
            let heir = Some(second.id.clone());
            let transfer = Act::Clean(Stage::Transfer, first.id.clone(), heir);
            self.step("what the user owns is transferred", transfer).await;
        }
        if !layout.anonymise.is_empty() {
            let act = Act::Clean(Stage::Anonymise, first.id.clone(), None);
            self.step("the user is anonymised", act).await;
        }
        if self.install.settings.cleanup.delete_after.is_some() {
            let act = Act::Clean(Stage::Delete, first.id.clone(), None);
            self.step("the user's row is deleted by cleanup", act).await;
        }
    }

    /// Deleted by the client; and who comes back.
    async fn gone(&mut self, users: &[Made], teams: &[Made]) {
        if let [_, second, ..] = users {
            let told = "the second user is deleted";
            if self.step(told, Act::Delete(User, second.id.clone())).await.is_some() {
                if self.read(User, &second.id).await.is_some() {
                    let why = "the user is still shown afterwards".to_owned();
                    self.complain(
                        Severity::Error,
                        told,
                        why,
                        "see what DELETE does in the profile",
                    );
                }
                let layout = self.install.service.layout();
                let observed = Arc::clone(&self.people);
                let maker =
                    Maker { layout, observed: &observed, salt: &self.install.salt, kind: User };
                let mut again = maker.resource(1);
                again.insert("userName".to_owned(), Value::from(second.name.as_str()));
                let again = Act::Create(User, Value::Object(again));
                self.step("the user comes back under the same name", again).await;
            }
        }
        for team in teams {
            let told = format!("the team {} is deleted", team.name);
            self.step(&told, Act::Delete(Group, team.id.clone())).await;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Yes,
    No,
}

fn active(id: &str, active: bool) -> Act {
    Act::replace(User, id, "active", &Value::Bool(active))
}

fn text<'a>(resource: &'a Value, attribute: &str) -> Option<&'a str> {
    resource.get(attribute).and_then(Value::as_str)
}

/// The name with the case of each letter turned.
fn other_case(name: &str) -> String {
    let turned = name.chars().map(|c| {
        if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    });
    turned.collect()
}
