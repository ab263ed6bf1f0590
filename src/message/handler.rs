//! What a message leads to.

use std::error::Error;

use async_trait::async_trait;

use crate::ports::{BackendError, CommitError};
use crate::types::{Commit, Message};

type BoxError = Box<dyn Error + Send + Sync>;

/// Says what a message leads to.
///
/// It may read, and decides; what it decides is committed with the mark that the message was handled. It can be asked again
/// for the same message, and what it decided then is not committed: an effect that is not in the commit can happen twice.
///
/// A closure that decides without waiting is a handler, too.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// What the message leads to; an empty commit if to nothing.
    ///
    /// # Errors
    /// [`HandleError`] says whether it is worth trying again.
    ///
    /// # Cancel safety
    /// The future is dropped when the consumer stops; the message comes again.
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError>;
}

#[async_trait]
impl<F> Handler for F
where
    F: Fn(&Message) -> Result<Commit, HandleError> + Send + Sync + 'static,
{
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        self(message)
    }
}

/// Why a message could not be handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// Something is in trouble that may be over soon. It is tried again for some time, and then the key is parked.
    #[error("the message cannot be handled now")]
    Again(#[source] BoxError),
    /// The message cannot be handled, now or later. Its key is parked at once.
    #[error("the message cannot be handled")]
    Never(#[source] BoxError),
}

impl HandleError {
    /// It may be over soon.
    pub fn again(why: impl Into<BoxError>) -> Self {
        Self::Again(why.into())
    }

    /// It is in vain.
    pub fn never(why: impl Into<BoxError>) -> Self {
        Self::Never(why.into())
    }
}

impl From<BackendError> for HandleError {
    fn from(error: BackendError) -> Self {
        if error.is_transient() { Self::again(error) } else { Self::never(error) }
    }
}

impl From<CommitError> for HandleError {
    fn from(error: CommitError) -> Self {
        match error {
            // Another decision may fit.
            CommitError::Conflict(_) => Self::again(error),
            error if error.is_transient() => Self::again(error),
            error => Self::never(error),
        }
    }
}

macro_rules! never {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for HandleError {
            fn from(error: $error) -> Self {
                Self::never(error)
            }
        })+
    };
}

// What is wrong with a message's text is wrong for ever.
never!(
    serde_json::Error,
    crate::types::InvalidEnvelope,
    crate::types::InvalidEventName,
    crate::types::InvalidInboxKey,
    crate::types::InvalidRowKey,
    crate::types::InvalidStreamId,
);
