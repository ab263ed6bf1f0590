//! One commit inside a transaction: on the writer's thread, or on the user's own connection.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::insert::Insert;
use super::rows;
use super::streams::{self, Ends, Place};
use super::within::{Statements, Within};
use super::{duplicate, error, row};
use crate::ports::{BackendError, Clock, CommitError, Fault, InlineFolds};
use crate::types::{
    Advance, Closed, Commit, Committed, Conflict, ExpectedVersion::After, InboxKey, InvalidCommit,
    Limits, LogId, PartKind, Parts, Position, Standing, StreamVersion, Token,
};

/// Everything that a commit can hold is kept.
const KEPT: &[PartKind] = &[
    PartKind::Appends,
    PartKind::Checks,
    PartKind::Inbox,
    PartKind::Messages,
    PartKind::Rows,
    PartKind::Advance,
];

/// What a commit must know of the log that it goes to.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: LogId,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) folds: InlineFolds,
    /// Whether messages were written since the writer last told of any. True too often does no harm.
    pub(super) sent: Arc<AtomicBool>,
}

/// Why the events of a commit were not written.
enum Stop {
    /// An event of the commit is recorded already. Nothing of the commit is there.
    Recorded(rusqlite::Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Log {
    /// The content of a commit, well formed and within the limits.
    pub(super) fn open(&self, commit: Commit) -> Result<Parts, InvalidCommit> {
        commit.into_parts(KEPT, &self.limits)
    }

    /// Writes all of a commit into the open transaction.
    ///
    /// A repetition is answered as the commit was, and writes nothing; a refused commit has written nothing
    /// either, and so has one that found a set [`Fault::Missing`]. After any other [`CommitError::Backend`], or when a fold
    /// cannot take its events in, a part of it may be there: the transaction, or a savepoint that was opened before, must be rolled back.
    pub(super) fn append(
        &self,
        within: &mut Within<'_>,
        parts: &Parts,
    ) -> Result<Committed, CommitError> {
        let conn = within.conn;
        if let Some(key) = &parts.inbox
            && let Some(first) = duplicate::of_inbox(conn, self.id, key).map_err(failed)?
        {
            return Ok(first.as_duplicate());
        }
        if let Some(advance) = &parts.advance
            && let Some(first) = self.look(conn, parts, advance)?
        {
            return Ok(first);
        }
        // A new inbox key, or an advance, would be lost if its commit passed for an old one without it.
        let is_bare = parts.inbox.is_none() && parts.advance.is_none();
        let repeated = || duplicate::of_events(conn, self.id, parts, is_bare);
        let statements = within.statements.on(conn).map_err(failed)?;
        let before = match guard(conn, &mut statements.ends, parts).map_err(failed)? {
            Ok(before) => before,
            // A repetition often meets the very versions that its first time made, or the stream that it has closed.
            Err(refusal) => return repeated()?.ok_or(refusal),
        };
        if let Err(why) = rows::are_prepared(conn, parts).map_err(failed)? {
            let missing = BackendError::new(error::BACKEND, "commit", Fault::Missing, why);
            return repeated()?.ok_or(CommitError::Backend(missing));
        }
        let folds = match self.folds(conn, parts, &mut within.folds) {
            Ok(folds) => folds,
            Err(error) => return repeated()?.ok_or(error),
        };
        let now = self.now();
        match self.insert(conn, statements, (parts, &before), now) {
            Ok(committed) => {
                self.fold(conn, folds, (parts, &committed), now)?;
                Ok(committed)
            }
            Err(Stop::Sqlite(error)) => Err(failed(error)),
            // Fresh events pay for no look-up: only now, with the commit's own rows undone, see which
            // events are there.
            Err(Stop::Recorded(error)) => repeated()?.ok_or_else(|| failed(error)),
        }
    }

    /// Whether the commit's checkpoint can move. If it was moved just so before, this is the answer.
    fn look(
        &self,
        conn: &Connection,
        parts: &Parts,
        advance: &Advance,
    ) -> Result<Option<Committed>, CommitError> {
        match rows::look(conn, advance).map_err(failed)?? {
            Standing::Open => Ok(None),
            // Another commit has moved it: this one handles a message that is new.
            Standing::Moved(fenced) if parts.inbox.is_some() => Err(fenced.into()),
            Standing::Moved(_) if parts.appends.is_empty() => {
                let token = Token::new(self.id, head(conn).map_err(failed)?);
                Ok(Some(Committed::new(Vec::new(), None, token).as_duplicate()))
            }
            Standing::Moved(fenced) => {
                let repeated = duplicate::of_events(conn, self.id, parts, true)?;
                repeated.map(Some).ok_or_else(|| fenced.into())
            }
        }
    }

    fn insert<'c>(
        &self,
        conn: &'c Connection,
        Statements { ends, insert, archived }: &mut Statements<'c>,
        (parts, before): (&Parts, &[Option<Place>]),
        now: DateTime<Utc>,
    ) -> Result<Committed, Stop> {
        let mut events = Insert::new(conn, (insert, archived.as_mut()), now);
        let mut after = Vec::with_capacity(parts.appends.len());
        for (append, newest) in parts.appends.iter().zip(before) {
            match events.insert(append, *newest) {
                Ok(newest) => after.push((append.stream.clone(), newest)),
                Err(error) if error::is_constraint(&error) => {
                    events.undo()?;
                    return Err(Stop::Recorded(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Nothing below fails because of what the commit says.
        for (append, (stream, newest)) in parts.appends.iter().zip(&after) {
            ends.advance(stream, *newest, append.events.len())?;
            if append.closes() {
                ends.close(stream, *newest)?;
            }
        }
        let positions =
            events.first().zip(after.last()).map(|(first, (_, last))| first..=last.position);
        let head = match &positions {
            Some(positions) => *positions.end(),
            None => head(conn)?,
        };
        if let Some(key) = &parts.inbox {
            insert_inbox(conn, key, positions.as_ref(), head)?;
        }
        rows::write(conn, parts)?;
        self.send(conn, &parts.messages, now)?;
        let versions = after.into_iter().map(|(stream, newest)| (stream, newest.version)).collect();
        Ok(Committed::new(versions, positions, Token::new(self.id, head)))
    }
}

/// The position of the newest event, as this connection sees it.
pub(super) fn head(conn: &Connection) -> rusqlite::Result<Position> {
    let mut select = conn.prepare_cached(
        "SELECT max(coalesce((SELECT max(position) FROM freehold_events), 0),
                    coalesce((SELECT max(position) FROM freehold_archive), 0))",
    )?;
    select.query_row([], |found| row::position(found, 0))
}

/// The newest event of each stream that the commit writes, if every expectation holds and no stream is closed.
fn guard(
    conn: &Connection,
    ends: &mut Ends<'_>,
    parts: &Parts,
) -> rusqlite::Result<Result<Vec<Option<Place>>, CommitError>> {
    let mut before = Vec::with_capacity(parts.appends.len());
    for (stream, expected) in parts.guards() {
        let end = ends.of(stream)?;
        let newest = end.map(|end| end.newest);
        let actual = newest.map_or(StreamVersion::NONE, |newest| newest.version);
        // The guards begin with the appends.
        let is_append = before.len() < parts.appends.len();
        if is_append && end.is_some_and(|end| end.is_closed) {
            return Ok(Err(Closed::new(stream.clone(), actual).into()));
        }
        let id = match (expected, newest) {
            (After(_), Some(newest)) => Some(streams::id_at(conn, newest.position)?),
            _ => None,
        };
        if !expected.admits(actual, id) {
            return Ok(Err(Conflict::new(stream.clone(), expected, actual).into()));
        }
        if is_append {
            before.push(newest);
        }
    }
    Ok(Ok(before))
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

pub(super) fn failed(error: rusqlite::Error) -> CommitError {
    CommitError::Backend(error::backend("commit", error))
}
