//! What is no index, or no whole one, is said to be so, and is left as it is.

use std::fs;
use std::path::{Path, PathBuf};

use freehold::projection::search::{Field, SearchError, Searched};
use freehold::projection::{Eventual, On, Projection, ReadError, Recorded, Views};
use freehold::subscription::Health;

use super::fixture::{Article, Catalogue, Item, PATIENCE, describe, logs, open, reads, run};
use crate::subscription::fixture::until;

/// Another projection.
struct Other;

impl Projection for Other {
    const NAME: &'static str = "other";
    type View = Article;
    type Events = Item;
    type Level = Eventual<5_000>;
}

impl On<Item> for Other {
    fn on(&self, _: &Recorded<'_, Item>, _: &mut Views<'_, Article>) {}
}

impl Searched for Other {
    const FIELDS: &'static [Field<Article>] =
        &[Field::new("text", |_, article| article.text.as_str().into())];
}

async fn refusal<P: Searched>(folder: &Path) -> SearchError {
    let [items, brands] = logs();
    reads([&items, &brands]).search::<P>(folder).await.unwrap_err()
}

/// All files under a folder, with what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            let text = fs::read(&path).unwrap();
            files.push((path, text));
        }
    }
    files.sort_unstable();
    files
}

/// An index with an item in it.
async fn index(folder: &Path) -> [freehold::backend::memory::MemoryStore; 2] {
    let [items, brands] = logs();
    let search = open::<Catalogue>(&reads([&items, &brands]), folder).await;
    let running = run(&search, Catalogue);
    search.wait_for(describe(&items, "i1", "tea").await, PATIENCE).await.unwrap();
    running.stop().await;
    [items, brands]
}

#[tokio::test]
async fn a_folder_with_something_else_is_refused_and_left_as_it_is() {
    for name in ["letters.txt", "build-0", "meta.json"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "dear Ada").unwrap();
        let before = files(folder.path());
        let error = refusal::<Catalogue>(folder.path()).await;
        assert!(matches!(error, SearchError::Foreign { .. }), "{name}: {error:?}");
        assert_eq!(files(folder.path()), before);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("search.json"), "{\"engine\":\"duck\"}").unwrap();
    let error = refusal::<Catalogue>(folder.path()).await;
    assert!(matches!(error, SearchError::Foreign { .. }), "{error:?}");
    let file = folder.path().join("search.json");
    let error = refusal::<Catalogue>(&file).await;
    assert!(matches!(error, SearchError::Files { .. }) && error.is_transient(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_index_of_another_projection_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    index(folder.path()).await;
    let before = files(folder.path());
    let error = refusal::<Other>(folder.path()).await;
    let SearchError::OtherProjection { found, wanted, .. } = error else { panic!("{error:?}") };
    assert_eq!((found.as_str(), wanted), ("catalogue", "other"));
    assert_eq!(files(folder.path()), before);
}

/// One file after the other is cut short, emptied or removed: it is found out when the index is read or written, or the index
/// is as it was; nothing is removed, and nobody panics.
#[tokio::test(start_paused = true)]
async fn a_damaged_index_is_said_to_be_damaged_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = index(folder.path()).await;
    describe(&items, "i2", "teapot").await;
    let whole = files(folder.path());
    let mut found_out = 0;
    for (path, text) in &whole {
        if path.extension().is_some_and(|extension| extension == "lock") {
            continue;
        }
        for damage in [&text[..0], &text[..text.len() / 2]] {
            for (path, text) in &whole {
                fs::write(path, text).unwrap();
            }
            fs::write(path, damage).unwrap();
            let reads = reads([&items, &brands]);
            let search = match reads.search::<Catalogue>(folder.path()).await {
                Ok(search) => search,
                Err(error) => {
                    assert!(matches!(error, SearchError::Damaged { .. }), "{path:?}: {error:?}");
                    found_out += 1;
                    continue;
                }
            };
            match search.find("tea", 9).await {
                Ok(found) => assert_eq!(found.value[0].key.as_str(), "b0/i1", "{path:?}"),
                Err(ReadError::Backend(error)) => {
                    assert!(!error.is_transient(), "{path:?}: {error:?}");
                    found_out += 1;
                }
                Err(error) => panic!("{path:?}: {error:?}"),
            }
            assert!(path.exists());
        }
    }
    assert!(found_out > 6, "only {found_out} damages were found out");
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_a_damaged_index_stops_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = index(folder.path()).await;
    fs::remove_dir_all(folder.path().join("build-0")).unwrap();
    let search = open::<Catalogue>(&reads([&items, &brands]), folder.path()).await;
    let running = run(&search, Catalogue);
    until("it has stopped", async || matches!(running.health().await, Health::Stopped(_))).await;
    let Health::Stopped(error) = running.health().await else { panic!("it goes on") };
    let error = error.source().unwrap().downcast_ref::<SearchError>();
    assert!(matches!(error, Some(SearchError::Damaged { .. })), "{error:?}");
    running.stop().await;
    assert!(!folder.path().join("build-0").exists());
}
