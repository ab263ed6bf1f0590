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

use super::options::{NAME_BYTES_MAX, PostgresOptions};
use crate::types::Position;

/// How long to wait before listening again after the connection was lost.
const RELISTEN_INTERVAL: Duration = Duration::from_secs(1);

/// The channel of a log: `freehold_` and the schema's name; or, since PostgreSQL takes none that is longer than a name, a long
/// schema's name alone. Should two have one channel by that, they wake each other's readers for nothing.
pub(super) fn channel(options: &PostgresOptions) -> Arc<str> {
    let channel = format!("freehold_{}", options.schema.as_str());
    if channel.len() > NAME_BYTES_MAX { options.schema.as_str().into() } else { channel.into() }
}

/// What a notification says that tells of messages; one that tells of events says nothing.
const MESSAGES: &str = "outbox";

/// What wakes those who wait in this process.
#[derive(Debug, Default)]
pub(super) struct Bells {
    /// The newest position of an event that this store has made; touched to make waiters look again.
    pub(super) events: watch::Sender<Position>,
    /// How often this store has sent messages; touched likewise.
    pub(super) messages: watch::Sender<u64>,
}

impl Bells {
    /// An event can be seen, perhaps.
    pub(super) fn made(&self, head: Position) {
        // Also for a smaller position than is known: it may have filled a gap.
        self.events.send_modify(|known| *known = head.max(*known));
    }

    /// A message can be seen, perhaps.
    pub(super) fn sent(&self) {
        self.messages.send_modify(|times| *times = times.wrapping_add(1));
    }
}

/// Tells others of what this store has made, as long as it is there.
pub(super) fn tell_all(pool: &PgPool, channel: &Arc<str>, interval: Duration, bells: &Bells) {
    let (events, messages) = (bells.events.subscribe(), bells.messages.subscribe());
    tokio::spawn(tell(pool.clone(), Arc::clone(channel), "", interval, events));
    tokio::spawn(tell(pool.clone(), Arc::clone(channel), MESSAGES, interval, messages));
}

/// Tells others that this store has made more of something, at most once in an interval. It ends with the store.
async fn tell<T: Copy + Default + PartialOrd>(
    pool: PgPool,
    channel: Arc<str>,
    says: &'static str,
    interval: Duration,
    mut bell: watch::Receiver<T>,
) {
    let mut told = T::default();
    while bell.changed().await.is_ok() {
        let made = *bell.borrow_and_update();
        // Others' commits touch the value, and do not change it.
        if made > told {
            let tell = sqlx::query("SELECT pg_notify($1, $2)").bind(&*channel).bind(says);
            if let Err(error) = tell.execute(&pool).await {
                tracing::debug!(%error, "cannot notify");
            }
            told = made;
            sleep(interval).await;
        }
    }
}

/// Makes those who wait look again whenever others tell, as long as the store is `alive`.
pub(super) async fn listen(
    options: PgConnectOptions,
    channel: Arc<str>,
    bells: Arc<Bells>,
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
                while let Ok(Some(told)) = listener.try_recv().await {
                    match told.payload() {
                        MESSAGES => bells.messages.send_modify(|_| ()),
                        _ => bells.events.send_modify(|_| ()),
                    }
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
