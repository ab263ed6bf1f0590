//! The outbox in the file: who writes to it, and who hears of it.

use chrono::TimeDelta;
use freehold::backend::sqlite::rusqlite::{Transaction, TransactionBehavior};
use freehold::backend::sqlite::{SqliteOptions, SqliteStore, TransactError};
use freehold::testkit::ManualClock;
use freehold::{
    Commit, CommitError, Envelope, EventStore, MessageId, MessageType, OrderingKey, Outbox,
    Position, Store,
};
use futures::poll;
use std::sync::Arc;
use uuid::Uuid;

use super::{File, Waiting, opening, transactions, woken};

fn message(n: u128) -> Envelope {
    let kind = MessageType::new("shop.order.placed.v1").unwrap();
    let key = OrderingKey::new("order-1").unwrap();
    Envelope::new(MessageId::new(Uuid::from_u128(n)), kind, key, format!(r#"{{"n":{n}}}"#))
}

fn sending(n: u128) -> Commit {
    Commit::new().send(&message(n))
}

/// Which messages are in the log.
async fn log(store: &SqliteStore) -> Vec<u128> {
    let page = store.outbox_page(Position::START, 1_000).await.unwrap();
    page.events.iter().map(|recorded| recorded.id().as_uuid().as_u128()).collect()
}

const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY)";

async fn with_orders(file: &File) -> SqliteStore {
    let store = file.store().await;
    file.connection().execute_batch(ORDERS).unwrap();
    store
}

fn orders(file: &File) -> i64 {
    let count = "SELECT count(*) FROM orders";
    file.connection().query_row(count, [], |row| row.get(0)).unwrap()
}

fn insert(tx: &Transaction<'_>) {
    tx.execute_batch("INSERT INTO orders DEFAULT VALUES").unwrap();
}

#[tokio::test]
async fn own_rows_and_messages_are_written_together_without_events() {
    let file = File::new();
    let store = with_orders(&file).await;
    for n in 1..=2 {
        let work = move |tx: &Transaction<'_>| {
            insert(tx);
            Ok::<_, ()>(((), sending(n)))
        };
        let ((), done) = store.transact(work).await.unwrap();
        assert_eq!((done.positions(), done.is_duplicate()), (None, false));
    }
    assert_eq!((log(&store).await, orders(&file)), (vec![1, 2], 2));
    assert_eq!(store.head().await.unwrap(), Position::START, "no event was written");
}

#[tokio::test]
async fn own_rows_that_are_refused_take_their_messages_with_them() {
    let file = File::new();
    let store = with_orders(&file).await;
    let _ = store.commit(opening(1, "a")).await.unwrap();
    let twice = sending(1).and(sending(1));
    for commit in [sending(1).and(opening(2, "a")), twice] {
        let work = move |tx: &Transaction<'_>| {
            insert(tx);
            Ok::<_, ()>(((), commit))
        };
        let error = store.transact(work).await.unwrap_err();
        let is_refused = matches!(
            error,
            TransactError::Commit(CommitError::Conflict(_) | CommitError::Invalid(_))
        );
        assert!(is_refused, "{error:?}");
    }
    assert_eq!((log(&store).await, orders(&file)), (vec![], 0));
}

#[tokio::test]
async fn a_message_in_a_transaction_of_ones_own_goes_with_it() {
    let file = File::new();
    let store = with_orders(&file).await;
    let mut connection = file.connection();
    for (n, keep) in [(1, true), (2, false), (3, true)] {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        insert(&tx);
        let staged = store.commit_in(&tx, sending(n)).unwrap();
        if keep {
            tx.commit().unwrap();
            assert!(!staged.committed().is_duplicate());
        } else {
            tx.rollback().unwrap();
        }
    }
    assert_eq!((log(&store).await, orders(&file)), (vec![1, 3], 2));
    assert_eq!(store.outbox_head().await.unwrap(), Position::new(2), "no gap");
}

/// Somebody who waits for the next message and has seen that there is none.
async fn waiting_for_more(store: &SqliteStore) -> Waiting<'_> {
    let head = store.outbox_head().await.unwrap();
    let mut waiting = store.outbox_changed(head);
    assert!(poll!(waiting.as_mut()).is_pending());
    // The store reads one thing after the other: the look of the one who waits came before this one.
    assert_eq!(store.outbox_head().await.unwrap(), head);
    waiting
}

#[tokio::test]
async fn publishers_who_wait_are_woken_without_polling() {
    let file = File::new();
    let store = file.store_that_does_not_poll().await;
    let waiting = waiting_for_more(&store).await;
    let _ = store.commit(sending(1)).await.unwrap();
    woken(waiting).await;

    let waiting = waiting_for_more(&store).await;
    let _ = store.transact(|_| Ok::<_, ()>(((), sending(2)))).await.unwrap();
    woken(waiting).await;

    let waiting = waiting_for_more(&store).await;
    let mut connection = file.connection();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let staged = store.commit_in(&tx, sending(3)).unwrap();
    tx.commit().unwrap();
    let _ = staged.committed();
    woken(waiting).await;
}

#[tokio::test]
async fn messages_of_another_handle_are_heard_of_beside_readers_of_events() {
    let file = File::new();
    let (store, other) = (file.store().await, file.store().await);
    let mut events = store.changed(Position::START);
    let waiting = store.outbox_changed(Position::START);
    assert!(poll!(events.as_mut()).is_pending());
    let _ = other.commit(sending(1)).await.unwrap();
    woken(waiting).await;
    assert!(poll!(events.as_mut()).is_pending(), "a message is no event");
}

#[tokio::test]
async fn what_is_not_due_is_not_looked_for_with_a_write() {
    let file = File::new();
    let clock = ManualClock::new();
    let options = SqliteOptions { clock: Arc::new(clock.clone()), ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    let due = freehold::Clock::now(&clock) + TimeDelta::nanoseconds(1_500);
    let _ = store.commit(Commit::new().send(&message(1).with_delivery_at(due))).await.unwrap();
    let before = transactions(&file);
    let lock = file.lock();
    assert!(store.outbox_due(10).await.unwrap().unwrap() >= due, "rounded up, never down");
    drop(lock);
    clock.advance(std::time::Duration::from_nanos(1_500));
    assert!(store.outbox_due(10).await.unwrap().is_some(), "a microsecond is the grain");
    assert_eq!((transactions(&file), log(&store).await), (before, vec![]));
    clock.advance(std::time::Duration::from_micros(1));
    assert_eq!(store.outbox_due(10).await.unwrap(), None);
    assert_eq!((transactions(&file), log(&store).await), (before + 1, vec![1]));
}

#[tokio::test]
async fn a_long_outbox_is_trimmed_in_pieces() {
    let file = File::new();
    let store = file.store().await;
    let many = (1..=2_500).fold(Commit::new(), |commit, n| commit.send(&message(n)));
    let _ = store.commit(many).await.unwrap();
    let before = transactions(&file);
    assert_eq!(store.outbox_trim(Position::new(2_400)).await.unwrap(), 2_400);
    assert_eq!(transactions(&file) - before, 3, "others had their turn in between");
    assert_eq!(log(&store).await, (2_401..=2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_can_be_looked_at_with_sql() {
    let file = File::new();
    let store = file.store().await;
    let _ = store.commit(sending(7)).await.unwrap();
    let query = "SELECT ordering_key || ' ' || type || ' ' || (envelope ->> '$.data.n') FROM freehold_outbox";
    let found: String = file.connection().query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "order-1 shop.order.placed.v1 7");
}
