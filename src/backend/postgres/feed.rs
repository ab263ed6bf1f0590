//! How far the feed can be read: up to where nothing can appear any more.
//!
//! A position is drawn before its transaction commits, so one that can be seen may have a smaller one beside it that
//! cannot be seen yet. Two things settle that, and both are exact. Positions come one at a time, so a run without a
//! gap misses nothing. And every writer holds a lock from before it draws until it can be seen: when those who held it
//! after `n` could be seen are gone, what is missing up to `n` was rolled back.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::row::{self, Decoder};
use super::schema::FeedSql;
use crate::types::{FeedPage, Position};

/// How many positions are looked at in search of a gap.
const RUN_POSITIONS_MAX: i64 = 5_000;
/// How many positions are waited for at a time, each with the writers that were there when it could be seen.
const EPOCHS_MAX: usize = 64;
/// How the names of prepared transactions begin.
const PREPARED: &str = "-1/";

/// A log in the order of its positions, and what is known of its end, which only ever moves forward.
#[derive(Debug)]
pub(super) struct Feed {
    sql: FeedSql,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Nothing can appear up to here.
    settled: u64,
    /// What else will be settled, each as soon as some transactions have ended; by position.
    epochs: VecDeque<Epoch>,
}

/// Nothing can appear up to `seen` when `holders` have ended.
#[derive(Debug)]
struct Epoch {
    seen: u64,
    holders: Vec<String>,
}

impl Feed {
    pub(super) fn new(sql: &FeedSql) -> Self {
        Self { sql: sql.clone(), state: Mutex::default() }
    }

    /// Nothing can appear up to here.
    pub(super) fn settled(&self) -> Position {
        Position::new(self.state().settled)
    }

    /// Looks how far the feed is settled by now.
    pub(super) async fn advance(&self, conn: &mut PgConnection) -> sqlx::Result<Position> {
        let row = sqlx::query(self.sql.horizon.clone()).fetch_one(&mut *conn).await?;
        let seen = row::position(row.try_get(0)?)?.get();
        self.settle(row::position(row.try_get(2)?)?.get());
        let settled = self.take_note(seen, row.try_get(1)?);
        if settled >= seen {
            return Ok(Position::new(settled));
        }
        // Somebody is writing. What follows without a gap can be read all the same.
        let mut end = settled;
        loop {
            let run = sqlx::query(self.sql.run.clone());
            let run = run.bind(row::signed(end)).bind(RUN_POSITIONS_MAX);
            let from = end;
            for row in run.fetch_all(&mut *conn).await? {
                let position = row::position(row.try_get(0)?)?.get();
                if position != end + 1 {
                    break;
                }
                end = position;
            }
            // A whole page without a gap: it may go on.
            if end - from < RUN_POSITIONS_MAX.unsigned_abs() {
                return Ok(Position::new(self.settle(end)));
            }
        }
    }

    /// The newest position that readers can see.
    pub(super) async fn head(&self, conn: &mut PgConnection) -> sqlx::Result<Position> {
        let settled = self.advance(conn).await?;
        self.newest_upto(conn, row::signed(settled.get())).await
    }

    /// The newest position that is committed.
    pub(super) async fn end(&self, conn: &mut PgConnection) -> sqlx::Result<Position> {
        self.newest_upto(conn, i64::MAX).await
    }

    async fn newest_upto(&self, conn: &mut PgConnection, upto: i64) -> sqlx::Result<Position> {
        let select = sqlx::query(self.sql.newest.clone()).bind(upto);
        let newest: Option<i64> = select.fetch_one(conn).await?.try_get(0)?;
        newest.map_or(Ok(Position::START), row::position)
    }

    /// A page of all that is after a position.
    pub(super) async fn page(
        &self,
        conn: &mut PgConnection,
        after: Position,
        limit: usize,
    ) -> sqlx::Result<FeedPage> {
        let (page, is_whole) = self.read_run(&mut *conn, after, limit).await?;
        if is_whole {
            return Ok(page);
        }
        // A gap. Once it is known what it means, the page is read again: something may have appeared in it.
        self.advance(&mut *conn).await?;
        Ok(self.read_run(conn, after, limit).await?.0)
    }

    /// What is after a position, as far as nothing can appear in between; and whether that is as far as it was asked for, or
    /// goes.
    async fn read_run(
        &self,
        conn: &mut PgConnection,
        after: Position,
        limit: usize,
    ) -> sqlx::Result<(FeedPage, bool)> {
        // What is settled must be known before the rows are read.
        let settled = self.settled().max(after);
        let mut rows = sqlx::query(self.sql.page.clone())
            .bind(row::signed(after.get()))
            .bind(one_more(limit))
            .fetch(conn);
        let (mut events, mut decoder, mut safe) = (Vec::new(), Decoder::default(), settled);
        let mut upto = after;
        // Decoded while the next ones are on their way.
        while let Some(row) = rows.try_next().await? {
            let position = row::position(row.try_get(0)?)?;
            if position > safe && position.get() != safe.get() + 1 {
                return Ok((FeedPage::new(events, safe, false), false));
            }
            if events.len() == limit {
                return Ok((FeedPage::new(events, upto, true), true));
            }
            safe = safe.max(position);
            upto = position;
            events.push(decoder.event(&row)?);
        }
        Ok((FeedPage::new(events, safe, false), true))
    }

    /// Takes note of the newest position that could be seen, and of who held the lock after that.
    fn take_note(&self, seen: u64, holders: Vec<String>) -> u64 {
        let mut state = self.state();
        let State { settled, epochs } = &mut *state;
        // A transaction that is prepared goes on holding the lock under another name: while there is one, nobody is
        // known to be gone.
        let anybody_may_be_there = holders.iter().any(|holder| holder.starts_with(PREPARED));
        // Looks end in any order. This one knows nothing of those who drew after it.
        let known = epochs.iter_mut().filter(|epoch| epoch.seen <= seen && !anybody_may_be_there);
        for epoch in known {
            epoch.holders.retain(|holder| holders.contains(holder));
            if epoch.holders.is_empty() {
                *settled = (*settled).max(epoch.seen);
            }
        }
        if holders.is_empty() {
            *settled = (*settled).max(seen);
        }
        epochs.retain(|epoch| epoch.seen > *settled);
        // An epoch for each look: whoever begins to write later holds none of the earlier ones up.
        let newest = epochs.back().map_or(*settled, |epoch| epoch.seen);
        if seen > newest && epochs.len() < EPOCHS_MAX {
            epochs.push_back(Epoch { seen, holders });
        }
        *settled
    }

    fn settle(&self, upto: u64) -> u64 {
        let mut state = self.state();
        state.settled = state.settled.max(upto);
        state.settled
    }

    // What is behind the lock is whole between any two statements.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limit of a query that shows whether more follows.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::postgres::options::PostgresOptions;
    use crate::backend::postgres::schema::Sql;

    fn feed() -> Feed {
        Feed::new(&Sql::new(&PostgresOptions::default()).feed)
    }

    fn note(feed: &Feed, seen: u64, holders: &[&str]) -> u64 {
        feed.take_note(seen, holders.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_gap_is_settled_when_those_who_could_fill_it_are_gone() {
        let feed = feed();
        assert_eq!(note(&feed, 5, &["3/7", "4/9"]), 0);
        assert_eq!(note(&feed, 8, &["4/9", "5/1"]), 0, "one of them is still there");
        assert_eq!(note(&feed, 9, &["5/1", "3/8"]), 5, "others do not matter");
        assert_eq!(note(&feed, 9, &["3/8", "6/2"]), 8, "nor do those who came later");
        assert_eq!(note(&feed, 9, &[]), 9);
        assert_eq!(note(&feed, 4, &[]), 9, "it never goes back");
    }

    #[test]
    fn an_old_look_that_ends_late_settles_nothing_newer() {
        let feed = feed();
        assert_eq!(note(&feed, 8, &["3/7"]), 0);
        assert_eq!(note(&feed, 5, &[]), 5, "it was before 3/7 drew");
        assert_eq!(note(&feed, 8, &[]), 8);
    }

    #[test]
    fn a_prepared_transaction_is_not_gone() {
        let feed = feed();
        assert_eq!(note(&feed, 8, &["3/7"]), 0);
        assert_eq!(note(&feed, 9, &["-1/731"]), 0, "3/7 by another name");
        assert_eq!(note(&feed, 9, &["4/1"]), 9);
    }
}
