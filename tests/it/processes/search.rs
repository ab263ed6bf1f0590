//! A process that writes a search index, and is killed in the middle of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use freehold::Position;
use freehold::projection::ReadSide;
use freehold::projection::search::{Field, Search, Searched};
use tokio::time::sleep;

use super::errands::kills;
use super::projector::{
    Fallen, Gauge, PATIENCE, Projector, Stores, chance, expected, options, rain, until_alone,
    within,
};
use super::sqlite::open;

const FOLDER: &str = "FREEHOLD_INDEXER_FOLDER";

impl Searched for Gauge {
    const FIELDS: &'static [Field<Fallen>] =
        &[Field::new("last", |_, fallen| format!("last{}", fallen.last).into())];
}

async fn search((log, rows): &Stores, folder: &Path) -> Search<Gauge> {
    let reads = ReadSide::new(Arc::clone(rows)).follow(Arc::clone(log));
    reads.search(folder.join("search")).await.unwrap()
}

/// Whether this process is the writer that the test has started; if so, it was one until the test ended.
async fn is_writer() -> bool {
    let Some(folder) = std::env::var_os(FOLDER) else { return false };
    let folder = Path::new(&folder);
    let search = search(&open(folder).await, folder).await;
    let indexing = search.indexing(Gauge).options(options()).commit_interval(Duration::ZERO);
    let running = indexing.start();
    until_alone().await;
    running.stop().await;
    true
}

/// Sees that the documents are the fold of the log up to where the index says that it is, and answers where.
async fn agrees(stores: &Stores, folder: &Path) -> Position {
    // One that has seen nothing before.
    let search = search(stores, folder).await;
    // Nobody writes: all reads are of one commit.
    let count = search.count().await.unwrap();
    let at = count.at.position(stores.0.identity());
    let expected = expected(&*stores.0, at).await;
    assert_eq!(count.value, expected.len() as u64);
    for (key, fallen) in &expected {
        let found = search.get(key).await.unwrap();
        assert_eq!(found.value.as_ref(), Some(fallen), "{key} at {at}");
        let hits = search.find(&format!("last{}", fallen.last), 1_000).await.unwrap();
        assert!(hits.iter().any(|hit| hit.key.as_str() == key), "{key} is not found at {at}");
    }
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_and_its_checkpoint_agree_after_every_kill_of_who_writes_it() {
    const TEST: &str =
        "processes::search::an_index_and_its_checkpoint_agree_after_every_kill_of_who_writes_it";
    if is_writer().await {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let stores = open(place.path()).await;
    let search = search(&stores, place.path()).await;
    let start = || Projector::start(TEST, FOLDER, place.path().to_str().unwrap());
    let log = Arc::clone(&stores.0);
    let mut chance = chance();
    let at = async || search.count().await.unwrap().at.position(log.identity());
    for kill in 0..kills() {
        let before = at().await;
        let writer = start();
        let raining = tokio::spawn({
            let log = Arc::clone(&log);
            async move { rain(&*log, 40).await }
        });
        assert!(within(PATIENCE, async || at().await > before).await, "nobody writes");
        // Beyond the first commit, at any moment of the next ones.
        sleep(Duration::from_micros(chance.u64(..200_000))).await;
        drop(writer);
        let at = agrees(&stores, place.path()).await;
        println!("kill {kill}: at {at}");
        raining.await.unwrap();
    }
    let last = start();
    search.wait_for_head(PATIENCE).await.unwrap();
    assert_eq!(agrees(&stores, place.path()).await, log.head().await.unwrap());
    drop(last);
}
