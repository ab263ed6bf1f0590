//! The barrier: what participants of ours do with calls that come twice, late, or in the wrong order.

use std::sync::atomic::{AtomicUsize, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::{self, TransactionBehavior};
use freehold::saga::{Again, Barrier, BarrierError, Do, Entered, Failure, Key, Leaving, Local};
use freehold::{
    Commit, EventId, EventName, EventStore, EventStoreExt, ExpectedVersion, NewEvent, StreamId,
    StreamVersion,
};
use uuid::Uuid;

fn key(n: u32) -> Key<Do> {
    Key::received(&format!("fulfilment/{n}:reserve:0:do")).unwrap()
}

fn stock() -> StreamId {
    StreamId::new("stock", "85123A").unwrap()
}

fn write(name: &'static str) -> Commit {
    let event =
        NewEvent::new(EventId::new(Uuid::now_v7()), EventName::from_static(name).unwrap(), "{}");
    Commit::new().append(&stock(), ExpectedVersion::Any, [event])
}

async fn names(store: &impl EventStore) -> Vec<String> {
    let events = store.read_tail(&stock(), StreamVersion::NONE).await.unwrap();
    events.iter().map(|event| event.name().to_string()).collect()
}

async fn reserve(barrier: &Barrier, key: &Key<Do>) -> Result<u32, Failure<String>> {
    barrier.act(key, &6, || async { Ok(Local::new(7, write("Reserved"))) }).await
}

async fn release(barrier: &Barrier, key: &Key<Do>) -> Result<(), Again> {
    barrier.undo(key, |_: u32| async { Ok(write("Released")) }).await
}

async fn on_any(store: impl EventStore + Clone) {
    let barrier = Barrier::new(store.clone());
    // Twice the same, both ways.
    assert_eq!(reserve(&barrier, &key(1)).await.unwrap(), 7);
    assert_eq!(reserve(&barrier, &key(1)).await.unwrap(), 7);
    release(&barrier, &key(1)).await.unwrap();
    release(&barrier, &key(1)).await.unwrap();
    assert_eq!(names(&store).await, ["Reserved", "Released"]);
    // Late.
    let error = reserve(&barrier, &key(1)).await.unwrap_err();
    assert!(matches!(error, Failure::Broken(_)), "{error:?}");
    // The compensation first.
    release(&barrier, &key(2)).await.unwrap();
    release(&barrier, &key(2)).await.unwrap();
    reserve(&barrier, &key(2)).await.unwrap_err();
    assert_eq!(names(&store).await.len(), 2);
}

#[tokio::test]
async fn an_action_happens_once_and_never_after_its_compensation() {
    on_any(MemoryStore::new()).await;
    let dir = tempfile::tempdir().unwrap();
    on_any(SqliteStore::open(dir.path().join("stock.db")).await.unwrap()).await;
}

#[tokio::test]
async fn an_action_that_is_refused_leaves_no_mark() {
    let barrier = Barrier::new(MemoryStore::new());
    let refuse = || async { Err::<Local<u32>, _>(Failure::rejected("sold out")) };
    let refused: Result<u32, Failure<String>> = barrier.act(&key(1), &6, refuse).await;
    assert!(matches!(refused, Err(Failure::Rejected(why)) if why == "sold out"));
    assert_eq!(reserve(&barrier, &key(1)).await.unwrap(), 7);
}

#[tokio::test]
async fn the_same_key_with_another_input_is_refused() {
    let barrier = Barrier::new(MemoryStore::new());
    reserve(&barrier, &key(1)).await.unwrap();
    let error = barrier.enter::<u32>(&key(1), &5).await.unwrap_err();
    assert!(matches!(error, BarrierError::Changed(_)), "{error:?}");
}

/// Whoever comes first, and however many at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_calls_come_to_one_effect_or_none() {
    let store = MemoryStore::new();
    let barrier = Barrier::new(store.clone());
    let decided = AtomicUsize::new(0);
    for n in 0..200 {
        let key = key(n);
        let acts = (0..4).map(|_| reserve(&barrier, &key));
        let undoes = (0..2).map(|_| release(&barrier, &key));
        let (acts, undoes) =
            tokio::join!(futures::future::join_all(acts), futures::future::join_all(undoes));
        for undone in undoes {
            undone.unwrap();
        }
        decided.fetch_add(acts.iter().filter(|act| act.is_ok()).count(), Ordering::Relaxed);
        let names = names(&store).await;
        let count = |name: &str| names.iter().filter(|found| *found == name).count();
        assert_eq!(count("Reserved"), count("Released"), "{n}");
    }
    assert!(decided.load(Ordering::Relaxed) > 0, "nothing was ever reserved");
}

/// What one does with tables of one's own: the pass goes into one's own transaction.
#[tokio::test]
async fn a_pass_is_part_of_ones_own_transaction_and_lets_through_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("stock.db")).await.unwrap();
    let barrier = Barrier::new(store.clone());
    let mut connection = rusqlite::Connection::open(dir.path().join("stock.db")).unwrap();
    connection.execute_batch("CREATE TABLE reserved (sku TEXT NOT NULL) STRICT").unwrap();
    let passes = [
        barrier.enter::<u32>(&key(1), &6).await.unwrap(),
        barrier.enter::<u32>(&key(1), &6).await.unwrap(),
    ];
    for entered in passes {
        let Entered::First(pass) = entered else { panic!("{entered:?}") };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        tx.execute("INSERT INTO reserved VALUES ('85123A')", []).unwrap();
        // Who is not let through does not commit.
        if let Ok(staged) = store.commit_in(&tx, pass.commit(&7_u32).unwrap()) {
            tx.commit().unwrap();
            drop(staged.committed());
        }
    }
    let through = connection.query_row("SELECT count(*) FROM reserved", [], |row| row.get(0));
    assert_eq!(through, Ok(1));
    let Entered::Before(out) = barrier.enter::<u32>(&key(1), &6).await.unwrap() else { panic!() };
    assert_eq!(out, 7);
    let Leaving::Happened(out, _) = barrier.leave::<u32>(&key(1)).await.unwrap() else { panic!() };
    assert_eq!(out, 7);
}

#[test]
fn the_key_of_a_compensation_is_not_taken_for_that_of_an_action() {
    Key::<Do>::received("fulfilment/1:reserve:0:undo").unwrap_err();
    Key::<Do>::received("").unwrap_err();
}
