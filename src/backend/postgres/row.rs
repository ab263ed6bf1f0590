//! Between the rows of a table and the values of the crate.

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::value::{Moment, Uuid};
use crate::types::{
    EventId, EventName, Metadata, NewEvent, Position, RecordedEvent, Recording, StreamId,
    StreamVersion,
};

/// The columns that [`event`] reads.
pub(super) const COLUMNS: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at, category, stream";

/// The event of a row of [`COLUMNS`].
pub(super) fn event(row: &PgRow) -> sqlx::Result<RecordedEvent> {
    let id = EventId::new(row.try_get::<Uuid, _>(1)?.0);
    let name = EventName::new(row.try_get(3)?).map_err(corrupt)?;
    let metadata: Option<&str> = row.try_get(5)?;
    let metadata: Metadata = match metadata {
        Some(json) => serde_json::from_str(json).map_err(corrupt)?,
        None => Metadata::new(),
    };
    let data = Bytes::copy_from_slice(row.try_get(4)?);
    let event = NewEvent::new(id, name, data).with_metadata(metadata);
    Ok(event.recorded(Recording {
        stream: stream(row.try_get(7)?, row.try_get(8)?)?,
        version: version(row.try_get(2)?)?,
        position: position(row.try_get(0)?)?,
        recorded_at: row.try_get::<Moment, _>(6)?.0,
    }))
}

/// The stream of two columns.
pub(super) fn stream(category: &str, id: &str) -> sqlx::Result<StreamId> {
    StreamId::new(category, id).map_err(corrupt)
}

pub(super) fn version(n: i64) -> sqlx::Result<StreamVersion> {
    u64::try_from(n).map(StreamVersion::new).map_err(corrupt)
}

pub(super) fn position(n: i64) -> sqlx::Result<Position> {
    u64::try_from(n).map(Position::new).map_err(corrupt)
}

/// PostgreSQL's integers are signed; what lies beyond the largest lies beyond every row.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn corrupt(why: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(why))
}
