//! Waking readers.

use std::time::Duration;

use freehold::backend::postgres::sqlx::postgres::PgListener;
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{EventStore, Position, Store};
use tokio::time::{Instant, timeout, timeout_at};

use crate::server::{Schemas, one, pool, url};

/// A reader that is not told looks after 2, 4, 8 milliseconds and so on: it looks 4,094 milliseconds after it began, and then
/// not before 8,190. Whoever wakes it in between is a notification.
async fn a_notification_wakes_others_in(log: &str) {
    let schemas = Schemas::new();
    let writer = schemas.store(log).await;
    let hour = Duration::from_hours(1);
    let options = PostgresOptions { poll_interval: hour, ..schemas.options(log) };
    let reader = PostgresStore::open_with(pool(2).await, options).await.unwrap();
    let began = Instant::now();
    let mut waiting = reader.changed(Position::START);
    let woken = timeout_at(began + Duration::from_millis(4_500), &mut waiting).await;
    assert!(woken.is_err(), "there was nothing to be woken by");
    let _ = writer.commit(one(1, "a")).await.unwrap();
    let woken = timeout_at(began + Duration::from_secs(8), waiting).await;
    woken.expect("nobody has told").unwrap();
}

#[tokio::test]
async fn a_notification_wakes_the_readers_of_other_handles() {
    a_notification_wakes_others_in("log").await;
}

/// With 63 bytes it has as many as PostgreSQL keeps of a name, and of a channel.
#[tokio::test]
async fn a_notification_wakes_the_readers_of_a_schema_with_the_longest_name() {
    let short = Schemas::new().name("");
    let long = "x".repeat(63 - short.as_str().len());
    a_notification_wakes_others_in(&long).await;
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

/// The first commit is told at once. Those that come within an interval share the next notification, and it does come.
#[tokio::test]
async fn commits_that_follow_each_other_share_notifications() {
    const COMMITS: u128 = 100;
    let interval = Duration::from_secs(1);
    let schemas = Schemas::new();
    let options = PostgresOptions { notify_interval: Some(interval), ..schemas.options("log") };
    let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
    let mut others = PgListener::connect(&url()).await.unwrap();
    others.listen(&format!("freehold_{}", schemas.name("log").as_str())).await.unwrap();
    let began = Instant::now();
    for n in 1..=COMMITS {
        let _ = store.commit(one(n, "a")).await.unwrap();
    }
    let committed = began.elapsed();
    let (mut told, mut patience) = (0, Duration::from_secs(20));
    while let Ok(notified) = timeout(patience, others.recv()).await {
        assert_eq!(notified.unwrap().payload(), "", "it says nothing of what was committed");
        told += 1;
        // More than two need not come: then it is enough that an interval and a half has brought none.
        patience = if told < 2 { patience } else { interval * 3 / 2 };
    }
    // One at once, one at the end of each interval that a commit was in.
    let most = 2 + committed.as_secs() as u32;
    assert!(
        (2..=most).contains(&told),
        "{told} notifications of {COMMITS} commits in {committed:?}"
    );
    assert!(told < COMMITS as u32 / 2, "{told}");
}
