//! PostgreSQL: a counting projection that catches up with a feed of 200,000, its views in the same schema. Needs
//! `DATABASE_URL`.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, Row};
use freehold::projection::ReadSide;
use freehold::{EventStore, RowSet, RowStore, Store, Token};

use crate::catch_up::{Counting, Sum};
use crate::entry::read_entry;
use crate::harness::{Bar, interleave, syncs, tell_syncs, timed};
use crate::postgres::{Log, Uuid, url};

const STREAMS: usize = 2_000;
const EVENTS: usize = 100;
const FEED: usize = STREAMS * EVENTS;
const PAGE: i64 = 1_000;
const CONNECTIONS: usize = 4;
const CENTS: i64 = 1_250;

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_catch_up") else { return false };
    let log = Log::fresh(&url, CONNECTIONS);
    log.seed(STREAMS, EVENTS);
    log.run(
        "CREATE TABLE {s}.by_hand (key text COLLATE \"C\" PRIMARY KEY, value json NOT NULL);
         CREATE TABLE {s}.by_hand_at (position bigint NOT NULL)",
    );
    let mut moods = Vec::new();
    let rates = interleave(&mut [&mut || catch_up(&log), &mut || {
        moods.push(syncs());
        by_hand(&log)
    }]);
    let what = "postgres_catch_up: a counting projection, 200,000 events";
    let floor = "a bare feed read with a checkpoint a batch";
    let bar = Bar { what, floor, at_least: 0.7, unit: "events/s" };
    let holds = bar.judge(&rates[0], &rates[1]);
    tell_syncs(&moods);
    holds
}

fn catch_up(log: &Log) -> f64 {
    // From nothing, every time.
    log.run(
        "DELETE FROM {s}.checkpoints; DELETE FROM {s}.leases; DROP TABLE IF EXISTS {s}.view_freehold_views",
    );
    let store = &log.store;
    log.runtime.block_on(store.remove(&RowSet::new("counting").unwrap())).unwrap();
    timed(FEED, || {
        log.runtime.block_on(async {
            let reads = ReadSide::new(store.clone()).follow(store.clone());
            let kept = reads.run(Counting);
            let head = Token::new(store.identity(), store.head().await.unwrap());
            let view = reads.view::<Counting>();
            view.wait_for(head, Duration::from_mins(10)).await.unwrap();
            let sum = view.get("all").await.unwrap().value.unwrap();
            assert_eq!((sum.events, sum.cents), (FEED as u64, CENTS * FEED as i64));
            kept.stop().await;
        });
    })
}

/// A page, then a transaction with the view and the checkpoint. Like every reader that knows only the largest position it
/// saw, it would lose events if others wrote meanwhile.
fn by_hand(log: &Log) -> f64 {
    log.run("TRUNCATE {s}.by_hand, {s}.by_hand_at; INSERT INTO {s}.by_hand_at VALUES (0)");
    let select = log.sql(
        "SELECT position, event_id, version, name, data, metadata::text, category, stream FROM {s}.events
         WHERE position > $1 ORDER BY position LIMIT $2",
    );
    let load = log.sql("SELECT value::text FROM {s}.by_hand WHERE key = 'all'");
    let save = log.sql(
        "INSERT INTO {s}.by_hand VALUES ('all', $1::json) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    let mark = log.sql("UPDATE {s}.by_hand_at SET position = $1");
    timed(FEED, || {
        log.in_tasks(1, |_| {
            let pool = log.pool.clone();
            let (select, load, save, mark) =
                (select.clone(), load.clone(), save.clone(), mark.clone());
            async move {
                let mut after = 0_i64;
                let mut done = 0;
                while done < FEED {
                    let rows = sqlx::query(select.clone()).bind(after).bind(PAGE);
                    let rows = rows.fetch_all(&pool).await.unwrap();
                    let mut tx = pool.begin().await.unwrap();
                    let found = sqlx::query(load.clone()).fetch_optional(&mut *tx).await.unwrap();
                    let mut sum: Sum = found
                        .map(|row| serde_json::from_str(row.get(0)).unwrap())
                        .unwrap_or_default();
                    for row in &rows {
                        let _: (i64, &str, &str) = (row.get(2), row.get(6), row.get(7));
                        let _ = (row.get::<Uuid, _>(1), row.get::<Option<&str>, _>(5));
                        sum.add(&read_entry(row.get(3), row.get(4)));
                        after = row.get(0);
                    }
                    done += rows.len();
                    let json = serde_json::to_string(&sum).unwrap();
                    sqlx::query(save.clone()).bind(json).execute(&mut *tx).await.unwrap();
                    sqlx::query(mark.clone()).bind(after).execute(&mut *tx).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
        });
    })
}
