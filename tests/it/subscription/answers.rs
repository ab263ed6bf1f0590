//! What a sink answers, and where it says it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::consistency::Behind;
use freehold::subscription::{Applied, Batch, Health, Sink, SinkError};
use freehold::testkit::async_trait;
use freehold::{Filter, LeaseName, Leases, Position, RecordedEvent, Store};
use tokio::time::Instant;

use super::fixture::{
    Ledger, Taken, checkpoint, memory, name, options, reach, record, start, until,
};

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_in_a_part_of_a_batch_gets_the_rest_again() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 10]).await;
    let sink = Ledger::new("job", &got).rule(|batch| {
        let third = batch.events().get(2).map_or(batch.upto(), RecordedEvent::position);
        Ok(Applied::UpTo(third))
    });
    let running = start(sink, &store, options());
    reach(running.progress(), token).await;
    assert_eq!(got.batches(), [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8, 9], vec![10]]);
    assert_eq!(checkpoint(&store, "job").await, 10);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_claims_more_than_it_was_given_is_not_believed() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 3]).await;
    let sink = Ledger::new("job", &got).rule(|_| Ok(Applied::UpTo(Position::new(1_000))));
    let running = start(sink, &store, options());
    reach(running.progress(), token).await;
    assert_eq!(checkpoint(&store, "job").await, 3);
    let token = record(&store, &["order-1"; 3]).await;
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 2, 3, 4, 5, 6]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_in_nothing_and_says_it_is_fine_stops() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 3]).await;
    let sink = Ledger::new("job", &got).rule(|_| Ok(Applied::UpTo(Position::START)));
    let running = start(sink, &store, options());
    let behind = running.progress().wait_for(token).await;
    assert!(matches!(behind, Err(Behind::Stopped { .. })), "{behind:?}");
    assert_eq!(checkpoint(&store, "job").await, 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_with_a_checkpoint_of_its_own_goes_on_from_there() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1"; 6]).await;
    let running = start(Ledger::new("job", &got).stands_at(4), &store, options());
    until("the checkpoint", async || checkpoint(&store, "job").await == 6).await;
    assert_eq!(got.positions(), [5, 6]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_has_lost_its_own_checkpoint_gets_all_again_and_the_stores_never_goes_back() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 6]).await;
    let running = start(Ledger::new("job", &got), &store, options());
    reach(running.progress(), token).await;
    running.stop().await;
    let again = Taken::default();
    let running = start(Ledger::new("job", &again).stands_at(0), &store, options());
    until("all again", async || again.positions().len() == 6).await;
    assert_eq!(checkpoint(&store, "job").await, 6);
    let token = record(&store, &["order-1"; 2]).await;
    until("the checkpoint", async || checkpoint(&store, "job").await == 8).await;
    reach(running.progress(), token).await;
    assert_eq!(again.positions(), (1..=8).collect::<Vec<_>>());
    running.stop().await;
}

/// A sink that says it has committed the checkpoint, and has not, is found out, and does not make the runner spin.
#[tokio::test(start_paused = true)]
async fn a_sink_that_says_it_has_committed_and_has_not_does_not_spin() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1", "user-1"]).await;
    let sink = Ledger::new("job", &got).filter("order").rule(|_| Ok(Applied::WithCheckpoint));
    let running = start(sink, &store, options());
    let began = Instant::now();
    until("a second", async || {
        record(&store, &["order-1", "user-1"]).await;
        began.elapsed().as_millis() > 1_000
    })
    .await;
    let epochs = store.lease(&name("job")).await.unwrap().epoch.get();
    assert!(epochs < 200, "it took the lease {epochs} times in a second");
    running.stop().await;
}

/// A sink that always says it is fenced makes the runner ask for the lease anew, at a bearable pace.
#[tokio::test(start_paused = true)]
async fn a_sink_that_is_always_fenced_does_not_spin() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1"]).await;
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        if count.fetch_add(1, Ordering::SeqCst) > 100_000 {
            return Ok(Applied::UpTo(batch.upto()));
        }
        let name = freehold::LeaseName::new("job").unwrap();
        let lease = freehold::Lease::new(name, freehold::Epoch::new(0));
        let advance = freehold::Advance::new(lease, batch.log(), Position::START, Position::START);
        let fenced = freehold::Fenced::new(&advance, freehold::Epoch::new(1), Position::START);
        Err(SinkError::Fenced(fenced))
    });
    let running = start(sink, &store, options());
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    let calls = calls.load(Ordering::SeqCst);
    assert!((2..200).contains(&calls), "{calls} calls in a minute");
    drop(running.health().await);
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    let health = running.health().await;
    assert!(matches!(health, Health::Stalled { .. }), "{health:?}");
    running.stop().await;
}

/// Commits the checkpoint, and loses the answer every time.
struct Forgetful(LeaseName, Filter, MemoryStore, Arc<AtomicU64>);

#[async_trait]
impl Sink for Forgetful {
    fn name(&self) -> &LeaseName {
        &self.0
    }

    fn filter(&self) -> &Filter {
        &self.1
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        self.3.fetch_add(batch.events().len() as u64, Ordering::SeqCst);
        self.2.commit(batch.checkpoint()).await?;
        Err(SinkError::transient("the answer was lost"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_commit_has_happened_is_not_given_to_the_sink_again() {
    let (store, given) = (memory(), Arc::new(AtomicU64::new(0)));
    let sink = Forgetful(name("job"), Filter::all(), store.clone(), Arc::clone(&given));
    let running = start(sink, &store, options());
    for events in [3, 6, 9] {
        let token = record(&store, &["order-1"; 3]).await;
        reach(running.progress(), token).await;
        assert_eq!(given.load(Ordering::SeqCst), events);
    }
    running.stop().await;
}

/// Whatever is appended to a log that was restored would be passed over, up to where the job is.
#[tokio::test(start_paused = true)]
async fn a_log_that_ends_before_what_was_taken_in_stops_the_subscription() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1", "order-2"]).await;
    let running = start(Ledger::new("job", &got).stands_at(3), &store, options());
    let behind = running.progress().wait_for(token).await.unwrap_err();
    let freehold::consistency::Behind::Stopped { error } = behind else { panic!("{behind:?}") };
    let source = std::error::Error::source(&*error).unwrap().to_string();
    assert!(source.ends_with("ends at 2, and was taken in up to 3"), "{source}");
    assert!(got.positions().is_empty());
    running.stop().await;
}
