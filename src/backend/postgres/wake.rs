//! Wakes the readers of other processes, and is woken by them.
//!
//! A notification is a hint and nothing more: whoever waits also looks by himself. It is sent in a statement of its
//! own, after the commit, since within one it would make all writers of the database queue up; and many commits
//! share one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::sleep;

use super::options::PostgresOptions;
use crate::types::Position;

/// How long to wait before listening again after the connection was lost.
const RELISTEN_INTERVAL: Duration = Duration::from_secs(1);

/// The channel of a log.
pub(super) fn channel(options: &PostgresOptions) -> Arc<str> {
    format!("freehold_{}", options.schema.as_str()).into()
}

/// Tells others that this store has made events, at most once in an interval. It ends with the store.
pub(super) async fn tell(
    pool: PgPool,
    channel: Arc<str>,
    interval: Duration,
    mut heads: watch::Receiver<Position>,
) {
    let mut told = Position::START;
    while heads.changed().await.is_ok() {
        let made = *heads.borrow_and_update();
        // Others' commits touch the value, and do not change it.
        if made > told {
            let tell = sqlx::query("SELECT pg_notify($1, '')").bind(&*channel);
            if let Err(error) = tell.execute(&pool).await {
                tracing::debug!(%error, "cannot notify");
            }
            told = made;
            sleep(interval).await;
        }
    }
}

/// Makes those who wait look again whenever others tell of events. It ends with the last of `heads`.
pub(super) async fn listen(pool: PgPool, channel: Arc<str>, heads: Arc<watch::Sender<Position>>) {
    // A connection of its own: it must not be the one that somebody waits for.
    let options = pool.connect_options().as_ref().clone();
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let heads = {
        let weak = Arc::downgrade(&heads);
        drop(heads);
        weak
    };
    while heads.strong_count() > 0 && !pool.is_closed() {
        if let Ok(mut listener) = PgListener::connect_with(&own).await
            && listener.listen(&channel).await.is_ok()
        {
            // An error, or `None`, is a lost connection, with which notifications were lost too.
            while let Ok(Some(_)) = listener.try_recv().await {
                let Some(heads) = heads.upgrade() else { return };
                heads.send_modify(|_| ());
            }
        }
        sleep(RELISTEN_INTERVAL).await;
    }
}
