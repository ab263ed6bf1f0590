//! SQLite: loading an aggregate of 10,000 events with a snapshot, against loading it without.

use std::time::Duration;

use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::sqlite::SqliteStore;
use freehold::{Commit, ExpectedVersion, Repository, RowSet, RowStore, RowsWanted, Store};
use tokio::runtime::Runtime;

use crate::entry::{self, Account};
use crate::harness::{Bar, interleave, runtime, timed};

const EVENTS: usize = 10_000;
const WITH: usize = 5_000;
const WITHOUT: usize = 20;

impl Snapshotted for Account {
    const STATE_VERSION: u32 = 1;
}

pub(crate) fn run() -> bool {
    let (dir, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let store = runtime.block_on(SqliteStore::open(dir.path().join("log.db"))).unwrap();
    let events = (0..EVENTS).map(entry::new_event);
    let all = Commit::new().append(&entry::account("long"), ExpectedVersion::NoStream, events);
    runtime.block_on(store.commit(all)).unwrap();
    // Every load is a first one: what is compared is what a process does that has just begun.
    let uncached = || Options { cached_states_max: 0, ..Options::default() };
    let policy = SnapshotPolicy { every_events: 1_000, ..SnapshotPolicy::default() };
    let with = Repository::with_snapshots(store.clone(), uncached(), policy);
    let without = Repository::with_options(store.clone(), uncached());
    runtime.block_on(async {
        with.load("long").await.unwrap();
        is_stored(&store).await;
    });
    let rates = interleave(&mut [&mut || loads(&runtime, &with, WITH), &mut || {
        loads(&runtime, &without, WITHOUT)
    }]);
    let what = "snapshot: an aggregate of 10,000 events is loaded from its snapshot, SQLite";
    let floor = "it is folded from its first event";
    Bar { what, floor, at_least: 100.0, unit: "loads/s" }.judge(&rates[0], &rates[1])
}

fn loads(runtime: &Runtime, accounts: &Repository<Account>, count: usize) -> f64 {
    timed(count, || {
        runtime.block_on(async {
            for _ in 0..count {
                let long = accounts.load("long").await.unwrap();
                assert_eq!((long.version().get(), long.cents), (EVENTS as u64, 12_500_000));
            }
        });
    })
}

async fn is_stored(store: &SqliteStore) {
    let set = RowSet::new("freehold_snapshots").unwrap();
    let any = RowsWanted::Page { prefix: "".into(), after: None, limit: 1 };
    while store.rows(&set, &any, None).await.map_or(0, |page| page.rows.len()) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
