//! Stored states: whatever lies where a snapshot should, a load is the whole history folded.

use std::sync::LazyLock;

use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::memory::MemoryStore;
use freehold::{
    Aggregate, Commit, Event, EventId, EventStoreExt, ExpectedVersion, NewEvent, Repository,
    RowKey, RowSet, RowStore, RowValue, RowWrite, RowsWanted, Store, StreamId, StreamVersion,
    event,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::verdict::Verdict;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Entry {
    Paid { cents: i64 },
    Named(String),
    Rated(f64),
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    cents: i64,
    names: Vec<String>,
    rating: Option<f64>,
}

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Paid { cents } => self.cents += cents,
            Entry::Named(name) => self.names.push(name.clone()),
            Entry::Rated(rating) => self.rating = Some(*rating),
        }
    }
}

impl Snapshotted for Account {
    const STATE_VERSION: u32 = 1;
}

fn history() -> [Entry; 6] {
    [
        Entry::Paid { cents: 100 },
        Entry::Named("Ada \"B\"".into()),
        Entry::Rated(0.1),
        Entry::Paid { cents: -30 },
        Entry::Named("Ada".into()),
        Entry::Paid { cents: 1 },
    ]
}

/// The same log twice, of which one has a first event that nobody can read: there, only a snapshot gives a state.
struct World {
    runtime: Runtime,
    sound: MemoryStore,
    spoilt: MemoryStore,
    whole: Account,
    /// What the crate has stored of the state at each version.
    rows: Vec<Vec<u8>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut whole = Account::default();
    for entry in history() {
        whole.apply(&entry);
    }
    let (sound, spoilt, rows) = runtime.block_on(async {
        let (sound, spoilt) = (log(false).await, log(true).await);
        let mut rows = Vec::new();
        for version in 1..=history().len() {
            rows.push(stored_at(version).await);
        }
        (sound, spoilt, rows)
    });
    World { runtime, sound, spoilt, whole, rows }
});

fn stream() -> StreamId {
    StreamId::new("account", "a").unwrap()
}

fn place() -> (RowSet, RowKey) {
    (RowSet::new("freehold_snapshots").unwrap(), RowKey::new("account-a").unwrap())
}

/// The events of the history up to a version, under ids that are always the same.
fn events(version: usize) -> impl Iterator<Item = NewEvent> {
    history()
        .into_iter()
        .take(version)
        .zip(1..)
        .map(|(entry, nth)| event::encode(&entry, EventId::new(Uuid::from_u128(nth))).unwrap())
}

async fn log(is_spoilt: bool) -> MemoryStore {
    let store = MemoryStore::new();
    let spoil = |event: NewEvent| NewEvent::new(event.id(), event.name().clone(), "nonsense");
    let all = events(usize::MAX)
        .enumerate()
        .map(|(nth, event)| if is_spoilt && nth == 0 { spoil(event) } else { event });
    let commit = Commit::new().append(&stream(), ExpectedVersion::NoStream, all);
    store.commit(commit).await.unwrap();
    store.prepare(&place().0).await.unwrap();
    assert_eq!(store.version(&stream()).await.unwrap(), StreamVersion::new(6));
    store
}

/// What a repository stores of the state at a version.
async fn stored_at(version: usize) -> Vec<u8> {
    let store = MemoryStore::new();
    let commit = Commit::new().append(&stream(), ExpectedVersion::NoStream, events(version));
    store.commit(commit).await.unwrap();
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let accounts = Repository::<Account>::with_snapshots(store.clone(), uncached(), policy);
    accounts.load("a").await.unwrap();
    let (set, key) = place();
    let wanted = RowsWanted::Keys(vec![key]);
    loop {
        tokio::task::yield_now().await;
        if let Ok(page) = store.rows(&set, &wanted, None).await
            && let Some(row) = page.rows.first()
        {
            return row.value.json().to_vec();
        }
    }
}

fn uncached() -> Options {
    Options { cached_states_max: 0, ..Options::default() }
}

/// Loads with this in the place of the snapshot.
async fn load(store: &MemoryStore, row: &[u8]) -> Option<(StreamVersion, Account)> {
    let (set, key) = place();
    let write = RowWrite::put(&set, &key, RowValue::stored(row.to_vec().into()));
    store.commit(Commit::new().rows([write])).await.unwrap();
    let policy = SnapshotPolicy { writes_max: 0, ..SnapshotPolicy::default() };
    let accounts = Repository::<Account>::with_snapshots(store.clone(), uncached(), policy);
    let loaded = accounts.load("a").await.ok()?;
    Some((loaded.version(), loaded.into_state()))
}

/// Any bytes; or, if the first is one of 1 to 6, what was stored at that version, with pairs of a place and a byte that is put there.
pub(crate) fn holds(bytes: &[u8]) -> Verdict {
    let world = &*WORLD;
    let row = match bytes.split_first() {
        Some((version @ 1..=6, edits)) => edited(&world.rows[usize::from(*version) - 1], edits),
        _ => bytes.to_vec(),
    };
    let (sound, spoilt) = world
        .runtime
        .block_on(async { (load(&world.sound, &row).await, load(&world.spoilt, &row).await) });
    let whole = Some((StreamVersion::new(6), world.whole.clone()));
    assert_eq!(sound, whole);
    if spoilt.is_none() {
        return Verdict::Refused;
    }
    assert_eq!(spoilt, whole);
    Verdict::Taken
}

fn edited(row: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut row = row.to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % row.len();
        row[place] = edit[2];
    }
    row
}
