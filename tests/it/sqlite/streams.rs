//! Streams so long that reading them begins at a mark, and commits that are taken back.

use freehold::{
    Commit, CommitError, EventId, EventStore, ExpectedVersion, ReadFrom, Store, StreamPage,
};

use super::{File, event, id, one, stream, version};

/// Versions 1 to 200, in commits of 1 to 16 events, with other streams' events between.
async fn long(file: &File) -> freehold::backend::sqlite::SqliteStore {
    let store = file.store().await;
    let mut next = 1_u128;
    for size in (1..=16_u128).cycle() {
        let until = (next + size).min(201);
        let commit = Commit::new()
            .append(&stream("other"), ExpectedVersion::Any, [event(1_000 + next)])
            .append(&stream("long"), ExpectedVersion::Any, (next..until).map(event))
            .append(&stream("third"), ExpectedVersion::Any, [event(2_000 + next)]);
        let _ = store.commit(commit).await.unwrap();
        next = until;
        if next > 200 {
            return store;
        }
    }
    store
}

fn seen(page: &StreamPage) -> Vec<(u64, EventId)> {
    page.events.iter().map(|event| (event.version().get(), event.id())).collect()
}

#[tokio::test]
async fn every_page_of_a_long_stream_is_what_a_list_would_give() {
    let file = File::new();
    let store = long(&file).await;
    let all: Vec<(u64, EventId)> = (1..=200_u64).map(|v| (v, id(v.into()))).collect();
    for limit in [1, 7, 64, 65, 500] {
        for at in 0..=203_usize {
            let page = store
                .read_stream(&stream("long"), ReadFrom::After(version(at as u64)), limit)
                .await
                .unwrap();
            let rest = &all[at.min(200)..];
            assert_eq!(seen(&page), rest[..limit.min(rest.len())], "{limit} after {at}");
            assert_eq!(page.has_more, rest.len() > limit, "{limit} after {at}");

            let page = store
                .read_stream(&stream("long"), ReadFrom::Before(version(at as u64)), limit)
                .await
                .unwrap();
            let mut rest = all[..at.saturating_sub(1).min(200)].to_vec();
            rest.reverse();
            assert_eq!(seen(&page), rest[..limit.min(rest.len())], "{limit} before {at}");
            assert_eq!(page.has_more, rest.len() > limit, "{limit} before {at}");
        }
    }
}

/// The events before the one that is recorded already were inserted, and marks and ends were due.
#[tokio::test]
async fn a_commit_that_is_taken_back_leaves_no_trace_and_no_gap() {
    let file = File::new();
    let store = long(&file).await;
    let tables = || -> String {
        let dump = "SELECT group_concat(line, ' ') FROM
            (SELECT stream || version || '@' || position AS line FROM freehold_marks
             UNION ALL SELECT stream || version || '@' || position FROM freehold_streams
             UNION ALL SELECT hex(event_id) || '@' || position FROM freehold_events)";
        file.connection().query_row(dump, [], |row| row.get(0)).unwrap()
    };
    let before = tables();
    let head = store.head().await.unwrap();
    let reused = Commit::new()
        .append(&stream("long"), ExpectedVersion::Any, (5_001..5_100).map(event))
        .append(&stream("new"), ExpectedVersion::Any, [event(6_001), event(200)]);
    // A neighbour in the same transaction, before and after it.
    let (left, answer, right) = tokio::join!(
        store.commit(one(7_001, "a")),
        store.commit(reused),
        store.commit(one(7_002, "b"))
    );
    assert!(matches!(answer, Err(CommitError::IdReused(taken)) if taken == id(200)), "{answer:?}");
    let positions = [left, right].map(|done| done.unwrap().positions().unwrap().end().get());
    assert_eq!(positions, [head.get() + 1, head.get() + 2]);
    let undo = "DELETE FROM freehold_streams WHERE stream IN ('a', 'b');
                DELETE FROM freehold_events WHERE stream IN ('a', 'b')";
    file.connection().execute_batch(undo).unwrap();
    assert_eq!(tables(), before);
}
