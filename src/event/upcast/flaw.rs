//! Why steps cannot work.

use std::fmt;

/// What is wrong with the steps of an [`Upcasts`](super::Upcasts), whatever is stored. The program must be mended.
///
/// Until then nothing of the type is read or written: what a flawed chain would make of events, nobody has meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpcastFlaw {
    /// No event can be called so, so that no step can begin there.
    #[non_exhaustive]
    Name {
        /// What is no name.
        name: &'static str,
    },
    /// Two steps begin at one name.
    #[non_exhaustive]
    Twice {
        /// Where both begin.
        from: &'static str,
    },
    /// Today's enum reads the name at which a step begins, by a variant or an `alias`: the step would take today's events, too.
    #[non_exhaustive]
    Today {
        /// Where the step begins.
        from: &'static str,
    },
    /// A step leads to a name that neither today's enum nor another step reads.
    #[non_exhaustive]
    Gap {
        /// Where the step begins.
        from: &'static str,
        /// Where nothing goes on.
        to: &'static str,
    },
    /// Steps lead back to where they began.
    #[non_exhaustive]
    Cycle {
        /// The names on the way around; the last is the first again.
        names: Vec<&'static str>,
    },
    /// What a step makes is no enum whose variant is named apart from its content.
    #[non_exhaustive]
    NotPlain {
        /// Where the step begins.
        from: &'static str,
    },
    /// Events are dropped, and nothing is said of why.
    #[non_exhaustive]
    NoReason {
        /// The name of the events.
        from: &'static str,
    },
}

impl fmt::Display for UpcastFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(f, "no event can be called {name:?}"),
            Self::Twice { from } => write!(f, "two steps begin at `{from}`"),
            Self::Today { from } => {
                write!(f, "a step begins at `{from}`, which today's enum reads itself")
            }
            Self::Gap { from, to } => {
                write!(f, "`{from}` leads to `{to}`, which neither today's enum nor a step reads")
            }
            Self::Cycle { names } => write!(f, "steps lead around: {}", names.join(" → ")),
            Self::NotPlain { from } => write!(
                f,
                "what `{from}` becomes is no enum whose variant is named apart from its content"
            ),
            Self::NoReason { from } => write!(f, "`{from}` is dropped without a reason"),
        }
    }
}

impl std::error::Error for UpcastFlaw {}
