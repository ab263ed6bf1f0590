//! Wakes the readers of other processes, and is woken by them.
//!
//! A notification is a hint and nothing more: whoever waits also looks by himself. It is sent in a statement of its
//! own, after the commit, since within one it would make all writers of the database queue up; and many commits
//! share one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
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

/// Makes those who wait look again whenever others tell of events, as long as the store is `alive`.
pub(super) async fn listen(
    options: PgConnectOptions,
    channel: Arc<str>,
    heads: Arc<watch::Sender<Position>>,
    mut alive: watch::Receiver<()>,
) {
    // A connection of its own: it must not be the one that somebody waits for.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let hear = async {
        loop {
            if let Ok(mut listener) = PgListener::connect_with(&own).await
                && listener.listen(&channel).await.is_ok()
            {
                // An error, or `None`, is a lost connection, with which notifications were lost too.
                while let Ok(Some(_)) = listener.try_recv().await {
                    heads.send_modify(|_| ());
                }
            }
            sleep(RELISTEN_INTERVAL).await;
        }
    };
    tokio::select! {
        () = hear => {}
        // Its sender is gone.
        _ = alive.changed() => {}
    }
    own.close().await;
}
