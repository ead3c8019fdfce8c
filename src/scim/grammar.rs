//! The one reader of filters (RFC 7644 §3.4.2.2) and of what PATCH paths have in common with them
//! (§3.5.2): from left to right, once, into [`filter`](super::filter)'s tree.
//!
//! Accepts, besides the RFC's grammar, what Entra sends: a value without quotes (`externalId eq
//! jyoung`), words in any case, and `emails[type eq "work"].value eq "x"`, which means
//! `emails[type eq "work" and value eq "x"]`. Length, open brackets and the number of conditions are
//! limited before anything is built of them.

use serde_json::Number;

use super::error::{Error, excerpt};
use super::filter::{
    AttrExp, AttrPath, CompValue, CompareOp, Condition, Filter, Logic, Name, ValFilter, ValuePath,
};
use super::resource_type::ResourceType;
use super::schema::Resolved;

/// How large a filter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// Bytes.
    pub length: usize,
    /// Levels of brackets, `not` and changes of operator; never more than 64.
    pub depth: usize,
    /// Conditions.
    pub terms: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self { length: 8 * 1024, depth: 16, terms: 100 }
    }
}

/// What the reader's own recursion is built for, whatever the limits say.
const DEEPEST: usize = 64;

const EXAMPLE: &str = "a filter looks like `userName eq \"ana@corp.test\"`";

/// Reads a filter.
///
/// # Errors
/// 400 `invalidFilter`, saying what can't be read and where.
pub fn parse_filter(kind: ResourceType, text: &str, limits: FilterLimits) -> Result<Filter, Error> {
    filter(kind, text, limits)
        .map_err(|fault| Error::invalid_filter(format!("the filter {}", fault.told(text))))
}

fn filter(kind: ResourceType, text: &str, limits: FilterLimits) -> Result<Filter, Fault> {
    let mut reader = Reader::new(text, limits)?;
    let condition: Read<'_, Condition> = &|reader, word| reader.condition(kind, word);
    let filter = reader.any(condition)?;
    reader.finish()?;
    let (depth, limit) = (filter.depth(Condition::depth), reader.limits.depth);
    if depth > limit {
        // An operator in another, without brackets, nests too.
        return reader.fault(format!("it nests {depth} deep; {limit} is the limit"));
    }
    Ok(filter)
}

/// What is wrong with a text, and where: the byte.
pub(super) struct Fault {
    at: usize,
    problem: String,
}

impl Fault {
    /// In words, about the text that was read.
    pub fn told(&self, text: &str) -> String {
        let before = text.get(..self.at).unwrap_or(text);
        let place = before.chars().count().saturating_add(1);
        let (text, problem) = (excerpt(text), &self.problem);
        format!("`{text}` can't be read: {problem} (character {place})")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    /// A string with its quotes.
    Quoted(&'t str),
    /// One of `()[]`.
    Mark(char),
    /// Anything else up to the next blank or mark.
    Word(&'t str),
    End,
}

/// Reads a condition that begins with this word.
type Read<'f, T> = &'f dyn Fn(&mut Reader<'_>, &str) -> Result<Logic<T>, Fault>;

/// A text and how far it has been read.
pub(super) struct Reader<'t> {
    text: &'t str,
    limits: FilterLimits,
    /// The next token, where it begins and where it ends.
    next: Token<'t>,
    at: usize,
    end: usize,
    open: usize,
    conditions: usize,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, limits: FilterLimits) -> Result<Self, Fault> {
        let fault = |at, problem| Err(Fault { at, problem });
        let limits = FilterLimits { depth: limits.depth.min(DEEPEST), ..limits };
        if text.len() > limits.length {
            let (length, limit) = (text.len(), limits.length);
            return fault(limit, format!("it has {length} bytes; {limit} is the limit"));
        }
        if let Some(at) = text.find('\0') {
            return fault(at, "it contains a NUL character".to_owned());
        }
        let next = Token::End;
        let mut reader = Self { text, limits, next, at: 0, end: 0, open: 0, conditions: 0 };
        reader.advance()?;
        Ok(reader)
    }

    /// `a or b`; `and` binds more tightly.
    fn any<T>(&mut self, condition: Read<'_, T>) -> Result<Logic<T>, Fault> {
        let first = self.all(condition)?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.is_word("or") {
            self.advance()?;
            items.push(self.all(condition)?);
        }
        Ok(Logic::any(items))
    }

    /// `a and b`
    fn all<T>(&mut self, condition: Read<'_, T>) -> Result<Logic<T>, Fault> {
        let first = self.one(condition)?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.is_word("and") {
            self.advance()?;
            items.push(self.one(condition)?);
        }
        Ok(Logic::all(items))
    }

    /// A condition, `(…)` or `not (…)`.
    fn one<T>(&mut self, condition: Read<'_, T>) -> Result<Logic<T>, Fault> {
        match self.next {
            Token::Mark('(') => self.within(')', |reader| reader.any(condition)),
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.advance()?;
                if self.next != Token::Mark('(') {
                    return self.fault("`(` is expected after `not`");
                }
                let inner = self.within(')', |reader| reader.any(condition))?;
                Ok(Logic::Not(Box::new(inner)))
            }
            Token::Word(word) => condition(self, word),
            Token::End if self.text.trim().is_empty() => {
                self.fault(format!("it is empty; {EXAMPLE}"))
            }
            Token::End => self.fault(format!("a term is missing at its end; {EXAMPLE}")),
            _ => self.expected("an attribute"),
        }
    }

    /// A condition on a resource.
    fn condition(&mut self, kind: ResourceType, word: &str) -> Result<Filter, Fault> {
        let attr = self.name(word, |word| AttrPath::new(kind, word))?;
        if self.next != Token::Mark('[') {
            return Ok(Logic::Is(Condition::Attr(self.test(attr)?)));
        }
        let whole = attr.attribute();
        let mut filter = self.brackets(whole)?;
        if let Some(part) = self.part() {
            let part = self.name(part, |word| AttrPath::part(whole, word))?;
            filter = Logic::all(vec![filter, Logic::Is(self.test(part)?)]);
        }
        Ok(Logic::Is(Condition::ValuePath(ValuePath { attr, filter })))
    }

    /// What may follow a PATCH path's attribute: `[valFilter]`, and `.part` behind that.
    pub fn rest_of_path(
        mut self,
        whole: Resolved,
    ) -> Result<(Option<ValFilter>, Option<&'t str>), Fault> {
        let (mut filter, mut part) = (None, None);
        if self.next == Token::Mark('[') {
            filter = Some(self.brackets(Some(whole))?);
            part = self.part();
            if part.is_some() {
                self.advance()?;
            }
        }
        self.finish()?;
        Ok((filter, part))
    }

    /// `[…]` behind an attribute.
    fn brackets(&mut self, whole: Option<Resolved>) -> Result<ValFilter, Fault> {
        let condition: Read<'_, AttrExp> = &|reader, word| {
            let path = reader.name(word, |word| AttrPath::part(whole, word))?;
            Ok(Logic::Is(reader.test(path)?))
        };
        self.within(']', |reader| reader.any(condition))
    }

    /// `.part` behind the brackets, without its dot.
    fn part(&self) -> Option<&'t str> {
        match self.next {
            Token::Word(word) => word.strip_prefix('.'),
            _ => None,
        }
    }

    /// The name that the next word is.
    fn name(&mut self, word: &str, name: impl Fn(&str) -> AttrPath) -> Result<AttrPath, Fault> {
        if Name::split(word).is_none() {
            return self.fault(format!("`{}` is no attribute's name", excerpt(word)));
        }
        self.advance()?;
        Ok(name(word))
    }

    /// What is asked of an attribute: `pr`, or an operator and a value.
    fn test(&mut self, path: AttrPath) -> Result<AttrExp, Fault> {
        self.conditions += 1;
        let limit = self.limits.terms;
        if self.conditions > limit {
            return self.fault(format!("it has more than {limit} conditions, the limit"));
        }
        let word = match self.next {
            Token::Word(word) => word,
            Token::End => {
                return self.fault(format!("an operator is missing at its end; {EXAMPLE}"));
            }
            _ => return self.expected("an operator"),
        };
        if word.eq_ignore_ascii_case("pr") {
            self.advance()?;
            return Ok(AttrExp::Present(path));
        }
        let known = CompareOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.as_str()));
        let Some(operator) = known else {
            let all = CompareOp::ALL.map(CompareOp::as_str).join(", ");
            return self.fault(format!("`{}` is not an operator; use {all} or pr", excerpt(word)));
        };
        self.advance()?;
        Ok(AttrExp::Comparison(path, operator, self.value()?))
    }

    fn value(&mut self) -> Result<CompValue, Fault> {
        let value = match self.next {
            Token::Quoted(text) => match serde_json::from_str::<String>(text) {
                // An escape can hide it from a look at the text.
                Ok(text) if text.contains('\0') => {
                    return self
                        .fault("it compares with a NUL character, which no stored value can have");
                }
                Ok(text) => CompValue::Str(text),
                Err(_) => {
                    let text = excerpt(text);
                    return self.fault(format!("{text} is no string of JSON"));
                }
            },
            Token::Word(word) if word.starts_with('\'') => {
                let word = excerpt(word);
                return self
                    .fault(format!("values stand in double quotes, not in single ones: {word}"));
            }
            Token::Word(word) => unquoted(word),
            Token::End => return self.fault(format!("a value is missing at its end; {EXAMPLE}")),
            Token::Mark(_) => return self.expected("a value"),
        };
        self.advance()?;
        Ok(value)
    }

    /// What stands in brackets, of which the next token is the opening one.
    fn within<T>(
        &mut self,
        close: char,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.open >= self.limits.depth {
            let limit = self.limits.depth;
            return self.fault(format!("it nests deeper than {limit}, the limit"));
        }
        self.open += 1;
        self.advance()?;
        let inner = read(self)?;
        match self.next {
            Token::Mark(mark) if mark == close => self.advance()?,
            Token::End if close == ')' => return self.fault("`(` is never closed"),
            Token::End => return self.fault("`[` is never closed"),
            _ => return self.not_joined(),
        }
        self.open -= 1;
        Ok(inner)
    }

    /// Nothing more is expected.
    fn finish(&self) -> Result<(), Fault> {
        match self.next {
            Token::End => Ok(()),
            _ => self.not_joined(),
        }
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.next, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    /// The next token, if it is a word, which is then read.
    pub fn word(&mut self) -> Result<Option<&'t str>, Fault> {
        let Token::Word(word) = self.next else { return Ok(None) };
        self.advance()?;
        Ok(Some(word))
    }

    fn advance(&mut self) -> Result<(), Fault> {
        let after = self.text.get(self.end..).unwrap_or_default();
        let rest = after.trim_start();
        self.at = self.text.len() - rest.len();
        let (next, length) = match rest.chars().next() {
            None => (Token::End, 0),
            Some('"') => {
                let Some(length) = string_length(rest) else {
                    return self.fault(format!("the string {} is never closed", excerpt(rest)));
                };
                (Token::Quoted(rest.get(..length).unwrap_or_default()), length)
            }
            Some(mark @ ('(' | ')' | '[' | ']')) => (Token::Mark(mark), 1),
            Some(_) => {
                let ends = |c: char| matches!(c, '(' | ')' | '[' | ']' | '"') || c.is_whitespace();
                let length = rest.find(ends).unwrap_or(rest.len());
                (Token::Word(rest.get(..length).unwrap_or_default()), length)
            }
        };
        self.next = next;
        self.end = self.at + length;
        Ok(())
    }

    fn expected<T>(&self, what: &str) -> Result<T, Fault> {
        self.fault(format!("{what} is expected where `{}` stands; {EXAMPLE}", self.found()))
    }

    fn not_joined<T>(&self) -> Result<T, Fault> {
        let found = self.found();
        self.fault(match self.next {
            Token::Mark(')' | ']') => format!("`{found}` closes nothing"),
            _ => format!(
                "`and` or `or` is expected where `{found}` stands; a value that holds blanks needs \
                 double quotes"
            ),
        })
    }

    fn found(&self) -> String {
        excerpt(self.text.get(self.at..self.end).unwrap_or_default())
    }

    /// About the next token.
    fn fault<T>(&self, problem: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: self.at, problem: problem.into() })
    }
}

/// The length of the string that `text` begins with, escapes respected and quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some(end + 2)
}

/// A value without quotes: a keyword or number as it is, anything else a text (Entra's documentation
/// has `externalId eq jyoung`).
fn unquoted(word: &str) -> CompValue {
    for (keyword, value) in [
        ("true", CompValue::Bool(true)),
        ("false", CompValue::Bool(false)),
        ("null", CompValue::Null),
    ] {
        if word.eq_ignore_ascii_case(keyword) {
            return value;
        }
    }
    // A number that wouldn't print as it was written (`007`, `1e5`, twenty digits) is a text.
    match serde_json::from_str::<Number>(word) {
        Ok(number) if number.to_string() == word => CompValue::Number(number),
        _ => CompValue::Str(word.to_owned()),
    }
}
