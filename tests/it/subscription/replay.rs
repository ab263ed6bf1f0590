//! What is parked is replayed or discarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use freehold::Leases;
use freehold::subscription::{Parked, ReplayError, Running};
use freehold::testkit::{Faults, FaultyStore, Loss};

use super::fixture::{
    Ledger, Taken, checkpoint, memory, name, parking, reach, record, start, until,
};

/// A ledger that cannot take in what is at this place or beyond it, of order 2.
fn broken(got: &Taken, from: u64) -> (Ledger, Arc<AtomicU64>) {
    let bad = Arc::new(AtomicU64::new(from));
    let is_bad = Arc::clone(&bad);
    let sink = Ledger::new("job", got);
    (sink.but_not(move |at| at % 2 == 0 && at >= is_bad.load(Ordering::SeqCst)), bad)
}

const STREAMS: [&str; 6] = ["order-1", "order-2", "order-1", "order-2", "order-1", "order-2"];

async fn parked(running: &Running) -> Vec<u64> {
    running.parked(100).await.unwrap().iter().map(|parked| parked.position.get()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_replayed_is_taken_in_in_order_and_is_free_again() {
    let (store, got) = (memory(), Taken::default());
    let (sink, bad) = broken(&got, 2);
    let running = start(sink, &store, parking());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    assert_eq!(parked(&running).await, [2, 4, 6]);
    bad.store(100, Ordering::SeqCst);
    assert_eq!(running.replay("order-2").await.unwrap(), 3);
    assert!(parked(&running).await.is_empty());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    let streams = got.of_streams();
    assert_eq!(streams["order-1"], [1, 3, 5, 7, 9, 11]);
    assert_eq!(streams["order-2"], [2, 4, 6, 8, 10, 12]);
    assert_eq!(running.replay("order-2").await.unwrap(), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_ends_at_the_event_that_still_fails_and_the_rest_stays_parked() {
    let (store, got) = (memory(), Taken::default());
    let (sink, bad) = broken(&got, 2);
    let running = start(sink, &store, parking());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    bad.store(4, Ordering::SeqCst);
    let error = running.replay("order-2").await.unwrap_err();
    let ReplayError::StillFails { position, replayed, .. } = error else { panic!("{error:?}") };
    assert_eq!((position.get(), replayed), (4, 1));
    assert_eq!(got.of_streams()["order-2"], [2]);
    let waits = running.parked(100).await.unwrap();
    assert_eq!((waits[0].error.as_deref(), waits[0].attempts), (Some("it is bad"), 1));
    reach(running.progress(), record(&store, &STREAMS).await).await;
    assert_eq!(parked(&running).await, [4, 6, 8, 10, 12]);
    bad.store(100, Ordering::SeqCst);
    assert_eq!(running.replay("order-2").await.unwrap(), 5);
    assert_eq!(got.of_streams()["order-2"], [2, 4, 6, 8, 10, 12]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_discarded_is_gone_and_free_again() {
    let (store, got) = (memory(), Taken::default());
    let (sink, bad) = broken(&got, 2);
    let running = start(sink, &store, parking());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    bad.store(100, Ordering::SeqCst);
    assert_eq!(running.discard("order-2", "a test order").await.unwrap(), 3);
    assert!(parked(&running).await.is_empty());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    assert_eq!(got.of_streams()["order-2"], [8, 10, 12]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_is_replayed_after_a_restart() {
    let (store, got) = (memory(), Taken::default());
    let running = start(broken(&got, 2).0, &store, parking());
    reach(running.progress(), record(&store, &STREAMS).await).await;
    running.stop().await;
    let running = start(Ledger::new("job", &got), &store, parking());
    let runs = || async { store.lease(&name("job")).await.unwrap().holder.is_some() };
    until("it runs", async || runs().await).await;
    assert_eq!(running.replay("order-2").await.unwrap(), 3);
    assert_eq!(got.of_streams()["order-2"], [2, 4, 6]);
    assert_eq!(checkpoint(&store, "job").await, 6);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_who_holds_the_lease_replays() {
    let (store, got) = (memory(), Taken::default());
    let first = start(Ledger::new("job", &got), &store, parking());
    reach(first.progress(), record(&store, &STREAMS).await).await;
    let second = start(Ledger::new("job", &got), &store, parking());
    for refused in [second.replay("order-2").await, second.discard("order-2", "no").await] {
        assert!(matches!(refused, Err(ReplayError::NotHere)), "{refused:?}");
    }
    first.stop().await;
    second.stop().await;
}

/// Whatever call of the store fails while a key is replayed: repeated until it succeeds, it frees the key, in order.
#[tokio::test(start_paused = true)]
async fn a_replay_survives_a_failure_of_every_call() {
    for loss in [Loss::Call, Loss::Answer] {
        for n in 1.. {
            let (inner, got) = (memory(), Taken::default());
            let running = start(broken(&got, 2).0, &inner, parking());
            reach(running.progress(), record(&inner, &STREAMS).await).await;
            running.stop().await;
            let store = FaultyStore::new(inner.clone(), Faults::seeded(n).fail_nth(n, loss));
            let running = start(Ledger::new("job", &got), &store, parking());
            until("replayed", async || running.replay("order-2").await.is_ok()).await;
            let token = record(&inner, &STREAMS).await;
            reach(running.progress(), token).await;
            let left = Parked::list(&inner, &name("job"), None, 100).await.unwrap().0;
            assert!(left.is_empty(), "{loss:?} of call {n}: {left:?} stay parked");
            let mut got = got.of_streams()["order-2"].clone();
            got.dedup();
            assert_eq!(got, [2, 4, 6, 8, 10, 12], "{loss:?} of call {n}");
            running.stop().await;
            if store.injected().calls < n {
                break;
            }
        }
    }
}
