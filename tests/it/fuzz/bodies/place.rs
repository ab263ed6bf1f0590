//! A record of any name and payload, and errors that must name its place.

use freehold::event::{EventError, Misfit};
use freehold::{
    EventId, EventName, NewEvent, Position, RecordedEvent, Recording, StreamId, StreamVersion,
};
use uuid::Uuid;

/// A name in the first line, and a payload behind it; nothing, if no event can be called so.
pub(crate) fn record(bytes: &[u8]) -> Option<RecordedEvent> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, data) = bytes.split_at(end);
    let name = EventName::new(std::str::from_utf8(name).ok()?).ok()?;
    let data = data.get(1..).unwrap_or_default().to_vec();
    Some(recorded(NewEvent::new(id(), name, data)))
}

/// The event at position 9, version 3 of `any-1`.
pub(crate) fn recorded(event: NewEvent) -> RecordedEvent {
    event.recorded(Recording {
        stream: StreamId::new("any", "1").unwrap(),
        version: StreamVersion::new(3),
        position: Position::new(9),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    })
}

pub(crate) fn id() -> EventId {
    EventId::new(Uuid::from_u128(7))
}

/// The misfit of an error that is about a record: it names where that stands, and says nothing of what it holds.
pub(crate) fn misfit(error: &EventError, record: &RecordedEvent) -> Misfit {
    let EventError::Decode { category, name, upcast_to, stream, version, position, misfit, .. } =
        error
    else {
        panic!("it is about the type: {error:?}")
    };
    let place = (stream, *version, *position, name);
    assert_eq!(place, (record.stream(), record.version(), record.position(), record.name()));
    let became = upcast_to.map_or_else(String::new, |name| format!(", now `{name}`,"));
    let said = format!(
        "event `{name}`{became} at position 9, version 3 of stream `any-1`, cannot be read as one of category \
         `{category}`: {misfit}"
    );
    assert_eq!(error.to_string(), said);
    assert!(std::error::Error::source(error).is_some(), "{error:?}");
    *misfit
}
