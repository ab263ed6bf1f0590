//! Between the rows of a table and the values of the crate.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::value::{Moment, Uuid};
use crate::ports::CorruptRecord;
use crate::types::{
    Epoch, EventId, LogId, NewEvent, Position, RecordedEvent, Recording, Row, RowKey, RowValue,
    Sharing, StreamId, StreamVersion, Token,
};

/// The columns that [`Decoder::event_of`] reads.
pub(super) const COLUMNS_OF_STREAM: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at";

/// The columns that [`Decoder::event`] reads: the same, and the stream.
pub(super) const COLUMNS: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at, category, stream";

/// The columns of a message in the places of [`COLUMNS`], as the log of messages shows it.
pub(super) const COLUMNS_OF_MESSAGES: &str =
    "position, message_id, position, type, convert_to(envelope::text, 'UTF8'), NULL::text, recorded_at,
     'outbox', ordering_key";

/// Turns the rows of one page into events.
#[derive(Default)]
pub(super) struct Decoder(Sharing);

impl Decoder {
    /// The event of a row of [`COLUMNS`].
    pub(super) fn event(&mut self, row: &PgRow) -> sqlx::Result<RecordedEvent> {
        let stream = self.0.stream(row.try_get(7)?, row.try_get(8)?).map_err(corrupt)?;
        self.event_of(stream, row)
    }

    /// The event of a row of [`COLUMNS_OF_STREAM`], whose stream is known.
    pub(super) fn event_of(
        &mut self,
        stream: StreamId,
        row: &PgRow,
    ) -> sqlx::Result<RecordedEvent> {
        let (position, version) = (position(row.try_get(0)?)?, version(row.try_get(2)?)?);
        let (event, recorded_at) = self
            .content(row)
            .map_err(|why| corrupt(CorruptRecord::new(&stream, version, position, why)))?;
        Ok(event.recorded(Recording { stream, version, position, recorded_at }))
    }

    /// What a row says of the event itself.
    fn content(&mut self, row: &PgRow) -> sqlx::Result<(NewEvent, DateTime<Utc>)> {
        let id = EventId::new(row.try_get::<Uuid, _>(1)?.0);
        let name = self.0.name(row.try_get(3)?).map_err(corrupt)?;
        let metadata = self.0.metadata(row.try_get(5)?).map_err(corrupt)?;
        let event = NewEvent::new(id, name, self.0.payload(row.try_get(4)?));
        Ok((event.with_metadata(metadata), row.try_get::<Moment, _>(6)?.0))
    }
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

pub(super) fn epoch(n: i64) -> sqlx::Result<Epoch> {
    u64::try_from(n).map(Epoch::new).map_err(corrupt)
}

/// A checkpoint in a log.
pub(super) fn token(log: Uuid, at: i64) -> sqlx::Result<Token> {
    Ok(Token::new(LogId::new(log.0), position(at)?))
}

/// A row of a set.
pub(super) fn row(key: &str, value: String) -> sqlx::Result<Row> {
    let key = RowKey::new(key).map_err(corrupt)?;
    Ok(Row { key, value: RowValue::stored(value.into()) })
}

/// PostgreSQL's integers are signed; what lies beyond the largest lies beyond every row.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn corrupt(why: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(why))
}
