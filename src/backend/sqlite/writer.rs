//! The thread that owns the only connection that writes.

use std::io;
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::append::Log;
use super::job::Job;
use super::options::SqliteOptions;
use crate::types::Position;

/// What the thread owns.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) log: Log,
    pub(super) jobs: mpsc::Receiver<Box<dyn Job>>,
    pub(super) heads: Arc<watch::Sender<Position>>,
    pub(super) outbox: Arc<watch::Sender<Position>>,
    pub(super) batch_commits_max: usize,
}

/// Starts the thread, and returns the queue that it works off. The thread ends, and closes its
/// connection, when the last sender is gone and the queue is empty.
pub(super) fn start(
    conn: Connection,
    log: Log,
    (heads, outbox): (Arc<watch::Sender<Position>>, Arc<watch::Sender<Position>>),
    options: &SqliteOptions,
) -> io::Result<mpsc::Sender<Box<dyn Job>>> {
    let (queue, jobs) = mpsc::channel(options.queue_commits_max.max(1));
    let batch_commits_max = options.batch_commits_max.max(1);
    let mut writer = Writer { conn, log, jobs, heads, outbox, batch_commits_max };
    thread::Builder::new().name("freehold-sqlite".to_owned()).spawn(move || {
        while let Some(first) = writer.jobs.blocking_recv() {
            writer.batch(first, writer.batch_commits_max);
        }
    })?;
    Ok(queue)
}
