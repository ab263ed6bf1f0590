//! Makes a group of commits durable, whatever happens to the connection, and answers each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;

use super::append::{How, Log, Verdict};
use super::error::{BACKEND, Fate, backend, fate_of, fate_without_connection, is_of_one, is_taken};
use super::group::{Answer, Job};
use crate::ports::{BackendError, CommitError, telemetry};
use crate::types::{Parts, Position};

/// The wait before a group is sent again the first time; it doubles each time.
const RETRY_WAIT: Duration = Duration::from_millis(5);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

/// What the groups work with.
pub(super) struct Committer {
    pub(super) pool: PgPool,
    pub(super) log: Log,
    pub(super) heads: Arc<watch::Sender<Position>>,
    pub(super) retries_max: u32,
    pub(super) lock_timeout: Duration,
    /// Connections of the last groups, for the next ones.
    pub(super) spare: Mutex<Vec<PoolConnection<Postgres>>>,
}

/// How a group failed.
enum Trouble {
    /// Its commits are to be tried one by one: it may be the fault of one. If there is an error, it is unknown
    /// whether they happened.
    Apart(Option<BackendError>),
    /// This is the answer to all of them.
    Failed(CommitError),
}

impl Committer {
    /// Commits a group, and answers. If there is an error, it was tried before and it is unknown what came of it.
    pub(super) async fn commit(&self, group: Vec<Job>, unknown: Option<BackendError>) {
        let parts: Vec<&Parts> = group.iter().map(|job| &job.parts).collect();
        match self.attempt(&parts, unknown).await {
            Ok(answers) => {
                self.settle(&parts, &answers);
                for (job, answer) in group.into_iter().zip(answers) {
                    // A caller that has gone away does not hear it.
                    let _ = job.caller.send(answer);
                }
            }
            Err(Trouble::Failed(error)) => {
                for job in group {
                    let _ = job.caller.send(Err(error.clone()));
                }
            }
            Err(Trouble::Apart(unknown)) => {
                tracing::debug!(commits = group.len(), "a group is repeated one by one");
                for job in group {
                    Box::pin(self.commit(vec![job], unknown.clone())).await;
                }
            }
        }
    }

    /// Commits a group, again and again while the connection is lost or PostgreSQL asks for it.
    async fn attempt(
        &self,
        group: &[&Parts],
        mut unknown: Option<BackendError>,
    ) -> Result<Vec<Answer>, Trouble> {
        let mut wait = RETRY_WAIT;
        let mut retries = 0;
        // Fresh events pay for no look-up.
        let mut is_careful = unknown.is_some();
        loop {
            let (fate, error) = match self.once(group, is_careful).await {
                Ok(answers) => return Ok(answers),
                Err(failure) => failure,
            };
            if !std::mem::replace(&mut is_careful, true) && is_taken(&error) {
                continue;
            }
            if group.len() > 1 && is_of_one(&error) {
                return Err(Trouble::Apart(unknown));
            }
            let failed = backend("commit", error);
            match fate {
                Fate::Unknown => unknown = Some(failed.clone()),
                // Once unknown, a later failure to reach the server does not make it known.
                Fate::Failed if unknown.is_none() => {
                    return Err(Trouble::Failed(CommitError::Backend(failed)));
                }
                Fate::Failed | Fate::Again => {}
            }
            if retries == self.retries_max {
                let error = unknown.map_or(CommitError::Backend(failed), CommitError::Unknown);
                return Err(Trouble::Failed(error));
            }
            retries += 1;
            telemetry::retry(if unknown.is_some() { "unknown" } else { "transient" });
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_WAIT_MAX);
        }
    }

    async fn once(
        &self,
        group: &[&Parts],
        is_careful: bool,
    ) -> Result<Vec<Answer>, (Fate, sqlx::Error)> {
        let failed = |error| (fate_of(&error), error);
        let spare = self.spare().pop();
        let mut conn = if let Some(conn) = spare {
            conn
        } else {
            let failed = |error| (fate_without_connection(&error), error);
            self.pool.acquire().await.map_err(failed)?
        };
        let how = How { lock_timeout: Some(self.lock_timeout), is_careful };
        let verdicts = self.log.write(&mut conn, group, how).await.map_err(failed)?;
        let mut answers = Vec::with_capacity(group.len());
        for (parts, verdict) in group.iter().zip(verdicts) {
            answers.push(match verdict {
                Verdict::Written(committed) => Ok(committed),
                // If looking fails, others of the group are written, and nobody has told them.
                Verdict::Refused(conflict) => {
                    let explained = self.log.explain(&mut conn, parts, conflict).await;
                    explained.map_err(|error| (Fate::Unknown, error))?
                }
            });
        }
        self.keep(conn);
        Ok(answers)
    }

    /// Keeps a connection for the next group, which need not ask whether it is alive, unless others wait for one.
    fn keep(&self, conn: PoolConnection<Postgres>) {
        let pool = &self.pool;
        let others_wait =
            pool.num_idle() == 0 && pool.size() >= pool.options().get_max_connections();
        if !others_wait && !pool.is_closed() {
            self.spare().push(conn);
        }
    }

    /// Whether connections are kept.
    pub(super) fn is_ready(&self) -> bool {
        !self.spare().is_empty()
    }

    /// Gives the connections that are kept back to the pool.
    pub(super) fn rest(&self) {
        self.spare().clear();
    }

    // A list of connections is whole at every moment.
    fn spare(&self) -> MutexGuard<'_, Vec<PoolConnection<Postgres>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group is durable: wakes the readers of the feed, and counts.
    fn settle(&self, group: &[&Parts], answers: &[Answer]) {
        let (mut commits, mut events, mut head) = (0, 0, Position::START);
        for (parts, answer) in group.iter().zip(answers) {
            match answer {
                Ok(done) => {
                    head = head.max(done.positions().map_or(Position::START, |at| *at.end()));
                    if !done.is_duplicate() {
                        commits += 1;
                        events += parts.events().count();
                    }
                }
                Err(CommitError::Conflict(_)) => telemetry::conflict(BACKEND),
                Err(_) => {}
            }
        }
        // Also for a smaller position than is known: it may have filled a gap.
        if head > Position::START {
            self.heads.send_modify(|known| *known = head.max(*known));
        }
        if commits > 0 {
            telemetry::batch(BACKEND, commits, events);
            tracing::debug!(commits, events, "committed a group");
        }
    }
}
