//! Waking readers.

use std::time::Duration;

use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{EventStore, Position, Store};

use crate::server::{Schemas, one, pool};

/// A reader that is not told looks after 2, 4, 8 milliseconds and so on: after two seconds of that it does not look
/// for two seconds more, and by then a notification has woken it.
#[tokio::test]
async fn a_notification_wakes_the_readers_of_other_handles() {
    let schemas = Schemas::new();
    let writer = schemas.store("log").await;
    let hour = Duration::from_hours(1);
    let options = PostgresOptions { poll_interval: hour, ..schemas.options("log") };
    let reader = PostgresStore::open_with(pool(2).await, options).await.unwrap();
    let mut waiting = reader.changed(Position::new(80));
    let mut n = 0;
    let woken = async {
        loop {
            tokio::select! {
                woken = &mut waiting => return woken.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(30)) => {
                    n += 1;
                    let _ = writer.commit(one(n, "a")).await.unwrap();
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), woken).await.expect("nobody has told");
    assert!(n <= 115, "it has found out by itself");
}

#[tokio::test]
async fn without_notifications_polling_finds_the_commits_of_others() {
    let schemas = Schemas::new();
    let quiet = || PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let writer = PostgresStore::open_with(pool(2).await, quiet()).await.unwrap();
    let reader = PostgresStore::open_with(pool(2).await, quiet()).await.unwrap();
    let waiting = tokio::spawn(async move { reader.changed(Position::START).await });
    let _ = writer.commit(one(1, "a")).await.unwrap();
    let time_limit = Duration::from_mins(1);
    tokio::time::timeout(time_limit, waiting).await.expect("not found").unwrap().unwrap();
}
