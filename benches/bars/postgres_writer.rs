//! PostgreSQL: a bare writer that groups by hand, the strongest floor of all that appends.

use std::sync::Arc;

use freehold::backend::postgres::sqlx::pool::PoolConnection;
use freehold::backend::postgres::sqlx::{self, Postgres, Row, SqlStr};
use freehold::{NewEvent, StreamId};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::yield_now;

use crate::postgres::{Log, Uuid};

/// How many writers are tried: the best of them is the floor.
pub(crate) const WRITERS: [usize; 3] = [1, 2, 4];

/// The most appends in one statement.
const GROUP_MAX: usize = 256;

/// Events for the end of each stream that is at the version it is expected at, all of a stream or none. What two groups write at once,
/// the unique version of a stream decides. The triggers of our schema take the feed's lock, and advance the stream.
const INSERT: &str = "
    INSERT INTO {s}.events (event_id, category, stream, version, name, data, metadata)
    SELECT j.id, j.category, j.stream, j.expected + j.nth, j.name, j.data, j.metadata::json
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[], $8::bigint[])
        AS j (id, category, stream, expected, name, data, metadata, nth)
    WHERE j.expected = coalesce((SELECT s.version FROM {s}.streams AS s
        WHERE s.category = j.category COLLATE \"C\" AND s.stream = j.stream COLLATE \"C\"), 0)
    ON CONFLICT DO NOTHING
    RETURNING event_id, position";

struct Job {
    stream: StreamId,
    expected: i64,
    events: Vec<NewEvent>,
    answer: oneshot::Sender<Option<i64>>,
}

/// Writers, each on a connection of its own, and the queue that they share.
#[derive(Clone)]
pub(crate) struct Writers(mpsc::Sender<Job>);

impl Writers {
    pub(crate) fn start(log: &Log, writers: usize) -> Self {
        let (jobs, queue) = mpsc::channel(1_024);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..writers {
            let conn = log.runtime.block_on(log.pool.acquire()).unwrap();
            log.runtime.spawn(write(conn, log.sql(INSERT), Arc::clone(&queue)));
        }
        Self(jobs)
    }

    /// The position of the event; `None` if the stream has moved, or the event is there already.
    pub(crate) async fn append(
        &self,
        stream: &StreamId,
        expected: usize,
        event: NewEvent,
    ) -> Option<i64> {
        self.append_all(stream, expected, vec![event]).await
    }

    /// The position of the first of several events.
    pub(crate) async fn append_all(
        &self,
        stream: &StreamId,
        expected: usize,
        events: Vec<NewEvent>,
    ) -> Option<i64> {
        let (answer, answered) = oneshot::channel();
        let job = Job { stream: stream.clone(), expected: expected as i64, events, answer };
        assert!(self.0.send(job).await.is_ok());
        answered.await.unwrap()
    }
}

/// Writes what waits, group by group, until nobody is left who could send more. Nobody here sends two events for
/// one stream at a time, so a group has none twice.
async fn write(
    mut conn: PoolConnection<Postgres>,
    insert: SqlStr,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
) {
    loop {
        let mut jobs = Vec::new();
        {
            let mut queue = queue.lock().await;
            let Some(first) = queue.recv().await else { return };
            jobs.push(first);
            // Those who were answered a moment ago come again before the group closes.
            yield_now().await;
            while jobs.len() < GROUP_MAX {
                let Ok(job) = queue.try_recv() else { break };
                jobs.push(job);
            }
        }
        // Groups lock streams in one order, and so wait for each other and never in a circle.
        jobs.sort_unstable_by(|a, b| a.stream.cmp(&b.stream));
        let each = || jobs.iter().flat_map(|job| job.events.iter().map(move |event| (job, event)));
        let nth = jobs.iter().flat_map(|job| 1..=job.events.len() as i64);
        let written = sqlx::query(insert.clone())
            .bind(each().map(|(_, event)| Uuid(event.id().as_uuid())).collect::<Vec<_>>())
            .bind(each().map(|(job, _)| job.stream.category()).collect::<Vec<_>>())
            .bind(each().map(|(job, _)| job.stream.id()).collect::<Vec<_>>())
            .bind(each().map(|(job, _)| job.expected).collect::<Vec<_>>())
            .bind(each().map(|(_, event)| event.name().as_str()).collect::<Vec<_>>())
            .bind(each().map(|(_, event)| &**event.data()).collect::<Vec<_>>())
            .bind(each().map(|(_, event)| event.metadata().json().unwrap()).collect::<Vec<_>>())
            .bind(nth.collect::<Vec<_>>())
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        // The rows stand in the order of the arrays, without those that were refused.
        let mut written = written.iter().peekable();
        for job in jobs {
            let rows = job.events.iter().map(|event| {
                let id = Uuid(event.id().as_uuid());
                written.next_if(|row| row.get::<Uuid, _>(0) == id)
            });
            let rows: Vec<_> = rows.collect();
            let first = rows.into_iter().next().flatten();
            job.answer.send(first.map(|row| row.get(1))).unwrap();
        }
    }
}
