//! The text of a filter, before the grammar sees it: limits, blanks between tokens, and the repairs
//! that Entra's filters need. Works on tokens, so what stands in a quoted string is never touched.

use super::FilterLimits;

/// Characters of a text that a message quotes.
const EXCERPT: usize = 80;

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// The beginning of a text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The filter with one blank between tokens, every value in quotes that needs them, and
/// `emails[type eq "work"].value eq "x"` as `emails[(type eq "work") and value eq "x"]`.
pub(super) fn normalise(text: &str, limits: FilterLimits) -> Result<String, String> {
    if text.len() > limits.length {
        return Err(format!("it has {} bytes; {} is the limit", text.len(), limits.length));
    }
    if text.contains('\0') {
        return Err("it contains a NUL character".to_owned());
    }
    let mut writer = Writer { out: String::new(), open: Vec::new(), expect: Expect::Name, limits };
    let mut tokens = tokens(text)?.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let selects_part = match tokens.peek() {
            Some(Token::Word(next)) if token == Token::Mark(']') => next.strip_prefix('.'),
            _ => None,
        };
        if let Some(part) = selects_part {
            writer.select_part(part)?;
            tokens.next();
        } else {
            writer.take(token)?;
        }
    }
    writer.finish()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A string with its quotes.
    Quoted(&'a str),
    /// One of `()[]`.
    Mark(char),
    /// Anything else up to the next blank or mark.
    Word(&'a str),
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => string_end(rest)
                .ok_or_else(|| format!("the string {} is never closed", excerpt(rest)))?,
            '(' | ')' | '[' | ']' => first.len_utf8(),
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"'))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(match first {
            '"' => Token::Quoted(token),
            '(' | ')' | '[' | ']' => Token::Mark(first),
            _ => Token::Word(token),
        });
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Where a string that begins at the start of `text` ends, escapes respected.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// An attribute, `not` or an opening bracket.
    Name,
    /// An operator, or `[`.
    Operator,
    /// A value.
    Value,
    /// `and`, `or` or a closing bracket.
    Junction,
}

struct Writer {
    out: String,
    /// The open brackets: which, and where their content begins in `out`.
    open: Vec<Open>,
    expect: Expect,
    limits: FilterLimits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Group,
    Values {
        content: usize,
    },
    /// A `]` that is written after the next term.
    Part,
}

impl Writer {
    fn take(&mut self, token: Token<'_>) -> Result<(), String> {
        match (self.expect, token) {
            (Expect::Name, Token::Mark('(')) => self.enter(Open::Group, '('),
            (Expect::Name, Token::Word(word)) if word.eq_ignore_ascii_case("not") => {
                self.out.push_str("not ");
                Ok(())
            }
            (Expect::Name, Token::Word(word)) => {
                self.out.push_str(word);
                self.expect = Expect::Operator;
                Ok(())
            }
            (Expect::Operator, Token::Mark('[')) => {
                self.enter(Open::Values { content: self.out.len() + 1 }, '[')
            }
            (Expect::Operator, Token::Word(word)) => self.operator(word),
            (Expect::Value, Token::Quoted(text)) => {
                self.value(text);
                Ok(())
            }
            (Expect::Value, Token::Word(word)) => {
                let value = repaired(word)?;
                self.value(&value);
                Ok(())
            }
            (Expect::Junction, Token::Word(word))
                if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") =>
            {
                self.out.push(' ');
                self.out.push_str(&word.to_ascii_lowercase());
                self.out.push(' ');
                self.expect = Expect::Name;
                Ok(())
            }
            (Expect::Junction, Token::Mark(mark @ (')' | ']'))) => self.leave(mark),
            (expect, token) => Err(unexpected(expect, token)),
        }
    }

    fn operator(&mut self, word: &str) -> Result<(), String> {
        let operator = word.to_ascii_lowercase();
        if operator == "pr" {
            self.out.push_str(" pr");
            self.end_term();
        } else if OPERATORS.contains(&operator.as_str()) {
            self.out.push(' ');
            self.out.push_str(&operator);
            self.out.push(' ');
            self.expect = Expect::Value;
        } else {
            return Err(format!(
                "`{}` is not an operator; use {} or pr",
                excerpt(word),
                OPERATORS.join(", ")
            ));
        }
        Ok(())
    }

    fn value(&mut self, text: &str) {
        self.out.push_str(text);
        self.end_term();
    }

    fn end_term(&mut self) {
        self.expect = Expect::Junction;
        if self.open.last() == Some(&Open::Part) {
            self.open.pop();
            self.out.push(']');
        }
    }

    fn enter(&mut self, open: Open, mark: char) -> Result<(), String> {
        if self.open.len() >= self.limits.depth {
            return Err(format!("it nests deeper than {}, the limit", self.limits.depth));
        }
        self.out.push(mark);
        self.open.push(open);
        self.expect = Expect::Name;
        Ok(())
    }

    fn leave(&mut self, mark: char) -> Result<(), String> {
        match (self.open.pop(), mark) {
            (Some(Open::Group), ')') | (Some(Open::Values { .. }), ']') => {
                self.out.push(mark);
                Ok(())
            }
            _ => Err(format!("`{mark}` closes nothing")),
        }
    }

    /// `].part`: the term that follows is about the same element as the brackets before it.
    fn select_part(&mut self, part: &str) -> Result<(), String> {
        match (self.expect, self.open.pop()) {
            (Expect::Junction, Some(Open::Values { content })) => {
                let inner = self.out.split_off(content);
                self.out.extend(["(", &inner, ") and ", part]);
                self.open.push(Open::Part);
                self.expect = Expect::Operator;
                Ok(())
            }
            _ => Err(format!("`].{}` is not expected there", excerpt(part))),
        }
    }

    fn finish(self) -> Result<String, String> {
        match (self.expect, self.open.last()) {
            (Expect::Junction, None) => Ok(self.out),
            (Expect::Junction, Some(Open::Group)) => Err("`(` is never closed".to_owned()),
            (Expect::Junction, Some(_)) => Err("`[` is never closed".to_owned()),
            (Expect::Name, _) if self.out.is_empty() => Err(format!("it is empty; {EXAMPLE}")),
            (Expect::Name, _) => Err(format!("a term is missing at its end; {EXAMPLE}")),
            (Expect::Operator, _) => Err(format!("an operator is missing at its end; {EXAMPLE}")),
            (Expect::Value, _) => Err(format!("a value is missing at its end; {EXAMPLE}")),
        }
    }
}

const EXAMPLE: &str = "a filter looks like `userName eq \"ana@corp.test\"`";

/// A value without quotes as one that the grammar knows: a keyword or number as it is, anything
/// else as a string (Entra's documentation has `externalId eq jyoung`).
fn repaired(word: &str) -> Result<String, String> {
    if word.starts_with('\'') {
        return Err(format!(
            "values stand in double quotes, not in single ones: {}",
            excerpt(word)
        ));
    }
    let lower = word.to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false" | "null") {
        return Ok(lower);
    }
    // A number that wouldn't print as it was written (`007`, `1e5`, twenty digits) is a text.
    let number = serde_json::from_str::<serde_json::Number>(word);
    if number.is_ok_and(|number| number.to_string() == word) {
        return Ok(word.to_owned());
    }
    Ok(serde_json::Value::String(word.to_owned()).to_string())
}

fn unexpected(expect: Expect, token: Token<'_>) -> String {
    let found = match token {
        Token::Quoted(text) | Token::Word(text) => excerpt(text),
        Token::Mark(mark) => mark.to_string(),
    };
    match expect {
        Expect::Name => format!("an attribute is expected where `{found}` stands; {EXAMPLE}"),
        Expect::Operator => format!("an operator is expected where `{found}` stands; {EXAMPLE}"),
        Expect::Value => format!("a value is expected where `{found}` stands; {EXAMPLE}"),
        Expect::Junction => format!(
            "`and` or `or` is expected where `{found}` stands; a value that holds blanks needs \
             double quotes"
        ),
    }
}
