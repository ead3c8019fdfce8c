//! List queries (RFC 7644 §3.4.2) from a query string or a search request's body (§3.4.3).

use serde_json::Value;

use super::error::{Error, excerpt};
use super::filter::Filter;
use super::grammar::{FilterLimits, parse_filter};
use super::path::AttributePath;
use super::projection::Projection;
use super::resource_type::ResourceType;

/// `sortOrder`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// The default.
    #[default]
    Ascending,
    /// `descending`
    Descending,
}

/// What to list, of which, in which order, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Which resources; `None` for all.
    pub filter: Option<Filter>,
    /// What to sort by; `None` leaves the order to the service.
    pub sort_by: Option<AttributePath>,
    /// Which way.
    pub sort_order: SortOrder,
    /// The first resource, counted from 1.
    pub start_index: u64,
    /// How many resources at most; 0 asks for the total alone, `None` for the service's page.
    pub count: Option<u64>,
    /// What of each resource.
    pub projection: Projection,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            filter: None,
            sort_by: None,
            sort_order: SortOrder::Ascending,
            start_index: 1,
            count: None,
            projection: Projection::default(),
        }
    }
}

impl ListQuery {
    /// Reads a query string's decoded pairs; keys in any case, unknown keys ignored.
    ///
    /// # Errors
    /// 400 `invalidFilter`, `invalidPath` (an unknown `sortBy`) or `invalidValue` (a number that
    /// isn't one, both projection parameters).
    pub fn from_pairs(
        kind: ResourceType,
        pairs: impl IntoIterator<Item = (String, String)>,
        limits: FilterLimits,
    ) -> Result<Self, Error> {
        let mut query = Self::default();
        let (mut only, mut without) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            let names = || value.split(',').map(str::to_owned);
            match key.to_ascii_lowercase().as_str() {
                "attributes" => only.extend(names()),
                "excludedattributes" => without.extend(names()),
                "startindex" => query.start_index = start_index(number(&key, &value)?),
                "count" => query.count = Some(count(number(&key, &value)?)),
                _ => query.read_text(kind, &key, &value, limits)?,
            }
        }
        query.projection = Projection::new(kind, &only, &without)?;
        Ok(query)
    }

    /// Reads the body of a `POST …/.search`.
    ///
    /// # Errors
    /// As [`Self::from_pairs`], and 400 `invalidSyntax` when the body is no object.
    pub fn from_search(
        kind: ResourceType,
        body: &Value,
        limits: FilterLimits,
    ) -> Result<Self, Error> {
        let Value::Object(body) = body else {
            return Err(Error::invalid_syntax("the body must be a JSON object: a SearchRequest"));
        };
        let mut query = Self::default();
        let (mut only, mut without) = (Vec::new(), Vec::new());
        for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
            match (key.to_ascii_lowercase().as_str(), value) {
                ("attributes", value) => only = names(key, value)?,
                ("excludedattributes", value) => without = names(key, value)?,
                ("startindex", value) => query.start_index = start_index(json_number(key, value)?),
                ("count", value) => query.count = Some(count(json_number(key, value)?)),
                ("filter" | "sortby" | "sortorder", Value::String(text)) => {
                    query.read_text(kind, key, text, limits)?;
                }
                ("filter" | "sortby" | "sortorder", _) => {
                    return Err(Error::invalid_value(format!("`{key}` must be a string")));
                }
                _ => {}
            }
        }
        query.projection = Projection::new(kind, &only, &without)?;
        Ok(query)
    }

    fn read_text(
        &mut self,
        kind: ResourceType,
        key: &str,
        value: &str,
        limits: FilterLimits,
    ) -> Result<(), Error> {
        match key.to_ascii_lowercase().as_str() {
            "filter" => self.filter = Some(parse_filter(kind, value, limits)?),
            "sortby" if !value.trim().is_empty() => {
                let path = AttributePath::locate(kind, value)
                    .map_err(|problem| Error::invalid_path(format!("`sortBy`: {problem}")))?;
                self.sort_by = Some(path);
            }
            "sortorder" => {
                self.sort_order = match value.trim().to_ascii_lowercase().as_str() {
                    "ascending" | "" => SortOrder::Ascending,
                    "descending" => SortOrder::Descending,
                    _ => {
                        return Err(Error::invalid_value(format!(
                            "`sortOrder` is ascending or descending, not `{}`",
                            excerpt(value)
                        )));
                    }
                };
            }
            _ => {}
        }
        Ok(())
    }
}

/// Below 1 means 1 (RFC 7644 §3.4.2.4).
fn start_index(number: i128) -> u64 {
    u64::try_from(number.max(1)).unwrap_or(u64::MAX)
}

/// Negative means 0 (RFC 7644 §3.4.2.4).
fn count(number: i128) -> u64 {
    u64::try_from(number.max(0)).unwrap_or(u64::MAX)
}

fn number(key: &str, text: &str) -> Result<i128, Error> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) => Ok(number),
        // Only its size is wrong.
        Err(_) if whole => Ok(if text.starts_with('-') { i128::MIN } else { i128::MAX }),
        Err(_) => Err(Error::invalid_value(format!(
            "`{key}` must be a whole number, not `{}`",
            excerpt(text)
        ))),
    }
}

fn json_number(key: &str, value: &Value) -> Result<i128, Error> {
    match value {
        Value::Number(written) => number(key, &written.to_string()),
        Value::String(text) => number(key, text),
        other => number(key, &other.to_string()),
    }
}

/// An array of names, or, as in a query string, one string of them.
fn names(key: &str, value: &Value) -> Result<Vec<String>, Error> {
    let wrong = || Error::invalid_value(format!("`{key}` must be an array of attribute names"));
    match value {
        Value::String(text) => Ok(text.split(',').map(str::to_owned).collect()),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}
