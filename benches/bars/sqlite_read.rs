//! SQLite: reading a stream of 100 events as typed events.

use std::sync::{Arc, Mutex};

use freehold::backend::sqlite::SqliteStore;
use freehold::{Commit, EventStoreExt, ExpectedVersion, Store, StreamVersion, event};
use rusqlite::Connection;

use crate::entry::{Entry, read_entry};
use crate::harness::{Bar, interleave, runtime, timed};
use crate::{bare, entry};

const EVENTS: usize = 100;
const STREAMS: usize = 50;
const READS: usize = 4_000;

pub(crate) fn run() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("read.db");
    let conn = bare::connect(&path);
    let runtime = runtime();
    let store = runtime.block_on(SqliteStore::open(&path)).unwrap();
    let streams: Vec<_> = (0..STREAMS).map(entry::account).collect();
    runtime.block_on(async {
        for stream in &streams {
            let events = (0..EVENTS).map(entry::new_event);
            let commit = Commit::new().append(stream, ExpectedVersion::NoStream, events);
            store.commit(commit).await.unwrap();
        }
    });
    let mut ours = || {
        timed(READS, || {
            runtime.block_on(async {
                for n in 0..READS {
                    let stream = &streams[n % STREAMS];
                    let events = store.read_tail(stream, StreamVersion::NONE).await.unwrap();
                    let cents = events.iter().map(|e| event::decode::<Entry>(e).unwrap().cents());
                    assert_eq!(cents.sum::<i64>(), 125_000);
                }
            });
        })
    };
    let conn = Arc::new(Mutex::new(conn));
    let mut floor = || {
        timed(READS, || {
            runtime.block_on(async {
                for n in 0..READS {
                    let (conn, stream) = (Arc::clone(&conn), streams[n % STREAMS].clone());
                    let read = move || read_bare(&conn.lock().unwrap(), &stream);
                    let events = tokio::task::spawn_blocking(read).await.unwrap();
                    assert_eq!(events.iter().map(Entry::cents).sum::<i64>(), 125_000);
                }
            });
        })
    };
    let rates = interleave(&mut [&mut ours, &mut floor]);
    let what = "sqlite_read: a stream of 100";
    let floor = "bare rusqlite and serde_json, off the async threads too";
    Bar { what, floor, at_least: 0.8, unit: "streams/s" }.judge(&rates[0], &rates[1])
}

/// The same typed events, with all that was recorded beside them.
fn read_bare(conn: &Connection, stream: &freehold::StreamId) -> Vec<Entry> {
    let mut events = Vec::new();
    let mut last = None;
    bare::read_back(conn, stream, |row| {
        let id = row.get_ref(0)?.as_blob()?;
        let version: i64 = row.get(1)?;
        let position: i64 = row.get(2)?;
        assert!(id.len() == 16 && last.is_none_or(|last| last - 1 == version) && position > 0);
        last = Some(version);
        events.push(read_entry(row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_blob()?));
        let _: Option<String> = row.get(5)?;
        let _: i64 = row.get(6)?;
        Ok(())
    });
    assert_eq!(last, Some(1));
    events.reverse();
    events
}
