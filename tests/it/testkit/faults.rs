//! The faulty store does what it is asked for, by seed, and says what it did.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::testkit::{Faults, FaultyStore, Loss};
use freehold::{
    Commit, CommitError, EventId, EventName, EventStore, ExpectedVersion, LeaseName, Leases,
    NewEvent, Owner, Position, RowSet, RowStore, RowsWanted, Store, StreamId,
};
use tokio::time::Instant;
use uuid::Uuid;

/// The `n`th commit of a run: one event for one stream.
fn commit(n: u128) -> Commit {
    let stream = StreamId::new("order", "1").unwrap();
    let name = EventName::from_static("Placed").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::from_u128(n)), name, "{}");
    Commit::new().append(&stream, ExpectedVersion::Any, [event])
}

/// What became of a commit: `B`efore, `A`fter, or `-` for nothing special.
async fn fates(faults: Faults, commits: u128) -> (String, FaultyStore<MemoryStore>) {
    let store = FaultyStore::new(MemoryStore::new(), faults);
    let mut fates = String::new();
    for n in 0..commits {
        fates.push(match store.commit(commit(n)).await {
            Ok(_) => '-',
            Err(CommitError::Backend(error)) if error.is_transient() => 'B',
            Err(CommitError::Unknown(error)) if error.is_transient() => 'A',
            Err(other) => panic!("{other:?}"),
        });
    }
    (fates, store)
}

#[tokio::test]
async fn one_seed_fails_the_same_calls_in_every_run_and_another_seed_others() {
    let faults = |seed| Faults::seeded(seed).fail_before(0.2).fail_after(0.2);
    let (first, _) = fates(faults(7), 200).await;
    assert_eq!(first, fates(faults(7), 200).await.0);
    assert_ne!(first, fates(faults(8), 200).await.0);
    for fate in ['-', 'A', 'B'] {
        assert!(first.contains(fate), "{fate} in {first}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_kind_of_fault_leaves_the_first_where_it_was() {
    let (alone, _) = fates(Faults::seeded(7).fail_before(0.3), 200).await;
    let late = Faults::seeded(7).fail_before(0.3).delay(0.5, Duration::from_millis(5));
    assert_eq!(fates(late, 200).await.0, alone);
    let (both, _) = fates(Faults::seeded(7).fail_before(0.3).fail_after(0.3), 200).await;
    assert_eq!(both.replace('A', "-"), alone);
}

#[tokio::test]
async fn a_commit_that_fails_before_is_not_written() {
    let (fates, store) = fates(Faults::seeded(1).fail_before(1.0), 20).await;
    assert_eq!(fates, "B".repeat(20));
    assert_eq!(store.head().await.unwrap(), Position::START);
    assert_eq!((store.injected().commits, store.injected().failed_before), (20, 20));
}

#[tokio::test]
async fn a_commit_that_fails_after_is_written_and_its_repetition_is_a_duplicate() {
    let inner = MemoryStore::new();
    let store = FaultyStore::new(inner.clone(), Faults::seeded(1).fail_after(1.0));
    for n in 0..20 {
        let error = store.commit(commit(n)).await.unwrap_err();
        assert!(matches!(error, CommitError::Unknown(_)), "{error:?}");
        assert!(inner.commit(commit(n)).await.unwrap().is_duplicate());
    }
    assert_eq!(inner.head().await.unwrap(), Position::new(20));
    assert_eq!(store.injected().failed_after, 20);
}

#[tokio::test]
async fn a_refusal_is_passed_on_and_never_becomes_unknown() {
    let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(1).fail_after(1.0));
    let error = store.commit(Commit::new()).await.unwrap_err();
    assert!(matches!(error, CommitError::Invalid(_)), "{error:?}");
    assert_eq!(store.injected().failed_after, 0);
}

#[tokio::test(start_paused = true)]
async fn the_counts_say_what_happened() {
    let delay = Duration::from_millis(5);
    let faults = Faults::seeded(3).fail_before(0.2).fail_after(0.3).delay(0.4, delay);
    let began = Instant::now();
    let (fates, store) = fates(faults, 1_000).await;
    let waited = began.elapsed();
    let injected = store.injected();
    let count = |fate| fates.matches(fate).count() as u64;
    assert_eq!(injected.commits, 1_000);
    assert_eq!((injected.failed_before, injected.failed_after), (count('B'), count('A')));
    assert_eq!(waited, delay * u32::try_from(injected.delayed).unwrap());
    // A probability is one: a tenth up or down is far more than chance.
    assert!((100..300).contains(&injected.failed_before), "{injected:?}");
    assert!((300..500).contains(&injected.delayed), "{injected:?}");
    assert_eq!(store.head().await.unwrap().get(), 1_000 - injected.failed_before);
}

#[tokio::test]
async fn reads_fail_only_when_asked_for() {
    let stream = StreamId::new("order", "1").unwrap();
    let good =
        FaultyStore::new(MemoryStore::new(), Faults::seeded(1).fail_before(1.0).fail_after(1.0));
    assert!(good.read_stream(&stream, freehold::ReadFrom::End, 1).await.is_ok());
    assert!(good.head().await.is_ok());
    let bad = FaultyStore::new(MemoryStore::new(), Faults::seeded(1).fail_reads(1.0));
    assert!(bad.commit(commit(1)).await.is_ok());
    assert!(bad.head().await.unwrap_err().is_transient());
    assert!(bad.changed(Position::START).await.is_err());
    assert_eq!((bad.injected().reads, bad.injected().failed_reads), (2, 2));
}

#[tokio::test]
async fn clones_share_the_chance_and_the_counts() {
    let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(7).fail_before(0.5));
    let clone = store.clone();
    let mut turns = String::new();
    for n in 0..100 {
        let turn = if n % 2 == 0 { &store } else { &clone };
        turns.push(if turn.commit(commit(n)).await.is_ok() { '-' } else { 'B' });
    }
    assert_eq!(turns, fates(Faults::seeded(7).fail_before(0.5), 100).await.0);
    assert_eq!(store.injected(), clone.injected());
}

#[tokio::test]
async fn the_nth_call_fails_once_whatever_kind_it_is_of() {
    let name = LeaseName::new("job").unwrap();
    let owner = Owner::new(Uuid::from_u128(1));
    for (loss, epochs) in [(Loss::Call, [0, 1]), (Loss::Answer, [1, 2])] {
        let inner = MemoryStore::new();
        let store = FaultyStore::new(inner.clone(), Faults::seeded(1).fail_nth(3, loss));
        store.head().await.unwrap();
        store.commit(commit(1)).await.unwrap();
        for epoch in epochs {
            let claimed = store.claim(&name, owner, Duration::from_secs(1)).await;
            assert_eq!(claimed.is_err(), epoch == epochs[0], "{loss:?}");
            assert_eq!(inner.lease(&name).await.unwrap().epoch.get(), epoch, "{loss:?}");
        }
        assert_eq!((store.injected().calls, store.injected().failed_reads), (4, 1));
    }
}

#[tokio::test]
async fn a_store_that_is_lost_stays_so_until_it_is_healed() {
    let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(1).fail_from(2));
    let set = RowSet::new("rows").unwrap();
    store.prepare(&set).await.unwrap();
    for n in 0..5 {
        assert!(store.commit(commit(n)).await.unwrap_err().is_transient());
        let all = RowsWanted::Keys(Vec::new());
        assert!(store.rows(&set, &all, None).await.unwrap_err().is_transient());
    }
    store.heal();
    store.commit(commit(7)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Position::new(1));
}
