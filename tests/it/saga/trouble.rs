//! Trouble with the store while sagas run: when it is over, they end, and nothing has happened twice.

use std::sync::Arc;

use freehold::saga::{SagaId, Sagas};
use freehold::testkit::{Faults, FaultyStore};

use super::exact::{all_end, quick, some_go_wrong, until};
use super::fixture::{Fulfilment, World, order, sagas};
use super::places::{Store, everywhere};

const SAGAS: usize = 24;

fn seed() -> u64 {
    let seed = std::env::var("SAGA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SAGA_SEED={seed}");
    seed
}

fn runs_on(store: &FaultyStore<Store>, world: &World) -> Sagas {
    let builder = Sagas::builder(store.clone()).options(quick(2));
    builder.saga(&Fulfilment(world.clone())).unwrap().build()
}

/// Starts a saga as often as it takes.
async fn start(sagas: &Sagas, key: usize) -> SagaId {
    loop {
        if let Ok(id) = sagas.start::<Fulfilment>(&key.to_string(), order()).await {
            return id;
        }
    }
}

/// Commits fail, or are written and nobody hears of it, and reads fail.
#[tokio::test(flavor = "multi_thread")]
async fn sagas_on_a_store_that_fails_and_loses_answers_all_end_with_each_effect_once() {
    everywhere(async |store| {
        let world = World::default();
        let failing = Faults::seeded(seed()).fail_before(0.15).fail_after(0.15).fail_reads(0.15);
        let trying = FaultyStore::new(store, failing);
        let sagas = runs_on(&trying, &world);
        let running = sagas.run().unwrap();
        some_go_wrong(&world);
        let mut ids = Vec::new();
        for n in 0..SAGAS {
            ids.push(start(&sagas, n).await);
        }
        let wrong = async || {
            let injected = trying.injected();
            injected.failed_before.min(injected.failed_after).min(injected.failed_reads) > 10
        };
        until("enough has gone wrong", wrong).await;
        trying.heal();
        let completed = all_end(&sagas, &world, &ids).await;
        assert!((1..SAGAS).contains(&completed), "{completed}");
        running.stop().await;
    })
    .await;
}

/// Nobody has them yet when their logs cannot be read, or it cannot be written down who has them.
#[tokio::test(flavor = "multi_thread")]
async fn sagas_that_cannot_be_taken_over_at_first_are_taken_over_later() {
    everywhere(async |store| {
        let world = World::default();
        let failing = Faults::seeded(seed()).fail_before(0.3).fail_after(0.2).fail_reads(0.4);
        let trying = FaultyStore::new(Arc::clone(&store), failing);
        let by_others = sagas(store, &world);
        let mut ids = Vec::new();
        for n in 0..SAGAS {
            ids.push(start(&by_others, n).await);
        }
        let sagas = runs_on(&trying, &world);
        let running = sagas.run().unwrap();
        until("some are called", async || world.calls().len() > SAGAS).await;
        trying.heal();
        assert_eq!(all_end(&sagas, &world, &ids).await, SAGAS);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_go_on_when_a_store_that_was_lost_is_back() {
    everywhere(async |store| {
        let world = World::default();
        let trying = FaultyStore::new(Arc::clone(&store), Faults::seeded(seed()));
        let sagas = runs_on(&trying, &world);
        let running = sagas.run().unwrap();
        some_go_wrong(&world);
        let mut ids = Vec::new();
        for round in 0..4 {
            for n in 0..SAGAS / 4 {
                ids.push(start(&sagas, round * SAGAS + n).await);
            }
            trying.lose();
            let before = trying.injected().calls;
            let tried = async || trying.injected().calls > before + 20;
            until("it is asked in vain", tried).await;
            trying.heal();
        }
        let completed = all_end(&sagas, &world, &ids).await;
        assert!((1..SAGAS).contains(&completed), "{completed}");
        running.stop().await;
    })
    .await;
}
