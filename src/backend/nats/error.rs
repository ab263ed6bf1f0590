//! What NATS says, in the crate's words.

use std::error::Error;

use async_nats::client::{PublishErrorKind, RequestErrorKind};
use async_nats::jetstream::{self, ErrorCode};

use crate::ports::PublishError;

use super::InvalidSubject;

type Source = Box<dyn Error + Send + Sync>;

/// Why a stream or a consumer cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The prefix or a destination is no subject.
    #[error(transparent)]
    Subject(#[from] InvalidSubject),
    /// The stream is there, and messages cannot be published to it as they must be.
    #[error("the stream does not fit: {0}")]
    Unfit(&'static str),
    /// The server cannot be asked, or does not do it.
    #[error("the server does not open it")]
    Nats(#[source] Source),
}

impl OpenError {
    pub(super) fn nats(why: impl Into<Source>) -> Self {
        Self::Nats(why.into())
    }
}

/// Another stream than the broker's took the message: the [source](Error::source) of [`PublishError::Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another stream has the subject")]
#[non_exhaustive]
pub struct OtherStream;

/// The stream does not end where this handle had left it: somebody else has published, or it has lost its end. The
/// [source](Error::source) of [`PublishError::Unavailable`] where a stream is [exclusive](super::NatsOptions::exclusive). The next
/// call begins where the stream ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream does not end where this publisher had left it")]
#[non_exhaustive]
pub struct OtherPublisher;

/// No stream has the subject, or its servers do not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no stream takes the subject now")]
pub(super) struct NoStream;

/// The client has no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no connection")]
pub(super) struct NotConnected;

/// There was no answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there was no answer in time")]
pub(super) struct NoAnswer;

/// Why a request had no answer. It may have been received all the same, unless nobody listens or it was never sent.
pub(super) fn unanswered(error: async_nats::RequestError) -> PublishError {
    match error.kind() {
        RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
            PublishError::refused(error)
        }
        // The stream has the subject, or had it when it was opened: it is gone, or has no leader now.
        RequestErrorKind::NoResponders => PublishError::unavailable(error),
        RequestErrorKind::TimedOut | RequestErrorKind::Other => PublishError::unknown(error),
    }
}

/// Why a message was not sent.
pub(super) fn not_sent(error: async_nats::PublishError) -> PublishError {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject => {
            PublishError::refused(error)
        }
        PublishErrorKind::Send => PublishError::unavailable(error),
    }
}

/// Why the stream did not store a message.
pub(super) fn not_stored(error: jetstream::Error) -> PublishError {
    match error.error_code() {
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            PublishError::refused(error)
        }
        ErrorCode::STREAM_NOT_MATCH => PublishError::unavailable(OtherStream),
        // A copy of it is about to be stored, and nobody knows yet whether it will be.
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => PublishError::unknown(error),
        _ => PublishError::unavailable(error),
    }
}
