//! What the bars of PostgreSQL share: a log in a schema of its own, and tasks.

use std::ops::Range;

use freehold::backend::postgres::sqlx::encode::IsNull;
use freehold::backend::postgres::sqlx::error::BoxDynError;
use freehold::backend::postgres::sqlx::postgres::types::Oid;
use freehold::backend::postgres::sqlx::postgres::{
    PgArgumentBuffer, PgHasArrayType, PgPoolOptions, PgTypeInfo, PgValueRef,
};
use freehold::backend::postgres::sqlx::{
    self, AssertSqlSafe, Decode, Encode, Executor, PgPool, Postgres, SqlSafeStr, SqlStr, Type,
};
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};
use futures::future::join_all;
use tokio::runtime::Runtime;

use crate::harness::{runtime, timed};

/// How often each task does its work before it counts: connections, plans and caches are then those of a service
/// that has been up for a while.
pub(crate) const WARM: usize = 8;

/// Where the server is; `None`, and a word about it, if nobody has said so.
pub(crate) fn url(bar: &str) -> Option<String> {
    let url = std::env::var("DATABASE_URL").ok();
    if url.is_none() {
        println!("{bar}: left out, since DATABASE_URL names no server");
    }
    url
}

/// A log in a fresh schema, which is dropped with it.
pub(crate) struct Log {
    pub(crate) runtime: Runtime,
    pub(crate) pool: PgPool,
    pub(crate) store: PostgresStore,
    schema: String,
}

impl Log {
    /// All connections are open before anything is measured. The pool is as `sqlx` makes it.
    pub(crate) fn fresh(url: &str, connections: usize) -> Self {
        let runtime = runtime();
        let schema = format!("bench_{}", uuid::Uuid::now_v7().simple());
        let (pool, store) = runtime.block_on(async {
            let options = PgPoolOptions::new().max_connections(u32::try_from(connections).unwrap());
            let pool = options.connect(url).await.unwrap();
            let name = SchemaName::new(&schema).unwrap();
            // Only this process reads: nobody is to be notified, by ours or by a floor.
            let options =
                PostgresOptions { schema: name, notify_interval: None, ..Default::default() };
            let store = PostgresStore::open_with(pool.clone(), options).await.unwrap();
            join_all((0..connections).map(|_| pool.acquire())).await;
            (pool, store)
        });
        Self { runtime, pool, store, schema }
    }

    /// A statement, with the name of the schema for `{s}`.
    pub(crate) fn sql(&self, text: &str) -> SqlStr {
        AssertSqlSafe(text.replace("{s}", &self.schema)).into_sql_str()
    }

    /// Runs statements that give no rows.
    pub(crate) fn run(&self, text: &str) {
        self.runtime.block_on(self.pool.execute(sqlx::raw_sql(self.sql(text)))).unwrap();
    }

    /// Fills the streams `account-0`, `account-1` and so on, the events of all of them taking turns.
    pub(crate) fn seed(&self, streams: usize, events: usize) {
        self.run(&format!(
            r#"INSERT INTO {{s}}.events (event_id, category, stream, version, name, data)
            SELECT gen_random_uuid(), 'account', stream, version, 'Deposited', convert_to(format(
                '{{"cents":1250,"by":"alice@example.org","reference":"invoice %s, paid by transfer"}}',
                version - 1), 'UTF8')
            FROM generate_series(1, {events}) AS version, generate_series(0, {streams} - 1) AS stream
            ORDER BY version, stream"#
        ));
        // Hint bits and statistics as they are after a while.
        self.run("VACUUM ANALYZE {s}.events");
        self.run("VACUUM ANALYZE {s}.streams");
    }

    /// Runs `work` for each task, all at once.
    pub(crate) fn in_tasks<F>(&self, tasks: usize, mut work: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.block_on(async {
            for task in (0..tasks).map(|task| tokio::spawn(work(task))).collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    }

    /// How many a second tasks do that each do their work `times` times. The work is told which time it is.
    pub(crate) fn rate<F>(
        &self,
        tasks: usize,
        times: usize,
        mut work: impl FnMut(usize, Range<usize>) -> F,
    ) -> f64
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.in_tasks(tasks, |task| work(task, 0..WARM));
        timed(tasks * times, || self.in_tasks(tasks, |task| work(task, WARM..WARM + times)))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let drop = self.sql("DROP SCHEMA {s} CASCADE");
        self.runtime.block_on(async {
            // After a panic there is nobody to mend it.
            let _ = self.pool.execute(sqlx::raw_sql(drop)).await;
            self.pool.close().await;
        });
    }
}

/// As the driver writes it with a feature that is off here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) uuid::Uuid);

impl Type<Postgres> for Uuid {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl PgHasArrayType for Uuid {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2951))
    }
}

impl Encode<'_, Postgres> for Uuid {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Uuid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(uuid::Uuid::from_slice(value.as_bytes()?)?))
    }
}
