//! The checkpoint moves over events that are not wanted, and not too often.

use std::time::Duration;

use freehold::Leases;
use freehold::subscription::SubscriptionOptions;
use freehold::testkit::{Faults, FaultyStore};
use tokio::time::{advance, sleep};

use super::fixture::{
    Ledger, Taken, checkpoint, memory, name, options, reach, record, start, subscribe, until,
};

#[tokio::test(start_paused = true)]
async fn the_checkpoint_moves_over_events_that_are_not_wanted() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    record(&store, &["user-1"; 100]).await;
    sleep(Duration::from_millis(101)).await;
    assert_eq!(checkpoint(&store, "job").await, 100);
    assert!(got.positions().is_empty());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_moves_over_unwanted_events_once_an_interval() {
    let inner = memory();
    let (store, got) = (FaultyStore::new(inner.clone(), Faults::seeded(0)), Taken::default());
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    for _ in 0..100 {
        record(&inner, &["user-1"]).await;
        sleep(Duration::from_millis(10)).await;
    }
    let commits = store.injected().commits;
    assert!((8..=11).contains(&commits), "{commits} in 1 s");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_the_checkpoint_where_the_feed_was_read_up_to() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1", "user-1", "user-2"]).await;
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    reach(running.progress(), token).await;
    running.stop().await;
    assert_eq!(checkpoint(&store, "job").await, 3);
    assert!(store.lease(&name("job")).await.unwrap().holder.is_none());
}

/// A log that is always busy leaves no time to be idle, and the checkpoint of the other one moves all the same.
#[tokio::test(start_paused = true)]
async fn the_checkpoint_moves_over_unwanted_events_while_there_is_something_to_do() {
    let (store, got) = (memory(), Taken::default());
    let quiet = memory();
    record(&store, &vec!["order-1"; 2_000]).await;
    record(&quiet, &["user-1"; 10]).await;
    let slow = Faults::seeded(0).delay(1.0, Duration::from_millis(5));
    let sink = Ledger::new("job", &got).filter("order");
    let few = SubscriptionOptions { batch_events_max: 1, ..options() };
    let both = subscribe(sink, FaultyStore::new(store.clone(), slow)).follow(store.clone());
    let running = both.follow(quiet.clone()).options(few).start();
    sleep(Duration::from_secs(1)).await;
    assert!(got.positions().len() < 2_000, "it is not busy any more");
    let state = store.lease(&name("job")).await.unwrap();
    assert_eq!(state.checkpoint(freehold::Store::identity(&quiet)).get(), 10);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_nothing_to_do_writes_nothing() {
    let inner = memory();
    let (store, got) = (FaultyStore::new(inner.clone(), Faults::seeded(0)), Taken::default());
    let token = record(&inner, &["order-1"]).await;
    let running = start(Ledger::new("job", &got), &store, options());
    reach(running.progress(), token).await;
    until("the checkpoint", async || checkpoint(&inner, "job").await == 1).await;
    let before = store.injected().calls;
    advance(Duration::from_millis(1)).await;
    sleep(Duration::from_mins(1)).await;
    // It renews its lease, and looks as often whether the job is paused, and that is all.
    let calls = store.injected().calls - before;
    assert!((34..=40).contains(&calls), "{calls} calls in a minute");
    running.stop().await;
}
