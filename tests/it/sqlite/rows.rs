//! Rows of a file: the tables they are in, and what a commit leaves when it cannot write them.

use std::error::Error;
use std::pin::Pin;

use freehold::backend::sqlite::rusqlite::{self, TransactionBehavior};
use freehold::backend::sqlite::{SqliteOptions, SqliteStore, TransactError};
use freehold::{
    BackendError, Commit, CommitError, EventStore, Fault, Leases, Position, RowPage, RowSet,
    RowStore, RowWrite, RowsWanted, Store,
};

use super::group::together;
use super::{File, advance, granted, inbox, key, name, one, put, set, transactions};

async fn page(
    store: &SqliteStore,
    of: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> RowPage {
    let wanted = RowsWanted::Page { prefix: prefix.into(), after: after.map(key), limit };
    store.rows(&set(of), &wanted, None).await.unwrap()
}

fn keys(page: &RowPage) -> Vec<&str> {
    page.rows.iter().map(|row| row.key.as_str()).collect()
}

fn count(file: &File, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    file.connection().query_row(&count, [], |row| row.get(0)).unwrap()
}

/// A view is a table: a person needs nothing but SQLite to look into it.
#[tokio::test]
async fn a_set_can_be_queried_and_indexed_by_hand() {
    let file = File::new();
    let store = file.store().await;
    let orders = set("order_summary");
    store.prepare(&orders).await.unwrap();
    let rows = [
        put(&orders, "1", r#"{"status":"paid","total":"12.50"}"#),
        put(&orders, "2", r#"{"status":"placed"}"#),
    ];
    let _ = store.commit(Commit::new().rows(rows)).await.unwrap();
    let own = file.connection();
    own.execute_batch("CREATE INDEX by_status ON view_order_summary (value ->> 'status')").unwrap();
    let query = "SELECT key || ' ' || (value ->> 'total') FROM view_order_summary WHERE value ->> 'status' = 'paid'";
    let found: String = own.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "1 12.50");
    let _ = store.commit(Commit::new().rows([RowWrite::delete(&orders, &key("1"))])).await.unwrap();
    assert_eq!(count(&file, "view_order_summary"), 1);
}

/// No name of a set is a word of SQL, with what is put before it.
#[tokio::test]
async fn a_set_may_be_called_as_a_word_of_sql_is() {
    let file = File::new();
    let store = file.store().await;
    for word in ["select", "order", "table", "values", "x1__"] {
        let set = set(word);
        store.prepare(&set).await.unwrap();
        let _ = store.commit(Commit::new().rows([put(&set, word, "[]")])).await.unwrap();
        assert_eq!(keys(&page(&store, word, "", None, 9).await), [word]);
    }
}

#[tokio::test]
async fn a_set_that_was_not_prepared_is_missing_for_readers_and_writers() {
    let file = File::new();
    let store = file.store().await;
    let lease = granted(&store, "job").await;
    let is_missing = |error: BackendError| {
        assert_eq!(error.fault(), Fault::Missing);
        let why = error.source().unwrap().to_string();
        assert_eq!(why, "the set of rows `nowhere` was not prepared");
    };
    let nowhere = set("nowhere");
    let wanted = RowsWanted::Keys(vec![key("1")]);
    is_missing(store.rows(&nowhere, &wanted, None).await.unwrap_err());
    let commit = one(1, "a").and(inbox("m")).advance(advance(&lease, &store, 0, 1));
    let error = store.commit(commit.rows([put(&nowhere, "1", "1")])).await.unwrap_err();
    let CommitError::Backend(error) = error else { panic!("{error:?}") };
    is_missing(error);
    assert_eq!(store.head().await.unwrap(), Position::START);
    let state = store.lease(&name("job")).await.unwrap();
    assert_eq!(state.checkpoint(store.identity()), Position::START);
    assert!(!store.commit(inbox("m")).await.unwrap().is_duplicate());
}

/// Also a neighbour that could not be run a second time.
#[tokio::test]
async fn a_missing_set_in_a_batch_fails_only_its_own_commit() {
    let file = File::new();
    let store = file.store().await;
    let (known, unknown) = (set("known"), set("unknown"));
    store.prepare(&known).await.unwrap();
    let rows = |n: u128, set| one(n, "a").rows([put(set, &format!("k{n}"), "1")]);
    let before = transactions(&file);
    let lock = file.lock();
    let mut work = Box::pin(store.transact(|tx| {
        tx.execute_batch("CREATE TABLE own (id INTEGER)")?;
        Ok::<_, rusqlite::Error>(((), Commit::new()))
    }));
    let mut before_it = store.commit(rows(1, &known));
    let mut missing = store.commit(rows(2, &unknown).rows([put(&known, "z", "1")]));
    let mut after_it = store.commit(rows(3, &known));
    assert!(futures::poll!(work.as_mut()).is_pending());
    for commit in [&mut before_it, &mut missing, &mut after_it] {
        assert!(futures::poll!(commit.as_mut()).is_pending());
    }
    drop(lock);
    let (work, before_it, missing, after_it) = futures::join!(work, before_it, missing, after_it);
    assert!(work.is_ok() && before_it.is_ok() && after_it.is_ok());
    assert!(matches!(missing, Err(CommitError::Backend(why)) if why.fault() == Fault::Missing));
    assert_eq!(transactions(&file) - before, 1);
    assert_eq!(keys(&page(&store, "known", "", None, 9).await), ["k1", "k3"]);
    assert_eq!((count(&file, "own"), count(&file, "freehold_events")), (0, 2));
}

/// Its first time found the set; what is asked now is what became of it.
#[tokio::test]
async fn a_repetition_is_answered_though_its_set_is_gone() {
    let file = File::new();
    let store = file.store().await;
    store.prepare(&set("gone")).await.unwrap();
    let commit = || one(1, "a").rows([put(&set("gone"), "1", "1")]);
    let first = store.commit(commit()).await.unwrap();
    file.connection().execute_batch("DROP TABLE view_gone").unwrap();
    assert_eq!(store.commit(commit()).await.unwrap(), first.as_duplicate());
    let other = one(2, "a").rows([put(&set("gone"), "1", "1")]);
    let error = store.commit(other).await.unwrap_err();
    assert!(matches!(error, CommitError::Backend(why) if why.fault() == Fault::Missing));
    store.prepare(&set("gone")).await.unwrap();
    assert!(page(&store, "gone", "", None, 9).await.rows.is_empty());
}

#[tokio::test]
async fn a_set_is_prepared_by_many_processes_at_once_and_keeps_what_is_in_it() {
    let file = File::new();
    let stores = [file.store().await, file.store().await, file.store().await];
    let orders = set("orders");
    futures::future::try_join_all((0..12).map(|n| stores[n % 3].prepare(&orders))).await.unwrap();
    let _ = stores[0].commit(Commit::new().rows([put(&orders, "1", "1")])).await.unwrap();
    // A set that is there is looked at and not written, though somebody holds the file.
    let lock = file.lock();
    stores[1].prepare(&orders).await.unwrap();
    drop(lock);
    assert_eq!(keys(&page(&stores[2], "orders", "", None, 9).await), ["1"]);
}

#[tokio::test]
async fn a_name_that_something_else_has_is_no_set() {
    let file = File::new();
    let store = file.store_that_does_not_poll().await;
    let own = file.connection();
    own.execute_batch(
        "CREATE TABLE view_keyless (key TEXT, value TEXT); CREATE VIEW view_of_user AS SELECT 1 AS key, 2 AS value",
    )
    .unwrap();
    let keyless = store.prepare(&set("keyless")).await.unwrap_err();
    assert_eq!(keyless.fault(), Fault::Other);
    let of_user = set("of_user");
    let lock = file.lock();
    let mut work = Box::pin(store.transact(|_| Ok::<_, rusqlite::Error>(((), one(1, "a")))));
    assert!(futures::poll!(work.as_mut()).is_pending());
    let refused = preparing(&store, &of_user).await;
    drop(lock);
    let (refused, work) = futures::join!(refused, work);
    assert_eq!(refused.unwrap_err().fault(), Fault::Other);
    assert!(!work.unwrap().1.is_duplicate());
}

/// Whatever SQLite takes back then, all others in the transaction happen.
#[tokio::test]
async fn a_set_for_which_there_is_no_room_takes_no_neighbour_with_it() {
    let file = File::new();
    drop(file.store().await);
    let pages = file.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let options =
        SqliteOptions { page_count_max: Some(pages), readers_max: 1, ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    let (new, job) = (set("new"), name("job"));
    let lock = file.lock();
    let mut commit = store.commit(one(1, "a"));
    assert!(futures::poll!(commit.as_mut()).is_pending());
    let full = preparing(&store, &new).await;
    let mut claim = store.claim(&job, super::owner(1), std::time::Duration::from_hours(1));
    assert!(futures::poll!(claim.as_mut()).is_pending());
    drop(lock);
    let (commit, full, claim) = futures::join!(commit, full, claim);
    assert_eq!(full.unwrap_err().fault(), Fault::Full);
    assert!(commit.is_ok() && claim.is_ok());
    assert_eq!(store.head().await.unwrap(), Position::new(1));
    assert_eq!(store.lease(&job).await.unwrap().epoch.get(), 1);
}

type Preparing<'s> = Pin<Box<dyn Future<Output = Result<(), BackendError>> + Send + 's>>;

/// Somebody who has seen that a set is not there, and waits for the writer.
async fn preparing<'s>(store: &'s SqliteStore, set: &'s RowSet) -> Preparing<'s> {
    let mut preparing = store.prepare(set);
    assert!(futures::poll!(preparing.as_mut()).is_pending());
    // The store reads one thing after the other: the look came before this one.
    store.head().await.unwrap();
    assert!(futures::poll!(preparing.as_mut()).is_pending());
    preparing
}

/// The last code point has no successor, and the surrogates are no characters.
#[tokio::test]
async fn a_prefix_ends_where_it_ends_whatever_it_ends_with() {
    let file = File::new();
    let store = file.store().await;
    let set = set("s");
    store.prepare(&set).await.unwrap();
    let all = [
        "%",
        "A",
        "_",
        "a",
        "a%",
        "a\u{10FFFF}",
        "a\u{10FFFF}\u{10FFFF}",
        "b",
        "\u{D7FF}",
        "\u{D7FF}1",
        "\u{E000}",
        "\u{10FFFF}",
        "\u{10FFFF}\u{10FFFF}",
        "\u{10FFFF}\u{10FFFF}x",
    ];
    let rows = all.iter().rev().map(|key| put(&set, key, "0"));
    let _ = store.commit(Commit::new().rows(rows)).await.unwrap();
    for prefix in all.into_iter().chain(["", "c", "\u{10FFFF}y", "a\0"]) {
        let wanted: Vec<_> = all.into_iter().filter(|key| key.starts_with(prefix)).collect();
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = page(&store, "s", prefix, after.as_deref(), 2).await;
            assert!(page.rows.len() <= 2);
            found.extend(page.rows.iter().map(|row| row.key.as_str().to_owned()));
            after = found.last().cloned();
            if !page.has_more {
                break;
            }
        }
        assert_eq!(found, wanted, "{prefix:?}");
    }
}

#[tokio::test]
async fn any_number_of_keys_can_be_asked_for_at_once() {
    let file = File::new();
    let store = file.store().await;
    let set = set("s");
    store.prepare(&set).await.unwrap();
    let odd = ["\"", "\\", "\\u0041", "{\"a\":1}", "null", "1", "ß", "Z"];
    let rows = odd.iter().map(|key| put(&set, key, "0"));
    let _ = store.commit(Commit::new().rows(rows)).await.unwrap();
    let many = (0..50_000).map(|n| key(&format!("no{n}")));
    let wanted = many.chain(odd.iter().chain(&odd).map(|odd| key(odd))).collect();
    let page = store.rows(&set, &RowsWanted::Keys(wanted), None).await.unwrap();
    let mut sorted = odd;
    sorted.sort_unstable();
    assert_eq!((keys(&page), page.has_more), (sorted.to_vec(), false));
}

/// The rows and the checkpoint that says what is in them are read at one moment, while somebody writes both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_checkpoints_are_of_one_moment_while_another_process_writes() {
    let file = File::new();
    let (writer, reader) = (file.store().await, file.store().await);
    let set = set("s");
    writer.prepare(&set).await.unwrap();
    let lease = granted(&writer, "job").await;
    let writing = tokio::spawn({
        let (writer, set) = (writer.clone(), set.clone());
        async move {
            for n in 0..200_u64 {
                let row = RowWrite::put(&set, &key("n"), freehold::RowValue::of(&(n + 1)).unwrap());
                let commit = Commit::new().rows([row]).advance(advance(&lease, &writer, n, n + 1));
                let _ = writer.commit(commit).await.unwrap();
            }
        }
    });
    let (job, wanted) = (name("job"), RowsWanted::Keys(vec![key("n")]));
    let mut last = 0;
    while last < 200 {
        let page = reader.rows(&set, &wanted, Some(&job)).await.unwrap();
        let row = page.rows.first().map_or(0, |row| row.value.read::<u64>().unwrap());
        let checkpoint = page.checkpoints.first().map_or(0, |at| at.position().get());
        assert_eq!(row, checkpoint);
        last = row;
    }
    writing.await.unwrap();
}

/// A projection into tables of one's own: the rows and the checkpoint move together, and only for the holder.
#[tokio::test]
async fn own_tables_and_a_checkpoint_move_in_one_transaction() {
    let file = File::new();
    let store = file.store().await;
    let own = "CREATE TABLE totals (customer TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT;
               INSERT INTO totals VALUES ('alice', 0)";
    file.connection().execute_batch(own).unwrap();
    let lease = granted(&store, "totals").await;
    let step = |from, to| {
        let advance = advance(&lease, &store, from, to);
        store.transact(move |tx| {
            tx.execute("UPDATE totals SET cents = cents + 100", [])?;
            Ok::<_, rusqlite::Error>(((), Commit::new().advance(advance)))
        })
    };
    let cents = || {
        let sql = "SELECT cents FROM totals";
        file.connection().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert!(!step(0, 5).await.unwrap().1.is_duplicate());
    assert!(step(0, 5).await.unwrap().1.is_duplicate(), "the answer was lost, and it asks again");
    assert_eq!(cents(), 100, "the work of the repetition is undone");
    let fenced = step(0, 7).await.unwrap_err();
    assert!(matches!(fenced, TransactError::Commit(CommitError::Fenced(_))), "{fenced:?}");
    assert_eq!(cents(), 100, "and so is that of a stranger");
    assert!(!step(5, 7).await.unwrap().1.is_duplicate());
    assert_eq!(cents(), 200);
}

#[tokio::test]
async fn a_commit_that_is_fenced_or_finds_no_set_leaves_the_users_transaction_alive() {
    let file = File::new();
    let store = file.store().await;
    let (known, unknown) = (set("known"), set("nowhere"));
    store.prepare(&known).await.unwrap();
    let lease = granted(&store, "job").await;
    let mut own = file.connection();
    let tx = own.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let row = |set, key: &str| put(set, key, "1");
    let late = one(1, "a").rows([row(&known, "1")]).advance(advance(&lease, &store, 1, 2));
    assert!(matches!(store.commit_in(&tx, late), Err(CommitError::Fenced(_))));
    let nowhere = one(2, "a").rows([row(&known, "2"), row(&unknown, "2")]);
    let missing = store.commit_in(&tx, nowhere).unwrap_err();
    assert!(matches!(missing, CommitError::Backend(why) if why.fault() == Fault::Missing));
    let right = one(3, "a").rows([row(&known, "3")]).advance(advance(&lease, &store, 0, 1));
    let staged = store.commit_in(&tx, right).unwrap();
    tx.commit().unwrap();
    assert_eq!(staged.committed().token().position(), Position::new(1));
    let wanted = RowsWanted::Page { prefix: "".into(), after: None, limit: 9 };
    let page = store.rows(&known, &wanted, Some(&name("job"))).await.unwrap();
    assert_eq!(keys(&page), ["3"]);
    assert_eq!(page.checkpoints[0].position(), Position::new(1));
}

/// Rows beyond what fits are no reason to keep the events.
#[tokio::test]
async fn a_full_file_takes_no_part_of_a_commit_with_rows() {
    let file = File::new();
    let options = SqliteOptions { page_count_max: Some(60), ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    let set = set("s");
    store.prepare(&set).await.unwrap();
    let large = freehold::RowValue::of(&"x".repeat(300_000)).unwrap();
    let commits =
        [one(1, "a"), one(2, "a").rows([RowWrite::put(&set, &key("1"), large)]), one(3, "a")];
    let answers = together(&file, &store, commits).await;
    let [first, full, last] = &answers[..] else { panic!() };
    assert!(first.is_ok() && last.is_ok());
    assert!(
        matches!(full, Err(CommitError::Backend(why)) if why.fault() == Fault::Full),
        "{full:?}"
    );
    assert_eq!(store.head().await.unwrap(), Position::new(2));
    assert_eq!(count(&file, "view_s"), 0);
}
