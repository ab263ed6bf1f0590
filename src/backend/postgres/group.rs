//! Which commits share a statement, and in which order statements go.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::committer::Committer;
use super::options::PostgresOptions;
use crate::ports::CommitError;
use crate::types::{Committed, EventId, InboxKey, Parts, StreamId};

/// How long connections are kept at hand after the last group.
const REST_AFTER: Duration = Duration::from_millis(5);

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
}

impl Queue {
    async fn run(mut self) {
        while self.wait().await {
            // Those who were answered a moment ago come again before the group closes.
            yield_now().await;
            // While all groups are under way, the next one gathers.
            while self.under_way.len() >= self.groups_max {
                self.under_way.end_one().await;
            }
            let group = self.next();
            if !group.is_empty() {
                self.under_way.begin(&self.committer, group);
            }
        }
        while self.under_way.len() > 0 {
            self.under_way.end_one().await;
        }
    }

    /// Waits for something to do; `false` if there will be nothing any more.
    async fn wait(&mut self) -> bool {
        loop {
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
                () = sleep(REST_AFTER), if !are_under_way && self.committer.is_ready() => {
                    self.committer.rest();
                    continue;
                }
            }
            if !self.held.is_empty() {
                return true;
            }
        }
    }

    /// As many as wait and touch different streams, in the order in which they came. Whoever has to wait for a stream
    /// holds up those behind on all of its streams, so that commits on one stream keep their order.
    fn next(&mut self) -> Vec<Job> {
        let mut taken = Taken::default();
        let mut group = Vec::new();
        let mut left = VecDeque::new();
        while group.len() < self.commits_max && left.len() < self.held_max {
            let Some(job) = self.held.pop_front().or_else(|| self.jobs.try_recv().ok()) else {
                break;
            };
            let fits = taken.take(&job.parts) && !self.under_way.is_in_the_way_of(&job.parts);
            if fits { group.push(job) } else { left.push_back(job) }
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
        let mut fits = true;
        for (stream, writes) in streams(parts) {
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

/// The groups that are being committed. A stream that one of them writes is written and checked by no other: two
/// statements on two connections would come in any order.
#[derive(Default)]
struct UnderWay {
    /// Each ends with the streams that it had.
    groups: FuturesUnordered<BoxFuture<'static, Vec<(StreamId, bool)>>>,
    streams: HashMap<StreamId, Users>,
}

/// How many groups write a stream, or check it.
#[derive(Default)]
struct Users {
    write: usize,
    check: usize,
}

impl Users {
    const fn of(&mut self, writes: bool) -> &mut usize {
        if writes { &mut self.write } else { &mut self.check }
    }
}

impl UnderWay {
    fn len(&self) -> usize {
        self.groups.len()
    }

    fn is_in_the_way_of(&self, parts: &Parts) -> bool {
        !self.streams.is_empty()
            && streams(parts).any(|(stream, writes)| {
                self.streams.get(stream).is_some_and(|by| by.write > 0 || (writes && by.check > 0))
            })
    }

    fn begin(&mut self, committer: &Arc<Committer>, group: Vec<Job>) {
        let all = group.iter().flat_map(|job| streams(&job.parts));
        let taken: Vec<_> = all.map(|(stream, writes)| (stream.clone(), writes)).collect();
        for (stream, writes) in &taken {
            *self.streams.entry(stream.clone()).or_default().of(*writes) += 1;
        }
        let committer = Arc::clone(committer);
        let commit = async move { committer.commit(group, None).await };
        // A panic is the end of a group, and not of all that come after it.
        let commit = AssertUnwindSafe(commit).catch_unwind().map(|_| taken);
        self.groups.push(commit.boxed());
    }

    /// Works on the groups until one has ended; if there is none, it returns at once.
    async fn end_one(&mut self) {
        for (stream, writes) in self.groups.next().await.into_iter().flatten() {
            if let Entry::Occupied(mut users) = self.streams.entry(stream) {
                *users.get_mut().of(writes) -= 1;
                if users.get().write + users.get().check == 0 {
                    users.remove();
                }
            }
        }
    }
}
