//! The archive is a table of its own: what is in it, who reads it, and what it costs where there is none.

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::TransactionBehavior;
use freehold::testkit::{Faults, FaultyStore, Loss};
use freehold::{
    Archive, Archived, Closing, Commit, CommitError, EventStore, EventStoreExt, ExpectedVersion,
    Filter, Position, ReadFrom, RecordedEvent, Store, StreamVersion,
};

use super::{File, event, id, inbox, one, stream, transactions, version};

/// A commit that closes a stream with its last event.
pub(super) fn closing(n: u128, to: &str) -> Commit {
    let last = [event(n), Closing::because("over").event(id(n + 1))];
    Commit::new().append(&stream(to), ExpectedVersion::Any, last)
}

/// How many events are in the table of those that still grow, and in the archive.
fn places(file: &File) -> (i64, i64) {
    let count =
        "SELECT (SELECT count(*) FROM freehold_events), (SELECT count(*) FROM freehold_archive)";
    file.connection().query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

/// 200 events of a stream that is closed, among as many of one that is not.
async fn two(store: &SqliteStore) {
    for n in 0..198 {
        let _ = store.commit(one(1_000 + n, "over")).await.unwrap();
        let _ = store.commit(one(2_000 + n, "open")).await.unwrap();
    }
    let _ = store.commit(closing(5_000, "over")).await.unwrap();
    let _ = store.commit(one(6_000, "open")).await.unwrap();
}

async fn ids(store: &SqliteStore, after: u64, filter: &Filter) -> Vec<u128> {
    let page = store.read_all(Position::new(after), filter, 1_000).await.unwrap();
    page.events.iter().map(|event| event.id().as_uuid().as_u128()).collect()
}

#[tokio::test]
async fn events_of_closed_streams_leave_the_table_of_the_others_and_are_read_as_before() {
    let file = File::new();
    let store = file.store().await;
    two(&store).await;
    let categories = Filter::categories(["account", "other"]).unwrap();
    let mut before = Vec::new();
    for after in [0, 1, 150, 399] {
        before.push((
            ids(&store, after, &Filter::all()).await,
            ids(&store, after, &categories).await,
        ));
    }
    assert_eq!(places(&file), (399, 0));
    assert_eq!(store.archive(50).await.unwrap(), Archived::new(50, 0, true));
    assert_eq!(places(&file), (349, 50));
    assert_eq!(store.archive(1_000).await.unwrap(), Archived::new(150, 1, false));
    assert_eq!(places(&file), (199, 200));
    let mut after_that = Vec::new();
    for after in [0, 1, 150, 399] {
        after_that.push((
            ids(&store, after, &Filter::all()).await,
            ids(&store, after, &categories).await,
        ));
    }
    assert_eq!(before, after_that);
    for from in [ReadFrom::End, ReadFrom::Before(version(70)), ReadFrom::After(version(60))] {
        let page = store.read_stream(&stream("over"), from, 5).await.unwrap();
        assert_eq!(page.events.len(), 5, "{from:?}");
    }
    // A page in the middle of the stream, from the table and from the archive at once.
    let tail = store.read_tail(&stream("open"), StreamVersion::NONE).await.unwrap();
    assert!(tail.iter().map(RecordedEvent::version).eq((1..=199).map(version)));
}

#[tokio::test]
async fn nothing_is_written_and_nobody_is_waited_for_when_there_is_nothing_to_archive() {
    let file = File::new();
    let store = file.store().await;
    let _ = store.commit(one(1, "open")).await.unwrap();
    let before = transactions(&file);
    let lock = file.lock();
    assert_eq!(store.archive(10).await.unwrap(), Archived::default());
    drop(lock);
    assert_eq!(transactions(&file), before);
}

/// The index of the table does not know them any more.
#[tokio::test]
async fn an_id_that_was_archived_is_taken_in_every_kind_of_transaction() {
    let file = File::new();
    let store = file.store_that_does_not_poll().await;
    let first = store.commit(closing(1, "over")).await.unwrap();
    // In one transaction with the step that moves the first events there are: it has looked, and waits for the file.
    let lock = file.lock();
    let mut archiving = store.archive(10);
    for _ in 0..2 {
        assert!(futures::poll!(archiving.as_mut()).is_pending());
        assert_eq!(store.head().await.unwrap(), Position::new(2));
    }
    let (mut late, mut fresh) = (store.commit(one(1, "other")), store.commit(one(7, "other")));
    assert!(futures::poll!(late.as_mut()).is_pending());
    assert!(futures::poll!(fresh.as_mut()).is_pending());
    drop(lock);
    let (moved, late, fresh) = tokio::join!(archiving, late, fresh);
    assert_eq!(moved.unwrap(), Archived::new(2, 1, false));
    assert!(matches!(late, Err(CommitError::IdReused(taken)) if taken == id(1)), "{late:?}");
    assert_eq!(fresh.unwrap().positions().unwrap().end().get(), 3, "there is no gap");
    assert!(store.commit(closing(1, "over")).await.unwrap() == first.clone().as_duplicate());
    let mut own = file.connection();
    let tx = own.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let reused = store.commit_in(&tx, one(2, "other")).unwrap_err();
    assert!(matches!(reused, CommitError::IdReused(taken) if taken == id(2)), "{reused:?}");
    let closed = store.commit_in(&tx, one(8, "over")).unwrap_err();
    assert!(matches!(closed, CommitError::Closed(_)), "{closed:?}");
    // The transaction lives on.
    let staged = store.commit_in(&tx, one(9, "other")).unwrap();
    tx.commit().unwrap();
    assert_eq!(staged.committed().version_of(&stream("other")), Some(version(2)));
    let work = store.transact(|_| Ok::<_, std::convert::Infallible>(((), one(10, "over"))));
    assert!(work.await.is_err());
    assert_eq!(places(&file), (2, 2));
}

#[tokio::test]
async fn all_is_archived_once_whatever_call_fails() {
    for loss in [Loss::Call, Loss::Answer] {
        for nth in 1.. {
            let file = File::new();
            let store = file.store().await;
            for n in 0..3 {
                let _ = store.commit(closing(10 * n, &format!("over {n}"))).await.unwrap();
            }
            let before = ids(&store, 0, &Filter::all()).await;
            let faults = Faults::seeded(0).fail_nth(nth, loss);
            let (weak, mut failed) = (FaultyStore::new(store.clone(), faults), 0);
            loop {
                match weak.archive(1).await {
                    Ok(step) if !step.has_more => break,
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_transient(), "{error:?}");
                        failed += 1;
                    }
                }
            }
            assert_eq!(places(&file), (0, 6), "call {nth} failed");
            assert_eq!(ids(&store, 0, &Filter::all()).await, before);
            if failed == 0 {
                assert!(nth > 6, "only {nth} calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_a_message_led_to_is_told_when_a_part_of_it_is_archived() {
    let file = File::new();
    let store = file.store().await;
    let commit = || inbox("m").and(closing(1, "over")).and(one(9, "open"));
    let first = store.commit(commit()).await.unwrap();
    assert_eq!(store.archive(10).await.unwrap().events, 2);
    assert_eq!(store.commit(commit()).await.unwrap(), first.as_duplicate());
}

#[tokio::test]
async fn pages_of_both_tables_are_read_from_their_indexes_in_order() {
    let file = File::new();
    let store = file.store().await;
    two(&store).await;
    while store.archive(100).await.unwrap().has_more {}
    let plan = |sql: &str| -> String {
        let connection = file.connection();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for sql in [
        "SELECT position, category FROM freehold_all_events WHERE position > 5 ORDER BY position LIMIT 9",
        "SELECT position, name FROM freehold_all_events
         WHERE category = 'account' AND position > 5 AND position <= 99 ORDER BY position LIMIT 9",
        "SELECT position FROM freehold_all_events WHERE event_id = x'00'",
        "SELECT category, stream, max(version) FROM freehold_all_events
         WHERE position BETWEEN 5 AND 9 GROUP BY category, stream ORDER BY min(position)",
    ] {
        let plan = plan(sql);
        assert!(
            plan.contains("SEARCH freehold_events") && plan.contains("SEARCH freehold_archive"),
            "{sql}: {plan}"
        );
        let scans = ["SCAN freehold_events", "SCAN freehold_archive"];
        assert!(!scans.iter().any(|scan| plan.contains(scan)), "{sql}: {plan}");
        assert!(sql.contains("GROUP BY") || !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
