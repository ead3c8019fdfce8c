//! What is wrong with a configuration, all of it at once.

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as a dotted path; empty when it is about a whole file.
    pub key: String,
    /// The file or variable that set it; `None` when nothing did.
    pub origin: Option<String>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Why the configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    problems: Vec<Problem>,
}

impl Error {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Every problem, by key.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "configuration: {count} {noun}")?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if let Some(origin) = &problem.origin {
                write!(f, "{origin}: ")?;
            }
            if !problem.key.is_empty() {
                write!(f, "`{}` ", problem.key)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}
