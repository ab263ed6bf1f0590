//! Events on their way into the log, and as the log holds them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Closing, Metadata, Position, StreamId, StreamVersion};

/// The longest event name, in bytes.
const NAME_BYTES_MAX: usize = 190;

/// The identity of an event. Appending an event whose id is recorded already changes nothing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// The event with this id: version 7 for a fresh one.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the `index`th event of a command: the same for every repetition of the command.
    ///
    /// It is the UUID of version 5 of the command's id, counted up from there by the index, so that the ids
    /// of one command stand side by side in a store's index.
    #[must_use]
    pub fn of_command(command: Uuid, index: u64) -> Self {
        /// The bits below the variant: all that may be counted in.
        const COUNTED: u128 = (1 << 62) - 1;
        let first = Uuid::new_v5(&command, b"freehold event").as_u128();
        let low = (first & COUNTED).wrapping_add(index.into()) & COUNTED;
        Self(Uuid::from_u128((first & !COUNTED) | low))
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of event it is: `OrderPlaced`. 1 to 190 bytes without control characters.
#[derive(Clone)]
pub struct EventName(Text);

#[derive(Clone)]
enum Text {
    /// A name in the program, as `serde` gives it: nothing to allocate.
    Static(&'static str),
    Shared(Arc<str>),
}

/// A name that is empty, too long, or holds a control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's name is 1 to 190 bytes without control characters")]
pub struct InvalidEventName;

impl EventName {
    /// The name `name`.
    ///
    /// # Errors
    /// [`InvalidEventName`] if it is empty, too long, or holds a control character.
    pub fn new(name: &str) -> Result<Self, InvalidEventName> {
        Self::check(name)?;
        Ok(Self(Text::Shared(name.into())))
    }

    /// The name of a variant, which lives as long as the program.
    ///
    /// # Errors
    /// As [`EventName::new`].
    pub fn from_static(name: &'static str) -> Result<Self, InvalidEventName> {
        Self::check(name)?;
        Ok(Self(Text::Static(name)))
    }

    /// The name of the events that close their stream.
    pub(super) const fn closing() -> Self {
        Self(Text::Static(Closing::NAME))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(name) => name,
            Text::Shared(name) => name,
        }
    }

    fn check(name: &str) -> Result<(), InvalidEventName> {
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
        if fits && !name.chars().any(char::is_control) { Ok(()) } else { Err(InvalidEventName) }
    }
}

impl PartialEq for EventName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventName {}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventName({})", self.as_str())
    }
}

/// An event on its way into a stream. [`event::encode`](crate::event::encode) makes one of a typed
/// event.
///
/// Its [`Debug`] shows how long the payload is and never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEvent {
    id: EventId,
    name: EventName,
    data: Bytes,
    metadata: Metadata,
}

impl NewEvent {
    /// An event without metadata. `data` is its payload, by convention JSON; a store keeps it byte for
    /// byte.
    #[must_use]
    pub fn new(id: EventId, name: EventName, data: impl Into<Bytes>) -> Self {
        Self { id, name, data: data.into(), metadata: Metadata::default() }
    }

    /// The same with other metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Its identity.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// What kind of event it is.
    #[must_use]
    pub const fn name(&self) -> &EventName {
        &self.name
    }

    /// Its payload.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// What travels beside the payload.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether it closes its stream: see [`Closing`].
    #[must_use]
    pub fn closes(&self) -> bool {
        self.name.as_str() == Closing::NAME
    }

    /// The payload, to be changed.
    #[cfg(feature = "personal")]
    pub(crate) const fn data_mut(&mut self) -> &mut Bytes {
        &mut self.data
    }

    /// For backends: the event as the log holds it.
    #[must_use]
    pub fn recorded(self, at: Recording) -> RecordedEvent {
        let Self { id, name, data, metadata } = self;
        RecordedEvent { id, name, data, metadata, at }
    }
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("data_bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// For backends: where and when an event was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "backends build it, and a new field must not pass them by"
)]
pub struct Recording {
    /// Its stream.
    pub stream: StreamId,
    /// The version it gave the stream.
    pub version: StreamVersion,
    /// Its place in the log.
    pub position: Position,
    /// When the store wrote it, by the store's clock, in whole microseconds.
    pub recorded_at: DateTime<Utc>,
}

/// An event as the log holds it.
///
/// Its [`Debug`] shows how long the payload is and never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    id: EventId,
    name: EventName,
    data: Bytes,
    metadata: Metadata,
    at: Recording,
}

impl RecordedEvent {
    /// Its identity.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// What kind of event it is.
    #[must_use]
    pub const fn name(&self) -> &EventName {
        &self.name
    }

    /// Its payload. Events of one page share small buffers: keeping one payload can keep 8 KiB.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// What travels beside the payload.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its stream.
    #[must_use]
    pub const fn stream(&self) -> &StreamId {
        &self.at.stream
    }

    /// The version it gave its stream: 1 for the first event.
    #[must_use]
    pub const fn version(&self) -> StreamVersion {
        self.at.version
    }

    /// Its place in the log of all streams.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.at.position
    }

    /// When the store wrote it, by the store's clock. Not an order: positions are.
    #[must_use]
    pub const fn recorded_at(&self) -> DateTime<Utc> {
        self.at.recorded_at
    }

    /// Whether it closes its stream: see [`Closing`].
    #[must_use]
    pub fn closes(&self) -> bool {
        self.name.as_str() == Closing::NAME
    }

    /// The payload, to be changed.
    #[cfg(feature = "personal")]
    pub(crate) const fn data_mut(&mut self) -> &mut Bytes {
        &mut self.data
    }

    /// Whether it records just this new event: the same id, name, payload and metadata.
    #[must_use]
    pub fn records(&self, event: &NewEvent) -> bool {
        self.id == event.id
            && self.name == event.name
            && self.data == event.data
            && self.metadata == event.metadata
    }
}

impl fmt::Debug for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedEvent")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("data_bytes", &self.data.len())
            .field("stream", &self.at.stream)
            .field("version", &self.at.version)
            .field("position", &self.at.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_command_are_its_own_and_stand_side_by_side() {
        let [this, other] = [1, 2].map(Uuid::from_u128);
        let id = |command, index| EventId::of_command(command, index).as_uuid();
        assert_eq!(id(this, 3).as_u128(), id(this, 0).as_u128() + 3);
        assert_eq!(id(this, 3), id(this, 3));
        assert_ne!(id(this, 0), id(other, 0));
        for index in [0, 1, u64::MAX] {
            assert_eq!(id(this, index).get_version_num(), 5);
            assert_eq!(id(this, index).get_variant(), uuid::Variant::RFC4122);
        }
    }
}
