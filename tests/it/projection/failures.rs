//! Whatever call of the store fails, the views are the fold of the log, and each event is in them once.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::Kept;
use freehold::subscription::Running;
use freehold::testkit::{Faults, FaultyStore};
use tokio::time::sleep;

use super::fixture::{Accounts, all, oracle, reads, some};
use crate::subscription::fixture::{at_every_call, memory, options, reach};

/// The views as a healthy process reads them.
async fn check(store: &MemoryStore, what: &str) {
    let views = all(&reads(store).view::<Accounts>()).await;
    assert_eq!(views, oracle(store).await, "{what}");
}

/// Runs the projection over such a store, and restarts it once; how many calls that took.
async fn run(faults: Faults, what: &str) -> u64 {
    let (inner, mut chance) = (memory(), fastrand::Rng::with_seed(7));
    let store = FaultyStore::new(inner.clone(), faults);
    some(&inner, &mut chance, 8).await;
    for _ in 0..2 {
        let reads = reads(&store);
        let running = reads.upkeep(Accounts).options(options()).start();
        let token = some(&inner, &mut chance, 8).await;
        reach(live(&running).await.progress(), token).await;
        let token = some(&inner, &mut chance, 2).await;
        reach(live(&running).await.progress(), token).await;
        running.stop().await;
    }
    check(&inner, what).await;
    store.injected().calls
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_whatever_call_fails() {
    at_every_call(20, async |_, faults, what| run(faults, what).await).await;
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_when_the_store_is_lost_at_any_call_and_another_process_goes_on() {
    for n in 1.. {
        let (inner, mut chance) = (memory(), fastrand::Rng::with_seed(7));
        let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_from(n));
        some(&inner, &mut chance, 8).await;
        let lost = reads(&store).upkeep(Accounts).options(options()).start();
        sleep(Duration::from_millis(1)).await;
        some(&inner, &mut chance, 8).await;
        sleep(Duration::from_millis(1)).await;
        let calls = store.injected().calls;
        let reads = reads(&inner);
        let running = reads.upkeep(Accounts).options(options()).start();
        let token = some(&inner, &mut chance, 8).await;
        if calls >= n {
            reach(live(&running).await.progress(), token).await;
        }
        // The first comes back, and finds that it has lost its lease.
        store.heal();
        sleep(Duration::from_secs(30)).await;
        lost.stop().await;
        let token = some(&inner, &mut chance, 8).await;
        reach(live(&running).await.progress(), token).await;
        check(&inner, &format!("lost at call {n}")).await;
        running.stop().await;
        if calls < n {
            assert!(n > 10, "only {n} calls");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_with_faults_at_random() {
    for seed in 0..100 {
        println!("seed {seed}");
        let faults = Faults::seeded(seed).fail_before(0.2).fail_after(0.2).fail_reads(0.2);
        run(faults.delay(0.2, Duration::from_millis(20)), &format!("seed {seed}")).await;
    }
}

/// What keeps the views up, as soon as the store lets it.
async fn live(kept: &Kept) -> Arc<Running> {
    loop {
        match kept.live().await {
            Ok(live) => return live,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}
