//! What the last batches wrote is not loaded again while more waits, and never stands for what somebody else has written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Enrich, Facts, ReadSide, Upkeep};
use freehold::subscription::{SinkError, SubscriptionOptions};
use freehold::testkit::{Faults, FaultyStore, async_trait};
use freehold::{
    BackendError, Claim, Commit, CommitError, Committed, Fault, Lease, LeaseName, LeaseState,
    Leases, Limits, LogId, Owner, RecordedEvent, RowKey, RowPage, RowSet, RowStore, RowValue,
    RowWrite, RowsWanted, Store, Token,
};
use tokio::sync::Semaphore;

use super::fixture::reads;
use super::fixture::{Account, Accounts, SharedAccounts, User, all, counted, oracle, put, some};
use crate::subscription::fixture::{
    TokioClock, at_every_call, checkpoint, memory, options, reach, until,
};

/// Small batches, so that there is more to come behind most of them.
fn small() -> SubscriptionOptions {
    SubscriptionOptions { batch_events_max: 3, ..options() }
}

/// Is asked once a batch: says so, and waits until it may go on.
struct Gate<F> {
    batches: AtomicUsize,
    begins: F,
    open: Arc<Semaphore>,
}

impl<F> Gate<F> {
    fn new(batches: usize, begins: F) -> Self {
        Self { batches: AtomicUsize::new(0), begins, open: Arc::new(Semaphore::new(batches)) }
    }
}

#[async_trait]
impl<F: Fn(usize) + Send + Sync + 'static> Enrich for Gate<F> {
    async fn enrich(&self, _: &[RecordedEvent]) -> Result<Facts, SinkError> {
        (self.begins)(self.batches.fetch_add(1, Ordering::SeqCst) + 1);
        self.open.acquire().await.unwrap().forget();
        Ok(Facts::new())
    }
}

async fn named(store: &MemoryStore, times: usize) -> Token {
    let mut token = None;
    for n in 0..times {
        token = Some(put(store, "a", User::Named { name: format!("n{n}") }).await);
    }
    token.unwrap()
}

async fn check(store: &MemoryStore, what: &str) {
    assert_eq!(all(&reads(store).view::<Accounts>()).await, oracle(store).await, "{what}");
}

/// Catches up over many pages; how many calls that took.
async fn catch_up(faults: Faults, memory_bytes_max: usize, what: &str) -> u64 {
    let (inner, mut chance) = (memory(), fastrand::Rng::with_seed(11));
    let store = FaultyStore::new(inner.clone(), faults);
    let token = some(&inner, &mut chance, 30).await;
    let reads = reads(&store);
    let upkeep = reads.upkeep(Accounts).memory_bytes_max(memory_bytes_max);
    let kept = upkeep.options(small()).start();
    let view = super::fixture::reads(&inner).view::<Accounts>();
    view.wait_for(token, Duration::from_mins(10)).await.unwrap();
    kept.stop().await;
    check(&inner, what).await;
    store.injected().calls
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_whatever_call_fails_while_more_pages_wait() {
    at_every_call(40, async |n, faults, what| {
        // In the half of the cases the memory is too small for all views.
        let bytes_max = if n % 2 == 0 { 4 << 20 } else { 500 };
        catch_up(faults, bytes_max, what).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_with_faults_at_random_while_more_pages_wait() {
    for seed in 0..100 {
        println!("seed {seed}");
        let faults = Faults::seeded(seed).fail_before(0.2).fail_after(0.2).fail_reads(0.1);
        let faults = faults.delay(0.2, Duration::from_millis(20));
        catch_up(faults, 1 << (seed % 20), &format!("seed {seed}")).await;
    }
}

/// What one batch has written, the next one need not load.
#[tokio::test(start_paused = true)]
async fn a_view_that_was_just_written_is_not_loaded_while_more_waits() {
    let mut calls = Vec::new();
    for bytes_max in [0, 4 << 20] {
        let store = memory();
        let token = named(&store, 60).await;
        let counted = counted(&store);
        let upkeep = reads(&counted).upkeep(Accounts).memory_bytes_max(bytes_max);
        let kept = upkeep.options(small()).start();
        reach(kept.live().await.unwrap().progress(), token).await;
        calls.push(counted.injected().calls);
        kept.stop().await;
        check(&store, "the same views").await;
    }
    assert_eq!(calls[0] - calls[1], 19, "of 20 batches only the first has to load: {calls:?}");
}

/// The job is somebody else's for a while, and comes back between two batches.
#[tokio::test(start_paused = true)]
async fn views_that_another_process_has_written_meanwhile_are_loaded() {
    let store = memory();
    named(&store, 30).await;
    let [log, views] = [(); 2].map(|()| FaultyStore::new(store.clone(), Faults::seeded(0)));
    let lose = log.clone();
    // The next batch is read already. The one behind it cannot be, so that the lease is lost between two.
    let begins = move |batch| {
        if batch == 3 {
            lose.lose();
        }
    };
    let reads_of = |views: &FaultyStore<MemoryStore>, log: &FaultyStore<MemoryStore>| {
        ReadSide::new(views.clone()).follow(log.clone()).clock(TokioClock)
    };
    let first = reads_of(&views, &log).upkeep(Accounts).enrich(Gate::new(1_000, begins));
    let first = first.options(small()).start();
    until("the log is lost", async || checkpoint(&store, "accounts").await >= 9).await;
    views.lose();
    let second = reads(&store).upkeep(Accounts).options(small()).start();
    let token = named(&store, 1).await;
    reach(second.live().await.unwrap().progress(), token).await;
    second.stop().await;
    log.heal();
    views.heal();
    let token = named(&store, 10).await;
    reach(first.live().await.unwrap().progress(), token).await;
    check(&store, "taken over and back").await;
    first.stop().await;
}

/// Where an account is kept.
fn row_of(key: &str) -> (RowSet, RowKey) {
    (RowSet::new("accounts").unwrap(), RowKey::new(key).unwrap())
}

/// A person mends a view in its table.
async fn mend(store: &MemoryStore) {
    let (set, key) = row_of("a");
    let mended = Account { cents: 77, ..Account::default() };
    let row = RowWrite::put(&set, &key, RowValue::of(&mended).unwrap());
    store.commit(Commit::new().rows([row])).await.unwrap();
}

async fn cents(store: &MemoryStore) -> i64 {
    reads(store).view::<Accounts>().get("a").await.unwrap().value.unwrap().cents
}

#[tokio::test(start_paused = true)]
async fn a_view_that_was_mended_while_the_projection_was_paused_is_folded_on() {
    let store = memory();
    let token = named(&store, 30).await;
    let gate = Gate::new(3, |_| ());
    let open = Arc::clone(&gate.open);
    let kept = reads(&store).upkeep(Accounts).enrich(gate).options(small()).start();
    until("three batches", async || checkpoint(&store, "accounts").await == 9).await;
    kept.pause().await.unwrap();
    open.add_permits(1);
    until("the batch that was under way", async || checkpoint(&store, "accounts").await == 12)
        .await;
    mend(&store).await;
    open.add_permits(1_000);
    kept.resume().await.unwrap();
    reach(kept.live().await.unwrap().progress(), token).await;
    assert_eq!(cents(&store).await, 77);
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_view_that_was_mended_while_there_was_nothing_to_do_is_folded_on() {
    let store = memory();
    let token = named(&store, 30).await;
    let kept = reads(&store).upkeep(Accounts).options(small()).start();
    reach(kept.live().await.unwrap().progress(), token).await;
    mend(&store).await;
    let token = named(&store, 7).await;
    reach(kept.live().await.unwrap().progress(), token).await;
    assert_eq!(cents(&store).await, 77);
    kept.stop().await;
}

/// A store that says of one commit that it does not know, and writes it when the rows are read next: as a server does
/// that was slow, and not dead.
#[derive(Clone, Debug)]
struct Slow {
    inner: MemoryStore,
    holds_back: Arc<AtomicBool>,
    under_way: Arc<Mutex<Option<Commit>>>,
}

#[async_trait]
impl Store for Slow {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        if self.holds_back.swap(false, Ordering::SeqCst) {
            *self.under_way.lock().unwrap() = Some(commit);
            let why = BackendError::new("slow", "commit", Fault::Unavailable, "no answer");
            return Err(CommitError::Unknown(why));
        }
        self.inner.commit(commit).await
    }
}

#[async_trait]
impl Leases for Slow {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        self.inner.claim(name, owner, time).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        self.inner.renew(lease, time).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.inner.release(lease).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.inner.lease(name).await
    }
}

#[async_trait]
impl RowStore for Slow {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.prepare(set).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.remove(set).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let late = self.under_way.lock().unwrap().take_if(|_| *set == row_of("a").0);
        if let Some(late) = late {
            self.inner.commit(late).await.unwrap();
        }
        self.inner.rows(set, wanted, of).await
    }
}

/// The batch is folded twice, the second time onto its own views. That its commit has happened is all that saves it, and what
/// it would have written must not be remembered.
#[tokio::test(start_paused = true)]
async fn rows_that_a_repeated_commit_did_not_write_are_not_remembered() {
    let inner = memory();
    let token = named(&inner, 30).await;
    let (holds_back, under_way) = Default::default();
    let store = Slow { inner: inner.clone(), holds_back, under_way };
    let holds_back = Arc::clone(&store.holds_back);
    let gate = Gate::new(1_000, move |batch| holds_back.store(batch == 4, Ordering::SeqCst));
    let reads = ReadSide::new(store).follow(inner.clone()).clock(TokioClock);
    let kept = reads.upkeep(Accounts).enrich(gate).options(small()).start();
    reach(kept.live().await.unwrap().progress(), token).await;
    check(&inner, "late").await;
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_while_more_pages_wait_has_views_of_its_own() {
    let (store, mut chance) = (memory(), fastrand::Rng::with_seed(3));
    some(&store, &mut chance, 60).await;
    let gate = Gate::new(4, |_| ());
    let open = Arc::clone(&gate.open);
    let kept = reads(&store).upkeep(Accounts).enrich(gate).options(small()).start();
    until("four batches", async || checkpoint(&store, "accounts").await == 12).await;
    kept.rebuild().await.unwrap();
    // Both builds are in the middle of the log, and take turns.
    open.add_permits(1_000);
    until("rebuilt", async || kept.rebuilding().await.unwrap().is_none()).await;
    let token = some(&store, &mut chance, 20).await;
    reach(kept.live().await.unwrap().progress(), token).await;
    check(&store, "rebuilt").await;
    kept.stop().await;
}

/// Each part has rows of its own, under a lease of its own.
#[tokio::test(start_paused = true)]
async fn parts_remember_what_is_their_own() {
    for seed in 0..20 {
        println!("seed {seed}");
        let (store, mut chance) = (memory(), fastrand::Rng::with_seed(seed));
        some(&store, &mut chance, 60).await;
        let start = || -> Upkeep<SharedAccounts> { reads(&store).upkeep(SharedAccounts) };
        let first = start().options(small()).start();
        tokio::time::sleep(Duration::from_millis(chance.u64(0..5))).await;
        let second = start().options(small()).start();
        some(&store, &mut chance, 60).await;
        first.stop().await;
        let token = some(&store, &mut chance, 60).await;
        let view = reads(&store).view::<SharedAccounts>();
        view.wait_for(token, Duration::from_mins(10)).await.unwrap();
        assert_eq!(all(&view).await, oracle(&store).await, "seed {seed}");
        second.stop().await;
    }
}
