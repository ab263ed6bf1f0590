//! What comes of exploring.

use std::fmt;

use super::story::{Line, mermaid};

/// What the explorer has seen, when every promise was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many schedules were run, each another one.
    pub schedules: usize,
    /// In how many of them the saga has completed.
    pub completed: usize,
    /// In how many nothing is left of it.
    pub compensated: usize,
    /// In how many it waits for an operator, who has tried again in vain.
    pub suspended: usize,
    /// How many flaws were built in, each of which the invariant has seen.
    pub mutants: usize,
    /// How many flaws no schedule within the budget could show.
    pub unreached: usize,
    /// How far it went.
    pub coverage: Coverage,
    /// Whether a flaw that was built in has shown.
    pub(super) reached: bool,
}

/// How far an exploration went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coverage {
    /// Every schedule within the budget was run.
    #[default]
    Whole,
    /// There are more schedules than were to be run at most. Those with few faults were run first.
    Cut,
}

/// Which promise a [`Violation`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// The definition cannot be, or its input cannot be read, or it waits for a signal that was not given.
    Definition,
    /// What every saga promises. It may be the saga's fault, if what its steps are given changes, or this crate's.
    Protocol,
    /// What the user's own invariant says.
    Invariant,
    /// That it changes nothing if every call arrives twice.
    Repetition,
    /// That the invariant sees when something is missing: it holds although a flaw was built in.
    Blindness,
}

/// A promise that was broken, and the story of how: few faults, and nothing in it that is not needed.
#[derive(Clone)]
pub struct Violation {
    pub(super) breach: Breach,
    pub(super) why: String,
    pub(super) lines: Vec<Line>,
}

impl Violation {
    /// Which promise it is about.
    #[must_use]
    pub const fn breach(&self) -> Breach {
        self.breach
    }

    /// What is not as it should be.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What has happened, one thing after another.
    #[must_use]
    pub fn story(&self) -> Vec<String> {
        self.lines.iter().map(Line::to_string).collect()
    }

    /// What has happened, as a Mermaid `sequenceDiagram`.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid(&self.lines)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        for (n, line) in (1..).zip(&self.lines) {
            write!(f, "\n{n:4}  {line}")?;
        }
        Ok(())
    }
}

/// The story, as `unwrap` shows it.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{self}")
    }
}

impl std::error::Error for Violation {}
