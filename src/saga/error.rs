//! Why a saga was not started, or not helped.

use super::id::SagaId;
use super::show::Ended;
use crate::event::EventError;
use crate::ports::{BackendError, CommitError};

/// Why a saga was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The key is malformed.
    #[error("a saga cannot have this key")]
    Key,
    /// The definition was not added to the builder.
    #[error("no saga `{0}` is known to this handle")]
    Unknown(&'static str),
    /// `serde` cannot write the input as JSON.
    #[error("the input is no JSON")]
    Input(#[source] serde_json::Error),
    /// The key was used before, with another input.
    #[error("saga `{0}` was started before with another input")]
    Changed(SagaId),
    /// What was to be written, or what is recorded, is malformed.
    #[error(transparent)]
    Event(#[from] EventError),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It could not be seen whether it was started before.
    #[error(transparent)]
    Read(#[from] BackendError),
}

/// Why nothing could be done about a saga.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// It was never started.
    #[error("saga `{0}` was never started")]
    Missing(SagaId),
    /// It is over.
    #[error("the saga is over: {0:?}")]
    Over(Ended),
    /// It is past its pivot, or may be: it completes.
    #[error("the saga is past its pivot and will complete")]
    TooLate,
    /// It does not wait for an operator.
    #[error("the saga does not wait for an operator")]
    NotSuspended,
    /// What is said about a step cannot be.
    #[error("that cannot be said of this step now: {0}")]
    OutOfPlace(String),
    /// What is recorded cannot be read, or what was said cannot be written.
    #[error("{0}")]
    Unreadable(String),
    /// Others write into the saga's log all the time.
    #[error("others write into the saga's log all the time")]
    Contended,
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] BackendError),
}
