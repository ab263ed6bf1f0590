//! What waits to be published.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::Row;

use super::append::milliseconds;
use super::error::backend;
use super::handle::{PostgresStore, Shared};
use super::row;
use super::value::Moment;
use crate::ports::{BackendError, Outbox};
use crate::types::{FeedPage, Position};

/// How many messages one transaction removes.
const TRIMMED_MESSAGES_MAX: i64 = 5_000;

#[async_trait]
impl Outbox for PostgresStore {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        let read = self.shared.outbox_page(after, limit).await;
        read.map_err(|error| backend("read the outbox", error))
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        let read = async {
            let mut conn = self.shared.pool.acquire().await?;
            self.shared.outbox.head(&mut conn).await
        };
        read.await.map_err(|error| backend("read the head of the outbox", error))
    }

    // A smaller position may be open still, so that readers do not see the newest message yet.
    async fn outbox_end(&self) -> Result<Position, BackendError> {
        let read = async {
            let mut conn = self.shared.pool.acquire().await?;
            self.shared.outbox.end(&mut conn).await
        };
        read.await.map_err(|error| backend("read the end of the outbox", error))
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        let told = self.shared.bells.messages.subscribe();
        let changed = self.shared.changed(&self.shared.outbox, told, after).await;
        changed.map_err(|error| backend("read the head of the outbox", error))
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        let moved = self.shared.outbox_due(limit).await;
        moved.map_err(|error| backend("move what is due", error))
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        let trimmed = self.shared.outbox_trim(upto).await;
        trimmed.map_err(|error| backend("trim the outbox", error))
    }
}

impl Shared {
    async fn outbox_page(&self, after: Position, limit: usize) -> sqlx::Result<FeedPage> {
        let limit = self.log.limits.page(limit);
        let mut conn = self.pool.acquire().await?;
        let page = self.outbox.page(&mut conn, after, limit).await?;
        if !page.events.is_empty() {
            return Ok(page);
        }
        // What was here may have been trimmed: then the reader goes on behind it, and does not ask for ever.
        self.outbox.advance(&mut conn).await?;
        self.outbox.page(&mut conn, after, limit).await
    }

    async fn outbox_due(&self, limit: usize) -> sqlx::Result<Option<DateTime<Utc>>> {
        let limit = i64::try_from(self.log.limits.page(limit)).unwrap_or(i64::MAX);
        let row = sqlx::query(self.log.sql.outbox_due.clone())
            .bind(Moment(self.log.clock.now().trunc_subsecs(6)))
            .bind(milliseconds(self.lock_timeout))
            .bind(limit)
            .fetch_one(&mut *self.outside().await?)
            .await?;
        if row.try_get::<i64, _>(0)? > 0 {
            self.bells.sent();
        }
        Ok(row.try_get::<Option<Moment>, _>(1)?.map(|next| next.0))
    }

    async fn outbox_trim(&self, upto: Position) -> sqlx::Result<u64> {
        let mut conn = self.outside().await?;
        // What is known to be settled is known to stores that are opened later too.
        let settled = self.outbox.advance(&mut conn).await?;
        let mut removed = 0;
        loop {
            let trim = sqlx::query(self.log.sql.outbox_trim.clone())
                .bind(row::signed(upto.get()))
                .bind(row::signed(settled.get()))
                .bind(TRIMMED_MESSAGES_MAX)
                .bind(milliseconds(self.lock_timeout));
            let here: i64 = trim.fetch_one(&mut *conn).await?.try_get(0)?;
            removed += here.unsigned_abs();
            if here < TRIMMED_MESSAGES_MAX {
                return Ok(removed);
            }
        }
    }
}
