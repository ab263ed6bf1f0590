//! Why a command did nothing.

use crate::event::EventError;
use crate::ports::{BackendError, CommitError};
use crate::types::{InvalidStreamId, StreamId};

/// Why a command did nothing. `R` is the domain's own refusal.
///
/// Only with [`CommitError::Unknown`] may it have happened all the same: repeat it with the same command id
/// to know.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError<R> {
    /// The domain refused, on a state that was the newest.
    #[error("the command was refused")]
    Rejected(R),
    /// The id makes no stream.
    #[error(transparent)]
    Id(#[from] InvalidStreamId),
    /// An event cannot be written, or a recorded one cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The store could not read.
    #[error(transparent)]
    Read(#[from] BackendError),
    /// The store did not commit. A conflict is here only after all retries, or if it is one of a part that
    /// the caller added with `.with(…)`, which deciding again cannot mend. [`CommitError::Closed`] is of a decision on the newest
    /// state.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl<R> ExecuteError<R> {
    /// Whether the same command may succeed later, with nobody having mended anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Id(_) | Self::Event(_) => false,
            Self::Read(error) => error.is_transient(),
            Self::Commit(CommitError::Conflict(_)) => true,
            Self::Commit(error) => error.is_transient(),
        }
    }

    /// The same with the refusal in other words.
    pub fn map_rejected<S>(self, other: impl FnOnce(R) -> S) -> ExecuteError<S> {
        match self {
            Self::Rejected(refusal) => ExecuteError::Rejected(other(refusal)),
            Self::Id(error) => ExecuteError::Id(error),
            Self::Event(error) => ExecuteError::Event(error),
            Self::Read(error) => ExecuteError::Read(error),
            Self::Commit(error) => ExecuteError::Commit(error),
        }
    }
}

/// Why a unit of work did nothing. `R` is the domain's own refusal.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError<R> {
    /// The domain refused, on states that were the newest, all at one moment.
    #[error("the unit of work was refused")]
    Rejected(R),
    /// The id makes no stream.
    #[error(transparent)]
    Id(#[from] InvalidStreamId),
    /// An event cannot be written, or a recorded one cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The store could not read.
    #[error(transparent)]
    Read(#[from] BackendError),
    /// The store did not commit. A conflict is here only after all retries.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Two types of aggregates were folded from one stream in one unit, so neither sees what the other
    /// decides.
    #[error("stream `{0}` is used as two types of aggregates in one unit of work")]
    TwoTypes(StreamId),
}

impl<R> WorkError<R> {
    /// The same with the refusal in other words: where aggregates of one unit refuse with different types.
    pub fn map_rejected<S>(self, other: impl FnOnce(R) -> S) -> WorkError<S> {
        match self {
            Self::Rejected(refusal) => WorkError::Rejected(other(refusal)),
            Self::Id(error) => WorkError::Id(error),
            Self::Event(error) => WorkError::Event(error),
            Self::Read(error) => WorkError::Read(error),
            Self::Commit(error) => WorkError::Commit(error),
            Self::TwoTypes(stream) => WorkError::TwoTypes(stream),
        }
    }
}
