//! An owner that is frozen beyond its lease and comes back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::subscription::{Applied, Batch, Sink, SinkError};
use freehold::testkit::async_trait;
use freehold::{
    Commit, CommitError, Filter, LeaseName, Leases, RowKey, RowSet, RowStore, RowValue, RowWrite,
    RowsWanted, Store, Token,
};
use tokio::sync::Semaphore;

use super::fixture::{memory, name, options, process, reach, record, start, until};

/// Counts the events in a row of the store itself, between reading and writing it as slow as its gate.
#[derive(Clone)]
struct Counter {
    name: LeaseName,
    filter: Filter,
    store: MemoryStore,
    gate: Arc<Semaphore>,
    entered: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<CommitError>>>,
}

impl Counter {
    fn new(store: &MemoryStore, permits: usize) -> Self {
        let gate = Arc::new(Semaphore::new(permits));
        let (entered, refused) = Default::default();
        let (name, filter) = (name("job"), Filter::all());
        Self { name, filter, store: store.clone(), gate, entered, refused }
    }

    fn row() -> (RowSet, RowKey) {
        (RowSet::new("counted").unwrap(), RowKey::new("events").unwrap())
    }

    async fn count(&self) -> u64 {
        let (set, key) = Self::row();
        let rows = self.store.rows(&set, &RowsWanted::Keys(vec![key]), None).await.unwrap().rows;
        rows.first().map_or(0, |row| row.value.read().unwrap())
    }
}

#[async_trait]
impl Sink for Counter {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn prepare(&self, _: freehold::subscription::Partition) -> Result<(), SinkError> {
        Ok(self.store.prepare(&Self::row().0).await?)
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let count = self.count().await + batch.events().len() as u64;
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        let (set, key) = Self::row();
        let row = RowWrite::put(&set, &key, RowValue::of(&count).unwrap());
        let commit = Commit::new().rows([row]).and(batch.checkpoint());
        match self.store.commit(commit).await {
            Ok(_) => Ok(Applied::WithCheckpoint),
            Err(error) => {
                self.refused.lock().unwrap().push(error.clone());
                Err(error.into())
            }
        }
    }
}

#[test]
fn an_owner_that_was_frozen_is_fenced_and_stops_at_once_and_each_event_counts_once() {
    let store = memory();
    let (frozen, other) = (process(), process());
    let slow = Counter::new(&store, 0);
    let running = frozen.block_on(async {
        record(&store, &["order-1"; 10]).await;
        let running = start(slow.clone(), &store, options());
        until("in the middle", async || slow.entered.load(Ordering::SeqCst) == 1).await;
        running
    });
    // From here on nothing happens in the first process, not even the renewal of its lease.
    let quick = Counter::new(&store, Semaphore::MAX_PERMITS);
    let (second, token) = other.block_on(async {
        let second = start(quick.clone(), &store, options());
        let token = record(&store, &["order-1"; 5]).await;
        reach(second.progress(), token).await;
        assert_eq!(quick.count().await, 15);
        (second, token)
    });
    frozen.block_on(async {
        slow.gate.add_permits(1_000);
        until("refused", async || !slow.refused.lock().unwrap().is_empty()).await;
        assert!(matches!(slow.refused.lock().unwrap()[..], [CommitError::Fenced(_)]));
        // It is told by its own clock only now; it has stopped before, and stands by.
        record(&store, &["order-1"; 5]).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(slow.entered.load(Ordering::SeqCst), 1, "it goes on");
        assert_eq!(quick.count().await, 15);
    });
    other.block_on(async {
        let head = Token::new(token.log(), freehold::Position::new(20));
        reach(second.progress(), head).await;
        assert_eq!(quick.count().await, 20);
        assert_eq!(store.lease(&name("job")).await.unwrap().epoch.get(), 2);
        second.stop().await;
    });
    frozen.block_on(running.stop());
}

/// The second has taken over and moved nothing yet: it is the epoch that fences the first, not the checkpoint.
#[test]
fn an_owner_that_was_frozen_is_fenced_before_the_next_one_has_done_anything() {
    let store = memory();
    let (frozen, other) = (process(), process());
    let [slow, next] = [(); 2].map(|()| Counter::new(&store, 0));
    let [first, second] = [(&frozen, &slow), (&other, &next)].map(|(process, counter)| {
        process.block_on(async {
            record(&store, &["order-1"; 5]).await;
            let running = start(counter.clone(), &store, options());
            until("in the middle", async || counter.entered.load(Ordering::SeqCst) == 1).await;
            running
        })
    });
    frozen.block_on(async {
        slow.gate.add_permits(1_000);
        until("refused", async || !slow.refused.lock().unwrap().is_empty()).await;
        assert!(matches!(slow.refused.lock().unwrap()[..], [CommitError::Fenced(_)]));
        assert_eq!(slow.count().await, 0);
    });
    other.block_on(async {
        next.gate.add_permits(1_000);
        until("counted", async || next.count().await == 10).await;
        second.stop().await;
    });
    frozen.block_on(first.stop());
    assert_eq!(slow.entered.load(Ordering::SeqCst), 1, "it went on");
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_keeps_its_lease_while_it_works() {
    let store = memory();
    let slow = Counter::new(&store, 0);
    let token = record(&store, &["order-1"; 10]).await;
    let running = start(slow.clone(), &store, options());
    let second = start(Counter::new(&store, 1_000), &store, options());
    tokio::time::sleep(options().lease_time * 10).await;
    slow.gate.add_permits(1);
    reach(running.progress(), token).await;
    assert_eq!(slow.count().await, 10);
    assert!(slow.refused.lock().unwrap().is_empty());
    running.stop().await;
    second.stop().await;
}
