//! One commit inside a transaction: on the writer's thread, or on the user's own connection.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::savepoint::Savepoint;
use super::{duplicate, error, row};
use crate::ports::{Clock, CommitError};
use crate::types::{
    Commit, Committed, Conflict, EventId,
    ExpectedVersion::{After, Any, Exact, NoStream, StreamExists},
    InboxKey, InvalidCommit, Limits, LogId, PartKind, Parts, Position, StreamId, StreamVersion,
    Token,
};

/// Everything that a commit can hold is kept.
const KEPT: &[PartKind] = &[PartKind::Appends, PartKind::Checks, PartKind::Inbox];

/// What a commit must know of the log that it goes to.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: LogId,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why the rows of a commit were not written.
enum Stop {
    /// An event of the commit is recorded already.
    Constraint(rusqlite::Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        if error::is_constraint(&error) { Self::Constraint(error) } else { Self::Sqlite(error) }
    }
}

impl Log {
    /// The content of a commit, well formed and within the limits.
    pub(super) fn open(&self, commit: Commit) -> Result<Parts, InvalidCommit> {
        commit.into_parts(KEPT, &self.limits)
    }

    /// Writes all of a commit into the open transaction, or nothing.
    ///
    /// A repetition is answered as the commit was, and writes nothing. After an error the transaction
    /// goes on without the commit, unless SQLite has rolled back all of it: then the connection is in
    /// autocommit mode.
    pub(super) fn append(
        &self,
        conn: &Connection,
        parts: &Parts,
    ) -> Result<Committed, CommitError> {
        if let Some(key) = &parts.inbox
            && let Some(first) = duplicate::of_inbox(conn, self.id, key).map_err(failed)?
        {
            return Ok(first.as_duplicate());
        }
        let before = match versions(conn, parts).map_err(failed)? {
            Ok(before) => before,
            // A repetition often meets the very versions that its first time made.
            Err(conflict) => {
                let repeated = duplicate::of_events(conn, self.id, parts)?;
                return repeated.ok_or(CommitError::Conflict(conflict));
            }
        };
        // A single row is undone by SQLite itself.
        let single =
            parts.inbox.is_none() && matches!(&*parts.appends, [one] if one.events.len() == 1);
        let written = if single {
            self.insert(conn, parts, &before)
        } else {
            self.insert_or_undo(conn, parts, &before)
        };
        match written {
            Ok(committed) => Ok(committed),
            Err(Stop::Sqlite(error)) => Err(failed(error)),
            // Fresh events pay for no look-up: only now, with the commit's own rows undone, see which
            // events are there.
            Err(Stop::Constraint(error)) => {
                duplicate::of_events(conn, self.id, parts)?.ok_or_else(|| failed(error))
            }
        }
    }

    fn insert_or_undo(
        &self,
        conn: &Connection,
        parts: &Parts,
        before: &[StreamVersion],
    ) -> Result<Committed, Stop> {
        Savepoint::Commit.open(conn)?;
        let written = self.insert(conn, parts, before);
        if written.is_ok() {
            Savepoint::Commit.keep(conn)?;
        } else if !conn.is_autocommit() {
            Savepoint::Commit.undo(conn).map_err(Stop::Sqlite)?;
        }
        written
    }

    fn insert(
        &self,
        conn: &Connection,
        parts: &Parts,
        before: &[StreamVersion],
    ) -> Result<Committed, Stop> {
        let mut after = Vec::with_capacity(parts.appends.len());
        let positions = self.insert_events(conn, parts, before, &mut after)?;
        let last = match &positions {
            Some(positions) => *positions.end(),
            None => head(conn)?,
        };
        if let Some(key) = &parts.inbox {
            insert_inbox(conn, key, positions.as_ref(), last)?;
        }
        Ok(Committed::new(after, positions, Token::new(self.id, last)))
    }

    fn insert_events(
        &self,
        conn: &Connection,
        parts: &Parts,
        before: &[StreamVersion],
        after: &mut Vec<(StreamId, StreamVersion)>,
    ) -> rusqlite::Result<Option<RangeInclusive<Position>>> {
        if parts.appends.is_empty() {
            return Ok(None);
        }
        let now = self.clock.now().timestamp_micros();
        let mut insert = conn.prepare_cached(
            "INSERT INTO freehold_events
                 (event_id, category, stream, version, name, data, metadata, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut first = None;
        for (append, version) in parts.appends.iter().zip(before) {
            let mut version = *version;
            for event in &append.events {
                version = version.plus(1);
                let metadata = (!event.metadata().is_empty())
                    .then(|| serde_json::to_string(event.metadata()))
                    .transpose()
                    .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
                insert.execute(params![
                    event.id().as_uuid().as_bytes().as_slice(),
                    append.stream.category(),
                    append.stream.id(),
                    row::signed(version.get()),
                    event.name().as_str(),
                    &**event.data(),
                    metadata,
                    now,
                ])?;
                first.get_or_insert_with(|| conn.last_insert_rowid());
            }
            after.push((append.stream.clone(), version));
        }
        let first = first.map(unsigned);
        Ok(first.map(|first| first..=unsigned(conn.last_insert_rowid())))
    }
}

/// The position of the newest event, as this connection sees it.
pub(super) fn head(conn: &Connection) -> rusqlite::Result<Position> {
    let mut select =
        conn.prepare_cached("SELECT coalesce(max(position), 0) FROM freehold_events")?;
    select.query_row([], |found| row::position(found, 0))
}

/// The version of each stream that the commit writes, if every expectation holds.
fn versions(
    conn: &Connection,
    parts: &Parts,
) -> rusqlite::Result<Result<Vec<StreamVersion>, Conflict>> {
    // Only the index of the streams is read.
    let mut select = conn.prepare_cached(
        "SELECT version FROM freehold_events WHERE category = ?1 AND stream = ?2
         ORDER BY version DESC LIMIT 1",
    )?;
    let mut before = Vec::with_capacity(parts.appends.len());
    for (stream, expected) in parts.guards() {
        let key = [stream.category(), stream.id()];
        let version = select.query_row(key, |found| row::version(found, 0)).optional()?;
        let actual = version.unwrap_or(StreamVersion::NONE);
        let newest = match expected {
            After(_) => newest(conn, stream)?,
            Any | NoStream | StreamExists | Exact(_) => None,
        };
        if !expected.admits(actual, newest) {
            return Ok(Err(Conflict::new(stream.clone(), expected, actual)));
        }
        // The guards begin with the appends.
        if before.len() < parts.appends.len() {
            before.push(actual);
        }
    }
    Ok(Ok(before))
}

/// The newest event of a stream. Unlike its version, it is not in the index.
fn newest(conn: &Connection, stream: &StreamId) -> rusqlite::Result<Option<EventId>> {
    let mut select = conn.prepare_cached(
        "SELECT event_id FROM freehold_events WHERE category = ?1 AND stream = ?2
         ORDER BY version DESC LIMIT 1",
    )?;
    let key = [stream.category(), stream.id()];
    select.query_row(key, |found| row::uuid(found, 0).map(EventId::new)).optional()
}

fn insert_inbox(
    conn: &Connection,
    key: &InboxKey,
    positions: Option<&RangeInclusive<Position>>,
    token: Position,
) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO freehold_inbox
             (consumer, message, first_position, last_position, token_position)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute(params![
        key.consumer(),
        key.message(),
        positions.map(|at| row::signed(at.start().get())),
        positions.map(|at| row::signed(at.end().get())),
        row::signed(token.get()),
    ])?;
    Ok(())
}

fn unsigned(rowid: i64) -> Position {
    Position::new(u64::try_from(rowid).unwrap_or_default())
}

fn failed(error: rusqlite::Error) -> CommitError {
    CommitError::Backend(error::backend("commit", error))
}
