//! A row of the index: where an event of a flow is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::subscription::BoxError;
use crate::types::{
    LeaseName, Position, RecordedEvent, Row, RowKey, RowSet, RowValue, RowWrite, StreamId,
    StreamVersion,
};

/// What the set and the job are called.
const NAME: &str = "freehold_trail";
/// As many digits as the largest position has, so that keys stand in the order of the log.
const DIGITS: usize = 20;

/// What a row holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    stream: String,
    version: u64,
}

/// Where an event is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) stream: StreamId,
    pub(super) version: StreamVersion,
    pub(super) position: Position,
}

/// The name of the set, and of the job that keeps it up.
pub(super) fn names() -> (RowSet, LeaseName) {
    (RowSet::own(NAME), LeaseName::own(NAME))
}

/// What the keys of a flow begin with.
pub(super) fn prefix(flow: Uuid) -> Arc<str> {
    format!("{flow}/").into()
}

/// The row of an event.
pub(super) fn write(set: &RowSet, flow: Uuid, event: &RecordedEvent) -> Result<RowWrite, BoxError> {
    let key = format!("{flow}/{:0DIGITS$}", event.position().get());
    let stored = Stored { stream: event.stream().to_string(), version: event.version().get() };
    Ok(RowWrite::put(set, &RowKey::new(&key)?, RowValue::of(&stored)?))
}

/// What a row says, if it says anything.
pub(super) fn read(row: &Row) -> Option<Place> {
    let (_, position) = row.key.as_str().split_once('/')?;
    let stored: Stored = row.value.read().ok()?;
    Some(Place {
        stream: stored.stream.parse().ok()?,
        version: StreamVersion::new(stored.version),
        position: Position::new(position.parse().ok()?),
    })
}

/// How many places from the first on stand side by side in its stream.
pub(super) fn run(places: &[Place]) -> usize {
    let Some(first) = places.first() else { return 0 };
    let stands_there = |(nth, place): &(u64, &Place)| {
        place.stream == first.stream && place.version == first.version.plus(*nth)
    };
    (0..).zip(places).take_while(stands_there).count()
}
