//! What SQLite tells of a table or an index only as the text of the statement that made it. Read
//! token by token, as SQLite reads it: quotes, brackets and comments are no part of a name.

/// Words that begin a table's constraint. A column of such a name is quoted.
const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

#[derive(Debug, PartialEq)]
enum Token {
    /// A keyword or a bare name.
    Word(String),
    /// A name or a text in quotes.
    Quoted(String),
    Mark(char),
}

/// The collations that a CREATE TABLE declares: column and collation.
pub(super) fn collations(definition: &str) -> Vec<(String, String)> {
    let (mut found, mut column) = (Vec::new(), None);
    let (mut depth, mut begins, mut named) = (0_usize, false, false);
    for (_, token) in tokens(definition) {
        match token {
            Token::Mark('(') => {
                depth += 1;
                begins = depth == 1;
            }
            Token::Mark(')') => depth = depth.saturating_sub(1),
            Token::Mark(',') if depth == 1 => begins = true,
            token if depth == 1 && begins => {
                begins = false;
                column = column_of(token);
            }
            Token::Word(name) | Token::Quoted(name) if depth == 1 && named => {
                named = false;
                found.extend(column.clone().map(|column| (column, name.to_ascii_uppercase())));
            }
            Token::Word(word) if depth == 1 => named = word.eq_ignore_ascii_case("collate"),
            _ => {}
        }
    }
    found
}

/// What an index on an expression is on: all between the outer parentheses of its definition.
pub(super) fn expression(definition: &str) -> Option<&str> {
    let (mut from, mut depth) = (None, 0_usize);
    for (at, token) in tokens(definition) {
        match token {
            Token::Mark('(') => {
                from.get_or_insert(at + 1);
                depth += 1;
            }
            Token::Mark(')') if depth == 1 => return definition.get(from?..at).map(str::trim),
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Which rows an index of some rows is of: what its definition says behind WHERE.
pub(super) fn predicate(definition: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, token) in tokens(definition) {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.eq_ignore_ascii_case("where") => {
                return definition.get(at + word.len()..).map(str::trim);
            }
            _ => {}
        }
    }
    None
}

fn column_of(first: Token) -> Option<String> {
    match first {
        Token::Word(word) => {
            let constrains = CONSTRAINTS.iter().any(|it| it.eq_ignore_ascii_case(&word));
            (!constrains).then_some(word)
        }
        Token::Quoted(name) => Some(name),
        Token::Mark(_) => None,
    }
}

/// The tokens, each with the place where it begins.
fn tokens(sql: &str) -> Vec<(usize, Token)> {
    let (mut found, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first);
        found.extend(token.map(|token| (sql.len() - rest.len(), token)));
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

/// The text's first token, if it is one, and its length.
fn token(text: &str, first: char) -> (Option<Token>, usize) {
    let until = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    match first {
        '-' if text.starts_with("--") => (None, until("\n")),
        '/' if text.starts_with("/*") => {
            (None, text.get(2..).and_then(|it| it.find("*/")).map_or(text.len(), |at| at + 4))
        }
        '"' | '`' | '\'' => {
            let (name, length) = quoted(text, first);
            (Some(Token::Quoted(name)), length)
        }
        '[' => {
            let length = until("]");
            let name = text.get(1..length).unwrap_or_default().trim_end_matches(']');
            (Some(Token::Quoted(name.to_owned())), length)
        }
        _ if is_of_word(first) => {
            let length = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
            (text.get(..length).map(|word| Token::Word(word.to_owned())), length)
        }
        _ if first.is_whitespace() => (None, first.len_utf8()),
        _ => (Some(Token::Mark(first)), first.len_utf8()),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// A text in quotes, in which a doubled quote is one, and its length with them.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return (name, at + c.len_utf8());
        }
        name.push(c);
    }
    (name, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(definition: &str) -> Vec<(String, String)> {
        collations(definition)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
    }

    #[test]
    fn a_name_that_holds_another_is_another() {
        let sql = "CREATE TABLE users (backup_email TEXT COLLATE NOCASE, email TEXT, \
                   email_2 TEXT COLLATE rtrim)";
        assert_eq!(of(sql), pairs(&[("backup_email", "NOCASE"), ("email_2", "RTRIM")]));
    }

    #[test]
    fn quotes_brackets_and_comments_are_read_as_sqlite_reads_them() {
        let sql = "CREATE TABLE \"us(ers\" -- email COLLATE NOCASE, (\n\
                   (/* a TEXT COLLATE NOCASE, */ \"e\"\"mail\" TEXT, -- COLLATE NOCASE\n\
                   [b, c] TEXT DEFAULT 'x COLLATE NOCASE, d' COLLATE \"nocase\",\n\
                   `collate` TEXT, 'e' TEXT/**/COLLATE/* x */[RTRIM], \"check\" TEXT COLLATE NOCASE)";
        let found = pairs(&[("b, c", "NOCASE"), ("e", "RTRIM"), ("check", "NOCASE")]);
        assert_eq!(of(sql), found);
    }

    #[test]
    fn a_collation_inside_of_an_expression_is_not_the_columns() {
        let sql = "CREATE TABLE t (a TEXT CHECK (a = 'x' COLLATE NOCASE), b DECIMAL(10, 2), \
                   c TEXT AS (a COLLATE NOCASE), d TEXT COLLATE NOCASE, \
                   CONSTRAINT u UNIQUE (a COLLATE NOCASE), CHECK (b > 0)) WITHOUT ROWID";
        assert_eq!(of(sql), pairs(&[("d", "NOCASE")]));
        assert_eq!(of("CREATE TABLE t (a TEXT COLLATE"), []);
        assert_eq!(of("\"unfinished"), []);
        assert_eq!(of(""), []);
    }

    #[test]
    fn an_indexs_expression_is_what_its_parentheses_hold() {
        for (sql, found) in [
            ("CREATE INDEX i ON users (lower(email))", Some("lower(email)")),
            (
                "CREATE INDEX \"i(\" ON \"u)s\" ( lower(\")\") /* ) */ ) -- )",
                Some("lower(\")\") /* ) */"),
            ),
            ("CREATE INDEX i ON users", None),
        ] {
            assert_eq!(expression(sql), found, "{sql}");
        }
    }

    #[test]
    fn an_index_of_some_rows_says_which() {
        for (sql, found) in [
            ("CREATE UNIQUE INDEX i ON users (email) where gone IS NULL", Some("gone IS NULL")),
            ("CREATE INDEX i ON users (\"where\", (a where b)) /* where */", None),
        ] {
            assert_eq!(predicate(sql), found, "{sql}");
        }
    }
}
