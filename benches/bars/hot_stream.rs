//! SQLite: commands of 64 tasks on one stream that has 20 events.

use std::convert::Infallible;

use freehold::backend::sqlite::SqliteStore;
use freehold::{Commit, ExpectedVersion, Repository, Store, StreamId};
use rusqlite::Connection;

use crate::entry::{Account, Entry};
use crate::harness::{Bar, interleave, runtime, timed};
use crate::{bare, entry};

const EVENTS: usize = 20;
const TASKS: usize = 64;
const COMMANDS: usize = 400;
const ALONE: usize = 1_500;

pub(crate) fn run() -> bool {
    let rates = interleave(&mut [&mut ours, &mut one_task]);
    let what = "hot_stream: commands of 64 tasks on one stream of 20 events";
    let floor = "one bare task that loads, decides and appends";
    Bar { what, floor, at_least: 20.0, unit: "commands/s" }.judge(&rates[0], &rates[1])
}

fn ours() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let store = runtime.block_on(SqliteStore::open(dir.path().join("ours.db"))).unwrap();
    let events = (0..EVENTS).map(entry::new_event);
    let seed = Commit::new().append(&entry::account("hot"), ExpectedVersion::NoStream, events);
    runtime.block_on(store.commit(seed)).unwrap();
    let accounts = Repository::<Account>::new(store);
    let rate = timed(TASKS * COMMANDS, || {
        runtime.block_on(async {
            let tasks = (0..TASKS).map(|_| {
                let accounts = accounts.clone();
                tokio::spawn(async move {
                    for n in 0..COMMANDS {
                        accounts.execute("hot", |account| decide(account, n)).await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    let hot = runtime.block_on(accounts.load("hot")).unwrap();
    assert_eq!(hot.version().get() as usize, EVENTS + TASKS * COMMANDS);
    rate
}

fn decide(account: &Account, n: usize) -> Result<Vec<Entry>, Infallible> {
    Ok(if account.cents >= 0 { vec![Entry::deposited(n)] } else { vec![] })
}

/// Loads, decides, appends, by hand, without cache or conflict; every command meets a stream of 20.
fn one_task() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let conn = bare::connect(&dir.path().join("floor.db"));
    let streams: Vec<_> = (0..ALONE).map(entry::account).collect();
    conn.execute_batch("BEGIN").unwrap();
    for stream in &streams {
        let events: Vec<_> = (0..EVENTS).map(entry::new_event).collect();
        bare::insert(&conn, stream, (0, None), events.iter().map(|event| (event, None)));
    }
    conn.execute_batch("COMMIT").unwrap();
    timed(ALONE, || {
        for (n, stream) in streams.iter().enumerate() {
            let account = load(&conn, stream);
            for decided in decide(&account, n).unwrap() {
                let id = freehold::EventId::new(uuid::Uuid::now_v7());
                let event = freehold::event::encode(&decided, id).unwrap();
                bare::append_alone(&conn, stream, EVENTS as i64, &event);
            }
        }
    })
}

#[derive(serde::Deserialize)]
struct Deposited {
    cents: i64,
}

fn load(conn: &Connection, stream: &StreamId) -> Account {
    let mut account = Account::default();
    bare::read_back(conn, stream, |row| {
        assert_eq!(row.get_ref(3)?.as_str()?, "Deposited");
        let data = row.get_ref(4)?.as_blob()?;
        account.cents += serde_json::from_slice::<Deposited>(data).unwrap().cents;
        Ok(())
    });
    account
}
