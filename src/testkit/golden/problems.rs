//! What is wrong with today's code.

use std::fmt;

/// Contracts that are broken, with others or with what one has stored, each with what is wrong and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BrokenContracts {
    problems: Vec<String>,
}

impl fmt::Display for BrokenContracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} contract(s) broken", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

impl BrokenContracts {
    /// What is wrong, each with what mends it.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

pub(super) fn ended(problems: Vec<String>) -> Result<(), BrokenContracts> {
    if problems.is_empty() { Ok(()) } else { Err(BrokenContracts { problems }) }
}
