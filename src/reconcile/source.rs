//! An export of Entra itself, for `reconcile --source FILE`: Microsoft Graph's `/users` as JSON, or
//! the CSV of the portal's Users → Bulk operations → Download users.
//!
//! Owns what an export must be to be believed: whole, of one user per row, each with an id and a
//! userPrincipalName. Anything else is refused with its line, since a user that a broken export
//! leaves out would look like one that Entra doesn't have. `graph` and `portal` own the formats,
//! `text` the encoding. Knows no file and nothing of kpifire.
//!
//! A million users are kept in some 230 MB; the file itself is never held.

mod error;
mod graph;
mod portal;
mod text;
mod user;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read;

pub use error::Error;
pub use user::SourceUser;

use crate::scim::fold;
use error::Kind;
use text::Text;

/// The users of an export, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    users: Vec<SourceUser>,
    announced: Option<u64>,
    by_id: Index,
    by_user_name: Index,
}

impl Source {
    /// Reads an export of either format.
    ///
    /// # Errors
    /// The line, what is wrong there and, where it isn't plain, what to do about it.
    pub fn read(input: impl Read) -> Result<Self, Error> {
        let mut text = Text::new(input);
        let head = text.peek().map_err(|error| Error::from_io(error, 1))?;
        let (users, announced) = match head.trim_start().chars().next() {
            None => return Err(Error::new(1, Kind::Empty)),
            Some('{' | '[') => graph::read(text)?,
            Some(_) => {
                let delimiter = portal::delimiter(head);
                (portal::read(text, delimiter)?, None)
            }
        };
        if users.is_empty() {
            return Err(Error::new(1, Kind::Empty));
        }
        let by_id = Index::new(&users, SourceUser::id, "id")?;
        let by_user_name = Index::new(&users, SourceUser::user_name, "userPrincipalName")?;
        Ok(Self { users, announced, by_id, by_user_name })
    }

    /// Every user.
    pub fn users(&self) -> &[SourceUser] {
        &self.users
    }

    /// How many users Entra itself says that there are (`@odata.count`), where it was asked.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The position among [`Self::users`] of the user with this object id.
    pub fn by_id(&self, id: &str) -> Option<usize> {
        self.by_id.find(&self.users, SourceUser::id, id)
    }

    /// The position among [`Self::users`] of the user with this userName, compared without case.
    pub fn by_user_name(&self, user_name: &str) -> Option<usize> {
        self.by_user_name.find(&self.users, SourceUser::user_name, user_name)
    }
}

/// Hashes of the users' folded names with their positions, sorted: names are compared only where
/// hashes agree, and needn't be kept a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Index(Vec<(u64, u32)>);

type Name = fn(&SourceUser) -> &str;

impl Index {
    fn new(users: &[SourceUser], name: Name, property: &'static str) -> Result<Self, Error> {
        let hashed = |(at, user)| Some((hash(&fold(name(user))), u32::try_from(at).ok()?));
        let mut entries = Vec::with_capacity(users.len());
        for entry in users.iter().enumerate().map(hashed) {
            entries.push(entry.ok_or_else(|| Error::new(1, Kind::TooMany))?);
        }
        entries.sort_unstable();
        let index = Self(entries);
        match index.first_repetition(users, name) {
            None => Ok(index),
            Some((first, second)) => Err(Error::new(
                second.line(),
                Kind::Twice { property, value: name(second).to_owned(), first: first.line() },
            )),
        }
    }

    /// The first user of the export whose name came before, and who had it.
    fn first_repetition<'a>(
        &self,
        users: &'a [SourceUser],
        name: Name,
    ) -> Option<(&'a SourceUser, &'a SourceUser)> {
        let same_hash = self.0.chunk_by(|a, b| a.0 == b.0).filter(|entries| entries.len() > 1);
        same_hash
            .filter_map(|entries| {
                let users: Vec<(u32, &SourceUser)> = entries
                    .iter()
                    .filter_map(|(_, at)| Some((*at, users.get(usize::try_from(*at).ok()?)?)))
                    .collect();
                let folded: Vec<String> = users.iter().map(|(_, it)| fold(name(it))).collect();
                users.iter().enumerate().find_map(|(later, (at, second))| {
                    let earlier = folded.iter().take(later);
                    let first = earlier.zip(&users).find(|(it, _)| Some(*it) == folded.get(later));
                    first.map(|(_, (_, first))| (*at, (*first, *second)))
                })
            })
            .min_by_key(|(at, _)| *at)
            .map(|(_, pair)| pair)
    }

    fn find(&self, users: &[SourceUser], name: Name, wanted: &str) -> Option<usize> {
        let wanted = fold(wanted);
        let hash = hash(&wanted);
        let start = self.0.partition_point(|(it, _)| *it < hash);
        let entries = self.0.get(start..)?.iter().take_while(|(it, _)| *it == hash);
        entries
            .filter_map(|(_, at)| usize::try_from(*at).ok())
            .find(|at| users.get(*at).is_some_and(|user| fold(name(user)) == wanted))
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
