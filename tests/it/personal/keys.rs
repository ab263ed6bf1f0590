//! Keys are made once, rotated, known for a while, and asked for together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::personal::{SealedOptions, SealedStore};
use freehold::testkit::async_trait;
use freehold::{
    BackendError, Commit, CommitError, Committed, DataSubject, EventStore, KeyId, KeyRing, NewKey,
    Position, ReadFrom, Repository, Store, StreamVersion, SubjectKeys, event,
};
use tokio::task::JoinSet;

use super::fixture::{Account, AccountEvent, account, appended, opened, secret, subject};

/// Counts what the keys are asked for.
#[derive(Debug, Default)]
struct Counting {
    keys: MemoryStore,
    rings: AtomicUsize,
    adds: AtomicUsize,
}

#[async_trait]
impl SubjectKeys for Counting {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        self.rings.fetch_add(1, Ordering::Relaxed);
        self.keys.rings(subjects).await
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        self.adds.fetch_add(1, Ordering::Relaxed);
        self.keys.add(keys).await
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        self.keys.forget(subject, with).await
    }
}

impl Counting {
    fn asked(&self) -> (usize, usize) {
        (self.rings.swap(0, Ordering::Relaxed), self.adds.swap(0, Ordering::Relaxed))
    }
}

fn with_keys(store: &MemoryStore, keys: &Arc<Counting>) -> SealedStore<MemoryStore> {
    let options = SealedOptions { cached_subjects_max: 100, ..SealedOptions::default() };
    SealedStore::with_keys(store.clone(), keys.clone(), options)
}

async fn owner(store: &impl EventStore, id: &str) -> freehold::Personal<String> {
    let page = store.read_stream(&account(id), ReadFrom::After(StreamVersion::NONE), 1).await;
    let AccountEvent::Opened { owner } = event::decode(&page.unwrap().events[0]).unwrap() else {
        panic!("another event");
    };
    owner
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_page_or_a_commit_are_asked_for_together_and_known_for_a_while() {
    let (store, keys) = (MemoryStore::new(), Arc::new(Counting::default()));
    let sealed = with_keys(&store, &keys);
    let commit = (0..50).fold(Commit::new(), |all, n| all.and(opened(&n.to_string(), n.into(), n)));
    sealed.commit(commit).await.unwrap();
    assert_eq!(keys.asked(), (1, 1), "to seal for fifty");
    for _ in 0..3 {
        sealed.read_all(Position::START, &freehold::Filter::all(), 99).await.unwrap();
    }
    assert_eq!(keys.asked(), (0, 0), "what is known is not asked for");
    let other = with_keys(&store, &keys);
    other.read_all(Position::START, &freehold::Filter::all(), 99).await.unwrap();
    assert_eq!(keys.asked(), (1, 0), "to open for fifty");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(owner(&other, "7").await, secret(7));
    assert_eq!(keys.asked(), (1, 0), "what was known is too old");
    // The cache is bounded: who comes last stays.
    let small = SealedOptions { cached_subjects_max: 1, ..SealedOptions::default() };
    let small = SealedStore::with_keys(store, keys.clone(), small);
    for id in ["1", "2", "2", "1"] {
        owner(&small, id).await;
    }
    assert_eq!(keys.asked(), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn this_process_forgets_at_once_and_others_in_time() {
    let inner = MemoryStore::new();
    let [here, there] = [(); 2].map(|()| SealedStore::new(inner.clone()));
    here.commit(opened("a", 1, 1)).await.unwrap();
    let clone = here.clone();
    for store in [&here, &there, &clone] {
        assert_eq!(owner(store, "a").await, secret(1));
    }
    here.forget(&subject(1)).await.unwrap();
    for store in [&here, &clone] {
        assert_eq!(owner(store, "a").await.get(), None);
    }
    // What the other process still seals is read by nobody.
    there.commit(opened("b", 2, 1)).await.unwrap();
    assert_eq!(owner(&here, "b").await.get(), None);
    tokio::time::advance(SealedOptions::default().cached_time_max + Duration::from_millis(1)).await;
    assert_eq!(owner(&there, "a").await.known().unwrap_err().subject(), &subject(1));
    let refused = there.commit(opened("c", 3, 1)).await;
    assert!(matches!(refused, Err(CommitError::Forgotten(who)) if who.subject() == &subject(1)));
    let refused = there.rotate(&subject(1)).await;
    assert!(matches!(refused, Err(CommitError::Forgotten(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_meet_somebody_at_once_use_one_key() {
    let inner = MemoryStore::new();
    for round in 0..20_u32 {
        let mut tasks = JoinSet::new();
        for n in 0..8_u128 {
            let store = SealedStore::new(inner.clone());
            let commit = opened(&format!("{round}-{n}"), u128::from(round) * 100 + n + 1, round);
            tasks.spawn(async move { store.commit(commit).await.unwrap() });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let rings = inner.rings(&[subject(round)]).await.unwrap();
        assert!(matches!(&rings[0], KeyRing::Keys(keys) if keys.len() == 1), "{rings:?}");
        let store = SealedStore::new(inner.clone());
        for n in 0..8 {
            assert_eq!(owner(&store, &format!("{round}-{n}")).await, secret(round));
        }
    }
}

#[tokio::test]
async fn what_was_sealed_before_a_rotation_opens_and_what_comes_after_has_the_new_key() {
    let inner = MemoryStore::new();
    let [here, there] = [(); 2].map(|()| SealedStore::new(inner.clone()));
    here.commit(opened("a", 1, 1)).await.unwrap();
    // It knows the first key alone.
    assert_eq!(owner(&there, "a").await, secret(1));
    assert_eq!(here.rotate(&subject(1)).await.unwrap(), KeyId::new(2));
    let paid = AccountEvent::Paid { cents: 1, note: Some(secret(1)) };
    here.commit(appended("a", 2, &paid)).await.unwrap();
    let from = ReadFrom::After(StreamVersion::NONE);
    let events = inner.read_stream(&account("a"), from, 9).await.unwrap().events;
    let text = |e: &freehold::RecordedEvent| String::from_utf8(e.data().to_vec()).unwrap();
    let texts: Vec<_> = events.iter().map(text).collect();
    assert!(texts[0].contains("\"key\":1,") && texts[1].contains("\"key\":2,"), "{texts:?}");
    for store in [here.clone(), there] {
        let loaded = Repository::<Account>::new(store).load("a").await.unwrap();
        assert_eq!((&loaded.owner, &loaded.notes), (&Some(secret(1)), &vec![secret(1)]));
    }
    // Somebody who was never met gets the first key.
    assert_eq!(here.rotate(&subject(2)).await.unwrap(), KeyId::FIRST);
    here.forget(&subject(1)).await.unwrap();
    let loaded = Repository::<Account>::new(here).load("a").await.unwrap();
    assert_eq!((loaded.owner.as_ref().unwrap().get(), loaded.notes[0].get()), (None, None));
}

#[tokio::test]
async fn keys_can_be_kept_elsewhere() {
    let (events, keys) = (MemoryStore::new(), Arc::new(MemoryStore::new()));
    let store = SealedStore::with_keys(events.clone(), keys.clone(), SealedOptions::default());
    store.commit(opened("a", 1, 1)).await.unwrap();
    assert_eq!(events.rings(&[subject(1)]).await.unwrap(), [KeyRing::EMPTY]);
    let done = store.forget(&subject(1)).await.unwrap();
    assert_eq!(done.token().log(), events.identity());
    assert_eq!(keys.rings(&[subject(1)]).await.unwrap(), [KeyRing::Forgotten]);
    assert_eq!(owner(&store, "a").await.get(), None);
    assert!(store.forget(&subject(1)).await.unwrap().is_duplicate());
    assert_eq!(events.head().await.unwrap().get(), 2);
}

/// Answers when it is told to, with what was so when it was asked.
#[derive(Debug, Default)]
struct Slow {
    keys: MemoryStore,
    waits: std::sync::atomic::AtomicBool,
    asked: tokio::sync::Notify,
    answer: tokio::sync::Notify,
}

#[async_trait]
impl SubjectKeys for Slow {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        let rings = self.keys.rings(subjects).await;
        if self.waits.swap(false, Ordering::Relaxed) {
            self.asked.notify_one();
            self.answer.notified().await;
        }
        rings
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        self.keys.add(keys).await
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        self.keys.forget(subject, with).await
    }
}

/// Also if what is known of who was forgotten has left a small cache.
#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_does_not_bring_back_who_was_forgotten() {
    let (inner, keys) = (MemoryStore::new(), Arc::new(Slow::default()));
    let options = || SealedOptions { cached_subjects_max: 1, ..SealedOptions::default() };
    let before = SealedStore::with_keys(inner.clone(), keys.clone(), options());
    before.commit(opened("a", 1, 1)).await.unwrap();
    let store = SealedStore::with_keys(inner, keys.clone(), options());
    keys.waits.store(true, Ordering::Relaxed);
    let reading = tokio::spawn({
        let store = store.clone();
        async move { owner(&store, "a").await }
    });
    keys.asked.notified().await;
    store.forget(&subject(1)).await.unwrap();
    // Another subject takes the only place.
    store.commit(opened("b", 2, 2)).await.unwrap();
    keys.answer.notify_one();
    // It was asked before, and answers so.
    assert_eq!(reading.await.unwrap(), secret(1));
    assert_eq!(owner(&store, "a").await.get(), None);
}
