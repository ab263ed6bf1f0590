//! A projection that is shared out is the same as one that is not.

use std::time::Duration;

use freehold::testkit::{Faults, FaultyStore};

use super::fixture::{Accounts, SharedAccounts, all, oracle, reads, some};
use crate::subscription::fixture::{memory, options, reach};

#[tokio::test(start_paused = true)]
async fn a_projection_shared_out_over_parts_and_processes_equals_one_that_is_not() {
    for seed in 0..20 {
        println!("seed {seed}");
        let (store, mut chance) = (memory(), fastrand::Rng::with_seed(seed));
        let process = |seed| {
            let faults = Faults::seeded(seed).delay(0.5, Duration::from_millis(3));
            let faults = faults.fail_reads(0.1).fail_before(0.1).fail_after(0.1);
            reads(&FaultyStore::new(store.clone(), faults))
        };
        let (one, two, whole) = (process(seed), process(seed + 100), reads(&store));
        let first = one.upkeep(SharedAccounts).options(options()).start();
        let second = two.upkeep(SharedAccounts).options(options()).start();
        let running = whole.upkeep(Accounts).options(options()).start();
        for _ in 0..10 {
            some(&store, &mut chance, 10).await;
            tokio::time::sleep(Duration::from_millis(chance.u64(0..20))).await;
        }
        first.stop().await;
        let token = some(&store, &mut chance, 50).await;
        reach(running.live().await.unwrap().progress(), token).await;
        let shared = reads(&store).view::<SharedAccounts>();
        shared.wait_for(token, Duration::from_mins(10)).await.unwrap();
        assert_eq!(all(&shared).await, all(&whole.view::<Accounts>()).await, "seed {seed}");
        second.stop().await;
        running.stop().await;
    }
}

/// Parts change hands while events come and commits fail; the checkpoint is in the commit, so each event counts once.
#[tokio::test(start_paused = true)]
async fn processes_that_come_and_go_lose_no_event_and_count_none_twice() {
    for seed in 0..5 {
        let (store, mut chance) = (memory(), fastrand::Rng::with_seed(seed));
        let join = |seed| {
            let faults = Faults::seeded(seed).delay(0.5, Duration::from_millis(3));
            let faults = faults.fail_reads(0.05).fail_before(0.05).fail_after(0.05);
            let reads = reads(&FaultyStore::new(store.clone(), faults));
            reads.upkeep(SharedAccounts).options(options()).start()
        };
        let mut running = vec![join(seed)];
        for n in 0..12 {
            for _ in 0..20 {
                some(&store, &mut chance, 3).await;
                tokio::time::sleep(Duration::from_millis(chance.u64(0..600))).await;
            }
            match running.len() {
                1 => running.push(join(100 * seed + n)),
                3 => running.remove(chance.usize(0..3)).stop().await,
                _ if chance.bool() => running.push(join(100 * seed + n)),
                _ => running.remove(chance.usize(0..2)).stop().await,
            }
        }
        let (token, view) = (some(&store, &mut chance, 1).await, reads(&store).view());
        view.wait_for(token, Duration::from_mins(10)).await.unwrap();
        assert_eq!(all::<SharedAccounts>(&view).await, oracle(&store).await, "seed {seed}");
        for running in running {
            running.stop().await;
        }
    }
}
