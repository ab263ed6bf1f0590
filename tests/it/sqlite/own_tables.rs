//! A sink that writes tables of its own, in the store's own transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freehold::backend::sqlite::rusqlite::{self, Error};
use freehold::backend::sqlite::{SqliteStore, TransactError};
use freehold::subscription::{
    Applied, Batch, Running, Sink, SinkError, Subscription, SubscriptionOptions,
};
use freehold::testkit::async_trait;
use freehold::{Commit, Filter, LeaseName, Store};

use super::{File, one};

/// Notes each event in a table, joined with another; every third time it fails in the middle of its statements.
struct Notes {
    store: SqliteStore,
    name: LeaseName,
    filter: Filter,
    calls: Arc<AtomicU64>,
}

#[async_trait]
impl Sink for Notes {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let (events, checkpoint) = (batch.events().to_vec(), batch.checkpoint());
        let fails = self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
        let written = self.store.transact(move |tx| {
            for event in &events {
                tx.execute(
                    "INSERT INTO notes SELECT ?1, label FROM labels WHERE id = ?2",
                    rusqlite::params![event.position().get().cast_signed(), event.stream().id()],
                )?;
            }
            if fails { Err(Error::InvalidQuery) } else { Ok(((), checkpoint)) }
        });
        match written.await {
            Ok(_) => Ok(Applied::WithCheckpoint),
            Err(TransactError::Commit(why)) => Err(why.into()),
            Err(why) => Err(SinkError::transient(why)),
        }
    }
}

fn start(store: &SqliteStore, calls: &Arc<AtomicU64>) -> Running {
    let (name, filter) = (LeaseName::new("notes").unwrap(), Filter::all());
    let notes = Notes { store: store.clone(), name, filter, calls: Arc::clone(calls) };
    let options = SubscriptionOptions { batch_events_max: 4, ..SubscriptionOptions::default() };
    Subscription::new(notes, store.clone()).follow(store.clone()).options(options).start()
}

#[tokio::test]
async fn a_sink_with_tables_of_its_own_takes_each_event_in_once() {
    let file = File::new();
    let store = file.store().await;
    let tables = "CREATE TABLE labels (id TEXT PRIMARY KEY, label TEXT NOT NULL);
                  CREATE TABLE notes (position INTEGER NOT NULL, label TEXT NOT NULL);
                  INSERT INTO labels VALUES ('a', 'Ada'), ('b', 'Bob')";
    let made = store.transact(move |tx| tx.execute_batch(tables).map(|()| ((), Commit::new())));
    made.await.unwrap();
    let calls = Arc::default();
    let mut n = 0;
    for _ in 0..4 {
        // Stopped and started anew, it goes on where it was.
        let running = start(&store, &calls);
        let mut token = None;
        for _ in 0..10 {
            n += 1;
            let stream = if n % 2 == 0 { "a" } else { "b" };
            token = Some(store.commit(one(n, stream)).await.unwrap().token());
        }
        let reached = running.progress().wait_for(token.unwrap());
        let reached = tokio::time::timeout(Duration::from_mins(1), reached).await;
        reached.expect("the sink does not get there").unwrap();
        running.stop().await;
    }
    let failed = calls.load(Ordering::SeqCst) / 3;
    assert!(failed > 4, "only {failed} batches failed");
    let found = "SELECT group_concat(position || ' ' || label, ', ') FROM (SELECT * FROM notes ORDER BY rowid)";
    let found: String = file.connection().query_row(found, [], |row| row.get(0)).unwrap();
    let label = |n| if n % 2 == 0 { "Ada" } else { "Bob" };
    let wanted: Vec<_> = (1..=40).map(|n| format!("{n} {}", label(n))).collect();
    assert_eq!(found, wanted.join(", "));
}
