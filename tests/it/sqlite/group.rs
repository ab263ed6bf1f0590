//! Group commit: one transaction for all who wait, and an answer of its own for each.

use std::pin::Pin;

use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::{
    Commit, CommitError, Committed, EventStore, EventStoreExt, ExpectedVersion, Filter, Position,
    Store,
};
use futures::future::join_all;

use super::{File, event, id, inbox, one, opening, stream, transactions, version};

type Answer<'s> = Pin<Box<dyn Future<Output = Result<Committed, CommitError>> + Send + 's>>;

/// Queues the commits in this order while the file is locked, so that they meet in one batch.
pub(super) async fn together(
    file: &File,
    store: &SqliteStore,
    commits: impl IntoIterator<Item = Commit>,
) -> Vec<Result<Committed, CommitError>> {
    let lock = file.lock();
    let mut answers: Vec<Answer<'_>> =
        commits.into_iter().map(|commit| store.commit(commit)).collect();
    for answer in &mut answers {
        assert!(futures::poll!(answer.as_mut()).is_pending());
    }
    drop(lock);
    join_all(answers).await
}

#[tokio::test]
async fn commits_that_wait_share_one_transaction() {
    let file = File::new();
    let store = file.store().await;
    let before = transactions(&file);
    for answer in together(&file, &store, (1..=100).map(|n| one(n, "a"))).await {
        assert!(!answer.unwrap().is_duplicate());
    }
    assert_eq!(transactions(&file) - before, 1);
    assert_eq!(store.version(&stream("a")).await.unwrap(), version(100));
}

#[tokio::test]
async fn a_batch_holds_no_more_commits_than_its_bound() {
    let file = File::new();
    let options = SqliteOptions { batch_commits_max: 10, ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    let before = transactions(&file);
    together(&file, &store, (1..=100).map(|n| one(n, "a"))).await;
    assert_eq!(transactions(&file) - before, 10);
}

#[tokio::test]
async fn one_conflict_in_a_batch_fails_only_itself() {
    let file = File::new();
    let store = file.store().await;
    let mut commits: Vec<_> = (1..=20).map(|n| opening(n, &format!("s{n}"))).collect();
    // Over two streams, of which the second fails: the first must not be written either.
    commits[7] = opening(100, "fresh").and(opening(101, "s1"));
    let before = transactions(&file);
    let answers = together(&file, &store, commits).await;
    assert_eq!(transactions(&file) - before, 1);
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(committed) => assert!(n != 7 && !committed.is_duplicate()),
            Err(CommitError::Conflict(conflict)) => {
                assert_eq!((n, conflict.stream()), (7, &stream("s1")));
                assert_eq!(conflict.actual(), version(1));
            }
            Err(other) => panic!("{n}: {other}"),
        }
    }
    let feed = store.read_all(Position::START, &Filter::all(), 100).await.unwrap();
    assert_eq!(feed.events.len(), 19);
    assert_eq!(feed.upto, Position::new(19), "the conflict leaves no gap");
}

#[tokio::test]
async fn a_decision_in_a_batch_sees_the_decisions_before_it() {
    let file = File::new();
    let store = file.store().await;
    let chain =
        (0..10).map(|n| Commit::new().append(&stream("a"), version(n), [event(u128::from(n) + 1)]));
    let late = Commit::new().append(&stream("a"), version(3), [event(100)]);
    let mut answers = together(&file, &store, chain.chain([late])).await;
    let late = answers.pop().unwrap();
    assert!(matches!(late, Err(CommitError::Conflict(c)) if c.actual() == version(10)));
    for (n, answer) in (1..).zip(answers) {
        assert_eq!(answer.unwrap().version_of(&stream("a")), Some(version(n)));
    }
}

#[tokio::test]
async fn a_repetition_in_the_same_batch_is_recognised() {
    let file = File::new();
    let store = file.store().await;
    let two = || opening(1, "a").and(opening(2, "b"));
    let handled = || inbox("m").and(opening(3, "c"));
    let mixed = Commit::new().append(&stream("d"), ExpectedVersion::Any, [event(4), event(1)]);
    let other_key = inbox("other").and(opening(3, "c"));
    let commits = [two(), handled(), two(), handled(), mixed, other_key];
    let answers = together(&file, &store, commits).await;
    let [first, handled, again, handled_again, mixed, other_key] = &answers[..] else { panic!() };
    let duplicate = |of: &Result<Committed, CommitError>| of.clone().unwrap().as_duplicate();
    assert_eq!(again.as_ref().unwrap(), &duplicate(first));
    assert_eq!(handled_again.as_ref().unwrap(), &duplicate(handled));
    assert!(matches!(mixed, Err(CommitError::IdReused(reused)) if *reused == id(1)));
    assert!(matches!(other_key, Err(CommitError::IdReused(reused)) if *reused == id(3)));
    assert_eq!(store.version(&stream("d")).await.unwrap(), version(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_of_many_tasks_all_land_once_and_in_the_order_of_their_streams() {
    let file = File::new();
    let store = file.store().await;
    let tasks = (0..32_u128).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                let id = task * 1_000 + n;
                store.commit(one(id, &format!("s{}", id % 7))).await.unwrap();
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    let feed = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap();
    assert_eq!((feed.events.len(), feed.upto), (640, Position::new(640)));
    let mut versions = std::collections::HashMap::new();
    for event in feed.events {
        let version = versions.entry(event.stream().clone()).or_insert(0);
        *version += 1;
        assert_eq!(event.version().get(), *version);
    }
}

#[tokio::test]
async fn callers_beyond_the_queue_wait_and_are_served() {
    let file = File::new();
    let options = SqliteOptions { queue_commits_max: 1, ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    for answer in together(&file, &store, (1..=30).map(|n| one(n, "a"))).await {
        answer.unwrap();
    }
    assert_eq!(store.version(&stream("a")).await.unwrap(), version(30));
}

#[tokio::test]
async fn a_commit_whose_future_is_dropped_while_it_waits_happens_whole() {
    let file = File::new();
    let store = file.store().await;
    let lock = file.lock();
    let commit = || opening(1, "a").and(opening(2, "b"));
    let mut dropped = store.commit(commit());
    assert!(futures::poll!(dropped.as_mut()).is_pending());
    drop(dropped);
    drop(lock);
    let again = store.commit(commit()).await.unwrap();
    assert!(again.is_duplicate(), "it was in the queue");
    assert_eq!(store.head().await.unwrap(), Position::new(2));
}

#[tokio::test]
async fn what_is_queued_when_the_last_handle_goes_is_still_written() {
    let file = File::new();
    let store = file.store().await;
    let lock = file.lock();
    let mut dropped = store.commit(one(1, "a"));
    assert!(futures::poll!(dropped.as_mut()).is_pending());
    drop(dropped);
    drop(store);
    // The lock goes while the file is opened again: both writers are at it.
    let opening = tokio::spawn(SqliteStore::open(file.path()));
    drop(lock);
    let store = opening.await.unwrap().unwrap();
    super::woken(store.changed(Position::START)).await;
    assert_eq!(store.version(&stream("a")).await.unwrap(), version(1));
}

#[tokio::test]
async fn readers_who_wait_are_woken_by_the_writer_without_polling() {
    let file = File::new();
    let store = file.store_that_does_not_poll().await;
    let waiting = super::waiting(&store).await;
    store.commit(one(1, "a")).await.unwrap();
    super::woken(waiting).await;
}
