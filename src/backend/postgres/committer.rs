//! Makes a group of commits durable, whatever happens to the connection, and answers each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{Connection, Postgres};
use tokio::time::sleep;

use super::append::{How, Log, Verdict};
use super::connection::outside;
use super::error::{BACKEND, Fate, backend, fate_of, is_of_one, is_taken, refused};
use super::group::{Answer, Job};
use super::wake::Bells;
use crate::ports::{BackendError, CommitError, telemetry};
use crate::types::{Parts, Position};

/// The wait before a group is sent again the first time; it doubles each time.
const RETRY_WAIT: Duration = Duration::from_millis(5);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

/// What the groups work with.
pub(super) struct Committer {
    pub(super) pool: PgPool,
    pub(super) log: Log,
    pub(super) bells: Arc<Bells>,
    pub(super) retries_max: u32,
    pub(super) lock_timeout: Duration,
    /// Connections of the last groups, for the next ones.
    pub(super) spares: Mutex<Vec<PoolConnection<Postgres>>>,
}

/// How a group failed.
enum Trouble {
    /// Its commits are to be tried one by one: it may be the fault of one. If there is an error, it is unknown
    /// whether they happened.
    Apart(Option<BackendError>),
    /// It was tried as often as it may be, and might do better later.
    Late(CommitError),
    /// This is the answer to all of them.
    Failed(CommitError),
}

impl Committer {
    /// Commits a group, and answers.
    pub(super) async fn commit(&self, group: Vec<Job>) {
        let done = self.try_to_commit(group, None, self.retries_max).await;
        let Some((group, trouble)) = done else { return };
        let unknown = match trouble {
            Trouble::Apart(unknown) => unknown,
            Trouble::Late(error) | Trouble::Failed(error) => return fail(group, &error),
        };
        // Boxed, so that a group's future has no room for it as long as all is well.
        Box::pin(self.commit_one_by_one(group, unknown)).await;
    }

    /// Commits each of a group by itself, and answers. If there is an error, it is unknown whether they happened.
    async fn commit_one_by_one(&self, group: Vec<Job>, unknown: Option<BackendError>) {
        tracing::debug!(commits = group.len(), "a group is repeated one by one");
        // Each once, and those that wait for somebody again after all others.
        let mut late = Vec::new();
        for job in group {
            if let Some(unknown) = unknown.as_ref().filter(|_| !is_known_again(&job.parts)) {
                fail(vec![job], &CommitError::Unknown(unknown.clone()));
                continue;
            }
            match self.try_to_commit(vec![job], unknown.clone(), 0).await {
                Some((alone, Trouble::Failed(error))) => fail(alone, &error),
                Some((alone, Trouble::Late(_) | Trouble::Apart(_))) => late.extend(alone),
                None => {}
            }
        }
        for job in late {
            match self.try_to_commit(vec![job], unknown.clone(), self.retries_max).await {
                Some((alone, Trouble::Failed(error) | Trouble::Late(error))) => fail(alone, &error),
                Some((_, Trouble::Apart(_))) | None => {}
            }
        }
    }

    /// Commits and answers, or gives the group back. If there is an error, it was tried before and it is unknown what
    /// came of it.
    async fn try_to_commit(
        &self,
        group: Vec<Job>,
        unknown: Option<BackendError>,
        retries_max: u32,
    ) -> Option<(Vec<Job>, Trouble)> {
        let parts: Vec<&Parts> = group.iter().map(|job| &*job.parts).collect();
        match self.attempt(&parts, unknown, retries_max).await {
            Ok(answers) => {
                self.announce(&parts, &answers);
                for (job, answer) in group.into_iter().zip(answers) {
                    // A caller that has gone away does not hear it.
                    let _ = job.caller.send(answer);
                }
                None
            }
            Err(trouble) => Some((group, trouble)),
        }
    }

    /// Commits a group, again and again while the connection is lost or PostgreSQL asks for it.
    async fn attempt(
        &self,
        group: &[&Parts],
        mut unknown: Option<BackendError>,
        retries_max: u32,
    ) -> Result<Vec<Answer>, Trouble> {
        let mut wait = RETRY_WAIT;
        let mut retries = 0;
        // Fresh events pay for no look-up.
        let mut is_careful = unknown.is_some();
        loop {
            let (fate, error) = match self.once(group, is_careful).await {
                Ok(answers) => return Ok(honest(group, answers, unknown)),
                Err(failure) => failure,
            };
            if !std::mem::replace(&mut is_careful, true) && is_taken(&error) {
                continue;
            }
            // A fold that was given just now is used the next time.
            if let Some(why) = refused(&error)
                && (fate == Fate::Failed || !self.log.folds_some(group))
            {
                return Err(match group {
                    [_] => Trouble::Failed(why.into()),
                    _ => Trouble::Apart(unknown),
                });
            }
            let is_for_one_to_blame = group.len() > 1 && is_of_one(&error);
            let failed = backend("commit", error);
            if fate == Fate::Unknown {
                unknown = Some(failed.clone());
                // What broke one connection may have broken all.
                self.release_spares();
                // Sent again, such a commit could happen twice, and nobody would know.
                if !group.iter().all(|parts| is_known_again(parts)) {
                    return Err(match group {
                        [_] => Trouble::Failed(CommitError::Unknown(failed)),
                        _ => Trouble::Apart(unknown),
                    });
                }
            }
            if is_for_one_to_blame {
                return Err(Trouble::Apart(unknown));
            }
            // Once unknown, a later failure to reach the server does not make it known.
            if fate == Fate::Failed && unknown.is_none() {
                return Err(Trouble::Failed(CommitError::Backend(failed)));
            }
            if retries == retries_max {
                let error = unknown.map_or(CommitError::Backend(failed), CommitError::Unknown);
                return Err(Trouble::Late(error));
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
        let spare = self.spares().pop();
        let mut conn = match spare {
            Some(conn) => conn,
            None => outside(&self.pool).await?,
        };
        let how = How::new(&self.log, Some(self.lock_timeout), is_careful);
        let verdicts = if self.log.folds_some(group) {
            let mut tx = conn.begin().await.map_err(failed)?;
            let verdicts = self.log.write_and_fold(&mut tx, group, how).await.map_err(failed)?;
            tx.commit().await.map_err(failed)?;
            verdicts
        } else {
            self.log.write(&mut conn, group, how).await.map_err(failed)?.0
        };
        let mut answers = Vec::with_capacity(group.len());
        for (parts, verdict) in group.iter().zip(verdicts) {
            answers.push(match verdict {
                Verdict::Written(committed) => Ok(committed),
                // If looking fails, others of the group are written, and nobody has told them.
                Verdict::Refused(refusal) => {
                    let explained = self.log.explain(&mut conn, parts, refusal).await;
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
            self.spares().push(conn);
        }
    }

    /// Whether it has connections that are kept for the next group.
    pub(super) fn has_spares(&self) -> bool {
        !self.spares().is_empty()
    }

    /// Gives the connections that are kept back to the pool.
    pub(super) fn release_spares(&self) {
        self.spares().clear();
    }

    // A list of connections is whole at every moment.
    fn spares(&self) -> MutexGuard<'_, Vec<PoolConnection<Postgres>>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group is durable: wakes the readers of the feed and the relays, and counts.
    fn announce(&self, group: &[&Parts], answers: &[Answer]) {
        let (mut commits, mut events, mut head, mut sends) = (0, 0, Position::START, false);
        for (parts, answer) in group.iter().zip(answers) {
            match answer {
                Ok(done) => {
                    head = head.max(done.positions().map_or(Position::START, |at| *at.end()));
                    sends |= !parts.messages.is_empty();
                    if !done.is_duplicate() {
                        commits += 1;
                        events += parts.events().count();
                    }
                }
                Err(CommitError::Conflict(_)) => telemetry::conflict(BACKEND),
                Err(_) => {}
            }
        }
        if head > Position::START {
            self.bells.made(head);
        }
        if sends {
            self.bells.sent();
        }
        if commits > 0 {
            telemetry::batch(BACKEND, commits, events);
            tracing::debug!(commits, events, "committed a group");
        }
    }
}

/// The answers to a group of which it was `unknown` whether it happened. Rows that were written leave nothing to know them
/// by; if the repetition is refused, they may be there all the same.
fn honest(
    group: &[&Parts],
    mut answers: Vec<Answer>,
    unknown: Option<BackendError>,
) -> Vec<Answer> {
    let Some(unknown) = unknown else { return answers };
    for (parts, answer) in group.iter().zip(&mut answers) {
        let may_be_there = match answer {
            Err(CommitError::Fenced(_)) => true,
            Err(CommitError::Conflict(_)) => parts.appends.is_empty() && !parts.rows.is_empty(),
            _ => false,
        };
        if may_be_there {
            *answer = Err(CommitError::Unknown(unknown.clone()));
        }
    }
    answers
}

/// Whether a commit may be sent again when it is unknown whether it happened: it is recognised, by its events, its inbox key
/// or its checkpoint, or has nothing but rows, which come to the same. A message alone would be sent twice.
fn is_known_again(parts: &Parts) -> bool {
    parts.messages.is_empty()
        || !parts.appends.is_empty()
        || parts.inbox.is_some()
        || parts.advance.as_ref().is_some_and(|advance| advance.to > advance.from)
}

/// Answers each with the error.
fn fail(group: Vec<Job>, error: &CommitError) {
    for job in group {
        // A caller that has gone away does not hear it.
        let _ = job.caller.send(Err(error.clone()));
    }
}
