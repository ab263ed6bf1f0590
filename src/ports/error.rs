//! How a store fails.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::Unfoldable;
use crate::types::{
    Closed, Conflict, EventId, Fenced, Forgotten, InvalidCommit, Position, StreamId, StreamVersion,
};

/// What kind of trouble a backend is in, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Somebody else holds the database for too long. The same call may succeed later.
    Busy,
    /// The database or its disk is full.
    Full,
    /// The database cannot be written.
    ReadOnly,
    /// The login was refused, or the role lacks a right.
    Denied,
    /// The database, a schema, a table or a function that is needed is not there.
    Missing,
    /// What is stored cannot be read as what was written.
    Corrupt,
    /// A newer version of this crate has migrated the database.
    NewerSchema,
    /// The store was closed, or its writer has died.
    Closed,
    /// The database cannot be reached or opened.
    Unavailable,
    /// Anything else; the source says more.
    Other,
}

/// The backend failed. What it said is the [source](Error::source), never part of the message.
///
/// Cloning shares the source: one failed group commit answers many callers.
#[derive(Clone, Debug)]
pub struct BackendError {
    backend: &'static str,
    operation: &'static str,
    fault: Fault,
    source: Arc<dyn Error + Send + Sync>,
}

impl BackendError {
    /// For backends: `backend` failed to `operation`, because of `source`.
    pub fn new(
        backend: &'static str,
        operation: &'static str,
        fault: Fault,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { backend, operation, fault, source: Arc::from(source.into()) }
    }

    /// What kind of trouble it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether the same call may succeed later, with nobody having mended anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.fault, Fault::Busy | Fault::Unavailable)
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed to {} ({:?})", self.backend, self.operation, self.fault)
    }
}

impl Error for BackendError {
    // By hand, since a derived source would be the `Arc`, which hides the type of what it holds.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A record in the tables of a log that is no event any more: somebody has changed its id, its name or its metadata. It is among the sources
/// of a [`BackendError`] whose fault is [`Fault::Corrupt`].
///
/// A payload is no business of a store; who decodes it is told by an [`EventError`](crate::event::EventError).
#[derive(Debug, thiserror::Error)]
#[error("the record at position {position}, version {version} of stream `{stream}`, is no event")]
#[non_exhaustive]
pub struct CorruptRecord {
    /// Its stream.
    pub stream: StreamId,
    /// Its version.
    pub version: StreamVersion,
    /// Its place in the log.
    pub position: Position,
    source: Box<dyn Error + Send + Sync>,
}

impl CorruptRecord {
    /// For backends: a record, and what is wrong with it.
    pub fn new(
        stream: &StreamId,
        version: StreamVersion,
        position: Position,
        why: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { stream: stream.clone(), version, position, source: why.into() }
    }
}

/// Why a commit was not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A stream was not as expected. Nothing was written. Read again, decide again.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// A stream that was to grow was closed. Nothing was written, and nothing ever will be.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The lease of the commit's advance is not the writer's any more. Nothing was written. Stop.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The commit is malformed, too large, or holds what the store does not keep. Nothing was written.
    #[error(transparent)]
    Invalid(#[from] InvalidCommit),
    /// This id is recorded already, but for another event, or not all of the commit's events are
    /// recorded. Nothing was written.
    #[error("event id {0} is recorded already, in another commit than this")]
    IdReused(EventId),
    /// A strong projection cannot fold the commit's events, or is not folded here. Nothing was written.
    #[error(transparent)]
    Unfoldable(#[from] Unfoldable),
    /// An event holds personal data of somebody who was forgotten. Nothing was written. Read again, decide again.
    #[error("an event holds personal data, and {0}")]
    Forgotten(Forgotten),
    /// The reply was lost, so the commit may have happened. Commit the very same again: it happens
    /// once.
    #[error("it is unknown whether the commit happened; commit the same again to know")]
    Unknown(#[source] BackendError),
    /// The store failed, and nothing was written.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl CommitError {
    /// Whether the very same commit may succeed later, with nobody having mended anything. A conflict is
    /// not transient: the same decision would meet it again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Conflict(_)
            | Self::Closed(_)
            | Self::Fenced(_)
            | Self::Invalid(_)
            | Self::IdReused(_)
            | Self::Unfoldable(_)
            | Self::Forgotten(_) => false,
            Self::Unknown(_) => true,
            Self::Backend(error) => error.is_transient(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_repeats_its_source() {
        let error = BackendError::new("sqlite", "commit", Fault::Busy, "the secret detail");
        for text in [error.to_string(), CommitError::Unknown(error.clone()).to_string()] {
            assert!(!text.contains("secret"), "{text}");
        }
        assert_eq!(error.source().unwrap().to_string(), "the secret detail");
        let io = BackendError::new("sqlite", "open", Fault::Other, std::io::Error::other("disk"));
        assert!(io.source().unwrap().downcast_ref::<std::io::Error>().is_some());
    }
}
