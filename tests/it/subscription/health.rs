//! What health says, and how far behind a job is.

use std::time::Duration;

use freehold::Position;
use freehold::subscription::{Applied, Health, SinkError};
use freehold::testkit::{Faults, FaultyStore};
use tokio::time::sleep;

use super::fixture::{Ledger, Taken, memory, options, reach, record, start, subscribe};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_job_with_nothing_to_do_is_well_and_not_behind() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got), &store, options());
    for _ in 0..3 {
        reach(running.progress(), record(&store, &["order-1"]).await).await;
        sleep(60 * MINUTE).await;
        assert!(running.health().await.is_ok(), "{:?}", running.health().await);
        let lag = running.lag().await.unwrap();
        assert_eq!((lag.events, lag.time), (0, Duration::ZERO));
    }
    running.stop().await;
}

/// It had nothing to do for an hour, so it has not moved for an hour. That is not what stalled means.
#[tokio::test(start_paused = true)]
async fn a_job_that_was_idle_is_not_stalled_by_its_first_event() {
    let (store, got) = (memory(), Taken::default());
    let sink = Ledger::new("job", &got);
    let running = start(
        sink.rule(|batch| match batch.upto() {
            at if at > Position::new(1) => Err(SinkError::transient("slow")),
            at => Ok(Applied::UpTo(at)),
        }),
        &store,
        options(),
    );
    reach(running.progress(), record(&store, &["order-1"]).await).await;
    assert!(running.health().await.is_ok());
    sleep(60 * MINUTE).await;
    record(&store, &["order-1"]).await;
    sleep(Duration::from_secs(1)).await;
    assert!(running.health().await.is_ok(), "{:?}", running.health().await);
    sleep(Duration::from_secs(6)).await;
    let health = running.health().await;
    assert!(matches!(health, Health::Late { by } if by.as_secs() == 7), "{health:?}");
    sleep(MINUTE).await;
    let health = running.health().await;
    assert!(matches!(&health, Health::Stalled { trouble: Some(_), .. }), "{health:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_lag_is_known_when_nobody_runs() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    reach(running.progress(), record(&store, &["order-1"; 5]).await).await;
    running.stop().await;
    // What is not wanted makes nobody late.
    record(&store, &["user-1"; 5]).await;
    let job = subscribe(Ledger::new("job", &got).filter("order"), store.clone());
    let job = job.follow(store.clone());
    assert!(job.lag().await.unwrap().is_none());
    sleep(MINUTE).await;
    record(&store, &["order-1"]).await;
    sleep(MINUTE).await;
    record(&store, &["order-1", "order-2"]).await;
    let job = subscribe(Ledger::new("job", &got).filter("order"), store.clone());
    let clocked = job.follow(store.clone());
    assert_eq!(clocked.lag().await.unwrap().events, 3);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_event_that_waits_says_how_late_it_is() {
    let (store, got) = (memory(), Taken::default());
    let sink = Ledger::new("job", &got).rule(|_| Err(SinkError::transient("slow")));
    let running = start(sink, &store, options());
    for n in 1..=150 {
        record(&store, &["order-1"]).await;
        sleep(Duration::from_secs(1)).await;
        let lag = running.lag().await.unwrap();
        assert_eq!((lag.events, lag.time.as_secs()), (n, n));
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_known_is_said_to_be_unknown() {
    let (store, got) = (memory(), Taken::default());
    let faulty = FaultyStore::new(store.clone(), Faults::seeded(0).fail_reads(1.0));
    let running = start(Ledger::new("job", &got), &faulty, options());
    assert!(matches!(running.health().await, Health::Unknown(_)));
    faulty.heal();
    assert!(running.health().await.is_ok());
    running.stop().await;
}
