//! A job that is shared out.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::subscription::{Partition, Running, SubscriptionOptions};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{Leases, Position, Token};

use super::fixture::{Ledger, Taken, memory, name, options, record, start, until};

const PARTS: u32 = 4;

fn shared() -> SubscriptionOptions {
    SubscriptionOptions { partitions: PARTS, batch_events_max: 5, ..options() }
}

/// A process that may take a share: chance says how soon it asks for each part.
fn share(store: &MemoryStore, got: &Taken, seed: u64) -> Running {
    let faults = Faults::seeded(seed).delay(0.5, Duration::from_millis(3));
    start(Ledger::new("job", got), &FaultyStore::new(store.clone(), faults), shared())
}

async fn record_some(store: &MemoryStore, n: u32) -> Token {
    let streams: Vec<_> = (0..n).map(|n| format!("order-{}", n * 7 % 20)).collect();
    let streams: Vec<_> = streams.iter().map(String::as_str).collect();
    record(store, &streams).await
}

/// Whether each event was taken in once, and the events of a stream in their order.
fn check(got: &Taken, head: u64, seed: u64) {
    for (stream, positions) in got.of_streams() {
        assert!(positions.is_sorted(), "seed {seed}: {stream} {positions:?}");
    }
    let mut all = got.positions();
    all.sort_unstable();
    assert_eq!(all, (1..=head).collect::<Vec<_>>(), "seed {seed}");
}

async fn holders(store: &MemoryStore) -> usize {
    let mut holders = Vec::new();
    for n in 0..PARTS {
        let state = store.lease(&name("job").part(n, PARTS)).await.unwrap();
        holders.extend(state.holder);
    }
    holders.len()
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_the_parts_and_take_each_event_in_once_and_by_stream_in_order() {
    let mut both = 0;
    for seed in 0..20 {
        let (store, got) = (memory(), Taken::default());
        record_some(&store, 100).await;
        let first = share(&store, &got, seed);
        let second = share(&store, &got, seed + 1_000);
        until("all parts are held", async || holders(&store).await == 4).await;
        record_some(&store, 100).await;
        until("all is taken in", async || got.positions().len() == 200).await;
        // One goes, and the other takes all.
        first.stop().await;
        record_some(&store, 100).await;
        until("all is taken in", async || got.positions().len() == 300).await;
        check(&got, 300, seed);
        let log = freehold::Store::identity(&store);
        both += usize::from(second.progress().position(log) < Position::new(300));
        second.stop().await;
    }
    println!("in {both} of 20 runs a part was still behind when all was taken in");
}

#[tokio::test(start_paused = true)]
async fn a_part_is_asked_only_for_its_own_keys() {
    let (store, got) = (memory(), Taken::default());
    let sink = Ledger::new("job", &got).rule(|batch| {
        let own = batch.partition();
        assert!(batch.events().iter().all(|event| own.owns(event.stream().as_str())));
        Ok(freehold::subscription::Applied::UpTo(batch.upto()))
    });
    let running = start(sink, &store, shared());
    let token = record_some(&store, 60).await;
    super::fixture::reach(running.progress(), token).await;
    check(&got, 60, 0);
    let owned = |stream: &str| Partition::all(PARTS).filter(|part| part.owns(stream)).count();
    assert!(got.of_streams().keys().all(|stream| owned(stream) == 1));
    running.stop().await;
}

/// Each part of a sink that keeps its own checkpoint goes on from where that part is.
#[tokio::test(start_paused = true)]
async fn a_sink_that_keeps_its_own_checkpoint_is_asked_for_that_of_the_part() {
    let (store, got) = (memory(), Taken::default());
    let token = record_some(&store, 60).await;
    let running = start(Ledger::new("job", &got).stands_at(20), &store, shared());
    super::fixture::reach(running.progress(), token).await;
    let streams: Vec<_> = (0..60).map(|n| format!("order-{}", n * 7 % 20)).collect();
    let owner = |stream: &str| Partition::all(PARTS).find(|part| part.owns(stream)).unwrap();
    let is_new = |n: &u64| {
        let stream = &streams[usize::try_from(*n).unwrap() - 1];
        *n > 20 + u64::from(owner(stream).index())
    };
    let mut all = got.positions();
    all.sort_unstable();
    assert_eq!(all, (1..=60).filter(is_new).collect::<Vec<_>>());
    assert!(all.len() < 40, "no part was further than the first");
    running.stop().await;
}
