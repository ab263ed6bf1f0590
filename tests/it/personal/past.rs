//! Commits that go past the sealed store, in a transaction of the service's own.

use std::convert::Infallible;

use freehold::backend::sqlite::rusqlite::{Connection, TransactionBehavior};
use freehold::backend::sqlite::{SqliteStore, TransactError};
use freehold::personal::{SealedOptions, SealedStore};
use freehold::projection::{ReadSide, Want};
use freehold::{Commit, CommitError, Store, Unfoldable};

use super::fixture::{AccountEvent, AtOnce, appended, opened, secret};

/// A strong view folds them, and cannot wait for the key of somebody whom it has met before.
#[tokio::test]
async fn a_strong_view_says_which_keys_it_misses_and_they_are_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let inner = SqliteStore::open(&path).await.unwrap();
    let options = SealedOptions { cached_subjects_max: 2, ..SealedOptions::default() };
    let store = SealedStore::with_options(inner.clone(), options);
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let view = reads.inline(AtOnce, store.clone()).await.unwrap();
    for n in [1, 2, 3, 4] {
        store.commit(opened(&n.to_string(), n.into(), n)).await.unwrap();
    }
    let paid = |id: &str, n| {
        appended(id, n, &AccountEvent::Paid { cents: 5, note: Some(secret(id.parse().unwrap())) })
    };
    let within = async |commit: Commit| {
        let work = inner.transact(move |_| Ok::<_, Infallible>(((), commit))).await;
        work.map_err(|error| match error {
            TransactError::Commit(error) => error,
            other => panic!("{other}"),
        })
    };
    let others_take_their_places = async || {
        drop(store.seal(paid("3", 16).and(paid("4", 17))).await.unwrap());
    };
    // What it says of the first was sealed for this commit, and the view's row of the second is opened.
    let commit = store.seal(paid("1", 13).and(paid("2", 14))).await.unwrap();
    others_take_their_places().await;
    let missed = within(commit.clone()).await.unwrap_err();
    assert!(matches!(&missed, CommitError::Unfoldable(Unfoldable::Failed { .. })), "{missed:?}");
    let mut times = 0;
    while let Err(error) = within(commit.clone()).await {
        times += 1;
        assert!(store.fetch_keys(&error).await.unwrap() && times < 9, "{error}");
    }
    assert!(times > 0);
    // A transaction of an own connection lives on meanwhile.
    let commit = store.seal(paid("1", 15)).await.unwrap();
    others_take_their_places().await;
    let mut own = Connection::open(&path).unwrap();
    let tx = own.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut staged = inner.commit_in(&tx, commit.clone());
    assert!(staged.is_err());
    while let Err(missed) = staged {
        assert!(store.fetch_keys(&missed).await.unwrap(), "{missed}");
        staged = inner.commit_in(&tx, commit.clone());
    }
    drop(staged.unwrap());
    tx.commit().unwrap();
    for (id, cents) in [("1", 10), ("2", 5)] {
        let line = view.get(id).want(Want::Head).await.unwrap().value.unwrap();
        assert_eq!((line.owner, line.cents), (Some(secret(id.parse().unwrap())), cents));
    }
    // Of any other failure it knows nothing.
    let conflict = store.commit(opened("1", 1, 2)).await.unwrap_err();
    assert!(!store.fetch_keys(&conflict).await.unwrap(), "{conflict:?}");
}
