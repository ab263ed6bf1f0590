//! PostgreSQL: reading streams of 100 events, and catching up with a feed of 200,000, as typed events. Needs
//! `DATABASE_URL`.

use freehold::backend::postgres::sqlx::postgres::PgRow;
use freehold::backend::postgres::sqlx::{self, PgPool, Row, SqlStr};
use freehold::{EventStore, EventStoreExt, Filter, Position, StreamVersion, event};

use futures::TryStreamExt;

use crate::entry::{self, Entry, read_entry};
use crate::harness::{Bar, interleave, timed};
use crate::postgres::{Log, Uuid, url};

const EVENTS: usize = 100;
const STREAMS: usize = 2_000;
const TASKS: usize = 4;
const CONNECTIONS: usize = 4;
const READS: usize = 1_000;
const CENTS: i64 = 1_250;

const PAGE: usize = 1_000;
const FEED: usize = STREAMS * EVENTS;

/// All that is recorded of an event: whoever reads by hand is told no less. Which stream it is, is known when one stream
/// is read.
const COLUMNS_OF_STREAM: &str =
    "position, event_id, version, name, data, metadata::text, recorded_at";

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_read") else { return false };
    let log = Log::fresh(&url, CONNECTIONS);
    log.seed(STREAMS, EVENTS);
    let rates = interleave(&mut [&mut || streams(&log), &mut || streams_by_hand(&log)]);
    let what = "postgres_read: 4 tasks, streams of 100";
    let floor = "one bare statement, and serde_json";
    let bar = Bar { what, floor, at_least: 0.9, unit: "streams/s" };
    let holds = bar.judge(&rates[0], &rates[1]);
    let rates = interleave(&mut [&mut || feed(&log), &mut || prefetched_feed(&log)]);
    let what = "postgres_read: catching up with a feed of 200,000";
    let floor = "a bare reader that fetches the next page while it decodes one";
    let bar = Bar { what, floor, at_least: 0.9, unit: "events/s" };
    bar.judge(&rates[0], &rates[1]) & holds
}

fn streams(log: &Log) -> f64 {
    log.rate(TASKS, READS, |task, range| {
        let store = log.store.clone();
        async move {
            for n in range {
                let stream = entry::account((task + n * TASKS) % STREAMS);
                let events = store.read_tail(&stream, StreamVersion::NONE).await.unwrap();
                let cents = events.iter().map(|e| event::decode::<Entry>(e).unwrap().cents());
                assert_eq!(cents.sum::<i64>(), CENTS * EVENTS as i64);
            }
        }
    })
}

fn streams_by_hand(log: &Log) -> f64 {
    let select = log.sql(&format!(
        "SELECT {COLUMNS_OF_STREAM} FROM {{s}}.events
         WHERE category = $1 AND stream = $2 ORDER BY version"
    ));
    log.rate(TASKS, READS, |task, range| {
        let (pool, select) = (log.pool.clone(), select.clone());
        async move {
            for n in range {
                let stream = entry::account((task + n * TASKS) % STREAMS);
                let select = sqlx::query(select.clone()).bind(stream.category()).bind(stream.id());
                let (mut rows, mut cents) = (select.fetch(&pool), 0);
                // Decoded while the next ones are on their way.
                while let Some(row) = rows.try_next().await.unwrap() {
                    cents += read_row(&row).cents();
                }
                assert_eq!(cents, CENTS * EVENTS as i64);
            }
        }
    })
}

/// The same typed event, with all that was recorded beside it.
fn read_row(row: &PgRow) -> Entry {
    let (position, version): (i64, i64) = (row.get(0), row.get(2));
    assert!(position > 0 && version > 0);
    // The microseconds since 2000, as the server sends them.
    let recorded_at = row.try_get_raw(6).unwrap().as_bytes().unwrap();
    let _ = (row.get::<Uuid, _>(1), i64::from_be_bytes(recorded_at.try_into().unwrap()));
    let _: Option<&str> = row.get(5);
    read_entry(row.get(3), row.get(4))
}

fn feed(log: &Log) -> f64 {
    timed(FEED, || {
        log.in_tasks(1, |_| {
            let store = log.store.clone();
            async move {
                let (mut after, mut events, mut cents) = (Position::START, 0, 0);
                loop {
                    let page = store.read_all(after, &Filter::all(), PAGE).await.unwrap();
                    let decoded = page.events.iter().map(|e| event::decode::<Entry>(e).unwrap());
                    cents += decoded.map(|entry| entry.cents()).sum::<i64>();
                    events += page.events.len();
                    after = page.upto;
                    if !page.has_more {
                        break;
                    }
                }
                assert_eq!((events, cents), (FEED, CENTS * FEED as i64));
            }
        });
    })
}

/// As fast as one reader goes by hand. Like every reader that knows only the largest position it saw, it would lose
/// events if others wrote meanwhile.
fn prefetched_feed(log: &Log) -> f64 {
    let select = log.sql(&format!(
        "SELECT {COLUMNS_OF_STREAM}, category, stream FROM {{s}}.events
         WHERE position > $1 ORDER BY position LIMIT $2"
    ));
    timed(FEED, || {
        log.in_tasks(1, |_| {
            let (pool, select) = (log.pool.clone(), select.clone());
            async move {
                let (mut events, mut cents) = (0, 0);
                let mut next = tokio::spawn(page(pool.clone(), select.clone(), 0));
                loop {
                    let rows = next.await.unwrap();
                    let Some(last) = rows.last() else { break };
                    next = tokio::spawn(page(pool.clone(), select.clone(), last.get(0)));
                    for row in &rows {
                        let _: (&str, &str) = (row.get(7), row.get(8));
                        cents += read_row(row).cents();
                    }
                    events += rows.len();
                }
                assert_eq!((events, cents), (FEED, CENTS * FEED as i64));
            }
        });
    })
}

async fn page(pool: PgPool, select: SqlStr, after: i64) -> Vec<PgRow> {
    sqlx::query(select).bind(after).bind(PAGE as i64).fetch_all(&pool).await.unwrap()
}
