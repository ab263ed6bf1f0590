//! The reference store keeps every clause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use freehold::backend::memory::MemoryStore;
use freehold::personal::SystemEntropy;
use freehold::testkit::{ManualClock, SeededEntropy, SeededIds, conformance};
use freehold::{
    BackendError, Entropy, EventStore, Filter, Folding, Ids, InlineFold, LeaseName, Position,
    RecordedEvent, Row, RowKey, RowSet, RowValue, RowWrite, RowsWanted, SystemIds,
};

use super::harness::{BrokersInMemory, InMemory};

freehold::saga_store_conformance!(memory, InMemory::default());
freehold::inline_store_conformance!(memory_folds, InMemory::default());
freehold::outbox_conformance!(memory_outbox, InMemory::default());
freehold::archive_conformance!(memory_archive, InMemory::default());
freehold::subject_keys_conformance!(memory_keys, InMemory::default());
freehold::broker_conformance!(memory_broker, BrokersInMemory::default());
freehold::broker_conformance!(memory_broker_on_arrival, BrokersInMemory::routing_on_arrival());

#[tokio::test]
async fn a_memory_store_records_the_times_it_was_told() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    conformance::k01_a_store_records_the_times_it_was_told(Arc::new(store), &clock).await;
}

#[test]
fn no_source_of_ids_draws_one_twice() {
    let sources: [Arc<dyn Ids>; 2] = [Arc::new(SystemIds), Arc::new(SeededIds::new(7))];
    for ids in &sources {
        conformance::i01_no_id_is_drawn_twice(ids);
    }
}

#[test]
fn no_source_of_chance_draws_the_same_twice() {
    let sources: [Arc<dyn Entropy>; 2] = [Arc::new(SystemEntropy), Arc::new(SeededEntropy::new(7))];
    for entropy in &sources {
        conformance::q01_nothing_is_drawn_twice(entropy);
    }
    let stuck = std::panic::catch_unwind(|| {
        let stuck: Arc<dyn Entropy> = Arc::new(Stuck);
        conformance::q01_nothing_is_drawn_twice(&stuck);
    });
    assert!(stuck.is_err(), "chance that is always the same passed for fresh");
}

/// Fills with the same whenever it is asked.
#[derive(Debug)]
struct Stuck;

impl Entropy for Stuck {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BackendError> {
        bytes.fill(7);
        Ok(())
    }
}

/// Counts events, and, if it is not pure, how often it has run.
#[derive(Debug)]
struct Counts(LeaseName, RowSet, Filter, Option<AtomicU64>);

impl Counts {
    fn new(runs: Option<AtomicU64>) -> Self {
        Self(LeaseName::new("counts").unwrap(), RowSet::new("counts").unwrap(), Filter::all(), runs)
    }
}

impl InlineFold for Counts {
    fn name(&self) -> &LeaseName {
        &self.0
    }

    fn set(&self) -> &RowSet {
        &self.1
    }

    fn filter(&self) -> &Filter {
        &self.2
    }

    fn begin<'e>(
        &'e self,
        events: &'e [RecordedEvent],
    ) -> Result<Folding<'e>, Box<dyn std::error::Error + Send + Sync>> {
        let key = RowKey::new("all")?;
        Ok(Folding::new(vec![RowsWanted::Keys(vec![key.clone()])], move |before| {
            let mut count = events.len() as u64;
            for row in before {
                count += row.value.read::<u64>()?;
            }
            count += self.3.as_ref().map_or(0, |runs| runs.fetch_add(1, Relaxed));
            Ok(vec![RowWrite::put(&self.1, &key, RowValue::of(&count)?)])
        }))
    }
}

#[tokio::test]
async fn a_fold_that_is_not_pure_is_seen() {
    let store = MemoryStore::new();
    crate::projection::fixture::some(&store, &mut fastrand::Rng::with_seed(1), 5).await;
    let events = store.read_all(Position::START, &Filter::all(), 9).await.unwrap().events;
    let before = [Row { key: RowKey::new("all").unwrap(), value: RowValue::of(&7).unwrap() }];
    conformance::g01_a_fold_is_pure(&Counts::new(None), &events, &before);
    let impure = std::panic::catch_unwind(move || {
        conformance::g01_a_fold_is_pure(&Counts::new(Some(AtomicU64::new(0))), &events, &before);
    });
    assert!(impure.is_err(), "a fold that counts its runs passed for pure");
}
