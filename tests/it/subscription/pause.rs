//! A job that is paused does nothing, anywhere, and says so; resumed, it goes on where it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold::Leases;
use freehold::consistency::Behind;
use freehold::subscription::{Applied, Health, ReplayError, SinkError};
use tokio::time::{Instant, sleep, timeout};

use super::fixture::{
    Ledger, Taken, checkpoint, memory, name, options, parking, process, reach, record, start, until,
};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_job_that_is_paused_is_told_at_once() {
    let (store, got) = (memory(), Taken::default());
    // What it is given waits for ever.
    let sink = Ledger::new("job", &got).rule(|_| Err(SinkError::transient("slow")));
    let running = start(sink, &store, options());
    let token = record(&store, &["order-1"; 5]).await;
    let progress = running.progress().clone();
    let waiter = tokio::spawn(async move { (progress.wait_for(token).await, Instant::now()) });
    sleep(MINUTE).await;
    running.pause().await.unwrap();
    let paused_at = Instant::now();
    let (behind, told_at) = timeout(MINUTE, waiter).await.expect("nobody is told").unwrap();
    assert!(matches!(behind, Err(Behind::Paused)), "{behind:?}");
    assert_eq!(told_at, paused_at);
    let behind = running.progress().wait_for(token).await;
    assert!(matches!(behind, Err(Behind::Paused)), "{behind:?}");
    assert!(matches!(running.health().await, Health::Paused));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_takes_nothing_in_and_goes_on_when_it_is_resumed() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    let standby = start(Ledger::new("job", &got).filter("order"), &store, options());
    reach(running.progress(), record(&store, &["order-1", "order-2", "user-1"]).await).await;
    running.pause().await.unwrap();
    let token = record(&store, &["order-1"; 5]).await;
    sleep(60 * MINUTE).await;
    // Nobody takes it over, and what was seen is written down.
    assert_eq!((got.positions(), checkpoint(&store, "job").await), (vec![1, 2], 3));
    let lease = store.lease(&name("job")).await.unwrap();
    assert_eq!((lease.holder.is_some(), lease.epoch.get()), (true, 1));
    assert!(matches!(standby.health().await, Health::Paused));
    running.resume().await.unwrap();
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 2, 4, 5, 6, 7, 8]);
    assert!(running.health().await.is_ok());
    running.stop().await;
    standby.stop().await;
}

/// The operator speaks to a process that only stands by, and it is the other one that works.
#[test]
fn a_job_is_paused_and_resumed_from_another_process_and_stays_paused_over_restarts() {
    let (store, got) = (memory(), Taken::default());
    let (works, asks) = (process(), process());
    let job = || start(Ledger::new("job", &got), &store, options());
    let running = works.block_on(async {
        let running = job();
        reach(running.progress(), record(&store, &["order-1"]).await).await;
        running
    });
    let standby = asks.block_on(async {
        let standby = job();
        standby.pause().await.unwrap();
        standby
    });
    let running = works.block_on(async {
        sleep(options().lease_time / 2).await;
        let token = record(&store, &["order-1"]).await;
        let behind = timeout(MINUTE, running.progress().wait_for(token)).await;
        assert!(matches!(behind, Ok(Err(Behind::Paused))), "{behind:?}");
        running.stop().await;
        let again = job();
        until("it knows", async || matches!(again.health().await, Health::Paused)).await;
        sleep(60 * MINUTE).await;
        assert_eq!(got.positions(), [1]);
        again
    });
    asks.block_on(async {
        standby.resume().await.unwrap();
        standby.stop().await;
    });
    works.block_on(async {
        until("it goes on", async || got.positions() == [1, 2]).await;
        assert!(running.health().await.is_ok());
        running.stop().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_out_trouble_can_be_paused_and_one_that_is_paused_can_be_stopped() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1"]).await;
    let up = Arc::new(AtomicBool::new(false));
    let (is_up, seen) = (Arc::clone(&up), Arc::new(AtomicBool::new(false)));
    let was_asked = Arc::clone(&seen);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        was_asked.store(true, Ordering::SeqCst);
        if is_up.load(Ordering::SeqCst) {
            return Ok(Applied::UpTo(batch.upto()));
        }
        Err(SinkError::transient("unreachable"))
    });
    let running = start(sink, &store, options());
    sleep(MINUTE).await;
    running.pause().await.unwrap();
    tokio::task::yield_now().await;
    seen.store(false, Ordering::SeqCst);
    up.store(true, Ordering::SeqCst);
    sleep(MINUTE).await;
    assert!(!seen.load(Ordering::SeqCst), "the sink is asked, though the job is paused");
    timeout(Duration::from_millis(1), running.stop()).await.expect("it goes on");
    assert!(store.lease(&name("job")).await.unwrap().holder.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_of_a_paused_job_is_replayed_when_it_is_resumed() {
    let (store, got) = (memory(), Taken::default());
    let bad = Arc::new(AtomicBool::new(true));
    let is_bad = Arc::clone(&bad);
    let sink = Ledger::new("job", &got).but_not(move |_| is_bad.load(Ordering::SeqCst));
    let running = start(sink, &store, parking());
    reach(running.progress(), record(&store, &["order-1"]).await).await;
    bad.store(false, Ordering::SeqCst);
    running.pause().await.unwrap();
    tokio::task::yield_now().await;
    let refused = running.replay("order-1").await;
    assert!(matches!(refused, Err(ReplayError::NotHere)), "{refused:?}");
    running.resume().await.unwrap();
    until("it goes on", async || running.replay("order-1").await.is_ok()).await;
    assert_eq!(got.positions(), [1]);
    running.stop().await;
}
