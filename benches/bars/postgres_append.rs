//! PostgreSQL: tasks that append again and again, each to a stream of its own. Needs `DATABASE_URL`.

use freehold::backend::postgres::sqlx;
use freehold::{Commit, NewEvent, Store, StreamVersion};

use crate::entry;
use crate::harness::{Bar, best, interleave, syncs, tell_syncs};
use crate::postgres::{Log, Uuid, url};
use crate::postgres_writer::{WRITERS, Writers};

const UNIT: &str = "appends/s";
const BATCH: usize = 100;

/// The connections that ours may use: it needs as many as it has groups under way, and keeps one at hand between two groups while
/// nobody else can be waiting for it, as in a pool of one somebody always can.
const CONNECTIONS: usize = 4;

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_append") else { return false };
    let holds = grouped(&url);
    holds & alone(&url, 16, 150, 1.0) & alone(&url, 1, 2_000, 0.9) & batches(&url)
}

/// 64 tasks, against the best bare writer that groups, and against those who do not.
fn grouped(url: &str) -> bool {
    let (tasks, times) = (64, 400);
    let [one, two, four] = WRITERS;
    let rates = interleave(&mut [
        &mut || ours(url, tasks, times, 1),
        &mut || by_hand(url, one, tasks, times),
        &mut || by_hand(url, two, tasks, times),
        &mut || by_hand(url, four, tasks, times),
        &mut || in_a_transaction(url, tasks, times / 4),
        &mut || in_a_statement(url, tasks, times / 4, 1),
        &mut syncs,
    ]);
    let (writers, by_hand) = best(&WRITERS, &rates[1..4]);
    let what = "postgres_append: 64 tasks, one event each";
    let floor =
        &format!("the best bare writer that groups by hand ({writers} of {WRITERS:?} connections)");
    let holds = Bar { what, floor, at_least: 0.9, unit: UNIT }.judge(&rates[0], by_hand);
    let floor = "one bare transaction an append";
    let holds = holds & Bar { what, floor, at_least: 1.0, unit: UNIT }.judge(&rates[0], &rates[4]);
    let floor = "one bare statement an append, which is its own transaction";
    Bar { what, floor, at_least: 0.0, unit: UNIT }.tell(&rates[0], &rates[5]);
    tell_syncs(&rates[6]);
    holds
}

fn alone(url: &str, tasks: usize, times: usize, at_least: f64) -> bool {
    let rates = interleave(&mut [
        &mut || ours(url, tasks, times, 1),
        &mut || in_a_transaction(url, tasks, times),
        &mut || in_a_statement(url, tasks, times, 1),
        &mut syncs,
    ]);
    let what = &format!("postgres_append: {tasks} tasks, one event each");
    let floor = "one bare transaction an append";
    let holds = Bar { what, floor, at_least, unit: UNIT }.judge(&rates[0], &rates[1]);
    let floor = "one bare statement an append, which is its own transaction";
    Bar { what, floor, at_least, unit: UNIT }.tell(&rates[0], &rates[2]);
    tell_syncs(&rates[3]);
    holds
}

fn batches(url: &str) -> bool {
    let (tasks, times) = (16, 15);
    let rates = interleave(&mut [
        &mut || ours(url, tasks, times, BATCH),
        &mut || in_a_statement(url, tasks, times, BATCH),
        &mut syncs,
    ]);
    let what = "postgres_append: 16 tasks, batches of 100";
    let floor = "one bare statement a batch";
    let holds = Bar { what, floor, at_least: 0.9, unit: UNIT }.judge(&rates[0], &rates[1]);
    tell_syncs(&rates[2]);
    holds
}

fn new_events(n: usize, count: usize) -> Vec<NewEvent> {
    (0..count).map(|nth| entry::new_event(n * count + nth)).collect()
}

fn ours(url: &str, tasks: usize, times: usize, batch: usize) -> f64 {
    let log = Log::fresh(url, CONNECTIONS);
    log.rate(tasks, times, |task, range| {
        let (store, stream) = (log.store.clone(), entry::account(task));
        async move {
            for n in range {
                let version = StreamVersion::new((n * batch) as u64);
                let commit = Commit::new().append(&stream, version, new_events(n, batch));
                store.commit(commit).await.unwrap();
            }
        }
    })
}

fn by_hand(url: &str, writers: usize, tasks: usize, times: usize) -> f64 {
    let log = Log::fresh(url, CONNECTIONS);
    let writers = Writers::start(&log, writers);
    let rate = log.rate(tasks, times, |task, range| {
        let (writers, stream) = (writers.clone(), entry::account(task));
        async move {
            for n in range {
                writers.append(&stream, n, entry::new_event(n)).await.unwrap();
            }
        }
    });
    let stream = entry::account(0);
    let late = writers.append(&stream, times, entry::new_event(0));
    assert_eq!(log.runtime.block_on(late), None, "the guard is checked");
    rate
}

/// On our tables, with their triggers: the guard, the insert, the commit, each a statement of a transaction, as one
/// writes it by hand.
fn in_a_transaction(url: &str, tasks: usize, times: usize) -> f64 {
    let log = Log::fresh(url, tasks);
    let version = log.sql(
        "SELECT version FROM {s}.streams WHERE category = $1 AND stream = $2 FOR NO KEY UPDATE",
    );
    let insert = log.sql(
        "INSERT INTO {s}.events (event_id, category, stream, version, name, data)
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    log.rate(tasks, times, |task, range| {
        let (pool, stream) = (log.pool.clone(), entry::account(task));
        let (version, insert) = (version.clone(), insert.clone());
        async move {
            for n in range {
                let event = entry::new_event(n);
                let mut tx = pool.begin().await.unwrap();
                let select = sqlx::query(version.clone()).bind(stream.category()).bind(stream.id());
                let found = select.fetch_optional(&mut *tx).await.unwrap();
                let found = found.map_or(0, |row| sqlx::Row::get::<i64, _>(&row, 0));
                assert_eq!(found, n as i64);
                sqlx::query(insert.clone())
                    .bind(Uuid(event.id().as_uuid()))
                    .bind(stream.category())
                    .bind(stream.id())
                    .bind(found + 1)
                    .bind(event.name().as_str())
                    .bind(&**event.data())
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        }
    })
}

/// Guard and insert as one statement, without a transaction around it. That is less than a transaction of several
/// statements in every respect.
fn in_a_statement(url: &str, tasks: usize, times: usize, batch: usize) -> f64 {
    let log = Log::fresh(url, tasks);
    let insert = log.sql(
        "INSERT INTO {s}.events (event_id, category, stream, version, name, data)
         SELECT e.id, $1, $2, $3 + e.nth, e.name, e.data
         FROM unnest($4::uuid[], $5::text[], $6::bytea[]) WITH ORDINALITY AS e (id, name, data, nth)
         WHERE $3 = coalesce(
             (SELECT version FROM {s}.streams WHERE category = $1 AND stream = $2), 0)",
    );
    log.rate(tasks, times, |task, range| {
        let (pool, stream, insert) = (log.pool.clone(), entry::account(task), insert.clone());
        async move {
            for n in range {
                let events = new_events(n, batch);
                let each = || events.iter();
                let done = sqlx::query(insert.clone())
                    .bind(stream.category())
                    .bind(stream.id())
                    .bind((n * batch) as i64)
                    .bind(each().map(|event| Uuid(event.id().as_uuid())).collect::<Vec<_>>())
                    .bind(each().map(|event| event.name().as_str()).collect::<Vec<_>>())
                    .bind(each().map(|event| &**event.data()).collect::<Vec<_>>())
                    .execute(&pool)
                    .await
                    .unwrap();
                assert_eq!(done.rows_affected(), batch as u64);
            }
        }
    })
}
