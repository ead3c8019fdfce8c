//! Why a profile can't be used: everything that is wrong with it at once.

/// One thing that is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key it is about, as a dotted path; empty for the document.
    pub key: String,
    /// The line of the key in the file, where there is one.
    pub line: Option<usize>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Why a profile can't be used: everything that is wrong with it at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    pub(super) origin: String,
    pub(super) problems: Vec<Problem>,
}

impl Error {
    pub(super) fn one(origin: &str, problem: Problem) -> Self {
        Self { origin: origin.to_owned(), problems: vec![problem] }
    }

    /// The built-in's name or the file the profile came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every problem, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "profile {}: {count} {noun}", self.origin)?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if let Some(line) = problem.line {
                write!(f, "line {line}: ")?;
            }
            if !problem.key.is_empty() {
                write!(f, "`{}` ", problem.key)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}
