//! Snapshots change how long a load takes, and nothing else.

use std::future::IntoFuture;
use std::time::Duration;

use fastrand::Rng;
use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Aggregate, Commit, Event, EventStore, Limits, Repository, RowKey, RowSet, RowStore, RowValue,
    RowWrite, RowsWanted,
};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fixture::{Entry, Overdrawn};

/// An account that is stored now and then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stored {
    cents: i64,
    entries: u64,
    last: Option<i64>,
}

impl Aggregate for Stored {
    type Event = Entry;

    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.cents += cents;
        self.entries += 1;
        self.last = Some(*cents);
    }
}

impl Snapshotted for Stored {
    const STATE_VERSION: u32 = 1;
}

fn pay(cents: i64) -> impl Fn(&Stored) -> Result<Vec<Entry>, Overdrawn> {
    move |_| Ok(vec![Entry::Paid { cents }])
}

fn every(events: u64) -> SnapshotPolicy {
    SnapshotPolicy { every_events: events, ..SnapshotPolicy::default() }
}

fn uncached() -> Options {
    Options { cached_states_max: 0, ..Options::default() }
}

fn repository<A: Snapshotted, S: EventStore + RowStore + Clone>(
    store: &S,
    policy: SnapshotPolicy,
) -> Repository<A> {
    Repository::with_snapshots(store.clone(), uncached(), policy)
}

/// Has what is spawned on this thread do its work.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn place() -> (RowSet, RowKey) {
    (RowSet::new("freehold_snapshots").unwrap(), RowKey::new("account-a").unwrap())
}

/// What is stored of the account `a`.
async fn stored(store: &impl RowStore) -> Option<Value> {
    let (set, key) = place();
    let page = store.rows(&set, &RowsWanted::Keys(vec![key]), None).await.ok()?;
    page.rows.first().map(|row| row.value.read().unwrap())
}

async fn put(store: &(impl RowStore + EventStore), value: &Value) {
    let (set, key) = place();
    let row = RowWrite::put(&set, &key, RowValue::of(value).unwrap());
    store.prepare(&set).await.unwrap();
    store.commit(Commit::new().rows([row])).await.unwrap();
}

async fn load<A: Snapshotted>(repository: &Repository<A>) -> A {
    repository.load("a").await.unwrap().into_state()
}

/// Whatever the policy, the cache and the moments at which a process begins anew, and whatever becomes of the snapshots.
#[tokio::test]
async fn a_snapshot_and_what_came_after_it_are_the_whole_history() {
    let mut used = 0;
    for seed in 0..300 {
        let (mut chance, store) = (Rng::with_seed(seed), MemoryStore::new());
        let plain = Repository::<Stored>::with_options(store.clone(), uncached());
        let begin = |chance: &mut Rng| {
            let load_time_max = Duration::from_secs(60 * chance.u64(0..2));
            let writes_max = chance.usize(0..3);
            let policy = every(chance.u64(0..9));
            let policy = SnapshotPolicy { load_time_max, writes_max, ..policy };
            let options = Options { cached_states_max: chance.usize(0..2), ..Options::default() };
            Repository::<Stored>::with_snapshots(store.clone(), options, policy)
        };
        let mut accounts = begin(&mut chance);
        for _ in 0..chance.usize(1..60) {
            match chance.u8(0..10) {
                0 => accounts = begin(&mut chance),
                1 => settle().await,
                2 => damage(&store, &mut chance).await,
                3..5 => {
                    used += u32::from(stored(&store).await.is_some());
                    assert_eq!(
                        load(&accounts).await,
                        plain.load("a").await.unwrap().into_state(),
                        "seed {seed}"
                    );
                }
                _ => drop(accounts.execute("a", pay(chance.i64(0..100))).await.unwrap()),
            }
        }
        let whole = plain.load("a").await.unwrap();
        assert_eq!(begin(&mut chance).load("a").await.unwrap().version(), whole.version());
        assert_eq!(load(&begin(&mut chance)).await, whole.into_state(), "seed {seed}");
    }
    assert!(used > 300, "only {used} loads had a snapshot");
}

/// Makes something else of a snapshot, or takes it away.
async fn damage(store: &MemoryStore, chance: &mut Rng) {
    let Some(mut snapshot) = stored(store).await.filter(Value::is_object) else { return };
    match chance.u8(0..7) {
        0 => snapshot = json!("nonsense"),
        1 => snapshot["state"]["cents"] = json!(-1),
        2 => snapshot["state"] = json!({}),
        3 => snapshot["version"] = json!(snapshot["version"].as_u64().unwrap() + 1),
        4 => snapshot["event"] = json!(uuid::Uuid::nil()),
        5 => snapshot["fingerprint"] = json!(uuid::Uuid::nil()),
        _ => snapshot["checksum"] = json!(uuid::Uuid::nil()),
    }
    put(store, &snapshot).await;
}

#[tokio::test]
async fn a_long_stream_is_read_from_its_snapshot_on() {
    let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(0));
    let accounts = repository::<Stored, _>(&store, every(1_000));
    let thousand = |_: &Stored| Ok::<_, Overdrawn>(vec![Entry::Paid { cents: 1 }; 1_000]);
    for _ in 0..10 {
        accounts.execute("a", thousand).await.unwrap();
        settle().await;
    }
    accounts.execute("a", pay(7)).await.unwrap();
    let calls = async |accounts: &Repository<Stored>| {
        let before = store.injected().calls;
        assert_eq!(load(accounts).await.cents, 10_007);
        store.injected().calls - before
    };
    assert_eq!(calls(&Repository::with_options(store.clone(), uncached())).await, 11);
    // The snapshot, and the event that made it with those since.
    assert_eq!(calls(&repository(&store, every(1_000))).await, 2);
}

/// Counts what it did not count before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wider {
    cents: i64,
    entries: u64,
    last: Option<i64>,
    #[serde(default)]
    largest: i64,
}
impl Aggregate for Wider {
    type Event = Entry;
    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        (self.cents, self.entries) = (self.cents + cents, self.entries + 1);
        (self.last, self.largest) = (Some(*cents), self.largest.max(*cents));
    }
}
impl Snapshotted for Wider {
    const STATE_VERSION: u32 = 1;
}
/// Means something else by the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Doubled {
    cents: i64,
    entries: u64,
    last: Option<i64>,
}
impl Aggregate for Doubled {
    type Event = Entry;
    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.cents += 2 * cents;
    }
}
impl Snapshotted for Doubled {
    const STATE_VERSION: u32 = 2;
}
/// Reads an event that the others did not.
#[derive(Debug, Serialize, Deserialize)]
enum More {
    Paid { cents: i64 },
    Closed {},
}
impl Event for More {
    const CATEGORY: &'static str = "account";
}
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Hears {
    cents: i64,
    entries: u64,
    last: Option<i64>,
}
impl Aggregate for Hears {
    type Event = More;
    fn apply(&mut self, event: &More) {
        if let More::Paid { cents } = event {
            self.cents += 3 * cents;
        }
    }
}
impl Snapshotted for Hears {
    const STATE_VERSION: u32 = 1;
}

/// Reads more of an event than the others did.
#[derive(Debug, Serialize, Deserialize)]
enum Fuller {
    Paid {
        cents: i64,
        #[serde(default)]
        tip: i64,
    },
}
impl Event for Fuller {
    const CATEGORY: &'static str = "account";
}
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Notices {
    cents: i64,
    entries: u64,
    last: Option<i64>,
}
impl Aggregate for Notices {
    type Event = Fuller;
    fn apply(&mut self, Fuller::Paid { cents, tip }: &Fuller) {
        self.cents += 4 * cents + tip;
    }
}
impl Snapshotted for Notices {
    const STATE_VERSION: u32 = 1;
}

/// A state of another version, of another shape, or of code that read other events, or less of them, is not what today's code would have folded.
#[tokio::test]
async fn a_state_of_other_code_is_passed_over() {
    let store = MemoryStore::new();
    let accounts = repository::<Stored, _>(&store, every(1));
    for cents in [9, 5] {
        accounts.execute("a", pay(cents)).await.unwrap();
        settle().await;
    }
    assert_eq!(stored(&store).await.unwrap()["version"], 2);
    let never = SnapshotPolicy { writes_max: 0, ..every(1) };
    assert_eq!(load(&repository::<Wider, _>(&store, never)).await.largest, 9);
    assert_eq!(load(&repository::<Doubled, _>(&store, never)).await.cents, 28);
    assert_eq!(load(&repository::<Hears, _>(&store, never)).await.cents, 42);
    assert_eq!(load(&repository::<Notices, _>(&store, never)).await.cents, 56);
    assert_eq!(load(&repository::<Stored, _>(&store, never)).await.cents, 14);
}

/// Declares an account that keeps its entries, as a program has it at some time.
macro_rules! keeps {
    ($name:ident, $line:ident { $($field:tt)* }, $cents:ident => $made:expr) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct $line { $($field)* }
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        struct $name { lines: Vec<$line> }
        impl Aggregate for $name {
            type Event = Entry;
            fn apply(&mut self, Entry::Paid { cents }: &Entry) {
                let $cents = *cents;
                self.lines.push($made);
            }
        }
        impl Snapshotted for $name {
            const STATE_VERSION: u32 = 1;
        }
    };
}
keeps!(Keeps, Line { cents: i64 }, cents => Line { cents });
keeps!(KeepsMore, Longer { cents: i64, #[serde(default)] double: i64 }, cents => Longer { cents, double: 2 * cents });

/// In a default state there is nothing to be seen of it.
#[tokio::test]
async fn a_state_without_a_field_that_the_items_of_a_list_have_now_is_passed_over() {
    let store = MemoryStore::new();
    let pay = |_: &Keeps| Ok::<_, Overdrawn>(vec![Entry::Paid { cents: 5 }]);
    repository::<Keeps, _>(&store, every(1)).execute("a", pay).await.unwrap();
    settle().await;
    assert_eq!(stored(&store).await.unwrap()["version"], 1);
    let never = SnapshotPolicy { writes_max: 0, ..every(1) };
    let found = load(&repository::<KeepsMore, _>(&store, never)).await;
    assert_eq!(found.lines, [Longer { cents: 5, double: 10 }]);
}

/// Else each load would be a whole fold until as many events have come again.
#[tokio::test]
async fn a_state_that_is_passed_over_is_stored_again_by_who_had_stored_it() {
    let store = MemoryStore::new();
    let accounts = repository::<Stored, _>(&store, every(3));
    for cents in 1..=3 {
        accounts.execute("a", pay(cents)).await.unwrap();
    }
    settle().await;
    let whole = stored(&store).await.unwrap();
    let mut spoilt = whole.clone();
    spoilt["checksum"] = json!(uuid::Uuid::nil());
    put(&store, &spoilt).await;
    assert_eq!(load(&accounts).await.cents, 6);
    settle().await;
    assert_eq!(stored(&store).await.unwrap(), whole);
}

/// As after a restore from a backup: the stream has other events where the state was folded, or ends before.
#[tokio::test]
async fn a_state_of_another_history_is_passed_over() {
    let (store, restored) = (MemoryStore::new(), MemoryStore::new());
    let accounts = repository::<Stored, _>(&store, every(2));
    for cents in [1, 2] {
        accounts.execute("a", pay(cents)).await.unwrap();
    }
    settle().await;
    let snapshot = stored(&store).await.unwrap();
    let others = repository::<Stored, _>(&restored, every(100));
    for (n, cents) in [10, 20, 30].into_iter().enumerate() {
        put(&restored, &snapshot).await;
        assert_eq!(load(&others).await.entries, n as u64);
        others.execute("a", pay(cents)).await.unwrap();
    }
    assert_eq!(load(&others).await.cents, 60);
}

/// A command is done before anybody runs but the one that asks for it; the snapshot comes later, and the next one after that.
#[tokio::test]
async fn no_command_waits_for_a_snapshot() {
    let store = MemoryStore::new();
    let accounts = repository::<Stored, _>(&store, every(1));
    for version in 1..=9 {
        let done = accounts.execute("a", pay(1)).into_future().now_or_never();
        assert_eq!(done.unwrap().unwrap().version().get(), version);
        let before = stored(&store).await.map(|stored| stored["version"].as_u64().unwrap());
        assert_eq!(before.unwrap_or(0), version - 1);
        settle().await;
    }
}

/// What cannot be stored costs nothing but the snapshot; and who finds the state in the cache asks for none.
#[tokio::test]
async fn a_state_that_is_too_large_is_not_stored_and_a_cached_one_is_not_looked_for() {
    let limits = Limits { bytes_per_row_max: 50, ..Limits::default() };
    let inner = MemoryStore::builder().limits(limits).build();
    let store = FaultyStore::new(inner.clone(), Faults::seeded(0));
    let accounts =
        Repository::<Stored>::with_snapshots(store.clone(), Options::default(), every(1));
    for entries in 1..=5 {
        let done = accounts.execute("a", pay(1)).await.unwrap();
        assert_eq!(done.entries, entries);
        settle().await;
    }
    assert!(stored(&inner).await.is_none());
    assert_eq!(load(&repository::<Stored, _>(&store, every(1))).await.entries, 5);
    let before = store.injected().reads;
    assert_eq!(load(&accounts).await.entries, 5);
    assert_eq!(store.injected().reads - before, 1, "the stream alone is asked for what is new");
}

/// What is long to load is stored however few events it has; and what is quick is not.
#[tokio::test(start_paused = true)]
async fn a_state_that_takes_long_to_load_is_stored() {
    for (delay, is_stored) in [(0, false), (100, true)] {
        let inner = MemoryStore::new();
        let plain = Repository::<Stored>::new(inner.clone());
        plain.execute("a", pay(5)).await.unwrap();
        let delays = Faults::seeded(0).delay(1.0, Duration::from_millis(delay));
        let slow = FaultyStore::new(inner.clone(), delays);
        assert_eq!(load(&repository::<Stored, _>(&slow, every(1_000))).await.cents, 5);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stored(&inner).await.is_some(), is_stored);
    }
}

#[tokio::test]
async fn snapshots_are_kept_in_a_file_beside_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let accounts = repository::<Stored, _>(&store, every(3));
    for cents in 1..=10 {
        accounts.execute("a", pay(cents)).await.unwrap();
    }
    while stored(&store).await.is_none() {
        tokio::task::yield_now().await;
    }
    drop((accounts, store));
    let again = SqliteStore::open(&path).await.unwrap();
    let kept = stored(&again).await.unwrap();
    assert!(kept["version"].as_u64().unwrap() >= 3, "{kept}");
    assert_eq!(load(&repository::<Stored, _>(&again, every(3))).await.cents, 55);
}
