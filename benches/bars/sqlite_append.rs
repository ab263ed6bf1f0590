//! SQLite, `synchronous = FULL`: 64 tasks that append one event each, again and again.

use std::thread;

use freehold::backend::sqlite::SqliteStore;
use freehold::{Commit, NewEvent, Store, StreamId, StreamVersion};
use tokio::sync::{mpsc, oneshot};

use crate::harness::{Bar, interleave, runtime, timed};
use crate::{bare, entry};

const TASKS: usize = 64;
const APPENDS: usize = 600;
const ALONE: usize = 1_500;

pub(crate) fn run() -> bool {
    let rates = interleave(&mut [&mut ours, &mut grouped_by_hand, &mut one_at_a_time]);
    let what = "sqlite_append: 64 tasks, one event each, FULL";
    let unit = "appends/s";
    let grouped = Bar { what, floor: "a bare writer that groups by hand", at_least: 0.9, unit };
    let alone = Bar { what, floor: "one bare transaction an append", at_least: 20.0, unit };
    grouped.judge(&rates[0], &rates[1]) & alone.judge(&rates[0], &rates[2])
}

fn ours() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let store = runtime.block_on(SqliteStore::open(dir.path().join("ours.db"))).unwrap();
    timed(TASKS * APPENDS, || {
        runtime.block_on(async {
            let tasks = (0..TASKS).map(|task| {
                let (store, stream) = (store.clone(), entry::account(task));
                tokio::spawn(async move {
                    for n in 0..APPENDS {
                        let version = StreamVersion::new(n as u64);
                        let commit = Commit::new().append(&stream, version, [entry::new_event(n)]);
                        store.commit(commit).await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    })
}

struct Job {
    stream: StreamId,
    expected: i64,
    event: NewEvent,
    answer: oneshot::Sender<i64>,
}

fn grouped_by_hand() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let conn = bare::connect(&dir.path().join("floor.db"));
    let (jobs, mut queue) = mpsc::channel::<Job>(1_024);
    let writer = thread::spawn(move || {
        while let Some(first) = queue.blocking_recv() {
            conn.execute_batch("BEGIN IMMEDIATE").unwrap();
            let mut answers = Vec::new();
            let mut job = Some(first);
            while let Some(Job { stream, expected, event, answer }) = job {
                let newest = bare::newest(&conn, &stream);
                assert_eq!(newest.0, expected);
                bare::insert(&conn, &stream, newest, [(&event, None)]);
                answers.push((answer, conn.last_insert_rowid()));
                job = if answers.len() < 256 { queue.try_recv().ok() } else { None };
            }
            conn.execute_batch("COMMIT").unwrap();
            for (answer, position) in answers {
                answer.send(position).unwrap();
            }
        }
    });
    let rate = timed(TASKS * APPENDS, || {
        runtime().block_on(async {
            let tasks = (0..TASKS).map(|task| {
                let (jobs, stream) = (jobs.clone(), entry::account(task));
                tokio::spawn(async move {
                    for n in 0..APPENDS {
                        let (answer, answered) = oneshot::channel();
                        let (stream, event) = (stream.clone(), entry::new_event(n));
                        let job = Job { stream, expected: n as i64, event, answer };
                        jobs.send(job).await.unwrap();
                        answered.await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    drop(jobs);
    writer.join().unwrap();
    rate
}

fn one_at_a_time() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let conn = bare::connect(&dir.path().join("floor.db"));
    let stream = entry::account("one");
    timed(ALONE, || {
        for n in 0..ALONE {
            bare::append_alone(&conn, &stream, n as i64, &entry::new_event(n));
        }
    })
}
