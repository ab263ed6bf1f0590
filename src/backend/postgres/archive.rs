//! The archive: a second table, which inherits from that of events. Whoever reads events reads both, and nothing but this knows.

use async_trait::async_trait;
use sqlx::Row;

use super::append::milliseconds;
use super::error::backend;
use super::handle::{PostgresStore, Shared};
use crate::ports::{Archive, BackendError};
use crate::types::Archived;

#[async_trait]
impl Archive for PostgresStore {
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError> {
        let moved = self.shared.archive(events_max).await;
        moved.map_err(|error| backend("archive", error))
    }
}

impl Shared {
    async fn archive(&self, events_max: usize) -> sqlx::Result<Archived> {
        let events_max = i64::try_from(self.log.limits.page(events_max)).unwrap_or(i64::MAX);
        let row = sqlx::query(self.log.sql.archive.clone())
            .bind(events_max)
            .bind(milliseconds(self.lock_timeout))
            .fetch_one(&mut *self.outside().await?)
            .await?;
        let count = |column| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        Ok(Archived::new(count(0)?, count(1)?, row.try_get(2)?))
    }
}
