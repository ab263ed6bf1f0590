//! Whatever call of the store fails in a rebuild, it comes to its end: the new views are the fold of the log, readers never
//! see them half built, and the old ones go away.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Kept, ReadSide};
use freehold::subscription::SubscriptionOptions;
use freehold::testkit::{Faults, FaultyStore};

use tokio::time::{Instant, sleep};

use super::fixture::{Accounts, all, oracle, reads, set_is_there, some};
use crate::subscription::fixture::{at_every_call, memory, options, reach};

const SECOND: Duration = Duration::from_secs(1);

/// Small batches: many calls in the middle of it.
fn run(reads: &ReadSide) -> Kept {
    let options = SubscriptionOptions { batch_events_max: 5, ..options() };
    reads.upkeep(Accounts).options(options).retire_after(SECOND).start()
}

/// A log whose views are made already, by a process that is healthy and gone.
async fn made() -> (MemoryStore, fastrand::Rng) {
    let (store, mut chance) = (memory(), fastrand::Rng::with_seed(7));
    let token = some(&store, &mut chance, 25).await;
    let reads = reads(&store);
    let kept = run(&reads);
    reach(kept.live().await.unwrap().progress(), token).await;
    kept.stop().await;
    (store, chance)
}

/// Lets the time pass, in steps that are short beside a rebuild.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + 600 * SECOND;
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The views as a healthy process reads them, at every moment.
async fn check(store: &MemoryStore, what: &str) {
    let views = all(&reads(store).view::<Accounts>()).await;
    assert_eq!(views, oracle(store).await, "{what}");
}

/// The new build has taken the place of the old one, which is gone, and there was no other.
async fn is_over(store: &MemoryStore) -> bool {
    assert!(!set_is_there(store, "accounts_g2").await, "it was begun twice");
    set_is_there(store, "accounts_g1").await && !set_is_there(store, "accounts").await
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_comes_to_its_end_whatever_call_fails() {
    at_every_call(40, async |_, faults, what| {
        let (inner, mut chance) = made().await;
        let store = FaultyStore::new(inner.clone(), faults);
        let reads = reads(&store);
        let kept = run(&reads);
        until("it is begun", async || kept.rebuild().await.is_ok()).await;
        until("it is over", async || {
            check(&inner, what).await;
            is_over(&inner).await
        })
        .await;
        let calls = store.injected().calls;
        let token = some(&inner, &mut chance, 7).await;
        reads.view::<Accounts>().wait_for(token, 60 * SECOND).await.unwrap();
        check(&inner, what).await;
        kept.stop().await;
        calls
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_whose_process_is_lost_at_any_call_is_finished_by_another() {
    for n in 1.. {
        let what = format!("lost at call {n}");
        let (inner, mut chance) = made().await;
        let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_from(n));
        let lost = reads(&store);
        let lost = run(&lost);
        let is_begun = lost.rebuild().await.is_ok();
        let is_lost = || store.injected().calls >= n;
        until("it is lost", async || is_lost() || is_over(&inner).await).await;
        let (calls, reads) = (store.injected().calls, reads(&inner));
        let other = run(&reads);
        if !is_begun {
            // The lost one may have been about to write it down, and keeps others from that for a while.
            until("it is begun", async || other.rebuild().await.is_ok()).await;
        }
        until("it is over", async || {
            check(&inner, &what).await;
            is_over(&inner).await
        })
        .await;
        // The first comes back, with what it believes.
        store.heal();
        let token = some(&inner, &mut chance, 7).await;
        reads.view::<Accounts>().wait_for(token, 60 * SECOND).await.unwrap();
        sleep(30 * SECOND).await;
        lost.stop().await;
        let token = some(&inner, &mut chance, 7).await;
        reads.view::<Accounts>().wait_for(token, 60 * SECOND).await.unwrap();
        check(&inner, &what).await;
        assert!(is_over(&inner).await, "{what}: an old build is back");
        other.stop().await;
        if calls < n {
            assert!(n > 40, "only {n} calls");
            return;
        }
    }
}
