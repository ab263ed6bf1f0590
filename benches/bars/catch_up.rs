//! Projections that catch up with a feed of 200,000, against what one would write by hand with the same durability; how
//! long a view takes to show a commit; and what waiting costs.

use std::path::Path;
use std::time::{Duration, Instant};

use freehold::backend::sqlite::SqliteStore;
use freehold::consistency::Progress;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
use freehold::{Commit, EventStore, ExpectedVersion, LogId, Position, Store, Token};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::entry::{self, Entry, read_entry};
use crate::harness::{Bar, interleave, median, runs, runtime, syncs, tell_syncs, timed};

const EVENTS: usize = 200_000;
const KEYS: usize = 10_000;
const PAGE: usize = 1_000;
const CENTS: i64 = 1_250;
/// So many events the slow way, one transaction each.
const ALONE: usize = 5_000;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) events: u64,
    pub(crate) cents: i64,
}

impl Sum {
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.events += 1;
        self.cents += entry.cents();
    }
}

/// One view for all.
pub(crate) struct Counting;

impl Projection for Counting {
    const NAME: &'static str = "counting";
    type View = Sum;
    type Events = Entry;
    type Level = Eventual<1_000>;
}

impl On<Entry> for Counting {
    fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, Sum>) {
        views.update("all", |sum| sum.add(event));
    }
}

/// A view for each account.
pub(crate) struct Keyed;

impl Projection for Keyed {
    const NAME: &'static str = "keyed";
    type View = Sum;
    type Events = Entry;
    type Level = Eventual<1_000>;
}

impl On<Entry> for Keyed {
    fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, Sum>) {
        views.update(event.id(), |sum| sum.add(event));
    }
}

pub(crate) fn run() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let path = dir.path().join("log.db");
    let log = runtime.block_on(fill(&path));
    let bare = Connection::open(&path).unwrap();
    let mut moods = Vec::new();
    let all = |sum: &Sum| sum.events == EVENTS as u64;
    let rates = interleave(&mut [
        &mut || catch_up(&runtime, &log, &fresh_path(dir.path()), Counting, all),
        &mut || {
            moods.push(syncs());
            count_by_hand(&bare, &fresh_path(dir.path()))
        },
    ]);
    let what = "catch_up: a counting projection, 200,000 events, SQLite";
    let floor = "a bare feed read with a checkpoint a batch";
    let mut holds =
        Bar { what, floor, at_least: 0.8, unit: "events/s" }.judge(&rates[0], &rates[1]);
    tell_syncs(&moods);
    let rates = interleave(&mut [
        &mut || catch_up(&runtime, &log, &fresh_path(dir.path()), Keyed, |_| true),
        &mut || one_by_one(&bare, &fresh_path(dir.path())),
    ]);
    let what = "catch_up: a keyed fold over 10,000 keys, SQLite";
    let floor = "loading and saving a view for each event";
    holds &= Bar { what, floor, at_least: 10.0, unit: "events/s" }.judge(&rates[0], &rates[1]);
    holds & visible(&runtime, dir.path()) & waiters(&runtime)
}

fn fresh_path(dir: &Path) -> std::path::PathBuf {
    dir.join(format!("{}.db", uuid::Uuid::now_v7()))
}

async fn fill(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    for batch in 0..EVENTS / KEYS {
        for thousand in 0..KEYS / PAGE {
            let mut commit = Commit::new();
            for n in 0..PAGE {
                let stream = entry::account(thousand * PAGE + n);
                commit = commit.append(&stream, ExpectedVersion::Any, [entry::new_event(batch)]);
            }
            store.commit(commit).await.unwrap();
        }
    }
    store
}

/// From nothing to the head of the log.
pub(crate) fn catch_up<P: Projection<View = Sum, Level = Eventual<1_000>>>(
    runtime: &Runtime,
    log: &SqliteStore,
    path: &Path,
    projection: P,
    is_right: impl Fn(&Sum) -> bool,
) -> f64 {
    let views = runtime.block_on(SqliteStore::open(path)).unwrap();
    timed(EVENTS, || {
        runtime.block_on(async {
            let reads = ReadSide::new(views).follow(log.clone());
            let kept = reads.run(projection);
            let head = Token::new(log.identity(), log.head().await.unwrap());
            let view = reads.view::<P>();
            view.wait_for(head, Duration::from_mins(10)).await.unwrap();
            let page = view.page("", None, 1).await.unwrap();
            assert!(is_right(&page.views[0].1));
            kept.stop().await;
        });
    })
}

fn views_by_hand(path: &Path) -> Connection {
    let views = Connection::open(path).unwrap();
    views
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
             CREATE TABLE view (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE checkpoint (position INTEGER NOT NULL) STRICT;
             INSERT INTO checkpoint VALUES (0)",
        )
        .unwrap();
    views
}

/// A page of events, with all that was recorded of them.
fn page(log: &Connection, after: i64, limit: usize) -> Vec<(i64, String, Entry)> {
    let mut select = log
        .prepare_cached(
            "SELECT position, event_id, category, stream, version, name, data, metadata, recorded_at
             FROM freehold_events WHERE position > ?1 ORDER BY position LIMIT ?2",
        )
        .unwrap();
    let mut rows = select.query(params![after, limit as i64]).unwrap();
    let mut events = Vec::with_capacity(limit);
    while let Some(row) = rows.next().unwrap() {
        assert!(row.get_ref(1).unwrap().as_blob().unwrap().len() == 16);
        assert_eq!(row.get_ref(2).unwrap().as_str().unwrap(), "account");
        let _: (i64, Option<String>, i64) =
            (row.get(4).unwrap(), row.get(7).unwrap(), row.get(8).unwrap());
        let (name, data) = (row.get_ref(5).unwrap(), row.get_ref(6).unwrap());
        let entry = read_entry(name.as_str().unwrap(), data.as_blob().unwrap());
        events.push((row.get(0).unwrap(), row.get(3).unwrap(), entry));
    }
    events
}

fn save(views: &Connection, key: &str, sum: &Sum, upto: i64) {
    let run = |sql| views.prepare_cached(sql).unwrap().execute([]).unwrap();
    run("BEGIN IMMEDIATE");
    let mut upsert = views
        .prepare_cached(
            "INSERT INTO view VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        )
        .unwrap();
    upsert.execute(params![key, serde_json::to_string(sum).unwrap()]).unwrap();
    let mut update = views.prepare_cached("UPDATE checkpoint SET position = ?1").unwrap();
    update.execute([upto]).unwrap();
    run("COMMIT");
}

fn load(views: &Connection, key: &str) -> Sum {
    let mut select = views.prepare_cached("SELECT value FROM view WHERE key = ?1").unwrap();
    let mut rows = select.query([key]).unwrap();
    match rows.next().unwrap() {
        Some(row) => serde_json::from_str(row.get_ref(0).unwrap().as_str().unwrap()).unwrap(),
        None => Sum::default(),
    }
}

fn count_by_hand(log: &Connection, path: &Path) -> f64 {
    let views = views_by_hand(path);
    timed(EVENTS, || {
        let mut after = 0;
        loop {
            let events = page(log, after, PAGE);
            let Some((last, ..)) = events.last() else { break };
            after = *last;
            let mut sum = load(&views, "all");
            for (_, _, entry) in &events {
                sum.add(entry);
            }
            save(&views, "all", &sum, after);
        }
        let sum = load(&views, "all");
        assert_eq!((sum.events, sum.cents), (EVENTS as u64, CENTS * EVENTS as i64));
    })
}

fn one_by_one(log: &Connection, path: &Path) -> f64 {
    let views = views_by_hand(path);
    timed(ALONE, || {
        for (position, stream, entry) in page(log, 0, ALONE) {
            let mut sum = load(&views, &stream);
            sum.add(&entry);
            save(&views, &stream, &sum, position);
        }
    })
}

/// How long a view takes to show a commit, in a process that has nothing else to do.
fn visible(runtime: &Runtime, dir: &Path) -> bool {
    const COMMITS: usize = 100;
    const AT_MOST: f64 = 5.0;
    let path = fresh_path(dir);
    let mut times: Vec<f64> = runtime.block_on(async {
        let store = SqliteStore::open(path).await.unwrap();
        let reads = ReadSide::new(store.clone()).follow(store.clone());
        let kept = reads.run(Counting);
        let view = reads.view::<Counting>();
        let mut times = Vec::new();
        for n in 0..COMMITS * runs() {
            let events = [entry::new_event(n)];
            let commit =
                Commit::new().append(&entry::account(n), ExpectedVersion::NoStream, events);
            let token = store.commit(commit).await.unwrap().token();
            let began = Instant::now();
            view.wait_for(token, Duration::from_mins(1)).await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        kept.stop().await;
        times
    });
    at_most("catch_up: from a commit to its view, idle, SQLite", median(&mut times), AT_MOST)
}

/// A thousand who wait for a thousand places.
fn waiters(runtime: &Runtime) -> bool {
    const WAITERS: u64 = 1_000;
    const AT_MOST: f64 = 5.0;
    let log = LogId::new(uuid::Uuid::now_v7());
    let mut times: Vec<f64> = (0..runs())
        .map(|_| {
            runtime.block_on(async {
                let progress = Progress::new(1);
                let waits = (1..=WAITERS)
                    .map(|at| tokio::spawn(progress.wait_for(Token::new(log, Position::new(at)))));
                let waits: Vec<_> = waits.collect();
                while progress.waiters() < WAITERS as usize {
                    tokio::task::yield_now().await;
                }
                let began = Instant::now();
                for at in 1..=WAITERS {
                    progress.advance(0, log, Position::new(at));
                }
                for wait in waits {
                    wait.await.unwrap().unwrap();
                }
                began.elapsed().as_secs_f64() * 1e3
            })
        })
        .collect();
    at_most("catch_up: 1,000 waiters over 1,000 steps", median(&mut times), AT_MOST)
}

fn at_most(what: &str, millis: f64, bar: f64) -> bool {
    let holds = millis <= bar;
    let verdict = if holds { "pass" } else { "FAIL" };
    println!("{what}\n    {millis:.2} ms, bar {bar:.2} ms at most: {verdict}");
    holds
}
