//! PostgreSQL: what the feed's lock costs writers that know nothing else of us. Needs `DATABASE_URL`.

use freehold::backend::postgres::sqlx::{self, SqlStr};

use crate::entry;
use crate::harness::{Bar, rotate, syncs, tell_syncs};
use crate::postgres::{Log, Uuid, url};

const TASKS: usize = 64;
/// Enough that a run takes some seconds.
const TIMES: usize = 300;

/// Tables of the shape of ours, with its indexes and its sequence, and without its triggers; one of them then with the very
/// trigger that takes the lock. That it does is made sure of.
const TABLES: &str = "
    CREATE TABLE {s}.naive (LIKE {s}.events INCLUDING ALL);
    CREATE TABLE {s}.again (LIKE {s}.events INCLUDING ALL);
    CREATE TABLE {s}.locked (LIKE {s}.events INCLUDING ALL);
    DO $$
    DECLARE trigger text;
    BEGIN
        SELECT pg_get_triggerdef(oid) INTO STRICT trigger FROM pg_trigger
        WHERE tgrelid = '{s}.events'::regclass AND tgname = 'events_announce';
        EXECUTE replace(trigger, ' ON {s}.events ', ' ON {s}.locked ');
        INSERT INTO {s}.naive (event_id, category, stream, version, name, data)
        VALUES (gen_random_uuid(), 'account', '1', 1, 'Deposited', '');
        ASSERT NOT EXISTS (SELECT FROM {s}.feed_locks), 'the naive table has the lock';
        INSERT INTO {s}.locked SELECT * FROM {s}.naive;
        ASSERT EXISTS (SELECT FROM {s}.feed_locks), 'the lock is not taken';
    END $$";

const INSERT: &str = "INSERT INTO {s}.TABLE (event_id, category, stream, version, name, data)
    VALUES ($1, $2, $3, $4, $5, $6)";

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_lock") else { return false };
    let log = Log::fresh(&url, TASKS);
    log.run(TABLES);
    let [naive, again, locked] =
        ["naive", "again", "locked"].map(|table| log.sql(&INSERT.replace("TABLE", table)));
    let rates = rotate(&mut [
        &mut || insert(&log, "locked", &locked),
        &mut || insert(&log, "naive", &naive),
        &mut || insert(&log, "again", &again),
        &mut syncs,
    ]);
    let what = "postgres_lock: 64 tasks, one event each, with the feed's lock";
    let floor = "the same without it";
    let bar = Bar { what, floor, at_least: 0.95, unit: "inserts/s" };
    let holds = bar.judge(&rates[0], &rates[1]);
    // What differs where nothing does is the noise.
    let (what, floor) = ("postgres_lock: without it", "the same without it once more");
    Bar { what, floor, at_least: 1.0, unit: "inserts/s" }.tell(&rates[2], &rates[1]);
    tell_syncs(&rates[3]);
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
