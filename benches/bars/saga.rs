//! What the bars of sagas share: a saga of five steps that take no time, tasks that run many of them, and their records.

use std::sync::Arc;

use freehold::saga::{
    Again, Before, Definition, Do, Effect, Ended, Failure, Key, NoPivot, Resolve, Saga, SagaStore,
    Sagas, Step, Undo,
};
use freehold::{EventId, EventStore, NewEvent, ReadFrom, StreamId, StreamVersion};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many steps a saga has that writes something down, its start not among them.
pub(crate) const STEPS: usize = 5;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    sku: String,
    cents: u64,
    by: String,
}

pub(crate) fn order(n: usize) -> Order {
    Order { sku: "85123A".to_owned(), cents: n as u64, by: "alice@example.org".to_owned() }
}

struct Instant;

impl Step for Instant {
    const NAME: &'static str = "first";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, cents: &u64) -> Result<u64, Failure<String>> {
        Ok(cents + 1)
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &u64,
        _: Effect<u64>,
    ) -> Result<(), Again> {
        Ok(())
    }
}

/// So many steps, one after another, each with what the one before gave back.
pub(crate) struct Line<const N: usize>;

const NAMES: [&str; STEPS] = ["first", "second", "third", "fourth", "fifth"];

impl<const N: usize> Saga for Line<N> {
    const NAME: &'static str = "line";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        let mut last = steps.step(Instant, (), |order: &Order, ()| order.cents);
        for name in NAMES.into_iter().take(N).skip(1) {
            last = steps.named(name).step(Instant, (last,), |_, (cents,)| *cents);
        }
        steps.build()
    }
}

/// Runs so many sagas in each of so many tasks, one after another.
pub(crate) async fn run<const N: usize>(store: impl SagaStore, tasks: usize, times: usize) {
    let sagas = Sagas::builder(store).saga(&Line::<N>).unwrap().build();
    let running = sagas.run().unwrap();
    let tasks = (0..tasks).map(|task| {
        let sagas = sagas.clone();
        tokio::spawn(async move {
            for n in 0..times {
                let key = format!("{task}-{n}");
                let id = sagas.start::<Line<N>>(&key, order(n)).await.unwrap();
                assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    running.stop().await;
}

/// What a saga leaves in its log, as a floor writes it: one list for each time that something is written.
pub(crate) async fn records() -> Arc<[Vec<NewEvent>]> {
    let store = freehold::backend::memory::MemoryStore::new();
    run::<STEPS>(store.clone(), 1, 1).await;
    let stream = StreamId::new("saga", "line/0-0").unwrap();
    let from = ReadFrom::After(StreamVersion::NONE);
    let events = store.read_stream(&stream, from, 100).await.unwrap().events;
    assert_eq!(events.len(), STEPS + 2);
    let mut writes: Vec<Vec<NewEvent>> = Vec::new();
    for event in events {
        let id = EventId::new(Uuid::now_v7());
        let new = NewEvent::new(id, event.name().clone(), event.data().clone());
        let new = new.with_metadata(event.metadata().clone());
        // The end is written with the last step.
        match writes.last_mut() {
            Some(last) if event.name().as_str() == "Completed" => last.push(new),
            _ => writes.push(vec![new]),
        }
    }
    writes.into()
}

/// The same records for another saga.
pub(crate) fn fresh(write: &[NewEvent]) -> Vec<NewEvent> {
    let fresh = |event: &NewEvent| {
        let id = EventId::new(Uuid::now_v7());
        let new = NewEvent::new(id, event.name().clone(), event.data().clone());
        new.with_metadata(event.metadata().clone())
    };
    write.iter().map(fresh).collect()
}

/// The stream of a saga.
pub(crate) fn stream(task: usize, n: usize) -> StreamId {
    StreamId::new("saga", format!("line/{task}-{n}")).unwrap()
}
