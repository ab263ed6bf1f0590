//! Group commit: commits that wait become one statement, and so share one sync of the disk.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::sleep;

use super::append::{Log, Verdict};
use super::error::{BACKEND, Fate, backend, fate_of, fate_without_connection, is_of_one};
use super::options::PostgresOptions;
use crate::ports::{BackendError, CommitError, telemetry};
use crate::types::{Committed, EventId, InboxKey, Parts, Position, StreamId};

/// The wait before a group is sent again the first time; it doubles each time.
const RETRY_WAIT: Duration = Duration::from_millis(5);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

type Answer = Result<Committed, CommitError>;

/// A commit that waits.
pub(super) struct Job {
    pub(super) parts: Parts,
    pub(super) caller: oneshot::Sender<Answer>,
}

/// What the groups work with.
pub(super) struct Committer {
    pub(super) pool: PgPool,
    pub(super) log: Log,
    pub(super) heads: Arc<watch::Sender<Position>>,
    pub(super) retries_max: u32,
    pub(super) lock_timeout: Duration,
}

/// Starts the task that makes groups, and returns the queue that it works off. It ends when the last sender is gone
/// and the queue is empty.
pub(super) fn start(committer: Committer, options: &PostgresOptions) -> mpsc::Sender<Job> {
    let (queue, jobs) = mpsc::channel(options.queue_commits_max.max(1));
    let commits_max = options.group_commits_max.max(1);
    let groups = Arc::new(Semaphore::new(options.groups_max.max(1)));
    tokio::spawn(form_groups(Arc::new(committer), jobs, groups, commits_max));
    queue
}

async fn form_groups(
    committer: Arc<Committer>,
    mut jobs: mpsc::Receiver<Job>,
    groups: Arc<Semaphore>,
    commits_max: usize,
) {
    // Those whose streams were in the last group.
    let mut held = VecDeque::new();
    loop {
        if held.is_empty() {
            let Some(job) = jobs.recv().await else { return };
            held.push_back(job);
        }
        // While all groups are under way, the next one gathers.
        let Ok(permit) = Arc::clone(&groups).acquire_owned().await else { return };
        let group = next_group(&mut held, &mut jobs, commits_max);
        let committer = Arc::clone(&committer);
        tokio::spawn(async move {
            committer.commit(group, None).await;
            drop(permit);
        });
    }
}

/// As many as wait and touch different streams, in the order in which they came. Whoever has to wait for a stream
/// holds up those behind on all of its streams, so that commits on one stream keep their order.
fn next_group(
    held: &mut VecDeque<Job>,
    jobs: &mut mpsc::Receiver<Job>,
    commits_max: usize,
) -> Vec<Job> {
    let mut taken = Taken::default();
    let mut group = Vec::new();
    let mut left = VecDeque::new();
    while group.len() < commits_max && left.len() < commits_max {
        let Some(job) = held.pop_front().or_else(|| jobs.try_recv().ok()) else { break };
        if taken.take(&job.parts) { group.push(job) } else { left.push_back(job) }
    }
    left.append(held);
    *held = left;
    group
}

/// What a group has of which there can be no second.
#[derive(Default)]
struct Taken {
    /// Whether they are written: any number of commits may check one.
    streams: HashMap<StreamId, bool>,
    ids: HashSet<EventId>,
    keys: HashSet<InboxKey>,
}

impl Taken {
    /// Takes what a commit has; `false` if some of it was taken in a way that does not go with it.
    fn take(&mut self, parts: &Parts) -> bool {
        let written = parts.appends.iter().map(|append| (&append.stream, true));
        let checked = parts.checks.iter().map(|check| (&check.stream, false));
        let mut fits = true;
        for (stream, writes) in written.chain(checked) {
            match self.streams.entry(stream.clone()) {
                Entry::Vacant(free) => drop(free.insert(writes)),
                Entry::Occupied(mut taken) => {
                    fits &= !writes && !taken.get();
                    *taken.get_mut() |= writes;
                }
            }
        }
        for (_, event) in parts.events() {
            fits &= self.ids.insert(event.id());
        }
        if let Some(key) = &parts.inbox {
            fits &= self.keys.insert(key.clone());
        }
        fits
    }
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
    async fn commit(&self, group: Vec<Job>, unknown: Option<BackendError>) {
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
        loop {
            let (fate, error) = match self.once(group).await {
                Ok(answers) => return Ok(answers),
                Err(failure) => failure,
            };
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

    async fn once(&self, group: &[&Parts]) -> Result<Vec<Answer>, (Fate, sqlx::Error)> {
        let failed = |error| (fate_of(&error), error);
        let mut conn =
            self.pool.acquire().await.map_err(|error| (fate_without_connection(&error), error))?;
        let patience = Some(self.lock_timeout);
        let verdicts = self.log.write(&mut conn, group, patience).await.map_err(failed)?;
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
        Ok(answers)
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
