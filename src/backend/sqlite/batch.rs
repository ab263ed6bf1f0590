//! Group commit: all commits that wait share one transaction, and so one sync of the disk.

use std::sync::atomic::Ordering;
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, watch};

use super::error::{BACKEND, backend, fault_of, is_constraint};
use super::job::{Broken, Job};
use super::within::Within;
use super::writer::Writer;
use crate::ports::{CommitError, Fault, telemetry};
use crate::types::Position;

type Batch = Vec<Box<dyn Job>>;

/// Why the transaction of a batch did not become durable.
enum Trouble {
    /// It could not begin.
    Begin(rusqlite::Error),
    /// The job that was applied last broke it.
    Broken(Broken),
    /// `COMMIT` failed, and nothing was written.
    Refused(rusqlite::Error),
    /// `COMMIT` failed, and it is open whether anything was written.
    Unknown(rusqlite::Error),
}

impl Writer {
    /// Makes the first job durable, with as many of those that wait behind it as fit, and answers each.
    ///
    /// There is no timer: whoever comes while the disk is busy is in the next batch.
    pub(super) fn batch(&mut self, first: Box<dyn Job>, commits_max: usize) {
        let mut batch = Batch::new();
        match self.attempt(first, commits_max, &mut batch) {
            Ok(()) => self.settle(batch),
            Err(Trouble::Begin(error)) => {
                // Those who wait have waited for the same lock, just as long.
                while batch.len() < commits_max
                    && let Ok(job) = self.jobs.try_recv()
                {
                    batch.push(job);
                }
                fail(batch, &CommitError::Backend(backend("begin", error)));
            }
            // Alone in its transaction, it has said itself what happened.
            Err(Trouble::Broken(_)) if batch.len() == 1 => batch.into_iter().for_each(Job::answer),
            Err(Trouble::Broken(broken)) => self.one_by_one(batch, broken),
            Err(Trouble::Refused(error)) if batch.len() == 1 => {
                fail(batch, &CommitError::Backend(backend("commit", error)));
            }
            Err(Trouble::Refused(_)) => self.one_by_one(batch, Broken::RolledBack),
            Err(Trouble::Unknown(error)) => {
                fail(batch, &CommitError::Unknown(backend("commit", error)));
            }
        }
    }

    fn attempt(
        &mut self,
        first: Box<dyn Job>,
        commits_max: usize,
        batch: &mut Batch,
    ) -> Result<(), Trouble> {
        let tx = match begin(&mut self.conn) {
            Ok(tx) => tx,
            Err(error) => {
                batch.push(first);
                return Err(Trouble::Begin(error));
            }
        };
        let (mut next, mut within) = (Some(first), Within::new(&tx));
        while let Some(mut job) = next {
            let applied = job.apply(&tx, &self.log, &mut within);
            batch.push(job);
            applied.map_err(Trouble::Broken)?;
            next = if batch.len() < commits_max { waiting(&mut self.jobs) } else { None };
        }
        drop(within);
        let Err(error) = tx.commit() else { return Ok(()) };
        // The failed transaction was dropped, and so rolled back if SQLite had not done so itself.
        if self.conn.is_autocommit() && is_clean(&error) {
            Err(Trouble::Refused(error))
        } else {
            Err(Trouble::Unknown(error))
        }
    }

    /// One of them broke the transaction of all: each gets one of its own, and its own answer.
    fn one_by_one(&mut self, batch: Batch, broken: Broken) {
        tracing::debug!(commits = batch.len(), "a batch was broken, and is repeated one by one");
        for mut job in batch {
            if job.rewind(broken) {
                self.batch(job, 1);
            } else {
                job.answer();
            }
        }
    }

    /// The transaction is durable: wakes the readers of the feed and of the outbox, and answers.
    fn settle(&self, batch: Batch) {
        let (mut commits, mut events, mut head) = (0_usize, 0_u64, Position::START);
        for written in batch.iter().filter_map(|job| job.written()) {
            commits += 1;
            if let Some(at) = written.positions() {
                events += at.end().get() - at.start().get() + 1;
                head = head.max(*at.end());
            }
        }
        batch.into_iter().for_each(Job::answer);
        publish(&self.heads, head);
        if self.log.sent.swap(false, Ordering::Relaxed) {
            // They look for themselves how far the outbox has come.
            self.outbox.send_modify(|_| ());
        }
        if commits > 0 {
            telemetry::batch(BACKEND, commits, usize::try_from(events).unwrap_or(usize::MAX));
            tracing::debug!(commits, events, "committed a batch");
        }
    }
}

/// Tells those who wait for the feed how far it reaches.
pub(super) fn publish(heads: &watch::Sender<Position>, head: Position) {
    heads.send_if_modified(|known| {
        let moved = head > *known;
        *known = head.max(*known);
        moved
    });
}

fn begin(conn: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    // A rollback that failed must not shut the writer out of its own connection for good.
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    Transaction::new(conn, TransactionBehavior::Immediate)
}

/// The next job that waits already. Callers who were answered a moment ago get one chance to come again
/// before the disk is kept busy without them.
fn waiting(jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
    jobs.try_recv().ok().or_else(|| {
        thread::yield_now();
        jobs.try_recv().ok()
    })
}

fn fail(batch: Batch, error: &CommitError) {
    for mut job in batch {
        job.fail(error.clone());
        job.answer();
    }
}

/// Whether a `COMMIT` that fails like this has written nothing, once it is rolled back. After an error of
/// the disk itself, nobody can say what is on it.
fn is_clean(error: &rusqlite::Error) -> bool {
    is_constraint(error) || matches!(fault_of(error), Fault::Busy | Fault::Full | Fault::ReadOnly)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_failed_commit_has_written_nothing_unless_the_disk_failed() {
        for (code, clean) in [
            (ffi::SQLITE_BUSY, true),
            (ffi::SQLITE_FULL, true),
            (ffi::SQLITE_READONLY, true),
            (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, true),
            (ffi::SQLITE_IOERR_FSYNC, false),
            (ffi::SQLITE_IOERR_WRITE, false),
            (ffi::SQLITE_CORRUPT, false),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(is_clean(&error), clean, "{error}");
        }
    }
}
