//! From typed events to the log's and back.

use std::error::Error;
use std::sync::Arc;

use serde_json::error::Category;

use super::join::join;
use super::mismatch::Mismatch;
use super::names::names;
use super::split::split_noted;
use super::upcast::{Stuck, Upcasts, Why};
use super::{Decoded, Event, EventError, Misfit, exact};
use crate::types::mark::is_sealed;
use crate::types::{
    Closing, EventId, EventName, InvalidStreamId, NewEvent, RecordedEvent, StreamId,
    category_is_valid,
};

type BoxError = Box<dyn Error + Send + Sync>;

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
/// contradict each other. What JSON may not give back is read once before it is believed: NaN, `Some(None)`, integers of 128
/// bits, flattened fields, what is nested very deep.
///
/// # Errors
/// - [`EventError::NotPlain`] if `E` is not an enum, has `tag` or `untagged`, or would not read the
///   variant by the name it is written under; or if that name [closes](Closing::NAME) streams.
/// - [`EventError::Name`] if the variant is called what no event can be called.
/// - [`EventError::Encode`] if JSON cannot say its content, or would give back another one.
/// - [`EventError::Upcasts`] if the steps of `E` cannot work, so that it could not be read.
pub fn encode<E: Event>(event: &E, id: EventId) -> Result<NewEvent, EventError> {
    assert_category::<E>();
    let category = E::CATEGORY;
    let not_plain = |reason| EventError::NotPlain { category, reason };

    let split = split_noted(event).map_err(unwritable::<E>)?;
    let name = split.name;
    // An `untagged` enum of enums can be written, and a variant can be called otherwise when it is read.
    // A log keeps for good what nobody can read, so both are refused now.
    let Some(read_names) = names::<E>() else { return Err(not_plain(Mismatch::NOT_PLAIN)) };
    if !read_names.contains(&name) {
        return Err(not_plain("a variant is written under a name that it is not read by"));
    }
    if name == Closing::NAME {
        return Err(not_plain("a variant is called what closes a stream"));
    }
    check(E::upcasts())?;
    exact::check::<E>(&split).map_err(unwritable::<E>)?;
    let name = EventName::from_static(name).map_err(|source| EventError::Name {
        category,
        name,
        source,
    })?;
    Ok(NewEvent::new(id, name, split.data))
}

#[cold]
fn unwritable<E: Event>(mismatch: Mismatch) -> EventError {
    let category = E::CATEGORY;
    match mismatch {
        Mismatch::NotPlain => EventError::NotPlain { category, reason: Mismatch::NOT_PLAIN },
        Mismatch::UnknownName(source) | Mismatch::Content(source) => {
            EventError::Encode { category, source: Arc::new(source) }
        }
    }
}

/// Reads a recorded event, after its [upcasts](Event::upcasts), where it is exactly one event today.
///
/// Whoever reads streams or the feed wants [`decode_all`]: a type that has no steps now may have some later.
///
/// # Errors
/// Those of [`decode_all`]; and [`EventError::Decode`] with [`Misfit::Dropped`] or [`Misfit::Several`] if it is not one event today,
/// as one is not that [closes](RecordedEvent::closes) its stream.
pub fn decode<E: Event>(event: &RecordedEvent) -> Result<E, EventError> {
    let mut events = decode_all::<E>(event)?;
    match (events.next(), events.len()) {
        (Some(event), 0) => Ok(event),
        (Some(_), others) => {
            let why = format!("it is {} events today", others + 1);
            Err(unreadable::<E>(event, None, Misfit::Several, Arc::from(BoxError::from(why))))
        }
        (None, _) => {
            let reason = if event.closes() {
                Some("it closes its stream")
            } else {
                E::upcasts().reason(event.name().as_str())
            };
            let why = BoxError::from(reason.unwrap_or("a step makes nothing of it"));
            Err(unreadable::<E>(event, None, Misfit::Dropped, Arc::from(why)))
        }
    }
}

/// Reads all that a recorded event is today, after its [upcasts](Event::upcasts): nearly always one event, none if it is
/// dropped or [closes](RecordedEvent::closes) its stream, several if it was split.
///
/// They are all of one record: they share its id, version and position.
///
/// # Errors
/// - [`EventError::Decode`] if it does not fit `E`. It names the stream, the version, the position and the event's
///   name, and never its content.
/// - [`EventError::NotPlain`] if `E` is not an enum, or has `tag` or `untagged`.
/// - [`EventError::Upcasts`] if the steps of `E` cannot work.
pub fn decode_all<E: Event>(event: &RecordedEvent) -> Result<Decoded<E>, EventError> {
    assert_category::<E>();
    // It is of the stream, and no event of its service: no type has a variant for it.
    let upcasts = E::upcasts();
    if event.closes() {
        return check(upcasts).map(|()| Decoded::all(Vec::new()));
    }
    if upcasts.is_none() {
        return as_it_is(event);
    }
    check(upcasts)?;
    let Some(became) = upcasts.upcast(event.name().as_str(), event.data()) else {
        return as_it_is(event);
    };
    match became {
        Ok(events) => Ok(Decoded::all(events)),
        Err(Stuck { at, why: Why::Step(reason) }) => {
            let is_sealed = is_sealed(event.data());
            let misfit = if is_sealed { Misfit::Sealed } else { Misfit::Upcast };
            Err(unreadable::<E>(event, at, misfit, Arc::from(reason)))
        }
        Err(Stuck { at, why: Why::End(mismatch) }) => Err(failed::<E>(event, at, mismatch)),
    }
}

fn as_it_is<E: Event>(event: &RecordedEvent) -> Result<Decoded<E>, EventError> {
    join(event.name().as_str(), event.data())
        .map(Decoded::one)
        .map_err(|mismatch| failed::<E>(event, None, mismatch))
}

fn check<E: Event>(upcasts: &Upcasts<E>) -> Result<(), EventError> {
    match upcasts.flaw() {
        None => Ok(()),
        Some(flaw) => Err(EventError::Upcasts { category: E::CATEGORY, flaw: flaw.clone() }),
    }
}

#[cold]
fn failed<E: Event>(
    event: &RecordedEvent,
    upcast_to: Option<&'static str>,
    mismatch: Mismatch,
) -> EventError {
    let (misfit, source) = match mismatch {
        Mismatch::NotPlain => {
            return EventError::NotPlain { category: E::CATEGORY, reason: Mismatch::NOT_PLAIN };
        }
        Mismatch::UnknownName(source) => (Misfit::Name, source),
        Mismatch::Content(source) if is_sealed(event.data()) => (Misfit::Sealed, source),
        Mismatch::Content(source) => (misfit(&source), source),
    };
    unreadable::<E>(event, upcast_to, misfit, Arc::new(source))
}

#[cold]
fn unreadable<E: Event>(
    event: &RecordedEvent,
    upcast_to: Option<&'static str>,
    misfit: Misfit,
    source: Arc<dyn Error + Send + Sync>,
) -> EventError {
    EventError::Decode {
        category: E::CATEGORY,
        name: event.name().clone(),
        upcast_to,
        stream: event.stream().clone(),
        version: event.version(),
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
