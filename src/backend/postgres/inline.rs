//! Folding within the append. The schema says which folds every writer must have, and refuses those that have others.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row as _};

use super::append::{How, Log, Verdict, milliseconds};
use super::error::{self, backend, closed, refusal};
use super::feed::one_more;
use super::handle::{PostgresStore, Shared};
use super::row::{self, Decoder};
use super::row_store::range;
use super::rows::Rows;
use crate::ports::{BackendError, CommitError, InlineFold, InlineStore, Inlined, Unfoldable};
use crate::types::{
    LeaseName, Parts, Position, RecordedEvent, Recording, Row, RowKey, RowWrite, RowsWanted,
    StreamVersion,
};

#[async_trait]
impl InlineStore for PostgresStore {
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError> {
        // Commits that come when it has happened, and before we know it, fold already.
        self.shared.log.folds.give(Arc::clone(&fold));
        let shared = Arc::clone(&self.shared);
        // A task of its own: the driver can leave a connection of the pool within a transaction when the future
        // that begins one is dropped.
        let begun = tokio::spawn(async move { shared.inline(&fold).await }).await;
        let begun = begun.map_err(|_| CommitError::Unknown(closed("fold within commits")))?;
        begun.map_err(|error| error::of_commit("fold within commits", error))
    }

    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError> {
        let (shared, fold) = (Arc::clone(&self.shared), fold.clone());
        let ended = tokio::spawn(async move { shared.detach(&fold).await }).await;
        let ended = ended.map_err(|_| closed("fold no more within commits"))?;
        ended.map_err(|error| backend("fold no more within commits", error))
    }
}

impl Shared {
    async fn inline(&self, fold: &Arc<dyn InlineFold>) -> sqlx::Result<Inlined> {
        let page_max = self.log.limits.events_per_page_max;
        let mut conn = self.outside().await?;
        // Looked at first without holding anybody out.
        let state = self.lease_on(&mut *conn, fold.name()).await?;
        let at = state.checkpoint(self.log.id);
        if self.log.behind(&mut conn, at, page_max).await?.len() > page_max {
            return Ok(Inlined::Behind { at });
        }
        let mut tx = conn.begin().await?;
        let held = sqlx::query(self.log.sql.hold_out.clone())
            .bind(fold.name().as_str())
            .bind(milliseconds(self.lock_timeout))
            .fetch_one(&mut *tx)
            .await?;
        if held.try_get(0)? {
            tx.rollback().await?;
            return Ok(Inlined::Folds);
        }
        let at = row::position(held.try_get(1)?)?;
        let behind = self.log.behind(&mut tx, at, page_max).await?;
        if behind.len() > page_max {
            tx.rollback().await?;
            return Ok(Inlined::Behind { at });
        }
        let folds = [Arc::clone(fold)];
        self.log.fold(&mut tx, &folds, &behind).await?;
        self.log.set_inline(&mut tx, fold.name(), true).await?;
        tx.commit().await?;
        Ok(Inlined::Folds)
    }

    async fn detach(&self, fold: &LeaseName) -> sqlx::Result<()> {
        let mut conn = self.outside().await?;
        let mut tx = conn.begin().await?;
        let held = sqlx::query(self.log.sql.hold_out.clone())
            .bind(fold.as_str())
            .bind(milliseconds(self.lock_timeout))
            .fetch_one(&mut *tx)
            .await?;
        if held.try_get(0)? {
            self.log.set_inline(&mut tx, fold, false).await?;
            tx.commit().await
        } else {
            tx.rollback().await
        }
    }
}

impl Log {
    /// Whether a group has what the folds that were given are for.
    pub(super) fn folds_some(&self, group: &[&Parts]) -> bool {
        !self.folds.all().is_empty() && group.iter().any(|parts| !parts.appends.is_empty())
    }

    /// Writes a group, and folds what was written, within a transaction that has begun.
    pub(super) async fn write_and_fold(
        &self,
        conn: &mut PgConnection,
        group: &[&Parts],
        how: How,
    ) -> sqlx::Result<Vec<Verdict>> {
        let given = self.folds.all();
        let categories =
            || group.iter().flat_map(|parts| &parts.appends).map(|a| a.stream.category());
        let is_touched =
            |fold: &&Arc<dyn InlineFold>| categories().any(|of| fold.filter().admits(of));
        let touched: Vec<&str> =
            given.iter().filter(is_touched).map(|fold| fold.name().as_str()).collect();
        let begun = sqlx::query(self.sql.begin_fold.clone())
            .bind(touched)
            .bind(how.lock_timeout.map(milliseconds))
            .fetch_one(&mut *conn)
            .await?;
        let folds = self.folds.named(begun.try_get::<Vec<String>, _>(0)?).map_err(refusal)?;
        let (verdicts, positions) = self.write(conn, group, how).await?;
        let events = recorded(group, &verdicts, positions, how)?;
        self.fold(conn, &folds, &events).await?;
        Ok(verdicts)
    }

    /// Folds events that are in the log, in this transaction.
    async fn fold(
        &self,
        conn: &mut PgConnection,
        folds: &[Arc<dyn InlineFold>],
        events: &[RecordedEvent],
    ) -> sqlx::Result<()> {
        let mut writes = Vec::new();
        for fold in folds {
            let wanted = fold.wanted_of(events);
            if wanted.is_empty() {
                continue;
            }
            let failed = |why| refusal(Unfoldable::failed(&**fold, why));
            let folding = fold.begin(&wanted).map_err(failed)?;
            let before = self.rows_before(conn, &**fold, folding.wanted()).await?;
            writes.extend(folding.fold(before).map_err(failed)?);
        }
        self.write_rows(conn, &writes).await
    }

    async fn rows_before(
        &self,
        conn: &mut PgConnection,
        fold: &dyn InlineFold,
        wanted: &[RowsWanted],
    ) -> sqlx::Result<Vec<Row>> {
        let mut before = Vec::new();
        for wanted in wanted {
            let sql = |which: &str| {
                let sql =
                    format!("SELECT key, value::text FROM {{view}} WHERE {which} ORDER BY key");
                sqlx::query(self.sql.of_set(fold.set(), &sql))
            };
            let statement = match wanted {
                RowsWanted::Keys(keys) => {
                    let keys: Vec<&str> = keys.iter().map(RowKey::as_str).collect();
                    sql("key = ANY($1)").bind(keys)
                }
                RowsWanted::Page { prefix, .. } => match range(prefix) {
                    (from, Some(end)) => sql("key >= $1 AND key < $2").bind(from).bind(end),
                    (from, None) => sql("key >= $1").bind(from),
                },
            };
            for line in statement.fetch_all(&mut *conn).await? {
                before.push(row::row(line.try_get(0)?, line.try_get(1)?)?);
            }
        }
        Ok(before)
    }

    async fn write_rows(&self, conn: &mut PgConnection, writes: &[RowWrite]) -> sqlx::Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let Rows { view, count, key, value } = Rows::of(writes)?;
        let statement = sqlx::query(self.sql.write_rows.clone());
        statement.bind(view).bind(count).bind(key).bind(value).execute(conn).await.map(drop)
    }

    /// The events behind a checkpoint: a page, and one more if there is one.
    async fn behind(
        &self,
        conn: &mut PgConnection,
        at: Position,
        page_max: usize,
    ) -> sqlx::Result<Vec<RecordedEvent>> {
        let page = sqlx::query(self.sql.feed.page.clone()).bind(row::signed(at.get()));
        let mut decoder = Decoder::default();
        let lines = page.bind(one_more(page_max)).fetch_all(conn).await?;
        lines.iter().map(|line| decoder.event(line)).collect()
    }

    async fn set_inline(
        &self,
        conn: &mut PgConnection,
        fold: &LeaseName,
        folds: bool,
    ) -> sqlx::Result<()> {
        let statement = sqlx::query(self.sql.set_inline.clone());
        statement.bind(fold.as_str()).bind(folds).execute(conn).await.map(drop)
    }
}

/// The events of a group that were written, in the order of their positions.
fn recorded(
    group: &[&Parts],
    verdicts: &[Verdict],
    positions: Vec<i64>,
    how: How,
) -> sqlx::Result<Vec<RecordedEvent>> {
    let mut positions = positions.into_iter();
    let mut events = Vec::with_capacity(positions.len());
    for (parts, verdict) in group.iter().zip(verdicts) {
        let Verdict::Written(done) = verdict else { continue };
        for (append, (stream, after)) in parts.appends.iter().zip(done.versions()) {
            for (event, left) in append.events.iter().zip((0..append.events.len() as u64).rev()) {
                let position = positions.next().ok_or(sqlx::Error::RowNotFound)?;
                events.push(event.clone().recorded(Recording {
                    stream: stream.clone(),
                    version: StreamVersion::new(after.get() - left),
                    position: row::position(position)?,
                    recorded_at: how.at,
                }));
            }
        }
    }
    events.sort_unstable_by_key(RecordedEvent::position);
    Ok(events)
}
