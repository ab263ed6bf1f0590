//! Why an event cannot be written or read.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::types::{EventName, InvalidEventName, Position, StreamId};

/// Why an event could not be written or read.
///
/// The message says which event it was and never what it holds. The [source](Error::source) is what
/// `serde_json` or the type itself said: it may repeat a value, and so may [`Debug`], which shows it.
/// Cloning shares the source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventError {
    /// The type is not one whose events can be written and read; the program must be mended.
    #[non_exhaustive]
    NotPlain {
        /// The category of the events.
        category: &'static str,
        /// What is wrong with the type.
        reason: &'static str,
    },
    /// The content is nothing that JSON can say, such as a map whose keys are no text.
    #[non_exhaustive]
    Encode {
        /// The category of the event.
        category: &'static str,
        /// What `serde_json` or the type said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A variant is called what no event can be called.
    #[non_exhaustive]
    Name {
        /// The category of the event.
        category: &'static str,
        /// The variant's name.
        name: &'static str,
        /// What a name must be.
        source: InvalidEventName,
    },
    /// A recorded event cannot be read.
    #[non_exhaustive]
    Decode {
        /// The category it should have been an event of.
        category: &'static str,
        /// The name it should have been read by: the recorded one, or what `upcast` made of it.
        name: EventName,
        /// Its stream.
        stream: StreamId,
        /// Its place in the log.
        position: Position,
        /// What is wrong with it.
        misfit: Misfit,
        /// What `serde_json`, the type or its `upcast` said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// What an [`Event::upcast`](super::Event::upcast) returns; made by [`EventError::upcast`].
    /// [`decode`](super::decode) turns it into [`EventError::Decode`], which says where.
    #[non_exhaustive]
    Upcast {
        /// The reason that was given.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// What is wrong with a recorded event that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misfit {
    /// The type has no variant of its name: often a newer program has written it.
    Name,
    /// Its payload is not JSON.
    Json,
    /// Its payload is JSON, but not what the variant holds.
    Content,
    /// The type's `upcast` failed.
    Upcast,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "no variant has its name",
            Self::Json => "its payload is not JSON",
            Self::Content => "its payload does not fit the variant",
            Self::Upcast => "it cannot be turned into today's form",
        })
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPlain { category, reason } => {
                write!(f, "events of category `{category}` cannot be told apart by name: {reason}")
            }
            Self::Encode { category, .. } => {
                write!(f, "an event of category `{category}` cannot be written as JSON")
            }
            Self::Name { category, name, .. } => {
                write!(f, "events of category `{category}` cannot be called {name:?}")
            }
            Self::Decode { category, name, stream, position, misfit, .. } => write!(
                f,
                "event `{name}` at position {position} in stream `{stream}` \
                 cannot be read as one of category `{category}`: {misfit}"
            ),
            Self::Upcast { .. } => f.write_str("an old event cannot be turned into today's"),
        }
    }
}

impl Error for EventError {
    // By hand, because a derived source is the `Arc`, which nobody can downcast to the error in it.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotPlain { .. } => None,
            Self::Name { source, .. } => Some(source),
            Self::Encode { source, .. }
            | Self::Decode { source, .. }
            | Self::Upcast { source, .. } => Some(&**source),
        }
    }
}

impl EventError {
    /// For [`Event::upcast`](super::Event::upcast): an old event cannot become today's, because of
    /// `reason`.
    #[must_use]
    pub fn upcast(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Upcast { source: Arc::from(reason.into()) }
    }
}

/// For `?` in an [`Event::upcast`](super::Event::upcast).
impl From<serde_json::Error> for EventError {
    fn from(reason: serde_json::Error) -> Self {
        Self::upcast(reason)
    }
}

/// For `?` in an [`Event::upcast`](super::Event::upcast).
impl From<InvalidEventName> for EventError {
    fn from(reason: InvalidEventName) -> Self {
        Self::upcast(reason)
    }
}
