//! On SQLite: the log and the views in a file each.

use std::path::Path;
use std::sync::Arc;

use freehold::backend::sqlite::SqliteStore;

use super::projector::{Projector, Stores, is_frozen, is_killed, keep_up};

const FOLDER: &str = "FREEHOLD_PROJECTOR_FOLDER";
const KILLS: u64 = 12;
const ROUNDS: u64 = 4;

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
