//! Which commits share a statement, and in which order statements go.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

use super::committer::Committer;
use super::options::PostgresOptions;
use crate::ports::CommitError;
use crate::types::{Committed, Parts, StreamId};

/// How long connections are kept at hand after the last group.
const RELEASE_AFTER: Duration = Duration::from_millis(5);

pub(super) type Answer = Result<Committed, CommitError>;

/// A commit that waits.
pub(super) struct Job {
    pub(super) parts: Parts,
    pub(super) caller: oneshot::Sender<Answer>,
}

/// Starts the task that makes groups, and returns the queue that it works off. It ends when the last sender is gone
/// and the queue is empty.
pub(super) fn start(committer: Committer, options: &PostgresOptions) -> mpsc::Sender<Job> {
    let held_max = options.queue_commits_max.max(1);
    let (enter, jobs) = mpsc::channel(held_max);
    let queue = Queue {
        committer: Arc::new(committer),
        jobs,
        held: VecDeque::new(),
        held_max,
        under_way: UnderWay::default(),
        groups_max: options.groups_max.max(1),
        commits_max: options.group_commits_max.max(1),
        bytes_max: options.group_bytes_max.max(1),
    };
    tokio::spawn(queue.run());
    enter
}

/// Those who wait, and those who are under way.
struct Queue {
    committer: Arc<Committer>,
    jobs: mpsc::Receiver<Job>,
    /// Those whose streams are under way, or in front of them.
    held: VecDeque<Job>,
    held_max: usize,
    under_way: UnderWay,
    groups_max: usize,
    commits_max: usize,
    bytes_max: usize,
}

impl Queue {
    async fn run(mut self) {
        // One timer for all waits: to move it on costs next to nothing, while each new one would wake the thread that
        // sleeps until the earliest.
        let mut idle = pin!(sleep(RELEASE_AFTER));
        while self.wait(idle.as_mut()).await {
            // While all groups are under way, the next one gathers.
            while self.under_way.len() >= self.groups_max {
                self.under_way.end_one().await;
            }
            // Those who were answered a moment ago come again before the group closes. Else they would make a small one of
            // their own, and again with each answer.
            yield_now().await;
            let group = self.next();
            if !group.is_empty() {
                self.under_way.begin(&self.committer, group);
            }
        }
        while self.under_way.len() > 0 {
            self.under_way.end_one().await;
        }
    }

    /// Waits for something to do; `false` if there will be nothing any more. Meanwhile `idle` is the timer of the
    /// connections that are kept at hand.
    async fn wait(&mut self, mut idle: Pin<&mut Sleep>) -> bool {
        loop {
            idle.as_mut().reset(Instant::now() + RELEASE_AFTER);
            let are_under_way = self.under_way.len() > 0;
            tokio::select! {
                job = self.jobs.recv(), if self.held.len() < self.held_max => match job {
                    Some(job) => {
                        self.held.push_back(job);
                        return true;
                    }
                    None if self.held.is_empty() => return false,
                    None => self.under_way.end_one().await,
                },
                () = self.under_way.end_one(), if are_under_way => {}
                () = idle.as_mut(), if self.committer.has_spares() => {
                    self.committer.release_spares();
                    continue;
                }
            }
            if !self.held.is_empty() {
                return true;
            }
        }
    }

    /// As many as wait and touch streams of their own, in the order in which they came. Whoever has to wait for a stream
    /// holds up those behind on all of its streams, so that commits on one stream keep their order.
    fn next(&mut self) -> Vec<Job> {
        let mut waited_for = HashSet::new();
        let mut keys = HashSet::new();
        let waiting = self.held.len() + self.jobs.len();
        let mut group = Vec::with_capacity(waiting.min(self.commits_max));
        let mut left = VecDeque::new();
        let mut bytes = 0;
        while group.len() < self.commits_max && bytes < self.bytes_max && left.len() < self.held_max
        {
            let Some(job) = self.held.pop_front().or_else(|| self.jobs.try_recv().ok()) else {
                break;
            };
            let is_held_up = !waited_for.is_empty()
                && streams(&job.parts).any(|(stream, _)| waited_for.contains(stream));
            // Of two that handle one message at a time, the second would fail the group.
            let is_second = job.parts.inbox.as_ref().is_some_and(|key| !keys.insert(key.clone()));
            if is_held_up || is_second || !self.under_way.take(&job.parts) {
                waited_for.extend(streams(&job.parts).map(|(stream, _)| stream.clone()));
                left.push_back(job);
            } else {
                bytes += job.parts.events().map(|(_, event)| event.data().len()).sum::<usize>();
                group.push(job);
            }
        }
        left.append(&mut self.held);
        self.held = left;
        group
    }
}

/// The streams of a commit, and whether it writes them.
fn streams(parts: &Parts) -> impl Iterator<Item = (&StreamId, bool)> {
    let written = parts.appends.iter().map(|append| (&append.stream, true));
    written.chain(parts.checks.iter().map(|check| (&check.stream, false)))
}

/// The groups that are being committed. A stream that one commit writes is written and checked by no other: two
/// statements on two connections would come in any order.
#[derive(Default)]
struct UnderWay {
    /// Each ends with the streams that it had.
    groups: FuturesUnordered<BoxFuture<'static, Vec<StreamId>>>,
    streams: HashMap<StreamId, User>,
}

/// Who has a stream.
enum User {
    Writer,
    Checkers(usize),
}

impl UnderWay {
    fn len(&self) -> usize {
        self.groups.len()
    }

    /// Takes the streams of a commit, if nobody is in the way.
    fn take(&mut self, parts: &Parts) -> bool {
        // Nearly every commit writes one stream: it is looked up once.
        if let ([append], []) = (parts.appends.as_slice(), parts.checks.as_slice()) {
            return match self.streams.entry(append.stream.clone()) {
                Entry::Occupied(_) => false,
                Entry::Vacant(free) => {
                    free.insert(User::Writer);
                    true
                }
            };
        }
        let is_free = |(stream, writes): (&StreamId, bool)| match self.streams.get(stream) {
            None => true,
            Some(User::Checkers(_)) => !writes,
            Some(User::Writer) => false,
        };
        if !streams(parts).all(is_free) {
            return false;
        }
        for (stream, writes) in streams(parts) {
            match self.streams.entry(stream.clone()).or_insert(User::Checkers(0)) {
                user if writes => *user = User::Writer,
                User::Checkers(count) => *count += 1,
                User::Writer => {}
            }
        }
        true
    }

    /// Commits a group whose streams are taken.
    fn begin(&mut self, committer: &Arc<Committer>, group: Vec<Job>) {
        let mut taken = Vec::with_capacity(group.len());
        let all = group.iter().flat_map(|job| streams(&job.parts));
        taken.extend(all.map(|(stream, _)| stream.clone()));
        let committer = Arc::clone(committer);
        let commit = async move { committer.commit(group).await };
        // A panic is the end of a group, and not of all that come after it.
        let commit = AssertUnwindSafe(commit).catch_unwind().map(|_| taken);
        self.groups.push(commit.boxed());
    }

    /// Works on the groups until one has ended; if there is none, it returns at once.
    async fn end_one(&mut self) {
        for stream in self.groups.next().await.into_iter().flatten() {
            if let Entry::Occupied(mut user) = self.streams.entry(stream) {
                match user.get_mut() {
                    User::Checkers(count) if *count > 1 => *count -= 1,
                    _ => drop(user.remove()),
                }
            }
        }
    }
}
