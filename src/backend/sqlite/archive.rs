//! The archive: a second table of events, for those of closed streams.
//!
//! A stream is read in one transaction, from whichever table its events are in. Other statements that look for an event look into
//! both tables, and so at one moment. Pages of the feed are read from the table of those that still grow, and from both
//! only if the archive reaches beyond where the page begins.

use async_trait::async_trait;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::handle::SqliteStore;
use super::row;
use super::savepoint::Savepoint;
use crate::ports::{Archive, BackendError};
use crate::types::{Archived, Position, StreamId};

#[async_trait]
impl Archive for SqliteStore {
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError> {
        const OPERATION: &str = "archive";
        // Whoever asks often finds nothing to move: then no writer waits for it.
        if !self.shared.readers.read(OPERATION, has_more).await? {
            return Ok(Archived::default());
        }
        let events_max = self.shared.log.limits.page(events_max) as u64;
        self.ask(OPERATION, move |conn| {
            let mut done = Archived::default();
            Savepoint::Commit.whole(conn, || {
                done = step(conn, events_max)?;
                Ok(())
            })?;
            Ok(done)
        })
        .await
    }
}

/// Finds events by their positions, in whichever of the two tables they are: those of a stream are mostly in one.
pub(super) struct Finder<'c> {
    conn: &'c Connection,
    here: CachedStatement<'c>,
    /// The same statement on the one table, and on the other.
    sql: [&'static str; 2],
}

impl<'c> Finder<'c> {
    /// With a statement on the events that still grow, and the same on the archive.
    pub(super) fn new(conn: &'c Connection, sql: [&'static str; 2]) -> rusqlite::Result<Self> {
        let [grows, _] = sql;
        Ok(Self { conn, here: conn.prepare_cached(grows)?, sql })
    }

    /// What stands at a position.
    pub(super) fn at<T>(
        &mut self,
        position: Position,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let position = row::signed(position.get());
        let mut found = self.here.query([position])?;
        if let Some(row) = found.next()? {
            return read(row);
        }
        drop(found);
        self.sql.reverse();
        let [there, _] = self.sql;
        self.here = self.conn.prepare_cached(there)?;
        self.here.query_row([position], read)
    }
}

/// Says that a stream that was closed is to be archived, from its newest event on.
pub(super) fn wait(conn: &Connection, stream: &StreamId, newest: Position) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO freehold_to_archive (category, stream, position) VALUES (?1, ?2, ?3)",
    )?;
    insert.execute(params![stream.category(), stream.id(), row::signed(newest.get())]).map(drop)
}

/// The statement that looks for an event in the archive; `None` if nothing is in it.
pub(super) fn lookup(conn: &Connection) -> rusqlite::Result<Option<CachedStatement<'_>>> {
    if !reaches_beyond(conn, Position::START)? {
        return Ok(None);
    }
    conn.prepare_cached("SELECT 1 FROM freehold_archive WHERE event_id = ?1").map(Some)
}

/// Whether there is an archived event behind a position.
pub(super) fn reaches_beyond(conn: &Connection, after: Position) -> rusqlite::Result<bool> {
    let mut select =
        conn.prepare_cached("SELECT 1 FROM freehold_archive WHERE position > ?1 LIMIT 1")?;
    select.exists([row::signed(after.get())])
}

/// Whether there is anything to move.
fn has_more(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM freehold_to_archive LIMIT 1")?.exists([])
}

/// Moves at most so many events.
fn step(conn: &Connection, events_max: u64) -> rusqlite::Result<Archived> {
    let mut first = conn.prepare_cached(
        "SELECT category, stream, position FROM freehold_to_archive ORDER BY category, stream LIMIT 1",
    )?;
    let (mut events, mut streams) = (0, 0);
    while events < events_max {
        let next = first.query_row([], |found| {
            let stream = row::stream(row::text(found, 0)?, row::text(found, 1)?)?;
            Ok((stream, row::position(found, 2)?))
        });
        let Some((stream, newest)) = next.optional()? else { break };
        let mut at = Some(newest);
        while let Some(position) = at
            && events < events_max
        {
            at = move_one(conn, position)?;
            events += 1;
        }
        if let Some(position) = at {
            go_on(conn, &stream, position)?;
        } else {
            finish(conn, &stream)?;
            streams += 1;
        }
    }
    Ok(Archived::new(events, streams, has_more(conn)?))
}

/// Moves an event, and says where the one before it in its stream is.
fn move_one(conn: &Connection, position: Position) -> rusqlite::Result<Option<Position>> {
    let position = row::signed(position.get());
    let mut insert = conn.prepare_cached(
        "INSERT INTO freehold_archive
             (position, event_id, category, stream, version, previous, name, data, metadata, recorded_at)
         SELECT position, event_id, category, stream, version, previous, name, data, metadata, recorded_at
         FROM freehold_events WHERE position = ?1",
    )?;
    insert.execute([position])?;
    let mut delete =
        conn.prepare_cached("DELETE FROM freehold_events WHERE position = ?1 RETURNING previous")?;
    let previous: Option<i64> = delete.query_row([position], |found| found.get(0))?;
    Ok(previous.and_then(|at| u64::try_from(at).ok()).map(Position::new))
}

fn go_on(conn: &Connection, stream: &StreamId, newest: Position) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE freehold_to_archive SET position = ?3 WHERE category = ?1 AND stream = ?2",
    )?;
    update.execute(params![stream.category(), stream.id(), row::signed(newest.get())]).map(drop)
}

fn finish(conn: &Connection, stream: &StreamId) -> rusqlite::Result<()> {
    let mut delete =
        conn.prepare_cached("DELETE FROM freehold_to_archive WHERE category = ?1 AND stream = ?2")?;
    delete.execute([stream.category(), stream.id()]).map(drop)
}
