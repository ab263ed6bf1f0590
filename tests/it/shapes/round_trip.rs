//! The stores that need no server.

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use super::any::shape;
use super::survive::survive;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn an_event_of_any_shape_survives_in_memory() {
    let runtime = runtime();
    TestRunner::new(Config::with_cases(150))
        .run(&vec(shape(), 1..12), |shapes| runtime.block_on(survive(&MemoryStore::new(), &shapes)))
        .unwrap();
}

#[test]
fn an_event_of_any_shape_survives_in_a_file() {
    let runtime = runtime();
    TestRunner::new(Config::with_cases(25))
        .run(&vec(shape(), 1..12), |shapes| {
            let folder = tempfile::tempdir().unwrap();
            runtime.block_on(async {
                let store = SqliteStore::open(folder.path().join("shapes.db")).await.unwrap();
                survive(&store, &shapes).await
            })
        })
        .unwrap();
}
