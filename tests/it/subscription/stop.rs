//! An event that cannot be taken in stops the subscription, loudly, until somebody resumes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use freehold::consistency::Behind;
use freehold::subscription::{Applied, Health, SinkError, SubscriptionOptions};
use freehold::{Leases, Position, Store, Token};
use tokio::time::{Instant, sleep};

use super::fixture::{
    Ledger, Taken, checkpoint, memory, name, options, reach, record, start, until,
};

/// A ledger that cannot take in the third event until it is mended.
fn broken(got: &Taken) -> (Ledger, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let sink = Ledger::new("job", got);
    (sink.but_not(move |at| at == 3 && !is_mended.load(Ordering::SeqCst)), mended)
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_stops_the_subscription_and_those_before_it_are_taken_in() {
    let (store, got) = (memory(), Taken::default());
    let last = record(&store, &["order-1"; 5]).await;
    let running = start(broken(&got).0, &store, options());
    let behind = running.progress().wait_for(last).await.unwrap_err();
    let Behind::Stopped { error } = behind else { panic!("{behind:?}") };
    assert!(error.to_string().contains("the event at 3 could not"), "{error}");
    assert_eq!(error.source().unwrap().to_string(), "it is bad");
    let health = running.health().await;
    assert!(matches!(&health, Health::Stopped(why) if why.to_string() == error.to_string()));
    assert_eq!((got.positions(), checkpoint(&store, "job").await), (vec![1, 2], 2));
    // Whoever mends it elsewhere need not wait.
    assert!(store.lease(&name("job")).await.unwrap().holder.is_none());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_of_the_stop_at_once() {
    let (store, got) = (memory(), Taken::default());
    let running = start(broken(&got).0, &store, options());
    let far = Token::new(store.identity(), Position::new(5));
    let progress = running.progress().clone();
    let waiter = tokio::spawn(async move {
        let behind = progress.wait_for(far).await;
        (behind, Instant::now())
    });
    record(&store, &["order-1"; 5]).await;
    until("stopped", async || matches!(running.health().await, Health::Stopped(_))).await;
    let stopped_at = Instant::now();
    let told = tokio::time::timeout(Duration::from_mins(1), waiter).await;
    let (behind, told_at) = told.expect("nobody is told").unwrap();
    assert!(matches!(behind, Err(Behind::Stopped { .. })), "{behind:?}");
    assert!(told_at <= stopped_at);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_resumed_goes_on_and_nothing_is_lost() {
    let (store, got) = (memory(), Taken::default());
    let last = record(&store, &["order-1"; 5]).await;
    let (sink, mended) = broken(&got);
    let running = start(sink, &store, options());
    for _ in 0..2 {
        running.progress().wait_for(last).await.unwrap_err();
        sleep(Duration::from_hours(1)).await;
        assert!(matches!(running.health().await, Health::Stopped(_)), "it went on by itself");
        running.resume().await.unwrap();
        tokio::task::yield_now().await;
    }
    until("stopped again", async || matches!(running.health().await, Health::Stopped(_))).await;
    mended.store(true, Ordering::SeqCst);
    running.resume().await.unwrap();
    until("all taken in", async || got.positions().len() == 5).await;
    reach(running.progress(), last).await;
    assert_eq!(got.positions(), [1, 2, 3, 4, 5]);
    assert!(running.health().await.is_ok());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_has_stopped_tries_again_by_itself() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1"; 5]).await;
    let (sink, mended) = broken(&got);
    let minute = Some(Duration::from_mins(1));
    let running = start(sink, &store, SubscriptionOptions { resume_interval: minute, ..options() });
    until("stopped", async || matches!(running.health().await, Health::Stopped(_))).await;
    let stopped_at = Instant::now();
    mended.store(true, Ordering::SeqCst);
    until("all taken in", async || got.positions().len() == 5).await;
    let after = stopped_at.elapsed();
    assert!(after.abs_diff(Duration::from_mins(1)) < Duration::from_millis(10), "{after:?}");
    assert_eq!(got.positions(), [1, 2, 3, 4, 5]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_stops_at_once_and_is_not_tried_again() {
    let (store, got) = (memory(), Taken::default());
    let last = record(&store, &["order-1"; 5]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let sink = Ledger::new("job", &got).rule(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Err(SinkError::fatal("the disk has gone"))
    });
    let (running, began) = (start(sink, &store, options()), Instant::now());
    let behind = running.progress().wait_for(last).await;
    assert!(matches!(behind, Err(Behind::Stopped { .. })), "{behind:?}");
    assert_eq!((calls.load(Ordering::SeqCst), began.elapsed()), (1, Duration::ZERO));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_is_tried_as_often_as_the_policy_says() {
    let (store, got) = (memory(), Taken::default());
    let last = record(&store, &["order-1"]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let sink =
        Ledger::new("job", &got).rule(move |batch| match count.fetch_add(1, Ordering::SeqCst) {
            0..8 => Err(SinkError::Batch("not yet".into())),
            _ => Ok(Applied::UpTo(batch.upto())),
        });
    let running = start(sink, &store, options());
    reach(running.progress(), last).await;
    assert_eq!((calls.load(Ordering::SeqCst), got.positions()), (9, vec![1]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_subscription_that_was_stopped_is_told_so() {
    let (store, got) = (memory(), Taken::default());
    let last = record(&store, &["order-1"; 2]).await;
    let running = start(Ledger::new("job", &got), &store, options());
    reach(running.progress(), last).await;
    let progress = running.progress().clone();
    running.stop().await;
    let far = Token::new(store.identity(), Position::new(3));
    assert!(matches!(progress.wait_for(far).await, Err(Behind::Ended)));
    // What was reached is reached.
    reach(&progress, last).await;
}
