//! Between the rows of a table and the values of the crate.

use std::error::Error;

use chrono::{DateTime, Utc};
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use uuid::Uuid;

use crate::ports::CorruptRecord;
use crate::types::{
    Epoch, EventId, NewEvent, Position, RecordedEvent, Recording, Sharing, StreamId, StreamVersion,
};

/// The columns that [`Decoder::event_of`] reads, of a table.
macro_rules! select_of_stream {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT position, event_id, version, name, data, metadata, recorded_at, previous FROM ",
            $from,
            " ",
            $rest
        )
    };
}

/// The columns that [`Decoder::event`] reads, of a table.
macro_rules! select_events {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT position, event_id, version, name, data, metadata, recorded_at, category, stream FROM ",
            $from,
            " ",
            $rest
        )
    };
}

/// Which of the columns of [`select_events`] is the category.
pub(super) const CATEGORY: usize = 7;

pub(super) use {select_events, select_of_stream};

/// Turns the rows of one page into events.
#[derive(Default)]
pub(super) struct Decoder(Sharing);

impl Decoder {
    /// The event of a row of [`select_events`].
    pub(super) fn event(&mut self, row: &Row<'_>) -> rusqlite::Result<RecordedEvent> {
        let stream = self.0.stream(text(row, CATEGORY)?, text(row, CATEGORY + 1)?);
        self.event_of(stream.map_err(|why| corrupt(CATEGORY, why))?, row)
    }

    /// The event of a row of [`select_of_stream`], whose stream is known.
    pub(super) fn event_of(
        &mut self,
        stream: StreamId,
        row: &Row<'_>,
    ) -> rusqlite::Result<RecordedEvent> {
        let (position, version) = (position(row, 0)?, version(row, 2)?);
        let (event, recorded_at) = self
            .content(row)
            .map_err(|why| corrupt(3, CorruptRecord::new(&stream, version, position, why)))?;
        Ok(event.recorded(Recording { stream, version, position, recorded_at }))
    }

    /// What a row says of the event itself.
    fn content(&mut self, row: &Row<'_>) -> rusqlite::Result<(NewEvent, DateTime<Utc>)> {
        let id = EventId::new(uuid(row, 1)?);
        let name = self.0.name(text(row, 3)?).map_err(|why| corrupt(3, why))?;
        let data = row.get_ref(4)?.as_blob().map_err(|why| corrupt(4, why))?;
        let json = row.get_ref(5)?.as_str_or_null().map_err(|why| corrupt(5, why))?;
        let metadata = self.0.metadata(json).map_err(|why| corrupt(5, why))?;
        let recorded_at = DateTime::from_timestamp_micros(row.get(6)?)
            .ok_or_else(|| corrupt(6, "a time out of range"))?;
        let event = NewEvent::new(id, name, self.0.payload(data));
        Ok((event.with_metadata(metadata), recorded_at))
    }
}

/// Where the event before it in its stream is, in a row of [`select_of_stream`].
pub(super) fn previous(row: &Row<'_>) -> rusqlite::Result<Option<Position>> {
    match row.get_ref(7)? {
        ValueRef::Null => Ok(None),
        _ => position(row, 7).map(Some),
    }
}

/// The stream of two columns.
pub(super) fn stream(category: &str, id: &str) -> rusqlite::Result<StreamId> {
    StreamId::new(category, id).map_err(|why| corrupt(7, why))
}

pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    row.get_ref(column)?.as_str().map_err(|why| corrupt(column, why))
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let bytes = row.get_ref(column)?.as_blob().map_err(|why| corrupt(column, why))?;
    Uuid::from_slice(bytes).map_err(|why| corrupt(column, why))
}

pub(super) fn uuid_or_null(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => uuid(row, column).map(Some),
    }
}

pub(super) fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<StreamVersion> {
    Ok(StreamVersion::new(unsigned(row, column)?))
}

pub(super) fn position(row: &Row<'_>, column: usize) -> rusqlite::Result<Position> {
    Ok(Position::new(unsigned(row, column)?))
}

pub(super) fn epoch(row: &Row<'_>, column: usize) -> rusqlite::Result<Epoch> {
    Ok(Epoch::new(unsigned(row, column)?))
}

/// SQLite's integers are signed; what lies beyond the largest lies beyond every row.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}

pub(super) fn corrupt(
    column: usize,
    why: impl Into<Box<dyn Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, why.into())
}
