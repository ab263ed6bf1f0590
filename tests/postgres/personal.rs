//! Personal data is sealed in the database, and forgotten with its keys.

use std::sync::Arc;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::personal::SealedStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::{Harness, OutboxHarness, RowHarness};
use freehold::{
    Commit, CommitError, DataSubject, EventId, EventName, EventStore, EventStoreExt,
    ExpectedVersion, KeyRing, NewEvent, Outbox, Personal, RowKey, RowSet, RowStore, RowValue,
    RowWrite, Store, StreamId, StreamVersion, SubjectKeys, outbox_conformance,
    saga_store_conformance,
};
use uuid::Uuid;

use crate::server::{Schemas, pool};

#[path = "../it/personal/marked.rs"]
mod marked;

struct Sealed(Schemas);

impl Sealed {
    async fn store(&self, log: &str) -> Arc<marked::Marked<SealedStore<PostgresStore>>> {
        let (schema, limits) = (self.0.name(log), marked::roomy());
        let options = PostgresOptions { schema, limits, ..PostgresOptions::default() };
        marked::sealed(PostgresStore::open_with(pool(5).await, options).await.unwrap())
    }
}

#[async_trait]
impl Harness for Sealed {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        self.store(log).await
    }
}

#[async_trait]
impl RowHarness for Sealed {
    async fn open(&self, log: &str) -> Arc<dyn RowStore> {
        self.store(log).await
    }
}

#[async_trait]
impl OutboxHarness for Sealed {
    async fn open(&self, log: &str) -> Arc<dyn Outbox> {
        self.store(log).await
    }
}

saga_store_conformance!(sealed, Sealed(Schemas::new()));
outbox_conformance!(sealed_outbox, Sealed(Schemas::new()));

const SECRET: &str = "Ada Lovelace";

fn subject(n: u32) -> DataSubject {
    DataSubject::new(&format!("customer-{n}")).unwrap()
}

fn stream(n: u32) -> StreamId {
    StreamId::new("account", n.to_string()).unwrap()
}

fn opened(n: u32) -> Commit {
    let data = serde_json::to_string(&Personal::new(subject(n), SECRET)).unwrap();
    let name = EventName::from_static("Opened").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::from_u128(u128::from(n) + 1)), name, data);
    Commit::new().append(&stream(n), ExpectedVersion::NoStream, [event])
}

/// All that a schema holds, as text.
async fn dump(schema: &str) -> String {
    let pool = pool(1).await;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1";
    let tables = sqlx::query(tables).bind(schema).fetch_all(&pool).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = AssertSqlSafe(format!("SELECT t::text FROM {schema}.{table} AS t"));
        for row in sqlx::query(rows).fetch_all(&pool).await.unwrap() {
            let text: String = row.get(0);
            all += &text;
            // What is no text is shown as hexadecimal digits.
            all.extend(["\n", &table, "\n"]);
        }
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[tokio::test]
async fn no_table_holds_anything_in_plain_and_no_key_of_the_forgotten() {
    let schemas = Schemas::new();
    let inner = schemas.store("log").await;
    let store = SealedStore::new(inner.clone());
    let (set, key) = (RowSet::new("views").unwrap(), RowKey::new("a").unwrap());
    store.prepare(&set).await.unwrap();
    let personal = RowValue::of(&Personal::new(subject(1), SECRET)).unwrap();
    store.commit(opened(1).rows([RowWrite::put(&set, &key, personal)])).await.unwrap();
    store.commit(opened(2)).await.unwrap();
    let rings = inner.rings(&[1, 2].map(subject)).await.unwrap();
    let keys: Vec<String> =
        rings.iter().map(|ring| hex(ring.newest().unwrap().1.bytes())).collect();
    let before = dump(schemas.name("log").as_str()).await;
    assert!(keys.iter().all(|key| before.contains(key)), "the keys are in their table");
    store.forget(&subject(1)).await.unwrap();
    let after = dump(schemas.name("log").as_str()).await;
    for text in [&before, &after] {
        assert!(!text.contains(SECRET) && !text.contains(&hex(SECRET.as_bytes())));
        assert!(text.contains("customer-1"));
    }
    assert!(!after.contains(&keys[0]) && after.contains(&keys[1]));
    let read = async |n| {
        let events = store.read_tail(&stream(n), StreamVersion::NONE).await.unwrap();
        serde_json::from_slice::<Personal<String>>(events[0].data()).unwrap()
    };
    assert_eq!(read(1).await.get(), None);
    assert_eq!(read(2).await.get().map(String::as_str), Some(SECRET));
}

/// Whoever is first: no key is left.
#[tokio::test]
async fn forgetting_and_meeting_somebody_at_once_leaves_no_key() {
    let schemas = Schemas::new();
    let stores = [schemas.store("log").await, schemas.store("log").await];
    for n in 0..40 {
        let [adds, forgets] = stores.clone().map(SealedStore::new);
        let of = subject(n);
        let (committed, forgotten) = tokio::join!(adds.commit(opened(n)), forgets.forget(&of));
        forgotten.unwrap();
        assert!(matches!(committed, Ok(_) | Err(CommitError::Forgotten(_))), "{committed:?}");
        assert_eq!(stores[0].rings(&[subject(n)]).await.unwrap(), [KeyRing::Forgotten]);
    }
    let text = dump(schemas.name("log").as_str()).await;
    let keys = text.matches("\nsubject_keys\n").count();
    assert_eq!(keys, 40, "a row for each who was forgotten, and no key");
}

/// Keys that are elsewhere are forgotten without a commit, and the answer says where the log of the keys is then.
#[tokio::test]
async fn one_connection_is_enough_to_forget_somebody() {
    let schemas = Schemas::new();
    let keys = PostgresStore::open_with(pool(1).await, schemas.options("keys")).await.unwrap();
    let subject = DataSubject::new("customer-1").unwrap();
    let forgotten = keys.forget(&subject, Commit::new()).await.unwrap();
    assert_eq!(forgotten.token().log(), keys.identity());
    assert_eq!(keys.rings(&[subject]).await.unwrap(), [KeyRing::Forgotten]);
}
