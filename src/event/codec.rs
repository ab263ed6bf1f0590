//! From typed events to the log's and back.

use std::error::Error;
use std::sync::Arc;

use serde_json::error::Category;

use super::join::join;
use super::mismatch::Mismatch;
use super::names::names;
use super::split::split;
use super::{Event, EventError, Misfit, Raw};
use crate::types::{
    EventId, EventName, InvalidStreamId, NewEvent, RecordedEvent, StreamId, category_is_valid,
};

/// Keeps a program from compiling when it uses events of a malformed category.
const fn assert_category<E: Event>() {
    const {
        assert!(
            category_is_valid(E::CATEGORY),
            "`Event::CATEGORY` must be 1 to 64 of a-z, 0-9 and _"
        );
    }
}

/// Names the stream `id` in the category of the events `E`.
///
/// # Errors
/// [`InvalidStreamId::Id`] if the id is malformed.
pub fn stream<E: Event>(id: impl AsRef<str>) -> Result<StreamId, InvalidStreamId> {
    assert_category::<E>();
    StreamId::new(E::CATEGORY, id)
}

/// Makes an event ready to append, without metadata.
///
/// What it writes, [`decode`] reads with the same type, as long as the type's `serde` attributes do not
/// contradict each other.
///
/// # Errors
/// - [`EventError::NotPlain`] if `E` is not an enum, has `tag` or `untagged`, or would not read the
///   variant by the name it is written under.
/// - [`EventError::Name`] if the variant is called what no event can be called.
/// - [`EventError::Encode`] if JSON cannot say its content.
pub fn encode<E: Event>(event: &E, id: EventId) -> Result<NewEvent, EventError> {
    assert_category::<E>();
    let category = E::CATEGORY;
    let not_plain = |reason| EventError::NotPlain { category, reason };

    let (name, data) = split(event).map_err(|mismatch| match mismatch {
        Mismatch::NotPlain => not_plain(Mismatch::NOT_PLAIN),
        Mismatch::UnknownName(source) | Mismatch::Content(source) => {
            EventError::Encode { category, source: Arc::new(source) }
        }
    })?;
    // An `untagged` enum of enums can be written, and a variant can be called otherwise when it is read.
    // A log keeps for good what nobody can read, so both are refused now.
    let Some(read_names) = names::<E>() else { return Err(not_plain(Mismatch::NOT_PLAIN)) };
    if !read_names.contains(&name) {
        return Err(not_plain("a variant is written under a name that it is not read by"));
    }
    let name = EventName::from_static(name).map_err(|source| EventError::Name {
        category,
        name,
        source,
    })?;
    Ok(NewEvent::new(id, name, data))
}

/// Reads a recorded event, after [`Event::upcast`].
///
/// # Errors
/// - [`EventError::Decode`] if it does not fit `E`. It names the stream, the position and the event's
///   name, and never its content.
/// - [`EventError::NotPlain`] if `E` is not an enum, or has `tag` or `untagged`.
pub fn decode<E: Event>(event: &RecordedEvent) -> Result<E, EventError> {
    assert_category::<E>();
    let raw = E::upcast(Raw::new(event.name().clone(), event.data().clone())).map_err(|error| {
        let reason = match error {
            EventError::Upcast { source } => source,
            other => Arc::new(other),
        };
        unreadable::<E>(event, event.name(), Misfit::Upcast, reason)
    })?;
    join(raw.name().as_str(), raw.data()).map_err(|mismatch| match mismatch {
        Mismatch::NotPlain => {
            EventError::NotPlain { category: E::CATEGORY, reason: Mismatch::NOT_PLAIN }
        }
        Mismatch::UnknownName(source) => {
            unreadable::<E>(event, raw.name(), Misfit::Name, Arc::new(source))
        }
        Mismatch::Content(source) => {
            unreadable::<E>(event, raw.name(), misfit(&source), Arc::new(source))
        }
    })
}

#[cold]
fn unreadable<E: Event>(
    event: &RecordedEvent,
    name: &EventName,
    misfit: Misfit,
    source: Arc<dyn Error + Send + Sync>,
) -> EventError {
    EventError::Decode {
        category: E::CATEGORY,
        name: name.clone(),
        stream: event.stream().clone(),
        position: event.position(),
        misfit,
        source,
    }
}

fn misfit(error: &serde_json::Error) -> Misfit {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Misfit::Json,
        Category::Data => Misfit::Content,
    }
}
