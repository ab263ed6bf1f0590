//! Between the rows of a table and the values of the crate.

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::value::{Moment, Uuid};
use crate::types::{
    EventId, EventName, Metadata, NewEvent, Position, RecordedEvent, Recording, StreamId,
    StreamVersion,
};

/// The columns that [`Decoder::event_of`] reads.
pub(super) const COLUMNS_OF_STREAM: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at";

/// The columns that [`Decoder::event`] reads: the same, and the stream.
pub(super) const COLUMNS: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at, category, stream";

/// The most names that a page remembers, so that rows with the same name share one text.
const NAMES_MAX: usize = 16;

/// Turns the rows of one page into events. Neighbours often share stream, name and metadata; then they share the
/// memory too.
#[derive(Default)]
pub(super) struct Decoder {
    stream: Option<StreamId>,
    names: Vec<EventName>,
    metadata: Option<(Box<str>, Metadata)>,
}

impl Decoder {
    /// The event of a row of [`COLUMNS`].
    pub(super) fn event(&mut self, row: &PgRow) -> sqlx::Result<RecordedEvent> {
        let (category, id) = (row.try_get(7)?, row.try_get(8)?);
        let stream = match &self.stream {
            Some(last) if last.id() == id && last.category() == category => last.clone(),
            _ => self.stream.insert(stream(category, id)?).clone(),
        };
        self.event_of(stream, row)
    }

    /// The event of a row of [`COLUMNS_OF_STREAM`], whose stream is known.
    pub(super) fn event_of(
        &mut self,
        stream: StreamId,
        row: &PgRow,
    ) -> sqlx::Result<RecordedEvent> {
        let id = EventId::new(row.try_get::<Uuid, _>(1)?.0);
        let data = Bytes::copy_from_slice(row.try_get(4)?);
        let event = NewEvent::new(id, self.name(row.try_get(3)?)?, data)
            .with_metadata(self.metadata(row.try_get(5)?)?);
        Ok(event.recorded(Recording {
            stream,
            version: version(row.try_get(2)?)?,
            position: position(row.try_get(0)?)?,
            recorded_at: row.try_get::<Moment, _>(6)?.0,
        }))
    }

    fn name(&mut self, name: &str) -> sqlx::Result<EventName> {
        if let Some(known) = self.names.iter().find(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let name = EventName::new(name).map_err(corrupt)?;
        if self.names.len() < NAMES_MAX {
            self.names.push(name.clone());
        }
        Ok(name)
    }

    fn metadata(&mut self, json: Option<&str>) -> sqlx::Result<Metadata> {
        let Some(json) = json else { return Ok(Metadata::default()) };
        if let Some((last, metadata)) = &self.metadata
            && **last == *json
        {
            return Ok(metadata.clone());
        }
        let metadata: Metadata = serde_json::from_str(json).map_err(corrupt)?;
        self.metadata = Some((json.into(), metadata.clone()));
        Ok(metadata)
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

/// PostgreSQL's integers are signed; what lies beyond the largest lies beyond every row.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn corrupt(why: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(why))
}
