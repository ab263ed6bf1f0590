//! A repetition is recognised, though no two seals of one value are alike, and whatever has become of the keys meanwhile.

use freehold::backend::memory::MemoryStore;
use freehold::personal::{SealedOptions, SealedStore};
use freehold::testkit::{Faults, FaultyStore, Loss};
use freehold::{CommitError, EventStore, Filter, Personal, Position, Store};

use super::fixture::{AccountEvent, appended, opened, secret, subject};

async fn count(store: &impl EventStore) -> usize {
    store.read_all(Position::START, &Filter::all(), 99).await.unwrap().events.len()
}

#[tokio::test]
async fn a_repetition_after_a_rotation_or_a_restart_is_one() {
    let inner = MemoryStore::new();
    let store = SealedStore::new(inner.clone());
    let first = store.commit(opened("a", 1, 1)).await.unwrap();
    for again in ["by the same", "after a rotation", "after a restart"] {
        if again == "after a rotation" {
            store.rotate(&subject(1)).await.unwrap();
        }
        let store = if again == "after a restart" {
            SealedStore::new(inner.clone())
        } else {
            store.clone()
        };
        let repeated = store.commit(opened("a", 1, 1)).await.unwrap();
        assert!(repeated.is_duplicate(), "{again}");
        assert_eq!(repeated.token(), first.token(), "{again}");
    }
    assert_eq!(count(&inner).await, 1);
}

#[tokio::test]
async fn a_repetition_of_what_is_forgotten_is_one() {
    let store = SealedStore::new(MemoryStore::new());
    store.commit(opened("a", 1, 1)).await.unwrap();
    let paid = AccountEvent::Paid { cents: 5, note: Some(secret(1)) };
    store.commit(appended("a", 2, &paid)).await.unwrap();
    store.forget(&subject(1)).await.unwrap();
    assert!(store.commit(opened("a", 1, 1)).await.unwrap().is_duplicate());
    // What was not recorded before is refused, though it stands beside a repetition.
    let new = opened("a", 1, 1).and(opened("b", 3, 1));
    let refused = store.commit(new).await;
    assert!(matches!(refused, Err(CommitError::Forgotten(_))), "{refused:?}");
    assert_eq!(count(&store).await, 3);
}

#[tokio::test]
async fn another_commit_with_the_same_id_is_refused() {
    let store = SealedStore::new(MemoryStore::new());
    store.commit(opened("a", 1, 1)).await.unwrap();
    let other = |owner| appended("a", 1, &AccountEvent::Opened { owner });
    for wrong in [
        other(Personal::new(subject(1), "somebody else".to_owned())),
        other(secret(2)),
        opened("b", 1, 1),
        appended("a", 1, &AccountEvent::Paid { cents: 1, note: Some(secret(1)) }),
        opened("a", 1, 1).and(opened("b", 2, 1)),
    ] {
        let refused = store.commit(wrong).await;
        assert!(matches!(refused, Err(CommitError::IdReused(_))), "{refused:?}");
    }
    // When it is forgotten, nobody can tell what it was; whose it was, everybody can.
    store.forget(&subject(1)).await.unwrap();
    let refused = store.commit(other(secret(2))).await;
    assert!(matches!(refused, Err(CommitError::IdReused(_))), "{refused:?}");
    assert_eq!(count(&store).await, 2);
}

/// Whatever call fails: who commits again until it is acknowledged has committed once.
#[tokio::test]
async fn a_commit_happens_once_whatever_call_fails() {
    for loss in [Loss::Call, Loss::Answer] {
        for n in 1.. {
            let inner = MemoryStore::new();
            let faults = Faults::seeded(0).fail_nth(n, loss);
            let store = SealedStore::new(FaultyStore::new(inner.clone(), faults));
            for commit in [opened("a", 1, 1), opened("b", 2, 2)] {
                while let Err(error) = store.commit(commit.clone()).await {
                    assert!(error.is_transient(), "{loss:?} of call {n}: {error}");
                }
            }
            while let Err(error) = store.forget(&subject(1)).await {
                assert!(error.is_transient(), "{loss:?} of call {n}: {error}");
            }
            assert_eq!(count(&inner).await, 3, "{loss:?} of call {n}");
            if store.inner().injected().calls < n {
                break;
            }
        }
    }
}

/// What is committed with a forgetting may name the forgotten, as they were known until then, and others.
#[tokio::test]
async fn a_forgetting_with_personal_data_beside_it_is_repeated_until_it_is_acknowledged() {
    let paid = |note| AccountEvent::Paid { cents: 5, note: Some(note) };
    let of_another = || appended("b", 2, &paid(secret(2)));
    let of_both = || of_another().and(appended("a", 3, &paid(secret(1))));
    for with in [of_another(), of_both()] {
        let beside = SealedStore::new(MemoryStore::new());
        let keys = std::sync::Arc::new(MemoryStore::new());
        let elsewhere = SealedStore::with_keys(MemoryStore::new(), keys, SealedOptions::default());
        for store in [beside, elsewhere] {
            store.commit(opened("a", 1, 1)).await.unwrap();
            for again in [false, true] {
                let done = store.forget_with(&subject(1), with.clone()).await.unwrap();
                assert_eq!(done.is_duplicate(), again, "{done:?}");
            }
            assert!(store.has_forgotten(&subject(1)).await.unwrap());
            assert_eq!(count(&store).await, 2 + with.dedup_keys().count());
        }
    }
}
