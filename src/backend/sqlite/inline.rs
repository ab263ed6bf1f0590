//! Folding within the append. The file says which folds every writer must have.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::append::{Log, failed, head};
use super::error::BACKEND;
use super::feed;
use super::handle::SqliteStore;
use super::leases;
use super::row_store::page;
use super::rows::{self, Unprepared};
use super::savepoint::Savepoint;
use crate::ports::{BackendError, CommitError, Fault, InlineFold, InlineStore, Inlined};
use crate::types::{
    Committed, LeaseName, Parts, Position, RecordedEvent, Recording, Row, RowWrite, RowsWanted,
    StreamVersion, Token,
};

type Folds = [Arc<dyn InlineFold>];

/// The folds that the commits of one transaction are folded by, once that is found out.
pub(super) type KnownFolds = Option<Vec<Arc<dyn InlineFold>>>;

#[async_trait]
impl InlineStore for SqliteStore {
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError> {
        let log = self.shared.log.clone();
        // Commits behind this one in a transaction fold already.
        log.folds.give(Arc::clone(&fold));
        self.ask("fold within commits", move |conn| Ok(log.inline(conn, &fold))).await?
    }

    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError> {
        let (log, fold) = (self.shared.log.clone(), fold.clone());
        self.ask("fold no more within commits", move |conn| log.detach(conn, &fold)).await
    }
}

impl Log {
    /// The folds that a commit is to be folded by. Their sets are there.
    pub(super) fn folds<'k>(
        &self,
        conn: &Connection,
        parts: &Parts,
        known: &'k mut KnownFolds,
    ) -> Result<&'k Folds, CommitError> {
        if parts.appends.is_empty() {
            return Ok(&[]);
        }
        if known.is_none() {
            let folds = self.folds.named(names(conn).map_err(failed)?)?;
            for fold in &folds {
                if !rows::is_prepared(conn, fold.set()).map_err(failed)? {
                    return Err(missing(Unprepared(fold.set().clone())));
                }
            }
            *known = Some(folds);
        }
        Ok(known.as_deref().unwrap_or_default())
    }

    /// Folds what was written.
    pub(super) fn fold(
        &self,
        conn: &Connection,
        folds: &Folds,
        (parts, done): (&Parts, &Committed),
        recorded_at: DateTime<Utc>,
    ) -> Result<(), CommitError> {
        if folds.is_empty() {
            return Ok(());
        }
        let first = done.positions().map_or(Position::START, |at| *at.start());
        let mut positions = (first.get()..).map(Position::new);
        let mut events = Vec::new();
        for (append, (stream, after)) in parts.appends.iter().zip(done.versions()) {
            let before = after.get() - append.events.len() as u64;
            for ((n, event), position) in (before + 1..).zip(&append.events).zip(&mut positions) {
                let (stream, version) = (stream.clone(), StreamVersion::new(n));
                let at = Recording { stream, version, position, recorded_at };
                events.push(event.clone().recorded(at));
            }
        }
        let rows = self.rows_of(conn, folds, &events)?;
        rows::put(conn, &rows).map_err(failed)
    }

    /// What the folds make of events.
    fn rows_of(
        &self,
        conn: &Connection,
        folds: &[Arc<dyn InlineFold>],
        events: &[RecordedEvent],
    ) -> Result<Vec<RowWrite>, CommitError> {
        let mut rows = Vec::new();
        for fold in folds {
            rows.extend(fold.rows_of(events, |wanted| self.rows_before(conn, &**fold, wanted))?);
        }
        Ok(rows)
    }

    fn rows_before(
        &self,
        conn: &Connection,
        fold: &dyn InlineFold,
        wanted: &[RowsWanted],
    ) -> Result<Vec<Row>, CommitError> {
        let mut rows = Vec::new();
        for mut wanted in wanted.iter().cloned() {
            loop {
                let found = page(conn, fold.set(), &wanted, None, &self.limits).map_err(failed)?;
                let found = found.map_err(missing)?;
                let last = found.rows.last().map(|row| row.key.clone());
                rows.extend(found.rows);
                match &mut wanted {
                    RowsWanted::Page { after, .. } if found.has_more => *after = last,
                    _ => break,
                }
            }
        }
        Ok(rows)
    }

    /// Folds what is behind the checkpoint, and has every commit folded from then on.
    fn inline(
        &self,
        conn: &Connection,
        fold: &Arc<dyn InlineFold>,
    ) -> Result<Inlined, CommitError> {
        if is_inline(conn, fold.name()).map_err(failed)? {
            return Ok(Inlined::Folds);
        }
        let checkpoints = rows::checkpoints(conn, fold.name()).map_err(failed)?;
        let at = checkpoints.iter().find(|at| at.log() == self.id);
        let at = at.copied().map_or(Position::START, Token::position);
        let behind = feed::page(conn, at, self.limits.events_per_page_max).map_err(failed)?;
        if behind.has_more {
            return Ok(Inlined::Behind { at });
        }
        let rows = self.rows_of(conn, std::slice::from_ref(fold), &behind.events)?;
        let set = fold.set();
        if !rows::is_prepared(conn, set).map_err(failed)? {
            return Err(missing(Unprepared(set.clone())));
        }
        let begin = || {
            rows::put(conn, &rows)?;
            leases::hold(conn, fold.name())?;
            rows::move_checkpoint(conn, fold.name(), self.id, head(conn)?)?;
            let insert = "INSERT INTO freehold_inline (name) VALUES (?1)";
            conn.execute(insert, [fold.name().as_str()]).map(drop)
        };
        Savepoint::Commit.whole(conn, begin).map_err(failed)?;
        Ok(Inlined::Folds)
    }

    fn detach(&self, conn: &Connection, fold: &LeaseName) -> rusqlite::Result<()> {
        if !is_inline(conn, fold)? {
            return Ok(());
        }
        Savepoint::Commit.whole(conn, || {
            rows::move_checkpoint(conn, fold, self.id, head(conn)?)?;
            leases::let_go(conn, fold)?;
            conn.execute("DELETE FROM freehold_inline WHERE name = ?1", [fold.as_str()]).map(drop)
        })
    }
}

/// What is folded within every commit.
fn names(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare_cached("SELECT name FROM freehold_inline ORDER BY name")?;
    select.query_map([], |found| found.get(0))?.collect()
}

fn is_inline(conn: &Connection, name: &LeaseName) -> rusqlite::Result<bool> {
    let mut select = conn.prepare_cached("SELECT 1 FROM freehold_inline WHERE name = ?1")?;
    select.exists(params![name.as_str()])
}

fn missing(why: Unprepared) -> CommitError {
    CommitError::from(BackendError::new(BACKEND, "fold", Fault::Missing, why))
}
