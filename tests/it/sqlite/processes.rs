//! Two stores on one file behave as two processes do: they share nothing but the file.

use freehold::backend::sqlite::SqliteOptions;
use freehold::{
    Commit, CommitError, DedupKey, EventStore, EventStoreExt, ExpectedVersion, Filter, Metadata,
    Position, ReadFrom, Store,
};

use super::{File, event, id, inbox, one, opening, stream, version};

#[tokio::test]
async fn stores_on_one_file_are_one_log() {
    let file = File::new();
    let (one, other) = (file.store().await, file.store().await);
    assert_eq!(one.identity(), other.identity());
    assert_ne!(one.identity(), File::new().store().await.identity());
}

#[tokio::test]
async fn a_decision_on_what_another_process_changed_is_a_conflict() {
    let file = File::new();
    let (here, there) = (file.store().await, file.store().await);
    let _ = here.commit(opening(1, "a")).await.unwrap();
    let conflict = there.commit(opening(2, "a")).await.unwrap_err();
    assert!(matches!(conflict, CommitError::Conflict(c) if c.actual() == version(1)));
    let next = Commit::new().append(&stream("a"), version(1), [event(2)]);
    assert_eq!(there.commit(next).await.unwrap().version_of(&stream("a")), Some(version(2)));
    assert_eq!(here.version(&stream("a")).await.unwrap(), version(2));
}

#[tokio::test]
async fn a_repetition_by_another_process_is_answered_as_before() {
    let file = File::new();
    let (here, there) = (file.store().await, file.store().await);
    for commit in
        [|| opening(1, "a").and(opening(2, "b")), || inbox("m").and(one(3, "a")), || inbox("n")]
    {
        let first = here.commit(commit()).await.unwrap();
        let _ =
            here.commit(one(100 + u128::from(first.token().position().get()), "z")).await.unwrap();
        assert_eq!(there.commit(commit()).await.unwrap(), first.as_duplicate());
    }
    let other = Commit::new().append(&stream("a"), ExpectedVersion::Any, [event(2)]);
    let reused = there.commit(other).await.unwrap_err();
    assert!(matches!(reused, CommitError::IdReused(reused) if reused == id(2)));
}

#[tokio::test]
async fn what_another_process_commits_wakes_those_who_wait_here() {
    let file = File::new();
    let (here, there) = (file.store().await, file.store().await);
    let mut waiting: Vec<_> = (0..5).map(|_| here.changed(Position::START)).collect();
    for wait in &mut waiting {
        assert!(futures::poll!(wait.as_mut()).is_pending());
    }
    let committed = there.commit(one(1, "a")).await.unwrap();
    for waiting in waiting {
        super::woken(waiting).await;
    }
    // And at once for those who come later, though this store has not been told.
    let at = committed.token().position();
    let _ = there.commit(one(2, "a")).await.unwrap();
    here.changed(at).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_race_for_one_file_lose_nothing() {
    let file = File::new();
    let stores = [file.store().await, file.store().await, file.store().await];
    let tasks = (0..12_usize).map(|task| {
        let store = stores[task % 3].clone();
        tokio::spawn(async move {
            for n in 0..10 {
                let id = (task * 100 + n) as u128;
                loop {
                    let at = store.version(&stream("hot")).await.unwrap();
                    let commit = Commit::new().append(&stream("hot"), at, [event(id)]);
                    match store.commit(commit).await {
                        Ok(_) => break,
                        Err(CommitError::Conflict(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        })
    });
    for task in futures::future::join_all(tasks).await {
        task.unwrap();
    }
    let tail = stores[0].read_tail(&stream("hot"), version(0)).await.unwrap();
    let mut ids: Vec<_> = tail.iter().map(freehold::RecordedEvent::id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((tail.len(), ids.len()), (120, 120));
}

#[tokio::test]
async fn a_log_opened_again_at_once_holds_all_that_was_acknowledged() {
    let file = File::new();
    let mut identity = None;
    for round in 1..=20 {
        let store = file.store().await;
        assert_eq!(*identity.get_or_insert(store.identity()), store.identity());
        assert_eq!(store.head().await.unwrap(), Position::new(round - 1));
        let _ = store.commit(one(u128::from(round), "a")).await.unwrap();
    }
    let outcome = file.store().await.outcome(&DedupKey::Event(id(7))).await.unwrap().unwrap();
    assert_eq!(outcome.version_of(&stream("a")), Some(version(7)));
}

#[tokio::test]
async fn metadata_that_differs_is_another_event() {
    let file = File::new();
    let store = file.store().await;
    let with = |actor| {
        let metadata = Metadata::new().with_actor(actor).unwrap();
        Commit::new().append(&stream("a"), ExpectedVersion::Any, [event(1).with_metadata(metadata)])
    };
    let _ = store.commit(with("alice")).await.unwrap();
    assert!(store.commit(with("alice")).await.unwrap().is_duplicate());
    assert!(matches!(store.commit(with("bob")).await, Err(CommitError::IdReused(_))));
}

#[tokio::test]
async fn a_page_over_many_categories_is_merged_in_feed_order_and_ends_where_it_says() {
    let file = File::new();
    let store = file.store().await;
    for n in 0..60_u128 {
        let category = ["a", "b", "c"][usize::try_from(n % 3).unwrap()];
        let stream = freehold::StreamId::new(category, "1").unwrap();
        let _ = store
            .commit(Commit::new().append(&stream, ExpectedVersion::Any, [event(n)]))
            .await
            .unwrap();
    }
    let filter = Filter::categories(["a", "c"]).unwrap();
    let (mut after, mut seen) = (Position::START, Vec::new());
    loop {
        let page = store.read_all(after, &filter, 7).await.unwrap();
        assert!(page.events.len() <= 7 && page.upto > after);
        seen.extend(page.events.iter().map(|event| event.position().get()));
        after = page.upto;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(after, Position::new(60), "what the filter left out is passed over");
    let wanted: Vec<u64> = (1..=60).filter(|position| position % 3 != 2).collect();
    assert_eq!(seen, wanted);
    let options = SqliteOptions { readers_max: 1, ..SqliteOptions::default() };
    let narrow = file.store_with(options).await;
    let reads = (0..20).map(|_| narrow.read_all(Position::START, &filter, 100));
    for page in futures::future::join_all(reads).await {
        assert_eq!(page.unwrap().events.len(), 40);
    }
    let stream = freehold::StreamId::new("b", "1").unwrap();
    let page = narrow.read_stream(&stream, ReadFrom::Before(version(5)), 2).await.unwrap();
    let versions: Vec<_> = page.events.iter().map(|event| event.version().get()).collect();
    assert_eq!((versions, page.has_more), (vec![4, 3], true));
}
