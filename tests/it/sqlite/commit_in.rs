//! A commit in a transaction of the user's own connection.

use std::error::Error;

use freehold::backend::sqlite::OtherLog;
use freehold::backend::sqlite::rusqlite::{Connection, Transaction, TransactionBehavior};
use freehold::{CommitError, EventStore, EventStoreExt, Position, Store};

use super::{File, inbox, one, opening, stream, version};

fn begin(connection: &mut Connection) -> Transaction<'_> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap()
}

#[tokio::test]
async fn a_staged_commit_becomes_durable_with_the_transaction_and_has_its_token_then() {
    let file = File::new();
    let store = file.store().await;
    let mut connection = file.connection();
    let tx = begin(&mut connection);
    tx.execute_batch("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (1)").unwrap();
    let staged = store.commit_in(&tx, opening(1, "a").and(opening(2, "b"))).unwrap();
    assert_eq!(staged.versions(), [(stream("a"), version(1)), (stream("b"), version(1))]);
    assert_eq!(store.head().await.unwrap(), Position::START, "not yet");
    tx.commit().unwrap();
    let committed = staged.committed();
    assert_eq!(committed.token().position(), Position::new(2));
    assert_eq!(committed.token().log(), store.identity());
    assert_eq!(store.head().await.unwrap(), Position::new(2));
    assert_eq!(
        store.commit(opening(1, "a").and(opening(2, "b"))).await.unwrap(),
        committed.as_duplicate()
    );
}

#[tokio::test]
async fn a_staged_commit_goes_with_a_transaction_that_is_rolled_back() {
    let file = File::new();
    let store = file.store().await;
    let mut connection = file.connection();
    let tx = begin(&mut connection);
    drop(store.commit_in(&tx, inbox("m").and(opening(1, "a"))).unwrap());
    tx.rollback().unwrap();
    let again = store.commit(inbox("m").and(opening(1, "a"))).await.unwrap();
    assert!(!again.is_duplicate());
    assert_eq!(again.token().position(), Position::new(1));
}

#[tokio::test]
async fn a_refused_commit_writes_nothing_and_the_transaction_lives_on() {
    let file = File::new();
    let store = file.store().await;
    let first = store.commit(opening(1, "a").and(opening(2, "b"))).await.unwrap();
    let mut connection = file.connection();
    let tx = begin(&mut connection);
    tx.execute_batch("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (1)").unwrap();
    let conflict = store.commit_in(&tx, opening(3, "fresh").and(opening(4, "a"))).unwrap_err();
    assert!(matches!(conflict, CommitError::Conflict(c) if c.stream() == &stream("a")));
    let reused = store.commit_in(&tx, opening(5, "fresh").and(one(2, "a"))).unwrap_err();
    assert!(matches!(reused, CommitError::IdReused(id) if id == super::id(2)));
    let repeated = store.commit_in(&tx, opening(1, "a").and(opening(2, "b"))).unwrap();
    assert!(repeated.is_duplicate());
    let staged = store.commit_in(&tx, one(6, "a")).unwrap();
    tx.commit().unwrap();
    assert_eq!(repeated.committed(), first.as_duplicate());
    assert_eq!(staged.committed().token().position(), Position::new(3), "no gap");
    assert_eq!(store.version(&stream("fresh")).await.unwrap(), version(0));
    let orders = "SELECT count(*) FROM orders";
    assert_eq!(file.connection().query_row(orders, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[tokio::test]
async fn a_transaction_of_another_file_is_refused() {
    let (file, other) = (File::new(), File::new());
    let (store, other_store) = (file.store().await, other.store().await);
    let mut nothing = Connection::open_in_memory().unwrap();
    for (connection, found) in
        [(&mut other.connection(), Some(other_store.identity())), (&mut nothing, None)]
    {
        let tx = begin(connection);
        let error = store.commit_in(&tx, one(1, "a")).unwrap_err();
        let CommitError::Backend(error) = error else { panic!("{error:?}") };
        let why = error.source().unwrap().downcast_ref::<OtherLog>().unwrap();
        assert_eq!((why.expected, why.found), (store.identity(), found));
    }
    assert_eq!(other_store.head().await.unwrap(), Position::START);
}

#[tokio::test]
async fn readers_who_wait_are_woken_by_a_staged_commit_without_polling() {
    let file = File::new();
    let store = file.store_that_does_not_poll().await;
    let waiting = super::waiting(&store).await;
    let mut connection = file.connection();
    let tx = begin(&mut connection);
    let staged = store.commit_in(&tx, one(1, "a")).unwrap();
    tx.commit().unwrap();
    let _ = staged.committed();
    super::woken(waiting).await;
}

#[tokio::test]
async fn a_token_taken_without_the_transaction_misleads_no_reader() {
    let file = File::new();
    let store = file.store().await;
    let mut connection = file.connection();
    let tx = begin(&mut connection);
    let staged = store.commit_in(&tx, one(1, "a")).unwrap();
    let _ = staged.committed();
    let mut waiting = store.changed(Position::START);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    tx.rollback().unwrap();
    let (changed, committed) = futures::join!(waiting, store.commit(one(2, "a")));
    changed.unwrap();
    assert_eq!(committed.unwrap().token().position(), Position::new(1));
}
