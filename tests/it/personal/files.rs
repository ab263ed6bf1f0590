//! No file of a store holds personal data in plain, and none holds a key of somebody who was forgotten.

use std::path::Path;

use freehold::aggregate::{Options, SnapshotPolicy};
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::personal::SealedStore;
use freehold::{
    Commit, KeyRing, Repository, RowKey, RowSet, RowStore, RowValue, RowWrite, Store, SubjectKeys,
};

use super::fixture::{Account, SECRET, opened, secret, subject};
use super::forgotten::message;

/// In which files of a folder, and of those in it, something stands; and how many bytes were looked at.
pub(crate) fn holding(folder: &Path, what: &[u8]) -> (Vec<String>, usize) {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (within, count) = holding(&path, what);
            found.extend(within);
            bytes += count;
            continue;
        }
        // A file can go while others are looked at.
        let Ok(content) = std::fs::read(&path) else { continue };
        bytes += content.len();
        if memchr::memmem::find(&content, what).is_some() {
            found.push(path.display().to_string());
        }
    }
    (found, bytes)
}

/// A little cache, so that pages are written and read again while the store is at work.
fn options() -> SqliteOptions {
    SqliteOptions { checkpoint_pages: 50, cache_kib_max: 64, ..SqliteOptions::default() }
}

#[tokio::test]
async fn nothing_is_in_plain_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteStore::open_with(folder.path().join("log.db"), options()).await.unwrap();
    let store = SealedStore::new(inner);
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let accounts = Repository::<Account>::with_snapshots(store.clone(), Options::default(), policy);
    let (set, key) = (RowSet::new("views").unwrap(), |n| RowKey::new(&format!("{n}")).unwrap());
    store.prepare(&set).await.unwrap();
    for n in 0..200_u32 {
        let id = n.to_string();
        let row = RowWrite::put(&set, &key(n), RowValue::of(&secret(n % 9)).unwrap());
        let commit = opened(&id, u128::from(n) + 1, n % 9).rows([row]);
        store.commit(commit.send(&message(u128::from(n) + 1, n % 9))).await.unwrap();
        accounts.load(id).await.unwrap();
    }
    store.forget(&subject(3)).await.unwrap();
    let (found, bytes) = holding(folder.path(), &SECRET.as_bytes()[..12]);
    assert_eq!(found, [""; 0], "in plain");
    // What is there can be found.
    assert!(bytes > 100_000 && !holding(folder.path(), b"customer-3").0.is_empty(), "{bytes}");
}

/// Keys of many, added in any order and over pages that split, with rotations; then some are forgotten, one after the other, while
/// others are added.
#[tokio::test]
async fn no_file_holds_a_key_of_the_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteStore::open_with(folder.path().join("log.db"), options()).await.unwrap();
    let store = SealedStore::new(inner.clone());
    let mut chance = fastrand::Rng::with_seed(7);
    let mut many: Vec<u32> = (0..1_500).collect();
    chance.shuffle(&mut many);
    for part in many.chunks(37) {
        let events = part
            .iter()
            .fold(Commit::new(), |all, n| all.and(opened(&n.to_string(), u128::from(*n) + 1, *n)));
        store.commit(events).await.unwrap();
        store.rotate(&subject(part[0])).await.unwrap();
    }
    let forgotten: Vec<u32> =
        many.iter().copied().filter(|n| n % 40 == 7 || *n == many[0]).collect();
    let mut keys = Vec::new();
    for n in &forgotten {
        let KeyRing::Keys(ring) = inner.rings(&[subject(*n)]).await.unwrap().remove(0) else {
            panic!("{n} is forgotten")
        };
        keys.extend(ring);
    }
    assert!(keys.len() > forgotten.len(), "one of them has two");
    for key in &keys {
        assert!(!holding(folder.path(), key.bytes()).0.is_empty(), "a key is to be found before");
    }
    for n in &forgotten {
        store.forget(&subject(*n)).await.unwrap();
        store.commit(opened("more", u128::from(*n) + 10_000, *n + 10_000)).await.unwrap();
    }
    store.forget(&subject(many[1])).await.unwrap();
    for key in &keys {
        assert_eq!(holding(folder.path(), key.bytes()).0, [""; 0], "a key of somebody forgotten");
        // Nor a half of it, as a page that was written over in part would have.
        assert_eq!(holding(folder.path(), &key.bytes()[8..20]).0, [""; 0], "a part of a key");
    }
    // The others are as they were.
    let left = Repository::<Account>::new(SealedStore::new(inner)).load(many[2].to_string()).await;
    assert_eq!(left.unwrap().owner, Some(secret(many[2])));
}

/// Who reads in the write-ahead log keeps it from being emptied: it is told that it is not certain yet, and forgetting again
/// ends it.
#[tokio::test]
async fn a_reader_in_the_way_leaves_it_open_and_forgetting_again_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let busy_timeout = std::time::Duration::from_millis(50);
    let options = SqliteOptions { busy_timeout, ..options() };
    let inner = SqliteStore::open_with(&path, options).await.unwrap();
    let store = SealedStore::new(inner.clone());
    store.commit(opened("a", 1, 1)).await.unwrap();
    let KeyRing::Keys(ring) = inner.rings(&[subject(1)]).await.unwrap().remove(0) else {
        panic!("it is forgotten")
    };
    let reader = freehold::backend::sqlite::rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM freehold_events").unwrap();
    let unknown = store.forget(&subject(1)).await;
    assert!(matches!(unknown, Err(freehold::CommitError::Unknown(_))), "{unknown:?}");
    reader.execute_batch("COMMIT").unwrap();
    assert!(store.forget(&subject(1)).await.unwrap().is_duplicate());
    assert_eq!(holding(folder.path(), ring[0].bytes()).0, [""; 0]);
}
