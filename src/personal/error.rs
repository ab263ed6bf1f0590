//! Why what is sealed is not opened.

use crate::types::MessageId;

/// Why a seal does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is no seal")]
    Malformed,
    #[error("its key is unknown")]
    UnknownKey,
    #[error("it was changed, or its key is another")]
    NotAuthentic,
    #[error("it stands too deep in other personal data")]
    TooDeep,
}

/// A message in the outbox holds personal data that cannot be opened, and is not to be published so. The
/// [source](std::error::Error::source) of [`Fault::Corrupt`](crate::Fault::Corrupt).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("personal data in message {message} at position {position} cannot be opened")]
#[non_exhaustive]
pub struct Unopened {
    /// Which message.
    pub message: MessageId,
    /// Where it stands in the outbox.
    pub position: crate::types::Position,
}
