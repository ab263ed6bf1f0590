//! Why an event cannot be written or read.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::UpcastFlaw;
use crate::types::{EventName, InvalidEventName, Position, StreamId, StreamVersion};

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
    /// The content is nothing that JSON can say, such as a map whose keys are no text, or NaN; or what it says would be read as
    /// something else.
    #[non_exhaustive]
    Encode {
        /// The category of the event.
        category: &'static str,
        /// What `serde_json` or the type said, or that it would be read as something else.
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
        /// The recorded name.
        name: EventName,
        /// The name that [upcasts](super::Event::upcasts) had led to, where it could not be read.
        upcast_to: Option<&'static str>,
        /// Its stream.
        stream: StreamId,
        /// Its version.
        version: StreamVersion,
        /// Its place in the log.
        position: Position,
        /// What is wrong with it.
        misfit: Misfit,
        /// What `serde_json`, the type or one of its steps said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The steps from old events to today's cannot work; the program must be mended.
    #[non_exhaustive]
    Upcasts {
        /// The category of the events.
        category: &'static str,
        /// What is wrong with the steps.
        flaw: UpcastFlaw,
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
    /// A step of the type's upcasts failed.
    Upcast,
    /// Personal data in it is sealed and does not open: it was changed, or its key is not there; or it was read past the store
    /// that opens it.
    Sealed,
    /// It means nothing today, and one event was asked for.
    Dropped,
    /// It is several events today, and one was asked for.
    Several,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "no variant has its name",
            Self::Json => "its payload is not JSON",
            Self::Content => "its payload does not fit the variant",
            Self::Sealed => "personal data in it is sealed and does not open",
            Self::Upcast => "it cannot be turned into today's form",
            Self::Dropped => "it is dropped",
            Self::Several => "it is several events today",
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
            Self::Decode {
                category, name, upcast_to, stream, version, position, misfit, ..
            } => {
                write!(f, "event `{name}`")?;
                if let Some(to) = upcast_to {
                    write!(f, ", now `{to}`,")?;
                }
                write!(
                    f,
                    " at position {position}, version {version} of stream `{stream}`, \
                     cannot be read as one of category `{category}`: {misfit}"
                )
            }
            Self::Upcasts { category, flaw } => {
                write!(f, "old events of category `{category}` cannot be upcast: {flaw}")
            }
        }
    }
}

impl Error for EventError {
    // By hand, because a derived source is the `Arc`, which nobody can downcast to the error in it.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name { source, .. } => Some(source),
            // The message says all of it.
            Self::NotPlain { .. } | Self::Upcasts { .. } => None,
            Self::Encode { source, .. } | Self::Decode { source, .. } => Some(&**source),
        }
    }
}
