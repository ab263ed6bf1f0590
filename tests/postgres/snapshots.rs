//! States that are stored beside their streams.

use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe};
use freehold::{Aggregate, Event, Repository, RowKey, RowSet, RowStore, RowsWanted};
use serde::{Deserialize, Serialize};

use crate::server::{Schemas, pool};

#[derive(Serialize, Deserialize)]
enum Entry {
    Paid { cents: i64 },
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Account {
    cents: i64,
}

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.cents += cents;
    }
}

impl Snapshotted for Account {
    const STATE_VERSION: u32 = 1;
}

/// What was before the snapshot is not read any more.
#[tokio::test]
async fn a_state_is_stored_in_a_table_beside_its_stream_and_loaded_from_there() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let policy = SnapshotPolicy { every_events: 3, ..SnapshotPolicy::default() };
    let begin = || {
        let uncached = Options { cached_states_max: 0, ..Options::default() };
        Repository::<Account>::with_snapshots(store.clone(), uncached, policy)
    };
    let accounts = begin();
    for cents in 1..=3 {
        let paid = |_: &Account| Ok::<_, String>(vec![Entry::Paid { cents }]);
        accounts.execute("a", paid).await.unwrap();
    }
    let (set, key) =
        (RowSet::new("freehold_snapshots").unwrap(), RowKey::new("account-a").unwrap());
    let wanted = RowsWanted::Keys(vec![key]);
    while store.rows(&set, &wanted, None).await.map_or(0, |page| page.rows.len()) == 0 {
        tokio::task::yield_now().await;
    }
    // Whoever reads it now fails.
    let schema = schemas.name("log");
    let spoilt =
        format!("UPDATE {}.events SET data = 'nonsense' WHERE version < 3", schema.as_str());
    sqlx::query(AssertSqlSafe(spoilt)).execute(&pool(1).await).await.unwrap();
    assert_eq!(begin().load("a").await.unwrap().cents, 6);
    let whole = Repository::<Account>::new(store.clone()).load("a").await;
    assert!(whole.is_err(), "the events before it cannot be read: {whole:?}");
}
