//! The server, and schemas on it that go away.

use std::sync::Mutex;
use std::time::Duration;

use freehold::backend::postgres::sqlx::postgres::PgPoolOptions;
use freehold::backend::postgres::sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, query};
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};
use freehold::{
    Advance, Claim, Commit, EventId, EventName, ExpectedVersion, Lease, LeaseName, Leases,
    NewEvent, Owner, Position, Row, RowKey, RowSet, RowStore, RowValue, RowWrite, RowsWanted,
    Store, StreamId,
};
use uuid::Uuid;

/// Where the server is.
///
/// # Panics
/// If nobody says so: a test that needs it must not pass without it.
pub(crate) fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, or set DATABASE_URL to a database of a superuser",
    )
}

/// Schemas of one test.
pub(crate) struct Schemas {
    prefix: String,
    made: Mutex<Vec<String>>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let prefix = format!("t{:012x}", Uuid::now_v7().as_u128() & 0xffff_ffff_ffff);
        Self { prefix, made: Mutex::default() }
    }

    pub(crate) fn name(&self, log: &str) -> SchemaName {
        let name = format!("{}_{log}", self.prefix);
        let mut made = self.made.lock().unwrap();
        if !made.contains(&name) {
            made.push(name.clone());
        }
        SchemaName::new(&name).unwrap()
    }

    pub(crate) fn options(&self, log: &str) -> PostgresOptions {
        PostgresOptions { schema: self.name(log), ..PostgresOptions::default() }
    }

    pub(crate) async fn store(&self, log: &str) -> PostgresStore {
        PostgresStore::open_with(pool(10).await, self.options(log)).await.unwrap()
    }
}

impl Drop for Schemas {
    fn drop(&mut self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        run_apart(async move {
            let pool = pool(1).await;
            for name in made {
                let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
                query(drop).execute(&pool).await.unwrap();
            }
        });
    }
}

/// Runs what cleans up after a test to its end: the test's own runtime may be in the middle of something.
pub(crate) fn run_apart(cleaning: impl Future<Output = ()> + Send + 'static) {
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(cleaning);
    });
    let done = done.join();
    assert!(std::thread::panicking() || done.is_ok());
}

pub(crate) async fn pool(connections_max: u32) -> PgPool {
    PgPoolOptions::new().max_connections(connections_max).connect(&url()).await.unwrap()
}

/// Waits until so many sessions wait for locks that the process has; `false` if they do not.
pub(crate) async fn wait_for(pid: i32, sessions: i64) -> bool {
    let pool = pool(1).await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
    let all = async {
        while query(waits).bind(pid).fetch_one(&pool).await.unwrap().get::<i64, _>(0) < sessions {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.is_ok()
}

/// The process that serves a connection.
pub(crate) async fn pid(conn: &mut PgConnection) -> i32 {
    query("SELECT pg_backend_pid()").fetch_one(conn).await.unwrap().get(0)
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new("account", id).unwrap()
}

pub(crate) fn event(n: u128) -> NewEvent {
    let id = EventId::new(Uuid::from_u128(n));
    NewEvent::new(id, EventName::from_static("Opened").unwrap(), format!(r#"{{"n":{n}}}"#))
}

/// One event for one stream, whatever its version.
pub(crate) fn one(n: u128, to: &str) -> Commit {
    Commit::new().append(&stream(to), ExpectedVersion::Any, [event(n)])
}

/// The set of rows that the tests write.
pub(crate) fn shown() -> RowSet {
    RowSet::new("shown").unwrap()
}

pub(crate) fn key(key: &str) -> RowKey {
    RowKey::new(key).unwrap()
}

pub(crate) fn put(to: &str, json: &str) -> RowWrite {
    RowWrite::put(&shown(), &key(to), RowValue::from_json(json.to_owned()).unwrap())
}

/// The JSON of all rows of the set, with their keys.
pub(crate) async fn all_rows(store: &PostgresStore) -> Vec<(String, String)> {
    let all = RowsWanted::Page { prefix: "".into(), after: None, limit: usize::MAX };
    let page = store.rows(&shown(), &all, None).await.unwrap();
    let text =
        |row: Row| (row.key.to_string(), String::from_utf8(row.value.json().to_vec()).unwrap());
    page.rows.into_iter().map(text).collect()
}

/// One who wants to do the job of [`job`].
pub(crate) fn owner(n: u128) -> Owner {
    Owner::new(Uuid::from_u128(n))
}

pub(crate) fn job() -> LeaseName {
    LeaseName::new("shown").unwrap()
}

/// Claims the job for a time, and must get it.
pub(crate) async fn granted(store: &PostgresStore, to: Owner, time: Duration) -> Lease {
    match store.claim(&job(), to, time).await.unwrap() {
        Claim::Granted(lease) => lease,
        held => panic!("{held:?}"),
    }
}

/// The checkpoint of the job in the store's own log moves.
pub(crate) fn advance(store: &PostgresStore, lease: &Lease, from: u64, to: u64) -> Advance {
    Advance::new(lease.clone(), store.identity(), Position::new(from), Position::new(to))
}
