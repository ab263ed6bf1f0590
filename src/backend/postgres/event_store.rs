//! The port for reading.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::postgres::PgConnection;
use tokio::sync::watch;
use tokio::time::sleep;

use super::error::{BACKEND, backend};
use super::feed::{Feed, one_more};
use super::handle::{PostgresStore, Shared};
use super::row::{self, Decoder};
use crate::ports::{BackendError, EventStore, telemetry};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, Position, ReadFrom, RecordedEvent, StreamId, StreamPage,
    Token,
};

/// The first wait of `changed`; it doubles up to the interval of the options.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(2);

#[async_trait]
impl EventStore for PostgresStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let read = self.shared.read_stream(stream, from, limit).await;
        read.map_err(|error| backend("read a stream", error))
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let read = self.shared.read_all(after, filter, limit).await;
        let page = read.map_err(|error| backend("read the feed", error))?;
        let settled = self.shared.feed.settled().get();
        telemetry::feed_lag(BACKEND, settled.saturating_sub(page.upto.get()));
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        let read = async {
            let mut conn = self.shared.pool.acquire().await?;
            self.shared.feed.head(&mut conn).await
        };
        read.await.map_err(|error| backend("read the head", error))
    }

    // A smaller position may be open still, so that readers do not see the newest event yet.
    async fn end(&self) -> Result<Position, BackendError> {
        let read = async {
            let mut conn = self.shared.pool.acquire().await?;
            self.shared.feed.end(&mut conn).await
        };
        read.await.map_err(|error| backend("read the end", error))
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        let told = self.shared.bells.events.subscribe();
        let changed = self.shared.changed(&self.shared.feed, told, after).await;
        changed.map_err(|error| backend("read the head", error))
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        let read = async {
            let (log, mut conn) = (&self.shared.log, self.shared.pool.acquire().await?);
            match of {
                DedupKey::Inbox(key) => log.handled(&mut conn, key).await,
                DedupKey::Event(id) => {
                    let found = log.recorded(&mut conn, &[*id]).await?;
                    Ok(found.get(id).map(|event| {
                        let (position, token) =
                            (event.position(), Token::new(log.id, event.position()));
                        let versions = vec![(event.stream().clone(), event.version())];
                        Committed::new(versions, Some(position..=position), token)
                    }))
                }
            }
        };
        read.await.map_err(|error| backend("read an outcome", error))
    }
}

impl Shared {
    /// Returns when the head of a log is beyond a position. This store's own commits tell.
    pub(super) async fn changed<T>(
        &self,
        feed: &Feed,
        mut told: watch::Receiver<T>,
        after: Position,
    ) -> sqlx::Result<()> {
        self.listen();
        let mut wait = POLL_INTERVAL_MIN;
        loop {
            told.borrow_and_update();
            if feed.head(&mut *self.pool.acquire().await?).await? > after {
                return Ok(());
            }
            // The groups of this store tell. Others do not, and what they told may not be settled yet.
            tokio::select! {
                _ = told.changed() => wait = POLL_INTERVAL_MIN,
                () = sleep(wait) => wait = (wait * 2).min(self.poll_interval),
            }
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> sqlx::Result<StreamPage> {
        let limit = self.log.limits.page(limit);
        let (sql, bound) = match from {
            ReadFrom::After(version) => (&self.log.sql.forward, row::signed(version.get())),
            ReadFrom::Before(version) => (&self.log.sql.backward, row::signed(version.get())),
            ReadFrom::End => (&self.log.sql.backward, i64::MAX),
        };
        let mut rows = sqlx::query(sql.clone())
            .bind(stream.category())
            .bind(stream.id())
            .bind(bound)
            .bind(one_more(limit))
            .fetch(&self.pool);
        // Decoded while the next ones are on their way.
        let (mut events, mut decoder, mut has_more) = (Vec::new(), Decoder::default(), false);
        while let Some(row) = rows.try_next().await? {
            has_more = events.len() == limit;
            if !has_more {
                events.push(decoder.event_of(stream.clone(), &row)?);
            }
        }
        Ok(StreamPage::new(events, has_more))
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> sqlx::Result<FeedPage> {
        let limit = self.log.limits.page(limit);
        let mut conn = self.pool.acquire().await?;
        let Some(categories) = filter.wanted() else {
            return self.feed.page(&mut conn, after, limit).await;
        };
        let categories: Vec<&str> = categories.iter().map(|category| &**category).collect();
        // Up to where the feed was settled once it stays so: a page that is full before that asks no more. Only a page that
        // can be full is looked for.
        let settled = self.feed.settled();
        if settled.get().saturating_sub(after.get()) > limit as u64 {
            let page = self.read_settled(&mut conn, &categories, (after, settled), limit).await?;
            if page.has_more {
                return Ok(page);
            }
        }
        let head = self.feed.head(&mut conn).await?.max(after);
        self.read_settled(&mut conn, &categories, (after, head), limit).await
    }

    /// The events of some categories after a position, up to one where nothing can appear any more.
    async fn read_settled(
        &self,
        conn: &mut PgConnection,
        categories: &[&str],
        (after, upto): (Position, Position),
        limit: usize,
    ) -> sqlx::Result<FeedPage> {
        let select = match categories {
            [category] => sqlx::query(self.log.sql.feed_of_one.clone()).bind(*category),
            several => sqlx::query(self.log.sql.feed_of.clone()).bind(several),
        };
        let mut rows = select
            .bind(row::signed(after.get()))
            .bind(row::signed(upto.get()))
            .bind(one_more(limit))
            .fetch(conn);
        let room = usize::try_from(upto.get() - after.get()).unwrap_or(limit).min(limit);
        let (mut events, mut decoder) = (Vec::with_capacity(room), Decoder::default());
        // Decoded while the next ones are on their way.
        while let Some(row) = rows.try_next().await? {
            if events.len() == limit {
                let last = events.last().map_or(after, RecordedEvent::position);
                return Ok(FeedPage::new(events, last, true));
            }
            events.push(decoder.event(&row)?);
        }
        Ok(FeedPage::new(events, upto, false))
    }
}
