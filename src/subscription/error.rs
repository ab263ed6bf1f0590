//! Why a sink could not take a batch in.

use std::any::Any;
use std::error::Error;

use crate::ports::{BackendError, CommitError, Unfoldable};
use crate::types::{Fenced, Position};

/// An error of anybody's.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a sink could not take a batch in. It decides what the runner does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The store or the destination is in trouble, and the events are not to blame. The batch is repeated until the
    /// trouble is over.
    #[error("the store or the destination is in trouble")]
    Transient(#[source] Box<dyn Error + Send + Sync>),
    /// This event cannot be taken in. Those before it can.
    #[error("the event at {position} cannot be taken in")]
    Event {
        /// Where it stands.
        position: Position,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Some event of the batch cannot be taken in. The runner finds out which, by halves: a sink that can take in
    /// some at a time, but not so many, is given fewer.
    #[error("an event of the batch cannot be taken in")]
    Batch(#[source] Box<dyn Error + Send + Sync>),
    /// The lease is somebody else's. The runner stops at once, and asks for the lease again.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// Nothing can be taken in until somebody has mended something. The subscription stops.
    #[error("the sink is out of order")]
    Fatal(#[source] Box<dyn Error + Send + Sync>),
}

impl SinkError {
    /// Something that may be over when the batch is repeated.
    pub fn transient(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Transient(why.into())
    }

    /// The event at `position` cannot be taken in.
    pub fn event(position: Position, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Event { position, source: why.into() }
    }

    /// Nothing can be taken in until somebody has mended something.
    pub fn fatal(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Fatal(why.into())
    }
}

impl From<BackendError> for SinkError {
    fn from(error: BackendError) -> Self {
        if error.is_transient() { Self::transient(error) } else { Self::fatal(error) }
    }
}

impl From<CommitError> for SinkError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Fenced(fenced) => Self::Fenced(fenced),
            // Whoever decides on streams decides anew when the batch comes again, and without what is forgotten.
            CommitError::Conflict(_) | CommitError::Forgotten(_) | CommitError::Unknown(_) => {
                Self::transient(error)
            }
            CommitError::Backend(error) => error.into(),
            // What an event leads to is too large, or is refused for good.
            CommitError::Invalid(_)
            | CommitError::Closed(_)
            | CommitError::IdReused(_)
            | CommitError::Unfoldable(Unfoldable::Failed { .. }) => Self::Batch(error.into()),
            CommitError::Unfoldable(Unfoldable::Missing(_)) => Self::fatal(error),
        }
    }
}

/// The sink panicked.
#[derive(Debug, thiserror::Error)]
#[error("the sink panicked: {0}")]
pub(super) struct Panicked(String);

impl Panicked {
    pub(super) fn new(panic: &(dyn Any + Send)) -> Self {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        Self(said.unwrap_or_else(|| "without a word".to_owned()))
    }
}
