//! The stores that need no server.

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use tempfile::TempDir;

use super::stories;

async fn file() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    (folder, store)
}

macro_rules! on_both {
    ($($test:ident: $memory:ident $file:ident;)*) => {$(
        #[tokio::test]
        async fn $memory() {
            stories::$test(&MemoryStore::new()).await;
        }

        #[tokio::test]
        async fn $file() {
            let (_folder, store) = file().await;
            stories::$test(&store).await;
        }
    )*};
}

on_both! {
    the_feed_as_of_a_position_is_what_was_there:
        the_feed_of_a_store_in_memory_is_read_as_of_any_position
        the_feed_of_a_file_is_read_as_of_any_position;
    a_moment_is_a_position:
        a_moment_is_a_position_of_a_store_in_memory
        a_moment_is_a_position_of_a_file;
    views_as_of_a_position_are_what_was_shown:
        views_of_a_store_in_memory_are_folded_as_they_were
        views_of_a_file_are_folded_as_they_were;
}
