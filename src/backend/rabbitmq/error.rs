//! What RabbitMQ says, in the crate's words.

use std::error::Error;

use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::{Error as ClientError, ErrorKind};

use crate::ports::PublishError;

use super::InvalidRoutingKey;

type Source = Box<dyn Error + Send + Sync>;

/// Why an exchange or a consumer cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A destination is no routing key.
    #[error(transparent)]
    RoutingKey(#[from] InvalidRoutingKey),
    /// The exchange's or the queue's name has more than 255 bytes.
    #[error("a name has more than 255 bytes")]
    Name,
    /// The exchange or the queue is there, and is of another kind.
    #[error("the exchange or the queue is there, and does not fit")]
    Unfit(#[source] Source),
    /// The server cannot be asked, or does not do it.
    #[error("the server does not open it")]
    Rabbit(#[source] Source),
}

impl OpenError {
    pub(super) fn rabbit(why: LineError) -> Self {
        match why {
            LineError::Client(error) if soft(&error) == Some(AMQPSoftError::PRECONDITIONFAILED) => {
                Self::Unfit(error.into())
            }
            other => Self::Rabbit(other.into()),
        }
    }
}

/// Nobody is there to receive the message: the [source](Error::source) of [`PublishError::Refused`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no consumer is bound to the destination: the server has returned the message ({reason})")]
#[non_exhaustive]
pub struct Unroutable {
    /// What the server says.
    pub reason: String,
}

/// The payload, or all that stands before it, is longer than what can be published: the [source](Error::source) of
/// [`PublishError::Refused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are more than the {bytes_max} that can be published")]
#[non_exhaustive]
pub struct TooLong {
    /// How long it is.
    pub bytes: usize,
    /// How long it may be.
    pub bytes_max: usize,
}

/// The server is short of memory or of disk, and reads nothing of what is published: the [source](Error::source) of
/// [`PublishError::Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server has blocked the connection: it is short of memory or of disk")]
#[non_exhaustive]
pub struct Blocked;

/// The delivery was settled before, or the connection over which it came is gone and it comes again: the
/// [source](Error::source) of [`PublishError::Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is open under the tag: it was settled, or its connection is gone")]
#[non_exhaustive]
pub struct NotOpen;

/// A queue has not taken the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a queue of the destination has not taken the message")]
pub(super) struct NotTaken;

/// The connection is to be secret, and cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address has `amqps`, and no TLS is switched on: depend on `lapin` with a feature for it"
)]
pub(super) struct NoTls;

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("there was no answer in time")]
    NoAnswer,
    #[error("the server delivers no more")]
    Ended,
}

impl From<LineError> for PublishError {
    fn from(why: LineError) -> Self {
        Self::unavailable(why)
    }
}

/// Why the server has closed a channel, if that is what has happened. The connection stays.
pub(super) fn soft(error: &ClientError) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}
