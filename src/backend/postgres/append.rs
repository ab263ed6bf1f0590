//! A group of commits as one statement.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::arrays::Arrays;
use super::messages;
use super::row;
use super::rows::{self, goes_apart};
use super::schema::Sql;
use super::value::{List, Moment, Uuid};
use crate::ports::{Clock, CommitError, InlineFolds};
use crate::types::{
    Advance, Closed, Commit, Committed, Conflict, EventId, Fenced, InvalidCommit, Limits, LogId,
    PartKind, Parts, Position, Standing, StreamVersion, Token,
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
    pub(super) sql: Sql,
    pub(super) folds: InlineFolds,
}

/// What came of one commit of a group.
#[derive(Debug)]
pub(super) enum Verdict {
    Written(Committed),
    /// Nothing was written.
    Refused(Refusal),
}

/// Why nothing of a commit was written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A guard did not hold, or a stream is closed; or the commit, or a part of it, is recorded already.
    Recorded(Option<CommitError>),
    /// The lease is not the writer's, or the checkpoint is elsewhere.
    Fenced(Fenced),
    /// The checkpoint is where it was to go: this commit happened before, or it is fenced. The token is of the head, for a
    /// commit without events.
    Moved(Fenced, Option<Token>),
}

impl Log {
    /// The content of a commit, well formed and within the limits.
    pub(super) fn open(&self, commit: Commit) -> Result<Parts, InvalidCommit> {
        commit.into_parts(KEPT, &self.limits)
    }

    /// Writes each commit of a group, whole or not at all. No stream that one of them writes may be in another; an
    /// event id or an inbox key that is in two of them fails the statement. A commit that goes apart is a group of one.
    /// Also tells the positions of all events that were written.
    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        group: &[&Parts],
        how: How,
    ) -> sqlx::Result<(Vec<Verdict>, Vec<i64>)> {
        let Arrays { guards: g, events: e, keys: i, places } = Arrays::of(group)?;
        let apart = group.first().filter(|parts| goes_apart(parts));
        let sends = group.iter().any(|parts| !parts.messages.is_empty());
        let sql = match (sends, apart) {
            (true, _) => &self.sql.commit_and_send,
            (false, Some(_)) => &self.sql.commit_rows,
            (false, None) => &self.sql.commit,
        };
        let no_rows = Parts::default();
        let mut statement = sqlx::query(sql.clone())
            .bind(List(g.commit))
            .bind(List(g.category))
            .bind(List(g.stream))
            .bind(List(g.kind))
            .bind(List(g.version))
            .bind(List(g.newest))
            .bind(List(e.guard))
            .bind(List(e.nth))
            .bind(List(e.id))
            .bind(List(e.name))
            .bind(List(e.data))
            .bind(List(e.metadata))
            .bind(List(i.commit))
            .bind(List(i.consumer))
            .bind(List(i.message))
            .bind(Moment(how.at))
            .bind(how.lock_timeout.map(milliseconds))
            .bind(how.is_careful)
            .bind(group.iter().any(|parts| parts.appends.is_empty()));
        if sends || apart.is_some() {
            statement = rows::bind(statement, apart.map_or(&no_rows, |parts| *parts))?;
        }
        if sends {
            statement = messages::bind(statement, group, how.at)?;
        }
        let row = statement.fetch_one(conn).await?;
        let written = Written::of(&row)?;
        if let Some(advance) = apart.and_then(|parts| parts.advance.as_ref())
            && let Some(refusal) = self.fence(advance, &row, written.head)?
        {
            return Ok((vec![Verdict::Refused(refusal)], Vec::new()));
        }
        let positions = written.positions.as_slice().to_vec();
        Ok((written.verdicts(self.id, group, &places)?, positions))
    }

    /// Sends the messages of a commit that holds nothing else, in a transaction of the user's that has written something; `None` if
    /// that is not so, or the log is another.
    pub(super) async fn enqueue(
        &self,
        conn: &mut PgConnection,
        parts: &Parts,
        how: How,
    ) -> sqlx::Result<Option<Verdict>> {
        let statement = sqlx::query(self.sql.enqueue.clone())
            .bind(Uuid(self.id.as_uuid()))
            .bind(Moment(how.at));
        let row = messages::bind(statement, &[parts], how.at)?.fetch_one(conn).await?;
        if !row.try_get::<bool, _>(5)? {
            return Ok(None);
        }
        let places = Arrays::of(&[parts])?.places;
        Ok(Written::of(&row)?.verdicts(self.id, &[parts], &places)?.pop())
    }

    /// Why an advance may not happen, if it may not.
    fn fence(
        &self,
        advance: &Advance,
        row: &PgRow,
        head: Option<i64>,
    ) -> sqlx::Result<Option<Refusal>> {
        let epoch = row::epoch(row.try_get(5)?)?;
        let checkpoint = row::position(row.try_get(6)?)?;
        Ok(match advance.standing(epoch, checkpoint) {
            Ok(Standing::Open) => None,
            Ok(Standing::Moved(fenced)) => {
                let head = head.map(row::position).transpose()?;
                Some(Refusal::Moved(fenced, head.map(|head| Token::new(self.id, head))))
            }
            Err(fenced) => Some(Refusal::Fenced(fenced)),
        })
    }
}

/// A time as PostgreSQL's settings have it; 0 would be none.
pub(super) fn milliseconds(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}

/// How a group is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// How long to wait for streams that others hold, in a statement that is a transaction of its own; `None`: as long as
    /// the session says, in the user's transaction.
    pub(super) lock_timeout: Option<Duration>,
    /// Whether to look for the events first. If not, one that is recorded fails the statement.
    pub(super) is_careful: bool,
    /// When it is, in whole microseconds.
    pub(super) at: DateTime<Utc>,
}

impl How {
    pub(super) fn new(log: &Log, lock_timeout: Option<Duration>, is_careful: bool) -> Self {
        Self { lock_timeout, is_careful, at: log.clock.now().trunc_subsecs(6) }
    }
}

/// What the function answers.
struct Written {
    before: Vec<i64>,
    newest: Vec<Option<Uuid>>,
    refused: Vec<i32>,
    positions: std::vec::IntoIter<i64>,
    head: Option<i64>,
}

impl Written {
    fn of(row: &PgRow) -> sqlx::Result<Self> {
        let refused: Vec<i32> = row.try_get(2)?;
        // Only conflicts ask for it.
        let newest = if refused.is_empty() { None } else { row.try_get(1)? };
        Ok(Self {
            before: row.try_get::<Option<_>, _>(0)?.unwrap_or_default(),
            newest: newest.unwrap_or_default(),
            refused,
            positions: row.try_get::<Option<Vec<_>>, _>(3)?.unwrap_or_default().into_iter(),
            head: row.try_get(4)?,
        })
    }

    /// What came of each commit, whose guards stand at these `places`.
    fn verdicts(
        mut self,
        log: LogId,
        group: &[&Parts],
        mut places: &[usize],
    ) -> sqlx::Result<Vec<Verdict>> {
        let mut verdicts = Vec::with_capacity(group.len());
        for (no, parts) in (0_i32..).zip(group) {
            let guards = parts.appends.len() + parts.checks.len();
            let (here, left) = places.split_at_checked(guards).ok_or(sqlx::Error::RowNotFound)?;
            places = left;
            verdicts.push(if self.refused.contains(&no) {
                Verdict::Refused(Refusal::Recorded(self.failing(parts, here)?))
            } else {
                Verdict::Written(self.written(log, parts, here)?)
            });
        }
        Ok(verdicts)
    }

    /// Where a commit landed. For the commits in their order.
    fn written(&mut self, log: LogId, parts: &Parts, places: &[usize]) -> sqlx::Result<Committed> {
        let mut versions = Vec::with_capacity(parts.appends.len());
        for (append, place) in parts.appends.iter().zip(places) {
            let after = self.version(*place)?.plus(append.events.len() as u64);
            versions.push((append.stream.clone(), after));
        }
        let positions = self.take(parts.events().count())?;
        let token = match &positions {
            Some(positions) => *positions.end(),
            None => row::position(self.head.ok_or(sqlx::Error::RowNotFound)?)?,
        };
        Ok(Committed::new(versions, positions, Token::new(log, token)))
    }

    /// What the first guard says that does not hold; `None` if all of them do.
    fn failing(&self, parts: &Parts, places: &[usize]) -> sqlx::Result<Option<CommitError>> {
        for ((stream, expected), place) in parts.guards().zip(places) {
            let actual = self.version(*place)?;
            if self.is_closed(*place) {
                return Ok(Some(Closed::new(stream.clone(), actual).into()));
            }
            let newest = self.newest.get(*place).copied().flatten();
            if !expected.admits(actual, newest.map(|id| EventId::new(id.0))) {
                return Ok(Some(Conflict::new(stream.clone(), expected, actual).into()));
            }
        }
        Ok(None)
    }

    /// Whether the guard is of an append to a closed stream. They are counted from 1, and below zero.
    fn is_closed(&self, place: usize) -> bool {
        let no = i32::try_from(place + 1).unwrap_or(i32::MAX);
        self.refused.contains(&-no)
    }

    /// The version that a guarded stream was at.
    fn version(&self, place: usize) -> sqlx::Result<StreamVersion> {
        row::version(*self.before.get(place).ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The places of the next so many events.
    fn take(&mut self, events: usize) -> sqlx::Result<Option<RangeInclusive<Position>>> {
        let Some(last) = events.checked_sub(1) else { return Ok(None) };
        let first = self.positions.next().ok_or(sqlx::Error::RowNotFound)?;
        let last = match last {
            0 => first,
            n => self.positions.nth(n - 1).ok_or(sqlx::Error::RowNotFound)?,
        };
        Ok(Some(row::position(first)?..=row::position(last)?))
    }
}
