//! PostgreSQL: what the feed's lock costs writers that know nothing else of us. Needs `DATABASE_URL`.

use freehold::backend::postgres::sqlx::{self, SqlStr};

use crate::entry;
use crate::harness::{Bar, interleave, syncs, tell_syncs};
use crate::postgres::{Log, Uuid, url};

const TASKS: usize = 64;
const TIMES: usize = 150;

/// Two tables of the shape of ours, with its indexes and its sequence, and without its triggers; one of them then with
/// the trigger that takes the lock.
const TABLES: &str = "
    CREATE TABLE {s}.naive (LIKE {s}.events INCLUDING ALL);
    CREATE TABLE {s}.locked (LIKE {s}.events INCLUDING ALL);
    CREATE TRIGGER locked_announce BEFORE INSERT ON {s}.locked
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.announce()";

const INSERT: &str = "INSERT INTO {s}.TABLE (event_id, category, stream, version, name, data)
    VALUES ($1, $2, $3, $4, $5, $6)";

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_lock") else { return false };
    let log = Log::fresh(&url, TASKS);
    log.run(TABLES);
    let [naive, locked] = ["naive", "locked"].map(|table| log.sql(&INSERT.replace("TABLE", table)));
    let rates = interleave(&mut [
        &mut || insert(&log, "locked", &locked),
        &mut || insert(&log, "naive", &naive),
        &mut syncs,
    ]);
    let what = "postgres_lock: 64 tasks, one event each, with the feed's lock";
    let floor = "the same without it";
    let bar = Bar { what, floor, at_least: 0.95, unit: "inserts/s" };
    let holds = bar.judge(&rates[0], &rates[1]);
    tell_syncs(&rates[2]);
    holds
}

/// Each insert is a transaction.
fn insert(log: &Log, table: &str, insert: &SqlStr) -> f64 {
    log.run(&format!("TRUNCATE {{s}}.{table}"));
    log.rate(TASKS, TIMES, |task, range| {
        let (pool, insert, stream) = (log.pool.clone(), insert.clone(), entry::account(task));
        async move {
            for n in range {
                let event = entry::new_event(n);
                sqlx::query(insert.clone())
                    .bind(Uuid(event.id().as_uuid()))
                    .bind(stream.category())
                    .bind(stream.id())
                    .bind(n as i64 + 1)
                    .bind(event.name().as_str())
                    .bind(&**event.data())
                    .execute(&pool)
                    .await
                    .unwrap();
            }
        }
    })
}
