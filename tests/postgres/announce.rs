//! Whoever inserts waits for the lock of the log before a position is drawn, with whatever statement: the feed would lose events
//! otherwise.

use freehold::backend::postgres::sqlx::pool::PoolConnection;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Postgres, Row};
use freehold::{Commit, Store};
use uuid::Uuid;

use crate::outbox::sends;
use crate::server::{Schemas, one, pool, wait_for};

/// How rows get into a table by hand.
#[derive(Clone, Copy, Debug)]
enum Way {
    Values,
    Select,
    Copy,
}

const WAYS: [Way; 3] = [Way::Values, Way::Select, Way::Copy];

/// A log, and how a row of it looks.
struct Log {
    table: &'static str,
    positions: &'static str,
    columns: &'static str,
    /// Of the columns after the first, which is an id.
    values: &'static [&'static str],
    first: fn() -> Commit,
}

const LOGS: [Log; 2] = [
    Log {
        table: "events",
        positions: "positions",
        columns: "event_id, category, stream, version, name, data",
        values: &["by_hand", "{way}", "1", "Written", ""],
        first: || one(1, "a"),
    },
    Log {
        table: "outbox",
        positions: "outbox_positions",
        columns: "message_id, ordering_key, type, envelope",
        values: &["{way}", "written.v1", "{}"],
        first: || sends(1, "a"),
    },
];

impl Log {
    /// Inserts one row.
    async fn insert(&self, conn: &mut PoolConnection<Postgres>, schema: &str, way: Way) {
        let into = format!("{schema}.{} ({})", self.table, self.columns);
        let way_name = format!("{way:?}");
        let rest = self.values.iter().map(|value| value.replace("{way}", &way_name));
        let row: Vec<String> = std::iter::once(Uuid::now_v7().to_string()).chain(rest).collect();
        let quoted: Vec<String> = row.iter().map(|value| format!("'{value}'")).collect();
        match way {
            Way::Values => {
                let sql = format!("INSERT INTO {into} VALUES ({})", quoted.join(", "));
                conn.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Way::Select => {
                let from = "FROM generate_series(1, 1)";
                let sql = format!("INSERT INTO {into} SELECT {} {from}", quoted.join(", "));
                conn.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Way::Copy => {
                let sql = format!("COPY {into} FROM STDIN");
                let mut copy = conn.copy_in_raw(&sql).await.unwrap();
                copy.send(format!("{}\n", row.join("\t")).as_bytes()).await.unwrap();
                assert_eq!(copy.finish().await.unwrap(), 1);
            }
        }
    }

    /// The newest position that was drawn, and whether any was.
    async fn drawn(&self, pool: &PgPool, schema: &str) -> (i64, bool) {
        let select = format!("SELECT last_value, is_called FROM {schema}.{}", self.positions);
        let row = sqlx::query(AssertSqlSafe(select)).fetch_one(pool).await.unwrap();
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn whoever_inserts_waits_for_the_lock_before_a_position_is_drawn() {
    for log in LOGS {
        for is_warm in [false, true] {
            let schemas = Schemas::new();
            let store = schemas.store("log").await;
            let schema = schemas.name("log").as_str().to_owned();
            if is_warm {
                let _ = store.commit((log.first)()).await.unwrap();
            }
            let (watcher, writers) = (pool(1).await, pool(3).await);
            let mut holder = pool(1).await.acquire().await.unwrap();
            let lock =
                format!("SELECT pg_advisory_lock({schema}.{}_lock()), pg_backend_pid()", log.table);
            let pid: i32 = holder.fetch_one(AssertSqlSafe(lock)).await.unwrap().get(1);
            let before = log.drawn(&watcher, &schema).await;
            let insert = async |way| {
                let mut conn = writers.acquire().await.unwrap();
                log.insert(&mut conn, &schema, way).await;
            };
            let inserting = futures::future::join_all(WAYS.map(insert));
            let looking = async {
                let have_come = wait_for(pid, 3).await;
                let during = log.drawn(&watcher, &schema).await;
                // Whoever panicked before would leave the log locked, and its schema could not be dropped.
                holder.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
                (have_come, during)
            };
            let (_, (have_come, during)) = tokio::join!(inserting, looking);
            assert!(have_come, "{}: they do not all wait", log.table);
            assert_eq!(during, before, "{}: a position was drawn without the lock", log.table);
            let drawn = if is_warm { 4 } else { 3 };
            assert_eq!(log.drawn(&watcher, &schema).await, (drawn, true), "{}", log.table);
        }
    }
}
