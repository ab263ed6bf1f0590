//! Which commits share a statement, and in which order statements go.

use std::collections::{HashSet, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

use super::committer::Committer;
use super::options::PostgresOptions;
use super::rows::goes_apart;
use super::under_way::{UnderWay, things};
use crate::ports::CommitError;
use crate::types::{Committed, Parts};

/// How long connections are kept at hand after the last group.
const RELEASE_AFTER: Duration = Duration::from_millis(5);

pub(super) type Answer = Result<Committed, CommitError>;

/// A commit that waits.
pub(super) struct Job {
    pub(super) parts: Box<Parts>,
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
        leaves_some: false,
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
    /// Whether some are held only since what goes apart shares no statement with others.
    leaves_some: bool,
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
            while self.under_way.groups() >= self.groups_max {
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
        while !self.under_way.is_empty() {
            self.under_way.end_one().await;
        }
    }

    /// Waits for something to do; `false` if there will be nothing any more. Meanwhile `idle` is the timer of the
    /// connections that are kept at hand.
    async fn wait(&mut self, mut idle: Pin<&mut Sleep>) -> bool {
        if std::mem::take(&mut self.leaves_some) {
            return true;
        }
        loop {
            idle.as_mut().reset(Instant::now() + RELEASE_AFTER);
            let are_under_way = !self.under_way.is_empty();
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

    /// As many as wait and touch streams of their own, in the order in which they came. Whoever has to wait for something
    /// holds up those behind on all that it touches, so that commits on one stream keep their order.
    ///
    /// A commit with rows or an advance is a group by itself, and takes no place from those of events: it is long, and they
    /// shall not wait for it.
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
            let is_apart = goes_apart(&job.parts);
            let has_place = !is_apart || self.under_way.apart() < self.groups_max;
            let is_held_up = !waited_for.is_empty()
                && things(&job.parts).any(|(thing, _)| waited_for.contains(&thing));
            // Of two that handle one message at a time, the second would fail the group.
            let is_second = job.parts.inbox.as_ref().is_some_and(|key| !keys.insert(key.clone()));
            let is_free = has_place && !is_held_up && !is_second;
            let is_next = is_free && (!is_apart || group.is_empty());
            self.leaves_some |= is_free && !is_next;
            if !is_next || !self.under_way.take(&job.parts) {
                waited_for.extend(things(&job.parts).map(|(thing, _)| thing));
                left.push_back(job);
                continue;
            }
            let messages = job.parts.messages.iter().map(|message| &message.event);
            let payloads = job.parts.events().map(|(_, event)| event).chain(messages);
            bytes += payloads.map(|event| event.data().len()).sum::<usize>();
            group.push(job);
            if is_apart {
                self.leaves_some |= !self.held.is_empty();
                break;
            }
        }
        left.append(&mut self.held);
        self.held = left;
        group
    }
}
