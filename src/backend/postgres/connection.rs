//! A connection on which a statement is a transaction of its own.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{Executor, Postgres, Row};

use super::error::{Fate, fate_without_connection};

/// A connection of the pool that is not within a transaction. The driver can leave one in it that the user began:
/// what is written over it would be acknowledged, and lost with it.
pub(super) async fn outside(
    pool: &PgPool,
) -> Result<PoolConnection<Postgres>, (Fate, sqlx::Error)> {
    // A statement that is a transaction of its own began when the transaction did.
    const IS_OUTSIDE: &str = "SELECT transaction_timestamp() = statement_timestamp()";
    loop {
        let conn = pool.acquire().await;
        let mut conn = conn.map_err(|error| (fate_without_connection(&error), error))?;
        let looked = conn.fetch_one(sqlx::raw_sql(IS_OUTSIDE)).await;
        // Nothing that matters was sent yet.
        if looked.and_then(|row| row.try_get(0)).map_err(|error| (Fate::Again, error))? {
            return Ok(conn);
        }
        conn.close_on_drop();
    }
}
