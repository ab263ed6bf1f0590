//! What the clauses of archives share: a log with closed and open streams, and all that can be read of it.

use std::sync::Arc;

use super::ArchiveHarness;
use super::event_store_pages::feed_page;
use super::event_store_streams::page;
use super::kit::{Log, Seen, event, inbox, stream_in, within};
use super::store_closed::closing;
use crate::ports::Archive;
use crate::types::{
    Archived, Commit, Committed, DedupKey, ExpectedVersion::Any, FeedPage, Filter, PartKind,
    Position, ReadFrom, RecordedEvent, StreamId, StreamPage, StreamVersion,
};

/// More steps than any clause needs: who is not done by then never will be.
const STEPS_MAX: usize = 10_000;

/// A handle, with calls that must not fail.
#[derive(Clone, Debug)]
pub(super) struct ArchiveLog {
    pub(super) log: Log,
    store: Arc<dyn Archive>,
}

/// What was written, and what of it can be archived.
pub(super) struct Written {
    pub(super) commits: Vec<(Commit, Committed)>,
    pub(super) closed: Vec<StreamId>,
    pub(super) open: Vec<StreamId>,
}

/// All that readers can see of a log, page by page.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    seen: Seen,
    outcomes: Vec<Option<Committed>>,
    streams: Vec<StreamPage>,
    feed: Vec<FeedPage>,
}

impl ArchiveLog {
    pub(super) async fn open(h: &dyn ArchiveHarness, log: &str) -> Self {
        let store = within("opening the log", h.open(log)).await;
        let events = Arc::clone(&store);
        Self { log: Log(events), store }
    }

    /// A step.
    pub(super) async fn archive(&self, events_max: usize) -> Archived {
        let step = within("a step of archiving", self.store.archive(events_max)).await;
        step.unwrap_or_else(|error| panic!("nothing could be archived: {error} ({error:?})"))
    }

    /// Steps until no more is left. What they have moved.
    pub(super) async fn archive_all(&self, events_max: usize) -> Archived {
        let mut all = Archived::default();
        for _ in 0..STEPS_MAX {
            let step = self.archive(events_max).await;
            all.events += step.events;
            all.streams += step.streams;
            if !step.has_more {
                return all;
            }
        }
        panic!("more is left after {STEPS_MAX} steps, which have moved {all:?}");
    }

    /// Writes streams of two categories, some of which are closed: some at once, some later, and one that has been long.
    pub(super) async fn write(&self) -> Written {
        let names = |category, count| -> Vec<StreamId> {
            (0..count).map(|n| stream_in(category, &n.to_string())).collect()
        };
        let (orders, carts) = (names("order", 6), names("cart", 4));
        let mut commits = Vec::new();
        for round in 0..3 {
            for (n, stream) in (0..).zip(orders.iter().chain(&carts)) {
                let tags = (0..=n % 3).map(|m| event(&format!("{stream} {round} {m}")));
                let mut commit = Commit::new().append(stream, Any, tags);
                if n == 4 && round == 1 && self.log.keeps(PartKind::Inbox).await {
                    commit = commit.inbox(inbox("of a stream that will be closed"));
                }
                commits.push(commit);
            }
        }
        let long = (0..150).map(|n| event(&format!("long {n}")));
        commits.push(Commit::new().append(&orders[0], Any, long));
        let closed = orders.iter().skip(1).step_by(2).chain(&orders[..1]).chain(&carts[2..]);
        let closed: Vec<StreamId> = closed.cloned().collect();
        for two in closed.chunks(2) {
            let commit = two.iter().fold(Commit::new(), |commit, stream| {
                let last = [event(&format!("{stream} last")), closing(&format!("{stream} over"))];
                commit.append(stream, Any, last)
            });
            commits.push(commit);
        }
        let is_open = |stream: &&StreamId| !closed.contains(stream);
        let open: Vec<_> = orders.iter().chain(&carts).filter(is_open).cloned().collect();
        let mut written = Vec::new();
        for commit in commits {
            let done = self.log.commit(commit.clone()).await;
            written.push((commit, done));
        }
        Written { commits: written, closed, open }
    }

    /// All that can be read of these streams, and of the feed.
    pub(super) async fn read(&self, written: &Written) -> Read {
        let names: Vec<&StreamId> = written.closed.iter().chain(&written.open).collect();
        let seen = self.log.seen(&names, &[]).await;
        let (mut outcomes, mut streams, mut feed) = (Vec::new(), Vec::new(), Vec::new());
        for (commit, _) in &written.commits {
            for key in ends(commit) {
                outcomes.push(self.log.outcome(&key).await);
            }
        }
        for name in names {
            for (from, limit) in [
                (ReadFrom::End, 2),
                (ReadFrom::Before(StreamVersion::new(3)), 9),
                (ReadFrom::After(StreamVersion::new(1)), 1),
                (ReadFrom::Before(StreamVersion::new(80)), 5),
                (ReadFrom::After(StreamVersion::new(100)), 40),
            ] {
                streams.push(page(&self.log, name, from, limit).await);
            }
        }
        for wanted in [None, Some(&["order"][..]), Some(&["cart", "order"]), Some(&["absent"])] {
            let filter = match wanted {
                None => Filter::all(),
                Some(wanted) => {
                    Filter::categories(wanted.iter().copied()).expect("they are well formed")
                }
            };
            let head = seen.head.get();
            for after in (0..head).step_by(17).chain([head - 1, head, head + 3]) {
                let after = Position::new(after);
                feed.push(feed_page(&self.log, after, &filter, 7).await);
            }
        }
        Read { seen, outcomes, streams, feed }
    }

    /// The events of these streams.
    pub(super) async fn events_of(&self, streams: &[StreamId]) -> Vec<RecordedEvent> {
        let mut events = Vec::new();
        for stream in streams {
            events.extend(self.log.stream(stream).await);
        }
        events
    }
}

/// The first and the last key of a commit.
fn ends(commit: &Commit) -> Vec<DedupKey> {
    let keys: Vec<DedupKey> = commit.dedup_keys().collect();
    keys.first().into_iter().chain(keys.last()).cloned().collect()
}

/// A commit that closes a stream, with the event that belongs to `tag`.
pub(super) fn close(stream: &StreamId, tag: &str) -> Commit {
    Commit::new().append(stream, Any, [closing(tag)])
}
