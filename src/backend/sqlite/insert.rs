//! The events of one commit.

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, params};

use super::streams::Place;
use super::{error, row};
use crate::types::{Append, Metadata, Position, StreamVersion};

/// Inserts the events of one commit, and can take them back while nothing points to them yet.
pub(super) struct Insert<'s, 'c> {
    conn: &'c Connection,
    statement: &'s mut CachedStatement<'c>,
    archived: Option<&'s mut CachedStatement<'c>>,
    recorded_at: i64,
    /// The metadata of the last event, as JSON. Most commits have one for all.
    metadata: (Metadata, Option<String>),
    first: Option<Position>,
}

/// The statement that inserts an event.
pub(super) fn prepare(conn: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    conn.prepare_cached(
        "INSERT INTO freehold_events
             (event_id, category, stream, version, previous, name, data, metadata, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
}

impl<'s, 'c> Insert<'s, 'c> {
    /// With the statement that inserts, and the one that looks into the archive if there is anything in it.
    pub(super) const fn new(
        conn: &'c Connection,
        (statement, archived): (&'s mut CachedStatement<'c>, Option<&'s mut CachedStatement<'c>>),
        now: DateTime<Utc>,
    ) -> Self {
        let recorded_at = now.timestamp_micros();
        let metadata = (Metadata::new(), None);
        Self { conn, statement, archived, recorded_at, metadata, first: None }
    }

    /// The position of the first event.
    pub(super) const fn first(&self) -> Option<Position> {
        self.first
    }

    /// Inserts the events of one stream after its `newest`, and says which is the newest then.
    pub(super) fn insert(
        &mut self,
        append: &Append,
        newest: Option<Place>,
    ) -> rusqlite::Result<Place> {
        let mut newest = newest;
        for event in &append.events {
            let id = event.id().as_uuid();
            // The index of the table knows nothing of the events that were moved.
            if let Some(archived) = &mut self.archived
                && archived.exists([id.as_bytes().as_slice()])?
            {
                return Err(error::taken());
            }
            self.encode(event.metadata())?;
            let version = newest.map_or(StreamVersion::NONE, |newest| newest.version).plus(1);
            self.statement.execute(params![
                id.as_bytes().as_slice(),
                append.stream.category(),
                append.stream.id(),
                row::signed(version.get()),
                newest.map(|newest| row::signed(newest.position.get())),
                event.name().as_str(),
                &**event.data(),
                self.metadata.1,
                self.recorded_at,
            ])?;
            let position = u64::try_from(self.conn.last_insert_rowid()).unwrap_or_default();
            let position = Position::new(position);
            self.first.get_or_insert(position);
            newest = Some(Place { version, position });
        }
        // An append without events is no valid commit.
        newest.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Takes the events back, and their positions with them.
    pub(super) fn undo(self) -> rusqlite::Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        let first = row::signed(first.get());
        let mut delete =
            self.conn.prepare_cached("DELETE FROM freehold_events WHERE position >= ?1")?;
        delete.execute([first])?;
        let mut give_back = self
            .conn
            .prepare_cached("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'freehold_events'")?;
        give_back.execute([first - 1]).map(drop)
    }

    fn encode(&mut self, metadata: &Metadata) -> rusqlite::Result<()> {
        if *metadata != self.metadata.0 {
            let json = metadata
                .json()
                .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
            self.metadata = (metadata.clone(), json);
        }
        Ok(())
    }
}
