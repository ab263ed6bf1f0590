//! Who may do a job now.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::pool::PoolConnection;
use sqlx::{Executor, Postgres, SqlStr};

use super::append::milliseconds;
use super::connection::outside;
use super::error::backend;
use super::handle::{PostgresStore, Shared};
use super::row;
use super::value::Uuid;
use crate::ports::{BackendError, Leases};
use crate::types::{Claim, Lease, LeaseName, LeaseState, Owner, Token};

/// The longest time that a lease is granted for; PostgreSQL's times end somewhere. 100 years.
const TIME_MAX: Duration = Duration::from_hours(100 * 365 * 24);

#[async_trait]
impl Leases for PostgresStore {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        let claim = self.shared.claim(name, owner, time).await;
        claim.map_err(|error| backend("claim a lease", error))
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        let renew = self.shared.touch(&self.shared.log.sql.renew, lease, Some(time)).await;
        renew.map_err(|error| backend("renew a lease", error))
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        let release = self.shared.touch(&self.shared.log.sql.release, lease, None).await;
        release.map(drop).map_err(|error| backend("release a lease", error))
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.shared.lease(name).await.map_err(|error| backend("read a lease", error))
    }
}

impl Shared {
    async fn claim(&self, name: &LeaseName, owner: Owner, time: Duration) -> sqlx::Result<Claim> {
        let row = sqlx::query(self.log.sql.claim.clone())
            .bind(name.as_str())
            .bind(Uuid(owner.as_uuid()))
            .bind(micros(time))
            .bind(milliseconds(self.lock_timeout))
            .fetch_one(&mut *self.outside().await?)
            .await?;
        if let Some(epoch) = row.try_get(0)? {
            return Ok(Claim::Granted(Lease::new(name.clone(), row::epoch(epoch)?)));
        }
        let by = Owner::new(row.try_get::<Uuid, _>(1)?.0);
        let micros: i64 = row.try_get(2)?;
        Ok(Claim::Held { by, expires_in: Duration::from_micros(micros.unsigned_abs()) })
    }

    /// Changes a lease, if it is held under this epoch; `false` if it is not.
    async fn touch(
        &self,
        sql: &SqlStr,
        lease: &Lease,
        time: Option<Duration>,
    ) -> sqlx::Result<bool> {
        let mut statement = sqlx::query(sql.clone())
            .bind(milliseconds(self.lock_timeout))
            .bind(lease.name().as_str())
            .bind(row::signed(lease.epoch().get()));
        if let Some(time) = time {
            statement = statement.bind(micros(time));
        }
        let done = statement.execute(&mut *self.outside().await?).await?;
        Ok(done.rows_affected() > 0)
    }

    async fn lease(&self, name: &LeaseName) -> sqlx::Result<LeaseState> {
        self.lease_on(&self.pool, name).await
    }

    pub(super) async fn lease_on(
        &self,
        conn: impl Executor<'_, Database = Postgres>,
        name: &LeaseName,
    ) -> sqlx::Result<LeaseState> {
        let select = sqlx::query(self.log.sql.lease.clone()).bind(name.as_str());
        let Some(found) = select.fetch_optional(conn).await? else {
            return Ok(LeaseState::default());
        };
        let holder: Option<Uuid> = found.try_get(1)?;
        let (logs, positions): (Vec<Uuid>, Vec<i64>) = (found.try_get(2)?, found.try_get(3)?);
        let checkpoints = logs.into_iter().zip(positions).map(|(log, at)| row::token(log, at));
        let checkpoints: Vec<Token> = checkpoints.collect::<sqlx::Result<_>>()?;
        let holder = holder.map(|id| Owner::new(id.0));
        Ok(LeaseState::new(holder, row::epoch(found.try_get(0)?)?, checkpoints))
    }

    /// A connection on which a statement is a transaction of its own: a lease that is granted in one that is rolled back
    /// would be granted again, under the same epoch.
    pub(super) async fn outside(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        outside(&self.pool).await.map_err(|(_, error)| error)
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.min(TIME_MAX).as_micros()).unwrap_or(i64::MAX)
}
