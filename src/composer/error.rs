//! Why a composition gave no answer.

use std::error::Error;
use std::fmt;

use crate::source::Failure;

/// Why a composition gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A source has no such thing, and without it there is no answer.
    #[error("`{0}` has no such thing")]
    Missing(&'static str),
    /// A source did not answer, and without it there is no answer.
    #[error("`{0}` did not answer")]
    Failed(&'static str, #[source] Failure),
    /// The time was over before the answer was composed.
    #[error("the time was over before the answer was composed")]
    Deadline,
    /// More was asked for than one composition may ask for. None of what went beyond the limit was asked.
    #[error("a composition may have {max} {limit}, and this asked for {asked}")]
    TooMuch {
        /// Which limit.
        limit: Limit,
        /// How much was asked for.
        asked: usize,
        /// How much one may ask for.
        max: usize,
    },
    /// The body of the composition says so.
    #[error("the composition failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl ComposeError {
    /// For the body of a composition that has a reason of its own to give no answer.
    pub fn other(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(why.into())
    }

    /// Whether the same composition may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Failed(_, failure) => failure.is_transient(),
            Self::Deadline => true,
            Self::Missing(_) | Self::TooMuch { .. } | Self::Other(_) => false,
        }
    }
}

/// A limit of a composition; see [`ComposeLimits`](super::ComposeLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Different keys.
    Keys,
    /// Calls of sources.
    Calls,
    /// Rounds of calls, each after answers of the one before.
    Rounds,
    /// Bytes of all answers together.
    Bytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "keys",
            Self::Calls => "calls",
            Self::Rounds => "rounds",
            Self::Bytes => "bytes",
        })
    }
}
