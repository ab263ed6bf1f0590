//! A log that was dumped and restored is the same log, and its feed is as exact as before.

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{Connection, Executor, PgPool, Row};
use freehold::{EventStore, Filter, Outbox, Position, Store};

use crate::cluster::Cluster;
use crate::outbox::sends;
use crate::server::one;

/// The events and the messages that their readers see.
async fn seen(store: &PostgresStore) -> (Vec<u64>, Vec<u64>) {
    let events = store.read_all(Position::START, &Filter::all(), 99).await.unwrap().events;
    let messages = store.outbox_page(Position::START, 99).await.unwrap().events;
    let places = |all: &[freehold::RecordedEvent]| {
        all.iter().map(|event| event.position().get()).collect::<Vec<_>>()
    };
    (places(&events), places(&messages))
}

async fn locks(pool: &PgPool) -> (i64, i64) {
    let numbers = "SELECT freehold.events_lock(), freehold.outbox_lock()";
    let row = pool.fetch_one(numbers).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_restored_log_goes_on_and_waits_for_its_writers() {
    let cluster = Cluster::start();
    let before = PostgresStore::open(cluster.pool()).await.unwrap();
    for n in 1..=3 {
        let _ = before.commit(one(n, "a").and(sends(n, "a"))).await.unwrap();
    }
    let restored = cluster.restored_as("restored");
    assert_eq!(locks(&restored).await, locks(&cluster.pool()).await);
    let store = PostgresStore::open(restored.clone()).await.unwrap();
    assert_eq!((store.identity(), seen(&store).await), (before.identity(), seen(&before).await));
    // What is known stays known.
    assert!(store.commit(one(2, "a").and(sends(2, "a"))).await.unwrap().is_duplicate());

    let mut connection = restored.acquire().await.unwrap();
    for writes_by_hand in [false, true] {
        let at_first = seen(&store).await;
        let mut tx = connection.begin().await.unwrap();
        if writes_by_hand {
            let insert =
                "INSERT INTO freehold.events (event_id, category, stream, version, name, data)
                          VALUES (gen_random_uuid(), 'account', 'hand', 1, 'Opened', '{}')";
            tx.execute(insert).await.unwrap();
        } else {
            drop(store.commit_in(&mut tx, one(10, "b").and(sends(10, "b"))).await.unwrap());
        }
        let n = if writes_by_hand { 12 } else { 11 };
        let _ = store.commit(one(n, "c").and(sends(n, "c"))).await.unwrap();
        let meanwhile = seen(&store).await;
        assert_eq!(meanwhile.0, at_first.0, "what is beyond the gap is not settled");
        // By hand, there is no gap in the messages.
        assert_eq!(meanwhile.1.len(), at_first.1.len() + usize::from(writes_by_hand));
        tx.commit().await.unwrap();
        let last = seen(&store).await;
        assert_eq!(last.0.len(), at_first.0.len() + 2, "{last:?}");
        assert!(last.0.is_sorted() && last.1.is_sorted(), "{last:?}");
        assert_eq!(last.1.len(), at_first.1.len() + if writes_by_hand { 1 } else { 2 });
    }
}
