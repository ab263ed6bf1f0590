//! Where the events of a stream are.
//!
//! Each event knows the one before it, and the table of streams knows the newest. That costs an append no
//! index over all events, whose pages would be scattered as the streams are. Every [`MARK_INTERVAL`] versions
//! a mark is left, so that a page in the middle of a long stream is found without walking all the way.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::archive::{self, Finder};
use super::row;
use crate::types::{EventId, Position, StreamId, StreamVersion};

/// How many versions lie between two marks.
const MARK_INTERVAL: u64 = 64;

const SELECT_NEWEST: &str =
    "SELECT version, position, closed FROM freehold_streams WHERE category = ?1 AND stream = ?2";

/// A place in a stream: an event's version, and its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) version: StreamVersion,
    pub(super) position: Position,
}

/// Where a stream ends, and whether for good.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) newest: Place,
    pub(super) is_closed: bool,
}

/// The newest event of a stream; `None` if there is none.
pub(super) fn newest(conn: &Connection, stream: &StreamId) -> rusqlite::Result<Option<Place>> {
    let mut select = conn.prepare_cached(SELECT_NEWEST)?;
    select.query_row([stream.category(), stream.id()], place).optional()
}

/// Where the streams end that one commit reads and writes.
pub(super) struct Ends<'c> {
    conn: &'c Connection,
    select: CachedStatement<'c>,
    upsert: CachedStatement<'c>,
}

impl<'c> Ends<'c> {
    pub(super) fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        let select = conn.prepare_cached(SELECT_NEWEST)?;
        let upsert = conn.prepare_cached(
            "INSERT INTO freehold_streams (category, stream, version, position)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (category, stream) DO UPDATE SET version = ?3, position = ?4",
        )?;
        Ok(Self { conn, select, upsert })
    }

    /// Where a stream ends; `None` if it has no event.
    pub(super) fn of(&mut self, stream: &StreamId) -> rusqlite::Result<Option<End>> {
        let end =
            |found: &rusqlite::Row<'_>| Ok(End { newest: place(found)?, is_closed: found.get(2)? });
        self.select.query_row([stream.category(), stream.id()], end).optional()
    }

    /// Says that the newest event of a stream has closed it.
    pub(super) fn close(&self, stream: &StreamId, newest: Place) -> rusqlite::Result<()> {
        let mut update = self.conn.prepare_cached(
            "UPDATE freehold_streams SET closed = 1 WHERE category = ?1 AND stream = ?2",
        )?;
        update.execute([stream.category(), stream.id()])?;
        archive::wait(self.conn, stream, newest.position)
    }

    /// Says which event of a stream is the newest, now that so many were added one after the other, and
    /// leaves the marks that are due.
    pub(super) fn advance(
        &mut self,
        stream: &StreamId,
        newest: Place,
        added: usize,
    ) -> rusqlite::Result<()> {
        self.upsert.execute(key(stream, newest))?;
        for back in 0..added as u64 {
            let version = newest.version.get() - back;
            if version.is_multiple_of(MARK_INTERVAL) {
                let position = Position::new(newest.position.get() - back);
                self.mark(stream, Place { version: StreamVersion::new(version), position })?;
            }
        }
        Ok(())
    }

    fn mark(&self, stream: &StreamId, at: Place) -> rusqlite::Result<()> {
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO freehold_marks (category, stream, version, position)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        insert.execute(key(stream, at)).map(drop)
    }
}

/// The id of the event at a position.
pub(super) fn id_at(conn: &Connection, position: Position) -> rusqlite::Result<EventId> {
    let mut select =
        conn.prepare_cached("SELECT event_id FROM freehold_all_events WHERE position = ?1")?;
    select.query_row([row::signed(position.get())], |found| row::uuid(found, 0).map(EventId::new))
}

/// Where the event at `version` is, which is not newer than the `newest`.
pub(super) fn find(
    conn: &Connection,
    stream: &StreamId,
    version: StreamVersion,
    newest: Place,
) -> rusqlite::Result<Position> {
    let mut at = nearest_mark(conn, stream, version, newest)?;
    let mut events = Finder::new(
        conn,
        [
            "SELECT version - 1, previous FROM freehold_events WHERE position = ?1",
            "SELECT version - 1, previous FROM freehold_archive WHERE position = ?1",
        ],
    )?;
    while at.version > version {
        at = events.at(at.position, place)?;
    }
    Ok(at.position)
}

/// The nearest place from which one gets to `version` by going back.
fn nearest_mark(
    conn: &Connection,
    stream: &StreamId,
    version: StreamVersion,
    newest: Place,
) -> rusqlite::Result<Place> {
    if newest.version.get() - version.get() < MARK_INTERVAL {
        return Ok(newest);
    }
    let mut select = conn.prepare_cached(
        "SELECT version, position FROM freehold_marks
         WHERE category = ?1 AND stream = ?2 AND version >= ?3 ORDER BY version LIMIT 1",
    )?;
    let key = params![stream.category(), stream.id(), row::signed(version.get())];
    Ok(select.query_row(key, place).optional()?.unwrap_or(newest))
}

fn place(found: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { version: row::version(found, 0)?, position: row::position(found, 1)? })
}

fn key(stream: &StreamId, at: Place) -> (&str, &str, i64, i64) {
    (stream.category(), stream.id(), row::signed(at.version.get()), row::signed(at.position.get()))
}
