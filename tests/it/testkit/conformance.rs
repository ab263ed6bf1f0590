//! The reference store keeps every clause.

use std::sync::Arc;

use freehold::backend::memory::MemoryStore;
use freehold::testkit::{ManualClock, SeededIds, conformance};
use freehold::{Ids, SystemIds};

use super::harness::InMemory;

freehold::event_store_conformance!(memory, InMemory::default());
freehold::row_store_conformance!(memory_rows, InMemory::default());
freehold::inline_store_conformance!(memory_folds, InMemory::default());

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
