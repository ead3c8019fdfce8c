//! Filters (RFC 7644 §3.4.2.2): `scim_v2`'s grammar and AST behind the limits and the leniency this
//! service promises, and the resolution of the names in them. Compiles nothing: what a filter means
//! in a database is the mapper's.

pub use scim_v2::filter::{
    AttrExp, AttrPath, CompValue, CompareOp, Filter, ParseError, PatchPath, PatchValuePath,
    ValFilter, ValuePath,
};
use serde_json::Value;

use super::schema::{self, AttributeKind, Resolved};
use super::{Error, ResourceType, elements, filter_text};

/// How large a filter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// Bytes.
    pub length: usize,
    /// Levels of brackets, `not` and changes of operator; the grammar itself stops at 64.
    pub depth: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self { length: 8 * 1024, depth: 16 }
    }
}

/// Parses a filter. Accepts, besides the RFC's grammar, a value without quotes
/// (`externalId eq jyoung`), operators in any case, and `emails[type eq "work"].value eq "x"`,
/// which becomes `emails[type eq "work" and value eq "x"]`.
///
/// # Errors
/// 400 `invalidFilter`, saying what can't be read and where.
pub fn parse_filter(text: &str, limits: FilterLimits) -> Result<Filter, Error> {
    let invalid = |problem: String| {
        Error::invalid_filter(format!(
            "the filter `{}` can't be read: {problem}",
            filter_text::excerpt(text)
        ))
    };
    if let Some(filter) = lookup(text, limits) {
        return Ok(filter);
    }
    let canonical = filter_text::normalise(text, limits).map_err(invalid)?;
    let filter: Filter = canonical.parse().map_err(|error| invalid(explain(&canonical, &error)))?;
    let depth = depth(&filter);
    if depth > limits.depth {
        return Err(invalid(format!("it nests {depth} deep; {} is the limit", limits.depth)));
    }
    refuse_nul(&filter)?;
    Ok(filter)
}

/// `userName eq "…"` and its like, by which Entra looks every resource up. The grammar reads it too,
/// at a tenth of a whole request's cost: its lexer builds its automata anew for each text.
fn lookup(text: &str, limits: FilterLimits) -> Option<Filter> {
    let (name, value) = text.split_once(" eq ")?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !value.contains(|c: char| c == '"' || c == '\\' || c.is_control());
    let known = matches!(name, "userName" | "externalId" | "displayName");
    (plain && known && text.len() <= limits.length && limits.depth > 0).then(|| {
        let value = CompValue::Str(value.to_owned());
        Filter::Attr(AttrExp::Comparison(AttrPath::with_name(name), CompareOp::Eq, value))
    })
}

/// What a filter's path means. A complex attribute with a `value` and no named part means that
/// `value`, as in `members eq "7"`.
///
/// # Errors
/// 400 `invalidFilter`, naming the path and what is close to it.
pub fn resolve(kind: ResourceType, path: &AttrPath) -> Result<Resolved, Error> {
    let whole = schema::find(kind, path.uri.as_deref(), &path.name)
        .ok_or_else(|| Error::invalid_filter(schema::unknown(kind, &path.to_string())))?;
    let Some(name) = &path.sub_attr else {
        return Ok(whole.with_sub(whole.attribute.sub("value")));
    };
    let sub = whole.attribute.sub(name).ok_or_else(|| {
        Error::invalid_filter(format!(
            "`{name}` is not a sub-attribute of `{whole}`: {}",
            schema::unknown(kind, &path.to_string())
        ))
    })?;
    Ok(whole.with_sub(Some(sub)))
}

/// What a path inside brackets means: a part of the attribute before them.
///
/// # Errors
/// 400 `invalidFilter`.
pub fn resolve_part(whole: Resolved, path: &AttrPath) -> Result<Resolved, Error> {
    let plain = path.uri.is_none() && path.sub_attr.is_none();
    match whole.attribute.sub(&path.name) {
        Some(sub) if plain => Ok(whole.with_sub(Some(sub))),
        _ => {
            let subs: Vec<&str> = whole.attribute.subs.iter().map(|sub| sub.name).collect();
            Err(Error::invalid_filter(format!(
                "`{path}` is not a sub-attribute of `{whole}`; in brackets it can be {}",
                subs.join(", ")
            )))
        }
    }
}

/// The value as the attribute's type has it: text for a number compared with a string (`id eq 7`),
/// a boolean for Entra's quoted one.
///
/// # Errors
/// 400 `invalidFilter` when the attribute can't have that value.
pub fn typed(resolved: Resolved, value: &CompValue) -> Result<Value, Error> {
    let leaf = resolved.leaf();
    let typed = match (leaf.kind, value) {
        (_, CompValue::Null) => Some(Value::Null),
        (AttributeKind::Boolean, value) => elements::as_bool(value).map(Value::Bool),
        (AttributeKind::Integer | AttributeKind::Decimal, CompValue::Number(number)) => {
            Some(Value::Number(number.clone()))
        }
        (AttributeKind::Integer | AttributeKind::Decimal | AttributeKind::Complex, _) => None,
        (_, CompValue::Str(text)) => Some(Value::String(text.clone())),
        (_, CompValue::Number(number)) => Some(Value::String(number.to_string())),
        (_, CompValue::True) => Some(Value::String("true".to_owned())),
        (_, CompValue::False) => Some(Value::String("false".to_owned())),
    };
    typed.ok_or_else(|| {
        Error::invalid_filter(format!(
            "`{resolved}` is of type {} and can't be compared with {value}",
            leaf.kind.as_str()
        ))
    })
}

/// Whether an element at hand satisfies a bracketed filter, whose names are parts of `whole`.
pub fn holds(whole: Resolved, filter: &ValFilter, element: &Value) -> bool {
    elements::matches(whole.attribute, filter, element)
}

/// Calls `visit` with every term of a bracketed filter.
///
/// # Errors
/// The first of `visit`'s.
pub fn each_term(
    filter: &ValFilter,
    visit: &mut dyn FnMut(&AttrExp) -> Result<(), Error>,
) -> Result<(), Error> {
    match filter {
        ValFilter::Attr(term) => visit(term),
        ValFilter::Not(inner) => each_term(inner, visit),
        ValFilter::And(items) | ValFilter::Or(items) => {
            items.iter().try_for_each(|item| each_term(item, visit))
        }
    }
}

/// Whether a term holds a NUL character, which an escape can hide from a look at the text.
pub(super) fn holds_nul(term: &AttrExp) -> bool {
    matches!(term, AttrExp::Comparison(_, _, CompValue::Str(text)) if text.contains('\0'))
}

fn refuse_nul(filter: &Filter) -> Result<(), Error> {
    let mut refuse = |term: &AttrExp| {
        if holds_nul(term) {
            return Err(Error::invalid_filter(
                "the filter compares with a NUL character, which no stored value can have",
            ));
        }
        Ok(())
    };
    match filter {
        Filter::Attr(term) => refuse(term),
        Filter::ValuePath(path) => each_term(&path.filter, &mut refuse),
        Filter::Not(inner) => refuse_nul(inner),
        Filter::And(items) | Filter::Or(items) => items.iter().try_for_each(refuse_nul),
    }
}

/// The grammar's complaint in words, with the place it is about.
pub(super) fn explain(text: &str, error: &ParseError) -> String {
    let near = |at: usize| match text.get(at..).map(str::trim_start) {
        None | Some("") => "its end".to_owned(),
        Some(rest) => format!("`{}`", filter_text::excerpt(rest)),
    };
    match error {
        ParseError::InvalidToken { location } | ParseError::UnrecognizedEof { location, .. } => {
            format!(
                "a term such as `userName eq \"ana@corp.test\"` is expected at {}",
                near(*location)
            )
        }
        ParseError::UnrecognizedToken { token: (at, _, _), .. }
        | ParseError::ExtraToken { token: (at, _, _) } => {
            format!("{} is not expected there", near(*at))
        }
        ParseError::User { error } => error.to_string(),
    }
}

fn depth(filter: &Filter) -> usize {
    1 + match filter {
        Filter::Attr(_) => 0,
        Filter::ValuePath(path) => depth_of_values(&path.filter),
        Filter::Not(inner) => depth(inner),
        Filter::And(items) | Filter::Or(items) => items.iter().map(depth).max().unwrap_or(0),
    }
}

fn depth_of_values(filter: &ValFilter) -> usize {
    1 + match filter {
        ValFilter::Attr(_) => 0,
        ValFilter::Not(inner) => depth_of_values(inner),
        ValFilter::And(items) | ValFilter::Or(items) => {
            items.iter().map(depth_of_values).max().unwrap_or(0)
        }
    }
}
