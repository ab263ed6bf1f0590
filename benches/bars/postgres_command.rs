//! PostgreSQL: commands of 64 tasks, each on its own aggregates of about 20 events. Needs `DATABASE_URL`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use freehold::backend::postgres::sqlx::{self, PgConnection, Row, SqlStr};
use freehold::{EventId, NewEvent, Repository, StreamId, event};

use crate::entry::{self, Account, Entry};
use crate::harness::{Bar, best, interleave, syncs, tell_syncs};
use crate::postgres::{Log, Uuid, url};
use crate::postgres_writer::{WRITERS, Writers};

pub(crate) const EVENTS: usize = 20;
pub(crate) const TASKS: usize = 64;
const TIMES: usize = 400;
/// Without a cache the streams must stay short: each command loads what the ones before it wrote.
const TIMES_ALONE: usize = 40;
/// Of each task, in turn. As many as there are times that do not count, so that caches know all of them.
const AGGREGATES: usize = crate::postgres::WARM;
const CONNECTIONS: usize = 8;

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_command") else { return false };
    let [one, two, four] = WRITERS;
    let rates = interleave(&mut [
        &mut || ours(&url),
        &mut || by_hand(&url, one),
        &mut || by_hand(&url, two),
        &mut || by_hand(&url, four),
        &mut || alone(&url),
        &mut syncs,
    ]);
    let (what, unit) = ("postgres_command: 64 tasks, aggregates of 20 events", "commands/s");
    let (writers, by_hand) = best(&WRITERS, &rates[1..4]);
    let floor =
        &format!("a bare cache, and the best bare writer ({writers} of {WRITERS:?} connections)");
    let holds = Bar { what, floor, at_least: 0.9, unit }.judge(&rates[0], by_hand);
    let floor = "bare load, decide, insert";
    let holds = holds & Bar { what, floor, at_least: 4.5, unit }.judge(&rates[0], &rates[4]);
    tell_syncs(&rates[5]);
    holds
}

pub(crate) fn decide(account: &Account, n: usize) -> Result<Vec<Entry>, Infallible> {
    Ok(if account.cents >= 0 { vec![Entry::deposited(n)] } else { vec![] })
}

/// The number of the aggregate of a task's `n`th command.
const fn aggregate(task: usize, n: usize) -> usize {
    task * AGGREGATES + n % AGGREGATES
}

fn log(url: &str, connections: usize) -> Log {
    let log = Log::fresh(url, connections);
    log.seed(TASKS * AGGREGATES, EVENTS);
    log
}

fn ours(url: &str) -> f64 {
    let log = log(url, CONNECTIONS);
    let accounts = Repository::<Account>::new(log.store.clone());
    log.rate(TASKS, TIMES, |task, range| {
        let accounts = accounts.clone();
        async move {
            for n in range {
                let id = aggregate(task, n).to_string();
                let done = accounts.execute(id, |account| decide(account, n)).await.unwrap();
                assert_eq!(done.version().get() as usize, EVENTS + 1 + n / AGGREGATES);
            }
        }
    })
}

/// States by stream, with the version of each.
type States = Arc<Mutex<HashMap<StreamId, (usize, Account)>>>;

/// The same cache and the same groups, by hand.
fn by_hand(url: &str, writers: usize) -> f64 {
    let log = log(url, CONNECTIONS);
    let writers = Writers::start(&log, writers);
    let (states, bare) = (States::default(), Bare::new(&log));
    log.rate(TASKS, TIMES, |task, range| {
        let (writers, states, bare) = (writers.clone(), Arc::clone(&states), bare.clone());
        let pool = log.pool.clone();
        async move {
            for n in range {
                let stream = entry::account(aggregate(task, n));
                let known = states.lock().unwrap().get(&stream).cloned();
                let (version, mut account) = match known {
                    Some(known) => known,
                    None => bare.load(&mut pool.acquire().await.unwrap(), &stream).await,
                };
                for decided in decide(&account, n).unwrap() {
                    let written = writers.append(&stream, version, new_event(&decided)).await;
                    assert!(written.is_some());
                    freehold::Aggregate::apply(&mut account, &decided);
                }
                states.lock().unwrap().insert(stream, (version + 1, account));
            }
        }
    })
}

/// Loads, decides, inserts. The unique version of a stream is the guard, so the insert needs no transaction around it,
/// and nothing but the insert is written.
fn alone(url: &str) -> f64 {
    let log = log(url, TASKS);
    let bare = Bare::new(&log);
    log.rate(TASKS, TIMES_ALONE, |task, range| {
        let (pool, bare) = (log.pool.clone(), bare.clone());
        async move {
            for n in range {
                let stream = entry::account(aggregate(task, n));
                let mut conn = pool.acquire().await.unwrap();
                let (version, account) = bare.load(&mut conn, &stream).await;
                for decided in decide(&account, n).unwrap() {
                    assert!(bare.insert(&mut conn, &stream, version, &new_event(&decided)).await);
                }
            }
        }
    })
}

pub(crate) fn new_event(decided: &Entry) -> NewEvent {
    event::encode(decided, EventId::new(uuid::Uuid::now_v7())).unwrap()
}

/// What one writes by hand to load an account, and to append to it.
#[derive(Clone)]
pub(crate) struct Bare {
    load: SqlStr,
    insert: SqlStr,
}

impl Bare {
    pub(crate) fn new(log: &Log) -> Self {
        let load = "SELECT name, data FROM {s}.events WHERE category = $1 AND stream = $2 ORDER BY version";
        let insert = "INSERT INTO {s}.events (event_id, category, stream, version, name, data)
                      VALUES ($1, $2, $3, $4, $5, $6)";
        Self { load: log.sql(load), insert: log.sql(insert) }
    }

    /// The version of the stream, and the state.
    pub(crate) async fn load(
        &self,
        conn: &mut PgConnection,
        stream: &StreamId,
    ) -> (usize, Account) {
        let select = sqlx::query(self.load.clone()).bind(stream.category()).bind(stream.id());
        let rows = select.fetch_all(conn).await.unwrap();
        let mut account = Account::default();
        for row in &rows {
            assert_eq!(row.get::<&str, _>(0), "Deposited");
            account.cents += serde_json::from_slice::<Deposited>(row.get(1)).unwrap().cents;
        }
        (rows.len(), account)
    }

    /// Whether the stream was still at `version`.
    pub(crate) async fn insert(
        &self,
        conn: &mut PgConnection,
        stream: &StreamId,
        version: usize,
        event: &NewEvent,
    ) -> bool {
        let insert = sqlx::query(self.insert.clone())
            .bind(Uuid(event.id().as_uuid()))
            .bind(stream.category())
            .bind(stream.id())
            .bind(version as i64 + 1)
            .bind(event.name().as_str())
            .bind(&**event.data());
        match insert.execute(conn).await {
            Ok(_) => true,
            Err(sqlx::Error::Database(said)) if said.is_unique_violation() => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[derive(serde::Deserialize)]
struct Deposited {
    cents: i64,
}
