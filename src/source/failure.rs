//! Why a source did not answer.

use std::error::Error;
use std::sync::Arc;

/// Why a source did not answer for a key. "There is no such thing" is an answer, and no failure.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The time was over.
    #[error("there was no answer in time")]
    Late,
    /// The source failed. Asking again may help.
    #[error("the source failed")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// The source works, and will not answer this. Asking again is in vain.
    #[error("the source refused to answer")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// The source panicked.
    #[error("the source panicked")]
    Panicked,
    /// What the source answered does not fit what was asked.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The source failed too often of late, and is not asked for a while.
    #[error("the source failed too often of late, and is not asked for a while")]
    Open,
    /// As many as may are waiting for the source already.
    #[error("too many are waiting for the source already")]
    Full,
    /// The composition was over before the answer came.
    #[error("the composition was over before the answer came")]
    Ended,
}

/// An answer that does not fit what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The answer is too short or too long.
    #[error("the source was asked for {asked} keys, and answered {answered}")]
    Count {
        /// How many keys were asked for.
        asked: usize,
        /// How many answers there were.
        answered: usize,
    },
    /// The answer holds a key that was not asked for.
    #[error("the source answered for a key that was not asked for")]
    NotAsked,
    /// The answer holds a key more than once.
    #[error("the source answered for a key more than once")]
    Twice,
    /// A value belongs to another key than the one it was given for.
    #[error("the source answered for a key with the value of another")]
    OtherKey,
}

impl Failure {
    /// The source failed because of this. What is a `Failure` already stays what it is.
    pub fn failed(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match why.into().downcast::<Self>() {
            Ok(failure) => *failure,
            Err(why) => Self::Failed(Arc::from(why)),
        }
    }

    /// The source works, and will not answer because of this.
    pub fn refused(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(Arc::from(why.into()))
    }

    /// Whether asking again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Late | Self::Failed(_) | Self::Open | Self::Full => true,
            Self::Refused(_) | Self::Panicked | Self::Malformed(_) | Self::Ended => false,
        }
    }

    /// What it is called in reports, plans and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Failed(_) => "failed",
            Self::Refused(_) => "refused",
            Self::Panicked => "panicked",
            Self::Malformed(_) => "malformed",
            Self::Open => "open",
            Self::Full => "full",
            Self::Ended => "ended",
        }
    }
}
