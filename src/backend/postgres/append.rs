//! A group of commits as one statement.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::row;
use super::schema::Sql;
use super::value::{Moment, Uuid};
use crate::ports::Clock;
use crate::types::{
    Commit, Committed, Conflict, EventId, ExpectedVersion, InvalidCommit, Limits, LogId, PartKind,
    Parts, StreamId, Token,
};

/// Everything that a commit can hold is kept.
const KEPT: &[PartKind] = &[PartKind::Appends, PartKind::Checks, PartKind::Inbox];

/// What a commit must know of the log that it goes to.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: LogId,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sql: Sql,
}

/// What came of one commit of a group.
#[derive(Debug)]
pub(super) enum Verdict {
    Written(Committed),
    /// Nothing was written: a guard did not hold, or the commit, or a part of it, is recorded already.
    Refused(Option<Conflict>),
}

impl Log {
    /// The content of a commit, well formed and within the limits.
    pub(super) fn open(&self, commit: Commit) -> Result<Parts, InvalidCommit> {
        commit.into_parts(KEPT, &self.limits)
    }

    /// Writes each commit of a group, whole or not at all. No stream may occur twice in the group, but for those
    /// that are only checked, and no event id or inbox key. Without a `lock_timeout`, that of the session counts.
    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        group: &[&Parts],
        lock_timeout: Option<Duration>,
    ) -> sqlx::Result<Vec<Verdict>> {
        let Arrays { guards: g, events: e, keys: i } = Arrays::of(group)?;
        let rows = sqlx::query(self.sql.commit.clone())
            .bind(g.commit)
            .bind(g.category)
            .bind(g.stream)
            .bind(g.kind)
            .bind(g.version)
            .bind(g.newest)
            .bind(e.guard)
            .bind(e.nth)
            .bind(e.id)
            .bind(e.name)
            .bind(e.data)
            .bind(e.metadata)
            .bind(i.commit)
            .bind(i.consumer)
            .bind(i.message)
            .bind(Moment(self.clock.now()))
            .bind(lock_timeout.map(|time| time.as_millis().max(1).to_string()))
            .fetch_all(conn)
            .await?;
        // Every commit has a guard or a key, and so a row.
        let mut rows = rows.as_slice();
        let mut verdicts = Vec::with_capacity(group.len());
        for (no, parts) in (0_i32..).zip(group) {
            let mut count = 0;
            for row in rows {
                if row.try_get::<i32, _>(0)? != no {
                    break;
                }
                count += 1;
            }
            let (mine, rest) = rows.split_at(count);
            verdicts.push(self.verdict(parts, mine)?);
            rows = rest;
        }
        Ok(verdicts)
    }

    fn verdict(&self, parts: &Parts, rows: &[PgRow]) -> sqlx::Result<Verdict> {
        let Some(any) = rows.first() else { return Err(sqlx::Error::RowNotFound) };
        if any.try_get(2)? {
            for ((stream, expected), row) in parts.guards().zip(rows) {
                let actual = row::version(row.try_get(3)?)?;
                let newest = row.try_get::<Option<Uuid>, _>(4)?.map(|id| EventId::new(id.0));
                if !expected.admits(actual, newest) {
                    let conflict = Conflict::new(stream.clone(), expected, actual);
                    return Ok(Verdict::Refused(Some(conflict)));
                }
            }
            return Ok(Verdict::Refused(None));
        }
        let mut versions = Vec::with_capacity(parts.appends.len());
        for (append, row) in parts.appends.iter().zip(rows) {
            let before = row::version(row.try_get(3)?)?;
            versions.push((append.stream.clone(), before.plus(append.events.len() as u64)));
        }
        let first: Option<i64> = any.try_get(5)?;
        let last: Option<i64> = any.try_get(6)?;
        let positions = match first.zip(last) {
            Some((first, last)) => Some(row::position(first)?..=row::position(last)?),
            None => None,
        };
        let token = match &positions {
            Some(positions) => *positions.end(),
            None => row::position(any.try_get(7)?)?,
        };
        Ok(Verdict::Written(Committed::new(versions, positions, Token::new(self.id, token))))
    }
}

/// The arguments of the function that commits.
#[derive(Default)]
struct Arrays<'p> {
    guards: Guards<'p>,
    events: Events<'p>,
    keys: Keys<'p>,
}

#[derive(Default)]
struct Guards<'p> {
    commit: Vec<i32>,
    category: Vec<&'p str>,
    stream: Vec<&'p str>,
    kind: Vec<i32>,
    version: Vec<i64>,
    newest: Vec<Option<Uuid>>,
}

#[derive(Default)]
struct Events<'p> {
    guard: Vec<i32>,
    nth: Vec<i32>,
    id: Vec<Uuid>,
    name: Vec<&'p str>,
    data: Vec<&'p [u8]>,
    metadata: Vec<Option<String>>,
}

#[derive(Default)]
struct Keys<'p> {
    commit: Vec<i32>,
    consumer: Vec<&'p str>,
    message: Vec<&'p str>,
}

impl<'p> Arrays<'p> {
    fn of(group: &[&'p Parts]) -> sqlx::Result<Self> {
        let mut arrays = Self::default();
        for (no, parts) in (0_i32..).zip(group) {
            arrays.add(no, parts)?;
        }
        Ok(arrays)
    }

    fn add(&mut self, no: i32, parts: &'p Parts) -> sqlx::Result<()> {
        for append in &parts.appends {
            self.guard(no, &append.stream, append.expected);
            // Guards are counted from 1, as arrays are in SQL.
            let guard = i32::try_from(self.guards.commit.len()).unwrap_or(i32::MAX);
            for (nth, event) in (1_i32..).zip(&append.events) {
                let metadata = event.metadata();
                let json =
                    (!metadata.is_empty()).then(|| serde_json::to_string(metadata)).transpose();
                let json = json.map_err(|why| sqlx::Error::Encode(why.into()))?;
                self.events.guard.push(guard);
                self.events.nth.push(nth);
                self.events.id.push(Uuid(event.id().as_uuid()));
                self.events.name.push(event.name().as_str());
                self.events.data.push(event.data());
                self.events.metadata.push(json);
            }
        }
        for check in &parts.checks {
            self.guard(no, &check.stream, check.expected);
        }
        if let Some(key) = &parts.inbox {
            self.keys.commit.push(no);
            self.keys.consumer.push(key.consumer());
            self.keys.message.push(key.message());
        }
        Ok(())
    }

    fn guard(&mut self, no: i32, stream: &'p StreamId, expected: ExpectedVersion) {
        let (kind, version, newest) = match expected {
            ExpectedVersion::Any => (0, 0, None),
            ExpectedVersion::NoStream => (1, 0, None),
            ExpectedVersion::StreamExists => (2, 0, None),
            ExpectedVersion::Exact(version) => (3, row::signed(version.get()), None),
            ExpectedVersion::After(event) => (4, 0, Some(Uuid(event.as_uuid()))),
        };
        self.guards.commit.push(no);
        self.guards.category.push(stream.category());
        self.guards.stream.push(stream.id());
        self.guards.kind.push(kind);
        self.guards.version.push(version);
        self.guards.newest.push(newest);
    }
}
