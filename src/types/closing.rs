//! The end of a stream.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Conflict, EventId, EventName, ExpectedVersion, NewEvent, RecordedEvent, StreamId, StreamVersion,
};

/// The last event of a stream: it closes the stream, for good.
///
/// It is an event as others are. It has an id, a version and a position, stands in the feed, says in its metadata who closed
/// the stream and why, and is appended in one commit with the stream's last facts, other streams, rows and messages. A
/// store that has recorded it refuses every later append with [`Closed`]; the stream is read as before, and can be
/// [archived](crate::Archive).
///
/// ```
/// use freehold::backend::memory::MemoryStore;
/// use freehold::{Closing, Commit, CommitError, EventId, EventName, ExpectedVersion, NewEvent, Store, StreamId};
/// # use uuid::Uuid;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
/// # let order = StreamId::new("order", "17")?;
/// # let id = || EventId::new(Uuid::now_v7());
/// # let [shipped, returned] = ["Shipped", "Returned"].map(|name| NewEvent::new(id(), EventName::from_static(name).unwrap(), "{}"));
///
/// let closing = Closing::because("shipped and paid").event(id());
/// store.commit(Commit::new().append(&order, ExpectedVersion::NoStream, [shipped, closing])).await?;
///
/// let late = Commit::new().append(&order, ExpectedVersion::Any, [returned]);
/// let Err(CommitError::Closed(closed)) = store.commit(late).await else { panic!("it was open") };
/// assert_eq!((closed.stream(), closed.version().get()), (&order, 2));
/// # Ok(())
/// # }
/// ```
///
/// No enum of events has a variant for it: [`event::decode_all`](crate::event::decode_all) makes nothing of one, so that
/// aggregates load a closed stream as it was, and projections pass it over. Who follows the feed by hand asks
/// [`RecordedEvent::closes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Closing {
    reason: Option<Arc<str>>,
}

/// The payload.
#[derive(Serialize, Deserialize)]
struct Said {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Arc<str>>,
}

impl Closing {
    /// The name of the events that close a stream. Whatever is called so closes one.
    pub const NAME: &'static str = "freehold.closed.v1";

    /// For a reason that everybody knows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For this reason, which whoever reads the stream is told.
    #[must_use]
    pub fn because(reason: &str) -> Self {
        Self { reason: Some(reason.into()) }
    }

    /// Why the stream was closed, if it was said.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The event, for the end of an append.
    #[must_use]
    pub fn event(&self, id: EventId) -> NewEvent {
        let said = Said { reason: self.reason.clone() };
        // An optional text can always be written.
        let data = serde_json::to_vec(&said).unwrap_or_else(|_| b"{}".to_vec());
        NewEvent::new(id, EventName::closing(), data)
    }

    /// What an event says that closes its stream; `None` for every other. Of one whose payload is not ours, no reason is
    /// known.
    #[must_use]
    pub fn of(event: &RecordedEvent) -> Option<Self> {
        let said = || serde_json::from_slice::<Said>(event.data()).ok();
        event.closes().then(|| Self { reason: said().and_then(|said| said.reason) })
    }
}

/// A stream was closed: it takes no more events, so nothing was written. To read it again is in vain; the same append will
/// never succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream `{stream}` was closed at version {version}, and takes no more events")]
pub struct Closed {
    stream: StreamId,
    version: StreamVersion,
}

impl Closed {
    /// For backends: `stream` was closed by its event at `version`.
    #[must_use]
    pub const fn new(stream: StreamId, version: StreamVersion) -> Self {
        Self { stream, version }
    }

    /// The stream that is closed.
    #[must_use]
    pub const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The version of the event that closed it: the last one.
    #[must_use]
    pub const fn version(&self) -> StreamVersion {
        self.version
    }

    /// The conflict that it is for whoever `expected` anything but the version at which it was closed.
    pub(crate) fn outdates(&self, expected: ExpectedVersion) -> Option<Conflict> {
        let is_newest = expected == self.version.into();
        (!is_newest).then(|| Conflict::new(self.stream.clone(), expected, self.version))
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "closed: {reason}"),
            None => f.write_str("closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{Position, Recording};

    fn recorded(event: NewEvent) -> RecordedEvent {
        event.recorded(Recording {
            stream: StreamId::new("order", "1").unwrap(),
            version: StreamVersion::new(1),
            position: Position::new(1),
            recorded_at: chrono::DateTime::default(),
        })
    }

    #[test]
    fn a_closing_is_read_as_it_was_written_and_nothing_else_is_one() {
        let id = EventId::new(Uuid::from_u128(1));
        for closing in [Closing::new(), Closing::because(""), Closing::because("\"é\"\n")] {
            assert_eq!(Closing::of(&recorded(closing.event(id))), Some(closing));
        }
        let other = NewEvent::new(id, EventName::new("Shipped").unwrap(), "{\"reason\":\"x\"}");
        assert!(!other.closes());
        assert_eq!(Closing::of(&recorded(other)), None);
        let strange = NewEvent::new(id, EventName::new(Closing::NAME).unwrap(), "no JSON");
        assert!(strange.closes());
        assert_eq!(Closing::of(&recorded(strange)), Some(Closing::new()));
    }
}
