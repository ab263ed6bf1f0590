//! From one owner to the next.

use std::time::Duration;

use freehold::Leases;
use freehold::testkit::{Faults, FaultyStore};
use tokio::time::Instant;

use super::fixture::{Ledger, Taken, memory, name, options, process, reach, record, start, until};

#[tokio::test(start_paused = true)]
async fn who_stands_by_goes_on_soon_after_the_owner_has_stopped() {
    let (store, got) = (memory(), Taken::default());
    let first = start(Ledger::new("job", &got), &store, options());
    reach(first.progress(), record(&store, &["order-1"; 10]).await).await;
    let second = start(Ledger::new("job", &got), &store, options());
    tokio::time::sleep(Duration::from_mins(1)).await;
    let token = record(&store, &["order-1"; 10]).await;
    reach(first.progress(), token).await;
    assert_eq!(second.progress().position(token.log()), freehold::Position::START);
    first.stop().await;
    let (stopped_at, token) = (Instant::now(), record(&store, &["order-1"; 10]).await);
    reach(second.progress(), token).await;
    // The lease would have lasted for ten.
    assert!(stopped_at.elapsed() <= Duration::from_secs(1), "{:?}", stopped_at.elapsed());
    assert_eq!(got.positions(), (1..=30).collect::<Vec<_>>());
    second.stop().await;
}

/// Nobody gives the lease of a killed process back, so it must expire.
#[test]
fn the_work_of_a_killed_owner_is_taken_over_when_its_lease_is_over_and_no_sooner() {
    let (store, got) = (memory(), Taken::default());
    let killed = process();
    let claimed_at = killed.block_on(async {
        let running = start(Ledger::new("job", &got), &store, options());
        reach(running.progress(), record(&store, &["order-1"; 3]).await).await;
        std::mem::forget(running);
        Instant::now()
    });
    drop(killed);
    process().block_on(async {
        assert!(store.lease(&name("job")).await.unwrap().holder.is_some());
        let running = start(Ledger::new("job", &got), &store, options());
        let token = record(&store, &["order-1"; 3]).await;
        reach(running.progress(), token).await;
        let after = claimed_at.elapsed();
        let lease_time = options().lease_time;
        assert!(after >= lease_time, "after {after:?}");
        assert!(after <= lease_time + Duration::from_secs(1), "after {after:?}");
        assert_eq!(got.positions(), (1..=6).collect::<Vec<_>>());
        running.stop().await;
    });
}

#[tokio::test(start_paused = true)]
async fn an_owner_keeps_its_lease_for_as_long_as_it_lives() {
    let (store, got) = (memory(), Taken::default());
    let first = start(Ledger::new("job", &got), &store, options());
    let second = start(Ledger::new("job", &Taken::default()), &store, options());
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        reach(first.progress(), record(&store, &["order-1"]).await).await;
    }
    assert_eq!(store.lease(&name("job")).await.unwrap().epoch.get(), 1);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_cannot_renew_stops_when_its_lease_may_be_over() {
    let (inner, got) = (memory(), Taken::default());
    let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_from(6));
    let first = super::fixture::subscribe(Ledger::new("job", &got), store.clone())
        .follow(inner.clone())
        .start();
    until("it holds the lease", async || inner.lease(&name("job")).await.unwrap().holder.is_some())
        .await;
    let second = start(Ledger::new("job", &got), &inner, options());
    tokio::time::sleep(Duration::from_secs(12)).await;
    reach(second.progress(), record(&inner, &["order-1"]).await).await;
    store.heal();
    tokio::time::sleep(Duration::from_mins(1)).await;
    reach(second.progress(), record(&inner, &["order-1"]).await).await;
    assert_eq!(inner.lease(&name("job")).await.unwrap().epoch.get(), 2);
    first.stop().await;
    second.stop().await;
}
