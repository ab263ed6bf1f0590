//! SQLite, `synchronous = FULL`: 256 sagas at a time, of five steps each.

use std::sync::Arc;
use std::thread;

use freehold::backend::sqlite::SqliteStore;
use freehold::{NewEvent, StreamId};
use tokio::sync::{mpsc, oneshot};

use crate::bare;
use crate::harness::{Bar, interleave, runtime, timed};
use crate::saga::{self, STEPS};

const TASKS: usize = 256;
const SAGAS: usize = 12;

pub(crate) fn run() -> bool {
    let records = runtime().block_on(saga::records());
    let rates = interleave(&mut [&mut ours, &mut || grouped_by_hand(&records)]);
    let what = "saga_sqlite: 256 sagas of five steps at a time, FULL";
    let floor = "a bare writer that groups the same rows by hand";
    Bar { what, floor, at_least: 0.8, unit: "steps/s" }.judge(&rates[0], &rates[1])
}

fn ours() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let store = runtime.block_on(SqliteStore::open(dir.path().join("ours.db"))).unwrap();
    timed(TASKS * SAGAS * STEPS, || {
        runtime.block_on(saga::run::<STEPS>(store.clone(), TASKS, SAGAS));
    })
}

struct Job {
    stream: StreamId,
    expected: i64,
    events: Vec<NewEvent>,
    answer: oneshot::Sender<()>,
}

fn grouped_by_hand(records: &Arc<[Vec<NewEvent>]>) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let conn = bare::connect(&dir.path().join("floor.db"));
    let (jobs, queue) = mpsc::channel::<Job>(1_024);
    let writer = thread::spawn(move || write(&conn, queue));
    let rate = timed(TASKS * SAGAS * STEPS, || {
        runtime().block_on(async {
            let tasks = (0..TASKS).map(|task| {
                let (jobs, records) = (jobs.clone(), Arc::clone(records));
                tokio::spawn(async move {
                    for n in 0..SAGAS {
                        let stream = saga::stream(task, n);
                        for (expected, record) in records.iter().enumerate() {
                            let (answer, answered) = oneshot::channel();
                            let (stream, events) = (stream.clone(), saga::fresh(record));
                            let expected = expected as i64;
                            jobs.send(Job { stream, expected, events, answer }).await.unwrap();
                            answered.await.unwrap();
                        }
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

fn write(conn: &rusqlite::Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut answers = Vec::new();
        let mut job = Some(first);
        while let Some(Job { stream, expected, events, answer }) = job {
            let newest = bare::newest(conn, &stream);
            assert_eq!(newest.0, expected);
            let metadata = events.iter().map(|event| event.metadata().json());
            let metadata: Vec<Option<String>> = metadata.map(Result::unwrap).collect();
            let rows = events.iter().zip(metadata.iter().map(Option::as_deref));
            bare::insert(conn, &stream, newest, rows);
            answers.push(answer);
            job = if answers.len() < 256 { queue.try_recv().ok() } else { None };
        }
        conn.execute_batch("COMMIT").unwrap();
        for answer in answers {
            answer.send(()).unwrap();
        }
    }
}
