//! Each trouble has its own fault, and does no more harm than it must.

use std::error::Error;
use std::io::{Seek, SeekFrom, Write};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use freehold::backend::sqlite::{NotWal, SqliteOptions, SqliteStore};
use freehold::{
    BackendError, Clock, Commit, CommitError, EventStore, ExpectedVersion, Fault, Filter, Position,
    ReadFrom, Store,
};

use super::{File, one, stream};

fn fault(error: &CommitError) -> Option<Fault> {
    match error {
        CommitError::Backend(error) => Some(error.fault()),
        _ => None,
    }
}

#[tokio::test]
async fn a_commit_while_another_connection_holds_the_file_is_busy_and_succeeds_after_it() {
    let file = File::new();
    let busy_timeout = Duration::from_millis(20);
    let store = file.store_with(SqliteOptions { busy_timeout, ..SqliteOptions::default() }).await;
    let lock = file.lock();
    let error = store.commit(one(1, "a")).await.unwrap_err();
    assert_eq!(fault(&error), Some(Fault::Busy));
    assert!(error.is_transient());
    assert_eq!(store.head().await.unwrap(), Position::START, "readers do not wait for the lock");
    drop(lock);
    let committed = store.commit(one(1, "a")).await.unwrap();
    assert!(!committed.is_duplicate(), "nothing had been written");
}

#[tokio::test]
async fn all_who_waited_for_a_busy_file_hear_it_after_one_timeout() {
    let file = File::new();
    let busy_timeout = Duration::from_millis(200);
    let store = file.store_with(SqliteOptions { busy_timeout, ..SqliteOptions::default() }).await;
    let lock = file.lock();
    let commits: Vec<_> = (1..=50).map(|n| store.commit(one(n, "a"))).collect();
    let began = std::time::Instant::now();
    for answer in futures::future::join_all(commits).await {
        assert_eq!(fault(&answer.unwrap_err()), Some(Fault::Busy));
    }
    // One timeout for the first batch, one for those that came too late for it; not fifty.
    assert!(began.elapsed() < busy_timeout * 10, "took {:?}", began.elapsed());
    drop(lock);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_stays_as_it_is() {
    let file = File::new();
    let garbage = "not a database, and long enough to be looked at ".repeat(200);
    std::fs::write(file.path(), &garbage).unwrap();
    let error = SqliteStore::open(file.path()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Corrupt);
    assert!(!error.is_transient());
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), garbage);
}

#[tokio::test]
async fn a_damaged_page_is_corrupt_when_it_is_read() {
    let file = File::new();
    let store = file.store().await;
    let big = || "x".repeat(3_000);
    for n in 1..=50 {
        let name = freehold::EventName::from_static("Opened").unwrap();
        let event = freehold::NewEvent::new(super::id(n), name, big());
        let commit = Commit::new().append(&stream("a"), ExpectedVersion::Any, [event]);
        store.commit(commit).await.unwrap();
    }
    drop(store);
    // The last connection moves the log into the file and closes it; with this one that is certain.
    file.connection().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut raw = std::fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    let bytes = raw.metadata().unwrap().len();
    raw.seek(SeekFrom::Start(bytes / 2)).unwrap();
    raw.write_all(&vec![0x5a; usize::try_from(bytes / 2).unwrap()]).unwrap();
    drop(raw);
    let store = file.store().await;
    let error = store.read_stream(&stream("a"), ReadFrom::End, 100).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Corrupt);
}

#[tokio::test]
async fn a_row_that_nobody_of_ours_wrote_is_corrupt_and_its_content_is_not_told() {
    let file = File::new();
    let store = file.store().await;
    store.commit(one(1, "a")).await.unwrap();
    let secret = r#"UPDATE freehold_events SET metadata = '{"actor": "top secret'"#;
    file.connection().execute_batch(secret).unwrap();
    let error = store.read_all(Position::START, &Filter::all(), 10).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Corrupt);
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// A file format that may be read but not written says so in a byte of its head: also root obeys it.
#[tokio::test]
async fn a_file_that_cannot_be_written_is_read_only_and_can_be_read() {
    let file = File::new();
    let store = file.store().await;
    store.commit(one(1, "a")).await.unwrap();
    drop(store);
    file.connection().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut raw = std::fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    raw.seek(SeekFrom::Start(18)).unwrap();
    raw.write_all(&[3]).unwrap();
    drop(raw);
    let store = file.store().await;
    let error = store.commit(one(2, "a")).await.unwrap_err();
    assert_eq!(fault(&error), Some(Fault::ReadOnly));
    assert!(!error.is_transient());
    assert_eq!(store.read_stream(&stream("a"), ReadFrom::End, 9).await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_file_in_no_folder_is_unavailable() {
    let file = File::new();
    let error = SqliteStore::open(file.path().join("below/a/file.db")).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Unavailable);
    assert!(!error.to_string().contains("below"), "{error}");
}

#[tokio::test]
async fn a_database_without_a_file_is_refused_since_it_has_no_wal() {
    let error = SqliteStore::open(":memory:").await.unwrap_err();
    let why = error.source().and_then(|source| source.downcast_ref::<NotWal>());
    assert_eq!(why.map(|why| why.mode.as_str()), Some("memory"));
}

fn large(n: u128, to: &str) -> Commit {
    let name = freehold::EventName::from_static("Grew").unwrap();
    let event = freehold::NewEvent::new(super::id(n), name, vec![b'x'; 900_000]);
    Commit::new().append(&stream(to), ExpectedVersion::Any, [event])
}

fn pages(file: &File) -> u32 {
    let count = "PRAGMA page_count";
    file.connection().query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_commit_that_does_not_fit_is_full_and_its_neighbours_are_not() {
    let file = File::new();
    drop(file.store().await);
    let page_count_max = Some(pages(&file) + 20);
    let options = SqliteOptions { page_count_max, ..SqliteOptions::default() };
    let store = file.store_with(options).await;

    // All of them are in one transaction, which the large one breaks.
    let lock = file.lock();
    let batch = [one(1, "a"), one(2, "b"), large(3, "c"), one(4, "a"), one(5, "b")];
    let mut answers: Vec<_> = batch.map(|commit| store.commit(commit)).into_iter().collect();
    for answer in &mut answers {
        assert!(futures::poll!(answer.as_mut()).is_pending());
    }
    drop(lock);
    let mut answers = futures::future::join_all(answers).await;
    let full = answers.remove(2).unwrap_err();
    assert_eq!(fault(&full), Some(Fault::Full));
    assert!(!full.is_transient());
    for answer in answers {
        assert!(!answer.unwrap().is_duplicate());
    }
    assert!(store.read_stream(&stream("c"), ReadFrom::End, 9).await.unwrap().events.is_empty());
    let feed = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    let positions: Vec<_> = feed.events.iter().map(|event| event.position().get()).collect();
    assert_eq!(positions, [1, 2, 3, 4], "a broken transaction leaves no gap");

    let options = SqliteOptions { page_count_max: None, ..SqliteOptions::default() };
    let roomier = file.store_with(options).await;
    assert!(!roomier.commit(large(3, "c")).await.unwrap().is_duplicate());
}

#[derive(Debug, Default)]
struct DyingClock(AtomicBool);

impl Clock for DyingClock {
    fn now(&self) -> DateTime<Utc> {
        assert!(!self.0.load(Ordering::SeqCst), "the clock has been told to die");
        DateTime::UNIX_EPOCH
    }
}

#[tokio::test]
async fn after_the_writer_has_died_commits_are_closed_and_reads_go_on() {
    let file = File::new();
    let clock = Arc::new(DyingClock::default());
    let options = SqliteOptions { clock: clock.clone(), ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    store.commit(one(1, "a")).await.unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let error = store.commit(one(2, "a")).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::Unknown(why) if why.fault() == Fault::Closed),
        "{error:?}"
    );
    let error = loop {
        // The queue closes a moment after the answer is lost.
        match store.commit(one(2, "a")).await.unwrap_err() {
            CommitError::Backend(error) => break error,
            CommitError::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error.fault(), Fault::Closed);
    assert_eq!(store.head().await.unwrap(), Position::new(1));
    clock.0.store(false, Ordering::SeqCst);
    assert!(!file.store().await.commit(one(2, "a")).await.unwrap().is_duplicate());
}

#[test]
fn a_store_whose_runtime_has_ended_can_still_be_dropped() {
    let file = File::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(file.store());
    runtime.block_on(store.commit(one(1, "a"))).unwrap();
    drop(runtime);
    let dropped = std::panic::catch_unwind(AssertUnwindSafe(|| drop(store)));
    assert!(dropped.is_ok());
}

#[test]
fn a_backend_error_says_what_failed_and_never_where() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let file = File::new();
    std::fs::create_dir(file.path()).unwrap();
    let error: BackendError = runtime.block_on(SqliteStore::open(file.path())).unwrap_err();
    assert_eq!(error.to_string(), "sqlite failed to open (Unavailable)");
}
