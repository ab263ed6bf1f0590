//! On SQLite: the log and the views in a file each.

use std::path::Path;
use std::sync::Arc;

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::Connection;

use super::projector::{Projector, Stores, is_frozen, is_killed, keep_up};
use super::{archiving, rebuilding, shared};

const FOLDER: &str = "FREEHOLD_PROJECTOR_FOLDER";
const KILLS: u64 = 12;
const ROUNDS: u64 = 4;
const REBUILD_KILLS: u64 = 6;
const SHARER: &str = "FREEHOLD_SHARER_FOLDER";
const SHARED_ROUNDS: usize = 3;
const ARCHIVER: &str = "FREEHOLD_ARCHIVER_FOLDER";
const ARCHIVE_ROUNDS: u64 = 8;

pub(super) async fn open(folder: &Path) -> Stores {
    let log = SqliteStore::open(folder.join("log.db")).await.unwrap();
    let rows = SqliteStore::open(folder.join("views.db")).await.unwrap();
    (Arc::new(log), Arc::new(rows))
}

/// Whether this process is the projector that the test has started; if so, it was one until the test ended.
async fn is_projector() -> bool {
    let Some(folder) = std::env::var_os(FOLDER) else { return false };
    keep_up(open(Path::new(&folder)).await).await;
    true
}

fn starts<'f>(test: &'f str, folder: &'f Path) -> impl Fn() -> Projector + 'f {
    move || Projector::start(test, FOLDER, folder.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_is_killed_leaves_every_event_in_the_views_once() {
    const TEST: &str =
        "processes::sqlite::a_projector_that_is_killed_leaves_every_event_in_the_views_once";
    if is_projector().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path()).await;
    is_killed(&stores, starts(TEST, folder.path()), KILLS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_was_frozen_beyond_its_lease_writes_nothing_any_more() {
    const TEST: &str =
        "processes::sqlite::a_projector_that_was_frozen_beyond_its_lease_writes_nothing_any_more";
    if is_projector().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path()).await;
    is_frozen(&stores, starts(TEST, folder.path()), ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_whose_process_is_killed_goes_on_and_is_never_seen_half_full() {
    const TEST: &str =
        "processes::sqlite::a_rebuild_whose_process_is_killed_goes_on_and_is_never_seen_half_full";
    if is_projector().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path()).await;
    rebuilding::is_killed(&stores, starts(TEST, folder.path()), REBUILD_KILLS).await;
}

/// The same of one of three processes that share the work.
async fn is_sharer() -> bool {
    let Some(folder) = std::env::var_os(SHARER) else { return false };
    shared::keep_up(open(Path::new(&folder)).await).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_projection_outlives_that_one_process_is_killed_and_one_frozen() {
    const TEST: &str =
        "processes::sqlite::a_shared_projection_outlives_that_one_process_is_killed_and_one_frozen";
    if is_sharer().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path()).await;
    let start = || Projector::start(TEST, SHARER, folder.path().to_str().unwrap());
    shared::is_decimated(&stores, start, SHARED_ROUNDS).await;
}

/// The same of one that archives.
async fn is_archiver() -> bool {
    let Some(folder) = std::env::var_os(ARCHIVER) else { return false };
    archiving::archive(archived(Path::new(&folder)).await).await;
    true
}

async fn archived(folder: &Path) -> archiving::Kept {
    Arc::new(SqliteStore::open(folder.join("log.db")).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_archive_are_killed_and_no_event_is_lost_or_there_twice() {
    const TEST: &str =
        "processes::sqlite::those_who_archive_are_killed_and_no_event_is_lost_or_there_twice";
    if is_archiver().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = archived(folder.path()).await;
    let start = || Projector::start(TEST, ARCHIVER, folder.path().to_str().unwrap());
    archiving::are_killed(&store, start, ARCHIVE_ROUNDS).await;
    drop(store);
    let file = Connection::open(folder.path().join("log.db")).unwrap();
    let left = "SELECT (SELECT count(*) FROM freehold_events) + (SELECT count(*) FROM freehold_to_archive)";
    assert_eq!(file.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
