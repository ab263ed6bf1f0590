//! The user's own tables, in the transaction of a commit.

use freehold::backend::sqlite::rusqlite::{self, Transaction};
use freehold::backend::sqlite::{SqliteStore, TransactError};
use freehold::{Commit, CommitError, EventStore, EventStoreExt, Position, Store};

use super::{File, inbox, one, opening, stream, transactions, version};

type Done<T> = Result<(T, Commit), rusqlite::Error>;

async fn store_with_orders(file: &File) -> SqliteStore {
    let store = file.store().await;
    file.connection().execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
    store
}

fn insert(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    tx.execute("INSERT INTO orders (id) VALUES (?1)", [id]).map(drop)
}

fn orders(file: &File) -> Vec<i64> {
    let connection = file.connection();
    let mut select = connection.prepare("SELECT id FROM orders ORDER BY id").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn own_rows_and_events_are_written_together() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let before = transactions(&file);
    let (value, committed) = store
        .transact(|tx| -> Done<&str> {
            insert(tx, 7)?;
            Ok(("seven", opening(1, "a")))
        })
        .await
        .unwrap();
    assert_eq!(value, "seven");
    assert_eq!(committed.version_of(&stream("a")), Some(version(1)));
    assert_eq!(committed.token().log(), store.identity());
    assert_eq!(orders(&file), [7]);
    assert_eq!(transactions(&file) - before, 1);
}

#[tokio::test]
async fn an_empty_commit_writes_own_rows_alone_with_a_token_at_the_head() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let _ = store.commit(one(1, "a")).await.unwrap();
    let work = |tx: &Transaction<'_>| -> Done<()> { insert(tx, 1).map(|()| ((), Commit::new())) };
    let ((), committed) = store.transact(work).await.unwrap();
    assert_eq!(orders(&file), [1]);
    assert_eq!((committed.positions(), committed.token().position()), (None, Position::new(1)));
}

#[tokio::test]
async fn a_refusal_undoes_own_rows_and_comes_back_as_it_is() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let refused = store
        .transact(|tx| {
            insert(tx, 1).unwrap();
            Err::<((), Commit), _>("not today")
        })
        .await;
    assert!(matches!(refused, Err(TransactError::Rejected("not today"))));
    assert!(orders(&file).is_empty());
}

#[tokio::test]
async fn a_conflict_and_a_malformed_commit_undo_own_rows() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let _ = store.commit(one(1, "a")).await.unwrap();
    let conflict = store.transact(|tx| insert(tx, 1).map(|()| ((), opening(2, "a")))).await;
    assert!(matches!(conflict, Err(TransactError::Commit(CommitError::Conflict(_)))));
    let twice = || opening(2, "b").and(opening(3, "b"));
    let invalid = store.transact(move |tx| insert(tx, 1).map(|()| ((), twice()))).await;
    assert!(matches!(invalid, Err(TransactError::Commit(CommitError::Invalid(_)))));
    assert!(orders(&file).is_empty());
    assert_eq!(store.head().await.unwrap(), Position::new(1));
}

#[tokio::test]
async fn a_repetition_undoes_own_rows_and_is_answered_as_before() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    for commit in [|| opening(1, "a"), || inbox("m"), || inbox("n").and(opening(2, "b"))] {
        let count = orders(&file).len();
        let work = move |tx: &Transaction<'_>| -> Done<i64> {
            tx.execute("INSERT INTO orders DEFAULT VALUES", [])?;
            Ok((tx.last_insert_rowid(), commit()))
        };
        let (_, first) = store.transact(work).await.unwrap();
        let (_, again) = store.transact(work).await.unwrap();
        assert_eq!(again, first.as_duplicate());
        assert_eq!(orders(&file).len(), count + 1);
    }
}

#[tokio::test]
async fn a_panic_undoes_own_rows_and_the_writer_lives_on() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let panicked = store
        .transact(|tx| -> Done<()> {
            insert(tx, 1)?;
            panic!("on purpose");
        })
        .await;
    assert!(matches!(panicked, Err(TransactError::Panicked)));
    assert!(orders(&file).is_empty());
    assert!(!store.commit(one(1, "a")).await.unwrap().is_duplicate());
}

/// Queues work and commits so that all meet in one transaction.
macro_rules! together {
    ($file:expr, $($job:expr),+ $(,)?) => {{
        let lock = $file.lock();
        let mut jobs = ($(Box::pin($job),)+);
        together!(@poll jobs, [$($job),+]);
        drop(lock);
        jobs
    }};
    (@poll $jobs:ident, [$a:expr, $b:expr, $c:expr]) => {
        assert!(futures::poll!($jobs.0.as_mut()).is_pending());
        assert!(futures::poll!($jobs.1.as_mut()).is_pending());
        assert!(futures::poll!($jobs.2.as_mut()).is_pending());
    };
}

#[tokio::test]
async fn work_shares_a_transaction_with_commits_and_other_work() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let before = transactions(&file);
    let (work, refused, commit) = together!(
        file,
        store.transact(|tx| insert(tx, 1).map(|()| ((), one(1, "a")))),
        store.transact(|tx| {
            insert(tx, 2).unwrap();
            Err::<((), Commit), _>(())
        }),
        store.commit(one(2, "a")),
    );
    assert!(work.await.is_ok());
    assert!(matches!(refused.await, Err(TransactError::Rejected(()))));
    assert_eq!(commit.await.unwrap().version_of(&stream("a")), Some(version(2)));
    assert_eq!((orders(&file), transactions(&file) - before), (vec![1], 1));
}

#[tokio::test]
async fn work_that_commits_is_told_so_and_its_neighbours_happen_once() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    for (n, ending) in
        [(0, "COMMIT"), (10, "ROLLBACK"), (20, "COMMIT; BEGIN"), (30, "ROLLBACK; BEGIN")]
    {
        let (neighbour, guilty, after) = together!(
            file,
            store.commit(one(n + 1, "a")),
            store.transact(move |tx| {
                tx.execute_batch(ending)?;
                Ok::<_, rusqlite::Error>(((), one(n + 2, "never")))
            }),
            store.commit(one(n + 3, "a")),
        );
        assert!(neighbour.await.is_ok(), "{ending}");
        assert!(matches!(guilty.await, Err(TransactError::Ended)), "{ending}");
        assert!(!after.await.unwrap().is_duplicate(), "{ending}");
    }
    assert_eq!(store.version(&stream("a")).await.unwrap(), version(8));
    assert_eq!(store.version(&stream("never")).await.unwrap(), version(0));
}

#[tokio::test]
async fn work_beside_work_that_commits_is_unknown() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let (neighbour, guilty, after) = together!(
        file,
        store.transact(|tx| insert(tx, 1).map(|()| ((), one(1, "a")))),
        store.transact(|tx| tx.execute_batch("COMMIT").map(|()| ((), Commit::new()))),
        store.transact(|tx| insert(tx, 2).map(|()| ((), one(2, "a")))),
    );
    let neighbour = neighbour.await.unwrap_err();
    assert!(matches!(neighbour, TransactError::Commit(CommitError::Unknown(_))), "{neighbour:?}");
    assert!(neighbour.is_transient());
    assert!(matches!(guilty.await, Err(TransactError::Ended)));
    assert!(after.await.is_ok());
    assert_eq!(orders(&file), [1, 2]);
}

#[tokio::test]
async fn work_beside_a_commit_that_fills_the_file_is_interrupted_and_not_written() {
    let file = File::new();
    drop(store_with_orders(&file).await);
    let count = |row: &rusqlite::Row<'_>| row.get::<_, u32>(0);
    let pages = file.connection().query_row("PRAGMA page_count", [], count).unwrap();
    let options = freehold::backend::sqlite::SqliteOptions {
        page_count_max: Some(pages + 20),
        ..Default::default()
    };
    let store = file.store_with(options).await;
    let large = freehold::NewEvent::new(
        super::id(9),
        freehold::EventName::from_static("Grew").unwrap(),
        vec![b'x'; 900_000],
    );
    let large = Commit::new().append(&stream("b"), version(0), [large]);
    let (work, full, own) = together!(
        file,
        store.transact(|tx| insert(tx, 1).map(|()| ((), one(1, "a")))),
        store.commit(large.clone()),
        store.transact(|tx| insert(tx, 3).map(|()| ((), Commit::new()))),
    );
    let work = work.await.unwrap_err();
    assert!(matches!(work, TransactError::Interrupted), "{work:?}");
    assert!(work.is_transient());
    assert!(matches!(full.await, Err(CommitError::Backend(_))));
    assert!(own.await.is_ok());
    assert_eq!(orders(&file), [3]);

    // The same within one work: its own commit is what does not fit.
    let full = store.transact(move |tx| insert(tx, 4).map(|()| ((), large))).await.unwrap_err();
    assert!(matches!(full, TransactError::Commit(CommitError::Backend(_))), "{full:?}");
    assert_eq!(orders(&file), [3]);
}

#[tokio::test]
async fn work_that_fills_the_file_itself_hears_its_own_error() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let large =
        "PRAGMA max_page_count = 1; CREATE TABLE filler AS SELECT zeroblob(900000) AS bytes";
    let refused =
        store.transact(move |tx| tx.execute_batch(large).map(|()| ((), one(1, "a")))).await;
    assert!(matches!(refused, Err(TransactError::Rejected(rusqlite::Error::SqliteFailure(..)))));
    assert_eq!(store.head().await.unwrap(), Position::START);
}

/// SQLite checks a deferred foreign key at `COMMIT`, and so for all who share the transaction.
#[tokio::test]
async fn work_that_cannot_be_committed_takes_no_neighbour_with_it() {
    let file = File::new();
    let store = store_with_orders(&file).await;
    let lines = "CREATE TABLE lines (of INTEGER REFERENCES orders DEFERRABLE INITIALLY DEFERRED)";
    file.connection().execute_batch(lines).unwrap();
    let stray = |tx: &Transaction<'_>| -> Done<()> {
        tx.execute_batch("INSERT INTO lines VALUES (404)").map(|()| ((), one(9, "stray")))
    };
    let (before, stray_beside, after) = together!(
        file,
        store.commit(one(1, "a")),
        store.transact(stray),
        store.commit(one(2, "a"))
    );
    assert!(!before.await.unwrap().is_duplicate());
    assert!(matches!(stray_beside.await, Err(TransactError::Interrupted)));
    assert!(!after.await.unwrap().is_duplicate());
    let alone = store.transact(stray).await.unwrap_err();
    let TransactError::Commit(CommitError::Backend(why)) = &alone else { panic!("{alone:?}") };
    assert_eq!(why.fault(), freehold::Fault::Other);
    assert_eq!(store.version(&stream("stray")).await.unwrap(), version(0));
    assert_eq!(store.version(&stream("a")).await.unwrap(), version(2));
}
